"""How far the file sink has come: recorded with the file's length, cut at the start, refused where others meddled."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError, EnvironmentFault, ExactlyOnceSupport, RetriableError
from connect_file import FileStreamSinkConnector
from tests.support.factories import make_sink_batch
from tests.support.tasks import connector, sink_task, stop

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
