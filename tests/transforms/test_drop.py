"""Drop: the key or the value becomes null."""

from __future__ import annotations

import pytest

from connect.api import INT32, DataError, Record, Schema
from tests.support.transforms import make_transform, transformed


@pytest.mark.parametrize(
    ("behavior", "schema"), [("nullify", None), ("retain", INT32), ("force_optional", Schema("int32", optional=True))]
)
def test_a_value_is_dropped_with_its_schema_or_without(behavior: str, schema: Schema | None) -> None:
    made = make_transform("Drop$Value", schema_behavior=behavior).apply(Record("t", 5, key="k", value_schema=INT32))
    assert made == Record("t", None, key="k", value_schema=schema)


def test_a_schema_that_knows_no_null_can_be_refused() -> None:
    with pytest.raises(DataError, match=r"Schema\{INT32\} is not optional.*schema\.behavior"):
        transformed("Drop$Value", 5, INT32, schema_behavior="validate")
