"""How far the file sink has come: recorded with the file's length, cut at the start, refused where others meddled."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, ConfigError, DataError, EnvironmentFault, ExactlyOnceSupport, RetriableError, Transform
from connect.records import Columns
from connect.runtime.model import State
from connect_file import FileStreamSinkConnector
from connect_file.sink import FileStreamSinkTask
from tests.support.factories import make_sink_batch
from tests.support.odd_plugins import register
from tests.support.tasks import connector, sink_task, stop
from tests.support.worker import STRING, running_worker, until

AT = ("t", 0)


class Sinks:
    """Tasks on one file, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.beside = path.with_name(path.name + ".connect-offsets")
        self.started: list[Any] = []

    @property
    def config(self) -> dict[str, str]:
        return {"file": str(self.path), "topics": "t", "delivery.guarantee": "exactly-once"}

    async def start(self, **keys: str) -> Any:
        task = await sink_task(
            FileStreamSinkConnector, {**self.config, **{k.replace("_", "."): v for k, v in keys.items()}}
        )
        self.started.append(task)
        task.found = await task.resume_offsets([AT])
        return task

    async def killed(self, task: Any) -> None:
        """End a task as a kill does: nothing is flushed."""
        await stop(task)
        self.started.remove(task)

    def recorded(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.beside.read_text())
        return found


@pytest.fixture
async def sinks(tmp_path: Path) -> AsyncIterator[Sinks]:
    made = Sinks(tmp_path / "out.txt")
    yield made
    for task in made.started:
        await stop(task)


async def put(task: Any, *values: str, at: int) -> None:
    task.context.after_put = {AT: at + len(values)}
    await task.put_batch(make_sink_batch(list(values), topic="t", base_offset=at))


async def test_what_was_not_flushed_is_cut_and_comes_again(sinks: Sinks) -> None:
    task = await sinks.start()
    assert task.found == {}
    await put(task, "a", "b", at=3)
    await task.flush()
    await put(task, "c", "d", at=5)
    assert sinks.path.read_text() == "a\nb\nc\nd\n"
    await sinks.killed(task)
    task = await sinks.start()
    assert sinks.path.read_text() == "a\nb\n"
    assert task.found == {AT: 5}
    await put(task, "c", "d", at=5)
    await task.flush()
    assert sinks.path.read_text() == "a\nb\nc\nd\n"
    assert sinks.recorded()["length"] == 8


async def test_a_flush_records_what_was_passed_over_behind_the_last_put(sinks: Sinks) -> None:
    task = await sinks.start()
    await put(task, "a", at=0)
    await task.flush()
    task.context.after_put = {AT: 4}  # three bad ones, and their letters are on disk
    await task.flush()
    await sinks.killed(task)
    assert (await sinks.start()).found == {AT: 4}


async def test_what_was_in_the_file_before_is_kept(sinks: Sinks) -> None:
    sinks.path.write_text("theirs")
    task = await sinks.start()
    await put(task, "a", at=0)
    await sinks.killed(task)
    task = await sinks.start()
    assert task.found == {}
    await put(task, "a", at=0)
    await task.flush()
    assert sinks.path.read_text() == "theirs\na\n"


async def test_records_that_are_there_already_are_passed_over(sinks: Sinks) -> None:
    task = await sinks.start()
    await put(task, "a", "b", at=0)
    await put(task, "a", "b", "c", at=0)
    assert sinks.path.read_text() == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: os.truncate(path, 1), "it has 1 bytes, and had 4 at the last flush"),
        (lambda path: path.write_text("a\nX\n"), "its bytes in front of byte 4 are not those that were written"),
        (lambda path: path.write_text("a\nb\nmine\n"), "it has 9 bytes, and had 4 when"),
        (
            lambda path: (path.rename(path.with_name("old")), path.write_text("a\nb\n")),
            "it is another file than the one that was written",
        ),
    ],
    ids=["shorter", "changed", "longer", "another"],
)
async def test_a_file_that_somebody_else_changed_is_refused_and_left_as_it_is(
    sinks: Sinks, change: Any, told: str
) -> None:
    task = await sinks.start()
    await put(task, "a", "b", at=0)
    await task.flush()
    await sinks.killed(task)
    change(sinks.path)
    before = sinks.path.read_bytes()
    with pytest.raises(EnvironmentFault, match=told) as caught:
        await sinks.start()
    assert caught.value.code == "file.changed"
    assert str(sinks.beside) in (caught.value.hint or "")
    assert sinks.path.read_bytes() == before
    sinks.beside.unlink()
    assert (await sinks.start()).found == {}


async def test_lines_that_somebody_appends_meanwhile_end_the_task(sinks: Sinks) -> None:
    task = await sinks.start()
    await put(task, "a", at=0)
    with sinks.path.open("a") as file:
        file.write("mine\n")
    with pytest.raises(EnvironmentFault, match="it has 7 bytes, and had 2 when this task last wrote"):
        await put(task, "b", at=1)


async def test_a_file_has_one_task_and_one_connector(sinks: Sinks, tmp_path: Path) -> None:
    task = await sinks.start()
    with pytest.raises(RetriableError, match="is written by another task or program"):
        await sinks.start()
    await sinks.killed(task)
    recorded = sinks.recorded()
    sinks.beside.write_text(json.dumps({**recorded, "connector": "other"}))
    with pytest.raises(EnvironmentFault, match="connector 'other' writes it"):
        await sinks.start()
    made = await connector(FileStreamSinkConnector, sinks.config)
    assert len(made.task_configs(3)) == 1


async def test_a_record_that_cannot_be_read_is_refused(sinks: Sinks) -> None:
    sinks.beside.write_text("{")
    with pytest.raises(EnvironmentFault, match="which has the offsets of a sink, cannot be read: JSONDecodeError"):
        await sinks.start()


async def test_going_back_to_at_least_once_forgets_the_position(sinks: Sinks) -> None:
    task = await sinks.start()
    await put(task, "a", at=0)
    await task.flush()
    await sinks.killed(task)
    task = await sinks.start(delivery_guarantee="at-least-once")
    assert task.found is None
    assert not sinks.beside.exists()


async def test_a_topic_that_was_made_again_begins_anew(sinks: Sinks) -> None:
    task = await sinks.start()
    await put(task, "a", at=0)
    task.context.topic_ids["t"] = "another"
    assert await task.resume_offsets([AT]) == {}


async def test_offsets_are_set_and_forgotten_for_users(sinks: Sinks) -> None:
    task = await sinks.start()
    await put(task, "a", at=0)
    await task.flush()
    await sinks.killed(task)
    made = await connector(FileStreamSinkConnector, sinks.config)
    made.context.name = "test"
    assert made.alter_offsets({AT: 7, ("t", 9): 3}) is True
    task = await sinks.start()
    assert task.found == {AT: 7}
    await sinks.killed(task)
    assert made.alter_offsets({AT: None}) is True
    assert (await sinks.start()).found == {}
    made.context.name = "other"
    assert made.alter_offsets({AT: 1}) is True  # it has nothing there


async def test_what_no_file_holds_cannot_be_exactly_once(tmp_path: Path) -> None:
    for file, support in (
        (str(tmp_path / "new.txt"), ExactlyOnceSupport.SUPPORTED),
        ("", ExactlyOnceSupport.UNSUPPORTED),
        ("/dev/null", ExactlyOnceSupport.UNSUPPORTED),
    ):
        made = await connector(FileStreamSinkConnector, {"topics": "t", **({"file": file} if file else {})})
        assert made.exactly_once_support() is support


async def test_records_that_a_transform_made_of_nothing_are_refused(sinks: Sinks) -> None:
    task = await sinks.start()
    with pytest.raises(ConfigError, match="does not say of which record"):
        await task.put_batch(make_sink_batch(["a"]).replace(original_topic=None))


class Sorted(Transform):
    """Sends each second record to another topic, so that one partition's records come in several batches."""

    class_name = "test.Sorted"

    def apply_batch(self, batch: Batch) -> list[Batch]:
        odd = [int(value[1:]) % 2 == 1 for value in batch.values]
        parts = (("even", [not one for one in odd]), ("odd", odd))
        return [batch.select(mask).replace(topic=topic) for topic, mask in parts if any(mask)]


async def test_what_a_transform_has_parted_is_written_once_where_a_stop_comes_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, tried = FileStreamSinkTask._write, list[bytes]()

    async def full(self: FileStreamSinkTask, data: bytes) -> None:
        if b"v1\n" in data:
            tried.append(data)
            raise OSError(errno.ENOSPC, "No space left on device")
        await write(self, data)

    path = tmp_path / "out.txt"
    async with running_worker(tmp_path, offset_flush_interval_ms="20") as worker:
        register(worker.herder, Sorted)
        values = [f"v{n}".encode() for n in range(6)]
        admin = worker.herder.cluster.admin
        await admin.create_topic("t")
        await worker.herder.cluster.producer(client_id="p").append("t", Columns(values))
        with monkeypatch.context() as patch:
            patch.setattr(FileStreamSinkTask, "_write", full)
            await worker.herder.create(
                "s",
                {
                    "connector.class": "FileStreamSink",
                    "file": str(path),
                    "topics": "t",
                    "value.converter": STRING,
                    "key.converter": STRING,
                    "transforms": "s",
                    "transforms.s.type": "test.Sorted",
                    "delivery.guarantee": "exactly-once",
                    "errors.tolerance": "all",
                },
            )
            await worker.until(lambda: bool(tried))
            await worker.herder.stop("s")
            await worker.until_state("s", State.STOPPED, tasks=0)
        await worker.herder.resume("s")
        await worker.until(lambda: {f"v{n}" for n in range(6)} <= set(path.read_text().splitlines()))
        await worker.herder.stop("s")
        await worker.until_state("s", State.STOPPED, tasks=0)
    assert sorted(path.read_text().splitlines()) == [f"v{n}" for n in range(6)]


async def test_values_without_a_text_form_are_named_over_all_batches_of_a_fetch(sinks: Sinks) -> None:
    task = await sinks.start()
    await put(task, "a", at=0)
    task.context.after_put = {AT: 5}
    bad = object()
    parts = [make_sink_batch(["a", "b", bad], topic="t"), make_sink_batch([bad, "c"], topic="t", base_offset=3)]
    with pytest.raises(DataError) as raised:
        await task.put_batches(parts)
    assert [bad.index for bad in raised.value.failed] == [2, 3]
    assert sinks.path.read_text() == "a\n"
    await task.put_batches([parts[0].select([True, True, False]), parts[1].select([False, True])])
    assert sinks.path.read_text() == "a\nb\nc\n"


# -- two connectors, one file ------------------------------------------------------------------------------------------


async def test_a_second_connector_is_refused_a_file_by_the_name_of_the_one_that_writes_it(tmp_path: Path) -> None:
    config = {
        "connector.class": "FileStreamSink",
        "topics": "t",
        "key.converter": STRING,
        "value.converter": STRING,
        "file": str(tmp_path / "out.txt"),
        "delivery.guarantee": "exactly-once",
    }
    why = f"file {str(tmp_path / 'out.txt')!r} is written exactly once by connector 'first'"
    async with running_worker(tmp_path) as worker:
        await worker.herder.create("first", config)
        await until((tmp_path / "out.txt.connect-offsets").exists)
        with pytest.raises(ConfigError, match=re.escape(why)) as refused:
            await worker.herder.create("second", config)
        assert refused.value.config_path == "delivery.guarantee"
        assert "Give each" in str(refused.value)
        _, told = await worker.herder.put_config("first", {**config, "tasks.max": "2"})
        assert told.name == "first"


async def test_a_task_whose_file_another_connector_writes_fails_by_its_name_though_the_file_is_locked(
    sinks: Sinks,
) -> None:
    await sinks.start()
    sinks.beside.write_text(json.dumps({**sinks.recorded(), "connector": "first"}))
    with pytest.raises(EnvironmentFault, match="connector 'first' writes it") as refused:
        await sinks.start()
    assert refused.value.code == "file.changed"
