"""`connect topic`: on a directory, and through the worker that owns it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connect.cli.topics import _size_bytes
from connect.ports import PartitionInfo, TopicInfo
from tests.cli.conftest import Cli
from tests.support.command import assert_refused, connect, lines, read


def test_topics_are_created_described_listed_and_deleted(data: list[str]) -> None:
    assert connect("topic", "create", "orders", "--partitions", "3", *data).returncode == 0
    described = json.loads(connect("topic", "describe", "orders", "--json", *data).stdout)
    assert (described["name"], len(described["partitions"])) == ("orders", 3)
    assert "orders" in connect("topic", "list", *data).stdout
    assert connect("topic", "delete", "orders", "--yes", *data).returncode == 0
    assert "orders" not in connect("topic", "list", *data).stdout


def test_a_data_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(connect("topic", "list", "--data-dir", tmp_path / "file"), 3, "environment.data_dir", "file")


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


@pytest.mark.parametrize("topic", ["connect-configs", "connect-offsets", "connect-status"])
def test_the_topics_that_a_worker_lives_by_are_not_deleted_under_it(log_worker_url: str, topic: str) -> None:
    refused = connect("topic", "delete", topic, "--yes", "--url", log_worker_url)
    assert_refused(refused, 1, "conflict", "holds this worker's state")


def test_partitions_cannot_be_taken_away_and_the_hint_says_what_can_be(cli: Cli, tmp_path: Path) -> None:
    where = ["--data-dir", tmp_path / "data"]
    cli("topic", "create", "t", "--partitions", "3", *where)
    told = cli.refused(2, "log.invalid_partitions", "topic", "alter", "t", "--partitions", "2", *where)
    assert "hint: Give a whole number of more than 3." in told.splitlines()


def test_the_size_of_a_topic_is_that_of_its_partitions_and_not_known_where_one_is_not() -> None:
    known, unknown = (PartitionInfo(0, 0, 1, 1, size_bytes) for size_bytes in (70, -1))
    assert _size_bytes(TopicInfo("t", "id", (known, known))) == 140
    assert _size_bytes(TopicInfo("t", "id", (unknown, unknown))) == -1
    assert _size_bytes(TopicInfo("t", "id", (known, unknown))) == -1
