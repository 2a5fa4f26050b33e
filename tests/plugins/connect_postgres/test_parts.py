"""Where the parts of a table begin and end, and several read at once."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from connect.api import Batch, DataError
from connect_postgres.parts import Load, Part, cut, partition_of, parts_of, parts_of_blocks, parts_under_way

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def test_parts_are_of_equal_width_and_the_last_ends_at_the_end() -> None:
    assert cut(1, 101, 4) == [26, 51, 76, 101]
    assert cut(-5, -1, 2) == [-3, -1]
    assert cut(7, 7, 4) == [7]
    assert cut(1, 3, 9) == [2, 3]
    assert cut(START, START + dt.timedelta(microseconds=4), 2)[0] == START + dt.timedelta(microseconds=2)


def test_a_part_begins_where_the_one_before_ends() -> None:
    assert parts_of([3, 9]) == [Part(1, None, 3, "3,9"), Part(2, 3, 9, "3,9")]
    assert parts_of_blocks(10, 2, "s") == [Part(1, None, 5, snapshot="s"), Part(2, 5, None, snapshot="s")]
    assert parts_of_blocks(0, 4, "s") == [Part(1, None, None, snapshot="s")]
    assert parts_of_blocks(1, 4, "s") == [Part(1, None, None, snapshot="s")]


@pytest.mark.parametrize(
    "ends", [[-3, 4, 9], [START, START + dt.timedelta(microseconds=1)], [START.replace(tzinfo=None)]]
)
def test_any_parts_offset_says_what_all_parts_are(ends: list[Any]) -> None:
    parts = parts_of(ends)
    offsets = {str(partition_of("a.b", len(ends))): {"incrementing": 5, "ends": parts[0].ends}}
    assert parts_under_way(lambda partition: offsets.get(str(dict(partition))), "a.b") == parts
    assert parts_under_way(lambda partition: offsets.get(str(dict(partition))), "a.c") == []


@pytest.mark.parametrize("ends", ["", "1,x", 5])
def test_ends_that_are_none_are_refused_with_where_they_are(ends: object) -> None:
    with pytest.raises(DataError, match=r"'range': 1.*'ends' is"):
        parts_under_way(lambda partition: {"ends": ends}, "a.b")


class Reader:
    """Gives as many batches as it is told to."""

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.notes: list[tuple[int, str]] = []
        self.begun = False
        self._left = count

    @property
    def is_read(self) -> bool:
        return self._left == 0

    async def begin(self, connection: Any) -> None:
        self.begun = True

    async def poll(self, connection: Any, now: float) -> Batch | None:
        assert self.begun
        self._left -= 1
        return Batch(topic=self.name, values=[connection]) if self._left else None


async def test_a_load_gives_the_batches_of_all_parts_and_closes_what_it_opened() -> None:
    opened, closed = iter(range(9)), list[Any]()

    async def connect() -> Any:
        return next(opened)

    async def close(connection: Any) -> None:
        closed.append(connection)

    load = Load([Reader("a", 3), Reader("b", 2)], connect, close)
    await load.start()
    came = []
    while (found := await load.poll()) is not None:
        came.append((found[1].topic, found[1].values))
    assert sorted(came) == [("a", [0]), ("a", [0]), ("b", [1])]
    assert load.is_read
    await load.aclose()
    assert sorted(closed) == [0, 1]


async def test_what_a_part_raises_is_raised_and_the_others_are_ended() -> None:
    class Stuck(Reader):
        async def poll(self, connection: Any, now: float) -> Batch | None:
            await asyncio.Event().wait()
            return None

    class Broken(Reader):
        async def poll(self, connection: Any, now: float) -> Batch | None:
            raise DataError("broken")

    async def connect() -> Any:
        return None

    async def close(connection: Any) -> None:
        return None

    load = Load([Stuck("a", 1), Broken("b", 1)], connect, close)
    await load.start()
    with pytest.raises(DataError, match="broken"):
        await load.poll()
    await asyncio.wait_for(load.aclose(), 5)
