from __future__ import annotations

import pytest

from connect.api import DataError
from connect.runtime.causes import cause_of
from connect.runtime.tasks.task import render_trace


def raised(error: Exception) -> str:
    """The trace of a failure that was caused by another one."""
    try:
        try:
            raise ValueError("inner")
        except ValueError as inner:
            raise error from inner
    except Exception as caught:
        return render_trace(caught)


def test_an_error_of_ours_is_its_message_code_and_hint_and_no_place() -> None:
    found = cause_of(raised(DataError("Expecting value (topic t, offset 0)", hint="Mend the record.")))
    assert found is not None
    assert (found.message, found.code, found.hint) == (
        "Expecting value (topic t, offset 0)",
        "data.invalid",
        "Mend the record.",
    )
    assert (found.place, found.line) == ("", "data.invalid: Expecting value (topic t, offset 0)")


def test_a_strangers_exception_is_told_with_the_place_where_it_was_raised() -> None:
    found = cause_of(raised(RuntimeError("boom in poll")))
    assert found is not None
    assert (found.message, found.code, found.hint) == ("RuntimeError: boom in poll", "", "")
    assert found.place.endswith("in raised")
    assert __file__ in found.place


def test_a_message_of_several_lines_is_kept_whole() -> None:
    found = cause_of(raised(DataError("2 problems:\nkey a is wrong\nkey b [x] too", hint="See.")))
    assert found is not None
    assert (found.message, found.hint) == ("2 problems:\nkey a is wrong\nkey b [x] too", "See.")
    assert found.line == "data.invalid: 2 problems: key a is wrong key b [x] too"


@pytest.mark.parametrize(
    ("trace", "message", "place"),
    [
        ("no trace at all", "no trace at all", ""),
        (
            (
                "org.apache.kafka.connect.errors.ConnectException: it [broke]\n"
                "\tat org.apache.Foo.bar(Foo.java:1)\nCaused by: java.lang.X: y"
            ),
            "org.apache.kafka.connect.errors.ConnectException: it [broke]",
            "",
        ),
        (
            (
                "E: 1\n  + Exception Group Traceback (most recent call last):\n"
                '  |   File "/x.py", line 3, in poll\n  | E: 1'
            ),
            "E: 1",
            "/x.py, line 3, in poll",
        ),
    ],
)
def test_traces_of_others_are_understood(trace: str, message: str, place: str) -> None:
    found = cause_of(trace)
    assert found is not None
    assert (found.message, found.place) == (message, place)


def test_no_trace_has_no_cause() -> None:
    assert cause_of(None) is cause_of("") is cause_of(" \n") is None
