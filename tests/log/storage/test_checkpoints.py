"""Offsets of partitions in Kafka's checkpoint files."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import EnvironmentFault
from connect.log.storage.checkpoints import Checkpoint
from tests.support.disk import FaultyDisk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log-start-offset-checkpoint"


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


def test_the_file_is_kafka_s_and_is_read_again(path, disk):
    checkpoint = Checkpoint(path, disk)
    checkpoint.set("a-0", 5)
    checkpoint.set_all({"b-c-12": 7, "a-0": 6})
    assert path.read_text() == "0\n2\na 0 6\nb-c 12 7\n"
    again = Checkpoint(path, disk)
    assert (again.get("a-0"), again.get("b-c-12"), again.get("other-0")) == (6, 7, None)


def test_setting_is_durable_when_it_returns_and_costs_nothing_where_nothing_changes(path, disk):
    checkpoint = Checkpoint(path, disk)
    checkpoint.set("a-0", 5)
    assert [step for step, _ in disk.steps][-3:] == ["sync_file", "rename", "sync_folder"]
    disk.steps.clear()
    checkpoint.set("a-0", 5)
    checkpoint.set_all({"a-0": 5})
    assert disk.steps == []


def test_where_the_disk_refuses_the_old_offset_stays(path, disk):
    checkpoint = Checkpoint(path, disk)
    checkpoint.set("a-0", 5)
    disk.refuse("rename", "checkpoint", times=1)
    with pytest.raises(EnvironmentFault, match="cannot write") as caught:
        checkpoint.set("a-0", 6)
    assert caught.value.code == "environment.disk"
    assert checkpoint.get("a-0") == Checkpoint(path, disk).get("a-0") == 5
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_topic_is_forgotten_with_all_partitions_and_no_other_of_a_longer_name(path, disk):
    checkpoint = Checkpoint(path, disk)
    checkpoint.set_all({"a-0": 1, "a-1": 2, "a-b-0": 3})
    checkpoint.forget("a")
    assert Checkpoint(path, disk).get("a-b-0") == 3
    assert (checkpoint.get("a-0"), checkpoint.get("a-1")) == (None, None)


def test_what_must_not_be_stored_any_more_is_not(path, disk):
    checkpoint = Checkpoint(path, disk)
    checkpoint.set("a-0", 5, unless=lambda: True)
    assert not path.exists()


def test_a_negative_offset_is_a_broken_promise(path, disk):
    with pytest.raises(AssertionError, match="no negative number"):
        Checkpoint(path, disk).set("a-0", -1)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0\n2\na 0 5\nb 0 x\n", 5),
        ("0\n3\na 0 5\n", 5),
        ("1\n1\na 0 5\n", 5),
        ("0\n1\na 0 -5\n", None),
        ("0\n1\na 0 99999999999999999999\n", None),
        ("", None),
    ],
)
def test_of_a_damaged_file_whole_entries_are_read_and_it_is_said(path, disk, caplog, text, kept):
    path.write_text(text)
    assert Checkpoint(path, disk).get("a-0") == kept
    assert "is damaged" in caplog.text


def test_bytes_that_are_no_text_are_damage(path, disk, caplog):
    path.write_bytes(b"\xff\xfe\xff")
    assert Checkpoint(path, disk).get("a-0") is None
    assert "is damaged" in caplog.text
