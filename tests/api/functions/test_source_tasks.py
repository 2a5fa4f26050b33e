from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from connect.api import (
    Batch,
    ConfigError,
    PluginError,
    Record,
    resume,
    source,
)
from tests.support.tasks import poll, source_task, stop

DEADLINE_S = 10.0
CONFIG = {"topic": "t", "count": "3"}


async def records_of(task: Any, count: int) -> list[Record]:
    found: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(found) < count:
            for batch in await poll(task):
                found += batch.records()
    return found


async def test_records_batches_and_values_come_in_their_order_with_their_own_places() -> None:
    @source
    def mixed(topic: str) -> Iterator[Any]:
        yield "plain"
        yield "placed", 1
        yield Record("other", "record", key="k"), {"line": 2, "file": "f"}, {"disk": 1}
        yield Record("other", "free")
        yield Batch("third", ["a", "b"]), 3, "part"
        yield "again", None
        yield {"a": 1}, 4
        yield ["a", "list", "is", "a", "value"], 5

    task = await source_task(mixed, {"topic": "t"})
    records = await records_of(task, 9)
    own = {"source": "mixed"}
    assert [(r.topic, r.value, r.source_partition, r.source_offset) for r in records] == [
        ("t", "plain", None, None),
        ("t", "placed", own, {"offset": 1}),
        ("other", "record", {"disk": 1}, {"line": 2, "file": "f"}),
        ("other", "free", None, None),
        ("third", "a", {"partition": "part"}, None),
        ("third", "b", {"partition": "part"}, {"offset": 3}),
        ("t", "again", None, None),
        ("t", {"a": 1}, own, {"offset": 4}),
        ("t", ["a", "list", "is", "a", "value"], own, {"offset": 5}),
    ]
    await stop(task)


async def test_each_part_of_a_source_goes_on_where_it_was() -> None:
    @source(names_topics=True)
    def parts() -> Iterator[Any]:
        for part in ("a", "b"):
            for n in range(resume(0, part), 2):
                yield Record(part, n), n + 1, part
        for n in range(resume({"n": 0}, {"disk": 1})["n"], 2):
            yield Record("disk", n), {"n": n + 1}, {"disk": 1}

    task = await source_task(parts, {}, [({"partition": "a"}, {"offset": 1}), ({"disk": 1}, {"n": 1})])
    assert [(r.topic, r.value) for r in await records_of(task, 4)] == [("a", 1), ("b", 0), ("b", 1), ("disk", 1)]
    assert list(parts.config_class.keys()) == []
    await stop(task)


@pytest.mark.parametrize("given", [("value", 1, "part", "more"), ("value",), ()])
async def test_a_tuple_that_is_no_record_and_offset_is_refused(given: tuple[Any, ...]) -> None:
    @source
    def odd(topic: str) -> Iterator[Any]:
        yield given

    task = await source_task(odd, {"topic": "t"})
    with pytest.raises(PluginError, match=r"odd.function returned tuple; expected .*\(record, offset\[, partition\]\)"):
        await records_of(task, 1)
    await stop(task)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("shared", "change"),
    [
        ({"n": 0}, lambda shared, n: shared.update(n=n)),
        ({"disk": {"n": 0}}, lambda shared, n: shared["disk"].update(n=n)),
        ([0], lambda shared, n: shared.__setitem__(0, n)),
    ],
)
async def test_an_offset_is_what_it_was_when_its_record_was_given_though_its_dict_goes_on(
    is_async: bool, shared: Any, change: Any
) -> None:
    def plain(topic: str) -> Iterator[Any]:
        for n in range(3):
            change(shared, n)
            yield n, shared, {"part": shared}

    async def awaited(topic: str) -> AsyncIterator[Any]:
        for item in plain(topic):
            yield item

    def offset(n: int) -> Any:
        change(shared, n)
        return json.loads(json.dumps(shared if isinstance(shared, dict) else {"offset": shared}))

    def partition(n: int) -> Any:
        change(shared, n)
        return json.loads(json.dumps({"part": shared}))

    task = await source_task(source(awaited if is_async else plain), {"topic": "t"})
    records = await records_of(task, 3)
    assert [record.source_offset for record in records] == [offset(n) for n in range(3)]
    assert [record.source_partition for record in records] == [partition(n) for n in range(3)]
    await stop(task)


async def test_a_generator_or_a_coroutine_that_a_function_returns_is_refused_as_a_record() -> None:
    def lines() -> Iterator[str]:
        yield "a"

    @functools.wraps(lines)
    def hidden() -> Any:
        return lines()

    task = await source_task(source(hidden), {"topic": "t"})
    with pytest.raises(PluginError, match=r"returned generator; expected .*@source stands above a generator itself"):
        await poll(task)
    await stop(task)


async def test_a_value_without_a_topic_is_refused_where_records_name_theirs() -> None:
    @source(names_topics=True)
    def odd() -> str:
        return "value"

    task = await source_task(odd, {})
    with pytest.raises(PluginError, match="names_topics=True"):
        await poll(task)


def test_resume_is_for_the_body_of_a_source() -> None:
    with pytest.raises(PluginError, match="for the body of a function with @source"):
        resume()


@pytest.mark.parametrize(
    ("default", "committed"),
    [
        (0, {"offset": True}),
        (0, {"offset": "x"}),
        (0, {"a": 1}),
        ("", {"offset": 1}),
        ({"n": 0}, {"offset": [1]}),
        ({"n": 0}, {"m": 1}),
    ],
)
async def test_an_offset_that_the_source_never_wrote_is_refused_with_what_was_expected(
    default: Any, committed: dict[str, Any]
) -> None:
    @source
    def careful(topic: str) -> Any:
        return resume(default)

    task = await source_task(careful, {"topic": "t"}, [({"source": "careful"}, committed)])
    with pytest.raises(ConfigError, match="expected one like") as raised:
        await poll(task)
    assert raised.value.code == "connector.foreign_offset"


@pytest.mark.parametrize("committed", [{"offset": 1.5}, {"offset": 2}])
async def test_an_offset_of_the_same_kind_is_given_as_it_is(committed: dict[str, Any]) -> None:
    @source
    def counting(topic: str) -> Any:
        return resume(0)

    task = await source_task(counting, {"topic": "t"}, [({"source": "counting"}, committed)])
    assert [batch.values for batch in await poll(task)] == [[committed["offset"]]]


async def test_what_an_earlier_version_of_the_source_did_not_write_is_as_it_begins() -> None:
    @source
    def newer(topic: str) -> Any:
        return resume({"n": 0, "page": "first"})

    task = await source_task(newer, {"topic": "t"}, [({"source": "newer"}, {"n": 7})])
    assert [batch.values for batch in await poll(task)] == [[{"n": 7, "page": "first"}]]


async def test_a_coroutine_that_nobody_awaited_is_refused_with_what_to_write() -> None:
    @source
    async def hasty(topic: str) -> AsyncIterator[Any]:
        yield asyncio.sleep(0), 1

    task = await source_task(hasty, {"topic": "t"})
    with pytest.raises(PluginError, match=r"returned coroutine.*; expected a value; write await in front of"):
        await records_of(task, 1)
    await stop(task)
