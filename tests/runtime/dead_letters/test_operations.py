"""Operations run in the background, one a queue, and end when the worker does."""

from __future__ import annotations

import asyncio

import pytest

from connect.api import ConflictError, DataError, NotFoundError
from connect.runtime.dead_letters.operations import KEPT_MAX, PROBLEMS_MAX, RUNNING_MAX, Operation, Operations
from tests.support.worker import until


def operation(id_: str, queue: str = "dead", *, dry_run: bool = False) -> Operation:
    return Operation(id_, "replay", queue, "", dry_run, 0)


async def nothing(_: Operation) -> None:
    """Ends at once."""


async def until_cancelled(one: Operation) -> None:
    await until(lambda: one.is_cancelled)


async def test_an_operation_is_done_cancelled_or_failed() -> None:
    operations = Operations(lambda: 9)

    async def failing(_: Operation) -> None:
        raise DataError("no")

    async def broken(_: Operation) -> None:
        raise ZeroDivisionError("oh")

    for id_, work, state in (("a", nothing, "done"), ("b", failing, "failed"), ("c", broken, "failed")):
        operations.begin(operation(id_), work)
        ended = await operations.wait(id_, 10)
        assert (ended.state, ended.ended_ms) == (state, 9)
    assert [one.id for one in operations.all()] == ["c", "b", "a"]
    assert str(operations.get("c").error) == "ZeroDivisionError: oh"
    operations.begin(operation("d"), until_cancelled)
    operations.cancel("d")
    assert (await operations.wait("d", 10)).state == "cancelled"
    operations.cancel("a")
    assert (operations.get("a").state, operations.get("a").is_cancelled) == ("done", False)
    with pytest.raises(NotFoundError):
        operations.cancel("none")


async def test_one_works_on_a_queue_and_dry_runs_disturb_nobody() -> None:
    operations = Operations(lambda: 0)
    operations.begin(operation("a"), until_cancelled)
    operations.begin(operation("b", "other"), nothing)
    operations.begin(operation("c", dry_run=True), nothing)
    with pytest.raises(ConflictError) as raised:
        operations.begin(operation("d"), nothing)
    assert raised.value.code == "dlq.busy"
    await operations.aclose()
    assert operations.get("a").state == "cancelled"


async def test_what_does_not_end_is_cut_off_with_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.runtime.dead_letters.operations.END_S", 0.05)
    operations = Operations(lambda: 0)

    async def never(_: Operation) -> None:
        await asyncio.Event().wait()

    operations.begin(operation("a"), never)
    await operations.aclose()
    assert operations.get("a").state == "cancelled"


async def test_only_the_last_operations_and_the_first_problems_are_kept() -> None:
    operations = Operations(lambda: 0)
    for number in range(KEPT_MAX + 20):
        operations.begin(operation(str(number)), nothing)
        await operations.wait(str(number), 10)
    assert len(operations.all()) == KEPT_MAX
    one = operation("x")
    for number in range(PROBLEMS_MAX + 5):
        one.leave(f"dead-0@{number}", "w" * 1000, held_back=number == 0)
    assert (len(one.problems), one.refused, one.held_back) == (PROBLEMS_MAX, PROBLEMS_MAX + 4, 1)
    assert len(one.problems[0][1]) == 500


@pytest.mark.parametrize("dry_run", [True, False])
async def test_so_many_run_at_one_time_and_no_more(dry_run: bool) -> None:
    operations = Operations(lambda: 9)
    for number in range(RUNNING_MAX):
        operations.begin(operation(str(number), f"dead-{number}", dry_run=dry_run), until_cancelled)
    with pytest.raises(ConflictError, match=f"{RUNNING_MAX} operations are under way"):
        operations.begin(operation("more", "other", dry_run=dry_run), until_cancelled)
    operations.cancel("0")
    await operations.wait("0", 10)
    operations.begin(operation("more", "other", dry_run=dry_run), until_cancelled)
    await operations.aclose()
    assert {one.state for one in operations.all()} == {"cancelled"}
