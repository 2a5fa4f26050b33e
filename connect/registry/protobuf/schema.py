"""A Protobuf schema as the registry holds it."""

from __future__ import annotations

import importlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from google.protobuf.descriptor_pb2 import EnumDescriptorProto
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as FieldProto
from google.protobuf.descriptor_pb2 import FileDescriptorProto as File
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from connect.registry.protobuf.compatibility import Types, differences
from connect.registry.protobuf.parsing import parse_text
from connect.registry.protobuf.printing import text_of
from connect.registry.protobuf.tokens import InvalidProtoError

#: What it is called where nobody refers to it.
_NAME: Final = "default"
#: Files that come with Protobuf, by the modules that have them.
_BUNDLED: Final = {
    f"google/protobuf/{name}.proto": f"google.protobuf.{name}_pb2"
    for name in (
        "any",
        "api",
        "descriptor",
        "duration",
        "empty",
        "field_mask",
        "source_context",
        "struct",
        "timestamp",
        "type",
        "wrappers",
    )
}
#: Files that Confluent's serializers import, and its registry knows.
_CONFLUENTS: Final = {
    "confluent/type/decimal.proto": (
        'syntax = "proto3"; package confluent.type;'
        "message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }"
    ),
    "confluent/meta.proto": (
        'syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";'
        "message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }"
        "extend google.protobuf.FileOptions { Meta file_meta = 1088; }"
        "extend google.protobuf.MessageOptions { Meta message_meta = 1088; }"
        "extend google.protobuf.FieldOptions { Meta field_meta = 1088; }"
        "extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }"
        "extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }"
    ),
}


class _Referred(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ProtobufSchema:
    """See `connect.registry.schemas.Parsed`.

    Attributes:
        written: Its types are named as they were written.
        resolved: Its types are named in full.
    """

    written: File
    resolved: File
    types: Types

    @property
    def canonical(self) -> str:
        return text_of(self.written)

    @property
    def inlined(self) -> str:
        return text_of(self.written)

    @property
    def normalized(self) -> str:
        ordered = File()
        ordered.CopyFrom(self.resolved)
        names = sorted(ordered.dependency)
        public = sorted(names.index(ordered.dependency[index]) for index in ordered.public_dependency)
        weak = sorted(names.index(ordered.dependency[index]) for index in ordered.weak_dependency)
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
        referred: The schemas that it imports by their names, each after those that it imports itself.

    Raises:
        InvalidProtoError: It is none.
    """
    written = _read(text)
    if not (written.message_type or written.enum_type or written.extension or written.service):
        raise InvalidProtoError("it declares no message")
    files: dict[str, File] = {}
    for one in referred:
        files[one.name] = _resolved(_read(one.schema), one.name, files)
    resolved = _resolved(written, _NAME, files)
    _check([*files.values(), resolved])
    text_of(resolved)  # what makes no text is none
    return ProtobufSchema(written, resolved, Types(resolved, [files[name] for name in files]))


def _read(text: str) -> File:
    try:
        return parse_text(text)
    except InvalidProtoError:
        found = _descriptor(text)
        if found is None:
            raise
        return found


def _descriptor(text: str) -> File | None:
    try:
        found = File.FromString(b64decode("".join(text.split()), validate=True))
    except (ValueError, DecodeError):
        return None
    if found.syntax == "editions":
        raise InvalidProtoError("it is of an edition; syntax of proto2 or proto3 is expected")
    if any(index not in range(len(found.dependency)) for index in (*found.public_dependency, *found.weak_dependency)):
        raise InvalidProtoError("an import that is public or weak is none of its imports")
    if any(field.type == FieldProto.TYPE_GROUP for field in _fields(found)):
        raise InvalidProtoError("it has a group, which this registry does not take")
    return found


def _check(files: Sequence[File]) -> None:
    """Have Protobuf's own library say whether these are schemas."""
    pool = DescriptorPool()
    for file in files:
        try:
            pool.AddSerializedFile(_without_options(file).SerializeToString())
        except TypeError as error:
            why = str(error).removeprefix("Couldn't build proto file into descriptor pool: ")
            raise InvalidProtoError(why) from None


def _without_options(file: File) -> File:
    """Return a file without options that only its author's compiler understands."""
    plain = File()
    plain.CopyFrom(file)
    for one in _all(plain):
        one.options.ClearField("uninterpreted_option")
        one.options.DiscardUnknownFields()
    return plain


# -- names in full -----------------------------------------------------------------------------------------------------


def _resolved(written: File, name: str, files: dict[str, File]) -> File:
    """Return a file with the names of its types in full, and add to `files` what it imports of the bundled ones.

    Raises:
        InvalidProtoError: It imports what there is not, or uses a type that nothing declares.
    """
    file = File()
    file.CopyFrom(written)
    file.name = name
    for imported in file.dependency:
        if imported not in files:
            files[imported] = _bundled(imported, files)
    kinds = dict(_declared(file))
    for imported in _reachable(file, files):
        kinds |= dict(_declared(files[imported]))
    _resolve_in(file, file.package, kinds)
    return file


def _bundled(name: str, files: dict[str, File]) -> File:
    if name in _BUNDLED:
        module = importlib.import_module(_BUNDLED[name])
        file = File.FromString(module.DESCRIPTOR.serialized_pb)
        for imported in file.dependency:
            if imported not in files:
                files[imported] = _bundled(imported, files)
        return file
    if name in _CONFLUENTS:
        return _resolved(parse_text(_CONFLUENTS[name]), name, files)
    raise InvalidProtoError(f"it imports {name!r}, which is none of its references")


def _reachable(file: File, files: Mapping[str, File]) -> list[str]:
    """Return the files whose types a file may use: those that it imports, and what these import for all."""
    found = list(file.dependency)
    for name in found:
        imported = files[name]
        found += [one for one in map(imported.dependency.__getitem__, imported.public_dependency) if one not in found]
    return found


def _declared(file: File) -> Iterator[tuple[str, bool]]:
    """Yield the types of a file by their full names, and whether each is a message."""
    waiting: list[tuple[str, Any]] = [(file.package, file)]
    while waiting:
        space, holder = waiting.pop()
        messages = holder.message_type if isinstance(holder, File) else holder.nested_type
        for message in messages:
            name = f"{space}.{message.name}".removeprefix(".")
            yield name, True
            waiting.append((name, message))
        for enum in holder.enum_type:
            yield f"{space}.{enum.name}".removeprefix("."), False


def _resolve_in(holder: Any, space: str, kinds: Mapping[str, bool]) -> None:
    is_file = isinstance(holder, File)
    for field in (*holder.extension, *(() if is_file else holder.field)):
        if field.extendee:
            field.extendee = f".{_found(field.extendee, space, kinds)}"
        if field.type_name:
            full = _found(field.type_name, space, kinds)
            field.type = FieldProto.TYPE_MESSAGE if kinds[full] else FieldProto.TYPE_ENUM
            field.type_name = f".{full}"
    for service in holder.service if is_file else ():
        for method in service.method:
            method.input_type = f".{_found(method.input_type, space, kinds)}"
            method.output_type = f".{_found(method.output_type, space, kinds)}"
    for message in holder.message_type if is_file else holder.nested_type:
        _resolve_in(message, f"{space}.{message.name}".removeprefix("."), kinds)


def _found(name: str, space: str, kinds: Mapping[str, bool]) -> str:
    """Return the full name of a type: the first there is, from the innermost space outwards."""
    if name.startswith("."):
        if name[1:] in kinds:
            return name[1:]
        raise InvalidProtoError(f"type {name!r} is not declared")
    while True:
        full = f"{space}.{name}".removeprefix(".")
        if full in kinds:
            return full
        if not space:
            raise InvalidProtoError(f"type {name!r} is not declared, neither here nor in an import")
        space = space.rpartition(".")[0]


def _all(file: File) -> Iterator[Any]:
    """Yield all that has options."""
    yield file
    yield from file.extension
    for service in file.service:
        yield from (service, *service.method)
    waiting: list[Any] = [*file.message_type, *file.enum_type]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, EnumDescriptorProto):
            yield from one.value
        else:
            yield from (*one.field, *one.extension, *one.oneof_decl, *one.extension_range)
            waiting += [*one.nested_type, *one.enum_type]


def _fields(file: File) -> Iterator[Any]:
    return (one for one in _all(file) if isinstance(one, FieldProto))
