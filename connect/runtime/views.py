"""What the herder can tell without changing anything: configs, states, tasks, offsets, progress, and whether a config
is right. Names and shapes are those of Kafka Connect's REST API.

Everything is read from memory, so it is cheap to ask, and answers are the same objects while nothing changes; `offsets`
and `lags` ask the log, and `validate` runs plugin code under its deadline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from connect.api import (
    ConfigError,
    ConfigKey,
    ConfigType,
    ConflictError,
    ConnectError,
    Connector,
    NotFoundError,
    Problem,
    SourceConnector,
)
from connect.api.config import names_of
from connect.api.connector import config_class_of
from connect.api.error_codes import register_code
from connect.ports import Cluster
from connect.runtime import secrets
from connect.runtime.base import Base
from connect.runtime.border.watchdog import Notice, Watchdog
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.factory import connector_desc
from connect.runtime.lag import Lags, Sink, SinkLag
from connect.runtime.lifecycle import Lifecycle
from connect.runtime.model import (
    ConfigInfos,
    ConnectorInfo,
    ConnectorState,
    ConnectorStateInfo,
    RateInfo,
    State,
    TaskId,
    TaskInfo,
    TaskProgress,
    TaskState,
)
from connect.runtime.observers import Observers
from connect.runtime.offsets import Entry, Offsets, sink_group
from connect.runtime.plugins import CONNECTOR_KINDS, PluginHost
from connect.runtime.promises import Promise, promise_of
from connect.runtime.providers.config_providers import ConfigProviders, Look
from connect.runtime.providers.infos import written_infos
from connect.runtime.providers.resolved import Resolved
from connect.runtime.rates import RateConfig, has_references
from connect.runtime.secrets import redact, shown
from connect.runtime.states import INITIAL
from connect.runtime.task_host import TaskHost
from connect.runtime.tasks.transactional import task_of
from connect.runtime.validation import validator
from connect.runtime.validation.checking import Checks
from connect.runtime.validation.topics import Neighbours, topic_problems
from connect.runtime.validation.worker_keys import KeyNotice
from connect.runtime.worker_config import WorkerConfig
from connect.stores.configs import ConfigStore, Revision
from connect.stores.history import NO_VERSION, ConfigHistory
from connect.stores.history import Entry as Version
from connect.stores.statuses import Status, StatusStore

TOPICS_DISABLED = register_code(
    "topics.tracking_disabled",
    "The worker does not record which topics connectors use, or does not let the record be reset.",
    "Set topic.tracking.enable=true and topic.tracking.allow.reset=true in the worker's config.",
)


TASK_WRITES = register_code(
    "connector.transactional_id",
    "A transactional.id that a task of a source connector writes with: taking it would shut the task out.",
    "Choose another transactional.id.",
)


HISTORY_OFF = register_code(
    "history.off",
    "The worker keeps no history of configs.",
    "Set config.history.versions in the worker's config; on a Kafka cluster, see that the worker may use the topic.",
)


_GROUP: Final = "consumer.override.group.id"
#: What says where a connector's offsets are.
_OF_OFFSETS: Final = ("connector.class", "offsets.storage.topic", _GROUP)
#: What a sink's lag depends on.
_OF_SINKS: Final = (
    "topics",
    "topics.regex",
    _GROUP,
    "consumer.override.auto.offset.reset",
    "consumer.override.isolation.level",
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A config that was checked.

    Attributes:
        look: The config with its values.
        infos: What validation said of the values: not to be shown.
        shown: The same, to be shown.
    """

    look: Look
    infos: ConfigInfos
    shown: ConfigInfos


class ForbiddenError(ConnectError):
    """The worker's config does not allow the request."""

    default_code = TOPICS_DISABLED
    status = 403


class Views:
    """The looking side of the herder, which sets all of this.

    Attributes:
        watchdog: Tells what plugins hold up, for /v1/warnings.
        observers: Tells plugins what happens.
        checks: Runs plugin code that requests ask for.
        providers: Resolves references in configs.
        key_notices: The keys of the worker's config that it does not read.
    """

    worker_config: WorkerConfig
    cluster: Cluster
    plugins: PluginHost
    watchdog: Watchdog
    observers: Observers
    checks: Checks
    providers: ConfigProviders
    key_notices: Sequence[KeyNotice]
    base: Base
    _is_alone: bool
    _configs: ConfigStore
    _statuses: StatusStore
    _worker: TaskHost
    _lifecycle: Lifecycle
    _connector_offsets: Offsets
    _lags: Lags
    _infos: dict[str, ConnectorInfo]
    _states: dict[str, tuple[tuple[str, Revision, int, int], ConnectorStateInfo]]
    _promises: dict[str, tuple[Mapping[str, str], type, Promise]]

    def connectors(self) -> list[str]:
        """Return every connector's name."""
        return self._configs.connectors()

    def info(self, name: str) -> ConnectorInfo:
        """Return a connector's config, secrets in clear, and tasks. The same object while nothing changes."""
        config, tasks = self._config(name), len(self._configs.task_configs(name))
        known = self._infos.get(name)
        if known is None or known.config is not config or len(known.tasks) != tasks:
            known = self._infos[name] = self._info(name, config)
        return known

    def ends(self, config: Mapping[str, Any]) -> bool:
        """Whether a connector of this config comes to an end of what there is, as far as its class says.

        Raises:
            NotFoundError, ConfigError: It names no class that is there.
        """
        cls = connector_desc(self.plugins, config).cls
        return not issubclass(cls, SourceConnector) or cls.ends

    def etag(self, name: str) -> str | None:
        """Return what tells a connector's config from every other one it ever had; None where it is not there."""
        return self._configs.etag(name)

    def history(self, name: str) -> list[Version]:
        """Return the versions of a connector that are kept, the oldest first; also of one that was deleted.

        Raises:
            NotFoundError: connector.not_found: there is neither a connector nor a history of the name.
            ConflictError: history.off.
        """
        found = self._history.entries(name)
        if not found:
            self._config(name)
        return found

    def history_names(self) -> list[str]:
        """Return the connectors that have a history, also deleted ones, sorted.

        Raises:
            ConflictError: history.off.
        """
        return self._history.names()

    def newest_version(self, name: str) -> Version | None:
        """Return the newest version of a connector; None where there is none.

        Raises:
            ConflictError: history.off.
        """
        return self._history.newest(name)

    def version_of(self, name: str, version: int) -> Version:
        """Return one version of a connector.

        Raises:
            NotFoundError: connector.not_found, history.not_found.
            ConflictError: history.off.
        """
        found = self._history.entry(name, version)
        if found is None:
            self.history(name)  # it may be that there is none of the name
            raise NotFoundError(f"The history of connector {name} has no version {version}", code=NO_VERSION)
        return found

    @property
    def _history(self) -> ConfigHistory:
        if self._configs.history is None:
            raise ConflictError("This worker keeps no history of configs", code=HISTORY_OFF)
        return self._configs.history

    def status(self, name: str) -> ConnectorStateInfo:
        """Return the states of a connector and its tasks. The same object while nothing changes."""
        config, restarts = self._config(name), self._lifecycle.restarts
        seen = (self.base.worker_id, self._configs.revision(name), self._statuses.revision(name), restarts.revision)
        known = self._states.get(name)
        if known is None or known[0] != seen:
            own = self._statuses.connector(name) or Status(INITIAL, self.base.worker_id)
            connector = ConnectorState(
                State(own.state), self._worker_of(own), own.version, own.trace, restarts.info(name, None)
            )
            tasks = tuple(self._task_state(name, n, status) for n, status in self._statuses.tasks(name).items())
            known = self._states[name] = (seen, ConnectorStateInfo(name, connector, tasks, self._type(config)))
        return known[1]

    def tasks(self, name: str) -> list[TaskInfo]:
        """Return the tasks' configs; values of secret keys are masked."""
        config = self._config(name)
        desc = self.plugins.find(config.get("connector.class", ""), *CONNECTOR_KINDS)
        secret = _declared_secrets(cast(type[Connector], desc.cls)) if desc else set()
        return [
            TaskInfo(TaskId(name, number), {k: shown(v, secret=k in secret) for k, v in task.items()})
            for number, task in enumerate(self._configs.task_configs(name))
        ]

    def task_status(self, name: str, task: int) -> TaskState:
        """Return one task's state."""
        self._config(name)
        return self._task_state(name, task, self._task_status(name, task))

    def notices(self) -> list[Notice]:
        """What plugins hold up now, and what was left behind."""
        told = [notice for more in self.base.more_notices for notice in more()]
        return [*self.watchdog.notices(), *self.observers.notices(), *self.base.plugin_refresh.notices(), *told]

    def waiting(self) -> dict[str, str]:
        """What connectors wait for before they have tasks, by name, of those that do."""
        return self._lifecycle.waiting()

    def late_calls(self) -> dict[str, int]:
        """How many calls of each connector's instance, not of its tasks, did not come back within their deadline."""
        return self._lifecycle.late_calls()

    def progress(self) -> list[TaskProgress]:
        """How far every task of this process has come; in the state that its status shows, RESTARTING for one."""
        return self.base.progress()

    async def lags(self, *, since_s: float = 0.0) -> Mapping[str, SinkLag]:
        """How far every sink connector is behind, by name, whatever state it is in; see `connect.runtime.lag`.

        Args:
            since_s: As `Lags.look`.
        """
        return await self._lags.look(since_s=since_s)

    async def _lag_counts(self) -> Mapping[str, int]:
        return {name: found.lag for name, found in (await self.lags()).items()} if self._sinks() else {}

    def rate(self, name: str) -> RateInfo:
        """Return how fast a connector may go.

        Raises:
            NotFoundError: connector.not_found.
        """
        config = self._config(name)
        if has_references(config):
            limit = self._worker.rates.of(name)
            return RateInfo(limit.records_per_s, limit.bytes_per_s)
        try:
            rates = RateConfig.parse(config)
        except ConfigError:  # stored by a worker that did not know these keys: its tasks do not start with them
            return RateInfo(None, None)
        return RateInfo(rates.records_per_s, rates.bytes_per_s)

    def active_topics(self, name: str) -> list[str]:
        """Return the topics that a connector has used; of an unknown connector none.

        Raises:
            ForbiddenError: topic.tracking.enable is false.
        """
        if not self.worker_config.topic_tracking_enable:
            raise ForbiddenError("Topic tracking is disabled: topic.tracking.enable is false")
        return self._statuses.topics(name)

    def topic_count(self, name: str) -> int:
        """Return how many topics a connector has used, as far as the worker keeps track of them."""
        return self._statuses.topic_count(name) if self.worker_config.topic_tracking_enable else 0

    def restarts(self) -> dict[str, int]:
        """Return how often each connector or a task of it was started anew, of those that were."""
        found: Counter[str] = Counter()
        for (name, _), count in self.base.board.restarts.items():
            found[name] += count
        return dict(found)

    async def offsets(self, name: str) -> list[Entry]:
        """Return a connector's committed offsets."""
        # Of its config nothing else is asked: a secret that cannot be had just now must not be in the way.
        own = {key: value for key, value in self._config(name).items() if key in _OF_OFFSETS}
        resolved = await self.providers.resolve(own, limit_s=self._check_limit_s)
        return await self._connector_offsets.read(name, resolved.texts)

    async def delivery(self, name: str) -> Promise:
        """Return what a connector promises about delivery with its config, and why; asked once a config.

        Raises:
            NotFoundError: connector.not_found.
        """
        config = self._config(name)
        try:
            desc = connector_desc(self.plugins, config)
            known = self._promises.get(name)
            if known is not None and known[0] is config and known[1] is desc.cls:
                return known[2]
            what = f"asking what connector {name} promises"
            promise = await self.checks.aside(what, lambda: promise_of(desc, self.worker_config, config))
        except ConnectError as error:  # what every connector gets
            return Promise("at-least-once", redact(f"the connector could not be asked for more: {error.message}"))
        self._promises[name] = (config, desc.cls, promise)
        return promise

    def check_transactional_id(self, transactional_id: str) -> None:
        """Check that a client may use a transactional id.

        Raises:
            ForbiddenError: connector.transactional_id: a task of a connector that is there has it.
        """
        if not self.worker_config.exactly_once_sources:
            return
        task = task_of(self.worker_config, self._configs.connectors(), transactional_id)
        if task is not None:
            raise ForbiddenError(
                f"transactional.id {transactional_id!r} is that of task {task}, which it would shut out",
                code=TASK_WRITES,
            )

    async def validate(self, plugin: str, config: Mapping[str, str | None]) -> ConfigInfos:
        """Check a config and say everything about every key; of a connector that is there, with its stored secrets."""
        filled, unknown = self.filled(config)
        return validator.told((await self.checked(plugin, filled)).shown, unknown)

    def filled(self, config: Mapping[str, str | None]) -> tuple[dict[str, str | None], list[Problem]]:
        """Return a config that was shown before with its stored secrets, and what of them is not known."""
        return secrets.unmask(self.plugins, config, self._configs.config(config.get("name") or "") or {})

    def plugin_config(self, plugin: str) -> list[ConfigKey]:
        """Return the keys that a plugin declares."""
        return validator.plugin_config(self.plugins, plugin)

    async def checked(self, plugin: str, config: Mapping[str, str | None]) -> Checked:
        """Resolve a config and check its values.

        Raises:
            ConfigError: As `validator.validate`; no value is in its message.
        """
        look = await self.providers.look(config, limit_s=self._check_limit_s)
        what, values = f"validation of a config for {plugin}", look.resolved.config
        with look.resolved.kept_out():
            infos = await self.checks.aside(
                what, lambda: validator.validate(self.plugins, self.worker_config, plugin, values)
            )
            infos = validator.told(infos, await self._topic_problems(values))
        return Checked(look, infos, written_infos(infos, look))

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _checked_for_preview(self, config: Mapping[str, str | None]) -> tuple[ConfigInfos, Resolved]:
        """Return what a create would say of a config, to be shown, and the config with its values."""
        filled, unknown = self.filled(config)
        checked = await self.checked(str(filled.get("connector.class")), filled)
        return validator.told(checked.shown, unknown), checked.look.resolved

    @property
    def _check_limit_s(self) -> float:
        return self.worker_config.plugin_check_timeout_ms / 1000

    async def _topic_problems(self, config: Mapping[str, Any]) -> list[Problem]:
        """Return what is wrong with the topics that a config names, of those that are there and what others use."""
        kind = connector_desc(self.plugins, config).kind
        return await topic_problems(self.cluster, kind, config, self._neighbours)

    def _neighbours(self) -> Neighbours:
        configs = {name: self._config(name) for name in self._configs.connectors()}
        written_by = lambda name: self._statuses.topics(name) if self._type(configs[name]) == "source" else ()  # noqa: E731
        return Neighbours.of(self.worker_config, configs, written_by)

    async def _resolved(self, name: str) -> dict[str, str]:
        """Return a connector's config with its values, for a request."""
        return (await self.providers.resolve(self._config(name), limit_s=self._check_limit_s)).texts

    def _info(self, name: str, config: Mapping[str, str]) -> ConnectorInfo:
        """Return what a request made of a connector, even if the next one has changed or deleted it already."""
        tasks = tuple(TaskId(name, number) for number in range(len(self._configs.task_configs(name))))
        return ConnectorInfo(name, config, tasks, self._type(config))

    def _task_state(self, name: str, number: int, status: Status) -> TaskState:
        restart = self._lifecycle.restarts.info(name, number)
        return TaskState(number, State(status.state), self._worker_of(status), status.version, status.trace, restart)

    def _worker_of(self, status: Status) -> str:
        """Return which worker a status is of: of one that is alone every one is, even if it was set before REST had a
        port."""
        return self.base.worker_id if self._is_alone else status.worker_id

    def _config(self, name: str) -> dict[str, str]:
        config = self._configs.config(name)
        if config is None:
            raise NotFoundError(f"Connector {name} not found", code="connector.not_found")
        return config

    def _task_status(self, name: str, task: int) -> Status:
        status = self._statuses.tasks(name).get(task)
        if status is None:
            raise NotFoundError(f"No status found for task {name}-{task}", code="task.not_found")
        return status

    def _sinks(self) -> list[Sink]:
        """Return the sink connectors; one whose plugin is gone is taken for one if its config names topics to read."""
        found, worker = [], strip_prefix(self.worker_config.originals, "consumer.")
        for name in self._configs.connectors():
            config: Mapping[str, str] = self._config(name)
            kind = self._type(config)
            if any("${" in config.get(key, "") for key in _OF_SINKS):
                config = self._lifecycle.running_config(name) or config
            if kind == "sink" or (kind == "unknown" and (config.get("topics") or config.get("topics.regex"))):
                consumer = {"isolation.level": "read_committed", **worker, **strip_prefix(config, "consumer.override.")}
                found.append(
                    Sink(
                        name,
                        config,
                        len(self._configs.task_configs(name)),
                        sink_group(self.worker_config, name, config),
                        str(consumer.get("auto.offset.reset", "earliest")),
                        str(consumer["isolation.level"]),
                    )
                )
        return found

    def _type(self, config: Mapping[str, str]) -> str:
        desc = self.plugins.find(config.get("connector.class", ""), *CONNECTOR_KINDS)
        return desc.kind.value if desc else "unknown"


def _declared_secrets(connector: type[Connector]) -> set[str]:
    """Return the secret keys of a connector or its task: a task's config need not name the connector's class."""
    declared = {**names_of(connector.config_class), **names_of(config_class_of(connector, connector.task_class))}
    return {name for name, key in declared.items() if key.type is ConfigType.PASSWORD}
