"""`connect topic alter`, `produce`, `consume`, `group`, `log`, `perf`: on a directory, and through its worker."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import pytest

from connect.app import run
from connect.cli import logs
from tests.support.command import assert_refused, connect, connect_process
from tests.support.worker import WorkerProcess


@contextmanager
def running(data_dir: Path, *arguments: str) -> Iterator[str]:
    """Run a worker; gives its address."""
    worker = WorkerProcess(data_dir, *arguments)
    try:
        yield worker.url()
    finally:
        worker.stop()


@pytest.fixture(params=["directory", "worker"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """The options that lead to an empty log, which a worker owns or nobody."""
    if request.param == "directory":
        yield ["--data-dir", str(tmp_path / "data")]
        return
    data = ["--url", request.getfixturevalue("log_worker_url")]
    yield data
    for group in json.loads(connect("group", "list", "--json", *data).stdout):
        connect("group", "delete", group["group"], "--yes", *data)
    for topic in json.loads(connect("topic", "list", "--json", *data).stdout):
        if not topic["internal"]:
            connect("topic", "delete", topic["name"], "--yes", *data)


def lines(*arguments: str, stdin: bytes = b"") -> list[str]:
    done = connect(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def read(topic: str, count: int, data: list[str], *options: str) -> list[str]:
    return lines(
        "consume",
        "--topic",
        topic,
        "--from-beginning",
        "--max-messages",
        str(count),
        "--timeout-ms",
        "5000",
        *options,
        *data,
    )


def test_a_topic_is_altered_and_described(data: list[str]) -> None:
    lines("topic", "create", "t", "--config", "retention.ms=1000", *data)
    lines(
        "topic",
        "alter",
        "t",
        "--config",
        "segment.bytes=2000",
        "--delete-config",
        "retention.ms",
        "--partitions",
        "3",
        *data,
    )
    described = json.loads("\n".join(lines("topic", "describe", "t", "--configs", "--json", *data)))
    assert described["configs"] == {"segment.bytes": "2000"}
    assert described["configs_in_force"]["segment.bytes"] == {"value": "2000", "source": "topic"}
    assert len(described["partitions"]) == 3
    lines("produce", "--topic", "t", "--partition", "1", *data, stdin=b"a\nb\nc\n")
    lines("topic", "alter", "t", "--partition", "1", "--delete-records-before", "2", *data)
    assert read("t", 1, data) == ["c"]


@pytest.mark.parametrize(
    ("options", "code", "mentions"),
    [
        (("--config", "retention.mss=1"), "config.invalid", "did you mean retention.ms"),
        (("--config", "segment.bytes=x"), "config.invalid", "not a whole number"),
        (("--config", "oops"), "config.invalid", "KEY=VALUE"),
        (("--partitions", "1"), "log.invalid_partitions", "cannot be taken away"),
        ((), "config.invalid", "nothing to alter"),
        (("--delete-records-before", "0"), "config.invalid", "needs --partition"),
    ],
)
def test_an_alteration_that_is_wrong_is_refused(
    tmp_path: Path, options: tuple[str, ...], code: str, mentions: str
) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    lines("topic", "create", "t", "--partitions", "2", *data)
    assert_refused(connect("topic", "alter", "t", *options, *data), 2, code, mentions)


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


def test_a_damaged_record_is_told_by_consume_and_by_verify(tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    lines("topic", "create", "t", *data)
    for line in (b"first\n", b"second\n"):
        lines("produce", "--topic", "t", *data, stdin=line)
    assert lines("log", "verify", *data)[-1].endswith("all whole")
    [path] = (tmp_path / "data" / "t-0").glob("*.log")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"first")] ^= 1
    path.write_bytes(raw)
    failed = connect("consume", "--topic", "t", "--from-beginning", "--timeout-ms", "1", *data)
    assert_refused(failed, 1, "log.corrupt_batch", "t-0/00000000000000000000.log at position 0")
    verified = connect("log", "verify", "--topic", "t", *data)
    assert verified.returncode == 1
    assert "t-0/00000000000000000000.log: bytes 0 to 73: " in verified.stdout
    [bad] = json.loads(connect("log", "verify", "--json", *data).stdout)["bad"]
    assert (bad["position"], bad["end_position"]) == (0, 73)


def test_a_log_is_dumped_and_counted(tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    lines("topic", "create", "t", *data)
    lines("produce", "--topic", "t", "--compression", "gzip", *data, stdin=b"a\nb\n")
    lines("produce", "--topic", "t", "--transactional", "x", *data, stdin=b"c\n")
    dumped = lines("log", "dump", "t", "--records", *data)
    assert "offsets 0 to 1 records 2" in dumped[0]
    assert dumped[1].endswith("key: null value: a headers: []")
    assert dumped[-1].endswith("transactional control COMMIT")
    assert len(lines("log", "dump", "t", "--max-batches", "1", *data)) == 1
    [batch] = map(json.loads, lines("log", "dump", "t", "--offset", "2", "--max-batches", "1", "--json", *data))
    assert (batch["base_offset"], batch["producer_id"], batch["flags"]) == (2, 0, ["transactional"])
    [stats] = json.loads("\n".join(lines("log", "stats", "--topic", "t", "--json", *data)))
    assert (stats["records"], stats["batches"], stats["codecs"]) == (3, 3, {"gzip": 1, "none": 2})
    assert "t" in lines("log", "stats", *data)[-1]
    assert_refused(connect("log", "dump", "tt", *data), 1, "log.unknown_topic_or_partition", "did you mean 't'")
    assert_refused(connect("log", "verify", "--data-dir", str(tmp_path)), 3, "environment.data_dir", "holds no log")


def test_a_log_in_use_is_verified_all_the_same(tmp_path: Path) -> None:
    with running(tmp_path / "data") as url:
        lines("topic", "create", "t", "--url", url)
        lines("produce", "--topic", "t", "--url", url, stdin=b"a\n")
        assert lines("log", "verify", "--data-dir", str(tmp_path / "data"))[-1].endswith("all whole")


def test_groups_are_listed_described_reset_and_deleted(data: list[str]) -> None:
    lines("topic", "create", "t", "--partitions", "2", *data)
    for partition in ("0", "1"):
        lines("produce", "--topic", "t", "--partition", partition, *data, stdin=b"a\nb\nc\n")
    read("t", 4, data, "--group", "g")

    def offsets() -> list[tuple[int, int, int]]:
        found = json.loads("\n".join(lines("group", "describe", "g", "--json", *data)))
        return [(o["partition"], o["offset"], o["lag"]) for o in found["offsets"]]

    def reset(*options: str) -> list[tuple[int, int, int]]:
        lines("group", "reset", "g", *options, *data)
        return offsets()

    assert sum(lag for _, _, lag in offsets()) == 2
    before = offsets()
    assert reset("--to-earliest", "--dry-run") == before
    assert reset("--to-earliest") == [(0, 0, 3), (1, 0, 3)]
    assert reset("--to-offset", "2", "--topic", "t:1") == [(0, 0, 3), (1, 2, 1)]
    assert reset("--shift-by", "-1") == [(0, 0, 3), (1, 1, 2)]
    assert reset("--to-datetime", "2100-01-01") == [(0, 3, 0), (1, 3, 0)]
    assert reset("--to-datetime", "1970-01-01") == [(0, 0, 3), (1, 0, 3)]
    assert reset("--to-latest", "--topic", "t") == [(0, 3, 0), (1, 3, 0)]
    assert "g" in lines("group", "list", *data)[1]
    lines("group", "delete", "g", "--topic", "t:0", "--yes", *data)
    assert offsets() == [(1, 3, 0)]
    lines("group", "delete", "g", "--yes", *data)
    assert_refused(connect("group", "describe", "g", *data), 1, "not_found", "there is no group 'g'")


@pytest.mark.parametrize(
    ("options", "mentions"),
    [
        ((), "exactly one of"),
        (("--to-latest", "--to-earliest"), "exactly one of"),
        (("--to-latest", "--topic", "t:x"), "'x' is not a partition"),
        (("--to-latest",), "has no offsets yet"),
        (("--shift-by", "1", "--topic", "t"), "no offset for t-0 to shift"),
    ],
)
def test_a_reset_that_makes_no_sense_is_refused(tmp_path: Path, options: tuple[str, ...], mentions: str) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    lines("topic", "create", "t", *data)
    assert_refused(connect("group", "reset", "g", *options, *data), 2, "config.invalid", mentions)


def test_the_offsets_of_a_running_sink_are_protected(tmp_path: Path) -> None:
    sink = {
        "name": "out",
        "connector.class": "FileStreamSink",
        "topics": "t",
        "file": str(tmp_path / "out.txt"),
        "key.converter": "StringConverter",
        "value.converter": "StringConverter",
    }
    config = tmp_path / "out.json"
    config.write_text(json.dumps(sink))
    with running(tmp_path / "data", str(config)) as url:
        at = ["--url", url]
        lines("topic", "create", "t", *at)
        found = json.loads("\n".join(lines("group", "describe", "connect-out", "--json", *at)))
        assert found["state"] == "Stable"
        for command in (("reset", "connect-out", "--to-latest", "--topic", "t"), ("delete", "connect-out", "--yes")):
            assert_refused(connect("group", *command, *at), 1, "log.group_in_use", "is in use by")


def test_perf_prints_kafka_s_figures(data: list[str]) -> None:
    lines("topic", "create", "t", *data)
    [line] = lines("perf", "produce", "--topic", "t", "--num-records", "2000", "--batch-records", "500", *data)
    for figure in ("2000 records sent", "records/sec", "MB/sec", "avg latency", "max latency", "50th", "99.9th"):
        assert figure in line
    [line] = lines("perf", "consume", "--topic", "t", *data)
    assert "2000 records read" in line
    options = ("--num-records", "1000", "--transaction-records", "500", "--throughput", "100000", "--acks", "all")
    done = json.loads("\n".join(lines("perf", "produce", "--topic", "t", *options, "--json", *data)))
    assert done["records"] == 1000
    assert done["p999_ms"] >= done["p50_ms"] > 0


def test_the_worker_s_config_sets_defaults_of_topics_by_a_broker_s_names(tmp_path: Path) -> None:
    config = tmp_path / "worker.properties"
    config.write_text("log.segment.bytes=2000\nlog.cleaner.backoff.ms=5000\n")
    with running(tmp_path / "data", "--config", str(config)) as url:
        lines("topic", "create", "t", "--url", url)
        described = json.loads("\n".join(lines("topic", "describe", "t", "--configs", "--json", "--url", url)))
    assert described["configs_in_force"]["segment.bytes"] == {"value": "2000", "source": "log"}
    config.write_text("log.segment.bytes=2 GB\n")
    failed = connect_process("worker", "--data-dir", str(tmp_path / "data"), "--config", str(config))
    assert_refused(failed, 2, "config.invalid", "segment.bytes: '2 GB' is not a whole number")


def test_the_topics_that_a_worker_lives_by_are_not_deleted_under_it(tmp_path: Path) -> None:
    with running(tmp_path / "data") as url:
        for topic in ("connect-configs", "connect-offsets", "connect-status"):
            assert_refused(
                connect("topic", "delete", topic, "--yes", "--url", url), 1, "conflict", "holds this worker's state"
            )


@pytest.mark.parametrize("topic", ["connect-offsets", "__consumer_offsets", "__mine"])
def test_records_for_internal_topics_are_refused_with_and_without_a_worker(tmp_path: Path, topic: str) -> None:
    with running(tmp_path / "data") as url:
        lines("topic", "create", "__mine", "--url", url)
        lines("topic", "create", "__consumer_offsets", "--url", url)
        for data in (["--url", url], ["--data-dir", str(tmp_path / "data")]):
            refused = connect("produce", "--topic", topic, "--parse-key", *data, stdin=b"k\tv\n")
            assert_refused(refused, 1, "log.internal_topic", f"topic '{topic}' is internal")
        for change in (("--config", "max.message.bytes=9"), ("--partitions", "3"), ("--delete-records-before", "-1")):
            if topic != "__mine":
                refused = connect("topic", "alter", topic, *change, "--url", url)
                assert_refused(refused, 1, "conflict", "holds this worker's state")
    data = ["--data-dir", str(tmp_path / "data")]
    for acks in ("none", "written", "durable"):
        refused = connect("produce", "--topic", topic, "--parse-key", "--acks", acks, *data, stdin=b"k\tv\n")
        assert_refused(refused, 1, "log.internal_topic", f"topic '{topic}' is internal")
    refused = connect("produce", "--topic", topic, "--parse-key", "--transactional", "x", *data, stdin=b"k\tv\n")
    assert_refused(refused, 1, "log.internal_topic", f"topic '{topic}' is internal")
    assert connect("perf", "produce", "--topic", topic, "--num-records", "1", *data).returncode == 1


def test_a_log_line_cannot_steer_a_terminal_or_turn_the_reading_order_around() -> None:
    stream = io.StringIO()
    record = logging.LogRecord("x", logging.INFO, "f", 1, "connector %s\nnext\tline", ("a\u202eb\x1b[2J\x9bc\r",), None)
    stream.write(logs.formatter("%(message)s").format(record))
    assert stream.getvalue() == "connector a\\u202eb\\x1b[2J\\x9bc\\r\nnext\tline"


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
