from __future__ import annotations

from connect.registry import errors


def test_the_first_digits_of_a_number_are_the_status() -> None:
    assert errors.subject_not_found("a").status == 404
    assert errors.incompatible("a", ["x", "y"]).status == 409
    assert errors.invalid_version("0").status == 422
    assert errors.store_failed("x").status == 500


def test_messages_are_those_that_clients_of_confluents_know() -> None:
    assert errors.subject_not_found("a").message == "Subject 'a' not found."
    assert errors.schema_not_found(7).message == "Schema 7 not found"
    assert errors.incompatible("a", ["x", "y"]).message.endswith('for subject "a", details: [x, y]')
    assert "keytype=SCHEMA,subject=a,version=2" in errors.reference_exists("a", 2).message
