from __future__ import annotations

import asyncio
import uuid

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connect.ports import Cluster
from connect.records import TopicPartition
from connect.stores.compacted import CompactedTopic
from connect.stores.configs import ConfigStore, Revision, problem_of
from tests.stores.conftest import write
from tests.support.lengths import examples


async def opened_store(cluster: Cluster) -> ConfigStore:
    topic = CompactedTopic(cluster, "connect-configs", problem=problem_of)
    await topic.open()
    return ConfigStore(topic, lambda: 42)


@pytest.fixture
async def store(cluster: Cluster) -> ConfigStore:
    return await opened_store(cluster)


async def test_what_was_stored_is_there_for_the_next_worker(cluster: Cluster, store: ConfigStore) -> None:
    await store.put_connector("c", {"a": "1"}, "PAUSED")
    assert await store.put_tasks("c", [{"t": "0"}, {"t": "1"}])
    again = await opened_store(cluster)
    assert (again.connectors(), again.config("c"), again.target("c")) == (["c"], {"a": "1"}, "PAUSED")
    assert again.task_configs("c") == [{"t": "0"}, {"t": "1"}]


async def test_a_stopped_connector_has_no_tasks_and_gets_none(store: ConfigStore) -> None:
    await store.put_connector("c", {}, "STARTED")
    await store.put_tasks("c", [{}])
    await store.put_target("c", "STOPPED")
    assert store.task_configs("c") == []
    assert not await store.put_tasks("c", [{}])
    assert store.task_configs("c") == []


async def test_a_connector_that_is_stopped_for_a_while_is_told_until_something_else_is_wanted(
    cluster: Cluster, store: ConfigStore
) -> None:
    await store.put_connector("c", {}, "PAUSED")
    await store.put_target("c", "STOPPED", again="PAUSED")
    again = await opened_store(cluster)
    assert (again.target("c"), again.interrupted("c")) == ("STOPPED", "PAUSED")
    await again.put_target("c", "STOPPED")
    assert again.interrupted("c") is None


async def test_tasks_planned_while_a_stop_or_a_deletion_is_written_are_dropped(store: ConfigStore) -> None:
    await store.put_connector("c", {}, "STARTED")
    stopped, stored = await asyncio.gather(store.put_target("c", "STOPPED"), store.put_tasks("c", [{}]))
    assert (stopped, stored, store.task_configs("c")) == (None, False, [])
    await store.put_target("c", "STARTED")
    _, stored = await asyncio.gather(store.delete("c"), store.put_tasks("c", [{}]))
    assert (stored, store.task_configs("c"), store.connectors()) == (False, [], [])


async def test_no_config_of_a_deleted_connector_stays_in_the_topic(cluster: Cluster, store: ConfigStore) -> None:
    await store.put_connector("c", {}, "STARTED")
    await store.put_tasks("c", [{"password": "x"}, {"password": "x"}, {"password": "x"}])
    await store.put_tasks("c", [{"password": "x"}])
    await store.delete("c")
    topic = CompactedTopic(cluster, "connect-configs")
    await topic.open()
    assert list(topic.items()) == [(b"task-c-%d" % task, b'{"properties":{}}') for task in range(3)]


async def test_a_task_config_is_never_null_since_a_java_worker_takes_that_for_an_error(
    cluster: Cluster, store: ConfigStore
) -> None:
    await store.put_connector("c", {}, "STARTED")
    await store.put_tasks("c", [{"t": "0"}, {"t": "1"}])
    await store.put_tasks("c", [{"t": "0"}])
    await store.put_target("c", "STOPPED")
    await store.put_target("c", "STARTED")
    await store.put_tasks("c", [{"t": "0"}])
    await store.delete("c")
    await store.delete("c")
    batches = await cluster.admin.fetch(TopicPartition("connect-configs", 0), 0)
    rows = [row for batch in batches for row in zip(batch.columns.keys or (), batch.columns.values, strict=True)]
    assert [key for key, value in rows if key.startswith(b"task-") and value is None] == []
    assert [value for key, value in rows if key == b"task-c-1"] == [b'{"properties":{"t":"1"}}', b'{"properties":{}}']


async def test_how_many_tasks_have_to_be_shut_out_is_known_to_the_next_worker_whoever_wrote_it(
    cluster: Cluster, store: ConfigStore
) -> None:
    assert store.fenced_tasks("c") == 0
    await write(cluster, "connect-configs", (b"tasks-fencing-c", b'{"task-count":3}'))
    store = await opened_store(cluster)
    assert store.fenced_tasks("c") == 3
    await store.put_fenced_tasks("c", 2)
    await store.delete("c")
    store = await opened_store(cluster)
    assert store.fenced_tasks("c") == 2, "tasks that run late outlive their connector"
    ends = (await cluster.admin.describe_topic("connect-configs")).partitions[0].log_end_offset
    await store.put_fenced_tasks("c", 2)
    assert (await cluster.admin.describe_topic("connect-configs")).partitions[0].log_end_offset == ends


async def test_a_stopped_connector_has_no_tasks_of_a_life_that_kafka_connect_ended(cluster: Cluster) -> None:
    before = (b"task-c-0", GOOD), (b"commit-c", b'{"tasks":1}'), (b"connector-c", None), (b"target-state-c", None)
    stopped = b'{"state":"PAUSED","state.v2":"STOPPED"}'
    await write(cluster, "connect-configs", *before, (b"target-state-c", stopped), (b"connector-c", GOOD))
    assert (await opened_store(cluster)).task_configs("c") == []


async def test_a_revision_tells_configs_and_lives_apart(store: ConfigStore) -> None:
    seen = [store.revision("c")]
    for change in (
        store.put_connector("c", {}),
        store.put_connector("c", {}),
        store.delete("c"),
        store.put_connector("c", {}),
    ):
        await change
        seen.append(store.revision("c"))
    assert seen == [Revision(0, 0), Revision(1, 1), Revision(1, 2), Revision(2, 3), Revision(3, 4)]


async def test_a_stored_value_is_parsed_once_and_anew_when_it_changes(store: ConfigStore) -> None:
    await store.put_connector("c", {"a": "1"})
    first = store.config("c")
    assert store.config("c") is first
    await store.put_connector("c", {"a": "2"})
    assert store.config("c") == {"a": "2"}


GOOD = b'{"properties":{"a":"1"}}'
RUBBISH = [
    (b"connector-c", b"nojson"),
    (b"connector-c", b"[1]"),
    (b"connector-c", b"5"),
    (b"connector-c", b"null"),
    (b"connector-c", b""),
    (b"connector-c", b"{}"),
    (b"connector-c", b'{"properties":5}'),
    (b"connector-c", b'{"properties":null}'),
    (b"connector-", GOOD),
    (b"connector-c", b'{"properties":{"a":' + b"[" * 400 + b"]" * 400 + b"}}"),
    (b"connector-\xff", GOOD),
    (b"", GOOD),
    (b"hello", GOOD),
    (b"target-state-c", b'{"state":"HUH"}'),
    (b"target-state-c", b'{"state":7,"state.v2":["STOPPED"]}'),
    (b"target-state-c", b"{}"),
    (b"task-c", GOOD),
    (b"task-c-x", GOOD),
    (b"task-c--1", GOOD),
    ("task-c-\u0661".encode(), GOOD),
    (b"task-c-00", GOOD),
    (b"task-c-99999999999999999999", GOOD),
    (b"task-c-0", b'{"properties":[]}'),
    (b"commit-c", b"{}"),
    (b"commit-c", b'{"tasks":"2"}'),
    (b"commit-c", b'{"tasks":-1}'),
    (b"commit-c", b'{"tasks":true}'),
    (b"commit-c", b'{"tasks":1.5}'),
    (b"tasks-fencing-c", b'{"tasks":1}'),
    (b"tasks-fencing-c", b'{"task-count":"1"}'),
    (b"tasks-fencing-", b'{"task-count":1}'),
    (None, GOOD),
]


async def test_records_that_do_not_count_change_nothing(cluster: Cluster, store: ConfigStore) -> None:
    await store.put_connector("c", {"a": "1"}, "PAUSED")
    await store.put_tasks("c", [{"t": "0"}])
    await write(cluster, "connect-configs", *RUBBISH)
    await store.put_connector("d", {"b": "2"}, "STARTED")
    for again in (await opened_store(cluster), await opened_store(cluster)):
        assert again.connectors() == ["c", "d"]
        assert (again.config("c"), again.target("c"), again.task_configs("c")) == ({"a": "1"}, "PAUSED", [{"t": "0"}])
        assert again.config("d") == {"b": "2"}


async def test_keys_of_a_kafka_connect_cluster_that_say_nothing_here_are_not_taken_for_rubbish() -> None:
    for key in (b"session-key", b"restart-connector-c"):
        assert problem_of(key, b'{"anything":1}') is None


async def test_a_config_of_another_hand_is_read_as_texts(cluster: Cluster) -> None:
    value = b'{"properties":{"n":5,"b":true,"none":null,"list":[1,{"x":2}],"text":"t"}}'
    await write(cluster, "connect-configs", (b"connector-c", value))
    store = await opened_store(cluster)
    assert store.config("c") == {"n": "5", "b": "true", "list": '[1,{"x":2}]', "text": "t"}


async def test_task_configs_of_which_one_is_missing_do_not_count(cluster: Cluster) -> None:
    await write(cluster, "connect-configs", (b"connector-c", GOOD), (b"task-c-1", GOOD), (b"commit-c", b'{"tasks":2}'))
    assert (await opened_store(cluster)).task_configs("c") == []
    await write(cluster, "connect-configs", (b"commit-c", b'{"tasks":2000000000}'))
    store = await opened_store(cluster)
    assert store.task_configs("c") == []
    await store.put_tasks("c", [{"t": "0"}])
    await store.delete("c")
    assert (await opened_store(cluster)).connectors() == []


_TEXTS = st.sampled_from(
    [b"connector-c", b"connector-x", b"target-state-c", b"task-c-0", b"task-c-1", b"commit-c", b"task-"]
)
_KEYS = st.one_of(st.none(), st.binary(max_size=20), _TEXTS)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["STARTED", "STOPPED", "x"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["properties", "state", "state.v2", "tasks", "a"]), inner, max_size=3),
    ),
    max_leaves=6,
)
_VALUES = st.one_of(st.none(), st.binary(max_size=20), _JSON.map(orjson.dumps))


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=12))
async def test_any_records_around_valid_ones_leave_a_store_that_works(cluster: Cluster, rows) -> None:  # type: ignore[no-untyped-def]
    topic = f"any-{uuid.uuid4()}"
    await write(cluster, topic, (b"connector-mine", GOOD), *rows, (b"target-state-mine", b'{"state":"PAUSED"}'))
    compacted = CompactedTopic(cluster, topic, problem=problem_of)
    await compacted.open()
    store = ConfigStore(compacted, lambda: 42)
    assert (store.config("mine"), store.target("mine")) == ({"a": "1"}, "PAUSED")
    for name in store.connectors():
        config = store.config(name)
        assert config is not None
        assert all(isinstance(found, str) for found in config.values())
        assert store.target(name) in ("STARTED", "PAUSED", "STOPPED")
        assert isinstance(store.task_configs(name), list)
        await store.put_tasks(name, [{"t": "0"}])
        await store.delete(name)
    assert store.connectors() == []
    await compacted.aclose()


async def test_a_cancelled_write_is_carried_out_with_all_that_follows_from_it(store: ConfigStore) -> None:
    await store.put_connector("c", {"a": "1"})
    seen = store.revision("c")
    changing = asyncio.create_task(store.put_connector("c", {"a": "2"}))
    await asyncio.sleep(0)
    changing.cancel()
    await asyncio.gather(changing, return_exceptions=True)
    assert changing.cancelled()
    assert await store.put_tasks("c", [{}])  # comes after it
    assert (store.config("c"), store.revision("c") != seen) == ({"a": "2"}, True)
    deleting = asyncio.create_task(store.delete("c"))
    await asyncio.sleep(0)
    deleting.cancel()
    assert not await store.put_tasks("c", [{}])
    assert store.connectors() == []


async def test_an_etag_tells_a_config_from_every_other_also_where_the_clock_stands_still(
    cluster: Cluster, store: ConfigStore
) -> None:
    assert store.etag("c") is None
    seen = []
    for config in ({"a": "1"}, {"a": "2"}, {"a": "1"}):
        await store.put_connector("c", config)
        seen.append(store.etag("c"))
    await store.put_connector("c", {"a": "1"})
    await store.put_target("c", "PAUSED")
    assert len(set(seen)) == 3
    assert (await opened_store(cluster)).etag("c") == store.etag("c") == seen[-1]
    await store.delete("c")
    assert store.etag("c") is None


async def test_a_rollback_to_a_stopped_connector_leaves_no_task_configs(store: ConfigStore) -> None:
    await store.put_connector("c", {}, "STARTED")
    await store.put_tasks("c", [{"t": "0"}])
    await store.put_connector("c", {}, "STOPPED", rolled_back_to=1)
    await store.put_target("c", "STARTED")
    assert store.task_configs("c") == []
