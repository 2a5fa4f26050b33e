"""Change events: how they are known, what lies in them, and that batches of them become what their records become."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect.api import OPTIONAL_STRING, STRING, Batch, DataError, Headers, Record, Schema
from connect_transforms.debezium.envelopes import (
    FieldReference,
    is_envelope,
    is_schemaless_envelope,
    members,
    members_of,
    runs,
)
from tests.support.lengths import examples
from tests.support.transforms import make_transform
from tests.transforms.debezium.events import ANN, CREATE, ENVELOPE, TRUNCATE, event, record


def test_an_envelope_is_known_by_the_name_of_its_schema_and_without_one_by_its_fields() -> None:
    assert is_envelope(ENVELOPE)
    assert not is_envelope(ENVELOPE.replace(name="shop.Enveloped"))
    assert not is_envelope(Schema("string", name="x.Envelope"))
    assert not is_envelope(None)
    assert is_schemaless_envelope(CREATE)
    assert not is_schemaless_envelope({"op": "c", "after": ANN})
    assert not is_schemaless_envelope(None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("op", (None, "op", "__op")),
        ("ts_us", (None, "ts_us", "__ts_us")),
        ("lsn", ("source", "lsn", "__lsn")),
        ("total_order", ("transaction", "total_order", "__total_order")),
        ("source.ts_ms", ("source", "ts_ms", "__source_ts_ms")),
        ("before.name:old", ("before", "name", "__old")),
        ("op:", (None, "op", "__op")),
        ("a.b.c", None),
        ("a:b:c", None),
        ("", None),
        ("a.", None),
    ],
)
def test_a_field_of_a_config_names_its_struct_and_what_it_becomes(text: str, found: Any) -> None:
    assert FieldReference.parse(text, "__") == found


def test_a_field_that_its_struct_lacks_is_the_envelopes_own() -> None:
    wide = ENVELOPE.replace(fields=[*ENVELOPE.fields, ("changed", STRING)])
    changed = FieldReference.parse("changed", "")
    assert changed is not None
    assert changed.place(wide) == (("changed",), OPTIONAL_STRING)
    assert changed.place(ENVELOPE) is None
    assert changed.place(None) == (("source", "changed"), None)


def test_what_is_no_struct_is_an_error_that_names_the_field() -> None:
    assert members_of([CREATE, {"source": None}], "source", "lsn") == [7, None]
    with pytest.raises(DataError, match=r"field 'after'.*in a struct, found: java\.lang\.String"):
        members([CREATE, "x"], "after")
    with pytest.raises(DataError, match=r"field 'lsn'.*found: java\.lang\.Integer"):
        members_of([{"source": 5}], "source", "lsn")


def test_runs_keep_the_order_and_the_columns_together() -> None:
    batch = Batch("t", [1, 2, 3], keys=["a", "b", "c"])
    assert [(key, part.values, part.keys) for key, part in runs(batch, [1, 1, 2])] == [
        (1, [1, 2], ["a", "b"]),
        (2, [3], ["c"]),
    ]


CONFIGS: list[tuple[str, dict[str, str]]] = [
    ("ByLogicalTableRouter", {"topic.regex": "(.*)", "topic.replacement": "$1-all"}),
    ("EventRouter", {"table.field.event.id": "id", "table.field.event.key": "", "route.by.field": "city",
                     "table.field.event.payload": "name"}),
    ("ExtractChangedRecordState", {"header.changed.name": "c", "header.unchanged.name": "u"}),
    ("ExtractNewRecordState", {}),
    ("ExtractNewRecordState", {"add.fields": "op,lsn,before.name", "route.by.field": "name"}),
    ("ExtractNewRecordState", {"delete.tombstone.handling.mode": "drop", "add.headers": "op,total_order"}),
    ("ExtractNewRecordState", {"delete.tombstone.handling.mode": "rewrite-with-tombstone", "add.headers": "op"}),
    ("ExtractNewRecordState", {"delete.tombstone.handling.mode": "delete-to-tombstone", "add.fields": "op"}),
    ("ExtractNewRecordState", {"delete.tombstone.handling.mode": "rewrite", "drop.fields.header.name": "h",
                               "drop.fields.from.key": "true"}),
    ("PartitionRouting", {"partition.payload.fields": "change.id,op,before.city", "partition.topic.num": "5"}),
]  # fmt: skip

rows = st.fixed_dictionaries(
    {"id": st.integers(0, 9), "name": st.sampled_from(["", "a", "b", None]), "city": st.sampled_from([None, "x", "y"])}
)
events = st.one_of(
    st.none(),
    st.just(TRUNCATE),
    rows.map(lambda row: event("c", after=row)),
    rows.map(lambda row: event("d", before=row)),
    st.tuples(rows, rows).map(lambda pair: event("u", *pair)),
    rows.map(lambda row: event("r", after=row, transaction={"id": "1:2", "total_order": 3})),
)
headers = st.sampled_from([None, Headers().add("h", ["name", "city"]), Headers().add("h", [])])


@pytest.mark.parametrize(("name", "config"), CONFIGS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("schema", [ENVELOPE, None], ids=["schema", "schemaless"])
@settings(max_examples=examples(30))
@given(values=st.lists(st.tuples(events, headers), min_size=1, max_size=8))
def test_a_batch_of_events_becomes_what_its_records_become(
    name: str, config: dict[str, str], schema: Schema | None, values: list[tuple[Any, Headers | None]]
) -> None:
    transform = make_transform(f"io.debezium.transforms.{'outbox.' if name == 'EventRouter' else ''}{name}"
                               if name != "PartitionRouting" else name, **config)  # fmt: skip
    given_records = [record(value, schema, headers=listed) for value, listed in values]
    before = copy.deepcopy(given_records)
    taken, expected = [], []
    failed = False
    for one in given_records:
        try:
            made = transform.apply(one)
        except DataError:
            failed = True
            continue
        taken.append(one)
        expected += [] if made is None else [made]
    if failed:
        with pytest.raises(DataError):
            _in_batches(transform, given_records)
    assert repr(_in_batches(transform, taken)) == repr(expected)
    assert repr(given_records) == repr(before)


def _in_batches(transform: Any, given_records: list[Record]) -> list[Record]:
    made = [transform.apply_batch(batch) for batch in Batch.group(given_records)]
    flat = [b for one in made if one is not None for b in (one if isinstance(one, list) else [one])]
    return [one for batch in flat for one in batch.records()]
