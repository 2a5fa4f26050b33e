"""ReplaceField: drops, keeps and renames fields."""

from __future__ import annotations

import pytest

from connect.api import INT32, STRING, Batch, ConfigError, ConnectError, Record, Schema
from tests.support.transforms import make_transform, transformed

VALUE = {"id": 1, "name": "Ann", "to": {"city": "Lyon", "zip": 5}}
ROW = Schema.struct({"id": INT32, "name": Schema("string", default="?")}, name="row", version=2, optional=True)
V2 = {"field_syntax_version": "V2"}


def test_fields_are_dropped_kept_and_renamed() -> None:
    assert transformed("ReplaceField$Value", VALUE, exclude="to") == {"id": 1, "name": "Ann"}
    assert transformed("ReplaceField$Value", VALUE, include="id") == {"id": 1}
    assert transformed("ReplaceField$Value", VALUE, include="id,name", renames="name:who") == {"id": 1, "who": "Ann"}


def test_what_is_excluded_goes_even_where_it_is_included() -> None:
    assert transformed("ReplaceField$Value", VALUE, include="id,name", exclude="name") == {"id": 1}


def test_names_may_be_exchanged() -> None:
    assert transformed("ReplaceField$Value", {"a": 1, "b": 2}, renames="a:b,b:a") == {"b": 1, "a": 2}


def test_the_struct_keeps_name_and_version_and_is_required() -> None:
    made = make_transform("ReplaceField$Value", exclude="id", renames="name:who").apply(
        Record("t", {"id": 1, "name": None}, value_schema=ROW)
    )
    assert made is not None
    assert made.value == {"who": "?"}
    assert made.value_schema == Schema.struct({"who": Schema("string", default="?")}, name="row", version=2)


def test_a_null_passes_as_it_is() -> None:
    parts = make_transform("ReplaceField$Value", exclude="id").apply_batch(
        Batch("t", [None, {"id": 1, "name": "Ann"}], value_schema=ROW)
    )
    assert isinstance(parts, list)
    assert [(part.values, part.value_schema is ROW) for part in parts] == [([None], True), ([{"name": "Ann"}], False)]
    assert transformed("ReplaceField$Value", None, exclude="id") is None


def test_paths_keep_and_rename_parts_of_an_object() -> None:
    assert transformed("ReplaceField$Value", VALUE, include="id,to.city", **V2) == {"id": 1, "to": {"city": "Lyon"}}
    assert transformed("ReplaceField$Value", VALUE, include="to.city", renames="to.city:place", **V2) == {
        "to": {"place": "Lyon"}
    }


def test_two_fields_of_one_name_are_an_error_with_a_schema() -> None:
    with pytest.raises(ConnectError, match="duplication b"):
        transformed("ReplaceField$Value", {"a": 1, "b": "x"}, Schema.struct({"a": INT32, "b": STRING}), renames="a:b")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"renames": "a"}, "Invalid rename mapping: a"),
        ({"renames": "a:"}, "Invalid rename mapping: a:"),
        ({"renames": "a:b:c"}, "Invalid rename mapping: a:b:c"),
        ({"exclude": "a,,b"}, "a,,b|empty"),
        ({"include": "a,,b"}, "a,,b|empty"),
        ({"include": "`a", **V2}, "Incomplete backtick pair"),
        ({"exclude": "`a", **V2}, "Incomplete backtick pair"),
        ({"renames": "`a:b", **V2}, "Incomplete backtick pair"),
    ],
)
def test_a_config_that_names_no_fields_is_refused_by_its_key(config: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make_transform("ReplaceField$Value", **config)
    assert caught.value.config_path == next(iter(config))


def test_fields_of_the_key_are_replaced_in_the_key() -> None:
    made = make_transform("ReplaceField$Key", exclude="a").apply(Record("t", {"a": 1}, key={"a": 1, "b": 2}))
    assert made == Record("t", {"a": 1}, key={"b": 2})


@pytest.mark.parametrize(("old", "left"), [("blacklist", {"b": 2}), ("whitelist", {"a": 1})])
def test_names_that_keys_had_before_kafka_4_mean_what_they_meant(old: str, left: dict[str, int]) -> None:
    made = make_transform("ReplaceField$Value", **{old: " a "}).apply(Record("t", {"a": 1, "b": 2}))
    assert made == Record("t", left)
    both = make_transform("ReplaceField$Value", **{old: "b", "exclude": "a", "include": "a,b"})
    assert both.apply(Record("t", {"a": 1, "b": 2, "c": 3})).value == {"b": 2}
