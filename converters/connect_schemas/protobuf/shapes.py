"""What a message looks like to a converter: its descriptor, with what Python's descriptors do not tell.

Source: descriptor.proto; Confluent's ProtobufData (schema-registry 8.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from google.protobuf import descriptor_pb2 as pb
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor

from connect_protofiles import Meta, meta_of

#: A schema that is unfolded may have so many fields: structs that use each other can grow without end.
FIELDS_MAX: Final = 100_000


@dataclass(frozen=True)
class FieldShape:
    """A field.

    Attributes:
        is_marked: Whether it is `optional`, in the word of the language.
        oneof: Its oneof, with the index of that; None for none that is written.
    """

    field: FieldDescriptor
    proto: pb.FieldDescriptorProto
    is_marked: bool
    is_proto3_optional: bool
    oneof: tuple[str, int] | None

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.field.name)

    @property
    def is_message(self) -> bool:
        """Whether its values are messages."""
        return self.field.message_type is not None

    @property
    def message(self) -> Descriptor:
        """What its values are messages of."""
        assert self.field.message_type is not None
        return self.field.message_type

    @property
    def enum(self) -> EnumDescriptor:
        """What its values are names of."""
        assert self.field.enum_type is not None
        return self.field.enum_type

    @cached_property
    def meta(self) -> Meta:
        """What Confluent's option says of it. Raises `ProtoError`."""
        return meta_of(self.proto.options)

    @property
    def is_map(self) -> bool:
        """Whether it is a map: of entries by name and shape, as Confluent's converter writes them."""
        entry = self.field.message_type
        return bool(self.field.is_repeated) and entry is not None and is_entry(entry)


@dataclass(frozen=True, slots=True)
class MessageShape:
    """A message: its fields in order, and which oneofs it has."""

    message: Descriptor
    fields: tuple[FieldShape, ...]

    @property
    def oneofs(self) -> dict[tuple[str, int], list[FieldShape]]:
        """The fields of each oneof that is written, in order."""
        found: dict[tuple[str, int], list[FieldShape]] = {}
        for one in self.fields:
            if one.oneof is not None:
                found.setdefault(one.oneof, []).append(one)
        return dict(sorted(found.items(), key=lambda item: item[0][1]))


def shape_of(message: Descriptor) -> MessageShape:
    """Return what a message looks like."""
    proto = pb.DescriptorProto()
    message.CopyToProto(proto)
    is_proto2 = _syntax(message.file) in ("", "proto2")
    oneofs = [one.name for one in proto.oneof_decl]
    fields = []
    for field, own in zip(message.fields, proto.field, strict=True):
        in_oneof = own.HasField("oneof_index") and not own.proto3_optional
        is_optional = own.label == own.LABEL_OPTIONAL
        fields.append(
            FieldShape(
                field,
                own,
                own.proto3_optional or (is_proto2 and is_optional and not in_oneof),
                own.proto3_optional,
                (oneofs[own.oneof_index], own.oneof_index) if in_oneof else None,
            )
        )
    return MessageShape(message, tuple(fields))


def is_entry(message: Descriptor) -> bool:
    """Whether a message is an entry of a map."""
    return (
        message.name.endswith("Entry")
        and [field.name for field in message.fields] == ["key", "value"]
        and not any(field.is_repeated for field in message.fields)
    )


def is_proto3(file: FileDescriptor) -> bool:
    """Whether a file is of proto3, where nothing is required."""
    return _syntax(file) == "proto3"


@lru_cache(maxsize=100)
def _syntax(file: FileDescriptor) -> str:
    proto = pb.FileDescriptorProto()
    file.CopyToProto(proto)
    return proto.syntax
