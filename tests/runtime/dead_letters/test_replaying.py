"""What is replayed arrives once, in the order of its key, at the connector that failed and nowhere else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConflictError
from connect.records import TopicPartition
from connect.runtime.dead_letters.replaying import Replay
from connect.runtime.model import State
from connect.runtime.tasks.replays import replay_topic
from tests.support.dead_letters import file_sink, letter, lines, produce, replay, started
from tests.support.worker import STRING, RunningWorker, running_worker

MEND = [{"op": "replace", "path": "/value", "value": {"n": 2}}]


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


async def test_a_mended_letter_reaches_the_sink_that_failed_and_no_other(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b'{"n": 1}', b"{n: 2", b'{"n": 3}')
    await started(worker, file_sink(tmp_path), records=3)
    other = {"connector.class": "FileStreamSink", "file": str(tmp_path / "other.txt"), "topics.regex": "orders|__.*"}
    other |= {"key.converter": STRING, "value.converter": STRING}
    await started(worker, other, records=3, name="other")
    done = await replay(worker, patch=MEND)
    assert (done.state, done.matched, done.done, done.refused, done.error) == ("done", 1, 1, 0, None), done
    await worker.until(lambda: worker.records("s") == 4)
    assert lines(tmp_path) == ['{"n":1}', '{"n":3}', '{"n":2}']
    assert len(lines(tmp_path, "other")) == 3
    again = await replay(worker, patch=MEND)
    assert (again.matched, again.done) == (0, 0)
    topics = (await worker.client.get("/connectors/s/topics")).json()["s"]["topics"]
    assert topics == ["orders"]


async def test_a_letter_that_fails_again_comes_back_with_a_count_and_its_first_place_until_the_bound(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await produce(worker, b'{"n": 1}', b"{n: 2")
    await started(worker, file_sink(tmp_path), records=2)
    for count in (1, 2, 3):
        done = await replay(worker)
        assert (done.done, done.refused) == (1, 0), done
        await worker.until(lambda count=count: worker.records("s") == 2 + count)
        page = await worker.herder.dead_letters.letters("dead")
        (found,) = [told.letter for told in page.letters]
        place = (found.topic, found.original_partition, found.original_offset)
        assert (found.replays, place, found.headers) == (count, ("orders", 0, 1), [])
    refused = await replay(worker)
    assert (refused.done, refused.refused) == (0, 1)
    assert "it was replayed 3 times before" in refused.problems[0][1]
    assert (await replay(worker, max_replays=4)).done == 1


async def test_letters_of_a_key_wait_for_the_earlier_one_that_stays(worker: RunningWorker, tmp_path: Path) -> None:
    bad = [b"{1", b"{2", b"{3", b"{4"]
    await produce(worker, *bad, keys=[b"a", b"a", b"b", b"a"])
    await started(worker, file_sink(tmp_path), records=4)
    some = await replay(worker, where="value != '{1'", patch=MEND)
    assert (some.matched, some.done, some.held_back) == (3, 1, 2), some.problems
    everything = await replay(worker, patch=MEND)
    assert (everything.matched, everything.done, everything.held_back) == (3, 3, 0)
    await worker.until(lambda: worker.records("s") == 8)


async def test_what_the_fix_does_not_fit_stays_and_holds_back_its_key(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b"{1", b"{2", b"{3", keys=[b"a", b"a", b"b"])
    await started(worker, file_sink(tmp_path), records=3)
    patch = [{"op": "test", "path": "/value", "value": "{2"}, *MEND]
    done = await replay(worker, patch=patch)
    assert (done.done, done.refused, done.held_back) == (0, 2, 1)
    assert "operation 1 of the patch (test /value) does not fit" in done.problems[0][1]
    assert (await replay(worker, patch=patch, out_of_order=True)).done == 1


async def test_a_dry_run_shows_before_and_after_and_sends_nothing(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b"{1", b"{2")
    await started(worker, file_sink(tmp_path), records=2)
    dry = await replay(worker, patch=MEND, dry_run=True, previews=1)
    assert (dry.done, len(dry.previews)) == (2, 1)
    shown = dry.previews[0]
    assert (shown["topic"], shown["connector"]) == (replay_topic("s"), "s")
    assert ('"value":"{1"' in shown["before"], '"value":{"n":2}' in shown["after"]) == (True, True)
    assert await worker.herder.cluster.admin.partitions(replay_topic("s")) is None
    assert (await worker.herder.dead_letters.causes("dead")).open == 2


async def test_a_replay_that_is_cut_off_in_the_middle_goes_on_where_it_ended(
    worker: RunningWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect.runtime.dead_letters.queues.STEP", 10)
    await produce(worker, *(b"{%d" % n for n in range(100)))
    await started(worker, file_sink(tmp_path), records=100)
    sent, whole = 0, Replay._transaction

    async def failing(self: Replay, *given: Any) -> None:
        nonlocal sent
        sent += 1
        if sent == 4:
            raise OSError("cut off")
        await whole(self, *given)

    monkeypatch.setattr(Replay, "_transaction", failing)
    cut = await replay(worker, patch=MEND)
    assert (cut.state, cut.done) == ("failed", 30)
    done = await replay(worker, patch=MEND)
    assert (done.state, done.done) == ("done", 70)
    await worker.until(lambda: worker.records("s") == 200)
    assert lines(tmp_path) == ['{"n":2}'] * 100


async def test_a_replay_whose_worker_goes_between_append_and_commit_has_sent_nothing(tmp_path: Path) -> None:
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as worker:
        await produce(worker, b"{1", b"{2")
        await started(worker, file_sink(tmp_path), records=2)
        bench = worker.herder.dead_letters
        reached = asyncio.Event()

        async def never(*_: Any, **__: Any) -> None:
            reached.set()
            await asyncio.Event().wait()

        bench._store.put_within = never  # type: ignore[method-assign, assignment]
        await bench.replay("dead", patch=MEND)
        await asyncio.wait_for(reached.wait(), 20)
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as worker:
        done = await replay(worker, patch=MEND)
        assert done.done == 2
        await worker.until(lambda: worker.records("s") >= 2)
        await worker.until(lambda: len(lines(tmp_path)) == 2)


async def test_one_operation_works_on_a_queue_at_a_time(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b"{1")
    await started(worker, file_sink(tmp_path), records=1)
    bench = worker.herder.dead_letters
    first = await bench.replay("dead", patch=MEND)
    with pytest.raises(ConflictError) as raised:
        await bench.discard("dead", reason="no")
    assert raised.value.code == "dlq.busy"
    assert (await bench.operations.wait(first.id, 20)).done == 1


async def test_a_record_that_its_failed_connector_reads_again_is_not_replayed_as_well(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await produce(worker, b'{"n": 1}', b"{2")
    config = {**file_sink(tmp_path), "errors.tolerance": "none", "errors.restart.policy": "none"}
    await worker.client.put("/connectors/s/config", json=config)
    await worker.until_failed("s")
    done = await replay(worker, patch=MEND)
    assert (done.done, done.refused) == (0, 1)
    assert "has not committed beyond the record" in done.problems[0][1]


async def test_two_letters_of_one_failure_are_one_record(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b"{1")
    await started(worker, file_sink(tmp_path), records=1)
    told = {"connector_name": "s", "topic": "orders", "partition": 0, "offset": 0, "stage": "VALUE_CONVERTER"}
    await letter(worker, b"{1", **told)
    done = await replay(worker, patch=MEND)
    assert (done.done, done.duplicates) == (1, 1)
    await letter(worker, b"{1", **told, timestamp=1_700_000_000_000)
    later = await replay(worker, patch=MEND)
    assert (later.done, later.duplicates) == (0, 1)
    await worker.until(lambda: worker.records("s") == 2)
    assert (await worker.herder.dead_letters.causes("dead")).open == 0


async def test_a_failure_behind_a_replay_is_a_new_one_though_place_and_content_are_the_same(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await produce(worker, b"{1")
    await started(worker, file_sink(tmp_path), records=1)
    assert (await replay(worker, patch=MEND)).done == 1
    await worker.until(lambda: worker.records("s") == 2)
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED, tasks=0)
    back = [({"kafka_topic": "orders", "kafka_partition": 0}, {"kafka_offset": 0})]
    await worker.herder.alter_offsets("s", back)
    await worker.herder.resume("s")
    await worker.until(lambda: worker.records("s") == 1)
    again = await replay(worker, patch=MEND)
    assert (again.done, again.duplicates) == (1, 0)


async def test_letters_without_context_or_connector_go_where_they_are_told(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await worker.herder.cluster.admin.create_topic("mended")
    await letter(worker, b"bare")
    await letter(worker, None, connector_name="gone", topic="orders", partition=0, offset=7)
    refused = await replay(worker)
    assert (refused.done, refused.refused) == (0, 2), refused
    assert "there is no connector 'gone'" in refused.problems[1][1]
    sent = await replay(worker, to="mended", out_of_order=True)
    assert (sent.done, await worker.values("mended")) == (2, [b"bare", None])
    (batch, *_) = await worker.herder.cluster.admin.fetch(TopicPartition("mended", 0), 0)
    assert batch.columns.headers is not None
    assert batch.columns.headers[0] == [("__connect.replay.count", b"1"), ("__connect.replay.of", b"dead-0@0")]


async def test_a_letter_without_context_goes_to_the_one_connector_of_its_queue(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await produce(worker, b"{1", b'{"n": 1}')
    config = {**file_sink(tmp_path), "errors.deadletterqueue.context.headers.enable": "false"}
    await started(worker, config, records=2)
    for count in (1, 2):
        assert (await replay(worker)).done == 1
        await worker.until(lambda count=count: worker.records("s") == 2 + count)
    page = await worker.herder.dead_letters.letters("dead")
    assert [(told.letter.replays, told.letter.topic) for told in page.letters] == [(2, "orders")]


async def test_a_source_letter_goes_to_the_topic_that_it_was_meant_for(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("made")
    told = {"connector_name": "src", "topic": "made", "source_partition": '{"f":"x"}', "source_offset": '{"n":1}'}
    await letter(worker, b"too large once", **told)
    await letter(worker, b'{"n": 1}', value_form="json", **told)
    done = await replay(worker)
    assert (done.done, done.refused) == (1, 1)
    assert "no connector 'src'" in done.problems[0][1]
    assert await worker.values("made") == [b"too large once"]


async def test_a_queue_that_goes_meanwhile_fails_the_operation_and_a_new_one_has_nothing_settled(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await worker.herder.cluster.admin.create_topic("mended")
    await letter(worker, b"1")
    assert (await replay(worker, to="mended")).done == 1
    await worker.herder.cluster.admin.delete_topic("dead")
    await letter(worker, b"2")
    assert (await replay(worker, to="mended")).done == 1
    assert await worker.values("mended") == [b"1", b"2"]


async def test_a_stopped_connector_gets_its_letters_when_it_is_resumed(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b"{1")
    await started(worker, file_sink(tmp_path), records=1)
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED, tasks=0)
    assert (await replay(worker, patch=MEND)).done == 1
    await worker.herder.resume("s")
    await worker.until(lambda: worker.records("s") == 1)
    assert lines(tmp_path) == ['{"n":2}']


async def test_transforms_mend_records_between_the_connectors_converters(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b'{"n": "x", "m": 1}')
    cast = {"transforms": "t", "transforms.t.type": "Cast$Value", "transforms.t.spec": "n:int32"}
    await started(worker, file_sink(tmp_path, **cast), records=1)
    fix = {"transforms": "out", "transforms.out.type": "ReplaceField$Value", "transforms.out.exclude": "n"}
    done = await replay(worker, transforms=fix)
    assert (done.done, done.problems) == (1, [])
    await worker.until(lambda: worker.records("s") == 2)
    assert lines(tmp_path) == ['{"m":1,"n":null}']
