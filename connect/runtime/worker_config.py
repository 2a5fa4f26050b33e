"""The worker's own keys: Kafka Connect's names and defaults, and a few of ours.

Elsewhere: the keys of connectors (`connector_config.py`), and the file that a worker's keys are read from
(`connect.cli.settings`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from connect.api import Config, ConfigError, Problem, config_key
from connect.client_values import SERVERS, not_addresses
from connect.records import COMPRESSION_TYPES
from connect.runtime.config_checks import replication_factor, unique
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.override_policies import ALLOWLIST, DEFAULT, OverridePolicy, check_policy, policy_of
from connect.runtime.processes.settings import valid_memory
from connect.runtime.providers.references import refer

JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
HEADER_CONVERTER = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
#: They install what may guard Java's REST API: passing over one could leave open what its user believes to be shut.
GUARDS = ("rest.extension.classes", "rest.servlet.initializor.classes")
#: Extensions that are known to guard nothing.
_UNGUARDING = ("io.confluent.connect.replicator.monitoring.ReplicatorMonitoringExtension",)
#: How like bootstrap.servers a key is that means it: a letter or two, and not a key of somebody's with a word more.
_MISSPELT: Final = 0.9
_NO_TOPIC: Final = re.compile(r"[^a-zA-Z0-9._-]")
#: A topic's name has 249 characters at most.
_GROUP_CHARS_MAX: Final = 200
#: How long open requests may take at most once the worker is to stop.
REQUESTS_GRACE_S: Final = 5.0
#: The sets of names that metrics may have; `connect.metrics.metric` says what each is.
METRIC_FAMILIES: Final = ("connect", "confluent", "strimzi", "strimzi-reporter", "debezium")
ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - a name for what an empty host of a listener asks for


def known_families(value: Sequence[str] | None) -> None:
    """Check that a list names families of metrics."""
    unknown = [name for name in value or () if name not in METRIC_FAMILIES]
    if unknown or not value:
        raise ConfigError(
            f"Invalid value {', '.join(value or ())} for configuration metrics.families: "
            f"{f'{unknown[0]!r} is none' if unknown else 'none is named'}; known are {', '.join(METRIC_FAMILIES)}"
        )


class WorkerConfig(Config):
    """The worker's keys: Kafka Connect's names and defaults, and a few of our own (data.dir)."""

    data_dir: str = config_key(
        "Directory of the bundled log and all state.", default="./connect-data", importance="high"
    )
    listeners: list[str] = config_key(
        "Where REST listens: http://HOST:PORT and https://HOST:PORT; port 0 takes a free one.",
        default=["http://127.0.0.1:8083"],
        importance="high",
    )
    registry_listeners: list[str] = config_key(
        "Where the schema registry listens, in the same form; there is none when left out, of a worker.",
        default=[],
        importance="medium",
    )
    registry_storage_topic: str = config_key(
        "Compacted topic of the schema registry, in the format of Confluent's.",
        default="_schemas",
        non_empty=True,
        importance="low",
    )
    registry_storage_replication_factor: int = config_key(
        "On how many brokers of a Kafka cluster that topic is when it is created; -1 for the cluster's default.",
        default=3,
        type="SHORT",
        validators=[replication_factor("registry.storage.replication.factor")],
        importance="low",
    )
    registry_compatibility_level: str = config_key(
        "Compatibility of schemas where none is set by the registry's REST API.",
        default="BACKWARD",
        one_of=(
            "BACKWARD",
            "BACKWARD_TRANSITIVE",
            "FORWARD",
            "FORWARD_TRANSITIVE",
            "FULL",
            "FULL_TRANSITIVE",
            "NONE",
        ),
        ignore_case=True,
        importance="low",
    )
    registry_mode_mutability: bool = config_key(
        "Whether the modes of the schema registry (READONLY, IMPORT) may be set.", default=True, importance="low"
    )
    rest_authentication_file: str = config_key(
        "File of users, roles and hashed secrets; everyone may do everything when left out.",
        default="",
        importance="high",
    )
    rest_advertised_host_name: str | None = config_key(
        "A name under which clients reach REST; it is answered to, as those of rest.allowed.hosts are.",
        default=None,
        importance="low",
    )
    rest_advertised_port: int | None = config_key(
        "The port by which the other workers of a group reach this one's REST; that of the listener when left out.",
        default=None,
        importance="low",
    )
    rest_advertised_listener: str | None = config_key(
        "The scheme by which they do, http or https: the first listener with it is told to them.",
        default=None,
        one_of=("http", "https"),
        importance="low",
    )
    rest_allowed_hosts: list[str] = config_key(
        "Further names that REST answers to in a request's Host, with commas; "
        "*.example.org for all below one, * for any.",
        default=[],
        importance="medium",
    )
    rest_request_max_bytes: int = config_key(
        "The largest body of a request that is taken.", default=8 << 20, ge=1024, importance="low"
    )
    rest_request_total_max_bytes: int = config_key(
        "What the bodies of all requests may have together.", default=32 << 20, ge=1024, importance="low"
    )
    rest_request_timeout_ms: int = config_key(
        "How long a request's body may take to arrive, and its answer to be made.",
        type="LONG",
        default=90_000,
        ge=1,
        importance="low",
    )
    access_control_allow_origin: str = config_key(
        "Origins of web pages that may use REST (CORS), with commas; * for all.", default="", importance="low"
    )
    access_control_allow_methods: str = config_key(
        "Methods they may use, with commas; GET, POST and HEAD when left out.", default="", importance="low"
    )
    bootstrap_servers: list[str] = config_key(
        "Brokers of a Kafka cluster to run on, HOST:PORT with commas; the bundled log of data.dir when left out.",
        default=[],
        importance="high",
    )
    group_id: str = config_key(
        "Names the workers of one cluster: those on a Kafka cluster with this group.id share its connectors.",
        default="connect-cluster",
        importance="high",
    )
    key_converter: str = config_key(
        "Converter of keys for connectors that name none.", default=JSON_CONVERTER, type="CLASS", importance="high"
    )
    value_converter: str = config_key(
        "Converter of values for connectors that name none.", default=JSON_CONVERTER, type="CLASS", importance="high"
    )
    header_converter: str = config_key(
        "Converter of headers for connectors that name none.", default=HEADER_CONVERTER, type="CLASS", importance="low"
    )
    file_allowed_paths: list[str] = config_key(
        "Folders of files that connectors may read and write, with commas; * for all. "
        "Left out: all while every listener is on loopback, else the working directory.",
        default=[],
        importance="medium",
    )
    connector_client_config_override_policy: str = config_key(
        "What connectors may set of their clients by producer.override.*, consumer.override.* and admin.override.*: "
        "All; Allowlist: what connector.client.config.override.allowlist names; None; "
        "Principal: who they log in as, which Allowlist can do too.",
        default=DEFAULT,
        validators=[check_policy],
        importance="medium",
    )
    connector_client_config_override_allowlist: list[str] = config_key(
        "Configs of clients, without a prefix, that connectors may set where the policy is Allowlist.",
        default=[],
        validators=[unique(ALLOWLIST)],
        importance="medium",
    )
    config_providers: list[str] = config_key(
        "Names of config providers, with commas; each has a class (config.providers.NAME.class) "
        "and keys of its own (config.providers.NAME.param.*).",
        default=[],
        importance="low",
        validators=[unique("config.providers")],
    )
    connectors_dir: str = config_key(
        "Folder of connector configs, a file each, that are applied when the worker starts and when they change.",
        default="",
        importance="medium",
    )
    plugin_path: list[str] = config_key(
        "Folders with plugins that are not installed: modules and packages.", default=[], importance="low"
    )
    plugin_path_watch: bool = config_key(
        "Whether plugins that come, change or go in these folders are taken while the worker runs.",
        default=True,
        importance="low",
    )
    plugin_isolation: list[str] = config_key(
        "Names of plugins, with commas, whose connectors and transforms run in processes of their own, as with "
        "plugin.isolation=process of a connector: 'postgres', or a module's name in plugin.path. A folder with a "
        "requirements.txt or a pyproject.toml need not be named.",
        default=[],
        importance="low",
    )
    plugin_memory_limit: str = config_key(
        "Memory that each process of a plugin may use, such as 512m, where its connector has no plugin.memory.limit; "
        "empty for no limit.",
        default="",
        importance="low",
        validators=[valid_memory],
    )
    plugin_environments_path: str = config_key(
        "Folder of the virtual environments of plugins with requirements; left out, connect/environments in the cache "
        "folder of the worker's user.",
        default="",
        importance="low",
    )
    plugin_install_timeout_ms: int = config_key(
        "How long installing what a plugin requires may take; then it is left out until plugins are looked for anew.",
        type="LONG",
        default=300_000,
        ge=1,
        importance="low",
    )
    config_storage_topic: str = config_key(
        "Compacted topic of connector configs.", default="connect-configs", non_empty=True, importance="high"
    )
    offset_storage_topic: str = config_key(
        "Compacted topic of source offsets.", default="connect-offsets", non_empty=True, importance="high"
    )
    status_storage_topic: str = config_key(
        "Compacted topic of statuses.", default="connect-status", non_empty=True, importance="high"
    )
    workers_storage_topic: str = config_key(
        "Compacted topic by which the workers of a group share its tasks, on a Kafka cluster; "
        "connect-workers-GROUP.ID when left out.",
        default="",
        importance="low",
    )
    config_history_versions: int = config_key(
        "How many versions of each connector's config are kept, with who changed it and when; 0 keeps no history.",
        default=20,
        ge=0,
        le=1000,
        importance="low",
    )
    config_history_storage_topic: str = config_key(
        "Compacted topic of these versions; that of the configs with -history when left out.",
        default="",
        importance="low",
    )
    contract_storage_topic: str = config_key(
        "Compacted topic of what is known of the topics of connectors with a schema contract; that of the configs with "
        "-contracts when left out.",
        default="",
        importance="low",
    )
    offset_storage_partitions: int = config_key(
        "Partitions of the offsets topic when it is created.", default=1, ge=1, importance="low"
    )
    status_storage_partitions: int = config_key(
        "Partitions of the status topic when it is created.", default=1, ge=1, importance="low"
    )
    config_storage_replication_factor: int = config_key(
        "On how many brokers of a Kafka cluster the configs topic is when it is created; -1 for the cluster's default.",
        default=3,
        type="SHORT",
        validators=[replication_factor("config.storage.replication.factor")],
        importance="low",
    )
    offset_storage_replication_factor: int = config_key(
        "The same of the offsets topic.",
        default=3,
        type="SHORT",
        validators=[replication_factor("offset.storage.replication.factor")],
        importance="low",
    )
    status_storage_replication_factor: int = config_key(
        "The same of the status topic.",
        default=3,
        type="SHORT",
        validators=[replication_factor("status.storage.replication.factor")],
        importance="low",
    )
    exactly_once_source_support: str = config_key(
        "Whether sources write in transactions, with their offsets in them: disabled, preparing (as disabled; "
        "for a cluster whose workers change one by one), enabled.",
        default="disabled",
        one_of=("DISABLED", "ENABLED", "PREPARING"),
        ignore_case=True,
        importance="high",
    )
    offset_flush_interval_ms: int = config_key(
        "How often offsets are committed.", type="LONG", default=60000, ge=1, importance="low"
    )
    offset_flush_timeout_ms: int = config_key(
        "How long a commit may take before it is given up and tried again.",
        type="LONG",
        default=5000,
        ge=1,
        importance="low",
    )
    task_shutdown_graceful_timeout_ms: int = config_key(
        "How long a stopping task may take to finish what is in flight.",
        type="LONG",
        default=5000,
        ge=1,
        importance="low",
    )
    sigterm_exit_code: int = config_key(
        "Exit code after a clean stop by SIGTERM: 0, or 143 for supervisors that expect what a JVM gives.",
        default=0,
        ge=0,
        le=255,
        importance="low",
    )
    plugin_call_timeout_ms: int = config_key(
        "How long a call into a plugin may take, other than poll and put; then its task or connector fails.",
        type="LONG",
        default=300_000,
        ge=1,
        importance="low",
    )
    plugin_check_timeout_ms: int = config_key(
        "How long plugins may take to check a config, or offsets, for a request.",
        type="LONG",
        default=20_000,
        ge=1,
        importance="low",
    )
    plugin_import_timeout_ms: int = config_key(
        "How long importing a plugin may take; then it is left out.",
        type="LONG",
        default=30_000,
        ge=1,
        importance="low",
    )
    topic_creation_enable: bool = config_key(
        "Whether topics that source connectors write to are created.", default=True, importance="low"
    )
    topic_tracking_enable: bool = config_key(
        "Whether the topics of each connector are recorded.", default=True, importance="low"
    )
    compression_type: str = config_key(
        f"Compression of what source connectors write: {', '.join(COMPRESSION_TYPES)}.",
        name="producer.compression.type",
        default="none",
        importance="low",
    )
    transforms_python_enabled: bool = config_key(
        "Whether connectors may use connect.transforms.Python, "
        "which runs functions of Python files with the worker's rights.",
        default=False,
        importance="low",
    )
    topic_tracking_allow_reset: bool = config_key(
        "Whether the record of a connector's topics can be reset.", default=True, importance="low"
    )
    metrics_families: list[str] = config_key(
        "Which names metrics have at /metrics, with commas: " + ", ".join(METRIC_FAMILIES) + ".",
        default=list(METRIC_FAMILIES),
        validators=[known_families],
        importance="low",
    )
    otel_endpoint: str = config_key(
        "Address of a collector that takes metrics and traces by OTLP over HTTP, such as http://collector:4318; "
        "nothing is sent when left out.",
        default="",
        importance="low",
    )
    otel_metrics_interval_ms: int = config_key(
        "How often metrics are sent there; 0 for never.", type="LONG", default=60_000, ge=0, importance="low"
    )
    otel_traces_ratio: float = config_key(
        "Which share of batches is traced, 0 to 1; their records have a header traceparent.",
        default=0.0,
        ge=0,
        le=1,
        importance="low",
    )
    log_level: str = config_key(
        "Level of the worker's log: DEBUG, INFO, WARN, ERROR.",
        default="INFO",
        one_of=("TRACE", "DEBUG", "INFO", "WARN", "ERROR"),
        ignore_case=True,
        importance="low",
    )
    log_format: str = config_key(
        "Form of the worker's log: text for people, json for machines, one object a line.",
        default="text",
        one_of=("text", "json"),
        importance="low",
    )
    log_repeated_lines_max: int = config_key(
        "Warnings and errors of one kind that are logged within a second; what comes beyond is counted in a line. "
        "0 for all of them.",
        default=10,
        ge=0,
        importance="low",
    )

    @classmethod
    def read(cls, texts: Mapping[str, Any]) -> WorkerConfig:
        """Make the config of a worker that does not run yet.

        Values that refer to the worker's own config providers are resolved when it starts, since these are plugins:
        until then such a key has its default, and its text is in `originals`.

        Raises:
            ConfigError: As `parse`.
        """
        providers = [name.strip() for name in str(texts.get("config.providers") or "").split(",")]
        late = {name for name, value in texts.items() if isinstance(value, str) and refer(value, providers)}
        if "rest.authentication.file" in late:
            late.update(name for name in GUARDS if name in texts)  # looked at once it is known whether users are asked
        if not late:
            return cls.parse(texts)
        config = cls.parse({name: value for name, value in texts.items() if name not in late})
        config._originals = dict(texts)
        return config

    def problems(self) -> Iterable[Problem]:
        for key in GUARDS if not self.rest_authentication_file else ():
            given = str(self.originals.get(key) or "")
            if any(one and one not in _UNGUARDING for one in map(str.strip, given.split(","))):
                yield Problem(
                    key,
                    f"Invalid value {given} for configuration {key}: Java's REST extensions do not run here, "
                    "and this one may be what guards the API; set rest.authentication.file for users and passwords, "
                    "or leave the key out",
                )
        names = (
            "config.storage.topic",
            "offset.storage.topic",
            "status.storage.topic",
            "workers.storage.topic",
            "config.history.storage.topic",
            "contract.storage.topic",
            "registry.storage.topic",
        )
        topics = (
            self.config_storage_topic,
            self.offset_storage_topic,
            self.status_storage_topic,
            self.workers_topic,
            self.history_topic,
            self.contract_topic,
            self.registry_storage_topic,
        )
        for name, topic in zip(names[1:], topics[1:], strict=True):
            if topic in topics[: names.index(name)]:  # each store forgets what it cannot read, the others' records
                other = names[topics.index(topic)]
                yield Problem(
                    name,
                    f"Invalid value {topic} for configuration {name}: {other} names the same topic; "
                    "each holds one kind of state",
                )
        scheme = self.rest_advertised_listener
        if scheme is not None and not any(address.startswith(f"{scheme}://") for address in self.addresses):
            yield Problem(
                "rest.advertised.listener",
                f"Invalid value {scheme} for configuration rest.advertised.listener: listeners has no {scheme}:// "
                "address",
            )
        if "bootstrap.servers" in self.originals and not any(self.bootstrap_servers):
            yield Problem(  # a variable that is not set: on the bundled log nobody would find what is written
                "bootstrap.servers",
                "Invalid value for configuration bootstrap.servers: HOST:PORT of at least one broker is expected; "
                "leave the key out to run on the bundled log",
            )
        if (problem := not_addresses(SERVERS, self.bootstrap_servers)) is not None:
            yield Problem(SERVERS, problem)
        if SERVERS not in self.originals:
            for key in difflib.get_close_matches(SERVERS, self.originals, cutoff=_MISSPELT):
                yield Problem(  # passed over as other typos are, it would begin anew on a log of this machine
                    key,
                    f"{key} is no key of the worker's, and bootstrap.servers is not given: without it the worker runs "
                    "on the bundled log, apart from any cluster; correct the key, or leave it out",
                )
        if self.bootstrap_servers and not self.group_id.strip():
            yield Problem(
                "group.id",
                "Invalid value for configuration group.id: a name is expected, which the workers of one cluster share",
            )
        if not self.addresses:
            yield Problem(
                "listeners",
                "Invalid value for configuration listeners: at least one http:// or https:// address is expected",
            )

    @property
    def data_path(self) -> Path:
        """The data directory as a path."""
        return Path(self.data_dir)

    @property
    def workers_topic(self) -> str:
        """The topic by which the workers of the group share its tasks."""
        if self.workers_storage_topic:
            return self.workers_storage_topic
        legal = _NO_TOPIC.sub("-", self.group_id)[:_GROUP_CHARS_MAX]
        # Another group whose name differs in nothing that a topic's name may have must not get the same topic.
        own = "" if legal == self.group_id else "-" + sha256(self.group_id.encode()).hexdigest()[:8]
        return f"connect-workers-{legal}{own}"

    @property
    def history_topic(self) -> str:
        """The topic of the versions of connector configs."""
        return self.config_history_storage_topic or f"{self.config_storage_topic}-history"

    @property
    def contract_topic(self) -> str:
        """The topic of what schema contracts know."""
        return self.contract_storage_topic or f"{self.config_storage_topic}-contracts"

    @property
    def plugin_folders(self) -> list[str]:
        """The folders of `plugin.path`. An empty entry, which a comma at the end leaves, is none: as a path it would be
        the working directory, whose modules would run."""
        return [folder for folder in self.plugin_path if folder]

    @property
    def addresses(self) -> list[str]:
        """The addresses of `listeners`, without empty entries."""
        return [address for address in self.listeners if address]

    @property
    def registry_addresses(self) -> list[str]:
        """The addresses of `registry.listeners`, without empty entries."""
        return [address for address in self.registry_listeners if address]

    @property
    def rest_grace_s(self) -> float:
        """How long open requests may take once the worker is to stop, in seconds: a part of the time that its tasks
        have, so that one that hangs does not make the stop longer."""
        return min(REQUESTS_GRACE_S, self.task_shutdown_graceful_timeout_ms / 2000)

    @property
    def exactly_once_sources(self) -> bool:
        """Whether source connectors write in transactions."""
        return self.exactly_once_source_support.lower() == "enabled"

    @property
    def override_policy(self) -> OverridePolicy:
        """What connectors may set of their clients."""
        return policy_of(self.connector_client_config_override_policy, self.connector_client_config_override_allowlist)

    def converter_config(self, which: str) -> dict[str, Any]:
        """Return the worker's own keys of a converter ('key.converter', …) with the prefix taken off."""
        return strip_prefix(self.originals, which + ".")


def listener_host(listener: str) -> str:
    """Return the host of one address of `listeners`; an empty one means all interfaces, as in Kafka."""
    try:
        return urlsplit(listener).hostname or ALL_INTERFACES
    except ValueError:  # told of when the listener is made
        return ALL_INTERFACES
