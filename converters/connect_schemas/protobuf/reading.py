"""Records as values, column by column: all messages are parsed, then each field's values are taken of them together.

What becomes of a field is decided once, when the reader is made.

Source: Confluent's ProtobufData, toConnectData (schema-registry 8.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from connect.api import Column, DataError, Schema
from connect_schemas.converting import one_by_one
from connect_schemas.protobuf.logical import VALUES
from connect_schemas.protobuf.options import CONNECT_TYPE, DATE, DECIMAL, WRAPPERS, Options
from connect_schemas.protobuf.shapes import FieldShape, MessageShape, is_proto3, shape_of
from connect_schemas.protobuf.to_connect import LOGICAL, union_field

#: So many messages are in memory at once: a few hundred are in the processor's cache, and are read the sooner.
_CHUNK: Final = 256
#: From messages to their values.
Values = Callable[[Any], list[Any]]
_SMALL: Final = {"int8": 1 << 7, "int16": 1 << 15}
#: Messages that stand for no value where nothing is set in them.
_WITHOUT_DEFAULT: Final = (DECIMAL, DATE)
_UNSIGNED_LONG: Final = (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64)
_ERRORS: Final = (DecodeError, ValueError, TypeError, OverflowError, RecursionError)


class ProtobufReader:
    """Reads records of one message.

    Args:
        schema: What its values are of.
    """

    def __init__(self, message: Descriptor, schema: Schema, options: Options) -> None:
        self._schema = schema
        self._parse = message_factory.GetMessageClass(message).FromString
        columns = _Columns(options)
        self._values = columns.root(message)
        self._is_flat = columns.is_flat(message)
        self._may_lack = not is_proto3(message.file)

    def read(self, data: Sequence[bytes], start: int) -> Column:
        """Return the values of records whose data begins at `start` of each."""
        payloads = [item[start:] for item in data]
        try:
            if self._is_flat and not self._may_lack:
                return Column(self._schema, self._values(map(self._parse, payloads)))
            values = []
            for first in range(0, len(payloads), _CHUNK):
                values += self._values(self._parsed(payloads[first : first + _CHUNK]))
        except (*_ERRORS, DataError):
            values = one_by_one(payloads, self._one)
        return Column(self._schema, values)

    def _parsed(self, payloads: list[bytes]) -> list[Any]:
        messages: list[Any] = list(map(self._parse, payloads))
        if self._may_lack:
            for message in messages:
                if not message.IsInitialized():
                    raise DataError(f"it lacks {', '.join(message.FindInitializationErrors())[:500]}")
        return messages

    def _one(self, payload: bytes) -> Any:
        try:
            return self._values(self._parsed([payload]))[0]
        except _ERRORS as error:
            raise DataError(f"the data is none of its schema's: {str(error)[:500]}") from error


class _Columns:
    """How the values of messages are taken; of each message once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._structs: dict[str, Values] = {}
        self._underway: set[str] = set()

    def root(self, message: Descriptor) -> Values:
        if self._options.raw_wrapper and message.full_name in WRAPPERS:
            return self._plain(attrgetter("value"), shape_of(message).fields[0])
        return self._struct(message)

    def is_flat(self, message: Descriptor) -> bool:
        """Whether a message is a struct of several plain fields: its values are taken of each message at once."""
        fields = shape_of(message).fields
        return len(fields) > 1 and all(map(self._is_plain, fields))

    def _struct(self, message: Descriptor) -> Values:
        name = message.full_name
        known = self._structs.get(name)
        if known is not None:
            return lambda messages: self._structs[name](messages)
        self._structs[name] = lambda messages: made(messages)
        self._underway.add(name)
        shape = shape_of(message)
        columns = [*self._of_oneofs(shape)]
        columns += [(one.name, self._field(one)) for one in shape.fields if one.oneof is None]
        names = tuple(name for name, _ in columns)
        takes = [take for _, take in columns]
        self._underway.discard(name)
        if self.is_flat(message):
            return _rows(names)

        def made(messages: list[Any]) -> list[Any]:
            if not messages:  # so does one within itself end
                return []
            if not takes:
                return [{} for _ in messages]
            rows = zip(*[take(messages) for take in takes], strict=True)
            return list(map(dict, map(zip, repeat(names), rows)))

        return made

    def _of_oneofs(self, shape: MessageShape) -> Iterator[tuple[str, Values]]:
        for oneof, members in shape.oneofs.items():
            if self._options.flatten:
                yield from ((one.name, self._set_ones(one)) for one in members)
            else:
                yield union_field(oneof, self._options), self._union(oneof[0], members)

    def _union(self, oneof: str, members: list[FieldShape]) -> Values:
        names = [one.name for one in members]
        takes = {one.name: self._single(one) for one in members}

        def taken(messages: list[Any]) -> list[Any]:
            values: list[Any] = [None] * len(messages)
            places: dict[str, list[int]] = {}
            for place, message in enumerate(messages):
                name = message.WhichOneof(oneof)
                if name is not None:
                    places.setdefault(name, []).append(place)
            for name, of in places.items():
                for place, value in zip(of, takes[name]([messages[place] for place in of]), strict=True):
                    values[place] = dict.fromkeys(names) | {name: value}
            return values

        return taken

    # -- fields ------------------------------------------------------------------------------------------------------

    def _is_plain(self, shape: FieldShape) -> bool:
        """Whether a field's values are what Python has for them, and are always there."""
        return (
            shape.oneof is None
            and not shape.is_message
            and not shape.field.is_repeated
            and not self._may_be_null(shape)
            and self._narrowing(shape) is None
        )

    def _may_be_null(self, shape: FieldShape) -> bool:
        is_optional = shape.is_proto3_optional or (self._options.proto2_optional and shape.is_marked)
        return is_optional and not self._options.struct_for_nulls

    def _field(self, shape: FieldShape, *, in_entry: bool = False) -> Values:
        if shape.is_map:
            return self._map(shape)
        if shape.field.is_repeated:
            return self._repeated(shape)
        options = self._options
        if shape.is_message:
            name = shape.message.full_name
            has_default = name not in self._underway and name not in _WITHOUT_DEFAULT and not in_entry
            return self._single(shape) if options.struct_for_nulls and has_default else self._set_ones(shape)
        return self._set_ones(shape) if self._may_be_null(shape) else self._single(shape)

    def _set_ones(self, shape: FieldShape) -> Values:
        """Where a field is not set, its value is None."""
        name, take = shape.name, self._single(shape)

        def taken(messages: list[Any]) -> list[Any]:
            are_set = [message.HasField(name) for message in messages]
            if all(are_set):
                return take(messages)
            found = iter(take([message for message, is_set in zip(messages, are_set, strict=True) if is_set]))
            return [next(found) if is_set else None for is_set in are_set]

        return taken

    def _single(self, shape: FieldShape) -> Values:
        get = attrgetter(shape.name)
        return _then(get, self._item(shape)) if shape.is_message else self._plain(get, shape)

    def _repeated(self, shape: FieldShape) -> Values:
        get = attrgetter(shape.name)
        items = self._item(shape) if shape.is_message else self._plain(None, shape)

        def taken(messages: list[Any]) -> list[Any]:
            lists = list(map(get, messages))
            flat = iter(items([item for one in lists for item in one]))
            return [[next(flat) for _ in range(len(one))] for one in lists]

        return taken

    def _map(self, shape: FieldShape) -> Values:
        get, entry = attrgetter(shape.name), shape.message
        key, value = shape_of(entry).fields
        if not entry.GetOptions().map_entry:
            keys, values = self._field(key, in_entry=True), self._field(value, in_entry=True)
        elif value.is_message:
            keys, values = self._plain(None, key), self._item(value)
        else:
            keys, values = self._plain(None, key), self._plain(None, value)
        is_real = bool(entry.GetOptions().map_entry)

        def taken(messages: list[Any]) -> list[Any]:
            maps = list(map(get, messages))
            if is_real:
                flat = [item for one in maps for item in one.items()]
                names = iter(keys([name for name, _ in flat]))
                whats = iter(values([what for _, what in flat]))
            else:
                entries = [item for one in maps for item in one]
                names, whats = iter(keys(entries)), iter(values(entries))
            return [{next(names): next(whats) for _ in range(len(one))} for one in maps]

        return taken

    def _item(self, shape: FieldShape) -> Values:
        """How the values of messages that stand in a field are taken."""
        message = shape.message
        logical = LOGICAL.get(message.full_name)
        if logical is not None:
            of = VALUES[logical]
            return lambda messages: list(map(of, messages))
        if self._options.wrapper and message.full_name in WRAPPERS:
            return self._plain(attrgetter("value"), shape_of(message).fields[0])
        return self._struct(message)

    def _plain(self, get: Callable[[Any], Any] | None, shape: FieldShape) -> Values:
        """How the plain values of a field are taken; those of values themselves where `get` is left out."""
        narrow = self._narrowing(shape)

        def taken(items: list[Any]) -> list[Any]:
            values = items if get is None else list(map(get, items))
            return values if narrow is None else narrow(values)

        return taken

    def _narrowing(self, shape: FieldShape) -> Values | None:
        """Return what plain values of Protobuf's come to in Connect's types; None where they stay."""
        if shape.field.type == FieldDescriptor.TYPE_ENUM:
            return None if self._options.int_for_enums else enum_names(shape.enum)
        if shape.field.type == FieldDescriptor.TYPE_STRING:
            message = shape.field.containing_type
            assert message is not None, "fields are those of messages"
            return None if is_proto3(message.file) else _texts
        if shape.field.type in _UNSIGNED_LONG:
            return _wrapping(1 << 63)
        if shape.field.cpp_type != FieldDescriptor.CPPTYPE_INT32:
            return None
        limit = _SMALL.get(shape.meta.params.get(CONNECT_TYPE, ""))
        return None if limit is None else _wrapping(limit)


def _rows(names: tuple[str, ...]) -> Values:
    """Return how the structs of messages are taken whose fields, several, are their values as they are."""
    row = attrgetter(*names)
    return lambda messages: list(map(dict, map(zip, repeat(names), map(row, messages))))


def _then(get: Callable[[Any], Any], values: Values) -> Values:
    return lambda messages: values(list(map(get, messages)))


def _wrapping(limit: int) -> Values:
    """Return what takes values into a signed type, as Java's casts do."""

    def narrow(values: list[Any]) -> list[Any]:
        if not values or (max(values) < limit and min(values) >= -limit):
            return values
        return [(value + limit) % (2 * limit) - limit for value in values]

    return narrow


def _texts(values: list[Any]) -> list[Any]:
    """Take texts of proto2, which protobuf gives as bytes where they are no UTF-8, with a mark in the place of each
    wrong byte, as Java has them."""
    if set(map(type, values)) <= {str}:
        return values
    return [value if isinstance(value, str) else value.decode("utf-8", "replace") for value in values]


def enum_names(enum: EnumDescriptor) -> Values:
    """Return what takes numbers of an enum to its names; a number without a name is called as Java calls it."""
    names: dict[int, str] = {}
    for value in enum.values:
        names.setdefault(value.number, value.name)
    return lambda numbers: [names.get(number) or f"UNKNOWN_ENUM_VALUE_{enum.name}_{number}" for number in numbers]
