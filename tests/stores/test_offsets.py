from __future__ import annotations

import pytest

from connect.ports import Cluster
from connect.records import TopicPartition
from connect.stores.compacted import CompactedTopic
from connect.stores.offsets import OffsetStore, key_of, problem_of
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


async def rows_of(cluster: Cluster) -> list[tuple[bytes, bytes | None]]:
    batches = await cluster.admin.fetch(TopicPartition("connect-offsets", 0), 0)
    return [row for batch in batches for row in zip(batch.columns.keys or (), batch.columns.values, strict=True)]


async def test_a_new_partition_is_written_under_the_key_that_a_java_worker_looks_for(cluster: Cluster) -> None:
    store = await opened_store(cluster)
    await store.put("c", [({"protocol": "1", "table": "t"}, {"n": 1}), ({"database": "d", "server": "s"}, {"n": 2})])
    assert [key for key, _ in await rows_of(cluster)] == [
        key_of("c", {"protocol": "1", "table": "t"}),
        key_of("c", {"server": "s", "database": "d"}),
    ]
    assert key_of("c", {"server": "s", "database": "d"}) == b'["c",{"server":"s","database":"d"}]'


async def test_a_partition_of_another_hand_keeps_its_key_and_each_spelling_of_it_gets_what_is_written(
    cluster: Cluster,
) -> None:
    spellings = b'["c",{"b":1,"a":2}]', b'["c",{"a":2,"b":1}]'
    await write(cluster, "connect-offsets", (spellings[0], b'{"n":1}'))
    store = await opened_store(cluster)
    await store.put("c", [({"a": 2, "b": 1}, {"n": 2})])
    assert await rows_of(cluster) == [(spellings[0], b'{"n":1}'), (spellings[0], b'{"n":2}')]

    await write(cluster, "connect-offsets", (spellings[1], b'{"n":9}'))
    store = await opened_store(cluster)
    await store.put("c", [({"a": 2, "b": 1}, {"n": 3}), ({"other": 1}, {"n": 4})])
    assert (await rows_of(cluster))[-3:-1] == [(spelling, b'{"n":3}') for spelling in spellings]
    await store.put("c", [({"a": 2, "b": 1}, None)])
    assert [key for key, value in await rows_of(cluster) if value is None] == [*spellings], "none of them comes back"
    assert (await opened_store(cluster)).all("c") == [({"other": 1}, {"n": 4})]


async def test_an_offset_that_an_old_worker_forgot_by_the_text_null_is_forgotten(cluster: Cluster) -> None:
    await write(cluster, "connect-offsets", GOOD, (GOOD[0], b"null"))
    store = await opened_store(cluster)
    assert (store.get("c", {"file": "a"}), store.all("c")) == (None, [])
    await store.put("c", [({"file": "a"}, {"position": 3})])
    assert (await opened_store(cluster)).get("c", {"file": "a"}) == {"position": 3}
