"""Connect schemas as Protobuf's: a message for a struct, with all that it holds nested in it.

Source: Confluent's ProtobufData, fromConnectSchema (schema-registry 8.4); docs/reference/departures.md has where ours
does otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf import descriptor_pb2 as pb

from connect.api import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Field, Schema, SchemaType
from connect_protofiles import Meta, known, set_meta
from connect_protofiles.parsing import TYPES
from connect_schemas.errors import INVALID
from connect_schemas.generalized import GENERAL_UNION
from connect_schemas.protobuf.names import entry_of, scrubbed, split
from connect_schemas.protobuf.options import (
    CONNECT_TYPE,
    DATE,
    DECIMAL,
    DEFAULT_NAME,
    ENUM,
    FILES,
    PRECISION,
    TAG,
    TIME,
    TIMESTAMP,
    TYPE,
    UNION,
    WRAPPERS_FILE,
    Options,
    enum_name,
    is_union,
    is_wrapped,
)

LOGICAL: Final = {DECIMAL_NAME: DECIMAL, DATE_NAME: DATE, TIME_NAME: TIME, TIMESTAMP_NAME: TIMESTAMP}
_PLAIN: Final = {
    SchemaType.INT8: "int32",
    SchemaType.INT16: "int32",
    SchemaType.INT32: "int32",
    SchemaType.INT64: "int64",
    SchemaType.FLOAT32: "float",
    SchemaType.FLOAT64: "double",
    SchemaType.BOOLEAN: "bool",
    SchemaType.STRING: "string",
    SchemaType.BYTES: "bytes",
}
_SMALL: Final = {SchemaType.INT8: "int8", SchemaType.INT16: "int16"}
#: Which types of Protobuf's a parameter may choose for one of Connect's.
_CHOICES: Final = {
    SchemaType.INT32: {"int32", "sint32", "sfixed32"},
    SchemaType.INT64: {"int64", "uint32", "uint64", "sint64", "fixed32", "fixed64", "sfixed64"},
}
_WRAPPER_OF: Final = {
    "int32": "Int32Value", "int64": "Int64Value", "uint32": "UInt32Value", "fixed32": "UInt32Value",
    "uint64": "UInt64Value", "fixed64": "UInt64Value", "float": "FloatValue", "double": "DoubleValue",
    "bool": "BoolValue", "string": "StringValue", "bytes": "BytesValue",
}  # fmt: skip
_RESERVED: Final = range(19000, 20000)
_TAG_MAX: Final = (1 << 29) - 1


@dataclass(frozen=True, slots=True)
class Made:
    """A schema's file, and the message that its values are."""

    file: pb.FileDescriptorProto
    message: str


def made_of(schema: Schema, options: Options) -> Made:
    """Return the file of a schema.

    Raises:
        DataError: schemas.invalid: Protobuf has nothing for it.
    """
    if schema.type is not SchemaType.STRUCT:
        name = LOGICAL.get(schema.name or "") or wrapper_of(schema)
        if name is None:
            raise _wrong(f"a record is a struct or a simple value, and not {schema.type.name}")
        file = known(FILES.get(name, WRAPPERS_FILE))
        assert file is not None
        return Made(file, name)
    try:
        return _Maker(options).file(schema)
    except RecursionError:
        raise _wrong("it is nested too deeply") from None


def wrapper_of(schema: Schema) -> str | None:
    """Return the message around a single value of a simple type; None of any other type."""
    plain = _PLAIN.get(schema.type)
    return None if plain is None else f"google.protobuf.{_WRAPPER_OF[proto_type(schema)]}"


def proto_type(schema: Schema) -> str:
    """Return the type of Protobuf's for a simple one of Connect's."""
    chosen = (schema.parameters or {}).get(TYPE)
    return chosen if chosen in _CHOICES.get(schema.type, ()) else _PLAIN[schema.type]  # type: ignore[return-value]


def field_name(name: str, options: Options) -> str:
    """Return what a struct's field is called in its message."""
    return scrubbed(name) if options.scrub else name


@dataclass(slots=True)
class _Message:
    """A message that is being made.

    Attributes:
        own: The fields of the structs and the enums that are declared in it, by name.
    """

    proto: pb.DescriptorProto
    fields: Sequence[Field]
    own: dict[str, object] = field(default_factory=dict)


class _Maker:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._unnamed = 0
        self._file = pb.FileDescriptorProto(syntax="proto3")
        self._around: list[_Message] = []

    def file(self, schema: Schema) -> Made:
        package, name = split(self._named(schema.name), scrub=self._options.scrub)
        self._file.package = package
        if not package:
            self._file.ClearField("package")
        self._message(self._file.message_type.add(name=name), schema)
        return Made(self._file, f"{package}.{name}" if package else name)

    def _named(self, name: str | None) -> str:
        if name:
            return name
        self._unnamed += 1
        return f"{DEFAULT_NAME}{self._unnamed}"

    def _last(self, name: str | None) -> str:
        last = self._named(name).rpartition(".")[2]
        return scrubbed(last) if self._options.scrub else last

    # -- messages ----------------------------------------------------------------------------------------------------

    def _message(self, proto: pb.DescriptorProto, schema: Schema) -> None:
        message = _Message(proto, schema.fields)
        self._around.append(message)
        free = _Tags(schema)
        optional: list[pb.FieldDescriptorProto] = []
        for each in schema.fields:
            if is_union(each.schema):
                self._oneof(message, each.schema, free)
                continue
            made = self._field(message, each.schema, field_name(each.name, self._options), free.of(each.schema))
            if made.label != made.LABEL_REPEATED and self._options.optional and each.schema.optional:
                made.proto3_optional = True
                optional.append(made)
        for made in optional:  # behind the oneofs that are written
            made.oneof_index = len(proto.oneof_decl)
            proto.oneof_decl.add(name=f"_{made.name}")
        self._around.pop()

    def _oneof(self, message: _Message, union: Schema, free: _Tags) -> None:
        general = (union.parameters or {}).get(GENERAL_UNION)
        if self._options.generalized and general is not None:
            name = general
        else:
            name = self._last((union.name or "").removeprefix(UNION).removeprefix("."))
        index = len(message.proto.oneof_decl)
        message.proto.oneof_decl.add(name=name)
        for each in union.fields:
            if each.schema.type in (SchemaType.ARRAY, SchemaType.MAP) or is_union(each.schema):
                raise _wrong(f"member {each.name!r} of oneof {name!r} is {each.schema.type.name}")
            made_name = field_name(each.name, self._options)
            made = self._field(message, each.schema, made_name, free.of(each.schema), in_oneof=True)
            made.oneof_index = index

    def _field(
        self, message: _Message, schema: Schema, name: str, tag: int, *, in_oneof: bool = False
    ) -> pb.FieldDescriptorProto:
        made = message.proto.field.add(name=name, number=tag, label=pb.FieldDescriptorProto.LABEL_OPTIONAL)
        if schema.type in (SchemaType.ARRAY, SchemaType.MAP):
            made.label = pb.FieldDescriptorProto.LABEL_REPEATED
        if schema.type is SchemaType.ARRAY:
            items = schema.value_schema
            if items is None or items.type in (SchemaType.ARRAY, SchemaType.MAP):
                kind = "nothing" if items is None else items.type.name
                raise _wrong(f"field {name!r} is an array of {kind}")
            schema = items
        self._typed(message, made, schema, in_oneof=in_oneof)
        return made

    def _typed(self, message: _Message, made: pb.FieldDescriptorProto, schema: Schema, *, in_oneof: bool) -> None:
        """Set a field's type, and declare what it needs."""
        logical = LOGICAL.get(schema.name or "")
        if logical is not None:
            if logical == DECIMAL:
                set_meta(made.options, Meta(params=_decimal_parameters(schema)))
            self._imported(made, logical)
        elif schema.type is SchemaType.MAP:
            made.type, made.type_name = made.TYPE_MESSAGE, entry_of(self._last(schema.name))
            self._entry(message, made.type_name, schema)
        elif schema.type is SchemaType.STRUCT:
            if is_union(schema):
                raise _wrong(f"field {made.name!r} is a union in the place of an item")
            name = self._last(schema.name)
            if name == made.name:
                name += "Message"  # a message and a field may not have one name
            made.type, made.type_name = made.TYPE_MESSAGE, name
            self._nested(message, name, schema)
        elif (enum := enum_name(schema)) is not None:
            made.type, made.type_name = made.TYPE_ENUM, enum
            self._enum(message, enum, schema)
        else:
            if schema.type in _SMALL:
                set_meta(made.options, Meta(params={CONNECT_TYPE: _SMALL[schema.type]}))
            if is_wrapped(schema, self._options, in_oneof=in_oneof):
                wrapper = wrapper_of(schema)
                assert wrapper is not None
                self._imported(made, wrapper)
            else:
                made.type = TYPES[proto_type(schema)]  # type: ignore[assignment]

    def _imported(self, made: pb.FieldDescriptorProto, name: str) -> None:
        made.type, made.type_name = made.TYPE_MESSAGE, name
        file = FILES.get(name, WRAPPERS_FILE)
        if file not in self._file.dependency:
            self._file.dependency.append(file)

    def _nested(self, message: _Message, name: str, schema: Schema) -> None:
        # A struct that is in itself is the message around it.
        known_fields = message.own.get(name) or next(
            (one.fields for one in reversed(self._around) if one.proto.name == name), None
        )
        if known_fields is None:
            message.own[name] = schema.fields
            self._message(message.proto.nested_type.add(name=name), schema)
        elif known_fields is not schema.fields and known_fields != schema.fields:
            raise _wrong(f"two different structs are called {name!r}")

    def _entry(self, message: _Message, name: str, schema: Schema) -> None:
        if schema.key_schema is None or schema.value_schema is None:
            raise _wrong("a map says nothing of its keys or values")
        if name in message.own:
            raise _wrong(f"two maps are called {schema.name!r}")
        message.own[name] = schema
        entry = _Message(message.proto.nested_type.add(name=name), ())
        self._around.append(entry)
        self._field(entry, schema.key_schema, "key", 1)
        self._field(entry, schema.value_schema, "value", 2)
        self._around.pop()

    def _enum(self, message: _Message, name: str, schema: Schema) -> None:
        values = enum_values(schema, self._options)
        if name in message.own:
            if message.own[name] != values:
                raise _wrong(f"two different enums are called {name!r}")
            return
        message.own[name] = values
        enum = message.proto.enum_type.add(name=name)
        for symbol, number in values.items():
            enum.value.add(name=symbol, number=number)


def enum_values(schema: Schema, options: Options) -> dict[str, int]:
    """Return the names and numbers of an enum. Raises `DataError` where one has none."""
    parameters = schema.parameters or {}
    prefix = (options.enum_parameter if options.enum_parameter in parameters else ENUM) + "."
    values = {}
    for key, number in parameters.items():
        if key.startswith(prefix):
            try:
                values[key.removeprefix(prefix)] = int(number)
            except ValueError:
                raise _wrong(f"the number of {key} is {number[:40]!r}") from None
    return values


class _Tags:
    """The numbers of a struct's fields: those that they say, and the first ones that are free for the others."""

    def __init__(self, schema: Schema) -> None:
        fields = [
            one.schema for each in schema.fields for one in (each.schema.fields if is_union(each.schema) else [each])
        ]
        self._taken = {tag for one in fields if (tag := _said(one)) is not None}
        self._next = 1

    def of(self, schema: Schema) -> int:
        said = _said(schema)
        if said is not None:
            return said
        while self._next in self._taken or self._next in _RESERVED:
            self._next += 1
        self._next += 1
        return self._next - 1


def _said(schema: Schema) -> int | None:
    text = (schema.parameters or {}).get(TAG)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 9 or not 0 < int(text) <= _TAG_MAX:
        raise _wrong(f"parameter {TAG} is {text[:40]!r}, and a number from 1 on is expected")
    return int(text)


def _decimal_parameters(schema: Schema) -> dict[str, str]:
    parameters = schema.parameters or {}
    said = {"precision": parameters.get(PRECISION), "scale": parameters.get("scale")}
    return {name: value for name, value in said.items() if value is not None}


def _wrong(why: str) -> DataError:
    return DataError(f"the schema has no form in Protobuf: {why}", code=INVALID)
