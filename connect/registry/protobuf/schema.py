"""A Protobuf schema as the registry holds it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.descriptor_pb2 import FileDescriptorProto as File

from connect.registry.protobuf.compatibility import Types, differences
from connect_protofiles import ProtoError, described, from_base64, imports_of, linked, parsed, text_of
from connect_protofiles.linking import DEFAULT_NAME


class _Referred(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ProtobufSchema:
    """See `connect.registry.schemas.Parsed`.

    Attributes:
        canonical: Its types are named as they were written.
        resolved: Its types are named in full.
    """

    canonical: str
    resolved: File
    types: Types

    @property
    def inlined(self) -> str:
        return self.canonical

    @property
    def normalized(self) -> str:
        ordered = File()
        ordered.CopyFrom(self.resolved)
        ordered.syntax = ordered.syntax or "proto2"
        names = sorted(ordered.dependency)
        places = {name: place for place, name in enumerate(names)}
        public = sorted(places[ordered.dependency[index]] for index in ordered.public_dependency)
        weak = sorted(places[ordered.dependency[index]] for index in ordered.weak_dependency)
        ordered.dependency[:] = names
        ordered.public_dependency[:] = public
        ordered.weak_dependency[:] = weak
        return text_of(ordered)

    @property
    def serialized(self) -> str:
        """The file descriptor in base64."""
        return b64encode(self.resolved.SerializeToString(deterministic=True)).decode()

    def problems(self, writer: ProtobufSchema, *, reader_name: str, writer_name: str) -> list[str]:
        return [one.told(reader_name) for one in differences(writer.types, self.types)]


def parse_protobuf(text: str, referred: Sequence[_Referred], is_new: bool) -> ProtobufSchema:
    """Read a .proto text, or a file descriptor in base64, as some serializers register it.

    Args:
        referred: The schemas that it may import by their names.

    Raises:
        ProtoError: It is none.
    """
    texts = {one.name: one.schema for one in referred}
    descriptor = from_base64(text)
    if descriptor is None:
        written = parsed(text, DEFAULT_NAME)
    else:  # kept as the text that says the same
        linked(descriptor, texts)
        written = parsed(text_of(descriptor), DEFAULT_NAME)
    if written.syntax == "editions":
        raise ProtoError("it is of an edition; syntax of proto2 or proto3 is expected")
    if not (written.message_type or written.enum_type or written.extension or written.service):
        raise ProtoError("it declares no message")
    file = linked(written, texts)
    resolved = described(file)
    types = Types(resolved, [described(one) for one in imports_of(file)])
    return ProtobufSchema(text_of(written), resolved, types)
