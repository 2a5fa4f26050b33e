"""What looks into a data directory or mends it, as the command line is given it."""

from __future__ import annotations

from pathlib import Path

from connect.app import inspect_log, open_cluster, repair_log
from connect.inspection import Inspector, Repair, Repairer
from connect.records import Columns, TopicPartition
from tests.support.ports import offered, signatures

ORDERS = TopicPartition("orders", 0)


async def fill(path: Path) -> None:
    cluster = await open_cluster(path)
    await cluster.admin.create_topic("orders")
    await cluster.producer(client_id="test").append("orders", Columns([b"a", b"b"], timestamps=5))
    await cluster.aclose()


def test_the_log_s_inspector_and_repairer_are_called_as_declared(tmp_path: Path) -> None:
    assert offered(inspect_log(tmp_path), Inspector) == signatures(Inspector)
    assert offered(repair_log(tmp_path), Repairer) == signatures(Repairer)


async def test_a_report_counts_what_a_partition_holds(tmp_path: Path) -> None:
    await fill(tmp_path)
    inspector = inspect_log(tmp_path)
    assert ORDERS in inspector.partitions()
    report = inspector.verify(ORDERS)
    assert (report.batches, report.records, report.log_start_offset, report.log_end_offset) == (1, 2, 0, 2)
    assert (report.oldest_timestamp, report.newest_timestamp, report.bad) == (5, 5, ())
    assert report.size_bytes == inspector.size_bytes(ORDERS) > 0


async def test_a_stored_batch_says_where_it_is(tmp_path: Path) -> None:
    await fill(tmp_path)
    (batch,) = inspect_log(tmp_path).dump(ORDERS)
    assert (batch.position, batch.base_offset, batch.last_offset, batch.count) == (0, 0, 1, 2)  # type: ignore[union-attr]
    assert (tmp_path / batch.path).stat().st_size == batch.size_bytes  # type: ignore[union-attr]


def test_two_findings_are_equal_whatever_mends_them() -> None:
    assert Repair("a", "b", "c", "", lambda: None) == Repair("a", "b", "c", "", lambda: None)
    assert "lambda" not in repr(Repair("a", "b", "c", "", lambda: None))
