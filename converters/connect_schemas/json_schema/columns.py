"""Columns of JSON: a schema is compiled once into functions that convert all of its values together.

Both ways must mean what `values` means, to the byte when writing; a property test compares them. What has no fast way
(unions, maps with other keys than text, schemas that contain themselves) goes value by value within its column, so that
the fields beside it stay quick.
"""

from __future__ import annotations

import binascii
import datetime as dt
import math
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final

from connect.api import (
    DATE_NAME,
    DECIMAL_NAME,
    TIMESTAMP_NAME,
    DataError,
    Schema,
    SchemaType,
)  # fmt: skip
from connect.api.columns import Convert, OddValueError, Values, checked, each, listed, mapped
from connect.api.java import EPOCH, from_base64, to_double
from connect_schemas.json_schema.options import has_text_keys, is_union
from connect_schemas.json_schema.values import ABSENT, Decoder, Encoder, float_node
from connect_schemas.recursive import RecursiveSchema
from connect_schemas.singles import odd_single

_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_NULL: Final = type(None)
#: The types of arrays whose items have as many bits.
_CODES: Final = {SchemaType.INT8: "b", SchemaType.INT16: "h", SchemaType.INT32: "i", SchemaType.INT64: "q"}
#: The types that a column may hold, and what is done to it.
Plan = tuple[tuple[type, ...], Convert | None]


# -- writing ---------------------------------------------------------------------------------------------------------


def encoding(schema: Schema, encoder: Encoder, *, nulls_to_defaults: bool, is_key: bool) -> Convert:
    """Return the column function from values to what orjson prints.

    Args:
        is_key: Whether doubles are written as Java writes them.
    """

    def of(part: Schema) -> Convert:
        plan = None if _is_slow(part) else _encoding_of(part, encoder, of, is_key=is_key)
        if plan is None:
            return _one_by_one(part, encoder.node)
        default = part.default is not None and nulls_to_defaults
        null = encoder.node(part, part.default) if default else None
        return _checked(plan, nullable=part.optional or default, null=null)

    return of(schema)


def _encoding_of(schema: Schema, encoder: Encoder, of: Callable[[Schema], Convert], *, is_key: bool) -> Plan | None:
    if schema.is_logical:
        if schema.name == TIMESTAMP_NAME:
            return (dt.datetime,), _milliseconds
        types = {DECIMAL_NAME: (Decimal,), DATE_NAME: (dt.date,)}.get(schema.name or "", (dt.time,))
        return types, each(lambda value: encoder.node(schema, value), DataError)
    kind = schema.type
    if kind in _CODES:
        return (int,), _within(_CODES[kind])
    simple: dict[SchemaType, Plan] = {
        SchemaType.BOOLEAN: ((bool,), None),
        SchemaType.STRING: ((str,), None),
        SchemaType.FLOAT64: ((float,), _doubles if is_key else _finite),
        SchemaType.FLOAT32: ((float,), _single_nodes),
        SchemaType.BYTES: ((bytes,), each(_base64)),
    }
    if kind in simple:
        return simple[kind]
    if kind is SchemaType.STRUCT:
        fields = {field.name: of(field.schema) for field in schema.fields}
        return (dict,), _struct_encoding(fields)
    return _listed_or_mapped(schema, of)


def _struct_encoding(fields: dict[str, Convert]) -> Convert:
    names, in_order = tuple(fields), list(fields)
    columns_of = _columns_of(names)

    def run(column: Values) -> Values:
        try:
            columns = columns_of(column)
        except KeyError as error:  # a field that a value has not
            raise OddValueError from error
        # A field more, or another order.
        changed = list(chain.from_iterable(column)) != in_order * len(column)
        converted = []
        for given, convert in zip(columns, fields.values(), strict=True):
            one = convert(given)
            converted.append(one)
            changed = changed or one is not given
        return _dicts(names, converted, len(column)) if changed else column

    return run


def _doubles(column: Values) -> Values:
    """Keep doubles that orjson prints as Java does: Java goes over to exponents at other places, 1.0E7 and 1.0E-4."""
    if any(map(math.isnan, column)):
        return list(map(float_node, column))
    sizes = list(map(abs, column))
    if max(sizes, default=0) < 1e7 and (min(sizes, default=1) >= 1e-3 or all(not s or s >= 1e-3 for s in sizes)):
        return column
    return list(map(float_node, column))


def _finite(column: Values) -> Values:
    """Keep doubles but those that orjson has no word for."""
    if _are_finite(column):
        return column
    return [value if math.isfinite(value) else float_node(value) for value in column]


def _are_finite(column: Values) -> bool:
    return math.isfinite(sum(column)) or all(map(math.isfinite, column))


def _single_nodes(column: Values) -> Values:
    if odd_single(column) is not None:
        raise OddValueError
    return [float_node(value, single=True) for value in column]


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _milliseconds(column: Values) -> Values:
    epoch, millisecond = EPOCH, _MILLISECOND
    try:
        return [(value - epoch) // millisecond for value in column]
    except TypeError as error:  # one has no zone
        raise OddValueError from error


# -- reading ---------------------------------------------------------------------------------------------------------


def decoding(schema: Schema, decoder: Decoder, *, nulls_to_defaults: bool) -> Convert:
    """Return the column function from parsed JSON, whose dicts it may change, to values."""

    def of(part: Schema) -> Convert:
        plan = None if _is_slow(part) else _decoding_of(part, decoder, of)
        if plan is None:
            return _one_by_one(part, decoder.value)
        default = part.default is not None and nulls_to_defaults
        return _checked(plan, nullable=part.optional or default, null=part.default if default else None)

    return of(schema)


def _decoding_of(schema: Schema, decoder: Decoder, of: Callable[[Schema], Convert]) -> Plan | None:
    if schema.is_logical:
        return _logical_decoding(schema, decoder)
    kind = schema.type
    if kind in _CODES:
        return (int,), _within(_CODES[kind])
    simple: dict[SchemaType, Plan] = {
        SchemaType.BOOLEAN: ((bool,), None),
        SchemaType.STRING: ((str,), None),
        SchemaType.FLOAT64: ((float, int, Decimal), _as_doubles),
        SchemaType.FLOAT32: ((float, int), _as_singles),
        SchemaType.BYTES: ((str,), each(from_base64, ValueError)),
    }
    if kind in simple:
        return simple[kind]
    if kind is SchemaType.STRUCT:
        defaults = {field.name: decoder.absent(field.schema) for field in schema.fields}
        return (dict,), _struct_decoding({field.name: of(field.schema) for field in schema.fields}, defaults)
    return _listed_or_mapped(schema, of)


def _logical_decoding(schema: Schema, decoder: Decoder) -> Plan:
    if schema.name == TIMESTAMP_NAME:
        return (int,), _moments
    if schema.name == DECIMAL_NAME:
        return (str, int, Decimal), each(lambda node: decoder.value(schema, node), DataError)  # a float has lost digits
    return (int,), each(lambda node: decoder.value(schema, node), DataError)


def _struct_decoding(fields: dict[str, Convert], defaults: dict[str, Any]) -> Convert:
    names = tuple(fields)
    columns_of = _columns_of(names)

    def run(column: Values) -> Values:
        try:
            columns = columns_of(column)
        except KeyError:
            return _dicts(names, [_sparse(column, name, fields[name], defaults[name]) for name in names], len(column))
        converted = [convert(given) for given, convert in zip(columns, fields.values(), strict=True)]
        if sum(map(len, column)) != len(names) * len(column):
            return _dicts(names, converted, len(column))
        for name, given, one in zip(names, columns, converted, strict=True):
            if one is not given:
                for value, item in zip(column, one, strict=True):
                    value[name] = item
        return column

    return run


def _sparse(column: Values, name: str, convert: Convert, default: Any) -> Values:
    """Return the values of a field that some have not."""
    found = [value.get(name, ABSENT) for value in column]
    present = [value for value in found if value is not ABSENT]
    if len(present) == len(found):
        return convert(found)
    rest = iter(convert(present))
    return [default if value is ABSENT else next(rest) for value in found]


def _as_doubles(column: Values) -> Values:
    return _held(column if set(map(type, column)) == {float} else list(map(to_double, column)))


def _as_singles(column: Values) -> Values:
    return _held(array("f", map(to_double, column)).tolist())


def _held(column: Values) -> Values:
    if not _are_finite(column):  # numbers of JSON are: one was too large
        raise OddValueError
    return column


def _moments(column: Values) -> Values:
    epoch, millisecond = EPOCH, _MILLISECOND
    try:
        return [epoch + ms * millisecond for ms in column]
    except OverflowError as error:
        raise OddValueError from error


# -- both ------------------------------------------------------------------------------------------------------------


def _checked(plan: Plan, *, nullable: bool, null: Any) -> Convert:
    """Return `checked`, with shorter ways for columns of one type, and nulls among them, as most are."""
    types, convert = plan
    check = checked(types, convert, nullable=nullable, null=null)
    first, keeps_nulls = types[0], nullable and null is None

    def run(column: Values) -> Values:
        found = list(map(type, column))
        count = found.count(first)
        if count == len(column):
            return column if convert is None else convert(column)
        if not keeps_nulls or count + found.count(_NULL) != len(column):
            return check(column)
        if convert is None:
            return column
        present = [value for value in column if value is not None]
        converted = convert(present)
        if converted is present:  # looked at, and nothing more
            return column
        rest = iter(converted)
        return [None if value is None else next(rest) for value in column]

    return run


def _within(code: str) -> Convert:
    """Return a column function for whole numbers that an array of a type takes: it looks at them faster than Python."""

    def check(column: Values) -> Values:
        try:
            array(code, column)
        except OverflowError as error:
            raise OddValueError from error
        return column

    return check


def _is_slow(schema: Schema) -> bool:
    return isinstance(schema, RecursiveSchema) or (schema.type is SchemaType.STRUCT and is_union(schema))


def _listed_or_mapped(schema: Schema, of: Callable[[Schema], Convert]) -> Plan | None:
    assert schema.value_schema is not None, "to_json_schema and to_connect refuse one without"
    if schema.type is SchemaType.ARRAY:
        return (list,), listed(of(schema.value_schema))
    is_plain = has_text_keys(schema) and schema.key_schema is not None and not schema.key_schema.is_logical
    return ((dict,), mapped(of(schema.value_schema))) if is_plain else None


def _one_by_one(schema: Schema, convert: Callable[[Schema, Any], Any]) -> Convert:
    def run(column: Values) -> Values:
        try:
            converted = list(map(convert, repeat(schema), column))
        except DataError as error:
            raise OddValueError from error
        if ABSENT in converted:
            raise OddValueError
        return converted

    return run


def _columns_of(names: Sequence[str]) -> Callable[[Values], Sequence[Values]]:
    """Return what parts structs into columns; it raises `KeyError` where one has not all of the fields."""
    if len(names) == 1:
        get_one = itemgetter(names[0])
        return lambda column: [list(map(get_one, column))]
    if not names:
        return lambda column: []
    get = itemgetter(*names)

    def columns_of(column: Values) -> Sequence[Values]:
        return list(zip(*map(get, column), strict=True)) or [[] for _ in names]  # type: ignore[arg-type]

    return columns_of


def _dicts(names: Sequence[str], columns: Sequence[Values], count: int) -> Values:
    if not names:
        return [{} for _ in range(count)]
    return list(map(dict, map(zip, repeat(names), zip(*columns, strict=True))))
