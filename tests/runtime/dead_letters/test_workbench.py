"""The workbench's answers: bounded, in parts, with what became of each letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError, NotFoundError, UnknownTopicOrPartitionError
from connect.runtime.dead_letters.workbench import Workbench
from tests.support.dead_letters import file_sink, letter, replay
from tests.support.worker import RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


def bench(worker: RunningWorker) -> Workbench:
    return worker.herder.dead_letters


async def test_the_queues_are_those_that_connectors_name(worker: RunningWorker, tmp_path: Path) -> None:
    assert await bench(worker).queues() == []
    for name in ("b", "a"):
        config = file_sink(tmp_path, name)
        await worker.client.put(f"/connectors/{name}/config", json={**config, "errors.deadletterqueue.topic.name": "q"})
    (found,) = await bench(worker).queues()
    assert (found.name, found.connectors) == ("q", ("a", "b"))


async def test_a_large_queue_is_counted_in_parts(worker: RunningWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.runtime.dead_letters.workbench.SCAN_LETTERS_MAX", 2)
    for number in range(5):
        await letter(worker, b"%d" % number, cause_code="data.invalid" if number else "data.schema")
    start, counts, scanned = None, 0, []
    while True:
        part = await bench(worker).causes("dead", start=start, where="code = data.invalid")
        scanned.append(part.scanned)
        counts += part.matched
        start = part.next
        if start is None:
            break
    assert (counts, sum(scanned), max(scanned)) == (4, 5, 2)
    page = await bench(worker).letters("dead", limit=1)
    assert ([told.letter.offset for told in page.letters], page.next) == ([0], "0:1")


async def test_settled_letters_are_listed_only_where_all_are_asked_for(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("mended")
    for number in range(4):
        await letter(worker, b"%d" % number, key=None)
    await replay(worker, to="mended", where="letter.offset = 0")
    began = await bench(worker).discard("dead", where="letter.offset in (1, 2)", reason="test data")
    assert (await bench(worker).operations.wait(began.id, 20)).done == 2
    open_ = await bench(worker).letters("dead")
    assert [told.letter.offset for told in open_.letters] == [3]
    every = await bench(worker).letters("dead", every=True)
    assert [told.state for told in every.letters] == ["replayed", "discarded", "discarded", "open"]
    counts = await bench(worker).causes("dead")
    assert (counts.open, counts.replayed, counts.discarded, counts.matched) == (1, 1, 2, 1)
    detail = await bench(worker).letter("dead", 0, 1)
    assert detail.settled is not None
    assert (detail.settled.reason, detail.told.state) == ("test data", "discarded")
    assert (await replay(worker, to="mended", where="letter.offset = 1")).matched == 0


async def test_what_a_request_asks_wrongly_is_refused_before_anything_is_done(worker: RunningWorker) -> None:
    await letter(worker, b"1")
    for wrong in (
        {"where": "code ="},
        {"patch": [{"op": "x"}]},
        {"transforms": {"transforms": "t"}},
        {"patch": [], "transforms": {}},
        {"to": "connect-configs"},
    ):
        with pytest.raises(ConfigError):
            await bench(worker).replay("dead", **wrong)  # type: ignore[arg-type]
    for reason in (" ", "x" * 1001):
        with pytest.raises(ConfigError, match="a reason of 1 to 1000"):
            await bench(worker).discard("dead", reason=reason)
    with pytest.raises(UnknownTopicOrPartitionError):
        await bench(worker).replay("dead", to="none")
    with pytest.raises(UnknownTopicOrPartitionError):
        await bench(worker).causes("none")
    with pytest.raises(NotFoundError):
        await bench(worker).letter("dead", 0, 9)
    assert bench(worker).operations.all() == []


async def test_a_letter_without_anything_is_shown_as_it_is(worker: RunningWorker) -> None:
    await letter(worker, None, key=b"\xff")
    detail = await bench(worker).letter("dead", 0, 0)
    assert '"value":null' in detail.document and '{"base64":"/w=="}' in detail.document
    assert detail.undecoded == "no connector here has its converters"
    (cause,) = (await bench(worker).causes("dead")).causes
    assert (cause.code, cause.stage, cause.count) == ("", "", 1)
