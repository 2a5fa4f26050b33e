"""ExtractNewRecordState: rows in the place of change events."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import OPTIONAL_STRING, STRING, Batch, ConfigError, DataError, Headers, Schema
from tests.support.transforms import make_transform
from tests.transforms.debezium.events import ANN, BEN, CREATE, DELETE, ENVELOPE, SOURCE, UPDATE, event, record

TOMBSTONE = None


def made_of(*values: Any, schema: Schema | None = ENVELOPE, **config: str) -> list[Any]:
    """Return the values that a transform makes of a batch."""
    transform = make_transform("ExtractNewRecordState", **config)
    made = transform.apply_batch(Batch.group([record(value, schema) for value in values])[0])
    parts = [] if made is None else made if isinstance(made, list) else [made]
    return [value for part in parts for value in part.values]


ROWS = [{**ANN, "city": "Lyon", "__deleted": "false"}, {**BEN, "__deleted": "true"}]


@pytest.mark.parametrize(
    ("config", "made"),
    [
        ({}, [ANN, None]),
        ({"delete_tombstone_handling_mode": "drop"}, [ANN]),
        ({"delete_tombstone_handling_mode": "DELETE-TO-TOMBSTONE"}, [ANN, None]),
        ({"delete_tombstone_handling_mode": "rewrite"}, ROWS),
        ({"delete_tombstone_handling_mode": "rewrite-with-tombstone"}, [*ROWS, None]),
        # Debezium 2's keys
        ({"drop_tombstones": "false"}, [ANN, None]),
        ({"delete_handling_mode": "none", "drop_tombstones": "false"}, [ANN, None, None]),
        ({"delete_handling_mode": "rewrite"}, ROWS),
        ({"delete_handling_mode": "none"}, [ANN, None]),
        ({"delete_handling_mode": "rewrite", "delete_tombstone_handling_mode": "drop"}, [ANN]),
    ],
)
def test_deletions_and_tombstones_become_what_the_mode_says(config: dict[str, str], made: list[Any]) -> None:
    assert made_of(CREATE, DELETE, TOMBSTONE, **config) == made


def test_envelopes_without_schema_are_unwrapped_and_other_values_pass() -> None:
    beside = {"id": 1}
    assert made_of(UPDATE, beside, DELETE, schema=None, add_fields="op,table") == [
        {**BEN, "__op": "u", "__table": "orders"},
        beside,
        None,
    ]


def test_a_struct_is_added_whole() -> None:
    made = make_transform("ExtractNewRecordState", add_fields="source:origin").apply(record(CREATE))
    assert made is not None
    assert made.value_schema is not None
    assert made.value["__origin"] == {"table": "orders", "lsn": 7}
    field = made.value_schema.field("__origin")
    assert field is not None
    assert field.schema == SOURCE.replace(optional=True)


def test_a_row_names_its_topic_also_the_one_before_a_deletion() -> None:
    transform = make_transform("ExtractNewRecordState", route_by_field="name")
    batch = Batch.group([record(CREATE), record(DELETE), record(event("c", after={**ANN, "name": " "}))])[0]
    made = transform.apply_batch(batch)
    assert isinstance(made, list)
    assert [part.topic for part in made] == ["Ann", "Ben", "shop.orders"]


def test_fields_that_a_header_lists_are_taken_out() -> None:
    listed = Headers().add("drop", ["name", "id"], Schema.array(OPTIONAL_STRING))
    keep = make_transform("ExtractNewRecordState", drop_fields_header_name="drop", drop_fields_from_key="true")
    kept = keep.apply(record(CREATE, headers=listed))
    assert kept is not None
    assert (kept.key, kept.value) == ({"id": 1}, {"id": 1, "city": "Lyon"})
    both = make_transform(
        "ExtractNewRecordState",
        drop_fields_header_name="drop",
        drop_fields_from_key="true",
        drop_fields_keep_schema_compatible="false",
    ).apply(record(CREATE, headers=listed))
    assert both is not None
    assert (both.key, both.value) == ({}, {"city": "Lyon"})


def test_a_header_that_is_no_list_and_a_field_that_is_no_text_are_errors() -> None:
    dropping = make_transform("ExtractNewRecordState", drop_fields_header_name="drop")
    with pytest.raises(DataError, match=r"header 'drop'.*must hold a list of field names, found: java\.lang\.String"):
        dropping.apply(record(CREATE, headers=Headers().add("drop", "name", STRING)))
    with pytest.raises(DataError, match="Field 'id' is not of type STRING"):
        made_of(CREATE, route_by_field="id")
    with pytest.raises(DataError, match=r"route\.by\.field=id needs a text.*found: java\.lang\.Integer"):
        made_of(CREATE, route_by_field="id", schema=None)
    with pytest.raises(DataError, match=r"found: java\.lang\.String"):
        make_transform("ExtractNewRecordState").apply(record("x"))


def test_fields_that_cannot_be_named_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"Invalid value a\.b\.c for configuration add\.fields: expected FIELD"):
        make_transform("ExtractNewRecordState", add_fields="op,a.b.c")
    with pytest.raises(ConfigError, match=r"configuration add\.headers"):
        make_transform("ExtractNewRecordState", add_headers="a:b:c")
