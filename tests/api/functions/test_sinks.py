from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, PluginError, Record, RetriableError, SinkConnector, SinkTaskContext, sink
from tests.support.tasks import connector, put, sink_task, stop

LINES: list[str] = []


@sink
def called(records: list[Record], prefix: str = "") -> None:
    """Write."""
    LINES.extend(f"{prefix}{record.value}" for record in records)


@sink
async def awaited(records: list[Record], prefix: str = "") -> None:
    """Write."""
    LINES.extend(f"{prefix}{record.value}" for record in records)


@sink
def called_with_batches(batch: Batch, prefix: str = "") -> None:
    """Write."""
    LINES.extend(f"{prefix}{value}" for value in batch.values)


@sink
def sent(prefix: str = "") -> Generator[None, list[Record], None]:
    """Write."""
    while True:
        records = yield
        LINES.extend(f"{prefix}{record.value}" for record in records)


@sink
async def sent_later(prefix: str = "") -> AsyncGenerator[None, Batch]:
    """Write."""
    while True:
        batch = yield
        LINES.extend(f"{prefix}{value}" for value in batch.values)


FORMS = [called, awaited, called_with_batches, sent, sent_later]


@pytest.mark.parametrize("form", FORMS)
async def test_each_form_of_a_function_is_given_the_records_and_its_config(form: type[SinkConnector]) -> None:
    LINES.clear()
    task = await sink_task(form, {"prefix": ">"})
    await put(task, Batch("t", ["a", "b"]), Batch("t", ["c"]))
    await stop(task)
    assert LINES == [">a", ">b", ">c"]


@pytest.mark.parametrize("form", FORMS)
async def test_a_functions_sink_has_as_many_tasks_as_it_may(form: type[SinkConnector]) -> None:
    made = await connector(form, {"prefix": "x"})
    assert made.task_configs(3) == [{"prefix": "x"}] * 3
    assert list(form.config_class.keys()) == ["prefix"]


async def test_a_generator_opens_once_and_is_closed_at_its_yield(tmp_path: Path) -> None:
    events: list[str] = []

    @sink
    def file(path: str) -> Generator[None, list[Record], None]:
        with Path(path).open("a") as out:
            events.append("open")
            try:
                while True:
                    out.writelines(f"{record.value}\n" for record in (yield))
                    out.flush()
            finally:
                events.append("closed")

    task = await sink_task(file, {"path": str(tmp_path / "out")})
    await put(task, Batch("t", [1]), Batch("t", [2]))
    assert events == ["open"]
    await stop(task)
    assert events == ["open", "closed"]
    assert (tmp_path / "out").read_text() == "1\n2\n"


def sent_and_away(opened: list[int]) -> Callable[..., Any]:
    def write() -> Generator[None, list[Record], None]:
        opened.append(len(opened))
        yield
        raise RetriableError("away")

    return write


def sent_later_and_away(opened: list[int]) -> Callable[..., Any]:
    async def write() -> AsyncGenerator[None, list[Record]]:
        opened.append(len(opened))
        yield
        raise RetriableError("away")

    return write


@pytest.mark.parametrize("form", [sent_and_away, sent_later_and_away])
async def test_a_generator_that_raised_is_begun_anew_by_the_next_put(form: Callable[..., Any]) -> None:
    opened: list[int] = []
    task = await sink_task(sink(form(opened)), {})
    for _ in range(2):
        with pytest.raises(RetriableError, match="away"):
            await put(task, Batch("t", [1]))
    assert opened == [0, 1]
    await stop(task)


def ends_at_once() -> Generator[None, list[Record], None]:
    """Write nothing."""
    yield from ()


async def ends_at_once_later() -> AsyncGenerator[None, list[Record]]:
    """Write nothing."""
    return
    yield


@pytest.mark.parametrize("function", [ends_at_once, ends_at_once_later])
async def test_a_generator_without_a_yield_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(PluginError, match="ended without a yield; expected a loop around its yield"):
        await sink_task(sink(function), {})


def ends_in_a_put() -> Generator[None, list[Record], None]:
    """Write once."""
    yield


async def ends_in_a_put_later() -> AsyncGenerator[None, list[Record]]:
    """Write once."""
    yield


@pytest.mark.parametrize("function", [ends_in_a_put, ends_in_a_put_later])
async def test_a_generator_that_ends_within_a_put_is_refused(function: Callable[..., Any]) -> None:
    task = await sink_task(sink(function), {})
    with pytest.raises(PluginError, match="came to its end within a put"):
        await put(task, Batch("t", [1]))
    await stop(task)


async def test_what_a_function_returns_is_refused_since_nobody_would_look_at_it() -> None:
    @sink
    def odd(records: list[Record]) -> int:
        return len(records)

    task = await sink_task(odd, {})
    with pytest.raises(PluginError, match=r"odd\.function returned int 1; expected nothing"):
        await put(task, Batch("t", [1]))


async def test_a_sink_may_take_the_context() -> None:
    @sink(class_name="org.example.Counting")
    def counting(records: list[Record], context: SinkTaskContext) -> Awaitable[None] | None:
        context.request_commit()
        return None

    task = await sink_task(counting, {})
    await put(task, Batch("t", [1]))
    assert task.context.commits_requested == 1
    assert counting.plugin_name() == "org.example.Counting"


def test_a_sink_of_one_record_is_refused_with_what_it_should_take() -> None:
    def one(record: Record) -> None:
        """Write."""

    with pytest.raises(TypeError, match=r"takes one record; expected all that come together: records: list\[Record\]"):
        sink(one)


def test_a_sink_whose_first_parameter_is_a_key_is_refused_with_what_comes_first() -> None:
    def without_records(out: str) -> None:
        """Write."""

    def with_default(records: list[Record] | None = None) -> None:
        """Write."""

    for function, name in ((without_records, "out"), (with_default, "records")):
        told = rf"has '{name}' in front, where it is given records: list\[Record\], or batch: Batch"
        with pytest.raises(TypeError, match=told):
            sink(function)
