"""Offsets that the sink keeps beside the rows: written with them, claimed by one task, altered by users."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connect.api import ConfigError, ConflictError, DataError, RetriableError
from connect_postgres import JdbcSinkConnector
from tests.support.factories import make_sink_batch
from tests.support.tasks import connector, sink_task, stop

from .conftest import DEADLINE_S, Database, Proxy, until

pytestmark = pytest.mark.postgres
AT = ("orders", 0)
EXACTLY = {"topics": "orders", "delivery.guarantee": "exactly-once", "retry.backoff.ms": "0"}


@pytest.fixture
async def start(database: Database) -> AsyncIterator[Any]:
    """Start a task, and have it take partition 0 of topic orders over."""
    started: list[Any] = []
    await database.execute("CREATE TABLE orders (id int CHECK (id >= 0))")

    async def make(url: str = "", **keys: str) -> Any:
        config = {"connection.url": url or database.url, **EXACTLY}
        config |= {name.replace("_", "."): value for name, value in keys.items()}
        task = await sink_task(JdbcSinkConnector, config, [AT])
        started.append(task)
        task.found = await task.resume_offsets([AT])
        return task

    yield make
    for task in started:
        await stop(task)


async def put(task: Any, *ids: int, at: int, after: int | None = None) -> None:
    """Put records from an offset on."""
    task.context.after_put = {AT: at + len(ids) if after is None else after}
    await task.put_batches([make_sink_batch([{"id": number} for number in ids], base_offset=at)])


async def ids(database: Database) -> list[int]:
    return [row[0] for row in await database.rows("SELECT id FROM orders ORDER BY id")]


async def test_a_task_goes_on_where_the_one_before_it_has_come_to(database: Database, start: Any) -> None:
    first = await start()
    assert first.found == {}
    await put(first, 1, 2, at=5)
    assert (await start()).found == {AT: 7}
    assert await database.rows("SELECT connector, topic, partition, topic_id, next_offset FROM connect_offsets") == [
        ("test", "orders", 0, "id of orders", 7)
    ]


async def test_what_is_stored_is_how_far_the_runtime_is_and_not_the_last_record(database: Database, start: Any) -> None:
    task = await start()
    await put(task, 1, 2, at=0, after=9)  # what lies behind was dropped
    assert (await start()).found == {AT: 9}


async def test_a_flush_stores_what_was_passed_over_behind_the_last_put(database: Database, start: Any) -> None:
    task = await start()
    await put(task, 1, 2, at=0)
    task.context.after_put = {AT: 5}  # three bad ones, and their letters are on disk
    await task.flush()
    assert await database.rows("SELECT next_offset FROM connect_offsets") == [(5,)]
    await put(task, 6, at=5)
    assert (await start()).found == {AT: 6}


async def test_a_flush_stores_what_was_passed_over_where_nothing_was_ever_put(database: Database, start: Any) -> None:
    task = await start()
    task.context.after_put = {AT: 3}
    await task.flush()
    assert (await start()).found == {AT: 3}


async def test_a_flush_of_a_task_that_was_left_behind_stores_nothing(database: Database, start: Any) -> None:
    old, new = await start(), await start()
    await put(new, 1, at=0)
    old.context.after_put = {AT: 5}
    with pytest.raises(ConflictError) as caught:
        await old.flush()
    assert caught.value.code == "postgres.offsets_taken"
    assert (await start()).found == {AT: 1}


async def test_a_flush_that_finds_less_than_was_confirmed_goes_back(database: Database, start: Any) -> None:
    task = await start()
    await put(task, 1, at=0)
    await put(task, 2, at=1)
    await database.execute("UPDATE connect_offsets SET next_offset = 1")
    task.context.after_put = {AT: 5}
    await task.flush()
    assert task.context.seeks == {AT: 1}
    assert (await start()).found == {AT: 1}


async def test_a_task_that_was_left_behind_writes_nothing(database: Database, start: Any) -> None:
    old = await start()
    await put(old, 1, at=0)
    new = await start()
    with pytest.raises(ConflictError, match=r"orders-0 of connector 'test' .* taken over by another task") as caught:
        await put(old, 2, at=1)
    assert caught.value.code == "postgres.offsets_taken"
    await put(new, 2, at=1)
    assert await ids(database) == [1, 2]


async def test_a_transaction_that_fails_leaves_the_offset_too(database: Database, start: Any) -> None:
    task = await start()
    await put(task, 1, at=0)
    with pytest.raises(DataError) as caught:
        await put(task, 2, -1, at=1)
    assert [bad.index for bad in caught.value.failed] == [1]
    assert await ids(database) == [1]
    assert (await start()).found == {AT: 1}


async def test_records_that_come_again_are_passed_over_and_bad_ones_are_counted_among_all(
    database: Database, start: Any
) -> None:
    task = await start()
    await put(task, 1, 2, at=0)
    with pytest.raises(DataError) as caught:
        await put(task, 1, 2, 3, -1, at=0)
    assert [bad.index for bad in caught.value.failed] == [3]
    await put(task, 1, 2, 3, at=0)
    assert await ids(database) == [1, 2, 3]


async def test_a_commit_whose_answer_is_lost_is_not_made_twice(database: Database, start: Any) -> None:
    async with Proxy.closed(database.url) as proxy:
        await proxy.open()
        task = await start(proxy.url)
        await put(task, 1, at=0)
        proxy.answers = 0
        with pytest.raises(RetriableError):
            await put(task, 2, 3, at=1)
        assert await ids(database) == [1, 2, 3]
        await put(task, 2, 3, 4, at=1)  # the same records, and one more that has come meanwhile
    assert await ids(database) == [1, 2, 3, 4]
    assert (await start()).found == {AT: 4}


async def test_a_session_that_is_ended_in_the_middle_of_a_copy_leaves_nothing_and_all_is_written_again(
    database: Database, start: Any
) -> None:
    task = await start()
    await put(task, 1, at=0)
    other = await database.another()
    await other.execute("BEGIN; LOCK TABLE orders IN SHARE MODE")
    putting = asyncio.create_task(put(task, 2, 3, at=1))
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    deadline = time.monotonic() + DEADLINE_S
    while not (found := await database.rows(waiting)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    await database.execute(f"SELECT pg_terminate_backend({found[0][0]}, 5000)")
    with pytest.raises(RetriableError):
        await putting
    await other.close()
    await put(task, 2, 3, at=1)
    assert await ids(database) == [1, 2, 3]


async def test_a_topic_that_was_made_again_begins_anew(database: Database, start: Any) -> None:
    task = await start()
    await put(task, 1, at=0)
    await task.close_partitions([AT])
    task.context.topic_ids["orders"] = "another"
    assert await task.resume_offsets([AT]) == {}
    await put(task, 2, at=0)
    assert await ids(database) == [1, 2]


async def test_offsets_are_set_and_deleted_for_users_and_shut_the_task_out(database: Database, start: Any) -> None:
    await put(await start(), 1, at=0)
    sink = await connector(JdbcSinkConnector, {"connection.url": database.url, **EXACTLY})
    sink.context.name = "test"
    assert await sink.alter_offsets({AT: 42, ("other", 3): 1}) is True
    task = await start()
    assert task.found == {AT: 42}
    assert await sink.alter_offsets({AT: None}) is True
    with pytest.raises(ConflictError, match="is gone: somebody has deleted it"):
        await put(task, 2, at=42)
    assert (await start()).found == {}


async def test_a_table_of_offsets_that_is_dropped_ends_the_task_and_is_made_anew(
    database: Database, start: Any
) -> None:
    task = await start()
    await database.execute("DROP TABLE connect_offsets")
    with pytest.raises(ConfigError, match=r"storing offsets in table connect_offsets: .*does not exist") as caught:
        await put(task, 1, at=0)
    assert "Restart the task" in (caught.value.hint or "")
    assert (await start()).found == {}


async def test_a_table_that_is_something_else_is_refused(database: Database, start: Any) -> None:
    await database.execute("CREATE TABLE connect_offsets (id int)")
    with pytest.raises(ConfigError, match="table connect_offsets has no column connector, topic"):
        await start()
    assert (await start(offsets_table_name='"odd ""name"".of offsets"')).found == {}


async def test_going_back_to_at_least_once_forgets_the_offsets(database: Database, start: Any) -> None:
    await put(await start(), 1, at=0)
    task = await start(delivery_guarantee="at-least-once")
    assert task.found is None
    assert await database.rows("SELECT count(*) FROM connect_offsets") == [(0,)]


async def test_a_table_of_another_kind_does_not_matter_at_least_once(database: Database, start: Any) -> None:
    await database.execute("CREATE TABLE connect_offsets (id int)", "INSERT INTO connect_offsets VALUES (1)")
    assert (await start(delivery_guarantee="at-least-once")).found is None
    assert await database.rows("SELECT count(*) FROM connect_offsets") == [(1,)]


async def test_the_table_is_in_the_schema_of_the_rows(database: Database, start: Any) -> None:
    await database.execute("CREATE SCHEMA sales", "CREATE TABLE sales.orders (id int)")
    task = await start(table_name_format="sales.${topic}")
    await put(task, 1, at=0)
    assert await database.rows("SELECT next_offset FROM sales.connect_offsets") == [(1,)]


async def test_records_that_a_transform_made_of_nothing_are_refused(start: Any) -> None:
    task = await start()
    with pytest.raises(ConfigError, match="does not say of which record"):
        await task.put_batches([make_sink_batch([{"id": 1}]).replace(original_topic=None)])


async def test_a_claim_waits_for_a_transaction_that_is_under_way_and_no_longer_than_it_may(
    database: Database, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.sink.LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    await put(await start(), 1, at=0)
    other = await database.another()
    try:
        await other.execute("BEGIN")
        await other.execute("UPDATE connect_offsets SET next_offset = 9")
        with pytest.raises(RetriableError, match="taking over offsets"):
            await start()
        await other.execute("COMMIT")
    finally:
        await other.close()
    assert (await start()).found == {AT: 9}


async def lose(database: Database, *, offset: int | None, owner: str = "") -> None:
    """Let the server be one that has not received the last commits, and end every session."""
    await database.execute(
        f"DELETE FROM orders WHERE id > {offset or 0}",
        f"UPDATE connect_offsets SET next_offset = {'NULL' if offset is None else offset}",
    )
    if owner:
        await database.execute(f"UPDATE connect_offsets SET owner = '{owner}'")
    await database.disconnect_others()


@pytest.mark.parametrize("kept", [2, None], ids=["some-of-it", "the-claim-alone"])
async def test_what_a_failover_has_lost_of_what_was_confirmed_is_read_and_written_again(
    database: Database, start: Any, kept: int | None
) -> None:
    task = await start()
    await put(task, 1, 2, at=0)
    await put(task, 3, 4, at=2)
    await lose(database, offset=kept)
    for _ in range(3):  # as often as the runtime may give it: once the partition is sought, no more
        if AT not in task.context.seeks:
            with contextlib.suppress(RetriableError):  # the connection that was lost
                await put(task, 5, at=4)
    assert task.context.seeks == {AT: kept or 0}
    assert await ids(database) == [1, 2][: kept or 0]
    await put(task, *range((kept or 0) + 1, 6), at=kept or 0)
    assert await ids(database) == [1, 2, 3, 4, 5]


async def test_what_was_lost_is_gone_back_for_though_no_record_follows(database: Database, start: Any) -> None:
    task = await start()
    await put(task, 1, 2, at=0)
    await lose(database, offset=1)
    await until(lambda: task.context.seeks == {AT: 1})
    assert task.context.waiting_for is None
    await put(task, 2, at=1)
    assert await ids(database) == [1, 2]


async def test_a_loss_behind_a_pooler_that_keeps_the_session_is_seen_as_well(database: Database, start: Any) -> None:
    task = await start()
    await put(task, 1, 2, at=0)
    await database.execute("DELETE FROM orders WHERE id > 1", "UPDATE connect_offsets SET next_offset = 1")
    await put(task, 3, at=2)
    assert (task.context.seeks, await ids(database)) == ({AT: 1}, [1])
    await put(task, 2, 3, at=1)
    assert await ids(database) == [1, 2, 3]


async def test_a_table_that_passes_over_the_offsets_ends_the_task_with_what_to_look_for(
    database: Database, start: Any
) -> None:
    task = await start()
    await database.execute(
        "CREATE FUNCTION pass_over() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER audit BEFORE UPDATE OF next_offset ON connect_offsets FOR EACH ROW "
        "EXECUTE FUNCTION pass_over()",
    )
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(ConfigError, match="offsets in table connect_offsets changes no row") as caught:
            await put(task, 1, at=0)
    assert "trigger" in (caught.value.hint or "")
    assert await ids(database) == []


async def test_other_partitions_of_a_put_are_written_where_one_goes_back(database: Database, start: Any) -> None:
    other = ("orders", 1)
    task = await start()
    await task.resume_offsets([other])
    await put(task, 1, 2, at=0)
    await database.execute(
        "DELETE FROM orders WHERE id > 1", "UPDATE connect_offsets SET next_offset = 1 WHERE partition = 0"
    )
    task.context.after_put = {AT: 3, other: 2}
    with pytest.raises(DataError) as caught:
        await task.put_batches(
            [
                make_sink_batch([{"id": 3}], base_offset=2),
                make_sink_batch([{"id": 9}, {"id": -1}], base_offset=0, partition=1),
            ]
        )
    assert [bad.index for bad in caught.value.failed] == [2]
    assert task.context.seeks == {AT: 1}
    task.context.after_put = {other: 2}
    await task.put_batches([make_sink_batch([{"id": 9}], base_offset=0, partition=1)])
    assert await ids(database) == [1, 9]


async def test_a_claim_that_a_failover_has_lost_is_made_again(database: Database, start: Any) -> None:
    await put(await start(), 1, 2, at=0)
    ((owner,),) = await database.rows("SELECT owner FROM connect_offsets")
    task = await start()
    await put(task, 3, at=2)
    await lose(database, offset=2, owner=owner)
    await until(lambda: task.context.seeks == {AT: 2})
    await put(task, 3, at=2)
    assert await ids(database) == [1, 2, 3]


async def test_a_mark_that_is_not_the_one_from_before_is_anothers(database: Database, start: Any) -> None:
    for _ in range(2):
        task = await start()
        await put(task, 1, at=(task.found or {}).get(AT, 0))
    await lose(database, offset=1, owner="f" * 32)
    await until(lambda: task._looking is not None and task._looking.done())
    with pytest.raises(ConflictError, match="taken over by another task"):
        await put(task, 2, at=2)
    assert task.context.seeks == {}


async def test_good_records_that_wait_for_the_bad_ones_to_be_left_out_are_written_though_the_connection_is_lost(
    database: Database, start: Any
) -> None:
    task = await start()
    await database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.id > 90 THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    task.context.after_put = {AT: 5}
    batch = make_sink_batch([{"id": number} for number in (1, 91, 2, 92, 3)])
    while task._kept is None:
        with pytest.raises(DataError) as caught:
            await task.put_batches([batch])
        bad = {one.index for one in caught.value.failed}
        batch = batch.select([index not in bad for index in range(len(batch))])
    assert list(batch.offsets or ()) == [0, 2, 4]
    before = task._connection
    await database.disconnect_others()
    await until(before.is_closed)
    for _ in range(2):
        with contextlib.suppress(RetriableError):
            await task.put_batches([batch])
    assert await ids(database) == [1, 2, 3]
