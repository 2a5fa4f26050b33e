"""Records of changes: envelopes, source blocks, and flat ones."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import Batch, StructColumn
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.pgoutput import Change, Transaction
from connect_postgres.cdc.records import RecordMaker
from connect_postgres.version import VERSION

from .test_shapes import shape

TRANSACTION = Transaction(7, 900, 1_700_000_000_123_456, 920, previous_lsn=500)


def maker(**keys: str) -> RecordMaker:
    plain = {"database.hostname": "h", "database.dbname": "d", "topic.prefix": "p"}
    return RecordMaker(
        CdcConfig.parse({**plain, **{name.replace("_", "."): value for name, value in keys.items()}}), "shop"
    )


def change(operation: str, new: Any = None, old: Any = None, *, is_key: bool = False, lsn: int = 600) -> Change:
    return Change(operation, lsn, TRANSACTION, 1, new, old, is_key)


ROW, OTHER = [b"1", b"a", None], [b"2", b"b", None]


def test_an_envelope_has_debeziums_source_block() -> None:
    [batch] = maker().changes(shape(), [change("c", ROW)])
    [value] = batch.values
    assert (value["op"], value["before"], value["after"]) == ("c", None, {"id": 1, "name": "a", "day": None})
    assert value["source"] == {
        "version": VERSION,
        "connector": "postgresql",
        "name": "p",
        "ts_ms": 1_700_000_000_123,
        "snapshot": "false",
        "db": "shop",
        "sequence": '["500","600"]',
        "ts_us": 1_700_000_000_123_456,
        "ts_ns": 1_700_000_000_123_456_000,
        "schema": "public",
        "table": "t",
        "txId": 7,
        "lsn": 600,
        "xmin": None,
    }
    assert value["ts_ms"] == value["ts_us"] // 1000
    assert batch.value_schema is not None
    batch.value_schema.validate(value)


def test_changes_alike_and_rows_of_a_snapshot_come_as_columns() -> None:
    made, source = maker(), maker().snapshot_source(shape(), 5, "true", 6)
    batches = [*made.changes(shape(), [change("c", ROW), change("u", OTHER)]), made.snapshot(shape(), [ROW], source)]
    for batch in batches:
        assert isinstance(batch.values, StructColumn)
        assert isinstance(batch.values.fields["after"], StructColumn)
        assert isinstance(batch.keys, StructColumn)


@pytest.mark.parametrize("is_mixed", [False, True])
def test_changes_alike_come_as_those_among_others(is_mixed: bool) -> None:
    made = [change("c", ROW), change("c", OTHER)] + ([change("d", None, OTHER, is_key=True)] if is_mixed else [])
    [batch] = maker(tombstones_on_delete="false").changes(shape(), made)
    assert [value["after"]["id"] for value in batch.values[:2]] == [1, 2]
    assert batch.keys is not None
    assert batch.keys[:2] == [{"id": 1}, {"id": 2}]
    for value in batch.values:
        assert batch.value_schema is not None
        batch.value_schema.validate(value)


@pytest.mark.parametrize("is_flat", [False, True])
@pytest.mark.parametrize("old", [None, [b"1", b"before", None], [b"9", b"before", None]])
def test_updates_alike_come_as_those_among_others(old: Any, is_flat: bool) -> None:
    made = [change("u", ROW, old), change("c", OTHER) if old is None else change("u", OTHER, OTHER)]
    keys = {"tombstones_on_delete": "false", "output_format": "flat" if is_flat else "envelope"}
    alone = maker(**keys).changes(shape(), made)
    among = maker(**keys).changes(shape(), [*made, change("t")])

    def shown(batches: list[Batch]) -> list[Any]:
        records = [record for batch in batches for record in batch.records() if record.value is not None]
        for record in records:
            assert record.value_schema is not None
            record.value_schema.validate(record.value)
        return [(record.key, {k: v for k, v in record.value.items() if not k.startswith("ts_")}) for record in records]

    expected = [shown_ for shown_ in shown(among) if shown_[1].get("op") != "t"]
    assert shown(alone) == expected
    assert [key["id"] for key, _ in expected] == (
        [9, 1, 2] if old == [b"9", b"before", None] and not is_flat else [1, 2]
    )


def test_places_in_a_transaction_are_told_where_they_are_known() -> None:
    batch, tombstones = maker().changes(
        shape(), [change("c", ROW), change("d", None, ROW, is_key=True)], [(3, 1), (5, 2)]
    )
    first, second = batch.values
    assert (tombstones.values, tombstones.value_schema) == ([None], None)
    assert first["transaction"] == {"id": "7:900", "total_order": 3, "data_collection_order": 1}
    assert second["transaction"] == {"id": "7:900", "total_order": 5, "data_collection_order": 2}


def test_flat_records_of_a_truncate_are_none() -> None:
    assert maker(output_format="flat").changes(shape(), [change("t")]) == []


def test_a_delete_without_a_key_has_no_tombstone() -> None:
    [batch] = maker().changes(shape((), "f"), [change("d", None, ROW)])
    assert (len(batch), batch.keys, batch.key_schema) == (1, None, None)


def test_rows_of_a_snapshot_share_a_source_block() -> None:
    made, of = maker(), shape()
    batch = made.snapshot(of, [ROW, OTHER], made.snapshot_source(of, 55, "true", 1_000_000))
    assert [(v["op"], v["source"]["snapshot"], v["source"]["lsn"]) for v in batch.values] == [("r", "true", 55)] * 2
    assert batch.value_schema is not None
    batch.value_schema.validate(batch.values[0])


def test_a_heartbeat_has_the_prefix_as_its_key() -> None:
    batch = maker(topic_heartbeat_prefix="beat").heartbeat()
    assert (batch.topic, batch.keys) == ("beat.p", [{"serverName": "p"}])
