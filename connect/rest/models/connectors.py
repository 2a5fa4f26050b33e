"""Connectors: their configs, tasks and states."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BeforeValidator, ConfigDict, Field, RootModel
from typing_extensions import TypedDict

from connect.rest.models.base import Body, ConfigChange, ConfigValue, example
from connect.rest.models.examples import CONFIG, NAME, NAMED_CONFIG, WORKER


def _in_capitals(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class CreateConnector(
    Body,
    extra="forbid",
    json_schema_extra={"examples": [{"name": NAME, "config": CONFIG, "initial_state": "RUNNING"}]},
):
    """A new connector."""

    name: str | None = Field(default=None, description="text")
    config: dict[str, ConfigValue] = Field(description="an object of config keys")
    initial_state: Annotated[Literal["RUNNING", "PAUSED", "STOPPED"] | None, BeforeValidator(_in_capitals)] = Field(
        default=None, description="RUNNING, PAUSED or STOPPED"
    )


class ConfigRequest(RootModel[dict[str, ConfigValue]]):
    """A connector's whole config. Numbers and booleans become text."""

    model_config = ConfigDict(defer_build=True, json_schema_extra={"examples": [CONFIG]})


class ConfigPatch(RootModel[dict[str, ConfigChange]]):
    """Some keys of a connector's config; null removes one."""

    model_config = ConfigDict(
        defer_build=True, json_schema_extra={"examples": [{"topic": "orders", "batch.size": None}]}
    )


# -- answers -------------------------------------------------------------------------------------------------------

_STATE: dict[str, Any] = {"state": "RUNNING", "worker_id": WORKER, "version": "4.3.1"}
_TASK_STATE: dict[str, Any] = {"id": 0, **_STATE}
STATUS_EXAMPLE: dict[str, Any] = {"name": NAME, "connector": _STATE, "tasks": [_TASK_STATE], "type": "source"}


class TaskId(TypedDict):
    """A task: its connector, and its number from 0 on."""

    connector: str
    task: int


@example({"name": NAME, "config": NAMED_CONFIG, "tasks": [{"connector": NAME, "task": 0}], "type": "source"})
class ConnectorInfo(TypedDict):
    """A connector as it is configured. `type` is source, sink or unknown."""

    name: str
    config: dict[str, str]
    tasks: list[TaskId]
    type: str


@example({"id": {"connector": NAME, "task": 0}, "config": CONFIG})
class TaskInfo(TypedDict):
    """A task's config."""

    id: TaskId
    config: dict[str, str]


class Restart(TypedDict):
    """What `errors.restart.*` does about a failure.

    `cause` is outage, record, config or defect; `at` is in ms since the epoch, null when the attempts are used up.
    """

    cause: str
    attempts: int
    max_attempts: int
    at: int | None


class ConnectorState(TypedDict):
    """A connector's own state; `trace` where it failed, `restart` where something is done about it."""

    state: str
    worker_id: str
    version: str | None
    trace: NotRequired[str]
    restart: NotRequired[Restart]


@example(_TASK_STATE)
class TaskState(TypedDict):
    """A task's state; `trace` where it failed, `restart` where something is done about it."""

    id: int
    state: str
    worker_id: str
    version: str | None
    trace: NotRequired[str]
    restart: NotRequired[Restart]


@example(STATUS_EXAMPLE)
class ConnectorStateInfo(TypedDict):
    """The states of a connector and its tasks."""

    name: str
    connector: ConnectorState
    tasks: list[TaskState]
    type: str


class ExpandedConnector(TypedDict, total=False):
    """What `expand` asks for of one connector."""

    status: ConnectorStateInfo
    info: ConnectorInfo


class ActiveTopics(TypedDict):
    """The topics that a connector has used."""

    topics: list[str]


class Delivery(TypedDict):
    """How often each record arrives: exactly-once, at-least-once or at-most-once; `why` is for people."""

    guarantee: str
    why: str


class Rate(TypedDict):
    """How fast a connector may go, all of its tasks together, null: no limit; `throttled` are the numbers of the tasks
    that the limit holds up now."""

    records_per_second: float | None
    bytes_per_second: float | None
    throttled: list[int]


@example(
    {
        "name": NAME,
        "type": "source",
        "state": "RUNNING",
        "tasks": 1,
        "delivery": {
            "guarantee": "exactly-once",
            "why": "records and source offsets are committed in one transaction of the log",
        },
        "rate": {"records_per_second": 100.0, "bytes_per_second": None, "throttled": [0]},
        "gauges": {"0": {"slot.lag.bytes": 4096.0}},
        "waits": {"0": "postgresql://db.example:5432/shop: the server does not answer"},
    }
)
class ConnectorDelivery(TypedDict):
    """A connector, what it promises with its config, how fast it may go, and its plugin's figures by number of task."""

    name: str
    type: str
    state: str
    tasks: int
    delivery: Delivery
    rate: Rate
    gauges: dict[str, dict[str, float]]
    waits: dict[str, str]
