"""A rewind stops, sets and resumes by itself, and says what comes again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.api import ConnectError, EnvironmentFault
from connect.records import TopicPartition
from connect.runtime.model import State
from tests.rest.test_connectors import assert_error
from tests.rest.test_offsets import file_at, offsets, put, sink, source, stop, topic_at
from tests.support.worker import RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="20") as running:
        yield running


async def rewind(worker: RunningWorker, name: str, to: Any, **more: Any) -> httpx.Response:
    return await worker.client.post(f"/v1/connectors/{name}/rewind", json={"to": to, **more})


async def a_sink(worker: RunningWorker, tmp_path: Path) -> None:
    """Run a sink `k` until it has written five lines and committed them."""
    (tmp_path / "in.txt").write_text("a\nb\nc\nd\ne\n")
    await put(worker, "s", source(tmp_path))
    await put(worker, "k", sink(tmp_path))
    await worker.until(lambda: worker.records("k") == 5)
    await committed(worker, 5)


async def committed(worker: RunningWorker, offset: int) -> None:
    await eventually(lambda: offsets(worker, "k"), [topic_at({"kafka_offset": offset})])


async def eventually(look: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    deadline = time.monotonic() + 10
    while (found := await look()) != wanted:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


def written(tmp_path: Path) -> list[str]:
    return (tmp_path / "out.txt").read_text().split()


async def test_a_dry_run_says_how_many_records_come_again_and_does_nothing(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await a_sink(worker, tmp_path)
    answer = await rewind(worker, "k", {"by": -2}, dry_run=True)
    assert answer.status_code == 200, answer.text
    row = {"topic": "lines", "partition": 0, "from": 5, "to": 3, "end": 5, "again": 2, "skipped": 0}
    assert answer.json() == {
        "partitions": [row],
        "again": 2,
        "state_before": "RUNNING",
        "applied": False,
        "note": None,
    }
    assert await offsets(worker, "k") == [topic_at({"kafka_offset": 5})]
    assert worker.herder.status("k").connector.state is State.RUNNING
    assert written(tmp_path) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("to", "again"),
    [
        ("earliest", 5),
        ("latest", 0),
        ({"by": -2}, 2),
        ({"by": -100}, 5),
        ({"by": 7}, 0),
        ({"timestamp": 0}, 5),
        ({"timestamp": 1 << 50}, 0),
        ({"offsets": [topic_at({"kafka_offset": 4})]}, 1),
        ({"offsets": [topic_at(None)]}, 5),
    ],
)
async def test_a_running_sink_goes_on_from_there_by_itself(
    worker: RunningWorker, tmp_path: Path, to: Any, again: int
) -> None:
    await a_sink(worker, tmp_path)
    answer = await rewind(worker, "k", to)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["again"], found["state_before"], found["applied"]) == (again, "RUNNING", True)
    await worker.until_state("k", State.RUNNING, tasks=1)
    await worker.until(lambda: len(written(tmp_path)) == 5 + again)
    assert written(tmp_path)[5:] == ["a", "b", "c", "d", "e"][5 - again :]


async def test_a_paused_one_stays_paused_and_a_stopped_one_stopped(worker: RunningWorker, tmp_path: Path) -> None:
    await a_sink(worker, tmp_path)
    await worker.client.put("/connectors/k/pause")
    await worker.until_state("k", State.PAUSED, tasks=1)
    assert (await rewind(worker, "k", "earliest")).json()["state_before"] == "PAUSED"
    await worker.until(lambda: worker.herder.status("k").connector.state is State.PAUSED)
    assert await offsets(worker, "k") == [topic_at({"kafka_offset": 0})]
    assert len(written(tmp_path)) == 5
    await stop(worker, "k")
    assert (await rewind(worker, "k", {"by": 3})).json()["state_before"] == "STOPPED"
    assert worker.herder.status("k").connector.state is State.STOPPED
    assert await offsets(worker, "k") == [topic_at({"kafka_offset": 3})]


async def test_two_at_once_are_done_one_after_the_other(worker: RunningWorker, tmp_path: Path) -> None:
    await a_sink(worker, tmp_path)
    await worker.client.put("/connectors/k/pause")
    first, second = await asyncio.gather(rewind(worker, "k", "earliest"), rewind(worker, "k", {"by": 2}))
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json()["partitions"][0]["from"] == 0
    assert await offsets(worker, "k") == [topic_at({"kafka_offset": 2})]
    await worker.until(lambda: worker.herder.status("k").connector.state is State.PAUSED)


async def test_a_source_goes_to_its_beginning_or_to_offsets_that_were_shown(
    worker: RunningWorker, tmp_path: Path
) -> None:
    (tmp_path / "in.txt").write_text("a\nb\n")
    await put(worker, "s", source(tmp_path))
    await worker.until(lambda: worker.records("s") == 2)
    answer = (await rewind(worker, "s", "earliest")).json()
    assert answer["again"] is None
    assert answer["partitions"][0]["partition"] == {"filename": str(tmp_path / "in.txt")}
    assert answer["partitions"][0]["to"] is None
    await worker.until(lambda: worker.records("s") == 2)
    await eventually(lambda: worker.values("lines"), [b"a", b"b", b"a", b"b"])
    back = await rewind(worker, "s", {"offsets": [file_at(tmp_path, {"position": 2})]})
    assert back.status_code == 200, back.text
    await eventually(lambda: worker.values("lines"), [b"a", b"b", b"a", b"b", b"b"])


@pytest.mark.parametrize("to", ["latest", {"by": -1}, {"timestamp": 5}])
async def test_what_only_a_source_itself_could_know_is_refused_and_it_runs_on(
    worker: RunningWorker, tmp_path: Path, to: Any
) -> None:
    await put(worker, "s", source(tmp_path))
    refused = await rewind(worker, "s", to)
    assert_error(refused, 400, "connector 's' is a source, and cannot be sent to")
    assert refused.headers["x-connect-error-code"] == "offsets.rewind_refused"
    assert worker.herder.status("s").connector.state is State.RUNNING


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ({"offsets": [topic_at({"kafka_offset": 9})]}, "has offsets 0 to 5, and 9 is none of them"),
        ({"offsets": [topic_at({"kafka_offset": 1}, topic="other")]}, "does not read other-0"),
        ({"offsets": [topic_at({"kafka_offset": "x"})]}, "Failed to parse the following Kafka offset"),
        ({"offsets": []}, "offsets"),
        ("newest", "'to' is earliest, latest, or an object with one of 'timestamp', 'by' and 'offsets'"),
        ({"by": "2"}, "whole number"),
        ({"timestamp": -1}, "whole number"),
        (None, "'to' is earliest"),
        ({}, "'to' is earliest"),
        ({"by": None}, "'by' is null"),
        ({"by": 1, "timestamp": 2}, "one of"),
        ({"until": 1}, "unknown member 'until'"),
    ],
)
async def test_a_wrong_request_stops_nothing(worker: RunningWorker, tmp_path: Path, to: Any, told: str) -> None:
    await a_sink(worker, tmp_path)
    seen = worker.herder.history("k")
    assert_error(await rewind(worker, "k", to), 400, told)
    assert worker.herder.history("k") == seen, "it was not stopped"
    assert await offsets(worker, "k") == [topic_at({"kafka_offset": 5})]


async def test_a_sink_without_a_topic_and_no_connector_are_told(worker: RunningWorker, tmp_path: Path) -> None:
    await put(worker, "k", sink(tmp_path, topics="absent"))
    assert_error(await rewind(worker, "k", "earliest"), 400, "no partition that could be rewound: absent is not there")
    assert_error(await rewind(worker, "none", "earliest"), 404, "none")
    assert_error(await rewind(worker, "none", "earliest", dry_run=True), 404, "none")


async def test_a_failure_in_the_middle_brings_back_the_state_and_says_what_became_of_it(
    worker: RunningWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_sink(worker, tmp_path)

    async def fails(*_: Any, **__: Any) -> bool:
        raise EnvironmentFault("the group cannot be reached")

    monkeypatch.setattr(worker.herder._connector_offsets, "alter", fails)
    failed = await rewind(worker, "k", "earliest")
    assert_error(failed, 503, "cannot be reached; connector k is to be RUNNING as before, and its offsets are as they")
    await worker.until_state("k", State.RUNNING, tasks=1)
    assert await offsets(worker, "k") == [topic_at({"kafka_offset": 5})]


async def test_a_defect_in_the_middle_leaves_nothing_stopped(
    worker: RunningWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_sink(worker, tmp_path)

    async def breaks(*_: Any, **__: Any) -> bool:
        raise LookupError("a defect")

    monkeypatch.setattr(worker.herder._connector_offsets, "alter", breaks)
    assert (await rewind(worker, "k", "earliest")).status_code == 500
    await worker.until_state("k", State.RUNNING, tasks=1)


async def test_one_that_cannot_be_resumed_says_that_it_stays_stopped(
    worker: RunningWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_sink(worker, tmp_path)
    configs = worker.herder._configs
    put_target = configs.put_target

    async def only_stops(name: str, target: Any, **more: Any) -> None:
        if target != "STOPPED":
            raise EnvironmentFault("the log is full")
        await put_target(name, target, **more)

    async def fails(*_: Any, **__: Any) -> bool:
        raise ConnectError("no")

    monkeypatch.setattr(configs, "put_target", only_stops)
    monkeypatch.setattr(worker.herder._connector_offsets, "alter", fails)
    failed = await rewind(worker, "k", "earliest")
    assert "connector k stays STOPPED, since the change cannot be taken back: the log is full" in failed.text
    assert worker.herder.status("k").connector.state is State.STOPPED


async def test_one_whose_stop_cannot_be_stored_runs_on_and_is_told_so(
    worker: RunningWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_sink(worker, tmp_path)

    async def fails(*_: Any, **__: Any) -> None:
        raise EnvironmentFault("the log is full")

    monkeypatch.setattr(worker.herder._configs, "put_target", fails)
    failed = await rewind(worker, "k", "earliest")
    assert_error(failed, 503, "the log is full; connector k is to be RUNNING as before, and its offsets are as they")
    assert worker.herder.status("k").connector.state is State.RUNNING


@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED])
async def test_the_next_worker_brings_back_what_a_worker_left_that_ended_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    async with running_worker(tmp_path, offset_flush_interval_ms="20") as first:
        await a_sink(first, tmp_path)
        if state is State.PAUSED:
            await first.client.put("/connectors/k/pause")

        async def hangs(*_: Any, **__: Any) -> bool:
            return await asyncio.Event().wait()

        monkeypatch.setattr(first.herder._connector_offsets, "alter", hangs)
        monkeypatch.setattr("connect.runtime.herder.SETTLE_S", 0.05)
        asked = asyncio.ensure_future(rewind(first, "k", "earliest"))
        await first.until(lambda: first.herder.status("k").connector.state is State.STOPPED)
    await asyncio.gather(asked, return_exceptions=True)
    async with running_worker(tmp_path) as second:
        await second.until(lambda: second.herder.status("k").connector.state is state)
        assert await offsets(second, "k") == [topic_at({"kafka_offset": 5})]
        await stop(second, "k")
    async with running_worker(tmp_path) as third:  # what was stopped since stays so
        await third.until(lambda: third.herder.status("k").connector.state is State.STOPPED)


async def test_a_rewind_goes_on_though_the_one_who_asked_is_gone(worker: RunningWorker, tmp_path: Path) -> None:
    from connect.runtime.rewinds import Target

    await a_sink(worker, tmp_path)
    asked = asyncio.ensure_future(worker.herder.rewind("k", Target("earliest")))
    while not worker.herder._rewinds and not asked.done():  # noqa: ASYNC110 - each turn: all of it may take 10 ms
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await worker.until(lambda: not worker.herder._rewinds)
    await worker.until_state("k", State.RUNNING, tasks=1)
    await worker.until(lambda: len(written(tmp_path)) == 10)


async def test_replayed_letters_are_not_read_again_unless_they_are_named(worker: RunningWorker, tmp_path: Path) -> None:
    from connect.runtime.tasks.replays import replay_topic

    await a_sink(worker, tmp_path)
    replays = replay_topic("k")
    await worker.herder.cluster.admin.create_topic(replays)
    found = (await rewind(worker, "k", "earliest", dry_run=True)).json()
    assert [row["topic"] for row in found["partitions"]] == ["lines"]
    named = {"offsets": [topic_at({"kafka_offset": 0}, topic=replays)]}
    found = (await rewind(worker, "k", named, dry_run=True)).json()
    assert [row["topic"] for row in found["partitions"]] == [str(TopicPartition(replays, 0)).removesuffix("-0")]
