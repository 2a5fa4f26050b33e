"""Records are checked by their JSON Schema, and nothing that a stranger wrote takes for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connect.api import DataError
from connect_schemas.json_schema.documents import Document
from connect_schemas.json_schema.validating import Checker


def checker(said: Any, used: dict[str, Any] | None = None, dialect: str = "draft_7") -> Checker:
    return Checker(Document(json.dumps(said), {name: json.dumps(one) for name, one in (used or {}).items()}, dialect))


def test_what_does_not_meet_the_schema_is_told_with_its_places() -> None:
    check = checker({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"maxLength": 1}}})
    check.check_text(b'{"a":1}')
    with pytest.raises(DataError, match=r"\$\.a: 'x' is not of type 'integer'; \$\.b: 'yy' is too long"):
        check.check_text(b'{"a":"x","b":"yy"}')


def test_a_reference_leads_into_another_schema() -> None:
    check = checker({"$ref": "other.json"}, {"other.json": {"type": "integer"}})
    check.check_text(b"1")
    with pytest.raises(DataError, match="is not of type"):
        check.check_text(b'"x"')


def test_numbers_of_another_schema_are_reckoned_with() -> None:
    check = checker({"$ref": "other.json"}, {"other.json": {"multipleOf": 0.5}})
    check.check_text(b"1.5")
    with pytest.raises(DataError, match=r"1\.6 is not a multiple of 0\.5"):
        check.check_text(b"1.6")


@pytest.mark.parametrize("text", [b"1" * 400, b"1e400"])
def test_a_number_that_no_double_holds_is_one_records_fault(text: bytes) -> None:
    with pytest.raises(DataError, match="a number cannot be checked"):
        checker({"multipleOf": 0.1}).check_text(text)


def test_a_schema_that_another_refers_to_is_one_or_is_told() -> None:
    with pytest.raises(DataError, match=r"\$\.type: 'nope'") as caught:
        checker({"not": {"$ref": "other.json"}}, {"other.json": {"type": "nope"}})
    assert caught.value.code == "schemas.invalid"


def test_a_pattern_that_never_ends_is_one_records_fault() -> None:
    check = checker({"type": "string", "pattern": "^(a|aa)+$"})
    with pytest.raises(DataError, match="takes longer than"):
        check.check_text(json.dumps("a" * 60 + "!").encode())
    check.check_text(b'"a"')


@pytest.mark.parametrize("dialect", ["draft_4", "draft_6", "draft_7", "draft_2019_09", "draft_2020_12"])
def test_each_dialect_is_checked_as_it_is_meant(dialect: str) -> None:
    said = {"minimum": 1, "exclusiveMinimum": True} if dialect == "draft_4" else {"exclusiveMinimum": 1}
    with pytest.raises(DataError, match="less than or equal to"):
        checker(said, dialect=dialect).check_text(b"1")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"type": "nope"}, r"\$\.type"),
        ({"pattern": "("}, "Invalid regex"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, "within a time limit"),
    ],
)
def test_what_is_no_json_schema_is_told(said: Any, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        checker(said)
    assert caught.value.code == "schemas.invalid"


@pytest.mark.parametrize("text", [b"{", b"NaN", b"[" * 100_000, b"9" * 100_000])
def test_what_is_no_json_is_told(text: bytes) -> None:
    with pytest.raises(DataError, match="it is not JSON"):
        checker({"type": "object"}).check_text(text)


def test_references_that_go_round_or_lead_nowhere_are_told() -> None:
    with pytest.raises(DataError, match="nested too deeply"):
        checker({"$ref": "#"}).check_text(b"1")
    with pytest.raises(DataError, match="leads to nothing"):
        checker({"$ref": "http://127.0.0.1:1/x.json"}).check_text(b"1")
