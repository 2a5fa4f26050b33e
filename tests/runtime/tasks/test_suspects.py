from __future__ import annotations

import pytest

from connect.api import DataError, PluginError
from connect.runtime.tasks.failures import Failure
from connect.runtime.tasks.suspects import FAILING_MAX_S, ROW_MAX, TRIES_AT_THE_END, Suspects, may_be_a_records
from tests.support.factories import make_sink_batch


def failed_with(cause: BaseException) -> PluginError:
    error = PluginError("put failed", code="plugin.failed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("cause", [KeyError("x"), ValueError("x"), AttributeError("x"), RecursionError()])
def test_what_a_record_may_make_a_sink_raise(cause: Exception) -> None:
    assert may_be_a_records(failed_with(cause))
    assert may_be_a_records(failed_with(ExceptionGroup("several", [cause])))


@pytest.mark.parametrize(
    "cause",
    [
        *(ConnectionResetError(), TimeoutError(), OSError(28, "full"), FileNotFoundError(), NotImplementedError()),
        *(ImportError("x"), MemoryError(), SystemExit(1), KeyboardInterrupt()),
    ],
)
def test_what_no_record_makes_a_sink_raise(cause: BaseException) -> None:
    assert not may_be_a_records(failed_with(cause))


def test_what_says_of_itself_what_it_is_is_no_suspect() -> None:
    assert not may_be_a_records(DataError("bad"))
    assert not may_be_a_records(PluginError("returned None"))
    assert not may_be_a_records(PluginError("no cause is known", code="plugin.failed"))


def failure(offset: int = 0) -> Failure:
    return Failure(failed_with(KeyError()), "put", make_sink_batch(["x"], base_offset=offset), 0, "TASK_PUT", None)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_record_that_is_taken_behind_them_is_the_witness_of_all() -> None:
    suspects = Suspects()
    suspects.begin(5)
    suspects.taken()
    for offset in range(2):
        assert suspects.wait_ms() is None
        suspects.add(failure(offset))
    assert len(suspects.believed()) == 2
    assert not suspects


def test_where_nothing_of_a_fetch_was_taken_yet_the_first_is_put_again_once() -> None:
    suspects = Suspects()
    suspects.begin(5)
    assert suspects.wait_ms() == 300
    assert suspects.wait_ms() is None


def test_where_none_of_several_is_taken_none_is_believed() -> None:
    suspects = Suspects()
    suspects.begin(2)
    suspects.taken()
    suspects.begin(2)  # what was taken of the fetch before is no witness of this one
    suspects.add(failure(1))
    suspects.add(failure(2))
    assert not suspects.are_believable


def test_the_only_one_of_a_fetch_is_put_again_and_believed_twice_in_a_row_if_any_was_ever_taken() -> None:
    suspects = Suspects()
    suspects.begin(1)
    suspects.add(failure())
    assert not suspects.are_believable
    suspects.begin(1)
    suspects.taken()
    believed = []
    for _ in range(3):
        suspects.begin(1)
        waits = [suspects.wait_ms() for _ in range(TRIES_AT_THE_END + 1)]
        assert waits == [300, 600, 1200, None]
        suspects.add(failure())
        believed.append(suspects.are_believable)
        suspects.believed(taken=False)
    assert believed == [True, True, False]


def test_many_in_a_row_are_a_broken_sink() -> None:
    suspects = Suspects()
    suspects.begin(1000)
    suspects.taken()
    for offset in range(ROW_MAX):
        assert not suspects.is_over
        suspects.add(failure(offset))
    assert suspects.is_over


def test_so_is_one_that_takes_nothing_for_long() -> None:
    clock = Clock()
    suspects = Suspects(clock)
    suspects.begin(1000)
    suspects.refused()
    clock.now_s += FAILING_MAX_S + 1
    assert suspects.is_over
    suspects.taken()
    assert not suspects.is_over


def test_those_that_are_new_are_told_once() -> None:
    suspects = Suspects()
    suspects.begin(9)
    suspects.taken()
    suspects.add(failure(1))
    assert len(suspects.new()) == 1
    suspects.add(failure(2))
    assert [one.place and one.place[1] for one in suspects.new()] == [2]
    assert [batch.offsets and batch.offsets[0] for batch in suspects.batches()] == [1, 2]
