from __future__ import annotations

import traceback
from typing import Any

from connect.api import Batch, DataError, Header, Headers
from connect.records import Columns, FetchedBatch
from connect.runtime.model import TaskId
from connect.runtime.tasks.failures import Failure
from connect.runtime.tasks.letters import TRACE, Letter, Traces, Writer, columns_of
from tests.support.factories import make_sink_batch

WRITER = Writer(TaskId("c", 3), with_context=True)


def raised(message: str, cause: Exception | None = None) -> DataError:
    try:
        raise DataError(message) from cause
    except DataError as error:
        return error


def failure(batch: Batch, index: int = 0, error: Exception | None = None, **more: Any) -> Failure:
    return Failure(error or DataError("bad"), "converter", batch, index, "VALUE_CONVERTER", None, **more)


def told(letter: Letter) -> dict[str, bytes | None]:
    return {name.removeprefix("__connect.errors."): value for name, value in letter.context}


def test_a_sinks_letters_are_its_bytes_in_their_order_and_each_once() -> None:
    fetched = [
        FetchedBatch("orders", 1, range(7, 9), Columns([b"a", b"b"], keys=[b"k", b"l"], timestamps=5), 9),
        FetchedBatch("orders", 0, [3, 5], Columns([b"c", b"d"], headers=[None, [("own", b"1")]]), 6),
    ]
    second = make_sink_batch(["D"], partition=0, base_offset=5)
    first = make_sink_batch(["B"], partition=1, base_offset=8)
    letters = WRITER.letters([failure(second), failure(first), failure(first, error=DataError("again"))], fetched)
    assert [(letter.key, letter.value, letter.timestamp) for letter in letters] == [(b"l", b"b", 5), (None, b"d", 0)]
    assert (letters[1].own, told(letters[0])["exception.message"]) == ([("own", b"1")], b"bad")
    assert columns_of(letters).values == [b"b", b"d"]


def test_a_sources_letter_is_json_with_its_source_coordinates() -> None:
    batch = Batch(
        "t",
        [{"a": 1}, {"a": b"\x00"}],
        keys=["k", None],
        timestamps=[1, 2],
        headers=[None, Headers([Header("h", "text", None), Header("n", 5, None)])],
        source_partition={"file": "f"},
        source_offset={"line": 2},
    )
    [letter] = WRITER.letters([failure(batch, 1)])
    assert (letter.key, letter.value, letter.timestamp) == (None, b'{"a":{"base64":"AA=="}}', 2)
    assert letter.own == [("h", b"text"), ("n", b"5")]
    found = told(letter)
    assert (found["source.partition"], found["source.offset"]) == (b'{"file":"f"}', b'{"line":2}')
    assert (found["value.form"], found["key.form"], found["topic"]) == (b"json", b"bytes", b"t")
    assert "offset" not in found
    assert "partition" not in found


def test_what_was_bytes_on_its_way_into_the_log_is_kept_as_these() -> None:
    columns = Columns([b"\x01"], keys=[b"k"], timestamps=9, headers=[[("h", b"x")]])
    [letter] = WRITER.letters([failure(Batch("t", [b"\x01"]), columns=columns)])
    assert (letter.key, letter.value, letter.timestamp, letter.own) == (b"k", b"\x01", 9, [("h", b"x")])
    assert told(letter)["value.form"] == b"bytes"


def test_a_sinks_record_that_a_transform_has_made_is_json_too() -> None:
    [letter] = WRITER.letters([failure(Batch("t", [[1]]))], [FetchedBatch("t", 0, range(1), Columns([b"x"]), 1)])
    assert letter.value == b"[1]"


def test_without_context_there_is_nothing_but_the_record() -> None:
    [letter] = Writer(TaskId("c", 0), with_context=False).letters([failure(Batch("t", ["v"]))])
    assert letter.context == []


def test_a_trace_is_as_python_prints_it() -> None:
    chained = raised("outer", raised("inner", ValueError("at first")))
    during: Exception = ValueError()
    try:
        try:
            raise KeyError("k")
        except KeyError:
            raise ValueError("v")  # noqa: B904 - that is what is shown
    except ValueError as error:
        during = error
    group = ExceptionGroup("g", [ValueError("x")])
    traces = Traces()
    noted = raised("with a note")
    noted.add_note("which is this")
    several = [chained, during, group, noted, DataError("never raised"), KeyError(), SyntaxError("x"), chained]
    for error in several:
        assert traces.of(error) == "".join(traceback.format_exception(error))


def test_of_a_letter_that_is_too_large_the_beginning_of_the_trace_goes_first() -> None:
    [letter] = WRITER.letters([failure(Batch("t", ["v"]), error=raised("x" * 5000 + " is what happened"))])
    smaller = letter.without_trace(3000)
    assert letter.size_bytes - smaller.size_bytes >= 3000
    trace = dict(smaller.context)[TRACE] or b""
    assert trace.startswith(b"[cut")
    assert trace.endswith(b"is what happened\n")
    assert (
        dict(letter.without_trace(1 << 20).context)[TRACE] == b"[cut, since the letter was too large for its topic] ..."
    )
    assert letter.bare().context == []
