"""The task: rows that are there, then changes, and on from any offset."""

from __future__ import annotations

import asyncio
import time

import pytest

from connect_postgres.unchanged import DEFAULT, Placeholder
from tests.support.tasks import poll, stop

from ..conftest import DEADLINE_S, Database
from .conftest import Start, changes, drain, offset_of, records

pytestmark = pytest.mark.postgres


async def test_rows_that_are_there_come_first_and_changes_follow(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    task = await cdc()
    assert await changes(task, 2) == [("r", None, {"id": 1, "name": "a"}), ("r", None, {"id": 2, "name": None})]
    await database.execute("INSERT INTO t VALUES (3, 'c')", "UPDATE t SET name = 'b' WHERE id = 2", "DELETE FROM t")
    found = await changes(task, 8)
    assert found == [
        ("c", None, {"id": 3, "name": "c"}),
        ("u", None, {"id": 2, "name": "b"}),
        ("d", {"id": 1, "name": None}, None),
        ("d", {"id": 3, "name": None}, None),
        ("d", {"id": 2, "name": None}, None),
    ]


async def test_with_initial_only_no_change_comes_after_a_restart_either(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    task = await cdc(snapshot_mode="initial_only")
    await drain(task, 1)
    while not task._is_ended:
        await poll(task)
    await stop(task)
    await database.execute("INSERT INTO t VALUES (2)")
    again = await cdc(offset_of(task), snapshot_mode="initial_only")
    assert again._is_ended
    assert await poll(again) == []
    assert await database.rows("SELECT active FROM pg_replication_slots WHERE database = current_database()") == [
        (False,)
    ]


async def test_a_task_goes_on_within_a_transaction(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data", max_batch_size="7")
    await database.execute("INSERT INTO t SELECT generate_series(1, 20)", "INSERT INTO t VALUES (21)")
    first = await drain(task, 7)
    await stop(task)
    task = await cdc(offset_of(task), max_batch_size="7")
    second = await drain(task, 14)
    assert [v["after"]["id"] for b in [*first, *second] for v in b.values] == list(range(1, 22))


async def test_a_delete_is_followed_by_a_tombstone(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("DELETE FROM t")
    (topic, key, value), tombstone = await records(task, 2)
    assert (topic, key, value["op"]) == ("p.public.t", {"id": 1}, "d")
    assert tombstone == ("p.public.t", {"id": 1}, None)


@pytest.mark.parametrize("output", ["envelope", "flat"])
async def test_tombstones_have_no_schema_and_their_place_among_changes_of_their_key(
    database: Database, cdc: Start, output: str
) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL)")
    task = await cdc(snapshot_mode="no_data", output_format=output)
    await database.execute(
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'); DELETE FROM t; INSERT INTO t VALUES (1, 'c'); DELETE FROM t"
    )
    batches = await drain(task, 6 if output == "flat" else 9)
    for batch in batches:
        assert (batch.value_schema is None) == (set(batch.values) == {None} if None in batch.values else False)
    found = [(key["id"], value) for b in batches for key, value in zip(b.key_column(), b.values, strict=True)]
    is_there = [(key, value is not None and value.get("op", "c") == "c") for key, value in found]
    assert [there for key, there in is_there if key == 1 and there is not None] == (
        [True, False, True, False] if output == "flat" else [True, False, False, True, False, False]
    )
    assert [there for key, there in is_there if key == 2] == [True, False] + [False] * (output == "envelope")


async def test_with_full_identity_the_row_before_comes_whole(database: Database, cdc: Start) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL)",
        "ALTER TABLE t REPLICA IDENTITY FULL",
        "INSERT INTO t VALUES (1, 'a')",
    )
    task = await cdc(snapshot_mode="no_data", tombstones_on_delete="false")
    await database.execute("UPDATE t SET name = 'b'", "DELETE FROM t")
    assert await changes(task, 2) == [
        ("u", {"id": 1, "name": "a"}, {"id": 1, "name": "b"}),
        ("d", {"id": 1, "name": "b"}, None),
    ]


async def test_an_update_of_the_key_is_a_delete_and_an_insert(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'a')")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("UPDATE t SET id = 2")
    found = await records(task, 3)
    assert [value and value["op"] for _, key, value in found if key == {"id": 1}] == ["d", None]
    [created] = [value for _, key, value in found if key == {"id": 2}]
    assert (created["op"], created["after"]) == ("c", {"id": 2, "name": "a"})


async def test_where_an_index_is_the_replica_identity_it_is_the_key(database: Database, cdc: Start) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL UNIQUE)",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX t_code_key",
        "INSERT INTO t VALUES (1, 'a')",
    )
    task = await cdc()
    assert [key for _, key, _ in await records(task, 1)] == [{"code": "a"}]
    await database.execute("UPDATE t SET id = 2", "DELETE FROM t")
    assert [(key, value and value["op"]) for _, key, value in await records(task, 3)] == [
        ({"code": "a"}, "u"),
        ({"code": "a"}, "d"),
        ({"code": "a"}, None),
    ]


async def test_a_key_that_was_another_one_then_is_that_one(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL)", "INSERT INTO t VALUES (1, 10)")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("DELETE FROM t", "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (b)")
    assert [key for _, key, _ in await records(task, 2)] == [{"a": 1}, {"a": 1}]


async def test_a_large_value_that_did_not_change_is_a_placeholder_or_the_one_before(
    database: Database, cdc: Start
) -> None:
    large = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) AS n)"
    for table in ("a", "b"):
        await database.execute(
            f"CREATE TABLE {table} (id int PRIMARY KEY, large text NOT NULL, n int)",
            f"ALTER TABLE {table} ALTER large SET STORAGE EXTERNAL",
            f"INSERT INTO {table} VALUES (1, {large}, 1)",
        )
    await database.execute("ALTER TABLE b REPLICA IDENTITY FULL")
    task = await cdc(snapshot_mode="no_data", unavailable_value_placeholder="(same)")
    await database.execute("UPDATE a SET n = 2", "UPDATE b SET n = 2")
    found = {topic: value["after"] for topic, _, value in await records(task, 2)}
    [(expected,)] = await database.rows("SELECT large FROM b")
    assert found["p.public.a"] == {"id": 1, "large": "(same)", "n": 2}
    assert found["p.public.b"]["large"] == expected


async def test_a_large_value_that_did_not_change_is_told_from_null_in_every_type(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    values = {
        "t": ("text", "repeat('x', 9000)"),
        "j": ("jsonb", """jsonb_build_object('a', repeat('x', 9000))"""),
        "y": ("bytea", "decode(repeat('ab', 9000), 'hex')"),
        "i": ("int[]", "array_fill(7, '{3000}')"),
        "ii": ("bigint[][]", "array_fill(7, '{30,100}')"),
        "tt": ("text[]", "array_fill('x'::text, '{3000}')"),
        "f": ("float8[]", "array_fill(0.5::float8, '{3000}')"),
        "b": ("bool[]", "array_fill(true, '{9000}')"),
        "d": ("timestamp[]", "array_fill(now()::timestamp, '{3000}')"),
        "n": ("numeric", "repeat('7', 9000)::numeric"),
        "nn": ("numeric(1000,2)", "repeat('7', 998)::numeric"),
        "v": ("bit varying", "repeat('1', 20000)::varbit"),
    }
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in values.items())
    # Compressed they would be too small to be left out.
    stored = ", ".join(f"ALTER {name} SET STORAGE EXTERNAL" for name in values)
    await database.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, {columns}, k int, pad text)",
        f"ALTER TABLE t {stored}, ALTER pad SET STORAGE PLAIN",
        "ALTER TABLE t SET (toast_tuple_target = 128)",
        f"INSERT INTO t VALUES (1, {', '.join(value for _, value in values.values())}, 1, repeat('x', 3000))",
    )
    task = await cdc(snapshot_mode="no_data")
    await database.execute("UPDATE t SET k = 2", "UPDATE t SET k = 3")
    for batch in await drain(task, 2):
        for value in batch.values:
            batch.value_schema.validate(value)
            kinds = {one.name: one.schema for one in batch.value_schema.field("after").schema.fields}
            made = {name: Placeholder(DEFAULT).rows([value["after"][name]], kinds[name]) for name in values}
            assert made == {name: [0] for name in values}
    told = [record.message for record in caplog.records if "REPLICA IDENTITY FULL" in record.message]
    assert sorted(text.split(":")[0].rpartition(" ")[2] for text in told) == ["b", "d", "f", "i", "ii", "n", "nn"]


async def test_a_large_key_that_did_not_change_is_the_key(database: Database, cdc: Start) -> None:
    large = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 70) AS n)"
    await database.execute(
        "CREATE TABLE t (id text PRIMARY KEY, large text, n int)",
        "ALTER TABLE t ALTER id SET STORAGE EXTERNAL, ALTER large SET STORAGE EXTERNAL",
        f"INSERT INTO t VALUES ({large}, {large}, 1)",
    )
    [(expected,)] = await database.rows("SELECT id FROM t")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("UPDATE t SET n = 2")
    [(_, key, value)] = await records(task, 1)
    assert (key, value["op"]) == ({"id": expected}, "u")
    assert value["after"] == {"id": expected, "large": "__debezium_unavailable_value", "n": 2}


async def test_columns_that_come_and_go_are_followed(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)")
    task = await cdc(snapshot_mode="no_data")
    await database.execute(
        "INSERT INTO t VALUES (1, 'x')",
        "ALTER TABLE t ADD b int DEFAULT 7, DROP a",
        "INSERT INTO t VALUES (2)",
        "ALTER TABLE t ALTER b TYPE text, ADD c int[]",
        "INSERT INTO t VALUES (3, 'y', '{1}')",
    )
    batches = await drain(task, 3)
    assert [value["after"] for batch in batches for value in batch.values] == [
        {"id": 1, "a": "x"},
        {"id": 2, "b": 7},
        {"id": 3, "b": "y", "c": [1]},
    ]
    for batch in batches:
        for value in batch.values:
            batch.value_schema.validate(value)


async def test_nulls_fit_the_schema_whenever_a_column_began_or_ceased_to_take_them(
    database: Database, cdc: Start
) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, a text, b text NOT NULL)")
    task = await cdc(snapshot_mode="no_data", tombstones_on_delete="false")
    await database.execute(
        "INSERT INTO t (id, b) VALUES (1, 'x')", "UPDATE t SET a = 'y'", "ALTER TABLE t ALTER a SET NOT NULL"
    )
    batches = await drain(task, 2)
    await database.execute("ALTER TABLE t ALTER b DROP NOT NULL", "INSERT INTO t (id, a) VALUES (2, 'z')")
    batches += await drain(task, 1)
    assert [value["after"]["b"] for batch in batches for value in batch.values] == ["x", "x", None]
    for batch in batches:
        for value in batch.values:
            batch.value_schema.validate(value)


async def test_arrays_in_domains_and_what_only_looks_like_one_fit_their_schema(database: Database, cdc: Start) -> None:
    await database.execute(
        "CREATE DOMAIN grid AS int[][]",
        "CREATE DOMAIN grids AS grid",
        "CREATE TABLE t (id int PRIMARY KEY, a grid, b grids, c int2vector, d oidvector)",
        "INSERT INTO t VALUES (1, '{{1,2},{3,4}}', '{{5}}', '1 2', '3 4')",
    )
    task = await cdc()
    [batch] = await drain(task, 1)
    assert batch.values[0]["after"] == {"id": 1, "a": [[1, 2], [3, 4]], "b": [[5]], "c": "1 2", "d": "3 4"}
    batch.value_schema.validate(batch.values[0])


async def test_partitions_come_as_their_table_where_the_publication_says_so(database: Database, cdc: Start) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)",
        "INSERT INTO t VALUES (1), (11)",
    )
    task = await cdc(publish_via_partition_root="true", publication_autocreate_mode="filtered")
    assert {(topic, value["op"]) for topic, _, value in await records(task, 2)} == {("p.public.t", "r")}
    await database.execute("INSERT INTO t VALUES (2), (12)")
    assert {(topic, value["op"]) for topic, _, value in await records(task, 2)} == {("p.public.t", "c")}


async def test_partitions_have_their_own_topics_otherwise(database: Database, cdc: Start) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
        "INSERT INTO t VALUES (1)",
    )
    task = await cdc()
    await database.execute("INSERT INTO t VALUES (2)")
    assert [(topic, value["op"]) for topic, _, value in await records(task, 2)] == [
        ("p.public.t1", "r"),
        ("p.public.t1", "c"),
    ]


async def test_truncates_come_where_they_are_not_skipped(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data", skipped_operations="none")
    await database.execute("TRUNCATE t", "INSERT INTO t VALUES (1)")
    assert [op for op, _, _ in await changes(task, 2)] == ["t", "c"]


async def test_a_truncate_has_neither_key_nor_keys_schema(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data", skipped_operations="none")
    await database.execute("INSERT INTO t VALUES (1); TRUNCATE t; INSERT INTO t VALUES (2)")
    batches = await drain(task, 3)
    assert [(b.key_column(), b.key_schema is None) for b in batches] == [
        ([{"id": 1}], False),
        ([None], True),
        ([{"id": 2}], False),
    ]


async def test_a_key_that_the_replica_identity_lacks_is_told_and_no_deletion_is_of_another_row(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)", "INSERT INTO t VALUES (1, 'x')")
    task = await cdc(snapshot_mode="no_data", message_key_columns="public.t:a")
    await database.execute("UPDATE t SET id = 2", "DELETE FROM t")
    found = await records(task, 2)
    assert [(key, value["op"]) for _, key, value in found] == [({"a": "x"}, "u"), (None, "d")]
    assert 'run ALTER TABLE "public"."t" REPLICA IDENTITY FULL' in caplog.text
    await database.execute("ALTER TABLE t REPLICA IDENTITY FULL", "INSERT INTO t VALUES (1, 'y')", "DELETE FROM t")
    assert [key for _, key, _ in await records(task, 3)] == [{"a": "y"}] * 3


async def test_flat_records_are_the_row_and_null_for_a_deleted_one(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'a')")
    task = await cdc(output_format="flat")
    assert await records(task, 1) == [("p.public.t", {"id": 1}, {"id": 1, "name": "a"})]
    await database.execute("UPDATE t SET name = 'b'", "DELETE FROM t")
    assert await records(task, 2) == [
        ("p.public.t", {"id": 1}, {"id": 1, "name": "b"}),
        ("p.public.t", {"id": 1}, None),
    ]


async def test_lists_choose_tables_and_columns_and_keys(database: Database, cdc: Start) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a text, secret text)",
        "CREATE TABLE other (id int PRIMARY KEY)",
        "INSERT INTO t VALUES (1, 'x', 's')",
        "INSERT INTO other VALUES (1)",
    )
    task = await cdc(
        table_include_list="public.T", column_exclude_list="public\\.t\\.secret", message_key_columns="public.t:a"
    )
    await database.execute("INSERT INTO other VALUES (2)", "INSERT INTO t VALUES (2, 'y', 's')")
    found = await records(task, 2)
    assert [(topic, key, value["after"]) for topic, key, value in found] == [
        ("p.public.t", {"a": "x"}, {"id": 1, "a": "x"}),
        ("p.public.t", {"a": "y"}, {"id": 2, "a": "y"}),
    ]


async def test_tables_that_no_topic_can_be_named_by_have_topics_and_are_told_where_they_share_one(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a b", "a_b", "größe", "😀"):
        await database.execute(f'CREATE TABLE "{name}" (id int PRIMARY KEY)', f'INSERT INTO "{name}" VALUES (1)')
    task = await cdc()
    topics = [topic for topic, _, _ in await records(task, 4)]
    assert sorted(topics) == ["p.public.__", "p.public.a_b", "p.public.a_b", "p.public.gr__e"]
    assert "tables public.a b and public.a_b both go to topic p.public.a_b" in caplog.text


async def test_logical_messages_go_to_a_topic_of_theirs(database: Database, cdc: Start) -> None:
    task = await cdc(snapshot_mode="no_data", message_prefix_include_list="mine.*")
    await database.execute(
        "SELECT pg_logical_emit_message(true, 'mine1', 'a')",
        "SELECT pg_logical_emit_message(false, 'other', 'b')",
        "SELECT pg_logical_emit_message(false, 'mine2', 'c')",
    )
    found = await records(task, 2)
    assert [(topic, key, value["op"], value["message"]["content"]) for topic, key, value in found] == [
        ("p.message", {"prefix": "mine1"}, "m", b"a"),
        ("p.message", {"prefix": "mine2"}, "m", b"c"),
    ]


async def test_a_message_of_no_transaction_does_not_come_again(database: Database, cdc: Start) -> None:
    task = await cdc(snapshot_mode="no_data", max_batch_size="1")
    await database.execute(*(f"SELECT pg_logical_emit_message(false, 'p', '{n}')" for n in range(3)))
    found = await records(task, 1)
    await stop(task)
    task = await cdc(offset_of(task), max_batch_size="1")
    found += await records(task, 2)
    assert [value["message"]["content"] for _, _, value in found] == [b"0", b"1", b"2"]


async def test_transactions_are_told_where_that_is_asked_for(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE u (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data", provide_transaction_metadata="true")
    await database.execute("WITH x AS (INSERT INTO t VALUES (1), (2)) INSERT INTO u VALUES (1)")
    found = await records(task, 5)
    begun, ended = [value for topic, _, value in found if topic == "p.transaction"]
    assert (begun["status"], ended["status"], ended["event_count"]) == ("BEGIN", "END", 3)
    counted = {one["data_collection"]: one["event_count"] for one in ended["data_collections"]}
    assert counted == {"public.t": 2, "public.u": 1}
    blocks = [value["transaction"] for topic, _, value in found if topic != "p.transaction"]
    assert {block["id"] for block in blocks} == {begun["id"]}
    assert sorted(block["total_order"] for block in blocks) == [1, 2, 3]


async def test_heartbeats_come_and_run_their_statement(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE beats (at timestamptz)")
    task = await cdc(
        snapshot_mode="no_data",
        heartbeat_interval_ms="20",
        heartbeat_action_query="INSERT INTO beats VALUES (now())",
        table_exclude_list="public.beats",
    )
    [(topic, key, _)] = await records(task, 1)
    assert (topic, key) == ("__debezium-heartbeat.p", {"serverName": "p"})
    assert await database.rows("SELECT count(*) > 0 FROM beats") == [(True,)]


async def test_the_slot_advances_where_only_others_write(
    database: Database, cdc: Start, slot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.cdc.task.PROGRESS_S", 0.0)
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE busy (id int)")
    task = await cdc(snapshot_mode="no_data", table_include_list="public.t")
    await database.execute("INSERT INTO busy SELECT generate_series(1, 1000)")
    [(target,)] = await database.rows("SELECT pg_current_wal_lsn()::text")
    advanced = f"SELECT confirmed_flush_lsn >= '{target}' FROM pg_replication_slots WHERE slot_name = '{slot}'"
    deadline = time.monotonic() + DEADLINE_S
    while await database.rows(advanced) != [(True,)]:
        assert time.monotonic() < deadline
        for batch in await poll(task):
            assert len(batch) == 0
            await task.commit([(batch.source_partition, batch.source_offset)])
        task._decoder.wants_answer = True
        await task.commit([])


async def test_what_is_not_committed_is_not_confirmed(database: Database, cdc: Start, slot: str) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data", status_update_interval_ms="10")
    confirmed = f"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{slot}'"
    before = await database.rows(confirmed)
    await database.execute("INSERT INTO t VALUES (1)")
    await drain(task, 1)
    await asyncio.sleep(0.1)  # ten status updates long
    assert await database.rows(confirmed) == before


async def test_a_value_that_connect_does_not_hold_stays_text(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp)")
    task = await cdc(snapshot_mode="no_data", time_precision_mode="connect", output_format="flat")
    await database.execute("INSERT INTO t VALUES (1, 'infinity'), (2, '2026-01-02')")
    [(_, _, odd), (_, _, plain)] = await records(task, 2)
    assert odd == {"id": 1, "at": "infinity"}
    assert plain["at"].year == 2026


async def test_a_snapshot_begins_after_its_delay(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    began = time.monotonic()
    task = await cdc(snapshot_delay_ms="400")
    assert time.monotonic() - began < 0.4
    assert await changes(task, 1) == [("r", None, {"id": 1})]
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("changed", ["id = 3 - id", "id = id % 3 + 1, a = a || '!'", "id = id + 1", "id = 10 - id"])
@pytest.mark.parametrize("at_once", ["1000", "1"])
async def test_rows_that_take_each_others_keys_are_all_there(
    database: Database, cdc: Start, changed: str, at_once: str
) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, a text)",
        "ALTER TABLE t REPLICA IDENTITY FULL",
        f"INSERT INTO t SELECT n, chr(96 + n) FROM generate_series(1, {2 if '3 -' in changed else 3}) n",
    )
    task = await cdc(snapshot_mode="no_data", output_format="flat", max_batch_size=at_once)
    rows = dict(await database.rows("SELECT * FROM t"))
    await database.execute(f"UPDATE t SET {changed}", "INSERT INTO t VALUES (99, 'end')")
    deadline = time.monotonic() + DEADLINE_S
    while 99 not in rows:
        assert time.monotonic() < deadline, rows
        for batch in await poll(task):
            for key, value in zip(batch.key_column(), batch.values, strict=True):
                rows.pop(key["id"], None) if value is None else rows.update({key["id"]: value["a"]})
    assert rows == dict(await database.rows("SELECT * FROM t"))


async def test_a_row_that_gives_up_a_key_that_it_took_is_told_of_where_keys_are_deferrable(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, a text)",
        "ALTER TABLE t REPLICA IDENTITY FULL",
        "INSERT INTO t VALUES (1, 'a')",
    )
    task = await cdc(snapshot_mode="no_data")
    async with database.connection.transaction():
        await database.execute("UPDATE t SET id = 2", "UPDATE t SET id = 3")
    assert [op for op, _, _ in await changes(task, 6)] == ["d", "c", "d", "c"]
    assert "its primary key is DEFERRABLE" in caplog.text
