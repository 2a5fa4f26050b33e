"""Records and batches for tests, with what a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connect.api import Batch, Headers, Record

#: The topic of records that name none.
TOPIC = "topic"


def record(value: Any = "value", **changes: Any) -> Record:
    """Return a record of the topic "topic"; `changes` are attributes of `Record`."""
    return Record(changes.pop("topic", TOPIC), value, **changes)


def records(values: Iterable[Any], **changes: Any) -> list[Record]:
    """Return a record for each value; `changes` are the same for all."""
    return [record(value, **changes) for value in values]


def batch(values: Iterable[Any], **changes: Any) -> Batch:
    """Return a batch of the topic "topic"; `changes` are attributes of `Batch`."""
    return Batch(changes.pop("topic", TOPIC), list(values), **changes)


def headers(values: Mapping[str, Any]) -> Headers:
    """Return headers without schemas, in the order of a dict."""
    made = Headers()
    for name, value in values.items():
        made.add(name, value)
    return made
