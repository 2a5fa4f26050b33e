"""HeaderToValue: headers as fields."""

from __future__ import annotations

import pytest

from connect.api import INT32, STRING, ConfigError, DataError, Headers, Schema
from tests.support.transforms import make_transform
from tests.transforms.debezium.events import record

HEADERS = Headers().add("h", 5, INT32).add("g", "x", STRING)


def test_headers_are_moved_into_a_struct_and_its_schema() -> None:
    schema = Schema.struct({"id": INT32}, name="s", optional=True)
    transform = make_transform("HeaderToValue", headers="h,g", fields="added,meta.g", operation="move")
    made = transform.apply(record({"id": 1}, schema, headers=HEADERS))
    assert made is not None
    assert (made.value, list(made.headers or ())) == ({"id": 1, "added": 5, "meta": {"g": "x"}}, [])
    assert made.value_schema == Schema.struct(
        {"id": INT32, "added": INT32, "meta": Schema.struct({"g": STRING}, optional=True)}, name="s", optional=True
    )


def test_copied_headers_stay_and_objects_without_schema_are_taken() -> None:
    given = record({"id": 1}, None, headers=HEADERS)
    made = make_transform("HeaderToValue", headers="h", fields="id", operation="copy").apply(given)
    assert made is not None
    assert (made.value, made.headers) == ({"id": 5}, HEADERS)
    assert given.value == {"id": 1}


def test_records_without_the_header_and_tombstones_pass() -> None:
    transform = make_transform("HeaderToValue", headers="no", fields="a", operation="move")
    for given in (record({"id": 1}, None, headers=HEADERS), record(None, None, headers=HEADERS), record({}, None)):
        assert transform.apply(given) == given


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"headers": "a,b", "fields": "c"}, "same number of elements"),
        (
            {"headers": "a b", "fields": "c"},
            "Invalid value a b for configuration headers: expected a name without spaces",
        ),
        ({"headers": "a", "fields": "c."}, r"Invalid value c\. for configuration fields"),
    ],
)
def test_configs_that_cannot_work_are_refused(config: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_transform("HeaderToValue", operation="move", **config)


def test_a_field_needs_a_schema_where_the_value_has_one_and_an_object_to_lie_in() -> None:
    schema = Schema.struct({"id": INT32})
    bare = Headers().add("h", 5)
    with pytest.raises(DataError, match="header for field a has no schema, and the value has one"):
        make_transform("HeaderToValue", headers="h", fields="a", operation="copy").apply(
            record({"id": 1}, schema, headers=bare)
        )
    with pytest.raises(DataError, match="Header field insertion"):
        make_transform("HeaderToValue", headers="h", fields="id.a", operation="copy").apply(
            record({"id": 1}, None, headers=bare)
        )
