"""Change events as Debezium has them, for the tests of its transforms."""

from __future__ import annotations

from typing import Any

from connect.api import INT32, INT64, OPTIONAL_INT64, OPTIONAL_STRING, STRING, Record, Schema

ROW = Schema.struct(
    {"id": INT32, "name": OPTIONAL_STRING, "city": Schema("string", optional=True, default="Lyon")},
    optional=True,
    name="shop.public.orders.Value",
)
SOURCE = Schema.struct({"table": STRING, "lsn": INT64}, name="source")
TRANSACTION = Schema.struct({"id": STRING, "total_order": INT64}, optional=True, name="event.block")
KEY = Schema.struct({"id": INT32}, name="shop.public.orders.Key")


def envelope(row: Schema = ROW, name: str = "shop.public.orders.Envelope") -> Schema:
    """Return the schema of change events with rows of a schema."""
    members = {"before": row, "after": row, "source": SOURCE, "transaction": TRANSACTION, "op": STRING}
    return Schema.struct({**members, "ts_ms": OPTIONAL_INT64}, name=name)


ENVELOPE = envelope()


def event(op: str, before: Any = None, after: Any = None, **more: Any) -> dict[str, Any]:
    """Return a change event."""
    source = {"table": "orders", "lsn": 7}
    members = {"before": before, "after": after, "source": source, "transaction": None, "op": op, "ts_ms": 5}
    return {**members, **more}


def record(value: Any, schema: Schema | None = ENVELOPE, **more: Any) -> Record:
    """Return a record of a value, a change event unless a schema says otherwise."""
    given: dict[str, Any] = {"key": {"id": 1}, "key_schema": KEY, "value_schema": schema, "timestamp": 9, **more}
    return Record("shop.orders", value, **given)


ANN, BEN = {"id": 1, "name": "Ann", "city": None}, {"id": 1, "name": "Ben", "city": "Nice"}
CREATE, UPDATE, DELETE, TRUNCATE = event("c", after=ANN), event("u", ANN, BEN), event("d", before=BEN), event("t")
