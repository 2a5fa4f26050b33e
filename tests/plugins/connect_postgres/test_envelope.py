"""Change events as rows: what they say happened is done to the table."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, Batch, DataError, FailedRecord, Schema
from connect_postgres.envelope import Truncation, unwrapped
from connect_postgres.sink_config import SinkConfig
from tests.support.factories import make_sink_batch
from tests.support.tasks import call, put

from .conftest import Database, Start

ROW = Schema.struct({"id": INT32, "name": OPTIONAL_STRING}, optional=True, name="shop.public.orders.Value")
SOURCE = Schema.struct({"table": STRING})
ENVELOPE = Schema.struct(
    {"before": ROW, "after": ROW, "source": SOURCE, "op": STRING}, name="shop.public.orders.Envelope"
)
KEY = Schema.struct({"id": INT32}, name="shop.public.orders.Key")
DELETES = {"pk_mode": "record_key", "delete_enabled": "true", "insert_mode": "upsert"}


def event(op: str, before: Any = None, after: Any = None) -> dict[str, Any]:
    return {"before": before, "after": after, "source": {"table": "orders"}, "op": op}


def row(number: int, name: str | None = "a") -> dict[str, Any]:
    return {"id": number, "name": name}


def events(*values: Any, schema: Schema | None = ENVELOPE, base_offset: int = 0) -> Batch:
    """Return change events, each with the key of its row."""
    rows = [None if value is None else value.get("after") or value.get("before") for value in values]
    keys = [{"id": 1 if one is None else one["id"]} for one in rows]
    return make_sink_batch(
        list(values), keys=keys, key_schema=KEY if schema else None, value_schema=schema, base_offset=base_offset
    )


def config(**keys: str) -> SinkConfig:
    given = {"connection.url": "jdbc:postgresql://h/d", **{name.replace("_", "."): keys[name] for name in keys}}
    return SinkConfig.parse(given)


def test_rows_and_deletions_go_on_together_with_the_rows_schema() -> None:
    given = events(event("c", after=row(1)), event("d", before=row(1)), event("r", after=row(2)))
    found = unwrapped([given], config(**DELETES))
    (made,) = found.batches
    assert (made.values, made.value_schema, made.offsets) == ([row(1), None, row(2)], ROW, range(3))
    assert found.places == [0, 1, 2]


def test_what_is_not_asked_for_is_left_out_and_errors_name_the_records_that_came() -> None:
    given = [make_sink_batch([{"id": 0}]), events(event("d", before=row(1)), event("t"), event("c", after=row(2)))]
    found = unwrapped(given, config())
    assert [batch.values for batch in found.batches] == [[{"id": 0}], [row(2)]]
    error = found.located(DataError("x", failed=[FailedRecord(1, "bad", {"column": "name"})]))
    assert error.failed == (FailedRecord(3, "bad", {"column": "name"}),)


def test_a_truncate_is_a_batch_of_its_own() -> None:
    given = events(event("c", after=row(1)), event("t"), event("t"), event("c", after=row(2)))
    made = unwrapped([given], config(truncate_enabled="true")).batches
    assert [(type(batch), list(batch.offsets or ())) for batch in made] == [
        (Batch, [0]), (Truncation, [1]), (Truncation, [2]), (Batch, [3])
    ]  # fmt: skip
    assert isinstance(made[1].select([True]), Truncation)


def test_envelopes_without_schema_are_known_by_their_fields() -> None:
    beside = {"op": "c", "after": row(1)}
    given = events(event("c", after=row(1)), beside, event("u", row(1), row(1, "b")), schema=None)
    made = unwrapped([given], config()).batches
    assert [batch.values for batch in made] == [[row(1)], [beside], [row(1, "b")]]


@pytest.mark.parametrize("keys", [{"envelopes": "KEEP"}, {"json_value_column_name": "doc"}])
def test_envelopes_may_be_kept(keys: dict[str, str]) -> None:
    given = events(event("c", after=row(1)))
    found = unwrapped([given], config(**keys))
    assert found.batches == [given]
    assert found.places is None


def test_other_records_and_tombstones_pass_as_they_are() -> None:
    given = [
        make_sink_batch([{"id": 1}, None]),
        make_sink_batch(["x"], value_schema=Schema("string", name="a.Envelope")),
    ]
    assert unwrapped(given, config()).batches == given


@pytest.mark.postgres
@pytest.mark.parametrize("schema", [ENVELOPE, None], ids=["schema", "schemaless"])
async def test_a_table_follows_its_change_events(database: Database, sink: Start, schema: Schema | None) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, name text)")
    task = await sink(**DELETES)
    await put(task, events(*(event("r", after=row(number)) for number in range(5)), schema=schema))
    changes = [event("u", row(1), row(1, "b")), event("d", before=row(2)), event("d", before=row(3)),
               event("c", after=row(3, "c")), event("t")]  # fmt: skip
    await put(task, events(*changes, schema=schema, base_offset=5))
    await put(task, events(None, schema=None, base_offset=10).replace(keys=[{"id": 4}], key_schema=None))
    assert await database.rows("SELECT id, name FROM orders ORDER BY id") == [(0, "a"), (1, "b"), (3, "c")]


@pytest.mark.postgres
async def test_a_truncate_empties_the_table_between_what_came_before_and_behind_it(
    database: Database, sink: Start
) -> None:
    await database.execute("CREATE TABLE orders (id int, name text)", "INSERT INTO orders VALUES (9, 'z')")
    task = await sink(truncate_enabled="true")
    await put(task, events(event("c", after=row(1)), event("t"), event("c", after=row(2))))
    assert await database.rows("SELECT id FROM orders") == [(2,)]
    await put(task, events(event("t"), base_offset=3).replace(topic="missing"))


@pytest.mark.postgres
async def test_a_bad_row_is_named_by_its_place_among_the_records_that_came(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int, name text CHECK (name <> 'bad'))")
    task = await sink(truncate_enabled="true")
    given = events(
        event("d", before=row(0)), event("t"), event("c", after=row(1)), event("c", after=row(2, "bad")),
        event("d", before=row(4)), event("c", after=row(3, "bad")),
    )  # fmt: skip
    failed: set[int] = set()
    for _ in range(3):
        left = given.select([index not in failed for index in range(len(given))])
        places = [index for index in range(len(given)) if index not in failed]
        try:
            await put(task, left)
            break
        except DataError as error:
            assert error.failed
            failed |= {places[bad.index] for bad in error.failed if isinstance(bad, FailedRecord)}
    assert failed == {3, 5}
    assert await database.rows("SELECT id FROM orders") == [(1,)]


@pytest.mark.postgres
async def test_exactly_once_goes_on_behind_what_was_left_out(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int, name text)")
    task = await sink(delivery_guarantee="exactly-once")
    at = ("orders", 0)
    assert await call(task.resume_offsets, [at]) == {}
    task.context.after_put = {at: 3}
    await put(task, events(event("d", before=row(1)), event("c", after=row(2)), event("t")))
    assert await database.rows("SELECT id FROM orders") == [(2,)]
    task.context.after_put = {at: 4}
    await put(task, events(event("d", before=row(2)), base_offset=3))
    again = await sink(delivery_guarantee="exactly-once")
    assert await call(again.resume_offsets, [at]) == {at: 4}
