from __future__ import annotations

from pathlib import Path

from connect.api import SourceConnector, SourceTask
from tests.support.odd_plugins import register
from tests.support.worker import STRING, running_worker


async def test_a_connector_says_what_it_promises_and_why(tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSource", "topic": "t", "value.converter": STRING}
    async with running_worker(tmp_path, exactly_once_source_support="enabled") as worker:
        await worker.client.put("/connectors/s/config", json={**config, "file": str(tmp_path / "in.txt")})
        found = (await worker.client.get("/v1/connectors/s")).json()
        assert (found["name"], found["type"]) == ("s", "source")
        assert found["delivery"] == {
            "guarantee": "exactly-once",
            "why": "records and source offsets are committed in one transaction of the log",
        }
        await worker.client.put(
            "/connectors/s/config", json={**config, "file": str(tmp_path / "in.txt"), "delivery.guarantee": ""}
        )
        assert (await worker.client.get("/v1/connectors/s")).json()["delivery"]["guarantee"] == "exactly-once"
        assert (await worker.client.get("/v1/connectors/none")).status_code == 404
    async with running_worker(tmp_path) as worker:
        found = (await worker.client.get("/v1/connectors/s")).json()
        assert found["delivery"]["guarantee"] == "at-least-once"
        assert "exactly.once.source.support of the worker is disabled" in found["delivery"]["why"]


async def test_one_that_cannot_be_asked_promises_what_all_do(tmp_path: Path) -> None:
    class Breaks(SourceConnector):
        class_name = "test.Breaks"
        task_class = SourceTask

        def exactly_once_support(self) -> None:
            raise ValueError("no idea")

    async with running_worker(tmp_path, exactly_once_source_support="enabled") as worker:
        register(worker.herder, Breaks)
        await worker.herder.create("s", {"connector.class": "test.Breaks"})
        found = (await worker.client.get("/v1/connectors/s")).json()["delivery"]
        assert found["guarantee"] == "at-least-once"
        assert "could not be asked for more" in found["why"]
        assert "no idea" in found["why"]


async def test_the_figures_of_a_task_are_shown_as_long_as_it_runs(tmp_path: Path) -> None:
    class Measures(SourceTask):
        def poll(self) -> None:
            self.context.gauges["slot.lag.bytes"] = 4096.0
            self.context.waiting_for = "file 'x' is not there"
            self.context.gauges["Not A Name"] = 1.0
            self.context.stopping.wait(0.01)

    class Measured(SourceConnector):
        class_name = "test.Measured"
        task_class = Measures

    async with running_worker(tmp_path) as worker:
        register(worker.herder, Measured)
        await worker.herder.create("s", {"connector.class": "test.Measured"})
        await worker.until(lambda: any(p.gauges for p in worker.herder.progress()))
        found = (await worker.client.get("/v1/connectors/s")).json()
        assert (found["gauges"], found["waits"]) == ({"0": {"slot.lag.bytes": 4096.0}}, {"0": "file 'x' is not there"})
        assert (await worker.client.get("/v1/worker")).json()["tasks"][0]["gauges"] == {"slot.lag.bytes": 4096.0}
        await worker.herder.stop("s")
        assert (await worker.client.get("/v1/connectors/s")).json()["gauges"] == {}
