"""A transform that finds nothing to do in its first records says so once."""

from __future__ import annotations

import logging

import pytest

from connect.api import INT32, Batch, Headers, Schema
from connect_transforms.fields.unmatched import CHECKED_RECORDS
from tests.support.transforms import make_transform


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("name", "config", "sought"),
    [
        ("MaskField$Value", {"fields": "card"}, "field 'card'"),
        ("Cast$Value", {"spec": "x:int8,y:int8"}, "any of the fields 'x', 'y'"),
        ("ReplaceField$Value", {"exclude": "x"}, "field 'x'"),
        ("ExtractField$Value", {"field": "x"}, "field 'x'"),
        ("ValueToKey", {"fields": "x"}, "field 'x'"),
        ("HeaderFrom$Value", {"fields": "x", "headers": "h", "operation": "copy"}, "field 'x'"),
        ("TimestampConverter$Value", {"field": "x", "target_type": "unix"}, "field 'x'"),
        ("DropHeaders", {"headers": "x"}, "a header named 'x'"),
        ("RegexRouter", {"regex": "x", "replacement": "y"}, "a topic that matches 'x' as a whole"),
        ("FilterByPath$Value", {"filter_condition": "$[?(@.id == 'x')]", "filter_type": "exclude"}, "a match of"),
    ],
)
def test_what_is_never_found_is_told_once(
    name: str, config: dict[str, str], sought: str, caplog: pytest.LogCaptureFixture
) -> None:
    transform = make_transform(name, alias="mine", **config)
    batch = Batch("orders", [{"id": 1}] * (CHECKED_RECORDS // 2))
    transform.apply_batch(batch)
    assert _warnings(caplog) == []
    for _ in range(3):
        transform.apply_batch(batch)
    (told,) = _warnings(caplog)
    assert told.startswith("transform 'mine' (")
    assert f"none of the first {CHECKED_RECORDS} records had {sought}" in told


def test_one_record_in_the_first_ones_is_enough(caplog: pytest.LogCaptureFixture) -> None:
    mask = make_transform("MaskField$Value", fields="card")
    mask.apply_batch(Batch("t", [{"card": "x"}]))
    mask.apply_batch(Batch("t", [{"id": 1}] * 2 * CHECKED_RECORDS))
    drop = make_transform("DropHeaders", headers="h")
    drop.apply_batch(Batch("t", [1], headers=[Headers().add("h", 1)]))
    drop.apply_batch(Batch("t", [1] * 2 * CHECKED_RECORDS))
    assert _warnings(caplog) == []


def test_with_a_schema_the_schema_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    mask = make_transform("MaskField$Value", fields="id")
    mask.apply_batch(Batch("t", [{"id": 1}] * 2 * CHECKED_RECORDS, value_schema=Schema.struct({"id": INT32})))
    assert _warnings(caplog) == []


def test_a_name_with_a_dot_gets_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    mask = make_transform("MaskField$Value", fields="to.city")
    mask.apply_batch(Batch("t", [{"to": {"city": "Lyon"}}] * CHECKED_RECORDS))
    assert "with field.syntax.version=V2, 'to.city' would be a path" in _warnings(caplog)[0]
