"""Play the vectors of op `values`: what Kafka's static functions and data classes return, and what ours do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from connect.api import (
    STRING,
    ConfigType,
    Headers,
    Schema,
    SchemaBuilder,
    SchemaType,
    Struct,
    logical,
    project_value,
    values,
)
from connect.api.config_values import parse_type, to_text
from connect.api.java import iso_text
from connect.api.values.dates import iso_pattern
from tests.conformance.phases import Skipped
from tests.conformance.phases import in_phase as _phase
from tests.conformance.vectors import Json, headers_difference, schema_difference, schema_of, value_difference, value_of


def play_values(vector: dict[str, Json], expected: Json) -> str | None:
    """Return what differs between Kafka's result and ours, None when nothing does; {} expects an error."""
    player = _FUNCTIONS.get(vector["fn"])
    if player is None:
        raise Skipped(f"{vector['fn']} has no counterpart here")
    return player(vector["args"], expected)


def _given(args: Json) -> tuple[Schema | None, Any]:
    schema = _phase("decode", lambda: schema_of(args["schema"]))
    return schema, _phase("decode", lambda: value_of(args["value"], schema))


def _value(expected: Json, found: Any) -> str | None:
    return value_difference(expected, found) if expected != {} else None


# -- Values --------------------------------------------------------------------------------------------------------


def _parse_string(args: Json, expected: Json) -> str | None:
    text = value_of(args["value"])
    found = None if text is None else _phase("convert", lambda: values.parse(text))
    if expected is None or found is None:
        return None if expected is found else f"expected {expected}, got {found}"
    return schema_difference(expected["schema"], found[0]) or value_difference(expected["value"], found[1])


def _convert_to_string(args: Json, expected: Json) -> str | None:
    schema, value = _given(args)
    found = None if value is None else _phase("convert", lambda: values.to_text(value, schema))
    return _value(expected, found)


def _convert_to(wanted: Schema | None) -> Callable[[Json, Json], str | None]:
    def play(args: Json, expected: Json) -> str | None:
        schema, value = _given(args)
        to = wanted or Schema.decimal(args["scale"])
        return _value(expected, _phase("convert", lambda: values.convert(to, value, schema)))

    return play


def _infer_schema(args: Json, expected: Json) -> str | None:
    value = _given(args)[1]
    found = _phase("convert", lambda: values.infer_schema(value))
    return schema_difference(expected, found) if expected != {} else None


def _date_format_for(args: Json, expected: Json) -> str | None:
    value = _given(args)[1]
    found = {"pattern": iso_pattern(value), "formatted": iso_text(value), "timeZone": "UTC"}
    return None if found == expected else f"expected {expected}, got {found}"


# -- schemas and logical types -------------------------------------------------------------------------------------


def _validate_value(args: Json, expected: Json) -> str | None:
    schema, value = _given(args)
    _phase("convert", lambda: cast(Schema, schema).validate(value, args.get("field")))
    return None


def _default_value(args: Json, expected: Json) -> str | None:
    builder = SchemaBuilder(args["type"])
    if args["optional"]:
        builder.optional()
    default = _phase("decode", lambda: value_of(args["put"]))
    found = _phase("convert", lambda: builder.default(default).build())
    return schema_difference(expected, found) if expected != {} else None


def _project(args: Json, expected: Json) -> str | None:
    schema, value = _given(args)
    target = _phase("decode", lambda: schema_of(args["target"]))
    return _value(expected, _phase("convert", lambda: project_value(cast(Schema, schema), value, target)))


def _logical(kind: logical.LogicalType, *, to: bool) -> Callable[[Json, Json], str | None]:
    def play(args: Json, expected: Json) -> str | None:
        schema, value = _given(args)
        return _value(
            expected,
            _phase("convert", lambda: (kind.to_logical if to else kind.from_logical)(cast(Schema, schema), value)),
        )

    return play


# -- structs and headers -------------------------------------------------------------------------------------------


def _struct(args: Json) -> Struct:
    schema, value = _given(args)
    return Struct(cast(Schema, schema), value)


def _struct_get(args: Json, expected: Json) -> str | None:
    return _value(expected, _phase("convert", lambda: _struct(args).value(args["field"])))


def _struct_get_without_default(args: Json, expected: Json) -> str | None:
    return _value(expected, _phase("convert", lambda: _struct(args).value_without_default(args["field"])))


def _struct_get_typed(args: Json, expected: Json) -> str | None:
    kind = SchemaType(args["getter"].removeprefix("get").lower())
    return _value(expected, _phase("convert", lambda: _struct(args).value_as(args["field"], kind)))


def _struct_put(args: Json, expected: Json) -> str | None:
    struct = _struct(args)
    field = struct.schema.field(args["field"])
    value = _phase("decode", lambda: value_of(args["put"], None if field is None else field.schema))
    return _value(expected, _phase("convert", lambda: struct.put(args["field"], value)))


def _struct_validate(args: Json, expected: Json) -> str | None:
    _phase("convert", lambda: _struct(args).validate())
    return None


def _struct_to_string(args: Json, expected: Json) -> str | None:
    found = str(_struct(args))
    return None if found == expected else f"expected {expected!r}, got {found!r}"


def _connect_headers(args: Json, expected: Json) -> str | None:
    headers = Headers()
    for op in args["ops"]:
        headers = _phase("convert", lambda op=op, before=headers: _after(before, *op))
    return headers_difference(expected, headers) if expected != {} else None


def _after(headers: Headers, op: str, *args: Json) -> Headers:
    if op == "clear":
        return Headers()
    if op == "remove":
        return headers.without(*args)
    if op == "retainLatest":
        return headers.latest(*args)
    if op == "add":
        schema = schema_of(args[1])
        return headers.add(args[0], value_of(args[2], schema), schema)
    kind = _ADDED.get(op)
    if kind is None:
        raise Skipped(f"ConnectHeaders.{op} has no counterpart here")
    return headers.add_as(args[0], value_of(args[1]) if isinstance(args[1], dict) else args[1], kind)


_ADDED = {
    "addString": SchemaType.STRING, "addBytes": SchemaType.BYTES, "addBoolean": SchemaType.BOOLEAN,
    "addByte": SchemaType.INT8, "addShort": SchemaType.INT16, "addInt": SchemaType.INT32, "addLong": SchemaType.INT64,
    "addFloat": SchemaType.FLOAT32, "addDouble": SchemaType.FLOAT64,
}  # fmt: skip


# -- ConfigDef -----------------------------------------------------------------------------------------------------


def _parse_type(args: Json, expected: Json) -> str | None:
    found = _phase("convert", lambda: parse_type("k", args["raw"], ConfigType(args["type"])))
    if expected is None or expected == {}:
        return None if found is None or expected == {} else f"expected null, got {found!r}"
    kind = expected["$type"]
    if kind == "password":
        return None if found.get_secret_value() == expected["v"] and str(found) == "[hidden]" else f"got {found!r}"
    if kind == "class":
        return None if found == expected["v"] else f"expected {expected['v']}, got {found!r}"
    return value_difference(expected, found)


def _config_to_string(args: Json, expected: Json) -> str | None:
    declared = ConfigType(args["type"])
    found = _phase("convert", lambda: to_text(args["raw"], declared))
    return None if expected in ({}, found) else f"expected {expected!r}, got {found!r}"


_FUNCTIONS: dict[str, Callable[[Json, Json], str | None]] = {
    "parseString": _parse_string,
    "convertToString": _convert_to_string,
    "convertToBoolean": _convert_to(Schema(SchemaType.BOOLEAN, optional=True)),
    "convertToByte": _convert_to(Schema(SchemaType.INT8, optional=True)),
    "convertToShort": _convert_to(Schema(SchemaType.INT16, optional=True)),
    "convertToInteger": _convert_to(Schema(SchemaType.INT32, optional=True)),
    "convertToLong": _convert_to(Schema(SchemaType.INT64, optional=True)),
    "convertToFloat": _convert_to(Schema(SchemaType.FLOAT32, optional=True)),
    "convertToDouble": _convert_to(Schema(SchemaType.FLOAT64, optional=True)),
    "convertToList": _convert_to(Schema.array(STRING)),
    "convertToMap": _convert_to(Schema.map(STRING, STRING)),
    "convertToStruct": _convert_to(Schema.struct({})),
    "convertToDate": _convert_to(Schema.date()),
    "convertToTime": _convert_to(Schema.time()),
    "convertToTimestamp": _convert_to(Schema.timestamp()),
    "convertToDecimal": _convert_to(None),
    "inferSchema": _infer_schema,
    "dateFormatFor": _date_format_for,
    "ConnectSchema.validateValue": _validate_value,
    "ConnectSchema.validateValueWithField": _validate_value,
    "SchemaBuilder.defaultValue": _default_value,
    "SchemaProjector.project": _project,
    "Struct.get": _struct_get,
    "Struct.getWithoutDefault": _struct_get_without_default,
    "Struct.getTyped": _struct_get_typed,
    "Struct.put": _struct_put,
    "Struct.validate": _struct_validate,
    "Struct.toString": _struct_to_string,
    "ConnectHeaders": _connect_headers,
    "ConfigDef.parseType": _parse_type,
    "ConfigDef.convertToString": _config_to_string,
    **{
        f"{kind.word}.{'to' if to else 'from'}Logical": _logical(kind, to=to)
        for kind in logical.LOGICAL_TYPES.values()
        for to in (True, False)
    },
}
