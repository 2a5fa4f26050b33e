"""Many files through a real worker: tasks that share them, a stop, offsets as REST shows and takes them."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx
import pytest

from connect.runtime.model import State
from connect.testing.crash import LogTarget
from connect.testing.crash.processes import Workers, until
from tests.support.plain import NO_TLS
from tests.support.worker import JSON, STRING, RunningWorker, running_worker

KILLS: Final = 3
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


class Writer(threading.Thread):
    """Writes two logs, of which one is rotated by rename and one by copytruncate; or one of them alone."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.folder, self.names, self.lines, self.ends = folder, names, list[str](), threading.Event()

    def run(self) -> None:
        while not self.ends.is_set():
            for name in self.names:
                for _ in range(40):
                    self.lines.append(f"{name} {len(self.lines):06} " + "x" * 40)
                    with (self.folder / name).open("a") as file:
                        file.write(self.lines[-1][:20])
                        file.flush()
                        file.write(self.lines[-1][20:] + "\n")
                time.sleep(0.1)
                if self.ends.is_set():
                    continue  # in the end both are there
                self.move_on(name)
                if name == "renamed.log":
                    (self.folder / name).rename(self.folder / f"{name}.1")
                else:
                    shutil.copy(self.folder / name, self.folder / f"{name}.1")
                    os.truncate(self.folder / name, 0)

    def move_on(self, name: str) -> None:
        numbers = sorted(int(older.suffix[1:]) for older in self.folder.glob(f"{name}.*"))
        for number in reversed(numbers):
            (self.folder / f"{name}.{number}").rename(self.folder / f"{name}.{number + 1}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.log*", ("renamed.log", "copied.log")),
        # Of copies that no pattern lists, what was cut before it was looked at cannot be known to be a generation.
        ("*.log", ("renamed.log",)),
    ],
    ids=["all generations are listed", "the present one is"],
)
def test_logs_that_are_rotated_while_the_worker_is_killed_lose_no_line_and_none_is_cut(
    tmp_path: Path, pattern: str, names: Sequence[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    source = tmp_path / "source.json"
    source.write_text(json.dumps({"name": "files", "config": {**CONFIG, "files": str(folder / pattern)}}))
    writer = Writer(folder, names)
    for name in names:  # what was never seen under a name that is listed is nobody's
        writer.lines.append(f"{name} begins " + "x" * 300)
        (folder / name).write_text(writer.lines[-1] + "\n")

    def seen() -> list[str]:
        found: list[str] = []
        LogTarget(tmp_path / "data", "lines", lambda value: found.append(value.decode())).seen()  # type: ignore[func-returns-value]
        return found

    def are_committed(url: str) -> bool:
        shown = client.get(f"{url}/connectors/files/offsets").text
        return all(name in shown for name in names)

    def until_more_is_written() -> None:
        count = len(writer.lines)
        until(lambda: len(writer.lines) > count + 200, "more is written")

    with Workers(tmp_path, [source]) as workers, httpx.Client(verify=NO_TLS) as client:
        running = workers.start()
        url = running.url()
        until(lambda: are_committed(url), "each has an offset")
        writer.start()
        for _ in range(KILLS):
            until_more_is_written()
            running.kill()
            until_more_is_written()
            running = workers.start()
            running.url()
        until_more_is_written()
        writer.ends.set()
        writer.join(10)
        until(lambda: len(set(seen())) >= len(writer.lines), "all is read", deadline_s=60)
        assert running.stop() == 0
        found = seen()
    assert set(found) == set(writer.lines)


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
