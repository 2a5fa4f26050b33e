"""SchemaChangeEventFilter: schema change events of some kinds."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import STRING, Batch, ConfigError, DataError, Schema
from tests.support.transforms import make_transform

SCHEMA = Schema.struct(
    {"tableChanges": Schema.array(Schema.struct({"type": STRING}), optional=True)}, name="x.SchemaChangeValue"
)


def kept(*kinds: Any, exclude: str) -> list[Any]:
    changes = [None if kind is None else [{"type": one} for one in kind] for kind in kinds]
    batch = Batch("t", [{"tableChanges": change} for change in changes], value_schema=SCHEMA)
    made = make_transform("SchemaChangeEventFilter", schema_change_event_exclude_list=exclude).apply_batch(batch)
    return [] if made is None else [value["tableChanges"] for value in made.values]  # type: ignore[union-attr]


def test_kinds_of_the_list_are_dropped_and_so_is_what_names_no_tables() -> None:
    assert kept(["CREATE"], ["ALTER"], None, exclude="CREATE") == [[{"type": "ALTER"}]]
    assert kept([], exclude="DATABASE") == []
    assert kept([], exclude="DROP") == [[]]


def test_other_records_pass() -> None:
    batch = Batch("t", [{"a": 1}])
    drop = make_transform("SchemaChangeEventFilter", schema_change_event_exclude_list="CREATE, ALTER")
    assert drop.apply_batch(batch) is batch


def test_what_is_no_kind_and_no_array_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Invalid value x for.*expected one of CREATE, ALTER, DROP"):
        make_transform("SchemaChangeEventFilter", schema_change_event_exclude_list="x")
    drop = make_transform("SchemaChangeEventFilter", schema_change_event_exclude_list="CREATE")
    with pytest.raises(DataError, match=r"must be an array, found: java\.lang\.String"):
        drop.apply_batch(Batch("t", [{"tableChanges": "x"}], value_schema=SCHEMA))
