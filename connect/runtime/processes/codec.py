"""What crosses between a worker and a plugin's process, as bytes: plain values, batches, schemas, errors.

Both directions use MessagePack with types of our own, and nothing that runs code when it is read: what comes from a
plugin's process is a stranger's. A value comes out as it went in, of the same Python type; subclasses of plain types
become the plain ones, and a time zone that is no `zoneinfo.ZoneInfo`, or one that is not known there or has other rules
there, becomes its offset at that moment. Schemas are sent whole each time, and read from a small cache.

A moment is written as RFC 9557 has it: 2026-10-25T02:30:00+01:00[Europe/Berlin], and [fold=1] behind that where it has
it: the second of two equal hours.
"""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import ormsgpack

from connect.api import Batch, CommittedRecord, DataError, Header, Headers, Problem, RecordMetadata, Schema
from connect.api.connector import Signal
from connect.api.schema import Field
from connect.api.struct_column import Repeated, StructColumn
from connect.api.structs import Struct

_Moment = TypeVar("_Moment", dt.datetime, dt.time)
#: Schemas that each side keeps, by their bytes and by themselves.
SCHEMAS_MAX: Final = 1000
#: Rows that a message may claim beyond those that it brings bytes for: ranges and columns of structs say how many they
#: are, all together.
ROWS_MAX: Final = 4 << 20
#: How deep what is read may nest, lists, dicts and types of ours together: each level takes of the C stack, whose end
#: is the end of the process.
DEPTH_MAX: Final = 1000
#: So many types of ours within each other are read without a look ahead: each may hold as many lists within each other
#: as ormsgpack takes, 1,024.
_TRUSTED_DEPTH: Final = 8

_BIG, _TEXT, _TUPLE, _DECIMAL, _DATE, _TIME, _DATETIME, _STRUCT, _SCHEMA, _RANGE = range(1, 11)
_HEADERS, _BATCH, _COMMITTED, _SIGNAL, _PROBLEM, _PAIRS, _COLUMN, _REPEATED = range(11, 19)
#: Time zones that are kept, known or not.
_ZONES_MAX: Final = 1000
_FOLD: Final = "fold=1]"
#: Keys that are no text go the long way round: ormsgpack would make text of dates among them.
_OPTIONS: Final = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_BATCH_FIELDS: Final = (
    "topic", "values", "keys", "partition", "timestamps", "headers", "key_schema", "value_schema", "source_partition",
    "source_offset", "source_offsets", "offsets", "original_topic", "original_partition",
)  # fmt: skip
_SCHEMA_FIELDS: Final = ("optional", "name", "version", "doc", "parameters", "default", "key_schema", "value_schema")

_packed: dict[Schema, bytes] = {}
_unpacked: dict[bytes, Schema] = {}


def pack(value: Any) -> bytes:
    """Return a value's bytes.

    Raises:
        DataError: Something in it is of a type that does not cross, or it claims more rows than it has bytes for.
    """
    _writing.rows = 0
    data = _pack(value)
    if _writing.rows > (limit := max(ROWS_MAX, len(data))):
        raise DataError(
            f"{_writing.rows} rows in one batch do not cross to the plugin's process, or back: at most {limit}"
        )
    return data


def _pack(value: Any) -> bytes:
    rows = _writing.rows
    try:
        return ormsgpack.packb(value, default=_default, option=_OPTIONS)
    except DataError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        if "Type is not" in str(error):
            raise _no_type(error) from None
    # Texts that UTF-8 cannot hold, and keys of other types, are rare: only then is all of it gone through.
    _writing.rows = rows
    try:
        return _pack_deep(value)
    except DataError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise _no_type(error) from None


def _no_type(error: Exception) -> DataError:
    refused, _writing.refused = _writing.refused, None
    if refused is not None:
        return refused
    return DataError(f"a value does not cross to the plugin's process, or back: {error}")


def unpack(data: bytes | bytearray | memoryview) -> Any:
    """Return what `pack` was given.

    Raises:
        ValueError: These are no such bytes, whoever sent them.
    """
    _reading.rows_left, _reading.why = max(ROWS_MAX, len(data)), ""
    try:
        return ormsgpack.unpackb(data, ext_hook=_hook, option=ormsgpack.OPT_NON_STR_KEYS)
    except Exception as error:  # whatever the constructors of what is made here raise for nonsense
        raise ValueError(f"no message: {_reading.why or error}") from error


class _Writing(threading.local):
    """Of what is packed: what was refused within, since ormsgpack tells only that something was; and the rows that it
    claims."""

    refused: DataError | None = None
    rows = 0


_writing = _Writing()


# -- there -------------------------------------------------------------------------------------------------------------


def _default(value: Any) -> Any:
    return _ext(value, _pack)


def _default_deep(value: Any) -> Any:
    return _ext(value, _pack_deep)


def _pack_deep(value: Any) -> bytes:
    return ormsgpack.packb(_without_surrogates(value), default=_default_deep, option=_OPTIONS)


def _ext(value: Any, pack: Callable[[Any], bytes]) -> Any:
    try:
        return _encoded(value, pack)
    except DataError as error:
        _writing.refused = error
        raise


def _encoded(value: Any, pack: Callable[[Any], bytes]) -> Any:
    encode = _ENCODERS.get(type(value))
    if encode is not None:
        tag, inner = encode(value)
        return ormsgpack.Ext(tag, inner if isinstance(inner, bytes) else pack(inner))
    for plain, make in _PLAIN:
        if isinstance(value, plain):
            return make(value)
    raise DataError(
        f"a value of type {type(value).__module__}.{type(value).__qualname__} does not cross between a worker and a "
        "plugin's process; expected one of the types of connect.api.schema"
    )


def _schema_bytes(schema: Schema) -> tuple[int, bytes]:
    found = _packed.get(schema)
    if found is None:
        fields = [[field.name, field.schema] for field in schema.fields]
        found = _pack([schema.type.value, fields, *(getattr(schema, name) for name in _SCHEMA_FIELDS)])
        if len(_packed) >= SCHEMAS_MAX:
            _packed.clear()
        _packed[schema] = found
    return _SCHEMA, found


def _moment_bytes(value: dt.datetime | dt.time) -> bytes:
    text = value.isoformat()
    if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key is not None:
        text += f"[{value.tzinfo.key}]"
    return (f"{text}[{_FOLD}" if value.fold else text).encode()


def _range_items(value: range) -> list[int]:
    _writing.rows += _count(value)
    return [value.start, value.stop, value.step]


def _column_items(value: StructColumn) -> list[Any]:
    _writing.rows += len(value)
    return [dict(value.fields), len(value)]


def _count(value: range) -> int:
    """Return a range's length; `len` cannot tell that of a long one."""
    return max(0, -((value.start - value.stop) // value.step))


_ENCODERS: Final[dict[type, Callable[[Any], tuple[int, Any]]]] = {
    int: lambda value: (_BIG, (b"-%x" % -value) if value < 0 else b"%x" % value),
    tuple: lambda value: (_TUPLE, list(value)),
    decimal.Decimal: lambda value: (_DECIMAL, str(value).encode()),
    dt.date: lambda value: (_DATE, value.isoformat().encode()),
    dt.time: lambda value: (_TIME, _moment_bytes(value)),
    dt.datetime: lambda value: (_DATETIME, _moment_bytes(value)),
    Struct: lambda value: (_STRUCT, [value.schema, dict(value)]),
    Schema: _schema_bytes,
    range: lambda value: (_RANGE, _range_items(value)),
    Headers: lambda value: (_HEADERS, [[*header] for header in value]),
    Header: lambda value: (_TUPLE, list(value)),
    Batch: lambda value: (_BATCH, [getattr(value, name) for name in _BATCH_FIELDS]),
    CommittedRecord: lambda value: (_COMMITTED, [dict(value[0]), dict(value[1]), value[2] and list(value[2])]),
    Signal: lambda value: (_SIGNAL, [value.id, value.type, dict(value.data)]),
    StructColumn: lambda value: (_COLUMN, _column_items(value)),
    Repeated: lambda value: (_REPEATED, [value.value]),
    Problem: lambda value: (_PROBLEM, [value.key, value.message]),
}


def _plain_date(value: dt.date) -> dt.date:
    return dt.date(value.year, value.month, value.day)


def _plain_time(value: dt.datetime | dt.time) -> dt.time:
    return dt.time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)


#: Subclasses of plain types, and what takes their place.
_PLAIN: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (bool, bool),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes),
    (Mapping, dict),
    (tuple, tuple),
    (list, list),
    (memoryview, bytes),
    (decimal.Decimal, decimal.Decimal),
    (dt.datetime, lambda value: dt.datetime.combine(_plain_date(value), _plain_time(value))),
    (dt.time, _plain_time),
    (dt.date, _plain_date),
    (Sequence, list),
)


def _without_surrogates(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            return ormsgpack.Ext(_TEXT, value.encode("utf-8", "surrogatepass"))
        return value
    if kind is list:
        return [_without_surrogates(item) for item in value]
    if kind is dict:
        if all(type(key) is str and key.isascii() for key in value):
            return {key: _without_surrogates(item) for key, item in value.items()}
        pairs = [[_without_surrogates(key), _without_surrogates(item)] for key, item in value.items()]
        return ormsgpack.Ext(_PAIRS, ormsgpack.packb(pairs, default=_default_deep, option=_OPTIONS))
    return value


# -- back --------------------------------------------------------------------------------------------------------------


def _schema(data: bytes) -> Schema:
    found = _unpacked.get(data)
    if found is None:
        kind, fields, *properties = _inner(data)
        named = dict(zip(_SCHEMA_FIELDS, properties, strict=True))
        found = Schema(kind, fields=[Field(name, at, schema) for at, (name, schema) in enumerate(fields)], **named)
        if len(_unpacked) >= SCHEMAS_MAX:
            _unpacked.clear()
        _unpacked[bytes(data)] = found
    return found


class _Reading(threading.local):
    """How many types of ours the thread is within, how many rows the message may still claim; and what was wrong with
    it, since ormsgpack tells only that something was."""

    depth = 0
    rows_left = 0
    why = ""


_reading = _Reading()


def _inner(data: bytes) -> Any:
    depth = _reading.depth
    if depth == _TRUSTED_DEPTH:
        _look_ahead(data)
    _reading.depth = depth + 1
    try:
        return ormsgpack.unpackb(data, ext_hook=_hook, option=ormsgpack.OPT_NON_STR_KEYS)
    finally:
        _reading.depth = depth


def _look_ahead(data: bytes) -> None:
    """Refuse what nests too deep, without nesting: only what is well formed is followed further than its reader does.

    Raises:
        ValueError: It nests deeper than `DEPTH_MAX`.
    """
    at, end = 0, len(data)
    left = [1]
    while left and at < end:
        if not left[-1]:
            left.pop()
            continue
        left[-1] -= 1
        first = data[at]
        at += 1
        if first < 0x80 or first >= 0xE0:  # a small number
            continue
        if first < 0x90:
            items, size = 2 * (first & 0x0F), 0
        elif first < 0xA0:
            items, size = first & 0x0F, 0
        elif first < 0xC0:
            items, size = 0, first & 0x1F
        else:
            length, factor, fixed = _HEADS[first]
            count = int.from_bytes(data[at : at + length], "big")
            at += length
            items, size = (factor * count, 0) if factor else (0, fixed + (count if length else 0))
            if first in _EXTENSIONS:
                tag = data[at] if at < end else 0
                items, size = (0, size) if tag in _FLAT else (1, 1)
        at += size
        if items:
            left.append(items)
            if len(left) > DEPTH_MAX:
                raise ValueError(f"it nests deeper than {DEPTH_MAX} levels")


#: MessagePack's types from 0xc0 on: bytes of the length, items for each one counted (0: none), bytes beside it.
_HEADS: Final = {
    **dict.fromkeys((0xC0, 0xC1, 0xC2, 0xC3), (0, 0, 0)),
    0xC4: (1, 0, 0), 0xC5: (2, 0, 0), 0xC6: (4, 0, 0), 0xC7: (1, 0, 1), 0xC8: (2, 0, 1), 0xC9: (4, 0, 1),
    0xCA: (0, 0, 4), 0xCB: (0, 0, 8), 0xCC: (0, 0, 1), 0xCD: (0, 0, 2), 0xCE: (0, 0, 4), 0xCF: (0, 0, 8),
    0xD0: (0, 0, 1), 0xD1: (0, 0, 2), 0xD2: (0, 0, 4), 0xD3: (0, 0, 8), 0xD4: (0, 0, 2), 0xD5: (0, 0, 3),
    0xD6: (0, 0, 5), 0xD7: (0, 0, 9), 0xD8: (0, 0, 17), 0xD9: (1, 0, 0), 0xDA: (2, 0, 0), 0xDB: (4, 0, 0),
    0xDC: (2, 1, 0), 0xDD: (4, 1, 0), 0xDE: (2, 2, 0), 0xDF: (4, 2, 0),
}  # fmt: skip
_EXTENSIONS: Final = frozenset((*range(0xC7, 0xCA), *range(0xD4, 0xD9)))
#: Types of ours that hold plain bytes.
_FLAT: Final = frozenset((_BIG, _TEXT, _DECIMAL, _DATE, _TIME, _DATETIME))


def _committed(data: bytes) -> CommittedRecord:
    partition, offset, metadata = _inner(data)
    return CommittedRecord(partition, offset, metadata and RecordMetadata(*metadata))


def _batch(data: bytes) -> Batch:
    return Batch(**dict(zip(_BATCH_FIELDS, _inner(data), strict=True)))


def _moment(kind: type[_Moment], data: bytes) -> _Moment:
    text, *tags = bytes(data).decode("utf-8").split("[")
    found = kind.fromisoformat(text)
    if tags and tags[-1] == _FOLD:
        del tags[-1]
        found = found.replace(fold=1)
    if not tags:
        return found
    (tag,) = tags
    if not tag.endswith("]"):
        raise ValueError(f"no time zone: {tag!r:.40}")
    zone = _zone(tag[:-1])
    placed = found if zone is None else found.replace(tzinfo=zone)
    return placed if placed.utcoffset() == found.utcoffset() else found


@functools.lru_cache(_ZONES_MAX)
def _zone(key: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError):  # it is not known here
        return None


def _range(data: bytes) -> range:
    found = range(*_inner(data))
    _claim(_count(found))
    return found


def _column(data: bytes) -> StructColumn:
    fields, count = _inner(data)
    _claim(count)
    return StructColumn(fields, count)


def _claim(count: Any) -> None:
    """Take rows that a stranger says there are, before memory is taken for them."""
    if type(count) is not int or not 0 <= count <= _reading.rows_left:
        raise ValueError(f"{count!r:.40} rows, of which at most {_reading.rows_left} may be")
    _reading.rows_left -= count


_DECODERS: Final[dict[int, Callable[[bytes], Any]]] = {
    _BIG: lambda data: int(bytes(data), 16),
    _TEXT: lambda data: bytes(data).decode("utf-8", "surrogatepass"),
    _TUPLE: lambda data: tuple(_inner(data)),
    _DECIMAL: lambda data: decimal.Decimal(bytes(data).decode("ascii")),
    _DATE: lambda data: dt.date.fromisoformat(bytes(data).decode("ascii")),
    _TIME: lambda data: _moment(dt.time, data),
    _DATETIME: lambda data: _moment(dt.datetime, data),
    _STRUCT: lambda data: Struct(*_inner(data)),
    _SCHEMA: _schema,
    _RANGE: _range,
    _HEADERS: lambda data: Headers(Header(*header) for header in _inner(data)),
    _BATCH: _batch,
    _COMMITTED: _committed,
    _SIGNAL: lambda data: Signal(*_inner(data)),
    _PROBLEM: lambda data: Problem(*_inner(data)),
    _COLUMN: _column,
    _REPEATED: lambda data: Repeated(*_inner(data)),
    _PAIRS: lambda data: dict(_inner(data)),
}


def _hook(tag: int, data: bytes) -> Any:
    try:
        return _DECODERS[tag](data)
    except Exception as error:
        _reading.why = _reading.why or f"{error}"
        raise
