"""Learning from a task's thread: what it waits for, and what ends that."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from connect.api import INT32, STRING, RetriableError
from connect.app import open_cluster
from connect.runtime.border.watchdog import Abandoned
from connect.runtime.contracts import learning as module
from connect.runtime.contracts.learning import Learning, Remembered
from connect.stores.compacted import CompactedTopic
from connect.stores.contracts import ContractStore


@pytest.fixture
async def store(tmp_path: Path):
    cluster = await open_cluster(tmp_path)
    made = ContractStore(CompactedTopic(cluster, "contracts", is_single=True), lambda: 7)
    await made.open()
    yield made
    await made.aclose()
    await cluster.aclose()


def learning_of(store: Any, interrupted: threading.Event | None = None) -> Learning:
    return Learning(store, "s", asyncio.get_running_loop(), interrupted or threading.Event(), by="task 3")


async def test_what_is_learned_on_a_thread_is_known_when_it_goes_on(store: ContractStore) -> None:
    learning = learning_of(store)
    before = learning.generation
    known = await asyncio.to_thread(learning.learn, "t", INT32, after=0)
    assert known is not None
    assert (known.version, known.schema, known.by, known.at) == (1, INT32, "task 3", 7)
    assert learning.get("t") == known
    assert learning.generation != before


class Stuck:
    """A store that never answers."""

    generation = 0

    async def learn(self, *_: Any, **__: Any) -> None:
        await asyncio.sleep(60)


async def test_a_stop_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = threading.Event()
    interrupted.set()
    with pytest.raises(Abandoned):
        await asyncio.to_thread(learning_of(Stuck(), interrupted).learn, "t", INT32, after=0)


async def test_a_write_that_does_not_end_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEARN_S", 0.0)
    with pytest.raises(RetriableError, match="is not written"):
        await asyncio.to_thread(learning_of(Stuck()).learn, "t", INT32, after=0)


async def test_an_error_of_the_store_is_raised_on_the_thread() -> None:
    class Failing(Stuck):
        async def learn(self, *_: Any, **__: Any) -> None:
            raise TimeoutError("of the store's own")

    with pytest.raises(TimeoutError, match="own"):
        await asyncio.to_thread(learning_of(Failing()).learn, "t", INT32, after=0)


def test_who_only_tries_remembers_and_writes_nothing() -> None:
    remembered = Remembered()
    remembered.learn("t", INT32, after=0)
    known = remembered.learn("t", STRING, after=1, earlier=[INT32])
    assert known == remembered.get("t")
    assert known is not None
    assert (known.version, known.earlier, remembered.generation) == (2, (INT32,), 2)
