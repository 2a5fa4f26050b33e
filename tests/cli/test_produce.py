"""`connect produce`: on a directory, and through the worker that owns it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import assert_refused, connect, lines, read, running


def test_a_record_that_is_too_large_is_refused_with_the_limit(data: list[str]) -> None:
    connect("topic", "create", "small", "--config", "max.message.bytes=1000", *data)
    assert_refused(connect("produce", "--topic", "small", *data, stdin=b"x" * 5000), 1, "log.record_too_large", "1000")
    assert (
        json.loads(connect("topic", "describe", "small", "--json", *data).stdout)["partitions"][0]["log_end_offset"]
        == 0
    )


def test_records_take_keys_headers_nulls_and_a_codec(data: list[str]) -> None:
    lines("topic", "create", "t", *data)
    given = b"k1\tv1\nk2\tNULL\nk3\t\n"
    lines(
        "produce",
        "--topic",
        "t",
        "--parse-key",
        "--null-marker",
        "NULL",
        "--headers",
        "a=1,b=x=y",
        "--compression",
        "lz4:12",
        "--acks",
        "all",
        *data,
        stdin=given,
    )
    assert read("t", 3, data, "--format", r"%t-%p@%o %k=%s(%K,%S) %h\n") == [
        "t-0@0 k1=v1(2,2) a=1,b=x=y",
        "t-0@1 k2=null(2,-1) a=1,b=x=y",
        "t-0@2 k3=(2,0) a=1,b=x=y",
    ]
    pretty = json.loads("\n".join(read("t", 1, data, "--format", "pretty")))
    assert (pretty["key"], pretty["value"], pretty["headers"]) == ("k1", "v1", [["a", "1"], ["b", "x=y"]])
    assert "T" in pretty["date"]


def test_a_transaction_is_there_as_a_whole_or_not_at_all(data: list[str]) -> None:
    lines("topic", "create", "t", *data)
    lines("produce", "--topic", "t", "--transactional", "tx", *data, stdin=b"a\nb\n")
    failed = connect("produce", "--topic", "t", "--transactional", "tx", "--parse-key", *data, stdin=b"k\tv\nno key\n")
    assert_refused(failed, 2, "config.invalid", "line 2 has no key separator")
    lines("produce", "--topic", "t", "--transactional", "tx", *data, stdin=b"c\n")
    assert read("t", 3, data, "--isolation", "read_committed") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("options", "code", "mentions"),
    [
        (("--compression", "brotli"), "log.unknown_codec", "known: none, gzip, snappy, lz4, zstd"),
        (("--compression", "zstd:99"), "log.unknown_codec", "compression.zstd.level 99"),
        (("--headers", "x"), "config.invalid", "'x' is not NAME=VALUE"),
        (("--key-separator", ""), "config.invalid", "is empty"),
    ],
)
def test_what_cannot_be_produced_is_told(data: list[str], options: tuple[str, ...], code: str, mentions: str) -> None:
    lines("topic", "create", "t", *data)
    assert_refused(connect("produce", "--topic", "t", *options, *data, stdin=b"a\n"), 2, code, mentions)


def test_a_record_too_large_is_told_with_the_limit(tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    lines("topic", "create", "t", "--config", "max.message.bytes=100", *data)
    failed = connect("produce", "--topic", "t", *data, stdin=b"x" * 200)
    assert_refused(failed, 1, "log.record_too_large", "max.message.bytes of topic 't' is 100")


INTERNAL = ("connect-offsets", "__consumer_offsets", "__connect_mine")


def test_records_for_internal_topics_are_refused_with_and_without_a_worker(
    tmp_path: Path, directory: list[str]
) -> None:
    with running(tmp_path / "data") as url:
        lines("topic", "create", "__connect_mine", "--url", url)
        lines("topic", "create", "__consumer_offsets", "--url", url)
        for data in (["--url", url], directory):
            for topic in INTERNAL:
                refused = connect("produce", "--topic", topic, "--parse-key", *data, stdin=b"k\tv\n")
                assert_refused(refused, 1, "log.internal_topic", f"topic '{topic}' is internal")
        for change in (("--config", "max.message.bytes=9"), ("--partitions", "3"), ("--delete-records-before", "-1")):
            for topic in INTERNAL[:2]:
                refused = connect("topic", "alter", topic, *change, "--url", url)
                assert_refused(refused, 1, "conflict", "holds this worker's state")
    for topic in INTERNAL:
        for options in (*(("--acks", acks) for acks in ("none", "written", "durable")), ("--transactional", "x")):
            refused = connect("produce", "--topic", topic, "--parse-key", *options, *directory, stdin=b"k\tv\n")
            assert_refused(refused, 1, "log.internal_topic", f"topic '{topic}' is internal")
        assert connect("perf", "produce", "--topic", topic, "--num-records", "1", *directory).returncode == 1


def test_the_help_names_every_codec_that_there_is() -> None:
    for command in (("produce",), ("perf", "produce")):
        text = " ".join(connect(*command, "--help").stdout.split())
        assert "none, gzip, snappy, lz4 or zstd; with a level as zstd:9" in text
