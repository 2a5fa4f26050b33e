from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from connect.api import Connector, Record, SinkConnector, SinkTask, SourceConnector, SourceTask, hookimpl
from connect.runtime.model import State
from tests.support.worker import STRING, RunningWorker, running_worker

DONE = "The offsets for this connector have been {} successfully"


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="20") as running:
        yield running


def source(tmp_path: Path) -> dict[str, str]:
    return {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in.txt"),
        "topic": "lines",
        "value.converter": STRING,
    }


def sink(tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        "connector.class": "FileStreamSink",
        "file": str(tmp_path / "out.txt"),
        "topics": "lines",
        "value.converter": STRING,
        **more,
    }


async def put(worker: RunningWorker, name: str, config: dict[str, str]) -> None:
    assert (await worker.client.put(f"/connectors/{name}/config", json=config)).status_code == 201
    await worker.until_state(name, State.RUNNING, tasks=1)


async def stop(worker: RunningWorker, name: str) -> None:
    assert (await worker.client.put(f"/connectors/{name}/stop")).status_code == 204
    await worker.until_state(name, State.STOPPED, tasks=0)


async def offsets(worker: RunningWorker, name: str) -> list[Any]:
    found: list[Any] = (await worker.client.get(f"/connectors/{name}/offsets")).json()["offsets"]
    return found


async def patch(worker: RunningWorker, name: str, *entries: Any) -> httpx.Response:
    return await worker.client.patch(f"/connectors/{name}/offsets", json={"offsets": list(entries)})


def file_at(tmp_path: Path, offset: Any) -> dict[str, Any]:
    return {"partition": {"filename": str(tmp_path / "in.txt")}, "offset": offset}


def topic_at(offset: Any, topic: Any = "lines", partition: Any = 0) -> dict[str, Any]:
    return {"partition": {"kafka_topic": topic, "kafka_partition": partition}, "offset": offset}


async def test_a_source_goes_on_where_its_altered_offset_says(worker: RunningWorker, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    await put(worker, "s", source(tmp_path))
    await worker.until(lambda: worker.records("s") == 3)
    await stop(worker, "s")
    assert await offsets(worker, "s") == [file_at(tmp_path, {"position": 6})]
    altered = await patch(worker, "s", file_at(tmp_path, {"position": 4}))
    assert (altered.status_code, altered.json()["message"]) == (200, DONE.format("altered"))
    await worker.client.put("/connectors/s/resume")
    await worker.until(lambda: worker.records("s") == 1)
    assert await worker.values("lines") == [b"a", b"b", b"c", b"c"]


async def test_a_reset_source_reads_all_of_it_again(worker: RunningWorker, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\n")
    await put(worker, "s", source(tmp_path))
    await worker.until(lambda: worker.records("s") == 2)
    await stop(worker, "s")
    for _ in range(2):
        reset = await worker.client.delete("/connectors/s/offsets")
        assert (reset.status_code, reset.json()["message"]) == (200, DONE.format("reset"))
        assert await offsets(worker, "s") == []
    await worker.client.put("/connectors/s/resume")
    await worker.until(lambda: worker.records("s") == 2)


@pytest.mark.parametrize("group", ["connect-k", "mine"])
async def test_a_sink_goes_on_where_its_groups_offset_says(worker: RunningWorker, tmp_path: Path, group: str) -> None:
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    await put(worker, "s", source(tmp_path))
    await put(worker, "k", sink(tmp_path, **({} if group == "connect-k" else {"consumer.override.group.id": group})))
    await worker.until(lambda: worker.records("k") == 3)
    await stop(worker, "k")
    assert await offsets(worker, "k") == [topic_at({"kafka_offset": 3})]
    assert (await patch(worker, "k", topic_at({"kafka_offset": "1"}, partition="0"))).json()["message"] == DONE.format(
        "altered"
    )
    assert await worker.herder.cluster.groups.list() == [group]
    await worker.client.put("/connectors/k/resume")
    await worker.until(lambda: worker.records("k") == 2)
    await stop(worker, "k")
    assert (tmp_path / "out.txt").read_text().split() == ["a", "b", "c", "b", "c"]
    assert (await worker.client.delete("/connectors/k/offsets")).json()["message"] == DONE.format("reset")
    assert await offsets(worker, "k") == []


async def test_null_forgets_one_partition(worker: RunningWorker, tmp_path: Path) -> None:
    await put(worker, "s", source(tmp_path))
    await stop(worker, "s")
    other = {"partition": {"filename": "/other"}, "offset": {"position": 3}}
    await patch(worker, "s", other, file_at(tmp_path, {"position": 4}))
    assert len(await offsets(worker, "s")) == 2
    await patch(worker, "s", {**other, "offset": None})
    assert await offsets(worker, "s") == [file_at(tmp_path, {"position": 4})]


BAD_SOURCE: list[tuple[Any, str]] = [
    ({"partition": {"filename": "f"}, "offset": {}}, "position"),
    ({"partition": {"filename": "f"}, "offset": {"position": "6"}}, "position"),
    ({"partition": {"filename": "f"}, "offset": {"position": 1.5}}, "position"),
    ({"partition": {"filename": "f"}, "offset": {"position": True}}, "position"),
    ({"partition": {"filename": "f"}, "offset": {"position": -1}}, "position"),
    ({"partition": {"file": "f"}, "offset": {"position": 1}}, "filename"),
    ({"partition": None, "offset": {"position": 1}}, "partition"),
    ({"offset": {"position": 1}}, "partition"),
    ({"partition": "f", "offset": {"position": 1}}, "partition"),
    ({"partition": {"filename": "f"}, "offset": 3}, "offset"),
    ({"partition": {"filename": "f"}, "offset": {"position": 1}, "foo": 1}, "foo"),
    (7, "offsets[0]"),
]


@pytest.mark.parametrize(("entry", "mention"), BAD_SOURCE)
async def test_wrong_source_offsets_are_refused_whole(
    worker: RunningWorker, tmp_path: Path, entry: Any, mention: str
) -> None:
    await put(worker, "s", source(tmp_path))
    await stop(worker, "s")
    answer = (
        await patch(worker, "s", file_at(tmp_path, {"position": 1}), entry)
        if entry != 7
        else await patch(worker, "s", entry)
    )
    assert answer.status_code == 400
    assert mention in answer.json()["message"]
    assert await offsets(worker, "s") == []


BAD_SINK: list[tuple[Any, str]] = [
    (topic_at({"kafka_offset": -5}), "-5"),
    (topic_at({"kafka_offset": "x"}), "'x'"),
    (topic_at({"kafka_offset": 1.5}), "1.5"),
    (topic_at({"kafka_offset": None}), "kafka_offset"),
    (topic_at({"offset": 1}), "kafka_offset"),
    (topic_at({"kafka_offset": 1}, partition="p"), "'p'"),
    (topic_at({"kafka_offset": 1}, partition=None), "kafka_partition"),
    (topic_at({"kafka_offset": 1}, topic=None), "kafka_topic"),
    (topic_at({"kafka_offset": 1}, topic="none"), "no such topic"),
    (topic_at({"kafka_offset": 1}, partition=7), "partitions 0 to 0"),
    (topic_at({"kafka_offset": 1 << 63}), "out of range"),
]


@pytest.mark.parametrize(("entry", "mention"), BAD_SINK)
async def test_wrong_sink_offsets_are_refused_whole(
    worker: RunningWorker, tmp_path: Path, entry: Any, mention: str
) -> None:
    await worker.client.post("/v1/topics", json={"name": "lines"})
    await put(worker, "k", sink(tmp_path))
    await stop(worker, "k")
    answer = await patch(worker, "k", topic_at({"kafka_offset": 1}), entry)
    assert answer.status_code == 400
    assert mention in answer.json()["message"]
    assert "'k'" in answer.json()["message"]
    assert await offsets(worker, "k") == []


@pytest.mark.parametrize(
    "body", [b"{}", b'{"offsets": null}', b'{"offsets": []}', b'{"offsets": {}}', b'{"more": 1}', b"{bad", b"", b"[]"]
)
async def test_bodies_that_are_no_offsets_are_400_even_for_an_unknown_connector(
    worker: RunningWorker, body: bytes
) -> None:
    answer = await worker.client.patch(
        "/connectors/none/offsets", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, set(answer.json())) == (400, {"error_code", "message"})


async def test_only_a_stopped_connectors_offsets_can_be_changed(worker: RunningWorker, tmp_path: Path) -> None:
    await put(worker, "s", source(tmp_path))
    for answer in (
        await patch(worker, "s", file_at(tmp_path, None)),
        await worker.client.delete("/connectors/s/offsets"),
    ):
        assert (answer.status_code, answer.headers["x-connect-error-code"]) == (400, "connector.not_stopped")
        assert "/connectors/s/stop" in answer.json()["message"]
    for method in ("GET", "DELETE"):
        assert (await worker.client.request(method, "/connectors/none/offsets")).status_code == 404


async def test_the_offsets_of_standard_input_cannot_be_altered(worker: RunningWorker) -> None:
    body = {"name": "s", "config": {"connector.class": "FileStreamSource", "topic": "t"}, "initial_state": "STOPPED"}
    await worker.client.post("/connectors", json=body)
    await worker.until_state("s", State.STOPPED, tasks=0)
    answer = await patch(worker, "s", {"partition": {"filename": "f"}, "offset": {"position": 1}})
    assert (answer.status_code, "standard input" in answer.json()["message"]) == (400, True)


async def test_a_group_that_others_read_for_is_409(worker: RunningWorker, tmp_path: Path) -> None:
    from connect.ports import Subscription

    await worker.client.post("/v1/topics", json={"name": "lines"})
    await put(worker, "k", sink(tmp_path))
    await stop(worker, "k")
    consumer = await worker.herder.cluster.consumer(Subscription(("lines",)), group="connect-k", client_id="other")
    answer = await patch(worker, "k", topic_at({"kafka_offset": 0}))
    await consumer.aclose()
    assert (answer.status_code, answer.headers["x-connect-error-code"]) == (409, "log.group_in_use")


# -- what connectors say -----------------------------------------------------------------------------------------------


class PlainTask(SourceTask):
    def poll(self) -> Record | None:
        self.context.stopping.wait(0.05)
        return None


class PlainSource(SourceConnector):
    class_name = "test.PlainSource"
    task_class = PlainTask


class BrokenSource(PlainSource):
    class_name = "test.BrokenSource"

    async def alter_offsets(self, offsets: Any) -> bool:
        raise ZeroDivisionError("a bug")


class LoggingSource(PlainSource):
    class_name = "test.LoggingSource"
    closed_on: ClassVar[list[threading.Thread]] = []

    def alter_offsets(self, offsets: Any) -> bool:
        self.context.log.info("looked at %d offsets of %s", len(offsets), self.context.name)
        raise ValueError("not these")

    def close(self) -> None:
        self.closed_on.append(threading.current_thread())


class KeeperTask(SinkTask):
    def put(self, records: list[Record]) -> None:
        return None


class KeeperSink(SinkConnector):
    class_name = "test.KeeperSink"
    task_class = KeeperTask
    heard: Any = None

    async def alter_offsets(self, offsets: Any) -> bool:
        KeeperSink.heard = offsets
        return True


class Plugin:
    @hookimpl
    def connect_connectors(self) -> list[type[Connector]]:
        return [PlainSource, BrokenSource, LoggingSource, KeeperSink]


async def test_a_connector_that_does_not_look_at_offsets_is_said_to(worker: RunningWorker) -> None:
    worker.herder.plugins.register(Plugin(), "plugin")
    await put(worker, "s", {"connector.class": "test.PlainSource"})
    await stop(worker, "s")
    answer = await patch(worker, "s", {"partition": {"p": 1}, "offset": {"o": 1}})
    assert (answer.status_code, "framework-managed" in answer.json()["message"]) == (200, True)
    assert await offsets(worker, "s") == [{"partition": {"p": 1}, "offset": {"o": 1}}]


async def test_a_connector_that_breaks_on_offsets_changes_nothing(worker: RunningWorker) -> None:
    worker.herder.plugins.register(Plugin(), "plugin")
    await put(worker, "s", {"connector.class": "test.BrokenSource"})
    await stop(worker, "s")
    answer = await patch(worker, "s", {"partition": {"p": 1}, "offset": {"o": 1}})
    assert (answer.status_code, answer.headers["x-connect-error-code"]) == (500, "plugin.failed")
    assert "a bug" in answer.json()["message"]
    assert await offsets(worker, "s") == []


async def test_a_connector_that_looks_at_offsets_may_log_and_is_closed_on_its_thread_also_when_it_refuses(
    worker: RunningWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.herder.plugins.register(Plugin(), "plugin")
    await put(worker, "s", {"connector.class": "test.LoggingSource"})
    await stop(worker, "s")
    LoggingSource.closed_on.clear()
    with caplog.at_level("INFO"):
        answer = await patch(worker, "s", {"partition": {"p": 1}, "offset": {"o": 1}})
    assert "not these" in answer.json()["message"]
    assert "looked at 1 offsets of s" in caplog.text
    assert len(LoggingSource.closed_on) == 1
    assert LoggingSource.closed_on[0] is not threading.main_thread()


async def test_a_sink_that_keeps_offsets_in_its_target_is_told(worker: RunningWorker) -> None:
    worker.herder.plugins.register(Plugin(), "plugin")
    await worker.client.post("/v1/topics", json={"name": "lines"})
    await put(worker, "k", {"connector.class": "test.KeeperSink", "topics": "lines"})
    await stop(worker, "k")
    assert (await patch(worker, "k", topic_at({"kafka_offset": 4}))).status_code == 200
    assert KeeperSink.heard == {("lines", 0): 4}
    assert (await worker.client.delete("/connectors/k/offsets")).status_code == 200
    assert KeeperSink.heard == {("lines", 0): None}
