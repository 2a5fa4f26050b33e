"""JsonConverter's columns: which schemas have a fast way, and what their values are in JSON.

Both ways must mean what `json_values` means, to the byte when writing; a property test compares them.
"""

from __future__ import annotations

import binascii
import datetime as dt
import math
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

from connect.api import (
    DATE_NAME,
    DECIMAL_NAME,
    INT_BITS,
    TIME_NAME,
    TIMESTAMP_NAME,
    DataError,
    Schema,
    SchemaType,
    logical,
)
from connect.api.columns import Convert, OddValueError, Values, between, checked, each, listed, mapped, struct
from connect.api.java import EPOCH, from_base64, to_double
from connect_converters.json_values import Decoder, Encoder, float_node

_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_INT: Final = {kind: (-(1 << bits - 1), (1 << bits - 1) - 1) for kind, bits in INT_BITS.items()}


def encoding(schema: Schema, encoder: Encoder) -> Convert | None:
    """Return the column function from values to what orjson prints; None where only `encoder` knows the way."""
    plan = _encoding_of(schema, encoder)
    if plan is None:
        return None
    types, convert = plan
    default = schema.default is not None and encoder.nulls_to_defaults
    null = encoder.node(schema, schema.default) if default else None
    return checked(types, convert, nullable=schema.optional or default, null=null)


def decoding(schema: Schema, decoder: Decoder) -> Convert | None:
    """Return the column function from parsed JSON to values; None where only `decoder` knows the way."""
    plan = _decoding_of(schema, decoder)
    if plan is None:
        return None
    types, convert = plan
    default = schema.default is not None and decoder.nulls_to_defaults
    return checked(types, convert, nullable=schema.optional or default, null=schema.default if default else None)


#: The types that a column may hold, and what is done to it. Writing and reading have a table each. No row is in both,
#: so the few lines around a table are there twice, rather than a function that takes the rows.
Plan = tuple[tuple[type, ...], Convert | None]


# -- writing -------------------------------------------------------------------------------------------------------


def _encoding_of(schema: Schema, encoder: Encoder) -> Plan | None:
    if schema.is_logical:
        return _logical_encoding(schema, encoder)
    kind = schema.type
    if kind in _INT:
        return (int,), between(*_INT[kind])
    simple: dict[SchemaType, Plan] = {
        SchemaType.BOOLEAN: ((bool,), None),
        SchemaType.STRING: ((str,), None),
        SchemaType.FLOAT64: ((float,), _doubles),
        SchemaType.FLOAT32: ((float,), each(_single_node)),
        SchemaType.BYTES: ((bytes,), each(_base64)),
    }
    if kind in simple:
        return simple[kind]
    return _nested(schema, lambda part: encoding(part, encoder), in_place=False)


def _logical_encoding(schema: Schema, encoder: Encoder) -> Plan | None:
    name = schema.name
    if name == DECIMAL_NAME:
        return (Decimal,), _decimal_encoding(schema, encoder)
    if name == TIMESTAMP_NAME:
        return (dt.datetime,), _milliseconds
    kind = logical.LOGICAL_TYPES[name or ""]
    types = (dt.date,) if name == DATE_NAME else (dt.time,)
    return types, each(lambda value: kind.from_logical(schema, value), DataError)


def _decimal_encoding(schema: Schema, encoder: Encoder) -> Convert:
    scale = _scale(schema)
    if encoder.numeric_decimals or scale is None:
        return each(lambda value: encoder.node(schema, value), DataError)
    unit = logical.scaled(1, scale)

    def convert(value: Decimal) -> str:
        if not value.same_quantum(unit):
            raise OddValueError
        return _base64(logical.decimal_bytes(logical.unscaled(value, scale)))

    singly = each(convert)

    def convert_all(column: Values) -> Values:
        # The digits of all of them as one text, for half of what arithmetic costs.
        texts = list(map(str, column))
        joined = "\n".join(texts)
        if not _has_scale(texts, joined, scale):
            return singly(column)
        numbers = map(int, joined.replace(".", "").split("\n"))
        return [_base64(n.to_bytes((n + (n < 0)).bit_length() // 8 + 1, "big", signed=True)) for n in numbers]

    return convert_all


def _has_scale(texts: Sequence[str], joined: str, scale: int) -> bool:
    """Whether all decimals have so many digits behind the point, and none an exponent, or no digits at all."""
    if not texts or "E" in joined or "N" in joined or "I" in joined:
        return False
    if not scale:
        return "." not in joined
    try:
        return scale > 0 and set(map(itemgetter(-scale - 1), texts)) == {"."}
    except IndexError:
        return False  # one is shorter than that


def _scale(schema: Schema) -> int | None:
    try:
        return logical.scale(schema)
    except DataError:  # whoever has such a decimal will hear of it
        return None


def _nested(schema: Schema, of: Callable[[Schema], Convert | None], *, in_place: bool) -> Plan | None:
    if schema.type is SchemaType.STRUCT:
        fields = [(field.name, of(field.schema)) for field in schema.fields]
        known = [(name, convert) for name, convert in fields if convert is not None]
        return ((dict,), struct(known, in_place=in_place)) if len(known) == len(fields) else None
    members = None if schema.value_schema is None else of(schema.value_schema)
    if members is None:
        return None
    if schema.type is SchemaType.ARRAY:
        return (list,), listed(members)
    keys = schema.key_schema
    plain_text = keys is not None and keys.type is SchemaType.STRING and not keys.is_logical
    return ((dict,), mapped(members)) if plain_text else None


def _doubles(column: Values) -> Values:
    """Keep doubles that orjson prints as Java does: Java goes over to exponents at other places, 1.0E7 and 1.0E-4."""
    sizes = list(map(abs, column))
    if not sizes or (max(sizes) < 1e7 and (min(sizes) >= 1e-3 or all(size == 0 or size >= 1e-3 for size in sizes))):
        return column if not any(map(math.isnan, sizes)) else list(map(float_node, column))
    return list(map(float_node, column))


def _single_node(value: float) -> Any:
    return float_node(value, single=True)


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _milliseconds(column: Values) -> Values:
    epoch, millisecond = EPOCH, _MILLISECOND
    try:
        return [(value - epoch) // millisecond for value in column]
    except TypeError as error:  # one has no zone
        raise OddValueError from error


# -- reading -------------------------------------------------------------------------------------------------------


def _decoding_of(schema: Schema, decoder: Decoder) -> Plan | None:
    if schema.is_logical:
        return _logical_decoding(schema, decoder)
    kind = schema.type
    if kind in _INT:
        return (int,), between(*_INT[kind])
    simple: dict[SchemaType, Plan] = {
        SchemaType.BOOLEAN: ((bool,), None),
        SchemaType.STRING: ((str,), None),
        SchemaType.FLOAT64: ((float, int, Decimal), _as_doubles),
        SchemaType.FLOAT32: ((float, int), _as_singles),
        SchemaType.BYTES: ((str,), each(from_base64, ValueError)),
    }
    if kind in simple:
        return simple[kind]
    return _nested(schema, lambda part: decoding(part, decoder), in_place=True)


def _logical_decoding(schema: Schema, decoder: Decoder) -> Plan:
    name = schema.name
    if name == TIMESTAMP_NAME:
        return (int,), _moments
    if name == DECIMAL_NAME:
        return (str, int, Decimal), _decimal_decoding(schema)  # a float has lost digits
    assert name in (DATE_NAME, TIME_NAME), name
    return (int,), each(lambda node: decoder.decode(schema, node), DataError)


def _decimal_decoding(schema: Schema) -> Convert:
    scale = _scale(schema)

    def convert(node: str | int | Decimal) -> Decimal:
        if not isinstance(node, str):
            return Decimal(node)
        raw = from_base64(node)
        if scale is None or not raw:
            raise OddValueError
        return logical.scaled(int.from_bytes(raw, "big", signed=True), scale)

    return each(convert, ValueError)


def _as_doubles(column: Values) -> Values:
    if set(map(type, column)) == {float}:
        return column
    return list(map(to_double, column))


def _as_singles(column: Values) -> Values:
    return array("f", map(to_double, column)).tolist()


def _moments(column: Values) -> Values:
    epoch, millisecond = EPOCH, _MILLISECOND
    try:
        return [epoch + ms * millisecond for ms in column]
    except OverflowError as error:
        raise OddValueError from error
