from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from connect.api import EnvironmentFault
from connect.runtime.live.rings import BYTES_MAX, STEP_S, Recorder, Rings, Series, merged, quantile_ms
from connect.runtime.model import TaskId
from connect.runtime.tasks.meter import TaskMeter
from tests.support.worker import STRING, running_worker


class Stage:
    """A recorder over meters of the test's own, with a clock of its own."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.meters: dict[TaskId, TaskMeter] = {}
        self.gone: set[str] = set()
        self.recorder = Recorder(
            lambda: self.meters.items(),
            lambda name: name not in self.gone,
            lambda: int(self.now_s * 1000),
            clock_s=lambda: self.now_s,
        )

    async def step(self, seconds: float = STEP_S) -> None:
        self.now_s += seconds
        await self.recorder.record()

    def rates(self, name: str = "c") -> list[float | None]:
        return list(self.recorder.series(name).rows[0])


async def test_each_step_is_a_point_of_what_tasks_did_in_it() -> None:
    stage, task = Stage(), TaskId("c", 0)
    meter = stage.meters[task] = TaskMeter()
    meter.wrote(100, 1000, 0.004)
    meter.committed(0.010)
    await stage.step()
    meter.skipped += 2
    await stage.step()
    found = stage.recorder.series("c")
    assert found.rows == ((10.0, 0.0), (None, None), (4.0, None), (10.0, None), (0.0, 2.0))
    assert (found.step_s, found.from_ms) == (STEP_S, 1_000_000)
    assert stage.recorder.series("c", since_ms=1_010_000).rows[0] == (0.0,)
    assert stage.recorder.series("unknown").rows[0] == ()


async def test_a_task_that_begins_anew_or_moves_here_and_back_makes_no_rate_jump() -> None:
    stage, task = Stage(), TaskId("c", 0)
    stage.meters[task] = TaskMeter()
    stage.meters[task].wrote(1000, 1, 0.001)
    await stage.step()
    stage.meters[task] = TaskMeter()  # restarted
    stage.meters[task].wrote(50, 1, 0.001)
    await stage.step()
    moved = stage.meters.pop(task)  # to another worker
    await stage.step()
    moved.wrote(10_000, 1, 0.001)
    stage.meters[task] = TaskMeter()
    await stage.step()
    assert stage.rates() == [100.0, 5.0, None, 0.0]


async def test_steps_that_were_missed_are_unknown_and_not_a_peak() -> None:
    stage, task = Stage(), TaskId("c", 0)
    meter = stage.meters[task] = TaskMeter()
    meter.wrote(100, 1, 0.001)
    await stage.step()
    meter.wrote(300, 1, 0.001)
    await stage.step(3 * STEP_S)  # the machine slept
    assert stage.rates() == [10.0, None, None, 10.0]


async def test_a_connector_that_is_gone_frees_its_ring() -> None:
    stage = Stage()
    stage.meters[TaskId("c", 0)] = TaskMeter()
    await stage.step()
    assert len(stage.recorder.rings) == 1
    stage.gone.add("c")
    await stage.step()
    assert (len(stage.recorder.rings), stage.recorder._seen) == (0, {})


async def test_lags_are_kept_of_sinks_without_tasks_too_and_an_outage_of_them_stops_nothing() -> None:
    stage = Stage()

    async def lags() -> Mapping[str, int]:
        return {"sink": 7}

    async def none() -> Mapping[str, int]:
        raise EnvironmentFault("away", code="environment.unreachable")

    stage.recorder.lags = lags
    await stage.recorder._look_at_lags()
    await stage.step()
    stage.recorder.lags = none
    stage.recorder._lag_wait_s = 0
    await stage.recorder._look_at_lags()
    stage.meters[TaskId("sink", 0)] = TaskMeter()
    await stage.step()
    assert stage.recorder.series("sink").rows[1] == (7.0, None)


@pytest.mark.parametrize("connectors", [10, 1000, 3000, 20_000])
def test_all_rings_stay_within_their_bytes_and_the_step_grows(connectors: int) -> None:
    rings = Rings()
    for number in range(connectors):
        if number % 50 == 0:
            rings.begin_point()
        rings.put(f"c{number}", [float(number)] * 5)
    held = sum(ring.buffer_info()[1] * ring.itemsize + 80 for ring in rings._rings.values())
    assert held <= rings.size_bytes <= BYTES_MAX
    assert rings.step_s >= STEP_S * (1 if connectors < 700 else 2)
    rows = rings.of("c0")
    assert rows is not None and len(rows[0]) == rings.points
    assert (rings.of("c19999") is None) == (connectors < 20_000 or len(rings) < 20_000)


def test_two_points_become_one_where_rings_are_many() -> None:
    rings = Rings(bytes_max=16_000)
    for value in (1.0, 3.0, 5.0, 7.0):
        rings.begin_point()
        rings.put("c", [value, math.nan, value, value, value])
    rings.put("d", [1.0] * 5)
    rings.put("e", [1.0] * 5)
    rows = rings.of("c")
    assert rings.step_s == 2 * STEP_S and rows is not None
    assert rows[0][-2:] == [2.0, 6.0] and math.isnan(rows[1][-1]) and math.isnan(rows[0][0])


async def test_a_p99_is_that_of_the_last_minute() -> None:
    stage, task = Stage(), TaskId("c", 0)
    meter = stage.meters[task] = TaskMeter()
    await stage.step()
    assert stage.recorder.p99_ms(task) is None
    for _ in range(98):
        meter.put(1, 0.003)
    meter.put(1, 0.4)
    meter.put(1, 0.4)
    await stage.step()
    assert 200 < (stage.recorder.p99_ms(task) or 0) <= 500
    for _ in range(60):
        await stage.step()
    assert stage.recorder.p99_ms(task) is None


def test_a_quantile_lies_within_its_bucket() -> None:
    assert quantile_ms((0.001, 0.01), [0, 0, 0], 0.99) is None
    assert quantile_ms((0.001, 0.01), [100, 0, 0], 0.5) == pytest.approx(0.5)
    assert quantile_ms((0.001, 0.01), [0, 0, 5], 0.99) == pytest.approx(10)


def test_what_several_workers_have_is_one() -> None:
    one = Series(10, 100_000, ((1.0, 2.0), (5.0, None), (1.0, 1.0), (None, None), (0.0, 1.0)))
    two = Series(20, 100_000, ((10.0,), (None,), (3.0,), (2.0,), (4.0,)))
    none = Series(10, 0, ((),) * 5)
    assert merged([one, none]) is one
    assert merged([none, none]) is none
    both = merged([one, none, two])
    assert (both.step_s, both.from_ms) == (20, 100_000)
    assert both.rows == ((11.5,), (5.0,), (3.0,), (2.0,), (5.0,))
    odd = Series(20, 10**15, ((1.0,), (None,), (None,), (None,), (None,)))
    assert len(merged([one, odd]).rows[0]) <= 181


async def test_a_deleted_connector_is_forgotten_at_once(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\n")
    config = {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in.txt"),
        "topic": "t",
        "value.converter": STRING,
    }
    async with running_worker(tmp_path) as worker:
        recorder = worker.herder.base.recorder
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until(lambda: worker.records("c") == 2)
        await recorder.record()
        assert list(recorder.rings.names()) == ["c"]
        assert recorder.p99_ms(TaskId("c", 0)) is not None
        await worker.client.delete("/connectors/c")
        await worker.until(lambda: not recorder.rings.names())


async def test_coarser_steps_lose_no_error() -> None:
    rings = Rings(bytes_max=2 * 400 + 2 * 5 * 4 * 360 - 1)  # one ring and a part of a second
    rings.begin_point()
    rings.put("c", [10.0, 7.0, 4.0, 2.0, 3.0])
    rings.begin_point()
    rings.put("c", [20.0, 9.0, 6.0, 4.0, 2.0])
    rings.put("d", [0.0] * 5)
    assert rings.step_s == 2 * STEP_S
    assert [row[-1] for row in rings.of("c") or []] == [15.0, 8.0, 5.0, 3.0, 5.0]


async def test_who_leads_no_more_tells_of_no_lag() -> None:
    stage = Stage()

    async def lags() -> Mapping[str, int]:
        return {"c": 5}

    stage.recorder.lags = lags
    await stage.recorder._look_at_lags()
    await stage.step()
    stage.recorder.lags = None  # another worker leads
    await stage.recorder._look_at_lags()
    await stage.step()
    assert stage.recorder.series("c").rows[1] == (5.0, None)
