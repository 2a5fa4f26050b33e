"""POST /v1/preview: for files and generated data, which are as they were before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.records import Columns
from connect.runtime.preview.answers import Order, PreviewAnswer
from tests.support.doors import PASSWORD, make_users, served_worker
from tests.support.worker import JSON, RunningWorker, running_worker, until


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def previewed(worker: RunningWorker, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await worker.client.post("/v1/preview", json={"config": config, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def tree_of(folder: Path) -> dict[str, Any]:
    """Every file and folder, with what it holds and when it was written to."""
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


async def log_of(worker: RunningWorker) -> Any:
    admin = worker.herder.cluster.admin
    topics = await admin.describe_topics(await admin.list_topics())
    return {name: [(p.partition, p.log_end_offset) for p in info.partitions] for name, info in topics.items()}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.csv").write_text("id,name\n1,x\n2,y\n")
    (folder / "b.csv").write_text("id,name\n3,z\n")
    (folder / "read").mkdir()
    return folder


SOURCES: list[tuple[dict[str, str], int]] = [
    ({"connector.class": "FileStreamSource", "topic": "t", "file": "{}/a.csv"}, 3),
    ({"connector.class": "FileStreamSource", "topic": "t", "files": "{}/*.csv", "format": "csv"}, 3),
    ({"connector.class": "FileStreamSource", "topic": "t", "files": "{}/*.csv", "on.eof": "delete"}, 5),
    (
        {
            "connector.class": "FileStreamSource",
            "topic": "t",
            "files": "{}/*.csv",
            "on.eof": "move",
            "on.eof.folder": "{}/read",
        },
        5,
    ),
    ({"connector.class": "Datagen", "kafka.topic": "t", "quickstart": "users", "max.interval": "60000"}, 10),
]


@pytest.mark.parametrize(("config", "count"), SOURCES)
async def test_sources_of_files_and_generated_data_leave_everything_as_it_was(
    worker: RunningWorker, files: Path, config: dict[str, str], count: int
) -> None:
    config = {"name": "s", **{key: value.replace("{}", str(files)) for key, value in config.items()}}
    before = tree_of(files), await log_of(worker)
    answer = await previewed(worker, config, records=10)
    assert (answer["problems"], answer["error"], len(answer["walks"])) == ([], None, count)
    assert (tree_of(files), await log_of(worker)) == before
    assert worker.herder.connectors() == []


async def test_standard_input_is_not_read(worker: RunningWorker) -> None:
    answer = await previewed(worker, {"name": "s", "connector.class": "FileStreamSource", "topic": "t"})
    assert "standard input cannot be previewed" in answer["error"]["message"]


async def test_a_file_that_is_not_there_is_told(worker: RunningWorker, tmp_path: Path) -> None:
    config = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", "file": str(tmp_path / "none.txt")}
    answer = await previewed(worker, config)
    assert answer["error"]["code"] == "preview.waiting"
    assert "none.txt" in answer["error"]["message"]


async def filled(worker: RunningWorker, *values: str) -> None:
    await worker.herder.cluster.admin.create_topic("t")
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("t", Columns([value.encode() for value in values], None, 1, None), partition=0)
    await producer.aclose()


SINKS: list[tuple[dict[str, str], str, list[str]]] = [
    ({"connector.class": "FileStreamSink", "file": "{}/out.txt"}, "lines", ['{"id":1}', '{"id":2}']),
    ({"connector.class": "FileStreamSink", "file": "{}/a.csv"}, "lines", ['{"id":1}', '{"id":2}']),
    (
        {"connector.class": "FileStreamSink", "file": "{}/out.txt", "delivery.guarantee": "exactly-once"},
        "lines",
        ['{"id":1}', '{"id":2}'],
    ),
    ({"connector.class": "FolderSink", "folder": "{}", "format": "json"}, "files", ['{"id":1}\n{"id":2}']),
    (
        {"connector.class": "FolderSink", "folder": "{}", "format": "csv", "compression.type": "gzip"},
        "files",
        ["id\n1\n2"],
    ),
]


@pytest.mark.parametrize(("config", "kind", "texts"), SINKS)
async def test_sinks_of_files_tell_what_they_would_write_and_leave_everything_as_it_was(
    worker: RunningWorker, files: Path, config: dict[str, str], kind: str, texts: list[str]
) -> None:
    await filled(worker, '{"id":1}', '{"id":2}')
    converter = {
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }
    config = {"name": "k", "topics": "t", **converter, **{k: v.replace("{}", str(files)) for k, v in config.items()}}
    before = tree_of(files), await log_of(worker), await worker.herder.cluster.groups.list()
    answer = await previewed(worker, config)
    assert (answer["problems"], answer["error"]) == ([], None)
    assert answer["target"]["kind"] == kind
    found = [item["text"] for item in answer["target"]["items"]]
    assert [text.partition("\n")[2] if kind == "files" else text for text in found] == texts
    assert (tree_of(files), await log_of(worker), await worker.herder.cluster.groups.list()) == before


async def test_a_folder_that_is_not_there_is_told(worker: RunningWorker, tmp_path: Path) -> None:
    await filled(worker, "{}")
    config = {"name": "k", "topics": "t", "connector.class": "FileStreamSink", "file": str(tmp_path / "no" / "out.txt")}
    answer = await previewed(worker, {**config, "value.converter.schemas.enable": "false"})
    steps = answer["walks"][0]["steps"]
    assert (answer["error"] or steps[-1]["error"])["message"]


async def test_what_cannot_be_asked_is_400_and_says_what(worker: RunningWorker) -> None:
    answer = await worker.client.post("/v1/preview", json={"config": {"name": "s"}, "records": 0})
    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)
    assert "'records' is 0" in answer.json()["message"]
    answer = await worker.client.post("/v1/preview", json={"config": {"name": "s"}})
    assert answer.status_code == 400
    assert "connector.class" in answer.json()["message"]


async def test_plugins_in_processes_of_their_own_are_previewed_alike(worker: RunningWorker, files: Path) -> None:
    await filled(worker, '{"id":1}', '{"id":2}')
    apart = {"plugin.isolation": "process", "value.converter": JSON, "value.converter.schemas.enable": "false"}
    before = tree_of(files)
    source = {"name": "s", "connector.class": "FileStreamSource", "topic": "x", "files": f"{files}/*.csv", **apart}
    hoist = {
        "transforms": "h",
        "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.h.field": "line",
    }
    answer = await previewed(worker, {**source, **hoist, "on.eof": "delete"}, timeout_ms=30_000)
    assert (answer["error"], len(answer["walks"])) == (None, 5)
    assert answer["walks"][0]["steps"][1]["records"][0]["value"] == {"line": "id,name"}
    sink = {"name": "k", "connector.class": "FileStreamSink", "topics": "t", "file": str(files / "out.txt"), **apart}
    answer = await previewed(worker, sink, timeout_ms=30_000)
    assert answer["error"] is None
    assert [(item["text"], item["records"]) for item in answer["target"]["items"]] == [
        ('{"id":1}', [0]),
        ('{"id":2}', [1]),
    ]
    answer = await previewed(worker, {**sink, "file": str(files / "none" / "out.txt")}, timeout_ms=30_000)
    assert "is not there" in answer["error"]["message"]
    assert tree_of(files) == before


async def test_a_client_that_hangs_up_ends_its_preview(tmp_path: Path) -> None:
    config = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", "files": f"{tmp_path}/*.none"}
    slow = {"config": {**config, "transforms": "none"}, "timeout_ms": 60_000}
    async with served_worker(tmp_path) as worker:
        worker.herder.previews.preview = hanging = Hanging()  # type: ignore[method-assign, assignment]
        with pytest.raises(httpx.ReadTimeout):
            await worker.request("POST", "/v1/preview", json=slow, timeout=httpx.Timeout(10, read=0.5))
        await until(lambda: hanging.was_cancelled)


class Hanging:
    """Stands for a preview that takes its time."""

    was_cancelled = False

    async def __call__(self, order: Order) -> PreviewAnswer:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        raise AssertionError("nobody has hung up")


async def test_who_may_only_read_may_not_run_plugins(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    config = {"name": "d", "connector.class": "Datagen", "kafka.topic": "t", "quickstart": "users"}
    async with served_worker(tmp_path, **{"rest.authentication.file": str(users)}) as worker:
        for user, status in (("bob", 403), ("ann", 200)):
            answer = await worker.request("POST", "/v1/preview", auth=(user, PASSWORD), json={"config": config})
            assert answer.status_code == status, answer.text
