from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from connect.api import SourceTask
from connect.metrics import snapshot
from connect.metrics.exposition import render
from connect.metrics.metric import FAMILIES
from connect.metrics.snapshot import Ages, Looks
from connect.records import Columns
from connect.runtime.lag import PartitionLag, SinkLag
from connect.runtime.model import State
from tests.support.groups import generated, group
from tests.support.monitored import monitored_worker
from tests.support.odd_plugins import register, source
from tests.support.worker import STRING, RunningWorker, running_worker, until


async def test_failed_paused_and_stopped_ones_are_there_with_those_that_run(tmp_path: Path) -> None:
    async with monitored_worker(tmp_path) as worker:
        look = await Looks(worker.herder).look()
    assert {str(task.id): task.state for task in look.tasks} == {
        "failed-0": "FAILED",
        "gauged-0": "RUNNING",
        "paused-0": "PAUSED",
        "running-0": "RUNNING",
        "tolerant-0": "RUNNING",
        "written-0": "RUNNING",
    }
    assert look.connectors is not None
    states = {one.name: one.state for one in look.connectors}
    assert (states["broken"], states["stopped"], states["failed"]) == ("FAILED", "STOPPED", "RUNNING")
    assert (look.connector_starts.failed, look.connector_starts.succeeded >= 7) == (1, True)
    assert look.task_counts["stopped"] == {}


async def test_tasks_that_nobody_runs_are_told_as_unassigned(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until(lambda: worker.herder.base.worker.runners())
        base = worker.herder.base
        await base.worker.stop_tasks(base.worker.tasks("c"))
        base.board.show("c", 0, None)
        (task,) = (await Looks(worker.herder).look()).tasks
    assert (task.state, task.type, task.meter.read_total) == ("UNASSIGNED", "source", 0)


class Idle(SourceTask):
    def poll(self) -> None:
        return None


async def test_a_plugin_says_itself_whether_its_figures_have_debeziums_names(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        plain = source(Idle, "Plain")
        capturing = type("Capturing", (source(Idle, "Capturing"),), {"captures": "oracle"})
        for name, plugin in (("plain", plain), ("capturing", capturing), ("unnamed", capturing)):
            register(worker.herder, plugin)
            prefix = {} if name == "unnamed" else {"topic.prefix": "shop"}
            await worker.herder.create(name, {"connector.class": plugin.class_name, **prefix})
            await worker.until_state(name, State.RUNNING, tasks=1)
        look = await Looks(worker.herder).look()
    assert {task.id.connector: task.server for task in look.tasks} == {
        "plain": None,
        "capturing": ("oracle", "shop"),
        "unnamed": None,
    }
    told = [line for line in render(look, FAMILIES).decode().splitlines() if line.startswith("debezium_metrics_Conn")]
    assert told == ['debezium_metrics_Connected{plugin="oracle",name="shop",task="0",context="streaming"} 0']


async def set_offset(worker: RunningWorker, offset: int) -> None:
    where = {"kafka_topic": "t", "kafka_partition": 0}
    body = {"offsets": [{"partition": where, "offset": {"kafka_offset": offset}}]}
    assert (await worker.client.patch("/connectors/sink/offsets", json=body)).status_code == 200


async def test_a_sinks_lag_is_told_in_records_and_as_the_age_of_the_first_that_waits(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.herder.cluster.admin.create_topic("t")
        producer = worker.herder.cluster.producer(client_id="test")
        hour_ago_ms = int(time.time() * 1000) - 3_600_000
        await producer.append("t", Columns([b"a", b"b"], timestamps=[hour_ago_ms, hour_ago_ms + 60_000]))
        sink = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "out.txt")}
        await worker.client.put("/connectors/sink/config", json={**sink, "value.converter": STRING})
        await worker.client.put("/connectors/sink/stop")
        await worker.until(lambda: worker.herder.status("sink").connector.state == "STOPPED")
        looks = Looks(worker.herder)

        async def until_age(holds: Callable[[float], bool]) -> None:
            deadline = time.monotonic() + 10
            while True:  # a lag is kept for a second at most
                (found,) = (await looks.look()).connectors or ()
                if found.lag_s is not None and holds(found.lag_s):
                    return
                assert time.monotonic() < deadline, f"it is {found.lag_s} s"
                await asyncio.sleep(0.05)

        await set_offset(worker, 0)
        await until_age(lambda age_s: 3590 < age_s < 3660)
        assert (await looks.look()).lags == {("sink", None): 2}, "it is stopped, and has no tasks"
        await set_offset(worker, 2)
        await until_age(lambda age_s: age_s == 0)


async def test_a_record_without_a_timestamp_has_no_age(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.herder.cluster.admin.create_topic("t")
        producer = worker.herder.cluster.producer(client_id="test")
        await producer.append("t", Columns([b"a"], timestamps=-1))
        at = PartitionLag("t", 0, 0, 0, 1, 1, lag=1, task=0)
        assert await Ages(worker.herder).look({"sink": SinkLag("sink", "g", (at,))}) == {}
        assert await Ages(worker.herder).look({"sink": SinkLag("sink", "g")}) == {"sink": 0.0}


async def test_bytes_of_tasks_that_were_stopped_stay_counted(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("abc\n")
    async with running_worker(tmp_path) as worker:
        config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        await worker.client.put("/connectors/c/config", json={**config, "value.converter": STRING})
        await worker.until(lambda: worker.records("c") == 1)
        await worker.client.put("/connectors/c/stop")
        look = await Looks(worker.herder).look()
    assert (look.written_bytes, look.tasks) == (3, ())
    assert look.topic_bytes["t"] > 3
    assert look.sync_seconds is not None and sum(look.sync_seconds.counts) > 0


async def test_times_of_a_connector_are_those_of_its_tasks_before_too(tmp_path: Path) -> None:
    """A sum that falls is to Prometheus a reset, behind which all that is left of it was counted once more."""
    (tmp_path / "in.txt").write_text("abc\n")
    config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
    async with running_worker(tmp_path) as worker:
        looks, runners = Looks(worker.herder), worker.herder.base.worker.runners
        await worker.client.put("/connectors/c/config", json={**config, "value.converter": STRING})
        await worker.until(lambda: worker.records("c") == 1)
        (before,) = runners()
        await worker.client.post("/connectors/c/restart?includeTasks=true")
        await worker.until(lambda: runners() not in ([], [before]) and runners()[0].meter.read_total == 0)
        text = render(await looks.look(), ["connect"]).decode()
        await worker.client.put("/connectors/c/stop")
        stopped = render(await looks.look(), ["connect"]).decode()
    assert 'connect_end_to_end_seconds_count{connector="c"} 1\n' in text
    assert 'connect_stage_seconds_count{connector="c",stage="write"} 1\n' in text
    assert "connect_end_to_end_seconds_count{" not in stopped, "what has no tasks is not told of"


async def test_restarts_are_counted_and_forgotten_with_the_connector(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until(lambda: worker.herder.base.worker.runners())
        await worker.client.post("/connectors/c/restart?includeTasks=true")
        looks = Looks(worker.herder)
        look = await looks.look()
        assert look.connectors is not None
        assert (look.connectors[0].restarts, list(look.restarts.values())) == (1, [1])
        await worker.client.delete("/connectors/c")
        await worker.until(lambda: not worker.herder.base.board.restarts)


async def test_workers_of_a_group_tell_of_their_own_tasks_and_one_of_the_connectors(tmp_path: Path) -> None:
    async with group(tmp_path) as workers:
        await workers.start("a")
        herder = await workers.leader()
        await workers.start("b")
        await herder.create("c", generated("c", 2))
        await until(lambda: len(workers.load()) == 2)
        looks = {name: Looks(node) for name, node in workers.nodes.items()}
        found = {name: await look.look() for name, look in looks.items()}
        texts = [render(look, FAMILIES).decode() for look in found.values()]
        await workers.stop("b")
        await until(lambda: len(workers.load()) == 1)
        after = await looks["a"].look()
    assert [look.connectors is not None for look in found.values()] == [True, False]
    assert sorted(str(task.id) for look in found.values() for task in look.tasks) == ["c-0", "c-1"]
    assert all(len(look.tasks) == 1 for look in found.values())
    lines = [line for text in texts for line in text.splitlines()]
    classes = [line for line in lines if line.startswith("kafka_connect_connector_connector_class{")]
    assert len(classes) == 1, "boards join by it"
    counts = [line for line in lines if line.startswith("kafka_connect_worker_connector_total_task_count{")]
    assert counts == ['kafka_connect_worker_connector_total_task_count{connector="c"} 1'] * 2
    assert (found["a"].rebalances, after.rebalances) == (0, 1)
    assert len(after.tasks) == 2


async def test_a_log_that_is_slow_holds_no_look_up_and_is_told_of_in_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "LOG_WITHIN_S", 0.05)
    async with running_worker(tmp_path) as worker:
        await worker.herder.cluster.admin.create_topic("t")
        looks, lags, may = Looks(worker.herder), worker.herder.lags, asyncio.Event()

        async def slow(**_: float) -> Mapping[str, SinkLag]:
            await may.wait()
            return await lags()

        monkeypatch.setattr(worker.herder, "lags", slow)
        assert (await looks.look()).topic_bytes == {}
        may.set()
        deadline = time.monotonic() + 10
        while "t" not in (await looks.look()).topic_bytes:
            assert time.monotonic() < deadline, "what was asked is told later"
        await looks.aclose()


async def test_restarts_of_tasks_of_other_workers_are_told_by_who_leads(tmp_path: Path) -> None:
    async with group(tmp_path) as workers:
        await workers.start("a")
        herder = await workers.leader()
        await workers.start("b")
        await herder.create("c", generated("c", 2))
        await until(lambda: len(workers.load()) == 2)
        await herder.restart("c", include_tasks=True)
        await workers.until_load(a=1, b=1)
        texts = {name: render(await Looks(node).look(), ["connect"]).decode() for name, node in workers.nodes.items()}
    for number in range(2):
        assert f'connect_task_restarts_total{{connector="c",task="{number}"}} 1\n' in texts["a"]
    assert "connect_task_restarts_total{" not in texts["b"], "it was told already"
