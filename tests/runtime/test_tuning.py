from __future__ import annotations

import asyncio
import gc
import weakref
from functools import partial
from pathlib import Path

import pytest

from connect.runtime import tuning
from connect.runtime.model import State
from connect.runtime.tuning import Sweeper, give_back_memory, settle_process, tune_process
from tests.support.worker import running_worker, until


def test_cycles_are_looked_for_less_often_in_a_worker() -> None:
    before = gc.get_threshold()
    try:
        tune_process()
        assert gc.get_threshold()[0] == 50_000
    finally:
        gc.set_threshold(*before)


def test_memory_can_be_given_back_at_any_time() -> None:
    give_back_memory()
    give_back_memory()


class Node:
    """Something in a cycle with itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.mark.slow
async def test_cycles_are_looked_for_after_what_has_ended_and_once_for_many() -> None:
    gone: list[weakref.ref[Node]] = [weakref.ref(Node()) for _ in range(3)]
    looks: list[str] = []
    gc.callbacks.append(note := lambda phase, info: looks.append(phase) if info["generation"] == 2 else None)
    sweeper = Sweeper(wait_s=0.05)
    gc.disable()
    try:
        assert all(node() is not None for node in gone)
        for _ in gone:
            sweeper.soon()
        await until(lambda: not any(node() for node in gone))
        assert looks.count("start") == 1
    finally:
        gc.enable()
        gc.callbacks.remove(note)
        sweeper.close()


@pytest.mark.slow
def test_what_a_life_before_has_left_behind_goes_as_the_next_one_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "_is_settled", False)
    kept = Node()
    held = weakref.ref(kept)
    try:
        settle_process()
        del kept
        gc.collect()
        assert held() is not None, "left out of all looks"
        settle_process()
        assert held() is None
    finally:
        gc.unfreeze()


async def test_no_cycles_are_looked_for_after_the_close() -> None:
    gone = weakref.ref(Node())
    sweeper = Sweeper(wait_s=0.01)
    gc.disable()
    try:
        sweeper.soon()
        sweeper.close()
        await asyncio.sleep(0.05)
        assert gone() is not None
    finally:
        gc.enable()


@pytest.mark.slow
async def test_what_a_task_held_is_gone_soon_after_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.runtime.worker.Sweeper", partial(Sweeper, wait_s=1))
    async with running_worker(tmp_path) as worker:
        config = {"name": "c", "connector.class": "Datagen", "kafka.topic": "t", "quickstart": "users", "rate": "5"}
        await worker.herder.create("c", config)
        await worker.until_state("c", State.RUNNING, tasks=1)
        (runner,) = worker.herder.base.worker.runners()
        held = weakref.ref(runner)
        del runner
        gc.disable()
        try:
            answer = await worker.client.post("/connectors/c/restart?includeTasks=true")
            assert answer.status_code == 202
            await until(lambda: held() is None)
        finally:
            gc.enable()
