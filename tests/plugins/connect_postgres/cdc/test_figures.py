from __future__ import annotations

import pytest

from connect.api import Batch
from connect_postgres.cdc.figures import Figures
from connect_postgres.cdc.replication import BUFFER_BYTES
from tests.support.tasks import SourceContext

from ..conftest import Database
from .conftest import Start, batches_until


def test_a_stream_is_told_of_by_its_polls() -> None:
    context = SourceContext()
    figures, gauges = Figures(context), context.gauges
    assert "streaming.behind.ms" not in gauges, "nothing is known yet"
    figures.connected(True)
    figures.streamed([], transactions=0, commit_us=0, waiting_bytes=100)
    assert (gauges["streaming.connected"], gauges["streaming.events"]) == (1, 0)
    assert gauges["streaming.queue.bytes.free"] == BUFFER_BYTES - 100
    assert "streaming.last.event.ms" not in gauges
    batch = Batch(topic="t", values=[1, 2, 3])
    figures.streamed([batch, batch], transactions=2, commit_us=1, waiting_bytes=0)
    assert (gauges["streaming.events"], gauges["streaming.transactions"]) == (6, 2)
    assert gauges["streaming.behind.ms"] > 1_000_000
    figures.connected(False)
    assert (gauges["streaming.connected"], gauges["streaming.queue.bytes.free"]) == (0, BUFFER_BYTES)


def test_a_snapshot_is_told_of_from_its_begin_to_its_end() -> None:
    context = SourceContext()
    figures, gauges = Figures(context), context.gauges
    figures.snapshot_begins(3, 2)
    assert (gauges["snapshot.running"], gauges["snapshot.completed"], gauges["snapshot.tables.left"]) == (1, 0, 2)
    batch = Batch(topic="t", values=[1, 2, 3])
    figures.snapshot_read([batch], is_last_of_table=False)
    figures.snapshot_read([batch], is_last_of_table=True)
    assert (gauges["snapshot.events"], gauges["snapshot.tables"], gauges["snapshot.tables.left"]) == (6, 3, 1)
    assert gauges["snapshot.seconds"] >= 0
    figures.snapshot_ends()
    assert (gauges["snapshot.running"], gauges["snapshot.completed"], gauges["snapshot.tables.left"]) == (0, 1, 0)


@pytest.mark.postgres
async def test_a_task_tells_how_far_it_is(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 5)")
    task = await cdc()
    gauges = task.context.gauges
    await batches_until(task, lambda: gauges["snapshot.completed"] == 1)
    assert (gauges["snapshot.events"], gauges["snapshot.tables"], gauges["snapshot.tables.left"]) == (5, 1, 0)
    await database.execute("INSERT INTO t VALUES (6), (7)", "DELETE FROM t WHERE id = 6")
    await batches_until(task, lambda: gauges["streaming.transactions"] >= 2)
    assert gauges["streaming.connected"] == 1
    assert gauges["streaming.events"] >= 3
    assert 0 <= gauges["streaming.behind.ms"] < 60_000
    await task.stop()
    assert gauges["streaming.connected"] == 0
