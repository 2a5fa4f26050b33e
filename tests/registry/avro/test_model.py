from __future__ import annotations

import pytest

from connect.registry.avro.model import Avro


@pytest.mark.parametrize(
    ("kind", "named"),
    [("record", True), ("error", True), ("enum", True), ("fixed", True), ("array", False), ("int", False)],
)
def test_types_with_a_name_may_be_referred_to(kind: str, named: bool) -> None:
    assert Avro(kind).is_named is named


def test_a_short_name_has_no_namespace() -> None:
    assert Avro("record", "a.b.C").short_name == "C" and Avro("record", "C").short_name == "C"
