"""Connectors kept as the files of a folder say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.api import ConflictError, SinkTask
from connect.cli import connector_files
from connect.cli.connector_files import ConnectorFolder
from connect.runtime import folder_watch
from connect.runtime.folder_watch import FolderWatch
from connect.runtime.herder import Herder
from connect.runtime.model import State
from connect.runtime.plugin_sources import Files
from tests.support.forks import ForkedWorker
from tests.support.groups import group
from tests.support.logs import logged
from tests.support.odd_plugins import register, sink
from tests.support.plain import NO_TLS
from tests.support.worker import RunningWorker, running_worker, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_watch, "STILL_S", 0.05)
    for name in ("SOON_S", "SURE_S", "AGAIN_S"):
        monkeypatch.setattr(connector_files, name, 0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "connectors").mkdir()
    return tmp_path / "connectors"


def config(topic: str = "t", **more: str) -> dict[str, str]:
    return {"connector.class": "FileStreamSink", "topics": topic, "file": "/dev/null", **more}


def put(folder: Path, at: str, name: str, topic: str = "t", **more: str) -> None:
    """Write a file as tools do: elsewhere, and then to its name."""
    new = folder.parent / "new"
    new.write_text(json.dumps({"name": name, **config(topic, **more)}))
    new.replace(folder / at)


@asynccontextmanager
async def kept(worker: RunningWorker, folder: Path, tmp_path: Path) -> AsyncIterator[ConnectorFolder]:
    """Keep a folder, as `connect worker` does."""
    keeping = ConnectorFolder(folder, tmp_path / "data")
    task = asyncio.create_task(keeping.keep(worker.herder))
    try:
        yield keeping
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=10)
        worker.herder.base.more_notices.clear()
        assert task.cancelled()


@pytest.fixture(autouse=True)
def full_s(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr("connect.cli.connector_files.FULL_S", 1.0)
    return 1.0


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path) as running:
        yield running


def topics(worker: RunningWorker) -> dict[str, str]:
    return {name: worker.herder.info(name).config["topics"] for name in worker.herder.connectors()}


def told(keeping: ConnectorFolder) -> dict[str, str]:
    return {notice.subject: notice.message for notice in keeping.notices()}


async def warnings(worker: RunningWorker) -> dict[str, str]:
    found = (await worker.client.get("/v1/warnings")).json()["warnings"]
    return {w["subject"]: w["message"] for w in found if w["code"].startswith("connector")}


async def test_files_that_are_there_come_change_and_go_are_applied(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "a.json", "a")
    (folder / "b.properties").write_text("name=b\n" + "".join(f"{k}={v}\n" for k, v in config().items()))
    async with kept(worker, folder, tmp_path):
        await until(lambda: topics(worker) == {"a": "t", "b": "t"})
        put(folder, "c.json", "c")
        await until(lambda: "c" in topics(worker))
        put(folder, "a.json", "a", "other")
        await until(lambda: topics(worker)["a"] == "other")
        (folder / "a.json").unlink()
        (folder / "b.properties").unlink()
        await until(lambda: topics(worker) == {"c": "t"})
        (folder / "c.json").unlink()
        await until(lambda: topics(worker) == {})


async def test_only_what_came_from_the_folder_goes_with_its_files(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    await worker.herder.create("by-request", config())
    put(folder, "a.json", "a")
    async with kept(worker, folder, tmp_path):
        await until(lambda: "a" in topics(worker))
        (folder / "a.json").unlink()
        await until(lambda: topics(worker) == {"by-request": "t"})


async def test_a_connector_whose_file_says_what_it_is_already_is_not_started_anew(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    class Counted(SinkTask):
        starts = 0

        def start(self) -> None:
            Counted.starts += 1

    register(worker.herder, sink(Counted))
    odd = {"name": "odd", "connector.class": "test.Odd", "topics": "t"}
    await worker.herder.put_config("odd", odd)
    await worker.until_state("odd", State.RUNNING, tasks=1)
    (folder / "odd.json").write_text(json.dumps(odd))
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: "odd" in keeping._owned)
        (folder / "odd.json").write_text(json.dumps(odd, indent=2))
        before = keeping._applied["odd.json"]
        await until(lambda: keeping._applied["odd.json"] != before)
        assert Counted.starts == 1


async def test_a_wrong_file_is_told_of_once_and_holds_no_other_up_and_is_taken_once_it_is_right(
    worker: RunningWorker, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(folder, "a.json", "a")
    (folder / "half.json").write_text('{"name": "half", "connector.cl')
    (folder / "nameless.json").write_text('{"topics": "t"}')
    (folder / "refused.json").write_text('{"name": "refused", "topics": "t"}')
    put(folder, "z.json", "z")
    (folder / "README.md").write_text("no config")
    (folder / ".hidden.json").write_text("{")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"a": "t", "z": "t"})
        await until(lambda: set(told(keeping)) == {"half.json", "nameless.json", "refused.json"})
        found = await warnings(worker)
        assert "not JSON" in found["half.json"] and "connector.class" in found["refused.json"]
        await keeping._look_once(worker.herder)
        errors = [line for line in logged(caplog, logging.ERROR) if line.startswith("connectors.dir: half.json")]
        assert len(errors) == 1, "it is the same as before"
        put(folder, "half.json", "half")
        await until(lambda: "half" in topics(worker))
        await until(lambda: "half.json" not in told(keeping))


async def test_a_file_that_breaks_keeps_its_connector_as_it_was(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "a.json", "a")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"a": "t"})
        (folder / "a.json").write_text("{")
        await until(lambda: set(told(keeping)) == {"a.json"})
        assert topics(worker) == {"a": "t"}


async def test_of_two_files_for_one_connector_the_first_counts_and_the_other_is_told_of(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "1.json", "a", "one")
    put(folder, "2.json", "a", "two")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"a": "one"})
        await until(lambda: "'a' is named by 1.json already" in told(keeping).get("2.json", ""))
        (folder / "1.json").unlink()
        await until(lambda: topics(worker) == {"a": "two"})
        await until(lambda: not told(keeping))


async def test_a_file_under_another_name_is_the_same_connector_and_one_with_another_connector_deletes_the_first(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "1.json", "a")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: keeping._owned == {"a": "1.json"})
        life = worker.herder._configs.revision("a").life
        (folder / "1.json").rename(folder / "2.json")
        await until(lambda: keeping._owned == {"a": "2.json"})
        assert worker.herder._configs.revision("a").life == life, "it was not deleted in between"
        put(folder, "2.json", "b")
        await until(lambda: topics(worker) == {"b": "t"})


async def test_a_request_stands_and_is_told_of_until_the_file_changes_or_the_worker_starts(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "a.json", "a")
    put(folder, "b.json", "b")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"a": "t", "b": "t"} and len(keeping._wanted) == 2)
        await worker.herder.put_config("a", config("by-request"))
        await worker.herder.delete("b")
        await worker.herder.pause("a")
        await keeping._look_once(worker.herder)
        assert topics(worker) == {"a": "by-request"}
        found = await warnings(worker)
        assert "was changed since a.json" in found["a"] and "was deleted since b.json" in found["b"]
        put(folder, "a.json", "a", "by-file")
        await until(lambda: topics(worker) == {"a": "by-file"})
        # What is wanted of it is kept.
        await until(lambda: worker.herder.status("a").connector.state is State.PAUSED)
        await until(lambda: set(told(keeping)) == {"b"})
    async with kept(worker, folder, tmp_path):
        await until(lambda: topics(worker) == {"a": "by-file", "b": "t"})


async def test_what_went_while_the_worker_was_down_is_deleted_at_its_start_but_not_for_an_empty_folder(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "a.json", "a")
    put(folder, "b.json", "b")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: set(keeping._owned) == {"a", "b"} and (tmp_path / "data/connectors-dir.json").exists())
    (folder / "a.json").unlink()
    async with kept(worker, folder, tmp_path):
        await until(lambda: topics(worker) == {"b": "t"})
    (folder / "b.json").unlink()
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: "may not be mounted" in told(keeping).get(str(folder), ""))
        await looks(keeping, worker, 3)
        assert topics(worker) == {"b": "t"}
        put(folder, "c.json", "c")
        await until(lambda: topics(worker) == {"c": "t"})
    folder.rename(tmp_path / "away")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: "cannot be read" in told(keeping).get(str(folder), ""))
        await looks(keeping, worker, 3)
        assert topics(worker) == {"c": "t"}


async def looks(keeping: ConnectorFolder, worker: RunningWorker, count: int) -> None:
    for _ in range(count):
        await keeping._look_once(worker.herder)


async def test_a_volume_that_goes_while_the_worker_runs_leaves_an_empty_folder_for_which_nothing_is_deleted(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "a.json", "a")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"a": "t"})
        folder.rename(tmp_path / "mounted")
        folder.mkdir()
        await until(lambda: "may not be mounted" in told(keeping).get(str(folder), ""))
        await looks(keeping, worker, 3)
        assert topics(worker) == {"a": "t"}
        folder.rmdir()
        (tmp_path / "mounted").rename(folder)
        await until(lambda: not told(keeping))
        (folder / "a.json").unlink()
        await until(lambda: topics(worker) == {})


async def test_a_folder_that_is_removed_and_made_again_is_another_one_whatever_its_inode(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "a.json", "a")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"a": "t"})
        await looks(keeping, worker, 1)
        (folder / "a.json").unlink()
        folder.rmdir()
        folder.mkdir()
        await until(lambda: "may not be mounted" in told(keeping).get(str(folder), ""))
        await looks(keeping, worker, 3)
        assert topics(worker) == {"a": "t"}
        put(folder, "a.json", "a", "other")
        await until(lambda: topics(worker) == {"a": "other"})
        (folder / "a.json").unlink()
        await until(lambda: topics(worker) == {})


@pytest.mark.parametrize("is_another_life", [False, True])
async def test_a_folder_that_is_made_again_and_filled_slowly_deletes_nothing_of_what_comes(
    worker: RunningWorker, folder: Path, tmp_path: Path, full_s: float, is_another_life: bool
) -> None:
    for name in "abc":
        put(folder, f"{name}.json", name)
    first = kept(worker, folder, tmp_path)
    keeping = await first.__aenter__()
    await until(lambda: len(keeping._owned) == 3 and (tmp_path / "data/connectors-dir.json").exists())
    if is_another_life:
        await first.__aexit__(None, None, None)
    folder.rename(tmp_path / "old")
    folder.mkdir()
    put(folder, "a.json", "a")
    second = kept(worker, folder, tmp_path) if is_another_life else first
    if is_another_life:
        keeping = await second.__aenter__()
    await until(lambda: keeping._filling is not None)
    await asyncio.sleep(0.6 * full_s)  # to see that nothing is deleted, in the time of a look that makes sure
    put(folder, "b.json", "b")
    await asyncio.sleep(0.6 * full_s)
    assert set(topics(worker)) == {"a", "b", "c"}
    await until(lambda: set(topics(worker)) == {"a", "b"})  # no more comes
    await second.__aexit__(None, None, None)


async def test_a_folder_is_held_open_no_longer_than_it_is_kept(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    def held() -> int:
        found = 0
        for link in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # that of this listing, and of others that end
                found += link.readlink() == folder
        return found

    put(folder, "a.json", "a")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"a": "t"})
        await looks(keeping, worker, 20)
        await until(lambda: held() == 1)
    await until(lambda: held() == 0)


@pytest.mark.parametrize("target", ["nowhere", "x" * 300, "a.json"])
async def test_a_link_that_leads_nowhere_is_told_of_and_deletes_nothing(
    worker: RunningWorker, folder: Path, tmp_path: Path, target: str
) -> None:
    put(folder, "a.json", "a")
    put(folder, "b.json", "b")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"a": "t", "b": "t"})
        (tmp_path / "link").symlink_to(target)
        (tmp_path / "link").rename(folder / "a.json")
        await until(lambda: "cannot be read" in told(keeping).get("a.json", ""))
        await looks(keeping, worker, 3)
        put(folder, "b.json", "b", "other")
        await until(lambda: topics(worker) == {"a": "t", "b": "other"})


async def test_a_name_that_is_no_text_is_a_file_like_others_and_holds_none_up(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    odd, wrong, lines = (folder / os.fsdecode(name) for name in (b"\xff.json", b"\xfe.json", b"two\nlines.json"))
    for path, name in ((odd, "odd"), (lines, "lines")):
        path.write_text(json.dumps({"name": name, **config()}))
    wrong.write_text("{")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: topics(worker) == {"odd": "t", "lines": "t"})
        await until(lambda: r"\udcfe.json" in told(keeping))
        assert r"\udcfe.json is not JSON" in (await warnings(worker))[r"\udcfe.json"]
        for path in (odd, wrong, lines):
            path.unlink()
        await until(lambda: topics(worker) == {})
        await until(lambda: not told(keeping))
    assert json.loads((tmp_path / "data/connectors-dir.json").read_text())["connectors"] == {}


async def test_a_file_that_is_renamed_while_the_folder_is_listed_is_not_missed(
    worker: RunningWorker, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "1.json", "a")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: "a" in keeping._owned)
        read_all = connector_files._read_all
        hidden = iter([True])

        def listing(of: Path) -> Any:
            identity, files = read_all(of)
            return identity, {} if next(hidden, False) else files

        life = worker.herder._configs.revision("a").life
        monkeypatch.setattr(connector_files, "_read_all", listing)
        await looks(keeping, worker, 4)
        assert next(hidden, None) is None, "one listing did not have it"
        assert worker.herder._configs.revision("a").life == life


async def test_another_folder_deletes_nothing_of_the_one_before_and_a_damaged_record_nothing_at_all(
    worker: RunningWorker, folder: Path, tmp_path: Path
) -> None:
    put(folder, "a.json", "a")
    record = tmp_path / "data" / "connectors-dir.json"
    async with kept(worker, folder, tmp_path):
        await until(record.exists)
    other = tmp_path / "other"
    other.mkdir()
    put(other, "b.json", "b")
    async with kept(worker, other, tmp_path):
        await until(lambda: topics(worker) == {"a": "t", "b": "t"} and str(other) in record.read_text())
    for damaged in ("{", "[]", "{}", json.dumps({"folder": str(other), "connectors": 1})):
        record.write_text(damaged)
        put(other, "c.json", "c")
        (other / "b.json").unlink(missing_ok=True)
        async with kept(worker, other, tmp_path) as keeping:
            await until(lambda keeping=keeping: set(keeping._owned) == {"c"})  # type: ignore[misc]
    assert topics(worker) == {"a": "t", "b": "t", "c": "t"}


async def test_a_swap_of_a_config_map_s_links_is_seen(worker: RunningWorker, folder: Path, tmp_path: Path) -> None:
    def publish(version: int, **files: str) -> None:
        """As kubelet does: a new folder, then the link `..data` to it at once, then links of new names."""
        data = folder / f"..2026_11_28_{version}"
        data.mkdir()
        for name, topic in files.items():
            (data / f"{name}.json").write_text(json.dumps({"name": name, **config(topic)}))
        (folder / "..data_tmp").symlink_to(data.name)
        (folder / "..data_tmp").replace(folder / "..data")
        for name in files:
            if not (folder / f"{name}.json").is_symlink():
                (folder / f"{name}.json").symlink_to(f"..data/{name}.json")
        for link in folder.glob("*.json"):
            if link.stem not in files:
                link.unlink()

    publish(1, a="one", b="one")
    async with kept(worker, folder, tmp_path):
        await until(lambda: topics(worker) == {"a": "one", "b": "one"})
        publish(2, a="two", c="two")
        await until(lambda: topics(worker) == {"a": "two", "c": "two"})


@pytest.mark.parametrize("code", ["worker.rebalancing", "connector.changed"])
async def test_what_passes_by_itself_is_tried_again_soon_and_is_no_error(
    worker: RunningWorker, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, code: str
) -> None:
    put(folder, "a.json", "a")
    caplog.set_level(logging.INFO)
    taken, refusals = connector_files.take_file, iter(range(3))

    async def refusing(*arguments: Any) -> None:
        if next(refusals, None) is not None:
            raise ConflictError("nobody leads, or a request was faster", code=code)
        await taken(*arguments)

    monkeypatch.setattr(connector_files, "take_file", refusing)
    async with kept(worker, folder, tmp_path):
        await until(lambda: topics(worker) == {"a": "t"})
    assert not [line for line in logged(caplog, logging.ERROR) if "connectors.dir" in line]


async def test_a_defect_in_a_look_is_logged_and_ends_nothing(
    worker: RunningWorker, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(connector_files, "_read_all", broken)
    put(folder, "a.json", "a")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: any("a defect" in notice.message for notice in keeping.notices()))
        monkeypatch.undo()
        await until(lambda: topics(worker) == {"a": "t"})


async def test_a_worker_that_does_not_lead_has_the_leader_take_its_folder(tmp_path: Path, folder: Path) -> None:
    async with group(tmp_path) as workers:
        await workers.start("a", served=True)
        leader: Herder = await workers.leader()
        follower = await workers.start("b", served=True)
        await until(lambda: follower.leader_url is not None)
        put(folder, "a.json", "a")
        keeping = ConnectorFolder(folder, tmp_path)
        task = asyncio.create_task(keeping.keep(follower))
        try:
            await until(lambda: leader.connectors() == ["a"])
            (folder / "a.json").unlink()
            await until(lambda: leader.connectors() == [])
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=10)


def test_a_worker_applies_its_folder_from_its_start_on_and_no_connector_writes_into_it(
    tmp_path: Path, folder: Path
) -> None:
    put(folder, "evil.json", "evil", file=str(folder / "more.json"))
    put(folder, "good.json", "good")
    with ForkedWorker(tmp_path / "data", CONNECT_CONNECTORS_DIR=str(folder)) as worker:
        with httpx.Client(base_url=worker.url(), verify=NO_TLS) as client:
            wait_until(lambda: client.get("/connectors").json() == ["good"])
            wait_until(lambda: "evil.json" in worker.log)
            [refused] = [w for w in client.get("/v1/warnings").json()["warnings"] if w["code"] == "connectors.dir"]
        assert refused["subject"] == "evil.json" and "more.json" in refused["message"]
        assert worker.stop() == 0


def wait_until(condition: Callable[[], bool]) -> None:
    asyncio.run(until(condition))


async def test_a_folder_with_more_files_than_are_looked_at_deletes_and_applies_nothing(
    worker: RunningWorker, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector_files, "FILES_MAX", 2)
    put(folder, "a.json", "a")
    put(folder, "z.json", "z")
    async with kept(worker, folder, tmp_path) as keeping:
        await until(lambda: set(topics(worker)) == {"a", "z"})
        put(folder, "b.json", "b")
        await until(lambda: str(folder) in told(keeping))
        assert "3 configs, and 2 at most are expected" in told(keeping)[str(folder)]
        assert set(topics(worker)) == {"a", "z"}


async def test_nothing_of_the_folder_is_looked_at_on_the_event_loop(
    worker: RunningWorker, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[threading.Thread] = set()
    look = FolderWatch._look

    def seen(watch: FolderWatch) -> Files:
        threads.add(threading.current_thread())
        return look(watch)

    monkeypatch.setattr(FolderWatch, "_look", seen)
    put(folder, "a.json", "a")
    async with kept(worker, folder, tmp_path):
        await worker.until(lambda: topics(worker) == {"a": "t"})
    assert threads and threading.main_thread() not in threads, "its disk may be slow, and the loop is everybody's"
