"""Values without a schema: what schema one would have, and whether it fits one that is known.

JSON without schemas tells of a field only what its value is. So an integer that fits a known type of numbers is of that
type, null fits every field that may be null, and each field is optional.
"""

from __future__ import annotations

import datetime as dt
import decimal
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from connect.api import BOOLEAN, BYTES, FLOAT64, INT64, STRING, Schema, SchemaType
from connect.api.logical import DECIMAL
from connect.api.logical import scale as scale_of
from connect.api.schema_type import INT_BITS
from connect.runtime.contracts.changes import NULL, Beside, is_mixed, is_required, merged_all

_INTS: Final = frozenset(INT_BITS)
_FLOATS: Final = frozenset({SchemaType.FLOAT32, SchemaType.FLOAT64})
#: By class, as json and the converters make them; a bool is no int here.
_SCALARS: Final[Mapping[type, Schema]] = {
    bool: BOOLEAN,
    int: INT64,
    float: FLOAT64,
    str: STRING,
    bytes: BYTES,
    bytearray: BYTES,
    memoryview: BYTES,
    dt.date: Schema.date(),
    dt.time: Schema.time(),
    dt.datetime: Schema.timestamp(),
}


def schema_of(value: Any, known: Schema | None = None) -> Schema | None:
    """Return the schema that a value would have; None for null where nothing is known.

    Args:
        known: What is known of its place. What fits that has it, as far as it fits.
    """
    if value is None:
        return known if known is None or known == NULL else known.replace(optional=True, default=None)
    if known is not None and _fits_scalar(value, known):
        return known.replace(optional=False, default=None)
    for cls in type(value).__mro__:
        if (scalar := _SCALARS.get(cls)) is not None:
            return scalar
    if isinstance(value, decimal.Decimal):
        exponent = value.as_tuple().exponent
        return Schema.decimal(max(0, -exponent) if isinstance(exponent, int) else 0)
    if isinstance(value, Mapping):
        return _of_mapping(value, known)
    if isinstance(value, list | tuple):
        items = known.value_schema if known is not None and known.type is SchemaType.ARRAY else None
        return Schema.array(_of_all(value, items))
    return Schema(SchemaType.STRING, name=type(value).__qualname__)


def _fits_scalar(value: Any, known: Schema) -> bool:
    if known.type in (SchemaType.ARRAY, SchemaType.MAP, SchemaType.STRUCT):
        return False
    return fits(known)(value)


def _of_mapping(value: Mapping[Any, Any], known: Schema | None) -> Schema:
    if not all(isinstance(name, str) for name in value):
        return Schema.map(_of_all(list(value), None), _of_all(list(value.values()), None))
    if known is not None and known.type is SchemaType.MAP:
        return Schema.map(_of_all(list(value), known.key_schema), _of_all(list(value.values()), known.value_schema))
    fields: dict[str, Schema] = {}
    for name, item in value.items():
        before = known.field(name) if known is not None and known.type is SchemaType.STRUCT else None
        made = schema_of(item, None if before is None else before.schema)
        fields[name] = NULL if made is None else made.replace(optional=item is None or before is None)
    return Schema.struct(fields)


def _of_all(values: list[Any] | tuple[Any, ...], known: Schema | None) -> Schema | None:
    made = dict.fromkeys(schema_of(item, known) for item in values)
    schemas = [NULL if one is None else one for one in made]
    return merged_all(schemas, beside=Beside(known)) if schemas else None


class Shapes:
    """Tells by what values look like which have one schema, for a fraction of what that costs.

    Args:
        known: As of `schema_of`; which sizes of whole numbers are told apart depends on it.
    """

    def __init__(self, known: Schema | None = None) -> None:
        self._sizes = sorted(bits - 1 for bits in _bits_of(known) | {64})

    def __call__(self, value: Any) -> Any:
        """Return a key that is equal for values of one schema; of its own for one that is nested too deeply."""
        try:
            return self._shape(value)
        except RecursionError:
            return object()

    def _shape(self, value: Any) -> Any:
        cls = type(value)
        if cls is int:
            return bisect_left(self._sizes, (value if value >= 0 else ~value).bit_length())
        if isinstance(value, Mapping):
            if not all(isinstance(name, str) for name in value):
                return cls, self._of_all(value), self._of_all(value.values())
            return tuple((name, self._shape(item)) for name, item in value.items())
        if isinstance(value, list | tuple):
            return list, self._of_all(value)
        return (cls, value.as_tuple().exponent) if isinstance(value, decimal.Decimal) else cls

    def _of_all(self, values: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(map(self._shape, values)))


def _bits_of(schema: Schema | None) -> set[int]:
    """Return how wide the whole numbers of a schema are."""
    if schema is None:
        return set()
    parts = (*(field.schema for field in schema.fields), schema.key_schema, schema.value_schema)
    return {INT_BITS[schema.type]} if schema.type in _INTS else {bits for part in parts for bits in _bits_of(part)}


def learned(schema: Schema) -> Schema:
    """Return what is learned of values without a schema: any of their fields may be absent next time."""
    if schema.type is SchemaType.STRUCT:
        return schema.replace(fields=[(f.name, learned(f.schema).replace(optional=True)) for f in schema.fields])
    if schema.value_schema is not None:
        return schema.replace(value_schema=learned(schema.value_schema))
    return schema


def fits(schema: Schema) -> Callable[[Any], bool]:
    """Return what says quickly whether a value surely fits a schema. Build it once."""
    check = _fits(schema)
    return (lambda value: value is None or check(value)) if schema.optional or schema.default is not None else check


def _fits(schema: Schema) -> Callable[[Any], bool]:
    kind = schema.type
    if kind is SchemaType.STRUCT:
        return _fits_struct(schema)
    if kind is SchemaType.ARRAY:
        items = None if schema.value_schema is None else fits(schema.value_schema)
        return lambda value: (
            isinstance(value, list | tuple) and (not value or (items is not None and all(map(items, value))))
        )
    if kind is SchemaType.MAP:
        return _fits_map(schema)
    if schema == NULL:
        return lambda _value: False
    if is_mixed(schema):
        return lambda _value: True
    if kind in _INTS and not schema.is_logical:
        low = -(1 << INT_BITS[kind] - 1)
        return lambda value: type(value) is int and low <= value < -low
    if kind in _FLOATS:
        return lambda value: type(value) is float or type(value) is int
    if schema.name == DECIMAL.schema_name:
        return _fits_decimal(schema)
    expected = _scalar_classes(schema)
    return lambda value: type(value) in expected


def _scalar_classes(schema: Schema) -> frozenset[type]:
    """Return the classes of a type's values. A name that is none of Kafka's says nothing of them."""
    name = schema.name if schema.is_logical else None
    return frozenset(cls for cls, of in _SCALARS.items() if of.type is schema.type and of.name == name)


def _fits_decimal(schema: Schema) -> Callable[[Any], bool]:
    digits = scale_of(schema)

    def check(value: Any) -> bool:
        if not isinstance(value, decimal.Decimal):
            return False
        exponent = value.as_tuple().exponent
        return isinstance(exponent, int) and -exponent <= digits

    return check


def _fits_struct(schema: Schema) -> Callable[[Any], bool]:
    # By class where that says it all: most fields are texts, booleans and nulls, and a call for each would cost more.
    checks = {field.name: (_classes_that_fit(field.schema), fits(field.schema)) for field in schema.fields}
    required = frozenset(field.name for field in schema.fields if is_required(field.schema))

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping) or (required and not required <= value.keys()):
            return False
        for name, item in value.items():
            known = checks.get(name)
            if known is None or not (type(item) in known[0] or known[1](item)):
                return False
        return True

    return check


def _classes_that_fit(schema: Schema) -> frozenset[type]:
    """Return classes all of whose values fit."""
    may_be_null = schema.optional or schema.default is not None
    null = frozenset({type(None)}) if may_be_null else frozenset[type]()
    if schema == NULL or schema.name == DECIMAL.schema_name or (schema.type in _INTS and not schema.is_logical):
        return null
    return null | _scalar_classes(schema)


def _fits_map(schema: Schema) -> Callable[[Any], bool]:
    keys = None if schema.key_schema is None else fits(schema.key_schema)
    values = None if schema.value_schema is None else fits(schema.value_schema)

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        return not value or (
            keys is not None and values is not None and all(map(keys, value)) and all(map(values, value.values()))
        )

    return check
