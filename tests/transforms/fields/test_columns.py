"""What the transforms share: copies that may be changed, checks in Kafka's words, schemas made once."""

from __future__ import annotations

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, Batch, ConfigError, ConnectError, DataError, Schema
from connect_transforms.fields.columns import (
    SchemaCache,
    at_field,
    has_nulls,
    map_copies,
    over_present,
    require_map,
    require_present,
    require_struct,
    struct_copies,
    struct_like,
    valid_list,
    with_defaults,
)

ROW = Schema.struct({"id": INT32, "name": Schema("string", default="?")}, name="row", version=1, doc="a row")


def test_a_schema_is_made_once_for_each_schema_and_found_again_by_what_it_is() -> None:
    made: list[Schema] = []

    def make(schema: Schema) -> Schema:
        made.append(schema)
        return schema.replace(optional=True)

    cache = SchemaCache(make)
    equal = Schema.struct({"id": INT32, "name": Schema("string", default="?")}, name="row", version=1, doc="a row")
    assert cache(ROW) is cache(ROW) is cache(equal)
    for number in range(100):
        cache(Schema.struct({"id": INT32}, version=number))
    assert len(made) == 101


def test_copies_may_be_changed_and_lack_nothing_that_is_required() -> None:
    values = [{"id": 1, "name": None}]
    copies = struct_copies(ROW, values, "testing", nulls_to_defaults=True)
    copies[0]["id"] = 2
    assert (values, copies) == ([{"id": 1, "name": None}], [{"id": 2, "name": "?"}])
    with pytest.raises(ConnectError, match="id"):
        struct_copies(ROW, [{"name": "Ann"}], "testing", nulls_to_defaults=True)


def test_what_is_no_object_is_told_in_kafkas_words() -> None:
    with pytest.raises(DataError, match=r"supported in absence of schema for \[testing\], found: null"):
        require_map(None, "testing")
    with pytest.raises(DataError, match=r"found: java\.lang\.String"):
        map_copies([{}, "text"], "testing")
    with pytest.raises(DataError, match=r"Only Struct objects supported for \[testing\], found: java\.util\."):
        require_struct(Schema.map(STRING, INT32), {"a": 1}, "testing")


def test_a_schema_like_another_keeps_what_it_is_called_and_is_required() -> None:
    made = struct_like(ROW.replace(optional=True), [("a", INT32)])
    assert made == Schema.struct({"a": INT32}, name="row", version=1, doc="a row")
    for fields in ([("", INT32)], [("a", INT32), ("a", STRING)]):
        with pytest.raises(ConnectError):
            struct_like(ROW, fields)


def test_an_error_about_a_value_names_its_field() -> None:
    with pytest.raises(DataError, match=r"^it is wrong \(field 'a\.b'\)$"), at_field(["a"], "b"):
        raise DataError("it is wrong")


def test_required_fields_are_checked_in_every_object() -> None:
    require_present([("a", OPTIONAL_STRING)], [{}, {"a": None}])
    with pytest.raises(ConnectError):
        require_present([("a", STRING)], [{"a": "x"}, {}])


def test_a_struct_is_read_with_its_defaults_or_without() -> None:
    assert with_defaults({"id": 1}, ROW, nulls_to_defaults=True) == {"id": 1, "name": "?"}
    assert with_defaults({"id": 1}, ROW, nulls_to_defaults=False) == {"id": 1, "name": None}


def test_records_with_nulls_keep_their_order_and_only_the_others_are_changed() -> None:
    batch = Batch("t", [None, 1, 2, None])
    parts = over_present(batch, batch.values, lambda part: part.replace(values=[v + 1 for v in part.values]))
    assert isinstance(parts, list)
    assert [part.values for part in parts] == [[None], [2, 3], [None]]
    whole = batch[1:3]
    assert over_present(whole, whole.values, lambda part: part) is whole


def test_nulls_are_found_and_what_says_that_it_equals_none_is_not() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert has_nulls([1, None])
    assert not has_nulls([0, "", Odd()])


@pytest.mark.parametrize("value", [None, [], ["a", ""]])
def test_a_list_without_an_item_or_with_an_empty_one_is_refused(value: list[str] | None) -> None:
    with pytest.raises(ConfigError):
        valid_list("fields")(value)
    valid_list("fields", may_be_empty=True)(["a"])
