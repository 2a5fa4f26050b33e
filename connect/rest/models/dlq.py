"""Dead letters: queues, causes, letters, and the operations that replay or discard them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, ConfigValue, example
from connect.rest.models.errors import Error

_WHERE = "code = data.constraint and column = email"
_ID = "3f9c1a7be204"
_PATCH = [{"op": "replace", "path": "/value/email", "value": "unknown@example.org"}]


class ReplayLetters(
    Body, json_schema_extra={"examples": [{"where": _WHERE, "patch": _PATCH, "dry_run": True}]}, extra="forbid"
):
    """Letters to replay: those for which a condition holds; mended by a JSON patch, or by transforms."""

    where: str | None = Field(default=None, description="a condition, as text")
    patch: list[Any] | None = Field(default=None, description="an array of RFC 6902 operations")
    transforms: dict[str, ConfigValue] | None = Field(default=None, description="an object of config keys")
    to: str | None = Field(default=None, description="a topic's name, as text")
    dry_run: bool = Field(default=False, description="true or false")
    max_replays: Annotated[int, Field(ge=1, lt=1 << 31)] = Field(default=3, description="a whole number")
    out_of_order: bool = Field(default=False, description="true or false")
    previews: Annotated[int, Field(ge=0, lt=1 << 31)] = Field(default=20, description="a whole number")


class DiscardLetters(
    Body, json_schema_extra={"examples": [{"where": _WHERE, "reason": "test data of May"}]}, extra="forbid"
):
    """Letters to discard, and why."""

    reason: str = Field(description="text")
    where: str | None = Field(default=None, description="a condition, as text")
    dry_run: bool = Field(default=False, description="true or false")


# -- answers -------------------------------------------------------------------------------------------------------


class Queue(TypedDict):
    """A queue: which connectors' dead letters go there, and how many records it holds; null where it is not there."""

    topic: str
    connectors: list[str]
    size: int | None


@example({"queues": [{"topic": "orders-dead", "connectors": ["orders-sink"], "size": 3}]})
class Queues(TypedDict):
    """The queues that connectors name."""

    queues: list[Queue]


class Cause(TypedDict):
    """Letters of one cause; what is not known is empty. `first` and `last`: when they failed, ms since the epoch."""

    code: str
    exception: str
    stage: str
    sqlstate: str
    column: str
    count: int
    first: int
    last: int
    sample: str
    message: str
    connectors: list[str]


_CAUSE = {
    "code": "data.constraint",
    "exception": "org.apache.kafka.connect.errors.DataException",
    "stage": "TASK_PUT",
    "sqlstate": "23502",
    "column": "email",
    "count": 2,
    "first": 1763700000000,
    "last": 1763700009000,
    "sample": "orders-dead-0@0",
    "message": "null value in column",
    "connectors": ["orders-sink"],
}


@example(
    {
        "topic": "orders-dead",
        "size": 3,
        "scanned": 3,
        "open": 2,
        "replayed": 1,
        "discarded": 0,
        "matched": 2,
        "causes": [_CAUSE],
        "others": 0,
        "next": None,
    }
)
class Causes(TypedDict):
    """A part of a queue by causes; it goes on at `next`, null at the end. `others`: letters of causes beyond 500."""

    topic: str
    size: int
    scanned: int
    open: int
    replayed: int
    discarded: int
    matched: int
    causes: list[Cause]
    others: int
    next: str | None


class Letter(TypedDict):
    """A letter in short. `topic`, `partition` and `offset` are those of the record that failed, null where unknown."""

    letter: str
    state: str
    operation: str | None
    failed: int
    connector: str
    task: int | None
    topic: str
    partition: int | None
    offset: int | None
    replays: int
    code: str
    exception: str
    stage: str
    alias: str
    plugin: str
    message: str
    details: dict[str, str]


_LETTER = {
    "letter": "orders-dead-0@0",
    "state": "open",
    "operation": None,
    "failed": 1763700000000,
    "connector": "orders-sink",
    "task": 0,
    "topic": "orders",
    "partition": 0,
    "offset": 41,
    "replays": 0,
    "code": "data.constraint",
    "exception": "org.apache.kafka.connect.errors.DataException",
    "stage": "TASK_PUT",
    "alias": "",
    "plugin": "JdbcSinkConnector",
    "message": "null value in column",
    "details": {"sqlstate": "23502", "column": "email"},
}


@example({"letters": [_LETTER], "scanned": 3, "next": None})
class Letters(TypedDict):
    """Letters of a queue; it goes on at `next`, null at the end."""

    letters: list[Letter]
    scanned: int
    next: str | None


class Decoded(TypedDict):
    """A record as its connector's converters read it."""

    key: Any
    key_schema: str | None
    value: Any
    value_schema: str | None


class SettledBy(TypedDict):
    """The operation that replayed or discarded a letter."""

    kind: str
    queue: str
    at: int
    reason: str | None
    to: str | None


@example(
    {
        **_LETTER,
        "record": '{"key":"7","value":{"id":7},"headers":[],"timestamp":1763700000000}',
        "decoded": {"key": "7", "key_schema": "STRING", "value": {"id": 7}, "value_schema": None},
        "undecoded": None,
        "stacktrace": "Traceback ...",
        "source_partition": "",
        "source_offset": "",
        "settled_by": None,
    }
)
class LetterDetail(Letter):
    """A letter whole. `record` is what a patch works on, as JSON text, cut where it is long; `undecoded` says why
    there is nothing decoded."""

    record: str
    decoded: Decoded | None
    undecoded: str | None
    stacktrace: str
    source_partition: str
    source_offset: str
    settled_by: SettledBy | None


class Left(TypedDict):
    """A letter that is left where it is, and why."""

    letter: str
    reason: str


class Preview(TypedDict):
    """What a replay would send: the record as JSON text before and after, and where to."""

    letter: str
    topic: str
    connector: str | None
    before: str
    after: str


_OPERATION = {
    "id": _ID,
    "kind": "replay",
    "topic": "orders-dead",
    "where": _WHERE,
    "dry_run": False,
    "to": None,
    "reason": None,
    "state": "done",
    "cancelled": False,
    "started": 1763700000000,
    "ended": 1763700000100,
    "error": None,
    "scanned": 3,
    "total": 3,
    "matched": 2,
    "done": 1,
    "duplicates": 0,
    "held_back": 0,
    "refused": 1,
    "problems": [{"letter": "orders-dead-0@2", "reason": "it was replayed 3 times before"}],
    "previews": [],
}


@example(_OPERATION)
class Operation(TypedDict):
    """A replay or discard. `state` is running, done, cancelled or failed; `done` counts letters that it settled, or
    with `dry_run` would have."""

    id: str
    kind: str
    topic: str
    where: str
    dry_run: bool
    to: str | None
    reason: str | None
    state: str
    cancelled: bool
    started: int
    ended: int | None
    error: Error | None
    scanned: int
    total: int
    matched: int
    done: int
    duplicates: int
    held_back: int
    refused: int
    problems: list[Left]
    previews: list[Preview]


@example({"operations": [_OPERATION]})
class OperationList(TypedDict):
    """The operations of this worker's life, the newest first."""

    operations: list[Operation]
