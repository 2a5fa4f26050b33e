"""Protobuf's schemas as Connect's: a struct for a message.

Source: Confluent's ProtobufData, toConnectSchema (schema-registry 8.4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from connect.api import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Schema, SchemaType
from connect_protofiles import ProtoError
from connect_schemas.errors import INVALID
from connect_schemas.generalized import GENERAL_UNION
from connect_schemas.protobuf.names import map_of
from connect_schemas.protobuf.options import (
    CONNECT_TYPE,
    DATE,
    DECIMAL,
    PRECISION,
    TAG,
    TIME,
    TIMESTAMP,
    TYPE,
    UNION,
    WRAPPER,
    WRAPPERS,
    Options,
)
from connect_schemas.protobuf.shapes import FIELDS_MAX, FieldShape, MessageShape, shape_of
from connect_schemas.recursive import Place, RecursiveSchema

#: Which logical type a message stands for.
LOGICAL: Final = {DECIMAL: DECIMAL_NAME, DATE: DATE_NAME, TIME: TIME_NAME, TIMESTAMP: TIMESTAMP_NAME}
_SMALL: Final = {"int8": SchemaType.INT8, "int16": SchemaType.INT16}
_F: Final = FieldDescriptor
_PLAIN: Final = {
    _F.TYPE_INT32: SchemaType.INT32, _F.TYPE_SINT32: SchemaType.INT32, _F.TYPE_SFIXED32: SchemaType.INT32,
    _F.TYPE_UINT32: SchemaType.INT64, _F.TYPE_FIXED32: SchemaType.INT64, _F.TYPE_INT64: SchemaType.INT64,
    _F.TYPE_UINT64: SchemaType.INT64, _F.TYPE_SINT64: SchemaType.INT64, _F.TYPE_FIXED64: SchemaType.INT64,
    _F.TYPE_SFIXED64: SchemaType.INT64, _F.TYPE_FLOAT: SchemaType.FLOAT32, _F.TYPE_DOUBLE: SchemaType.FLOAT64,
    _F.TYPE_BOOL: SchemaType.BOOLEAN, _F.TYPE_STRING: SchemaType.STRING, _F.TYPE_BYTES: SchemaType.BYTES,
}  # fmt: skip
#: The types that are told by a parameter; those that Connect's own types come to are not.
_TOLD: Final = {
    _F.TYPE_SINT32: "sint32", _F.TYPE_SFIXED32: "sfixed32", _F.TYPE_UINT32: "uint32", _F.TYPE_FIXED32: "fixed32",
    _F.TYPE_UINT64: "uint64", _F.TYPE_SINT64: "sint64", _F.TYPE_FIXED64: "fixed64", _F.TYPE_SFIXED64: "sfixed64",
}  # fmt: skip
_SCALE_MAX: Final = (1 << 31) - 1


def schema_of(message: Descriptor, options: Options, version: int | None = None) -> Schema:
    """Return the schema of a message.

    Raises:
        DataError: schemas.invalid: Connect has nothing for it.
    """
    try:
        _check_size(message)
        wrapped = WRAPPERS.get(message.full_name) if options.raw_wrapper else None
        schema = Schema(wrapped) if wrapped is not None else _Maker(options).struct(message)
    except ProtoError as error:
        raise _wrong(str(error)) from None
    except RecursionError:
        raise _wrong("its messages are nested too deeply") from None
    return schema if version is None else schema.replace(version=version)


def union_field(oneof: tuple[str, int], options: Options) -> str:
    """Return what a struct's field is called that stands for a oneof."""
    return f"{oneof[0]}_{oneof[1]}" if options.union_index else oneof[0]


@dataclass(slots=True)
class _Properties:
    """What a field's schema is made of."""

    type: SchemaType
    optional: bool = False
    name: str | None = None
    version: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    fields: Any = ()
    key_schema: Schema | None = None
    value_schema: Schema | None = None
    place: Place | None = None

    def built(self) -> Schema:
        if self.place is not None:
            return RecursiveSchema(self.place, optional=self.optional, parameters=self.parameters)
        return Schema(
            self.type,
            optional=self.optional,
            name=self.name,
            version=self.version,
            parameters=self.parameters,
            fields=self.fields,
            key_schema=self.key_schema,
            value_schema=self.value_schema,
        )


class _Maker:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._structs: dict[str, Schema] = {}
        self._underway: dict[str, Place] = {}

    def struct(self, message: Descriptor) -> Schema:
        place = self._underway[message.full_name] = Place()
        shape = shape_of(message)
        fields = [*self._of_oneofs(shape)]
        fields += [(one.name, self._field(one)) for one in shape.fields if one.oneof is None]
        place.schema = Schema(SchemaType.STRUCT, name=self._name(message), fields=fields)
        del self._underway[message.full_name]
        self._structs[message.full_name] = place.schema
        return place.schema

    def _name(self, of: Descriptor | EnumDescriptor) -> str:
        return str(of.full_name if self._options.enhanced else of.name)

    def _of_oneofs(self, shape: MessageShape) -> list[tuple[str, Schema]]:
        if self._options.flatten:
            return [(one.name, self._field(one)) for members in shape.oneofs.values() for one in members]
        return [
            (union_field(oneof, self._options), self._union(shape, oneof, members))
            for oneof, members in shape.oneofs.items()
        ]

    def _union(self, shape: MessageShape, oneof: tuple[str, int], members: list[FieldShape]) -> Schema:
        name = oneof[0]
        parameters = None
        if self._options.generalized:
            parameters = {GENERAL_UNION: name}
        else:
            space = f"{shape.message.full_name}." if self._options.enhanced else ""
            name = f"{UNION}.{space}{name}"
        fields = [(one.name, self._field(one)) for one in members]
        return Schema(SchemaType.STRUCT, name=name, optional=True, parameters=parameters, fields=fields)

    # -- fields ------------------------------------------------------------------------------------------------------

    def _field(self, shape: FieldShape) -> Schema:
        made = self._typed(shape)
        options = self._options
        if shape.field.is_repeated and made.type is not SchemaType.MAP:
            made.optional = True
            made = _Properties(SchemaType.ARRAY, optional=True, value_schema=made.built())
        if shape.oneof is not None:
            made.optional = True
            if options.wrapper and shape.is_message and shape.message.full_name in WRAPPERS:
                made.parameters[WRAPPER] = "true"
        elif options.optional:
            made.optional = made.optional or shape.is_marked
        elif not options.wrapper:
            made.optional = True
        made.parameters[TAG] = str(shape.field.number)
        return made.built()

    def _typed(self, shape: FieldShape) -> _Properties:
        kind = shape.field.type
        if kind == FieldDescriptor.TYPE_ENUM:
            return self._enum(shape.enum)
        if kind == FieldDescriptor.TYPE_GROUP:
            raise _wrong(f"field {shape.field.full_name} is a group")
        if shape.is_message:
            made = self._message(shape)
            made.optional = True
            return made
        small = shape.meta.params.get(CONNECT_TYPE, "") if _PLAIN[kind] is SchemaType.INT32 else ""
        if small in _SMALL:
            return _Properties(_SMALL[small])
        parameters = {TYPE: _TOLD[kind]} if kind in _TOLD else {}
        return _Properties(_PLAIN[kind], parameters=parameters)

    def _enum(self, enum: EnumDescriptor) -> _Properties:
        options = self._options
        parameter = options.enum_parameter
        parameters = {parameter: enum.name}
        for value in enum.values:
            parameters[f"{parameter}.{value.name}"] = str(value.number)
        kind = SchemaType.INT32 if options.int_for_enums else SchemaType.STRING
        return _Properties(kind, optional=True, name=self._name(enum), parameters=parameters)

    def _message(self, shape: FieldShape) -> _Properties:
        message = shape.message
        name = message.full_name
        if name in LOGICAL:
            return _logical(shape, LOGICAL[name])
        if self._options.wrapper and name in WRAPPERS:
            return _Properties(WRAPPERS[name])
        if shape.is_map:
            key, value = shape_of(message).fields
            return _Properties(
                SchemaType.MAP,
                name=map_of(self._name(message)),
                key_schema=self._field(key),
                value_schema=self._field(value),
            )
        if name in self._underway:
            return _Properties(SchemaType.STRUCT, place=self._underway[name])
        struct = self._structs.get(name) or self.struct(message)
        return _Properties(SchemaType.STRUCT, name=struct.name, fields=struct.fields)


def _logical(shape: FieldShape, name: str) -> _Properties:
    if name != DECIMAL_NAME:
        base = SchemaType.INT64 if name == TIMESTAMP_NAME else SchemaType.INT32
        return _Properties(base, name=name, version=1)
    params = shape.meta.params
    parameters = {"scale": str(_number(params.get("scale")) or 0)}
    precision = _number(params.get("precision"))
    if precision is not None:
        parameters[PRECISION] = str(precision)
    return _Properties(SchemaType.BYTES, name=DECIMAL_NAME, version=1, parameters=parameters)


def _number(text: str | None) -> int | None:
    """Return a number that an option says; None where it says none, as Confluent's converter takes it."""
    try:
        number = int(text) if text is not None and len(text) < 20 else None
    except ValueError:
        return None
    return number if number is not None and abs(number) <= _SCALE_MAX else None


def _check_size(message: Descriptor) -> None:
    """Refuse a schema whose structs within structs are more than anybody can use."""
    sizes: dict[str, int] = {}

    def size(of: Descriptor) -> int:
        if of.full_name not in sizes:
            sizes[of.full_name] = 1  # one within itself ends there
            sizes[of.full_name] = sum(
                1 + (size(one.message_type) if one.message_type is not None else 0) for one in of.fields
            )
        return sizes[of.full_name]

    count = size(message)
    if count > FIELDS_MAX:
        raise _wrong(f"with all that is within its fields it has {count} of them, and {FIELDS_MAX} are the most")


def _wrong(why: str) -> DataError:
    return DataError(f"the Protobuf schema has no form in Connect: {why}", code=INVALID)
