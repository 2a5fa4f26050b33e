"""ExtractChangedRecordState: what a change has changed."""

from __future__ import annotations

import pytest

from connect.api import Batch, DataError
from tests.support.transforms import make_transform
from tests.transforms.debezium.events import CREATE, ENVELOPE, UPDATE, event, record

BOTH = {"header_changed_name": "c", "header_unchanged_name": "u"}


def test_every_change_gets_both_lists() -> None:
    transform = make_transform("ExtractChangedRecordState", **BOTH)
    made = transform.apply_batch(Batch("t", [UPDATE, CREATE], value_schema=ENVELOPE))
    assert isinstance(made, Batch)
    assert made.headers is not None
    assert [[header[:2] for header in each or ()] for each in made.headers] == [
        [("c", ["name", "city"]), ("u", ["id"])],
        [("c", []), ("u", [])],
    ]


def test_tombstones_and_what_is_no_change_event_have_none() -> None:
    transform = make_transform("ExtractChangedRecordState", **BOTH)
    for given in (record(None), record({"a": 1}, None)):
        assert transform.apply(given) == given
    given = record(UPDATE)
    assert make_transform("ExtractChangedRecordState").apply(given) == given


def test_a_row_that_is_no_struct_is_an_error() -> None:
    with pytest.raises(DataError, match=r"rows of a change event.*java\.lang\.String"):
        make_transform("ExtractChangedRecordState", **BOTH).apply(record(event("u", "x", "y")))
