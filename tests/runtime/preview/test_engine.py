"""Previews as a whole: real records through each step, bounded in time, number and size, and nothing of them stays."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connect.api import (
    INT32,
    Batch,
    ConnectError,
    Connector,
    DataError,
    FailedRecord,
    Preview,
    PreviewItem,
    Record,
    RetriableError,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    Transform,
    hookimpl,
)
from connect.runtime.model import State
from connect.runtime.preview import engine
from connect.runtime.preview.answers import Order, PreviewAnswer
from connect.runtime.preview.engine import AT_ONCE_MAX
from tests.support.worker import STRING, RunningWorker, running_worker

GATE = threading.Event()
CALLS: list[str] = []


class CountsTask(SourceTask):
    """Counts; `what` says what else it does."""

    previews: ClassVar[bool] = True

    def start(self) -> None:
        CALLS.append(f"start {self.context.is_preview}")
        self.at = (self.context.offset({"of": "counts"}) or {"n": 0})["n"]
        if self.what == "late start":
            GATE.wait(30)
        if self.what == "no server":
            raise RetriableError("the server is away: user:Wj9-kL2x")

    @property
    def what(self) -> str:
        return str(self.config.originals.get("what", ""))

    def poll(self) -> list[Record] | None:
        if self.what == "hang":
            GATE.wait(30)
        if self.what == "exit":
            raise SystemExit(3)
        if self.what == "nothing":
            self.context.drained = True
            return None
        if self.what == "waits":
            self.context.waiting_for, self.context.drained = "file x is not there", True
            return None
        self.at += 1
        value = "x" * 10_000_000 if self.what == "huge" else f"v{self.at}"
        place = {"source_partition": {"of": "counts"}, "source_offset": {"n": self.at}}
        return [Record(str(self.config.originals["topic"]), value, **place)]

    def commit(self, offsets: Sequence[Any]) -> None:
        CALLS.append(f"commit {self.context.is_preview}")

    def stop(self) -> None:
        CALLS.append(f"stop {self.context.is_preview}")


class Counts(SourceConnector):
    class_name = "test.Counts"
    task_class = CountsTask


class ActsTask(CountsTask):
    previews: ClassVar[bool] = False


class Acts(SourceConnector):
    class_name = "test.Acts"
    task_class = ActsTask


class WritesTask(SinkTask):
    def preview(self, batches: Sequence[Batch]) -> Preview:
        values = [value for batch in batches for value in batch.values]
        what = str(self.config.originals.get("what", ""))
        if what == "names" and "v2" in values:
            raise DataError("one is bad", failed=[FailedRecord(values.index("v2"), "v2 is bad")])
        if what == "says nothing" and "v2" in values:
            raise DataError("something is bad")
        if what == "exit":
            raise SystemExit(3)
        if what == "nonsense":
            return Preview("rows", [PreviewItem("x", records=[99])])
        return Preview("rows", [PreviewItem(f"row {v}", [v], [n]) for n, v in enumerate(values)], "as it is")

    def put(self, records: list[Record]) -> None:
        CALLS.append("put")


class Writes(SinkConnector):
    class_name = "test.Writes"
    task_class = WritesTask


class PutsTask(SinkTask):
    def put(self, records: list[Record]) -> None:
        CALLS.append("put")


class Puts(SinkConnector):
    class_name = "test.Puts"
    task_class = PutsTask


class Picky(Transform):
    class_name = "test.Picky"

    def apply(self, record: Record) -> Record | None:
        if record.value == "v2":
            raise DataError("v2 is refused", hint="Send v3.")
        if record.value == "v3":
            return None
        if record.value == "v4":
            GATE.wait(30 if self.config.originals.get("slow") else 0)
        return record.replace(value=f"{record.value}!")


class Plugin:
    @hookimpl
    def connect_connectors(self) -> list[type[Connector]]:
        return [Counts, Acts, Writes, Puts]

    @hookimpl
    def connect_transforms(self) -> list[type[Transform]]:
        return [Picky]


@pytest.fixture(autouse=True)
def fresh() -> Any:
    CALLS.clear()
    GATE.clear()
    yield
    GATE.set()


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, value_converter=STRING, key_converter=STRING) as running:
        running.herder.plugins.register(Plugin(), "preview")
        yield running


def source(cls: str = "test.Counts", **keys: str) -> dict[str, str]:
    return {"name": "s", "connector.class": cls, "topic": "t", **{k.replace("_", "."): v for k, v in keys.items()}}


def sink(cls: str = "test.Writes", **keys: str) -> dict[str, str]:
    return {"name": "k", "connector.class": cls, "topics": "t", **{k.replace("_", "."): v for k, v in keys.items()}}


PICKY = {"transforms": "p", "transforms_p_type": "test.Picky"}


async def previewed(worker: RunningWorker, config: Mapping[str, str | None], **order: Any) -> PreviewAnswer:
    return await worker.herder.previews.preview(Order(config, **order))


async def filled(worker: RunningWorker, *values: str, topic: str = "t") -> None:
    from connect.records import Columns

    await worker.herder.cluster.admin.create_topic(topic)
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append(topic, Columns([value.encode() for value in values], None, 5, None), partition=0)
    await producer.aclose()


async def state_of(worker: RunningWorker) -> Any:
    """Topics with their ends, groups with their offsets, source offsets, connectors, figures."""
    herder = worker.herder
    topics = await herder.cluster.admin.describe_topics(await herder.cluster.admin.list_topics())
    ends = {name: [(p.partition, p.log_end_offset) for p in info.partitions] for name, info in topics.items()}
    groups = {name: await herder.cluster.groups.offsets(name) for name in await herder.cluster.groups.list()}
    # What connectors that run write by themselves is none of a preview's.
    kept = {name: end for name, end in ends.items() if name not in ("connect-status", "connect-offsets")}
    return kept, groups, herder.connectors(), [p.id for p in herder.progress()]


def last_values(answer: PreviewAnswer) -> list[Any]:
    return [walk["steps"][-1]["records"][0]["value"] for walk in answer["walks"] if walk["steps"][-1]["records"]]


def errors(answer: PreviewAnswer) -> list[Any]:
    steps = [(walk["index"], step) for walk in answer["walks"] for step in walk["steps"]]
    return [(index, step["stage"], step["error"]["message"]) for index, step in steps if step["error"]]


async def test_a_source_is_polled_for_as_many_records_as_are_wanted_and_nothing_stays(worker: RunningWorker) -> None:
    before = await state_of(worker)
    answer = await previewed(worker, source(), records=3)
    assert (answer["type"], answer["class"], answer["ended_by"], answer["error"]) == (
        "source",
        "test.Counts",
        "records",
        None,
    )
    assert last_values(answer) == ["v1", "v2", "v3"]
    assert CALLS == ["start True", "stop True"]
    assert await state_of(worker) == before


async def test_a_record_that_fails_or_is_dropped_ends_there_and_the_others_go_on(worker: RunningWorker) -> None:
    answer = await previewed(worker, source(**PICKY), records=4)
    assert errors(answer) == [(1, "transform", "v2 is refused")]
    assert [walk["steps"][-1]["dropped"] for walk in answer["walks"]] == [False, False, True, False]
    assert last_values(answer) == ["v1!", "v4!"]
    assert answer["error"] is None


async def test_a_contract_is_held_by_what_is_known_and_nothing_that_it_learns_stays(worker: RunningWorker) -> None:
    before = await state_of(worker)
    answer = await previewed(worker, source(**{"schema.contract": "freeze"}), records=2)
    assert [walk["steps"][1]["alias"] for walk in answer["walks"]] == ["schema.contract"] * 2
    assert last_values(answer) == ["v1", "v2"]
    nothing = {"schema.contract.topics": "freeze"}
    assert "nothing is known of topic" in errors(await previewed(worker, source(**nothing), records=1))[0][2]
    assert await state_of(worker) == before

    await worker.herder.create("s", source())
    await worker.herder.stop("s")
    await worker.herder.give_contract("s", answer["walks"][0]["topic"], INT32)
    held = await previewed(worker, source(**{"schema.contract": "freeze"}), records=1)
    assert "int32 is string now" in errors(held)[0][2]


async def test_a_config_that_is_wrong_is_told_and_nothing_is_run(worker: RunningWorker) -> None:
    answer = await previewed(worker, source(tasks_max="two"))
    assert [(problem["name"], problem["value"]) for problem in answer["problems"]] == [("tasks.max", "two")]
    assert (answer["walks"], CALLS) == ([], [])


async def test_a_source_that_may_act_is_refused_unless_that_is_allowed(worker: RunningWorker) -> None:
    answer = await previewed(worker, source("test.Acts"))
    assert answer["error"] is not None
    assert (answer["error"]["code"], CALLS) == ("preview.effects", [])
    answer = await previewed(worker, source("test.Acts"), allow_effects=True, records=1)
    assert (answer["error"], len(answer["walks"])) == (None, 1)


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("exit", "plugin.failed", "SystemExit: 3"),
        ("no server", "retriable", "the server is away"),
        ("waits", "preview.waiting", "file x is not there"),
    ],
)
async def test_what_ends_a_preview_is_told(worker: RunningWorker, what: str, code: str, told: str) -> None:
    answer = await previewed(worker, source(what=what))
    assert answer["error"] is not None
    assert answer["error"]["code"] == code
    assert told in answer["error"]["message"]
    assert CALLS[-1] == "stop True"


async def test_a_source_that_has_nothing_ends_at_once(worker: RunningWorker) -> None:
    answer = await previewed(worker, source(what="nothing"))
    assert (answer["walks"], answer["ended_by"], answer["error"]) == ([], "end", None)


@pytest.mark.parametrize("what", ["hang", "late start"])
async def test_a_plugin_that_hangs_is_left_behind_when_the_time_is_up(worker: RunningWorker, what: str) -> None:
    began = time.monotonic()
    answer = await previewed(worker, source(what=what), timeout_ms=300)
    assert time.monotonic() - began < 10
    assert answer["ended_by"] == "time"
    if what == "late start":
        assert answer["error"] is not None
        assert (answer["error"]["code"], "start of" in answer["error"]["message"]) == ("plugin.timeout", True)


async def test_a_step_that_hangs_is_named_and_what_came_before_is_shown(worker: RunningWorker) -> None:
    config = source(**PICKY, transforms_p_slow="yes")
    answer = await previewed(worker, config, records=5, timeout_ms=1500)
    assert answer["error"] is not None
    assert (answer["ended_by"], answer["error"]["code"], len(answer["walks"])) == ("time", "plugin.timeout", 3)
    assert "test.Picky" in answer["error"]["message"]


async def test_records_of_10_mb_are_cut(worker: RunningWorker) -> None:
    answer = await previewed(worker, source(what="huge"), records=3)
    assert len(str(answer)) < 100_000
    assert "(10000000 characters)" in answer["walks"][0]["steps"][0]["records"][0]["value"]


async def test_an_answer_that_grows_too_large_ends(worker: RunningWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SIZE_CHARS_MAX", 50)
    answer = await previewed(worker, source(), records=200)
    assert answer["ended_by"] == "size"
    assert 0 < len(answer["walks"]) < 200


async def test_secrets_are_in_no_answer(worker: RunningWorker) -> None:
    answer = await previewed(worker, source(what="no server", my_password="Wj9-kL2x"))
    assert "Wj9" not in str(answer)
    answer = await previewed(worker, source(my_password="v1"), records=1)
    assert answer["error"] is None


async def test_several_run_at_once_and_more_are_refused(worker: RunningWorker) -> None:
    tasks = [asyncio.create_task(previewed(worker, source(what="hang"), timeout_ms=500)) for _ in range(AT_ONCE_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(ConnectError) as caught:
        await previewed(worker, source())
    assert (caught.value.code, caught.value.status) == ("preview.busy", 429)
    GATE.set()
    assert [answer["type"] for answer in await asyncio.gather(*tasks)] == ["source"] * AT_ONCE_MAX
    assert len((await previewed(worker, source(), records=2))["walks"]) == 2


async def test_threads_that_do_not_end_are_bounded(worker: RunningWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "HANGING_MAX", 1)
    await previewed(worker, source(what="hang"), timeout_ms=200)
    with pytest.raises(ConnectError) as caught:
        await previewed(worker, source())
    assert (caught.value.code, caught.value.status) == ("preview.hanging", 503)
    GATE.set()
    await worker.until(lambda: not any(thread.is_busy for thread in worker.herder.previews._hanging))
    assert len((await previewed(worker, source(), records=2))["walks"]) == 2


async def test_a_worker_that_stops_ends_its_previews(tmp_path: Path) -> None:
    async with running_worker(tmp_path, value_converter=STRING) as worker:
        worker.herder.plugins.register(Plugin(), "preview")
        task = asyncio.create_task(previewed(worker, source(what="hang"), timeout_ms=60_000))
        await worker.until(lambda: CALLS)
        worker.herder.previews.stop()
        GATE.set()
        with pytest.raises(ConnectError) as caught:
            await asyncio.wait_for(task, 10)
        assert caught.value.code == "preview.ended"


async def test_a_preview_that_is_cancelled_stops_its_plugins(worker: RunningWorker) -> None:
    task = asyncio.create_task(previewed(worker, source(), records=200, timeout_ms=60_000))
    await worker.until(lambda: CALLS)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert CALLS[-1] == "stop True"


async def test_a_source_goes_on_where_its_connector_is_and_moves_nothing_of_it(worker: RunningWorker) -> None:
    config = source(what="")
    await worker.herder.create("s", config)
    await worker.until(lambda: worker.records("s") > 5)
    await worker.herder.stop("s")
    committed = await worker.herder.offsets("s")
    at = committed[0][1]["n"]  # type: ignore[index]
    answer = await previewed(worker, config, records=2, start="committed")
    assert last_values(answer) == [f"v{at + 1}", f"v{at + 2}"]
    assert last_values(await previewed(worker, config, records=1)) == ["v1"]
    assert await worker.herder.offsets("s") == committed


async def test_offsets_that_nobody_tells_end_a_preview_in_time(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forever(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(worker.herder.previews, "_committed", forever)
    async with asyncio.timeout(10):
        answer = await previewed(worker, source(), start="committed", timeout_ms=200)
    assert (answer["ended_by"], answer["error"], CALLS) == ("time", None, [])


async def test_a_preview_beside_the_running_connector_leaves_it_alone(worker: RunningWorker) -> None:
    await worker.herder.create("s", source())
    await worker.until(lambda: worker.records("s") > 5)
    answer = await previewed(worker, source(), records=2)
    assert len(answer["walks"]) == 2
    before = worker.records("s")
    await worker.until(lambda: worker.records("s") > before)
    assert worker.herder.status("s").tasks[0].state is State.RUNNING
    assert "commit True" not in CALLS


# -- sinks ---------------------------------------------------------------------------------------------------------


async def test_a_sinks_records_are_read_and_what_would_be_written_is_told(worker: RunningWorker) -> None:
    await filled(worker, "v1", "v2", "v3")
    before = await state_of(worker)
    answer = await previewed(worker, sink(), records=2)
    assert [walk["offset"] for walk in answer["walks"]] == [0, 1]
    assert [step["stage"] for step in answer["walks"][0]["steps"]] == ["topic", "converters"]
    assert answer["target"] == {
        "kind": "rows",
        "items": [
            {"text": f"row {v}", "parameters": [v], "records": [n], "error": None} for n, v in enumerate(["v1", "v2"])
        ],
        "note": "as it is",
    }
    assert await state_of(worker) == before
    assert CALLS == []


async def test_the_last_records_are_read_where_that_is_wanted(worker: RunningWorker) -> None:
    await filled(worker, "v1", "v2", "v3")
    answer = await previewed(worker, sink(), records=2, start="latest")
    assert [walk["offset"] for walk in answer["walks"]] == [1, 2]


@pytest.mark.parametrize(("what", "told"), [("names", "v2 is bad"), ("says nothing", "something is bad")])
async def test_a_record_that_the_sink_refuses_has_a_step_with_that_and_the_others_are_written(
    worker: RunningWorker, what: str, told: str
) -> None:
    await filled(worker, "v1", "v2", "v3")
    answer = await previewed(worker, sink(what=what))
    assert errors(answer) == [(1, "task", told)]
    assert answer["target"] is not None
    assert [(item["text"], item["records"]) for item in answer["target"]["items"]] == [("row v1", [0]), ("row v3", [2])]


@pytest.mark.parametrize(("what", "code"), [("exit", "plugin.failed"), ("nonsense", "plugin.broken")])
async def test_a_sink_that_cannot_tell_is_told_and_the_walks_are_shown(
    worker: RunningWorker, what: str, code: str
) -> None:
    await filled(worker, "v1")
    answer = await previewed(worker, sink(what=what))
    assert answer["error"] is not None
    assert (answer["error"]["code"], len(answer["walks"])) == (code, 1)


async def test_of_a_sink_that_does_not_tell_the_records_are_shown_as_they_would_be_put(worker: RunningWorker) -> None:
    await filled(worker, "v1", "v3")
    answer = await previewed(worker, sink("test.Puts", **PICKY))
    assert answer["target"] is not None
    assert answer["target"]["kind"] == "records"
    assert [item["text"] for item in answer["target"]["items"]] == ['{"topic": "t", "key": null, "value": "v1!"}']
    assert "test.Puts does not say what it would write" in answer["target"]["note"]
    assert CALLS == []


async def test_a_topic_that_is_not_there_is_told_and_is_not_made(worker: RunningWorker) -> None:
    answer = await previewed(worker, sink())
    assert answer["target"] == {"kind": "none", "items": [], "note": "not there: t"}
    assert "t" not in await worker.herder.cluster.admin.list_topics()


async def test_a_sink_goes_on_where_its_group_is_and_the_group_stays_there(worker: RunningWorker) -> None:
    await filled(worker, "v1", "v2", "v3")
    from connect.records import OffsetAndMetadata, TopicPartition

    await worker.herder.cluster.groups.commit("connect-k", {TopicPartition("t", 0): OffsetAndMetadata(2)})
    before = await state_of(worker)
    answer = await previewed(worker, sink(), start="committed")
    assert [walk["offset"] for walk in answer["walks"]] == [2]
    assert await state_of(worker) == before
