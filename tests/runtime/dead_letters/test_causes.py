from __future__ import annotations

from connect.runtime.dead_letters.causes import CAUSES_MAX, Causes
from connect.runtime.dead_letters.letters import Cause, Letter


def letter(offset: int, code: str = "data.invalid", failed_ms: int = 0, **details: str) -> Letter:
    cause = Cause(code, "E", "TASK_PUT", message=f"m{offset}", details=details)
    return Letter("dead", 0, offset, 0, None, None, [], cause, "s", failed_ms=failed_ms)


def test_letters_are_counted_by_cause_with_first_last_and_a_sample() -> None:
    causes = Causes()
    for one in (letter(0, failed_ms=5), letter(1, failed_ms=3), letter(2, column="a"), letter(3, failed_ms=9)):
        causes.take(one)
    most, other = causes.counts()
    assert (most.count, most.first_ms, most.last_ms, most.sample, most.message) == (3, 3, 9, "dead-0@0", "m0")
    assert (other.count, other.column, other.connectors) == (1, "a", ["s"])


def test_causes_without_end_take_no_more_room() -> None:
    causes = Causes()
    for number in range(CAUSES_MAX + 7):
        causes.take(letter(number, code=str(number)))
    assert (len(causes.counts()), causes.others) == (CAUSES_MAX, 7)
