from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from connect.api import (
    ExactlyOnceSupport,
    Record,
    RetriableError,
    SourceConnector,
    SourceTaskContext,
    resume,
    source,
)
from tests.support.tasks import connector, poll, source_task, stop

DEADLINE_S = 10.0
CONFIG = {"topic": "t", "count": "3"}


@source
def yielding(count: int) -> Iterator[tuple[str, int]]:
    """Count up."""
    for n in range(resume(0), count):
        yield f"tick {n}", n + 1


@source
async def yielding_later(count: int) -> AsyncIterator[tuple[str, int]]:
    """Count up."""
    for n in range(resume(0), count):
        await asyncio.sleep(0)
        yield f"tick {n}", n + 1


@source
def returning(count: int) -> Any:
    """Count up."""
    n = resume(0)
    return (f"tick {n}", n + 1) if n < count else None


@source
async def returning_later(count: int) -> Any:
    """Count up."""
    n = resume(0)
    return [(f"tick {n}", n + 1)] if n < count else []


FORMS = [yielding, yielding_later, returning, returning_later]


async def records_of(task: Any, count: int) -> list[Record]:
    found: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(found) < count:
            for batch in await poll(task):
                found += batch.records()
    return found


@pytest.mark.parametrize("form", FORMS)
async def test_each_form_of_a_function_gives_records_with_their_offsets_and_then_nothing(
    form: type[SourceConnector],
) -> None:
    task = await source_task(form, CONFIG)
    records = await records_of(task, 3)
    assert [(r.topic, r.value, r.source_offset) for r in records] == [
        ("t", f"tick {n}", {"offset": n + 1}) for n in range(3)
    ]
    assert {r.source_partition["source"] for r in records if r.source_partition} == {form.__name__}
    assert await poll(task) == []
    await stop(task)


@pytest.mark.parametrize("form", FORMS)
async def test_each_form_goes_on_behind_every_offset(form: type[SourceConnector]) -> None:
    for n in range(4):
        task = await source_task(form, CONFIG, [({"source": form.__name__}, {"offset": n})])
        assert [r.value for r in await records_of(task, 3 - n)] == [f"tick {m}" for m in range(n, 3)]
        await stop(task)


@pytest.mark.parametrize("form", FORMS)
async def test_a_functions_source_is_one_task_with_the_key_topic(form: type[SourceConnector]) -> None:
    made = await connector(form, CONFIG)
    assert made.task_configs(8) == [CONFIG]
    assert list(form.config_class.keys()) == ["topic", "count"]
    assert form.plugin_name() == f"{__name__}.{form.__name__}"
    assert made.exactly_once_support() is None


async def test_a_generator_that_raised_begins_again_behind_what_it_gave() -> None:
    runs: list[int] = []

    @source
    def shaky(topic: str) -> Iterator[Any]:
        runs.append(resume(0))
        for n in range(runs[-1], 6):
            if n == 3 and len(runs) == 1:
                raise RetriableError("away")
            yield n, n + 1

    task = await source_task(shaky, {"topic": "t"})
    assert [r.value for r in await records_of(task, 3)] == [0, 1, 2]
    with pytest.raises(RetriableError, match="away"):
        await records_of(task, 1)
    assert [r.value for r in await records_of(task, 3)] == [3, 4, 5]
    assert runs == [0, 3]
    await stop(task)


async def test_a_generator_is_begun_again_after_its_interval_and_no_sooner() -> None:
    runs: list[int] = []

    @source(interval_s=0.05)
    def again(topic: str) -> Iterator[Any]:
        runs.append(resume(0))
        yield len(runs), len(runs)

    assert again.config_class.keys()["poll.interval.ms"].default == 50
    task = await source_task(again, {"topic": "t"})
    assert [r.value for r in await records_of(task, 3)] == [1, 2, 3]
    assert runs[:3] == [0, 1, 2]
    await stop(task)
    patient = await source_task(again, {"topic": "t", "poll.interval.ms": "3600000"})
    assert len(await records_of(patient, 1)) == 1
    assert await poll(patient) == []
    assert len(runs) == 4
    await stop(patient)


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_plain_function_is_called_again_after_its_interval(is_async: bool) -> None:
    calls: list[int] = []

    def of_now(topic: str) -> int:
        calls.append(1)
        return len(calls)

    async def of_later(topic: str) -> int:
        calls.append(1)
        return len(calls)

    form = source(interval_s=3600)(of_later if is_async else of_now)
    task = await source_task(form, {"topic": "t"})
    assert [r.value for r in await records_of(task, 1)] == [1]
    assert await poll(task) == []
    assert len(calls) == 1
    await stop(task)


async def test_a_function_may_take_the_context_and_wait_on_it() -> None:
    seen: list[SourceTaskContext] = []

    @source
    def waiting(topic: str, context: SourceTaskContext) -> Iterator[Any]:
        seen.append(context)
        yield 1
        context.stopping.wait(DEADLINE_S)

    task = await source_task(waiting, {"topic": "t"})
    assert [r.value for r in await records_of(task, 1)] == [1]
    assert seen == [task.context]
    await stop(task)
    assert not [thread for thread in threading.enumerate() if "waiting" in thread.name]


async def test_a_source_says_that_it_can_be_delivered_exactly_once_and_by_which_names_it_goes() -> None:
    @source(exactly_once=True, class_name="org.example.Ticks", aliases=("org.example.Old",))
    def ticks(topic: str) -> None:
        """Give nothing."""

    made = await connector(ticks, {"topic": "t"})
    assert made.exactly_once_support() is ExactlyOnceSupport.SUPPORTED
    silent = source(ticks.function)
    assert silent.exactly_once_support is SourceConnector.exactly_once_support  # so nobody says that it can be
    assert (ticks.plugin_name(), ticks.aliases) == ("org.example.Ticks", ("org.example.Old",))


def test_a_function_says_whether_a_preview_may_run_it() -> None:
    @source(previews=True)
    def looks(topic: str) -> None: ...

    @source
    def takes(topic: str) -> None: ...

    assert (looks.task_class.previews, takes.task_class.previews) == (True, False)
