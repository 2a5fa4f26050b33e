from __future__ import annotations

from typing import Any

import pytest

from connect.api import (
    BOOLEAN,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    OPTIONAL_INT32,
    STRING,
    Schema,
    SchemaError,
    SchemaProjectorError,
    SchemaType,
    project_value,
)
from connect.api.schema_projector import check_projection


def struct(**fields: Schema) -> Schema:
    return Schema.struct(fields)


@pytest.mark.parametrize(
    ("source", "value", "target", "result"),
    [
        (INT8, 1, INT64, 1),
        (INT32, 70000, FLOAT64, 70000.0),
        (INT64, (1 << 53) + 1, FLOAT32, 9007199254740992.0),
        (OPTIONAL_INT32, None, Schema(SchemaType.INT32, default=8), 8),
        (INT32, None, OPTIONAL_INT32, None),
        (Schema.array(INT8), [1], Schema.array(INT32), [1]),
        (Schema.map(STRING, INT32), {"a": 1}, Schema.map(STRING, FLOAT64), {"a": 1.0}),
        (struct(a=INT32, old=STRING), {"a": 1, "old": "x"}, struct(a=INT64), {"a": 1}),
        (struct(a=INT32), {"a": 1}, struct(a=INT32, b=Schema(SchemaType.STRING, default="d")), {"a": 1, "b": "d"}),
        (struct(a=INT32), {"a": 1}, struct(a=INT32, b=OPTIONAL_INT32), {"a": 1}),
        (struct(a=Schema(SchemaType.INT32, default=3)), {}, struct(a=INT64), {"a": 3}),
    ],
)
def test_a_value_of_one_version_becomes_one_of_another(source: Schema, value: Any, target: Schema, result: Any) -> None:
    found = project_value(source, value, target)
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("source", "value", "target", "said"),
    [
        (BOOLEAN, True, INT32, "Schema type mismatch. source type: BOOLEAN and target type: INT32"),
        (INT64, 1, INT32, "Schema type mismatch"),
        (struct().replace(name="x"), {}, struct().replace(name="y"), "source name: x and target name: y"),
        (
            Schema.decimal(2),
            None,
            Schema.decimal(3),
            r"source parameters: \{scale=2\} and target parameters: \{scale=3\}",
        ),
        (OPTIONAL_INT32, 1, INT32, "Writer schema is optional"),
        (
            struct(a=INT32),
            {"a": 1},
            struct(b=STRING),
            r"Required field `b` is missing from source schema: Schema\{STRUCT\}",
        ),
        (struct(a=STRING), {"a": "x"}, struct(a=INT32), "Error projecting a: Schema type mismatch"),
    ],
)
def test_schemas_that_do_not_get_on_are_refused(source: Schema, value: Any, target: Schema, said: str) -> None:
    with pytest.raises(SchemaProjectorError, match=said):
        project_value(source, value, target)


def test_a_required_field_that_is_null_is_refused() -> None:
    with pytest.raises(SchemaError, match='null used for required field: "a"'):
        project_value(struct(a=INT32), {}, struct(a=INT32))


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (struct(a=INT8), struct(a=INT64), None),
        (struct(a=INT64), struct(a=INT8), "Error projecting a: Schema type mismatch"),
        (struct(), struct(a=INT8), "Required field `a` is missing"),
        (struct(), struct(a=OPTIONAL_INT32), None),
        (OPTIONAL_INT32, INT32, "target schema does not provide a default"),
        (Schema.array(struct(a=STRING)), Schema.array(struct(a=INT8)), "Error projecting a"),
        (Schema.map(STRING, INT8), Schema.map(STRING, STRING), "Schema type mismatch"),
    ],
)
def test_that_two_schemas_get_on_is_known_without_a_value(source: Schema, target: Schema, says: str | None) -> None:
    if says is None:
        check_projection(source, target)
    else:
        with pytest.raises(SchemaProjectorError, match=says):
            check_projection(source, target)
