"""Values as records, column by column: each field's values are turned together, then the messages are made of them.

What becomes of a field is decided once, when the writer is made.

Source: Confluent's ProtobufData, fromConnectData (schema-registry 8.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.message import EncodeError

from connect.api import DataError, Schema, SchemaType
from connect.api.java import java_class
from connect_protofiles import ProtoError, linked
from connect_schemas.converting import one_by_one
from connect_schemas.errors import INVALID
from connect_schemas.protobuf.logical import PARTS
from connect_schemas.protobuf.options import Options, enum_name, is_union, is_wrapped
from connect_schemas.protobuf.to_proto import Made, enum_values, field_name, proto_type
from connect_schemas.singles import odd_single

#: From a field's values to what its message takes; None stays None, which is not set.
Turn = Callable[[list[Any]], list[Any]]

_PYTHON: Final = {
    SchemaType.INT8: (int,), SchemaType.INT16: (int,), SchemaType.INT32: (int,), SchemaType.INT64: (int,),
    SchemaType.FLOAT32: (float, int), SchemaType.FLOAT64: (float, int), SchemaType.BOOLEAN: (bool,),
    SchemaType.STRING: (str,), SchemaType.BYTES: (bytes, bytearray, memoryview),
}  # fmt: skip
_RANGES: Final = {
    SchemaType.INT8: 1 << 7,
    SchemaType.INT16: 1 << 15,
    SchemaType.INT32: 1 << 31,
    SchemaType.INT64: 1 << 63,
}
_SMALL: Final = {SchemaType.INT8: 1 << 7, SchemaType.INT16: 1 << 15}
_UNSIGNED: Final = {"uint32": 1 << 32, "fixed32": 1 << 32, "uint64": 1 << 64, "fixed64": 1 << 64}
_ERRORS: Final = (TypeError, ValueError, AttributeError, KeyError, EncodeError, OverflowError, RecursionError)


def class_of(made: Made) -> Any:
    """Return the class of a schema's messages.

    Raises:
        DataError: schemas.invalid: the schema contradicts itself in Protobuf.
    """
    try:
        pool = linked(made.file).pool
    except ProtoError as error:
        raise DataError(
            f"the schema has no form in Protobuf: {error}",
            code=INVALID,
            hint="Where it is a name that Protobuf does not take, set scrub.invalid.names=true.",
        ) from None
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(made.message))


class ProtobufWriter:
    """Writes values of one Connect schema.

    Args:
        message_class: Of its messages.
        head: What stands in front of each record's data: the indexes of its message.
    """

    def __init__(self, schema: Schema, message_class: Any, options: Options, head: bytes) -> None:
        self._class = message_class
        self.head = head
        self._parts = _Turns(options).root(schema)
        self._is_flat = _flat(schema, options)

    def write(self, values: Sequence[Any]) -> list[bytes]:
        """Return the records of values."""
        try:
            return self._written(list(values))
        except (*_ERRORS, DataError):
            return one_by_one(values, self._one)

    def _one(self, value: Any) -> bytes:
        try:
            return self._written([value])[0]
        except _ERRORS as error:
            raise DataError(f"the value does not fit its schema: {str(error)[:500]}") from error

    def _written(self, values: list[Any]) -> list[bytes]:
        make, head = self._class, self.head
        if self._is_flat is not None and self._is_flat(values):
            return [head + make(**value).SerializeToString() for value in values]
        return [head + make(**parts).SerializeToString() for parts in self._parts(values)]


def _flat(schema: Schema, options: Options) -> Callable[[list[Any]], bool] | None:
    """Return what says whether structs are such as a message takes them; None where those of a schema never are.

    They have each field, and no other, and the fields are of plain types. What does not hold of them is no error: they
    go the long way, which finds it.
    """
    names = [each.name for each in schema.fields]
    if len(names) < 2 or not all(_is_plain(each.schema, each.name, options) for each in schema.fields):
        return None
    row = itemgetter(*names)
    allowed = [frozenset((*_PYTHON[each.schema.type], type(None))) for each in schema.fields]
    small = [_SMALL.get(each.schema.type) for each in schema.fields]
    singles = [index for index, each in enumerate(schema.fields) if each.schema.type is SchemaType.FLOAT32]

    def is_flat(values: list[Any]) -> bool:
        try:
            columns = list(zip(*map(row, values), strict=True))
        except (KeyError, TypeError):
            return False
        if set(map(len, values)) != {len(names)}:
            return False
        for column, kinds, limit in zip(columns, allowed, small, strict=True):
            found = set(map(type, column))
            if not found <= kinds:
                return False
            if limit is not None and (type(None) in found or not -limit <= min(column) <= max(column) < limit):
                return False
        return all(odd_single([value for value in columns[at] if value is not None]) is None for at in singles)

    return is_flat


def _is_plain(schema: Schema, name: str, options: Options) -> bool:
    return (
        schema.type in _PYTHON
        and schema.type is not SchemaType.BYTES
        and schema.name not in PARTS
        and schema.default is None
        and enum_name(schema) is None
        and proto_type(schema) not in _UNSIGNED
        and not is_wrapped(schema, options, in_oneof=False)
        and field_name(name, options) == name
    )


class _Turns:
    """The turns of a schema: those of a struct that is within itself are made once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._structs: dict[int, Turn] = {}
        self._kept: list[Any] = []

    def root(self, schema: Schema) -> Turn:
        if schema.name in PARTS:
            return self._logical(schema)
        if schema.type is SchemaType.STRUCT:
            return self._struct(schema)
        plain = self._plain(schema)
        return lambda values: [{"value": value} for value in plain(values)]

    def _turn(self, schema: Schema, *, in_oneof: bool = False) -> Turn:
        if schema.name in PARTS:
            return self._logical(schema)
        match schema.type:
            case SchemaType.STRUCT:
                return self._struct(schema)
            case SchemaType.ARRAY:
                assert schema.value_schema is not None
                return _array(self._turn(schema.value_schema))
            case SchemaType.MAP:
                return self._map(schema)
        if enum_name(schema) is not None:
            return self._enum(schema)
        plain = self._plain(schema)
        if is_wrapped(schema, self._options, in_oneof=in_oneof):
            return lambda values: [None if value is None else {"value": value} for value in plain(values)]
        return plain

    # -- single values -----------------------------------------------------------------------------------------------

    @staticmethod
    def _logical(schema: Schema) -> Turn:
        parts = PARTS[schema.name or ""]
        return lambda values: [None if value is None else parts(schema, value) for value in values]

    @staticmethod
    def _plain(schema: Schema) -> Turn:
        kind = schema.type
        allowed = frozenset((*_PYTHON[kind], type(None)))
        limit, modulus = _RANGES.get(kind), _UNSIGNED.get(proto_type(schema))

        def turned(values: list[Any]) -> list[Any]:
            kinds = set(map(type, values))
            if not kinds <= allowed:
                odd = next(value for value in values if type(value) not in allowed)
                if not isinstance(odd, tuple(_PYTHON[kind])) or isinstance(odd, bool):
                    raise DataError(f"Invalid type for {kind.name}: class {java_class(odd)}")
            if limit is not None:
                present = values if type(None) not in kinds else [value for value in values if value is not None]
                if present and not (min(present) >= -limit and max(present) < limit):
                    odd = next(value for value in present if not -limit <= value < limit)
                    raise DataError(f"{odd} is no {kind.name}")
                if modulus is not None:
                    return [None if value is None else value % modulus for value in values]
            elif kind is SchemaType.FLOAT32:
                odd = odd_single([value for value in values if value is not None])
                if odd is not None:
                    raise DataError(f"{odd} is no {kind.name}")
            elif kind is SchemaType.BYTES and not kinds <= {bytes, type(None)}:
                return [None if value is None else bytes(value) for value in values]
            return values

        return turned

    def _enum(self, schema: Schema) -> Turn:
        numbers = enum_values(schema, self._options)
        known = frozenset(numbers.values())

        def number(value: Any) -> int | None:
            if value is None:
                return None
            found = numbers.get(value) if isinstance(value, str) else value
            if not isinstance(found, int) or isinstance(found, bool) or found not in known:
                raise DataError(f"{value!r} is none of enum {enum_name(schema)}")
            return int(found)

        return lambda values: [number(value) for value in values]

    # -- values with others within -----------------------------------------------------------------------------------

    def _map(self, schema: Schema) -> Turn:
        assert schema.key_schema is not None
        assert schema.value_schema is not None
        keys, items = self._turn(schema.key_schema), self._turn(schema.value_schema)

        def turned(values: list[Any]) -> list[Any]:
            present = [value for value in values if value is not None]
            for value in present:
                if not isinstance(value, dict):
                    raise DataError(f"Invalid type for MAP: class {java_class(value)}")
            names = keys([name for value in present for name in value])
            whats = items([what for value in present for what in value.values()])
            entries = zip(names, whats, strict=True)
            return [
                None if value is None else [{"key": name, "value": what} for name, what in _taken(entries, len(value))]
                for value in values
            ]

        return turned

    def _struct(self, schema: Schema) -> Turn:
        # One that stands within itself has the fields of the one that it stands for.
        identity = id(schema.fields)
        known = self._structs.get(identity)
        if known is not None:
            return lambda values: self._structs[identity](values)
        self._kept.append(schema.fields)  # an identity counts as long as what it is of
        self._structs[identity] = lambda values: made(values)
        columns = [
            _Union(each.schema, each.name, self._members(each.schema), self._options)
            if is_union(each.schema)
            else _Single(each.schema, each.name, self._turn(each.schema), self._options)
            for each in schema.fields
        ]
        names = [name for column in columns for name in column.names]

        def made(values: list[Any]) -> list[Any]:
            present = [value for value in values if value is not None]
            for value in present:
                if not isinstance(value, dict):
                    raise DataError(f"Invalid type for STRUCT: class {java_class(value)}")
            if not present:  # so does one within itself end
                return values
            turned = [one for column in columns for one in column.columns(present)]
            rows = iter([dict(zip(names, row, strict=True)) for row in zip(*turned, strict=True)])
            if not turned:
                rows = iter([{} for _ in present])
            if len(present) == len(values):
                return list(rows)
            return [None if value is None else next(rows) for value in values]

        return made

    def _members(self, union: Schema) -> list[Turn]:
        return [self._turn(each.schema, in_oneof=True) for each in union.fields]


class _Single:
    """A struct's field that is a field of its message."""

    def __init__(self, schema: Schema, name: str, turn: Turn, options: Options) -> None:
        self.names = [field_name(name, options)]
        self._name, self._turn = name, turn
        self._default = None if options.ignore_defaults else schema.default

    def columns(self, rows: list[dict[str, Any]]) -> list[list[Any]]:
        """Return the field's values in its message."""
        name, default = self._name, self._default
        values = [row.get(name) for row in rows]
        if default is not None:
            values = [default if value is None else value for value in values]
        return [self._turn(values)]


class _Union:
    """A struct's field that stands for a oneof: its members are fields of the message."""

    def __init__(self, schema: Schema, name: str, turns: list[Turn], options: Options) -> None:
        self.names = [field_name(each.name, options) for each in schema.fields]
        self._name, self._turns, self._members = name, turns, schema.fields

    def columns(self, rows: list[dict[str, Any]]) -> list[list[Any]]:
        """Return the values of each member; the first that is there counts."""
        chosen: list[list[Any]] = [[None] * len(rows) for _ in self._members]
        for place, row in enumerate(rows):
            union = row.get(self._name)
            if union is None:
                continue
            for index, member in enumerate(self._members):
                value = union.get(member.name)
                if value is not None:
                    chosen[index][place] = value
                    break
            else:
                raise DataError(f"Cannot find non-null field in {self._name!r}")
        return [turn(values) for turn, values in zip(self._turns, chosen, strict=True)]


def _array(items: Turn) -> Turn:
    def turned(values: list[Any]) -> list[Any]:
        present = [value for value in values if value is not None]
        for value in present:
            if not isinstance(value, list | tuple):
                raise DataError(f"Invalid type for ARRAY: class {java_class(value)}")
            if None in value:
                raise DataError("an array has a null, which Protobuf does not have there")
        flat = iter(items([item for value in present for item in value]))
        return [None if value is None else list(_taken(flat, len(value))) for value in values]

    return turned


def _taken(items: Iterator[Any], count: int) -> Iterator[Any]:
    return (next(items) for _ in range(count))
