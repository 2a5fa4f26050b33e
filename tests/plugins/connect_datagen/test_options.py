"""Options: listed in the schema or in a file, in the field's own type, or refused."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connect.api.files import FileRules, in_force
from connect_datagen.avro import AvroProblem
from connect_datagen.options import FILE_BYTES_MAX
from tests.plugins.connect_datagen.schemas import drawn

MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
SIDE = {"type": "enum", "name": "side", "symbols": ["LEFT", "RIGHT"]}
POINT = {
    "type": "record",
    "name": "point",
    "namespace": "geo",
    "fields": [{"name": "x", "type": "int"}, {"name": "y", "type": "int", "default": 7}],
}


def listed(declared: Any, *options: Any) -> set[Any]:
    return set(drawn(declared, options=list(options)))


def all_of(declared: Any, *options: Any) -> list[Any]:
    """Return the distinct values, those that cannot be in a set too."""
    found: list[Any] = []
    for value in drawn(declared, options=list(options)):
        if value not in found:
            found.append(value)
    return sorted(found, key=repr)


def test_options_are_picked_in_the_field_s_own_type() -> None:
    assert listed("double", 1, 2.5) == {1.0, 2.5}
    assert listed({"type": "int", "logicalType": "date"}, 0, 1) == {dt.date(1970, 1, 1), dt.date(1970, 1, 2)}
    assert listed("bytes", "\xff") == {b"\xff"}
    assert listed(SIDE, "LEFT") == {"LEFT"}
    assert listed({"type": "fixed", "name": "two", "size": 2}, "ab") == {b"ab"}


def test_a_decimal_s_option_is_a_number_in_digits_or_the_bytes_that_avro_writes_into_a_file(tmp_path: Path) -> None:
    assert listed(MONEY, 9.99, 1, "-10.5") == {Decimal("9.99"), Decimal("1.00"), Decimal("-10.50")}
    (tmp_path / "json").write_text('"\\u0001\\u0000" "1"')
    assert set(of_file(tmp_path / "json", MONEY)) == {Decimal("2.56"), Decimal("0.49")}


def test_a_record_s_option_may_leave_out_what_has_a_default() -> None:
    assert all_of(POINT, {"x": 1}, {"x": 1, "y": 2}) == [{"x": 1, "y": 2}, {"x": 1, "y": 7}]
    price = {"type": "record", "name": "price", "fields": [{"name": "eur", "type": MONEY, "default": "\x01\x00"}]}
    assert all_of(price, {}, {"eur": "1"}) == [{"eur": Decimal("1.00")}, {"eur": Decimal("2.56")}]


def test_a_union_s_option_is_named_by_its_type_or_is_the_first_that_fits() -> None:
    options = [{"int": 1}, "a", 2.5, None, {"x": 1}, {"geo.point": {"x": 2}}, {"point": {"x": 3}}]
    none = dict.fromkeys(("int", "string", "double", "point"))
    found = all_of(["null", "int", "string", "double", POINT], *options)
    expected = [
        {**none, "int": 1}, {**none, "string": "a"}, {**none, "double": 2.5}, None,
        *({**none, "point": {"x": x, "y": 7}} for x in (1, 2, 3)),
    ]  # fmt: skip
    assert found == sorted(expected, key=repr)


def test_an_optional_s_option_may_have_its_type_around_it() -> None:
    nested = {"type": "array", "items": ["null", POINT]}
    assert all_of(nested, [None, {"x": 1}, {"geo.point": {"x": 2}}]) == [[None, {"x": 1, "y": 7}, {"x": 2, "y": 7}]]
    counts = {"type": "array", "items": ["null", {"type": "map", "values": "int"}]}
    assert all_of(counts, [{"map": {"a": 1}}, {"map": 1}]) == [[{"a": 1}, {"map": 1}]]


@pytest.mark.parametrize(
    ("declared", "options", "said"),
    [
        ("string", [], "options must be a list that is not empty, or {"),
        ("string", "a", "options must be a list that is not empty, or {"),
        ("string", {"file": "x"}, "options must be a list that is not empty, or {"),
        ("string", {"file": "x", "encoding": "yaml"}, "options must be a list that is not empty, or {"),
        ("int", ["x"], "options: Invalid"),
        ("double", [10**400], "options: Invalid"),
        (SIDE, ["UP"], "'UP' is none of the symbols LEFT, RIGHT"),
        ("bytes", ["\u20ac"], "has a character above U+00FF, which is no byte"),
        ({"type": "fixed", "name": "two", "size": 2}, ["abc"], "'abc' has 3 bytes, not 2"),
        (MONEY, [0.001], "0.001 is no decimal of 4 digits, 2 of them behind the point"),
        (MONEY, [100], "100 is no decimal of 4 digits"),
        (MONEY, ["ten"], "'ten' is no decimal of 4 digits"),
        (MONEY, ["1e1"], "'1e1' is no decimal of 4 digits"),
        (["null", "int", "string"], [2.5], "2.5 is none of int, string"),
        (["null", "int", "string"], [{"int": "a"}], "options: Invalid"),
        (POINT, [{"y": 1}], "the record has a field 'x' that the option lacks"),
        (POINT, [{"x": 1, "z": 1}], "the record has no field 'z'"),
        ({"type": "long", "logicalType": "timestamp-millis"}, [1 << 62], "is no timestamp-millis"),
    ],
)  # fmt: skip
def test_an_option_that_does_not_fit_is_refused(declared: Any, options: Any, said: str) -> None:
    with pytest.raises(AvroProblem) as caught:
        drawn(declared, options=options)
    assert said in str(caught.value)
    assert str(caught.value).startswith("field 'a")


@pytest.mark.parametrize("beside", ["range", "iteration", "faker", "regex"])
def test_options_beside_what_says_the_whole_value_are_refused(beside: str) -> None:
    with pytest.raises(AvroProblem, match=r"cannot stand together|not known"):
        drawn("string", options=["a"], format_as_time="yyyy", **{beside: {}})


# -- from a file ---------------------------------------------------------------------------------------------------


def of_file(file: Path, declared: Any = "string", encoding: str = "json") -> list[Any]:
    return drawn(declared, options={"file": str(file), "encoding": encoding})


def test_a_file_has_one_json_value_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "words").write_text('"one"\n"two" "three"\n\n')
    assert set(of_file(tmp_path / "words")) == {"one", "two", "three"}


def test_a_file_of_records_may_be_json_or_binary(tmp_path: Path) -> None:
    (tmp_path / "json").write_text("".join(json.dumps({"x": x, "y": 0}) for x in range(3)))
    (tmp_path / "binary").write_bytes(b"\x00\x00\x02\x00\x04\x00")
    expected = {0, 1, 2}
    assert {value["x"] for value in of_file(tmp_path / "json", POINT)} == expected
    assert {value["x"] for value in of_file(tmp_path / "binary", POINT, "binary")} == expected


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        (b'"a"\n{', "json", "value 2 of the file is not JSON"),
        (b"[" * 100_000, "json", "value 1 of the file is not JSON"),
        (b"1" * 5000, "json", "value 1 of the file is not JSON"),
        (b"3", "json", "options: Invalid"),
        (b"\xff", "json", "is not UTF-8 text"),
        (b"  \n", "json", "is empty"),
        (b"", "binary", "is empty"),
        (b"\x04a", "binary", "does not hold Avro of this type: at byte 1: 2 bytes expected, 1 left"),
        (b" " * (FILE_BYTES_MAX + 1), "json", "has more than 16777216 bytes"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else None,
)  # fmt: skip
def test_a_file_that_holds_no_options_is_refused(tmp_path: Path, data: bytes, encoding: str, said: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(AvroProblem) as caught:
        of_file(tmp_path / "file", encoding=encoding)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AvroProblem, match=r"field 'a': options: file '.*nothing' cannot be read: No such file"):
        of_file(tmp_path / "nothing")


def test_a_file_that_the_worker_does_not_allow_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "words").write_text('"one"')
    with in_force(FileRules(allowed=(str(tmp_path / "else"),))), pytest.raises(AvroProblem, match="is not allowed"):
        of_file(tmp_path / "words")
