"""What is in a target, read from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.app import open_cluster
from connect.records import Columns
from connect.testing.crash import CallTarget, FileTarget, LogTarget, Seen, parse_text
from connect.testing.crash.targets import text_of


@pytest.mark.parametrize("value", ["k1 0000000007", b"k1 0000000007", '"k1 0000000007"', "lines: k1 0000000007"])
def test_a_record_is_found_in_its_text(value: str | bytes) -> None:
    assert parse_text(value) == Seen("k1", 7)
    assert text_of(Seen("k1", 7)) == "k1 0000000007"


@pytest.mark.parametrize("value", ["", "k1 00000", b"\xff\xfe", "0000000007"])
def test_what_is_no_whole_record_is_none(value: str | bytes) -> None:
    assert parse_text(value) is None


def test_a_file_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    target = FileTarget(tmp_path / "out.txt")
    assert (list(target.seen()), target.count()) == ([], 0)


def test_the_whole_lines_of_a_file_are_its_records(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("a 0000000000\na 0000\na 0000000001\na 0000000002")
    assert FileTarget(path).seen() == [Seen("a", 0), Seen("a", 1)]
    assert FileTarget(path).count() == 3


def test_a_function_is_a_target() -> None:
    target = CallTarget(lambda: [Seen("a", 0)])
    assert (list(target.seen()), target.count()) == ([Seen("a", 0)], 1)
    assert CallTarget(list, lambda: 9).count() == 9


async def test_a_topic_shows_what_is_committed_while_its_log_is_open(tmp_path: Path) -> None:
    def columns(*numbers: int) -> Columns:
        return Columns([text_of(Seen("a", number)).encode() for number in numbers], timestamps=1)

    target = LogTarget(tmp_path / "data", "t")
    assert (list(target.seen()), target.count()) == ([], 0)
    cluster = await open_cluster(tmp_path / "data")
    await cluster.admin.create_topic("t")
    await cluster.producer(client_id="plain").append("t", columns(0, 1))
    for identity, ends in (("one", "commit"), ("two", "abort"), ("three", "")):
        producer = cluster.producer(client_id=identity, configs={"transactional.id": identity})
        await producer.init_transactions()
        await producer.begin_transaction()
        await producer.append("t", columns(len(identity) * 10))
        if ends:
            await (producer.commit_transaction if ends == "commit" else producer.abort_transaction)()
    await cluster.producer(client_id="plain").append("t", columns(2))
    seen = target.seen()
    end = (await cluster.admin.describe_topic("t")).partitions[0].log_end_offset
    count = target.count()
    await cluster.aclose()
    assert seen == [Seen("a", 0), Seen("a", 1), Seen("a", 30)], "one is aborted, one open, and one behind the open one"
    assert count == end
