"""What a look at records must never do: change what a task does. The answers are in tests/rest/test_v1_samples.py."""

from __future__ import annotations

import logging
import random
import threading
from typing import Any

import pytest

from connect.api import Batch, DataError, Predicate, Transform
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.model import TaskId
from connect.runtime.tasks import sampling
from connect.runtime.tasks.pipeline import Pipeline
from connect.runtime.tasks.sampling import KEPT_MAX, Sampler
from connect.runtime.tasks.stages import Stage
from connect.runtime.tasks.tolerance import Tolerance
from tests.runtime.tasks.test_pipeline import Text, TextHeaders
from tests.support.factories import make_batch


class Count(Transform):
    """Adds how many records it has seen: calls of it are to be as many, and in the same order."""

    seen = 0

    def apply_batch(self, batch: Batch) -> Batch:
        values = []
        for value in batch.values:
            self.seen += 1
            values.append(f"{value}#{self.seen}")
        return batch.replace(values=values)


class DropSome(Transform):
    def apply_batch(self, batch: Batch) -> list[Batch]:
        kept = batch.select(["drop" not in value for value in batch.values])
        return [kept] if len(kept) else []


class Bad(Transform):
    def apply_batch(self, batch: Batch) -> Batch:
        found = [(index, "bad") for index, value in enumerate(batch.values) if "bad" in value]
        if found:
            raise DataError("bad", failed=found)
        return batch


class Route(Transform):
    def apply_batch(self, batch: Batch) -> list[Batch]:
        return [
            batch[at : at + 1].replace(topic="odd" if "odd" in batch.values[at] else "t") for at in range(len(batch))
        ]


class HasOdd(Predicate):
    def test_batch(self, batch: Batch) -> list[bool]:
        return ["odd" in value for value in batch.values]


def made(stages: list[Stage], tolerance: str, *, sampled: bool) -> Pipeline:
    config = SinkConnectorConfig.parse(
        {"name": "c", "connector.class": "C", "topics": "t", "errors.tolerance": tolerance}
    )
    rules = Tolerance(config, log=logging.getLogger("test"), interrupted=threading.Event())
    pipeline = Pipeline(stages, Text(), Text(), TextHeaders(), rules, lambda: 99)
    if sampled:
        pipeline.sampler = Sampler(TaskId("c", 0))
        pipeline.sampler.ask()
    return pipeline


def outcome(pipeline: Pipeline, batches: list[Batch]) -> Any:
    out = [(one.topic, value) for one in pipeline.to_bytes(batches) for value in one.columns.values]
    told = pipeline.outcome
    dropped = [value for batch in told.dropped for value in batch.values]
    failed = [failure.batch.values[failure.index] for failure in told.failures]
    return out, failed, str(told.ending), dropped, pipeline.seen, pipeline.made, dict(pipeline.failed)


@pytest.mark.parametrize("tolerance", ["all", "none"])
def test_a_task_does_the_same_whether_it_is_looked_at_or_not(tolerance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "EVERY_S", 0)
    monkeypatch.setattr(sampling, "_SHARE", 0)
    chance = random.Random(7)
    kinds: list[Any] = [Bad, DropSome, Route, Count]
    for _ in range(300):
        chosen = chance.sample(kinds, chance.randint(0, 4))
        conditions = [chance.choice([None, HasOdd]) for _ in chosen]
        batches = [
            make_batch([chance.choice(["a", "drop", "bad", "odd", "odd drop"]) for _ in range(chance.randint(1, 6))])
            for _ in range(chance.randint(1, 3))
        ]
        results = []
        for sampled in (False, True):
            stages = [
                Stage(f"s{at}", kind(), condition and condition())
                for at, (kind, condition) in enumerate(zip(chosen, conditions, strict=True))
            ]
            pipeline = made(stages, tolerance, sampled=sampled)
            results.append([outcome(pipeline, batches) for _ in range(2)])
        names = [(kind.__name__, condition) for kind, condition in zip(chosen, conditions, strict=True)]
        if tolerance == "none" and results[0][0][2] != "None":  # how far a stage had counted by then may differ
            # What is left behind it may have come less far, and is there all the same.
            plain, looked = [(result[0][:3], result[0][3][:1]) for result in results]
            if Count not in chosen:
                assert looked == plain, (names, [batch.values for batch in batches])
        elif Count not in chosen or Bad not in chosen:  # a batch with a bad record is given again, and counts again
            assert results[1] == results[0], (names, [batch.values for batch in batches])


def test_only_so_many_are_kept_and_the_next_look_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    sampler = Sampler(TaskId("c", 3), clock_s=lambda: now[0])
    sampler.ask()
    pipeline = made([], "all", sampled=False)
    pipeline.sampler = sampler
    for _ in range(2 * KEPT_MAX):
        pipeline.to_bytes([make_batch(["a", "b", "c"])])
        now[0] += 0.01
    assert [walk["index"] for walk in sampler.walks] == [0, 1, 2, 3]
    for _ in range(2 * KEPT_MAX):
        sampler.ask()
        pipeline.to_bytes([make_batch(["a", "b", "c"])])
        now[0] += 1.0
    assert len(sampler.walks) == KEPT_MAX and sampler.walks[-1]["task"] == 3
    now[0] += 11
    pipeline.to_bytes([make_batch(["a"])])
    assert pipeline.sampler is None, "nobody has asked for a while"


def test_what_cannot_be_shown_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("no")

    for name in ("record_of", "changes", "outgoing_record"):
        monkeypatch.setattr(sampling, name, broken)
        pipeline = made([Stage("s", Count())], "all", sampled=True)
        assert [one.columns.values for one in pipeline.to_bytes([make_batch(["a", "b"])])] == [[b"a#1", b"b#2"]]
        assert pipeline.sampler is not None and pipeline.sampler.walks == ()
        monkeypatch.undo()


def test_what_is_shown_of_a_task_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "EVERY_S", 0)
    monkeypatch.setattr(sampling, "_SHARE", 0)
    monkeypatch.setattr(sampling, "KEPT_CHARS_MAX", 20_000)
    pipeline = made([], "all", sampled=True)
    for _ in range(10):
        pipeline.to_bytes([make_batch(["x" * 100_000])])
    assert pipeline.sampler is not None and 1 <= len(pipeline.sampler.walks) <= 3
