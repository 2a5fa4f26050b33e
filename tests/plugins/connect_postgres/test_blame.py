from __future__ import annotations

from dataclasses import replace

import pytest

from connect.api import ConfigError, DataError
from connect_postgres.blame import Blame, Kept, may_have_column, message_of, record_of
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.steps import Steps
from connect_postgres.tables import Tables
from connect_postgres.writes import Writer
from tests.support.factories import make_sink_batch

from .conftest import Database

pytestmark = pytest.mark.postgres


def blame(database: Database, **keys: str) -> Blame:
    config = SinkConfig.parse(
        {"connection.url": database.url, "topics": "t", **{k.replace("_", "."): v for k, v in keys.items()}}
    )
    return Blame(database.connection, Writer(database.connection), Steps(config, Tables(config)), config)


async def test_bad_records_are_counted_over_all_batches_and_the_others_may_be_committed(database: Database) -> None:
    await database.execute("CREATE TABLE a (id int NOT NULL)", "CREATE TABLE b (id int CHECK (id > 0))")
    batches = [
        (TableName("a"), make_sink_batch([{"id": 1}, {"id": None}, {"id": 2}], topic="a")),
        (TableName("b"), make_sink_batch([{"id": 0}, {"id": "x"}, {"id": 3}], topic="b")),
    ]
    found, kept = await blame(database).find(batches)
    assert [(one.index, (one.details or {}).get("sqlstate")) for one in found] == [
        (1, "23502"),
        (3, "23514"),
        (4, None),
    ]
    assert [(one.details or {})["table"] for one in found] == ["public.a", "public.b", "b"]
    assert "record a-0@1" in found[0].reason
    assert kept is not None
    assert kept.is_of([batches[0][1].select([1, 0, 1]), batches[1][1].select([0, 0, 1])])
    assert not kept.is_of([batches[0][1]])
    await kept.transaction.commit()
    assert await database.rows("SELECT (SELECT array_agg(id) FROM a), (SELECT array_agg(id) FROM b)") == [([1, 2], [3])]


async def test_nothing_is_kept_where_a_bad_record_changes_what_the_others_come_to(database: Database) -> None:
    await database.execute("CREATE TABLE a (id int PRIMARY KEY, v text NOT NULL)")
    batch = make_sink_batch([{"id": 1, "v": "first"}, {"id": 1, "v": None}], topic="a")
    found, kept = await blame(database, insert_mode="upsert", pk_mode="record_value", pk_fields="id").find(
        [(TableName("a"), batch)]
    )
    assert [one.index for one in found] == [1]
    assert kept is None
    assert not database.connection.is_in_transaction()


@pytest.mark.parametrize("state", ["P0001", "23514"])
async def test_rows_of_two_tables_that_need_one_another_at_the_commit_are_good_beside_a_bad_one(
    database: Database, state: str
) -> None:
    await database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY)",
        "CREATE TABLE lines (id int NOT NULL, of_order int REFERENCES orders)",
        "CREATE FUNCTION has_lines() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NOT EXISTS (SELECT FROM lines WHERE of_order = NEW.id) THEN "
        f"RAISE EXCEPTION 'an order without lines' USING ERRCODE = '{state}'; END IF; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER has_lines AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION has_lines()",
    )
    lines = [{"id": 1, "of_order": 1}, {"id": None, "of_order": 2}, {"id": 3, "of_order": 2}]
    found, kept = await blame(database).find(
        [
            (TableName("orders"), make_sink_batch([{"id": 1}, {"id": 2}], topic="orders")),
            (TableName("lines"), make_sink_batch(lines, topic="lines")),
        ]
    )
    assert [(one.index, (one.details or {}).get("sqlstate")) for one in found] == [(3, "23502")]
    assert kept is not None
    await kept.transaction.commit()
    assert await database.rows("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM lines)") == [(2, 2)]


async def test_what_is_refused_at_the_commit_alone_is_found_in_tables_that_are_made_for_it(database: Database) -> None:
    await database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY)",
        "CREATE TABLE lines (id int NOT NULL, of_order int REFERENCES orders DEFERRABLE INITIALLY DEFERRED)",
    )
    lines = [{"id": 1, "of_order": 1}, {"id": 2, "of_order": 7}, {"id": None, "of_order": 1}]
    found, kept = await blame(database, auto_create="true").find(
        [
            (TableName("made"), make_sink_batch([{"id": 1}], topic="made")),
            (TableName("lines"), make_sink_batch(lines, topic="lines")),
            (TableName("orders"), make_sink_batch([{"id": 1}], topic="orders")),
        ]
    )
    assert [(one.index, (one.details or {}).get("sqlstate")) for one in found] == [(2, "23503"), (3, "23502")]
    assert kept is not None
    await kept.transaction.commit()
    assert await database.rows("SELECT (SELECT count(*) FROM made), (SELECT count(*) FROM lines)") == [(1, 1)]


async def test_rows_that_swap_what_is_unique_are_good_though_a_bad_one_lies_between_them(database: Database) -> None:
    await database.execute(
        "CREATE TABLE ranks (id int PRIMARY KEY, rank int UNIQUE DEFERRABLE, v int NOT NULL)",
        "INSERT INTO ranks VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0)",
    )
    rows = [{"id": 1, "rank": 3, "v": 1}, {"id": 2, "rank": 2, "v": None}, {"id": 3, "rank": 1, "v": 1}]
    found, _ = await blame(database, insert_mode="upsert", pk_mode="record_value", pk_fields="id").find(
        [(TableName("ranks"), make_sink_batch(rows, topic="ranks"))]
    )
    assert [one.index for one in found] == [1]


async def test_what_is_no_verdict_on_a_row_is_raised(database: Database) -> None:
    await database.execute(
        "CREATE TABLE a (id int)",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM * FROM gone; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    with pytest.raises(ConfigError, match="42P01"):
        await blame(database).find([(TableName("a"), make_sink_batch([{"id": 1}], topic="a"))])
    assert not database.connection.is_in_transaction()


async def test_a_user_without_the_right_to_temporary_tables_learns_nothing(database: Database) -> None:
    await database.execute("CREATE TABLE a (id int NOT NULL)", "SET default_transaction_read_only = on")
    batch = make_sink_batch([{"id": None}], topic="a")
    assert await blame(database).find([(TableName("a"), batch)]) == ([], None)


def test_nothing_waits_where_nothing_is_left() -> None:
    assert Kept.of(None, [], []) is None


def test_a_message_names_table_and_record_once() -> None:
    batch = make_sink_batch([1, 2], topic="a", base_offset=5)
    told = message_of(TableName("a"), batch, 1, DataError("it is bad"))
    assert told == "writing to table a, record a-0@6: it is bad"
    assert message_of(TableName("a"), batch, 1, DataError(told)) == told


def test_a_record_is_named_by_where_it_was_read_whatever_topic_a_transform_gave_it() -> None:
    batch = replace(make_sink_batch([1, 2], topic="read", partition=3, base_offset=5), topic="other", partition=None)
    assert record_of(batch, 1) == "read-3@6"
    assert record_of(replace(batch, original_topic=None, original_partition=None, partition=0), 0) == "other-0@5"


@pytest.mark.parametrize(
    ("details", "may"),
    [
        ({"sqlstate": "22P02"}, True),
        ({"sqlstate": "23514", "constraint": "positive"}, True),
        ({"sqlstate": "22P02", "column": "v"}, False),
        ({"sqlstate": "23505"}, False),
        (None, False),
    ],
)
def test_only_a_value_without_a_column_is_looked_at_again(details: dict[str, str] | None, may: bool) -> None:
    assert may_have_column(DataError("bad", details=details)) is may
