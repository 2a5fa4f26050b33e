"""`connect log`: what looks into the files of a log."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command import assert_refused, connect, lines, running


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
