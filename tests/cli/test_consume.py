"""`connect consume`: on a directory, and through the worker that owns it."""

from __future__ import annotations

import json

import pytest

from tests.support.command import assert_refused, connect, lines


def test_lines_go_in_and_come_out_with_keys(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    assert (
        connect("produce", "--topic", "t", "--key-separator", ":", *data, stdin=b"k1:v1\nk2:v2:x\nk3:").returncode == 0
    )
    out = connect("consume", "--topic", "t", "--from-beginning", "--max-messages", "3", "--print-key", *data)
    assert out.stdout.splitlines() == ["k1\tv1", "k2\tv2:x", "k3\t"]


def test_consume_takes_offsets_groups_and_json(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    connect("produce", "--topic", "t", *data, stdin=b"a\nb\nc\nd\n")
    assert connect("consume", "--topic", "t", "--offset", "2", "--max-messages", "1", *data).stdout == "c\n"
    group = ["--group", "g", "--from-beginning", "--max-messages", "2"]
    assert connect("consume", "--topic", "t", *group, *data).stdout == "a\nb\n"
    record = json.loads(connect("consume", "--topic", "t", *group, "--json", *data).stdout.splitlines()[0])
    assert (record["offset"], record["value"], record["key"]) == (2, "c", None)


def test_reading_begins_where_it_is_told(data: list[str]) -> None:
    lines("topic", "create", "t", *data)
    for line in (b"a\n", b"b\n", b"c\n"):
        lines("produce", "--topic", "t", *data, stdin=line)

    def first(*options: str) -> list[str]:
        return lines("consume", "--topic", "t", "--max-messages", "1", "--timeout-ms", "5000", *options, *data)

    [stamp] = lines("consume", "--topic", "t", "--offset", "1", "--max-messages", "1", "--format", r"%d\n", *data)
    assert first("--from-datetime", stamp) == ["b"]
    assert first("--from-datetime", "1970-01-01") == ["a"]
    assert first("--offset", "-1") == ["c"]
    assert first("--offset", "earliest") == ["a"]


@pytest.mark.parametrize(
    ("options", "exit_code", "code", "mentions"),
    [
        (("--from-beginning", "--max-messages", "5", "--timeout-ms", "1"), 1, "timeout", "only 1 of 5 records"),
        (("--offset", "9", "--timeout-ms", "1"), 1, "log.offset_out_of_range", "it holds 0 to 1"),
        (("--partition", "7"), 1, "log.unknown_topic_or_partition", "no partition 7"),
        (("--offset", "x"), 2, "config.invalid", "earliest, latest"),
        (("--offset", "\u00b2"), 2, "config.invalid", "earliest, latest"),
        (("--from-datetime", "soon"), 2, "config.invalid", "is not a date"),
        (("--offset", "1", "--from-beginning"), 2, "config.invalid", "exclude one another"),
        (("--format", "%y"), 2, "config.invalid", "'%y' stands for nothing"),
    ],
)
def test_what_cannot_be_read_is_told(
    data: list[str], options: tuple[str, ...], exit_code: int, code: str, mentions: str
) -> None:
    lines("topic", "create", "t", *data)
    lines("produce", "--topic", "t", *data, stdin=b"a\n")
    assert_refused(connect("consume", "--topic", "t", *options, *data), exit_code, code, mentions)
