"""What became of letters is kept beside their queue, in little room, and survives."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.app import open_cluster
from connect.stores.dead_letters import PAGE, TOPIC, DeadLetterStore, Settled, Verdict, problem_of

REPLAYED, DISCARDED = Verdict("replayed", "a1"), Verdict("discarded", "b2")


@pytest.fixture
async def cluster(tmp_path: Path):
    opened = await open_cluster(tmp_path / "data")
    yield opened
    await opened.aclose()


async def test_verdicts_and_operations_are_there_after_a_restart(cluster) -> None:
    store = DeadLetterStore(cluster, lambda: 1)
    await store.open()
    await store.open()
    pages = store.pages("dead", "id-1")
    assert pages.is_empty
    await store.note("a1", Settled("replayed", "dead", 5, to="mended"))
    await store.put(pages.with_verdicts([(0, n, REPLAYED) for n in range(PAGE + 10)]))
    await store.put(pages.with_verdicts([(0, 3, DISCARDED), (1, 7, DISCARDED)]))
    assert (pages.verdict(0, 2), pages.verdict(0, 3), pages.verdict(1, 7)) == (REPLAYED, DISCARDED, DISCARDED)
    assert (pages.is_empty, store.pages("dead", "id-2").is_empty) == (False, True)
    await store.aclose()

    again = DeadLetterStore(cluster, lambda: 1)
    await again.open()
    found = again.pages("dead", "id-1")
    assert [found.verdict(0, n) for n in (0, 3, PAGE + 9, PAGE + 10)] == [REPLAYED, DISCARDED, REPLAYED, None]
    assert again.pages("dead", "id-2").verdict(0, 0) is None, "a queue that was made anew has nothing settled"
    assert again.operation("a1") == Settled("replayed", "dead", 5, None, "mended")
    assert again.operation("none") is None
    await again.aclose()


async def test_a_full_page_of_one_verdict_takes_few_bytes(cluster) -> None:
    store = DeadLetterStore(cluster, lambda: 1)
    await store.open()
    entries = store.pages("dead", "id").with_verdicts([(0, n, REPLAYED) for n in range(PAGE)])
    assert [len(value or b"") < 100 for value in entries.values()] == [True]
    await store.aclose()


async def test_the_topic_is_made_when_it_is_needed_and_closed_to_others(cluster) -> None:
    store = DeadLetterStore(cluster, lambda: 1)
    assert await cluster.admin.partitions(TOPIC) is None
    await store.aclose()
    await store.open()
    assert (await cluster.admin.describe_topic(TOPIC)).internal
    await store.aclose()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"other", b"{}"),
        (b"\xff", b"{}"),
        (b"page-x", b"not json"),
        (b"page-x", b"{}"),
        (b"page-x", b'{"runs": [[1, 2, "eaten", "a"]]}'),
        (b"page-x", b'{"runs": [["1", 2, "replayed", "a"]]}'),
        (b"operation-x", b'{"unknown": 1}'),
    ],
)
def test_a_record_that_is_none_of_the_stores_is_told(key: bytes, value: bytes) -> None:
    assert problem_of(key, value)
