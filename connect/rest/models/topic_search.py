"""Records of a topic that somebody looks for."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from connect.rest.models.base import example


class FoundHeader(TypedDict):
    """A header of a record."""

    name: str
    value: Any


class FoundRecord(TypedDict):
    """A record as it was decoded; bytes that are no text are {"base64": text}. `timestamp` is in ms since the epoch,
    `size_bytes` is of key, value and headers. `error` says why a converter could not read it, and it is shown as it is.
    """

    partition: int
    offset: int
    timestamp: int
    key: Any
    value: Any
    headers: list[FoundHeader]
    size_bytes: int
    error: str | None


@example(
    {
        "records": [
            {
                "partition": 0,
                "offset": 41,
                "timestamp": 1763700000000,
                "key": "7",
                "value": {"id": 7},
                "headers": [{"name": "h", "value": "x"}],
                "size_bytes": 10,
                "error": None,
            }
        ],
        "scanned": 42,
        "next": "0:42",
        "end": False,
    }
)
class FoundRecords(TypedDict):
    """What was found among the `scanned` records. `next` goes on behind them; at the `end` of all partitions it is
    null."""

    records: list[FoundRecord]
    scanned: int
    next: str | None
    end: bool
