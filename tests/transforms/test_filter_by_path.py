"""FilterByPath: records are kept or dropped by a JSONPath condition. Confluent's Filter."""

from __future__ import annotations

import pytest

from connect.api import Batch, ConfigError, DataError
from tests.support.transforms import make_transform, transformed


@pytest.mark.parametrize(
    ("kind", "missing", "kept"),
    [
        ("include", "include", [0, 2]),
        ("include", "exclude", [0]),
        ("exclude", "include", [1, 2]),
        ("exclude", "exclude", [1]),
    ],
)
def test_records_are_kept_or_dropped_by_a_condition(kind: str, missing: str, kept: list[int]) -> None:
    transform = make_transform(
        "io.confluent.connect.transforms.Filter$Value",
        filter_condition="$[?(@.n > 1)]",
        filter_type=kind,
        missing_or_null_behavior=missing,
    )
    values = [{"n": 2}, {"n": 0}, {"m": 1}]
    made = transform.apply_batch(Batch("t", values))
    assert isinstance(made, Batch)
    assert made.values == [values[index] for index in kept]


def test_a_missing_field_fails_by_default() -> None:
    with pytest.raises(DataError, match="looks for fields that are missing or null"):
        transformed("FilterByPath$Value", {}, filter_condition="$[?(@.n > 1)]", filter_type="include")


def test_a_condition_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"configuration filter\.condition: expected a name at position 2"):
        make_transform("FilterByPath$Value", filter_condition="$.", filter_type="include")
