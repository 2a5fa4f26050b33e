"""What the herder answers: plain, frozen shapes which the faces render. Names are those of Kafka Connect's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connect.api import ConfigKey


class State(StrEnum):
    """The state of a connector or task. STOPPED is a connector's only."""

    UNASSIGNED = "UNASSIGNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    RESTARTING = "RESTARTING"


class TargetState(StrEnum):
    """What a user wants of a connector; stored beside its config."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


class PluginKind(StrEnum):
    """The kinds of plugin, in the order in which REST lists them; the text is REST's `type`. As Kafka Connect, REST
    leaves config providers out."""

    SINK = "sink"
    SOURCE = "source"
    TRANSFORM = "transformation"
    PREDICATE = "predicate"
    CONVERTER = "converter"
    HEADER_CONVERTER = "header_converter"
    CONFIG_PROVIDER = "configprovider"


@dataclass(frozen=True, slots=True)
class TaskId:
    """A task: its connector's name and its number, zero-based."""

    connector: str
    task: int

    def __str__(self) -> str:
        return f"{self.connector}-{self.task}"


@dataclass(frozen=True, slots=True)
class ConnectorInfo:
    """A connector as configured. `type` is source, sink or unknown; `config` always holds `name`."""

    name: str
    config: Mapping[str, str]
    tasks: tuple[TaskId, ...]
    type: str


@dataclass(frozen=True, slots=True)
class RestartInfo:
    """What `errors.restart.*` does about a failure.

    Attributes:
        cause: outage, record, config or defect.
        attempts: Restarts since it last ran well, the coming one too.
        max_attempts: -1: for ever.
        at_ms: When it is restarted, ms since the epoch; None when the attempts are used up.
    """

    cause: str
    attempts: int
    max_attempts: int
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class RateInfo:
    """How fast a connector may go, all of its tasks together.

    Attributes:
        records_per_s, bytes_per_s: None: no limit.
    """

    records_per_s: float | None
    bytes_per_s: float | None


@dataclass(frozen=True, slots=True)
class ConnectorState:
    """A connector's own state. `trace` is empty unless it failed."""

    state: State
    worker_id: str
    version: str | None = None
    trace: str | None = None
    restart: RestartInfo | None = None


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task's state. `trace` starts with the cause."""

    id: int
    state: State
    worker_id: str
    version: str | None = None
    trace: str | None = None
    restart: RestartInfo | None = None


@dataclass(frozen=True, slots=True)
class ConnectorStateInfo:
    """A connector's status: its own state and its tasks', sorted by number."""

    name: str
    connector: ConnectorState
    tasks: tuple[TaskState, ...]
    type: str


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task's config, `task.class` added; secrets are masked."""

    id: TaskId
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """An installed plugin class as REST lists it."""

    class_name: str
    type: PluginKind
    version: str | None


@dataclass(frozen=True, slots=True)
class ConfigValueInfo:
    """What validation says of one key's value."""

    name: str
    value: str | None
    recommended_values: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    visible: bool = True


@dataclass(frozen=True, slots=True)
class ConfigInfo:
    """One key of a validated config; `definition` is None for a key that nothing declares."""

    definition: ConfigKey | None
    value: ConfigValueInfo


@dataclass(frozen=True, slots=True)
class ConfigInfos:
    """The outcome of a validation."""

    name: str
    groups: tuple[str, ...]
    configs: tuple[ConfigInfo, ...]

    @property
    def error_count(self) -> int:
        """The number of problems over all keys."""
        return sum(len(config.value.errors) for config in self.configs)


@dataclass(frozen=True, slots=True)
class Health:
    """The worker's own health (KIP-1017). `status` is healthy, starting or unhealthy."""

    status: str
    message: str


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """How far a task has come since its start: the live figures behind displays and metrics.

    Attributes:
        records: Records appended (source) or put (sink).
        size_bytes: Bytes of keys and values of those records in the log.
        skipped: Records dropped by `errors.tolerance`.
        waiting_for: What it cannot go on without, such as a file or a server that is away; None where it goes on.
        throttled: Whether `rate.limit.*` holds it up now.
        gauges: The plugin's own figures by name, as they are now; none of a task that failed.
        drained: Of a source: all that there was is in the log.
        batch_ms_p99: How long the longest but one in a hundred of its batches took in about the last minute; None where
            there were none.
    """

    id: TaskId
    state: State
    records: int = 0
    size_bytes: int = 0
    skipped: int = 0
    waiting_for: str | None = None
    throttled: bool = False
    gauges: Mapping[str, float] = field(default_factory=dict)
    topics: tuple[str, ...] = field(default=())
    drained: bool = False
    batch_ms_p99: float | None = None


def worker_id_of(url: str) -> str:
    """Return what statuses call a worker: HOST:PORT of where its REST answers."""
    return url.partition("://")[2]


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker of a group, as the others know it.

    Attributes:
        url: Where its REST answers.
        leads: It keeps the herder.
        leaving: It gives its tasks up, and takes no more.
        tasks: Those that are placed on it, in order.
    """

    url: str
    version: str
    leads: bool
    leaving: bool
    tasks: tuple[TaskId, ...]
