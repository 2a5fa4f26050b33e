"""Many files through a real worker: tasks that share them, a stop, offsets as REST shows and takes them."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from connect.runtime.model import State
from tests.support.worker import JSON, STRING, RunningWorker, running_worker

CONFIG = {"connector.class": "FileStreamSource", "topic": "lines", "value.converter": STRING}


async def until_lines(worker: RunningWorker, lines: list[str]) -> None:
    """Wait until a topic has so many lines, and compare them."""
    found: list[str] = []
    await worker.until(lambda: worker.records("files") >= len(lines))
    found = [(value or b"").decode() for value in await worker.values("lines")]
    assert sorted(found) == sorted(lines)


async def test_tasks_share_files_that_come_and_grow_and_go_on_after_a_stop(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = []

    def write(*numbers: int) -> None:
        for number in numbers:
            lines.append(f"line {len(lines)} of {number}")
            with (folder / f"{number}.log").open("a") as writer:
                writer.write(lines[-1] + "\n")

    write(*range(20))
    async with running_worker(tmp_path) as worker:
        config = {**CONFIG, "tasks.max": "3", "files": f"file://{folder}/*.log"}
        await worker.herder.create("files", config)
        await worker.until_state("files", State.RUNNING, tasks=3)
        await until_lines(worker, lines)
        write(*range(30))
        await until_lines(worker, lines)
    write(*range(10, 40))
    count = len(lines)
    async with running_worker(tmp_path) as worker:
        await worker.until(lambda: worker.records("files") >= 30)
        found = [(value or b"").decode() for value in await worker.values("lines")]
        assert sorted(found) == sorted(lines) and len(found) == count

        await worker.herder.stop("files")
        await worker.until_state("files", State.STOPPED)
        shown = (await worker.client.get("/connectors/files/offsets")).json()["offsets"]
        assert len(shown) == 40
        [first] = [one for one in shown if one["partition"]["filename"] == str(folder / "0.log")]
        changed = {"offsets": [{"partition": first["partition"], "offset": {"position": 0}}]}
        assert (await worker.client.patch("/connectors/files/offsets", json=changed)).status_code == 200
        no_line = {"offsets": [{"partition": {"filename": "x"}, "offset": {"position": 0}}]}
        refused = await worker.client.patch("/connectors/files/offsets", json=no_line)
        assert refused.status_code == 400
        assert "has no key 'first_line'" in refused.text


async def test_a_log_that_is_rotated_while_it_is_written_comes_whole_and_once(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    lines = [f"{number:05} " + "x" * (number % 90) for number in range(6000)]
    file.touch()

    def write() -> None:
        for start in range(0, len(lines), 500):
            with file.open("a") as writer:
                writer.writelines(line + "\n" for line in lines[start : start + 500])
            for number in range(20, 0, -1):
                older = tmp_path / f"app.log.{number}"
                if older.exists():
                    older.rename(tmp_path / f"app.log.{number + 1}")
            file.rename(tmp_path / "app.log.1")

    async with running_worker(tmp_path) as worker:
        await worker.herder.create("files", {**CONFIG, "files": str(tmp_path / "app.log*")})
        await worker.until_state("files", State.RUNNING, tasks=1)
        writer = threading.Thread(target=write)
        writer.start()
        await worker.until(lambda: worker.records("files") >= len(lines))
        writer.join(30)
        found = [(value or b"").decode() for value in await worker.values("lines")]
    assert sorted(found) == lines


async def test_a_config_that_means_no_files_is_refused(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        for files, said in [
            ("s3://bucket/x", "a URL of another kind"),
            (f"{tmp_path}/**/a/**/b", "more than once"),
            (str(tmp_path / "data"), "among the worker's own data"),
        ]:
            made = await worker.client.post("/connectors", json={"name": "files", "config": {**CONFIG, "files": files}})
            assert made.status_code == 400
            assert said in made.text
        both = {**CONFIG, "file": "x", "files": "y"}
        made = await worker.client.post("/connectors", json={"name": "files", "config": both})
        assert "'file' and 'files' are both set" in made.text


async def test_csv_with_types_comes_as_json_with_a_schema(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,price,at,note\n1,1.50,2024-02-29T12:30:00Z,"a ""note"""\n2,,,\n')
    config = {
        **CONFIG,
        "file": str(tmp_path / "in.csv"),
        "format": "csv",
        "csv.columns": "id:int64,price:decimal(2),at:timestamp",
        "value.converter": JSON,
    }
    async with running_worker(tmp_path) as worker:
        await worker.herder.create("files", config)
        await worker.until(lambda: worker.records("files") >= 2)
        first, second = [json.loads(value or b"") for value in await worker.values("lines")]
    assert first["payload"] == {"id": 1, "price": "AJY=", "at": 1709209800000, "note": 'a "note"'}
    assert second["payload"] == {"id": 2, "price": None, "at": None, "note": ""}
    fields = {field["field"]: (field["type"], field["optional"]) for field in first["schema"]["fields"]}
    assert fields == {"id": ("int64", True), "price": ("bytes", True), "at": ("int64", True), "note": ("string", True)}


async def test_files_are_deleted_once_their_offsets_are_committed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.json").write_text(f'{{"n":{number}}}')
    config = {
        **CONFIG,
        "files": str(folder),
        "format": "json",
        "on.eof": "delete",
        "on.eof.wait.ms": "0",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
    }
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as worker:
        await worker.herder.create("files", config)
        await worker.until(lambda: not list(folder.iterdir()))
        found = sorted(json.loads(value or b"")["n"] for value in await worker.values("lines"))
    assert found == list(range(5))
