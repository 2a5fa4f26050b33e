from __future__ import annotations

import pytest

from connect.ports import Cluster
from connect.stores.compacted import CompactedTopic
from connect.stores.offsets import OffsetStore, problem_of
from tests.stores.conftest import write

GOOD = b'["c",{"file":"a"}]', b'{"position":1}'
RUBBISH = [
    (b"nojson", b"{}"),
    (b'{"x":1}', b'{"x":1}'),
    (b"[]", b"{}"),
    (b'["c"]', b"{}"),
    (b'["c",{},1]', b"{}"),
    (b"[1,{}]", b"{}"),
    (b'["c",[]]', b"{}"),
    (b'["c",null]', b"{}"),
    (b"5", b"{}"),
    (b"null", b"{}"),
    (b"\xff", b"{}"),
    (b"", b""),
    (None, b"{}"),
    (GOOD[0], b"nojson"),
    (GOOD[0], b"[1]"),
    (GOOD[0], b"null"),
    (GOOD[0], b"5"),
    (GOOD[0], b""),
    (b'["c",{"a":' + b"[" * 400 + b"]" * 400 + b"}]", b"{}"),
    (GOOD[0], b'{"a":' + b"[" * 400 + b"]" * 400 + b"}"),
]


async def opened_store(cluster: Cluster) -> OffsetStore:
    topic = CompactedTopic(cluster, "connect-offsets", problem=problem_of)
    await topic.open()
    store = OffsetStore(topic, lambda: 42)
    store.load()
    return store


async def test_source_offsets_that_cannot_be_read_change_nothing(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await write(cluster, "connect-offsets", GOOD, *RUBBISH, (b'["d",{}]', b'{"n":2}'))
    store = await opened_store(cluster)
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == len(RUBBISH)
    assert (store.get("c", {"file": "a"}), store.get("d", {})) == ({"position": 1}, {"n": 2})
    assert store.all("c") == [({"file": "a"}, {"position": 1})]
    await store.put("c", [({"file": "a"}, {"position": 2})])
    assert (await opened_store(cluster)).get("c", {"file": "a"}) == {"position": 2}
