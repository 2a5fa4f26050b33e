from __future__ import annotations

from collections.abc import Callable

import pytest

from connect.api import INT32, STRING, Schema, SchemaBuilder, SchemaError, SchemaType


def test_a_schema_built_step_by_step_is_the_one_made_at_once() -> None:
    built = (
        SchemaBuilder.struct()
        .name("order")
        .version(2)
        .doc("An order.")
        .parameter("a", "b")
        .parameters({"c": "d"})
        .optional()
        .field("id", INT32)
        .field("tags", SchemaBuilder.array(STRING).build())
        .field("left", SchemaBuilder.map(STRING, INT32).required().build())
        .build()
    )
    fields = {"id": INT32, "tags": Schema.array(STRING), "left": Schema.map(STRING, INT32)}
    assert built == Schema.struct(
        fields, name="order", version=2, doc="An order.", parameters={"a": "b", "c": "d"}, optional=True
    )


def test_a_default_is_checked_against_what_was_said_before() -> None:
    assert SchemaBuilder(SchemaType.INT32).default(5).build().default == 5
    assert SchemaBuilder(SchemaType.INT32).optional().default(None).build() == Schema(SchemaType.INT32, optional=True)
    assert SchemaBuilder(SchemaType.INT32).default(5).default(5).build().default == 5
    with pytest.raises(SchemaError, match="default has already been set"):
        SchemaBuilder(SchemaType.INT32).default(5).default("no number")
    with pytest.raises(SchemaError, match="Invalid default value: Invalid value: null used for required value"):
        SchemaBuilder(SchemaType.INT32).default(None)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: SchemaBuilder("int32").name("a").name("b"), "name has already been set"),
        (lambda: SchemaBuilder("int32").default(1).default(2), "default has already been set"),
        (lambda: SchemaBuilder("int32").optional().required(), "optional has already been set"),
        (lambda: SchemaBuilder("int32").field("a", INT32), "Cannot create fields on type INT32"),
        (lambda: SchemaBuilder.struct().field("", INT32), "fieldName cannot be null"),
        (lambda: SchemaBuilder.struct().field("a", None), "fieldSchema for field a cannot be null"),  # type: ignore[arg-type]
        (lambda: SchemaBuilder.struct().field("a", INT32).field("a", INT32), "field name duplication a"),
        (lambda: SchemaBuilder.array(None), "valueSchema cannot be null"),  # type: ignore[arg-type]
        (lambda: SchemaBuilder.map(None, INT32), "keySchema cannot be null"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused_where_it_is_said(call: Callable[[], SchemaBuilder], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        call()
