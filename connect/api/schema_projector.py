"""Projection: a value of one version of a schema as a value of another, where the two get on.

Numbers widen, fields that the target lacks are left out, fields that the source lacks take their default, nulls of an
optional source become the target's default. Everything else is refused rather than guessed.

Source: Kafka 4.3.1, connect/api, SchemaProjector.java.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from connect.api.errors import SchemaProjectorError
from connect.api.java import java_text, narrow, to_double, to_single
from connect.api.schema import Field, Schema
from connect.api.schema_type import INT_BITS, SchemaType

_WIDENING: Final = (
    SchemaType.INT8,
    SchemaType.INT16,
    SchemaType.INT32,
    SchemaType.INT64,
    SchemaType.FLOAT32,
    SchemaType.FLOAT64,
)


def project_value(source: Schema, value: Any, target: Schema) -> Any:
    """Return a value of the source schema as one of the target schema.

    Raises:
        SchemaProjectorError: The schemas do not get on: type, name or parameters differ, or a required field has
            neither value nor default. For a field the message says which one, and the cause says why.
        SchemaError: A projected field does not fit the target.
    """
    _check_compatible(source, target)
    if value is None and source.optional and not target.optional:
        return target.default
    return None if value is None else _projected(source, value, target)


def check_projection(source: Schema, target: Schema) -> None:
    """Check that `project_value` takes each value of the source schema, without a value to try it with.

    Raises:
        SchemaProjectorError: As `project_value`; of a field the message says which one.
    """
    _check_compatible(source, target)
    if target.type is SchemaType.STRUCT:
        for field in target.fields:
            if (origin := source.field(field.name)) is None:
                _check_absent(source, field)
                continue
            with _projecting(field):
                check_projection(origin.schema, field.schema)
    for mine, other in ((source.key_schema, target.key_schema), (source.value_schema, target.value_schema)):
        if mine is not None and other is not None:
            check_projection(mine, other)


def _check_compatible(source: Schema, target: Schema) -> None:
    for what, mine, other in (("type", source.type.name, target.type.name), ("name", source.name, target.name)):
        if mine != other and not (what == "type" and _widens(source.type, target.type)):
            raise SchemaProjectorError(
                f"Schema {what} mismatch. source {what}: {java_text(mine)} and target {what}: {java_text(other)}"
            )
    if (source.parameters or {}) != (target.parameters or {}):
        raise SchemaProjectorError(
            "Schema parameters not equal. "
            f"source parameters: {_listed(source.parameters)} and target parameters: {_listed(target.parameters)}"
        )
    if source.optional and not target.optional and target.default is None:
        raise SchemaProjectorError(
            "Writer schema is optional, however, target schema does not provide a default value."
        )


def _widens(source: SchemaType, target: SchemaType) -> bool:
    return source in _WIDENING and target in _WIDENING[_WIDENING.index(source) :]


def _listed(parameters: Mapping[str, str] | None) -> str:
    return java_text(None if parameters is None else dict(parameters))


def _projected(source: Schema, value: Any, target: Schema) -> Any:
    kind = target.type
    if kind is SchemaType.STRUCT:
        return _struct(source, value, target)
    if kind is SchemaType.ARRAY and source.value_schema is not None and target.value_schema is not None:
        return [project_value(source.value_schema, item, target.value_schema) for item in value]
    if kind is SchemaType.MAP:
        return _map(source, value, target)
    if kind in _WIDENING and isinstance(value, int | float):
        return _widened(value, kind)
    return value


def _widened(value: int | float, kind: SchemaType) -> int | float:
    if kind is SchemaType.FLOAT32:
        return to_single(value)
    return to_double(value) if kind is SchemaType.FLOAT64 else narrow(int(value), INT_BITS[kind])


def _struct(source: Schema, value: dict[str, Any], target: Schema) -> dict[str, Any]:
    result = {}
    for field in target.fields:
        origin, wanted = source.field(field.name), field.schema
        if origin is not None:
            found = value.get(field.name)
            with _projecting(field):
                projected = project_value(origin.schema, origin.schema.default if found is None else found, wanted)
            wanted.validate(projected, field.name)
            result[field.name] = projected
        elif wanted.default is not None and not wanted.optional:
            result[field.name] = wanted.default
        else:
            _check_absent(source, field)
    return result


def _check_absent(source: Schema, field: Field) -> None:
    """Check that a field may be absent, as it is in all values of the source."""
    if not field.schema.optional and field.schema.default is None:
        raise SchemaProjectorError(f"Required field `{field.name}` is missing from source schema: {source!r}")


@contextmanager
def _projecting(field: Field) -> Iterator[None]:
    """Say which field it is that does not get on."""
    try:
        yield
    except SchemaProjectorError as error:
        raise SchemaProjectorError(f"Error projecting {field.name}: {error}") from error


def _map(source: Schema, value: dict[Any, Any], target: Schema) -> dict[Any, Any]:
    result = {}
    for name, item in value.items():
        if source.key_schema is not None and target.key_schema is not None:
            name = project_value(source.key_schema, name, target.key_schema)
        if source.value_schema is not None and target.value_schema is not None:
            item = project_value(source.value_schema, item, target.value_schema)
        result[name] = item
    return result
