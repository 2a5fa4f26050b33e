"""Connect values to what binary COPY takes, column by column; and the column types for schemas.

The catalog decides: each column's own type says what its values must become. One look at the set of Python types in a
column (a C loop) tells whether anything needs converting, so columns that fit, which most do, pass as they are.

Types that the driver cannot write in binary (enums, inet, interval, xml, money, ranges, geometry, …) are staged as
text and cast by the server, which knows best.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from connect.api import (
    DATE_NAME,
    DECIMAL_NAME,
    OPTIONAL_BOOLEAN,
    OPTIONAL_BYTES,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    TIME_NAME,
    TIMESTAMP_NAME,
    DataError,
    Schema,
    SchemaType,
)
from connect_postgres.catalog import ColumnInfo
from connect_postgres.failures import reason
from connect_postgres.names import literal
from connect_postgres.semantic import read, type_of

_LOGICAL: Final = {DECIMAL_NAME: "numeric", DATE_NAME: "date", TIME_NAME: "time", TIMESTAMP_NAME: "timestamptz"}
_PLAIN: Final = {
    SchemaType.INT8: "smallint", SchemaType.INT16: "smallint", SchemaType.INT32: "integer", SchemaType.INT64: "bigint",
    SchemaType.FLOAT32: "real", SchemaType.FLOAT64: "double precision", SchemaType.BOOLEAN: "boolean",
    SchemaType.STRING: "text", SchemaType.BYTES: "bytea", SchemaType.STRUCT: "jsonb", SchemaType.MAP: "jsonb",
}  # fmt: skip
_PRECISION: Final = "connect.decimal.precision"
_PRECISION_MAX: Final = 1000
#: What the catalog calls types that columns are made with.
_CATALOG_NAMES: Final = {
    "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
    "time": "time without time zone", "timetz": "time with time zone", "varchar": "character varying",
    "bpchar": "character", "varbit": "bit varying", "int2": "smallint", "int4": "integer", "int8": "bigint",
    "float4": "real", "float8": "double precision", "bool": "boolean",
}  # fmt: skip
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY: Final = dt.date(1970, 1, 1)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_DAY_MS: Final = 86_400_000
#: What the driver takes for -infinity and infinity, by type: PostgreSQL has these values beside its infinities.
_ENDS: Final[dict[str, tuple[Any, Any]]] = {
    "date": (dt.date.min, dt.date.max),
    "timestamp without time zone": (dt.datetime.min, dt.datetime.max),
    "timestamp with time zone": (dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)),
}
#: Types with values that Python does not hold, and these as the server prints them: infinity, years before 1 and after
#: 9999, 24:00.
_TEMPORAL: Final = ("date", "time without time zone", "timestamp without time zone", "timestamp with time zone")
_BEYOND: Final = re.compile(r"-?infinity|24:00(:00(\.0+)?)?|\d{4,}-\d\d-\d\d([ T][\d:.]+(Z|[+-][\d:]+)?)?( BC)?")
#: An array as the server prints it, with the bounds of its dimensions where they are not from 1.
_LITERAL: Final = re.compile(r"(\[-?\d+:-?\d+\])*=?\{.*\}", re.DOTALL)
#: The scale of a Decimal that declares none, as the sources have it: what is filled up to it is not the number's.
_FILLED_SCALE: Final = "127"
_WIDE: Final = Context(prec=200_000)  # a numeric has up to 131,072 digits before the point and 16,383 after
_HEX: Final = re.compile(r"\\x((?:[0-9A-Fa-f]{2})*)")
_DECIMAL_HINT: Final = "Where it is a Decimal in base64, as JsonConverter writes it, set decimal.format=NUMERIC there."
_INT_BITS: Final = {"smallint": 16, "integer": 32, "bigint": 64}
#: The least that rounds to no finite number of the type: half a unit in the last place beyond its greatest.
_FLOAT_MAX: Final = {"real": 2**128 - 2**103, "double precision": 2**1024 - 2**970}
_NONE: Final = type(None)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Convert = Callable[[Any], Any]


class NoNumber(ValueError):
    """A text is none."""


# -- types for new columns -----------------------------------------------------------------------------------------


def column_type(schema: Schema) -> str:
    """Return the type of a column made for a schema."""
    if (told := type_of(schema)) is not None:
        return told
    if schema.name == DECIMAL_NAME:
        return _decimal_type(schema.parameters or {})
    if schema.name in _LOGICAL:
        return _LOGICAL[schema.name or ""]
    if schema.type is SchemaType.ARRAY:
        items = schema.value_schema
        inner = "jsonb" if items is None else column_type(items)
        # The type of an array has no number of dimensions.
        return inner if inner.endswith("[]") or inner == "jsonb" else f"{inner}[]"
    return _PLAIN[schema.type]


def _decimal_type(parameters: Mapping[str, str]) -> str:
    """A precision is the JDBC source's word of a column, and may be of another database: one that PostgreSQL does not
    take, or no scale, leaves any number room."""
    precision, scale = parameters.get(_PRECISION, ""), parameters.get("scale", "")
    if not (precision.isdecimal() and scale.isdecimal() and precision.isascii() and scale.isascii()):
        return "numeric"
    return f"numeric({precision},{scale})" if int(scale) <= int(precision) <= _PRECISION_MAX else "numeric"


def default_literal(schema: Schema, kind: str, zone: dt.tzinfo) -> str | None:
    """Return a schema's default for a column of this type, as SQL; None where it has none.

    Raises:
        DataError: It does not fit.
    """
    if schema.default is None:
        return None
    column = ColumnInfo("DEFAULT", _CATALOG_NAMES.get(kind.partition("(")[0], kind.partition("(")[0]), kind)
    if kind.endswith("[]"):
        inner = kind.removesuffix("[]").partition("(")[0]
        column = replace(column, type=_CATALOG_NAMES.get(inner, inner) + "[]")
    _, [value] = fit([schema.default], column, zone, schema)
    return f"{literal(_printed(value))}::{kind}"


def _printed(value: Any) -> str:
    """Return a value as PostgreSQL reads it."""
    if isinstance(value, list):
        return "{" + ",".join("NULL" if item is None else _item(item) for item in value) + "}"
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return repr(value) if isinstance(value, float) else _to_text(value)


def _item(value: Any) -> str:
    if isinstance(value, list):
        return _printed(value)
    return '"' + _printed(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def infer_schema(values: Iterable[Any]) -> Schema:
    """Return the optional schema of schemaless values of one field; text where they mix, or are all null."""
    given = [value for value in values if value is not None]
    kinds = set(map(type, given))
    if kinds == {int}:
        return OPTIONAL_INT64 if max(map(int.bit_length, given)) < 64 else Schema.decimal(0, optional=True)
    if kinds and kinds <= {dict, list}:
        return Schema.map(OPTIONAL_STRING, OPTIONAL_STRING, optional=True)
    if kinds == {int, float}:
        return OPTIONAL_FLOAT64
    if kinds == {int, Decimal}:
        return Schema.decimal(0, optional=True)
    return _INFERRED.get(next(iter(kinds)), OPTIONAL_STRING) if len(kinds) == 1 else OPTIONAL_STRING


_INFERRED: Final[dict[type, Schema]] = {
    float: OPTIONAL_FLOAT64,
    bool: OPTIONAL_BOOLEAN,
    bytes: OPTIONAL_BYTES,
    Decimal: Schema.decimal(0, optional=True),
    dt.datetime: Schema.timestamp(optional=True),
    dt.date: Schema.date(optional=True),
    dt.time: Schema.time(optional=True),
}


# -- values for columns --------------------------------------------------------------------------------------------


def staged_type(column: ColumnInfo) -> str | None:
    """Return the type under which a column is staged where COPY cannot write its own; None where it can."""
    if column.as_literal:
        return "text"
    if column.type.removesuffix("[]") in _FITTING and not column.as_text:
        return None
    return "text[]" if column.type.endswith("[]") else "text"


def fit(
    values: list[Any], column: ColumnInfo, zone: dt.tzinfo, declared: Schema | None = None
) -> tuple[ColumnInfo, list[Any]]:
    """Return a column's values as COPY takes them (the same list if they fit), and the column as it is staged.

    Args:
        zone: The zone of columns without one.
        declared: The field's schema, where there is one.

    Raises:
        DataError: One does not fit; names the column, its type and the value's kind.
    """
    is_array = column.type.endswith("[]")
    kind = column.type.removesuffix("[]")
    try:
        if is_array and any(type(value) is str and _LITERAL.fullmatch(value) for value in values):
            return replace(column, as_literal=True), list(map(_literal, values))
        values = read(values, kind, declared, zone)
        if kind == "bytea" and declared is not None and any(value is not None for value in values):
            _refuse_declared_text(declared.value_schema if declared.type is SchemaType.ARRAY else declared)
        if kind == "numeric" and declared is not None:
            values = _without_filling(values, declared)
        fitted = (_fit_arrays if is_array else _fit_plain)(values, kind, zone)
        if kind in _TEMPORAL and _needs_text(fitted, kind):
            return replace(column, as_text=True), _as_texts(fitted)
    except (ValueError, TypeError, ArithmeticError) as error:
        hint = _DECIMAL_HINT if isinstance(error, NoNumber) else None
        raise DataError(
            f"column {column.name} is {column.declared}, and a value does not fit: {reason(error)}",
            hint=hint,
            details={"column": column.name},
        ) from error
    return column, fitted


def _needs_text(values: list[Any], kind: str) -> bool:
    """Whether a value, or an item of an array, is one that the driver takes for an infinity, or that stayed a text."""
    kinds = set(map(type, values))
    if str in kinds or any(end in values for end in _ENDS.get(kind, ())):
        return True
    return list in kinds and any(_needs_text(value, kind) for value in values if type(value) is list)


def _as_texts(values: list[Any]) -> list[Any]:
    return [
        value
        if value is None or isinstance(value, str)
        else _as_texts(value)
        if isinstance(value, list)
        else value.isoformat()
        for value in values
    ]


def _literal(value: Any) -> str | None:
    """Return an array as the server reads it from a text; a text is one already."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        raise TypeError(f"a list is expected, not {type(value).__name__}")
    return "{" + ",".join(map(_literal_item, value)) + "}"


def _literal_item(item: Any) -> str:
    if item is None:
        return "NULL"
    if isinstance(item, list | tuple):
        return _literal(item) or ""
    told = f"\\x{bytes(item).hex()}" if isinstance(item, bytes | bytearray | memoryview) else _to_text(item)
    return '"' + told.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _without_filling(values: list[Any], declared: Schema) -> list[Any]:
    """Return decimals without the zeros that fill up those that declare no scale."""
    while declared.type is SchemaType.ARRAY and declared.value_schema is not None:
        declared = declared.value_schema
    if declared.name != DECIMAL_NAME or (declared.parameters or {}).get("scale") != _FILLED_SCALE:
        return values
    return [_trimmed(value) for value in values]


def _trimmed(value: Any) -> Any:
    if isinstance(value, list):
        return [_trimmed(item) for item in value]
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    trimmed = value.normalize(_WIDE)
    exponent = trimmed.as_tuple().exponent
    return trimmed.quantize(Decimal(1), context=_WIDE) if isinstance(exponent, int) and exponent > 0 else trimmed


def _refuse_declared_text(declared: Schema | None) -> None:
    if declared is not None and declared.type is SchemaType.STRING:
        raise TypeError("the field is text, and which bytes it means is not said; bytes are expected")


def unfit(columns: Sequence[ColumnInfo], values: Sequence[list[Any]]) -> str | None:
    """Return what is wrong with values that the driver refused although they have the right types; None if unknown."""
    return next((told for _, _, told in unfit_rows(columns, values)), None)


def unfit_rows(columns: Sequence[ColumnInfo], values: Sequence[list[Any]]) -> Iterator[tuple[int, ColumnInfo, str]]:
    """Give each value that the driver refuses although it has the right type: its row, its column, and why."""
    for column, given in zip(columns, values, strict=True):
        kind = column.type.removesuffix("[]")
        if _all_pass(given, kind):
            continue
        for row, value in enumerate(given):
            told = next(filter(None, (_refusal(item, kind) for item in _items(value))), None)
            if told is not None:
                yield row, column, f"column {column.name} is {column.declared}, and {told}"


def _all_pass(values: list[Any], kind: str) -> bool:
    """Whether none of a column's values is refused, where one look at all of them tells: one look at each takes longer
    than writing them."""
    kinds = set(map(type, values))
    given = [value for value in values if value is not None] if _NONE in kinds else values
    kinds.discard(_NONE)
    if kinds == {str}:
        text = "".join(given)
        return text.isascii() or not _SURROGATE.search(text)
    if kinds <= {int, bool} or (kinds == {float} and math.isfinite(sum(given))):  # NaN has no place in an order
        return not given or not (_refusal(min(given), kind) or _refusal(max(given), kind))
    return not kinds & {int, float, str, list}


def _items(value: Any) -> Iterator[Any]:
    """Give a value, or what is in an array of any depth."""
    if isinstance(value, list):
        for item in value:
            yield from _items(item)
    else:
        yield value


def _refusal(value: Any, kind: str) -> str | None:
    bits = _INT_BITS.get(kind)
    if bits is not None and isinstance(value, int) and not -(1 << bits - 1) <= value < 1 << bits - 1:
        return f"{value} is out of its range"
    if kind == "oid" and isinstance(value, int) and not 0 <= value < 1 << 32:
        return f"{value} is out of its range"
    if kind in _FLOAT_MAX and isinstance(value, int | float) and _FLOAT_MAX[kind] <= abs(value) != math.inf:
        return f"{value} is out of its range"
    if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
        return "a text holds half a surrogate pair, which UTF-8 has no bytes for"
    return None


def misfits(
    values: list[Any], column: ColumnInfo, zone: dt.tzinfo, declared: Schema | None = None
) -> Iterator[tuple[int, DataError]]:
    """Give each value that does not fit a column: its place, and the error that `fit` has for it alone."""
    for place, value in enumerate(values):
        try:
            fit([value], column, zone, declared)
        except DataError as error:
            yield place, error


def too_long(column: ColumnInfo, value: Any) -> bool:
    """Whether a value is beyond its column's length or precision, of which the server does not name the column."""
    if column.modifier < 4 or value is None:
        return False
    if column.type in ("character varying", "character") and isinstance(value, str):
        return len(value.rstrip(" ")) > column.modifier - 4
    if column.type == "numeric" and isinstance(value, int | Decimal):
        precision, scale = column.modifier - 4 >> 16 & 0xFFFF, column.modifier - 4 & 0x7FF
        number = Decimal(value)
        return number.is_finite() and number != 0 and round(number, scale).adjusted() >= precision - scale
    return False


def _fit_plain(values: list[Any], kind: str, zone: dt.tzinfo) -> list[Any]:
    kinds = set(map(type, values))
    kinds.discard(_NONE)
    if kinds <= _FITTING.get(kind, _TEXT):
        return values
    if kind in _ZONED:
        convert: Convert = lambda value: _ZONED[kind](value, zone)  # noqa: E731 - one of two ways to the same thing
    else:
        convert = _CONVERTERS.get(kind, _to_text)
    if kind in _TEMPORAL and str in kinds:
        return [None if value is None else _temporal(value, convert) for value in values]
    return [None if value is None else convert(value) for value in values]


def _temporal(value: Any, convert: Convert) -> Any:
    """Return a date or time; as the text that it is where Python does not hold it."""
    try:
        return convert(value)
    except (ValueError, OverflowError):
        if isinstance(value, str) and _BEYOND.fullmatch(value):
            return value
        raise


def _fit_arrays(values: list[Any], kind: str, zone: dt.tzinfo) -> list[Any]:
    fitted = []
    for value in values:
        if value is not None and not isinstance(value, list | tuple):
            raise TypeError(f"a list is expected, not {type(value).__name__}")
        nested = value is not None and any(isinstance(item, list) for item in value)
        fitted.append(value and (_fit_arrays if nested else _fit_plain)(list(value), kind, zone))
    return fitted


def _to_int(value: Any) -> int:
    if isinstance(value, dt.datetime):
        return (value - _EPOCH) // _MILLISECOND
    if isinstance(value, float | Decimal) and value != int(value):
        raise ValueError(f"{value} is no whole number")
    if isinstance(value, str):
        return _number(int, value)
    if isinstance(value, int | float | Decimal):
        return int(value)
    raise TypeError(f"a whole number is expected, not {type(value).__name__}")


def _to_float(value: Any) -> float:
    if isinstance(value, str):
        return _number(float, value)
    if isinstance(value, int | float | Decimal):
        return float(value)
    raise TypeError(f"a number is expected, not {type(value).__name__}")


_NumberT = TypeVar("_NumberT", int, float, Decimal)


def _number(kind: Callable[[str], _NumberT], text: str) -> _NumberT:
    try:
        if "_" not in text:  # which Python takes for a separator of digits
            return kind(text)
    except (ValueError, InvalidOperation):
        pass
    raise NoNumber(f"{_short(text)} is no {'whole number' if kind is int else 'number'}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _to_bool(value: Any) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())
    if known is None:
        raise ValueError("true or false is expected")
    return known


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _to_bits(value: Any) -> str:
    """A boolean is one bit, as the source of changes has a bit(1)."""
    return ("1" if value else "0") if isinstance(value, bool) else _to_text(value)


def _to_json(value: Any) -> str:
    """Text that is JSON stays as it is; other text becomes a JSON string."""
    if isinstance(value, str):
        try:
            json.loads(value, parse_constant=_no_constant)
        except ValueError:
            return json_text(value)
        return value
    return json_text(value)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def json_text(value: Any) -> str:
    """Return a value as JSON: what JSON has no type for as its text, bytes in base64."""
    return json.dumps(value, default=_json_member, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _json_member(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes | bytearray | memoryview) else _to_text(value)


def _to_decimal(value: Any) -> Decimal:
    if isinstance(value, float):
        return Decimal(repr(value))  # the shortest text that is this float, not its 50 binary digits
    if isinstance(value, str):
        number: Decimal = _number(Decimal, value)
        return number
    if isinstance(value, int | Decimal):
        return Decimal(value)
    raise TypeError(f"a number is expected, not {type(value).__name__}")


def _to_uuid(value: Any) -> uuid.UUID:
    return uuid.UUID(bytes=value) if isinstance(value, bytes) else uuid.UUID(str(value))


def _to_bytes(value: Any) -> bytes:
    """Text is base64, as Connect's JSON has bytes, or \\x and hex digits, as PostgreSQL prints them."""
    if isinstance(value, str):
        if found := _HEX.fullmatch(value):
            return bytes.fromhex(found[1])
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            raise ValueError(f"{_short(value)} is neither base64 nor \\x and hex digits") from None
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise TypeError(f"bytes are expected, not {type(value).__name__}")


def _to_date(value: Any) -> dt.date:
    """A number is days since the epoch, as Connect's Date counts; text is ISO 8601."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, int) and not isinstance(value, bool):
        return _EPOCH_DAY + dt.timedelta(days=value)
    return dt.date.fromisoformat(_iso(value, "a date"))


def _iso(value: Any, wanted: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{wanted} is expected, not {type(value).__name__}")
    return value


def _to_time(value: Any) -> dt.time:
    """A number is milliseconds since midnight, as Connect's Time counts; text is ISO 8601."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < _DAY_MS:
            raise ValueError(f"{value} ms are no time of a day")
        return (dt.datetime.min + dt.timedelta(milliseconds=value)).time()
    if isinstance(value, dt.datetime):
        return value.time()
    return dt.time.fromisoformat(_iso(value, "a time"))


def _to_timestamp(value: Any, zone: dt.tzinfo) -> dt.datetime:
    """A number is milliseconds since the epoch, as Connect's Timestamp counts.

    Text is ISO 8601, of `zone` where it names none.
    """
    if isinstance(value, bool):
        raise TypeError("a timestamp is expected, not bool")
    if isinstance(value, int | float):
        return _EPOCH + dt.timedelta(milliseconds=value)
    if isinstance(value, str):
        timestamp = dt.datetime.fromisoformat(value)
        return timestamp.replace(tzinfo=zone) if timestamp.tzinfo is None else timestamp
    if isinstance(value, dt.date):
        timestamp = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
    else:
        raise TypeError(f"a timestamp is expected, not {type(value).__name__}")
    return timestamp.replace(tzinfo=dt.UTC) if timestamp.tzinfo is None else timestamp


def _to_local(value: Any, zone: dt.tzinfo) -> dt.datetime:
    return _to_timestamp(value, zone).astimezone(zone).replace(tzinfo=None)


_TEXT: Final[frozenset[type]] = frozenset({str})
#: For each type that COPY writes in binary, the Python types that pass as they are.
_FITTING: Final[dict[str, frozenset[type]]] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "oid"), frozenset({int})),
    **dict.fromkeys(("real", "double precision"), frozenset({int, float})),
    **dict.fromkeys(("text", "character varying", "character", "name"), _TEXT),
    "boolean": frozenset({bool}),
    "bytea": frozenset({bytes}),
    "numeric": frozenset({int, Decimal}),
    "uuid": frozenset({uuid.UUID}),
    "date": frozenset({dt.date}),
    "time without time zone": frozenset({dt.time}),
    # Looked at one by one: text may be JSON already, a datetime may lack its zone.
    **dict.fromkeys(("json", "jsonb", "timestamp with time zone", "timestamp without time zone"), frozenset()),
}
_CONVERTERS: Final[dict[str, Convert]] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "oid"), _to_int),
    **dict.fromkeys(("real", "double precision"), _to_float),
    **dict.fromkeys(("json", "jsonb"), _to_json),
    **dict.fromkeys(("bit", "bit varying"), _to_bits),
    "boolean": _to_bool,
    "bytea": _to_bytes,
    "numeric": _to_decimal,
    "uuid": _to_uuid,
    "date": _to_date,
    "time without time zone": _to_time,
}
_ZONED: Final[dict[str, Callable[[Any, dt.tzinfo], Any]]] = {
    "timestamp with time zone": _to_timestamp,
    "timestamp without time zone": _to_local,
}
