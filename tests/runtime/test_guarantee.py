from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connect.api import CommittedRecord, SinkTask, SourceTask
from connect.runtime.guarantee import is_at_most_once
from tests.support.odd_plugins import register, sink, source
from tests.support.worker import running_worker


class Acknowledging(SourceTask):
    def commit_records(self, records: Sequence[CommittedRecord]) -> None:
        raise NotImplementedError


async def errors_of(tmp_path: Path, plugin: Any, **config: str) -> list[str]:
    async with running_worker(tmp_path) as worker:
        register(worker.herder, plugin)
        body = {"connector.class": "test.Odd", "name": "c", "topics": "t", **config}
        answer = await worker.client.put("/connector-plugins/test.Odd/config/validate", json=body)
        return [error for one in answer.json()["configs"] for error in one["value"]["errors"]]


@pytest.mark.parametrize("value", ["at-least-once", "at-most-once"])
async def test_a_sink_may_ask_for_either(tmp_path: Path, value: str) -> None:
    assert await errors_of(tmp_path, sink(SinkTask), **{"delivery.guarantee": value}) == []


async def test_another_value_is_refused(tmp_path: Path) -> None:
    [error] = await errors_of(tmp_path, sink(SinkTask), **{"delivery.guarantee": "sometimes"})
    assert "delivery.guarantee" in error
    assert "at-most-once" in error


async def test_a_sink_that_does_not_say_whether_it_can_is_refused_exactly_once(tmp_path: Path) -> None:
    [error] = await errors_of(tmp_path, sink(SinkTask), **{"delivery.guarantee": "exactly-once"})
    assert "does not say whether it can deliver exactly once" in error


async def test_a_source_that_acknowledges_what_is_durable_is_refused_at_most_once(tmp_path: Path) -> None:
    [error] = await errors_of(tmp_path, source(Acknowledging), **{"delivery.guarantee": "at-most-once"})
    assert "test.Odd acknowledges each record when it is durable in the log" in error
    assert await errors_of(tmp_path / "2", source(SourceTask), **{"delivery.guarantee": "at-most-once"}) == []


def test_only_who_asks_for_it_loses_records() -> None:
    assert is_at_most_once({"delivery.guarantee": "at-most-once"})
    assert is_at_most_once({"delivery.guarantee": " at-most-once "}), "a config is checked without the spaces"
    assert not is_at_most_once({"delivery.guarantee": "exactly-once"})
    assert not is_at_most_once({})
