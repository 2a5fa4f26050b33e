"""Field names and paths: V1 takes the text as one name, V2 as a path with dots."""

from __future__ import annotations

import pytest

from connect.api import INT32, STRING, ConfigError, ConnectError, DataError, Schema
from connect_transforms.fields.field_path import FieldPath, path_problems, paths_of

ROW = Schema.struct({"a": Schema.struct({"b": Schema("int32", optional=True, default=7)}, optional=True), "c": STRING})


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)), ("a.b", ("a", "b")), ("`a.b`.c", ("a.b", "c")),
        ("a.`b.c`", ("a", "b.c")), ("a`b.c", ("a`b", "c")),
        ("`a`b`.c", ("a`b", "c")), (r"`a\`.b`.c", ("a`.b", "c")), ("", ()), ("a.", ("a", "")), (".a", ("", "a")),
    ],
)  # fmt: skip
def test_a_path_is_split_at_dots_outside_of_backticks(text: str, steps: tuple[str, ...]) -> None:
    assert FieldPath(text, "V2").steps == steps
    assert FieldPath(text).steps == (text,)


@pytest.mark.parametrize("text", ["`a", "a.`b", "`a`b", r"`a\`"])
def test_a_backtick_without_its_other_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ConfigError, match="Incomplete backtick pair"):
        FieldPath(text, "V2")
    (problem,) = path_problems("fields", ["fine", text], "V2")
    assert problem.key == "fields"


def test_a_list_of_paths_has_each_once_in_its_order() -> None:
    assert [path.text for path in paths_of(["b", "a", "b"], "V1")] == ["b", "a"]


def test_a_value_is_found_at_its_path_and_none_where_the_path_ends_early() -> None:
    path = FieldPath("a.b", "V2")
    assert path.value_in({"a": {"b": 5}}) == 5
    assert path.value_in({"a": None}) is None
    assert path.value_in({}) is None
    with pytest.raises(DataError, match="nested field access"):
        path.value_in({"a": 5})


def test_a_null_at_the_end_of_a_path_becomes_the_default_and_one_on_the_way_does_not() -> None:
    path = FieldPath("a.b", "V2")
    schema = path.schema_in(ROW)
    assert schema is not None
    assert path.field_in({"a": {"b": None}}, schema, nulls_to_defaults=True) == 7
    assert path.field_in({"a": {"b": None}}, schema, nulls_to_defaults=False) is None
    assert path.field_in({"a": None}, schema, nulls_to_defaults=True) is None


def test_a_schema_is_found_at_its_path() -> None:
    assert FieldPath("c").schema_in(ROW) == STRING
    assert FieldPath("a.none", "V2").schema_in(ROW) is None
    assert FieldPath("", "V2").schema_in(ROW) is None
    with pytest.raises(ConnectError):
        FieldPath("c.d", "V2").schema_in(Schema.struct({"c": INT32}))
