"""The certificate of a sink: right ones pass it. Wrong ones: test_faulty_sinks.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connect.api import DataError, FailedRecord, Record, RetriableError, sink
from connect.testing.suites import SinkSuite


@sink
def collect(records: list[Record], out: str) -> None:
    """Append lines to a file.

    Args:
        out: The file.
    """
    append(records, out)


@sink
async def async_collect(records: list[Record], out: str) -> None:
    """Append lines to a file.

    Args:
        out: The file.
    """
    await asyncio.sleep(0)
    await asyncio.to_thread(append, records, out)


def append(records: list[Record], out: str) -> None:
    bad = [n for n, record in enumerate(records) if not isinstance(record.value, str) or "\ud800" in record.value]
    if bad:
        raise DataError("a value is no text", failed=[FailedRecord(n, "it is no text") for n in bad])
    text = "".join(f"{record.value!r}\n" for record in records)
    try:
        with open(out, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
    except OSError as error:
        raise RetriableError(f"{out} is away: {error}") from error


class CollectSuite(SinkSuite):
    """What suites of sinks that append lines to a file have in common."""

    kills = 3

    def make_config(self, folder: Path) -> dict[str, str]:
        return {"out": str(folder / "out.txt")}

    def read(self, folder: Path) -> list[Any]:
        out = folder / "out.txt"
        return [line.strip("'") for line in out.read_text().split("\n")[:-1]] if out.exists() else []

    def as_read(self, record: Record) -> Any:
        return repr(record.value).strip("'")

    def bad_record(self) -> Record | None:
        return Record(self.topic, 5, key="bad")

    @contextmanager
    def target_down(self, folder: Path) -> Iterator[None]:
        out, away = folder / "out.txt", folder / "away.txt"
        if out.exists():
            out.rename(away)
        out.mkdir()
        yield
        out.rmdir()
        if away.exists():
            away.rename(out)


class TestCollect(CollectSuite):
    connector = collect


class TestAsyncCollect(CollectSuite):
    connector = async_collect
