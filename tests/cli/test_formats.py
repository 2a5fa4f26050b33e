"""How records are printed, and read back."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout

from connect.app import run
from tests.support.command import assert_refused, connect, lines, read


def test_bytes_that_are_no_text_are_shown_escaped(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    connect("produce", "--topic", "t", *data, stdin=b"\xff\xfe\n")
    assert connect("consume", "--topic", "t", "--from-beginning", "--max-messages", "1", *data).stdout == "\\xff\\xfe\n"


def test_bytes_differ_from_the_characters_that_show_them(data: list[str]) -> None:
    values = [b"\xff", b"\\xff", b"\\\xff", b"\\\\xff", b'{"a": "\\u00e9"}', "é".encode()]
    connect("topic", "create", "t", *data)
    lines("produce", "--topic", "t", *data, stdin=b"\n".join(values))
    assert read("t", 6, data) == ["\\xff", "\\\\xff", "\\\\\\xff", "\\\\\\\\xff", '{"a": "\\u00e9"}', "é"]
    shown = [json.loads(line)["value"] for line in read("t", 6, data, "--json")]
    assert shown == [{"base64": "/w=="}, "\\xff", {"base64": "XP8="}, "\\\\xff", '{"a": "\\u00e9"}', "é"]


def raw(topic: str, count: int, data: list[str]) -> bytes:
    """What `consume --format raw` writes to standard output."""
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    with redirect_stdout(out):
        run(
            [
                *("consume", "--topic", topic, "--from-beginning", "--max-messages", str(count)),
                *("--timeout-ms", "5000", "--format", "raw", *data),
            ]
        )
    return out.buffer.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_raw_values_come_back_byte_for_byte(data: list[str]) -> None:
    content = b"\xff\xfe\n\\xff\n\x00\r\n\n"
    connect("topic", "create", "t", *data)
    lines("produce", "--topic", "t", "--format", "raw", *data, stdin=content)
    assert raw("t", 4, data) == content


def test_what_no_writer_of_json_takes_as_it_is_ends_no_listing(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    deep, half = b'{"a":' * 300 + b"1" + b"}" * 300, b'{"a":"\\ud800"}'
    lines("produce", "--topic", "t", *data, stdin=deep + b"\n" + half)
    reader = ["--value-converter", "json", "--value-converter-property", "schemas.enable=false"]
    shown = [json.loads(line)["value"] for line in read("t", 2, data, "--json", *reader)]
    assert shown[1] == {"a": "\ud800"}
    for more in ([], reader):
        text = "\n".join(read("t", 2, data, "--format", "pretty", *more))
        assert "{'a': " in text  # what is nested very deep is shown as text
        assert ('"\\ud800"' in text) is bool(more)


def test_json_carries_records_over_whatever_is_in_them(data: list[str]) -> None:
    for topic in ("a", "b"):
        connect("topic", "create", topic, *data)
    records = [
        {"key": "k", "value": "two\nlines\r", "headers": [["h", {"base64": "/w=="}], ["n", None]], "timestamp": 7},
        {"key": None, "value": None},
        {"value": {"base64": "/w=="}},
    ]
    stdin = "\n".join(json.dumps(record) for record in records).encode()
    assert lines("produce", "--topic", "a", "--format", "json", *data, stdin=stdin) == ["appended 3 record(s) to a"]
    copied = "\n".join(read("a", 3, data, "--json")).encode()
    lines("produce", "--topic", "b", "--format", "json", *data, stdin=copied)
    keep = ("key", "value", "headers", "timestamp")
    first, second = ([{k: json.loads(line)[k] for k in keep} for line in read(t, 3, data, "--json")] for t in "ab")
    assert first == second
    assert first[0] == records[0]
    done = connect("produce", "--topic", "a", "--format", "json", *data, stdin=b'{"value": 1}')
    assert_refused(done, 2, "config.unreadable", "line 1", "int is neither")
