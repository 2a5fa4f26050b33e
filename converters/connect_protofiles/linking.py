"""A schema in a pool, with all that it imports: names are looked up, and what contradicts itself is refused.

Source: Confluent's documentation, "Schema Registry", Referenced schemas and wire format; the registry takes a text, or
a `FileDescriptorProto` in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.message import DecodeError

from connect_protofiles.known import known
from connect_protofiles.options import interpret
from connect_protofiles.parsing import parsed
from connect_protofiles.tokens import ProtoError

#: What a schema is called where it has no name.
DEFAULT_NAME: Final = "default"
#: So many files may a schema import, directly and not.
_FILES_MAX: Final = 1000
#: A chain of imports may be so long.
_CHAIN_MAX: Final = 50


def read(text: str, name: str = DEFAULT_NAME) -> pb.FileDescriptorProto:
    """Return what a schema says that a registry has: a text, or a `FileDescriptorProto` in base64.

    Raises:
        ProtoError: It is neither.
    """
    try:
        return parsed(text, name)
    except ProtoError:
        file = from_base64(text, name)
        if file is None:
            raise
    return file


def from_base64(text: str, name: str = DEFAULT_NAME) -> pb.FileDescriptorProto | None:
    """Return the `FileDescriptorProto` that a text is in base64; None where it is none.

    JSON names that would be the same if they were not given are left out: those who make descriptors give all.
    """
    try:
        file = pb.FileDescriptorProto.FromString(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError, DecodeError):
        return None
    file.name = name
    return _without_default_json_names(file)


def linked(
    file: pb.FileDescriptorProto, texts: Mapping[str, str] | Callable[[str], str | None] | None = None
) -> FileDescriptor:
    """Return a file in a pool of its own.

    Args:
        texts: What it refers to, by the name that it is imported by.

    Raises:
        ProtoError: It imports what is not there, or itself; it uses a type of what it does not import; or it
            contradicts itself.
    """
    find = texts if callable(texts) else (texts or {}).get
    return _Pool(find).added(file, ())


def described(file: FileDescriptor) -> pb.FileDescriptorProto:
    """Return what a file in a pool says: with the names of types in full, and with Protobuf's own options set."""
    made = pb.FileDescriptorProto()
    file.CopyToProto(made)
    return _without_default_json_names(made)


def imports_of(file: FileDescriptor) -> list[FileDescriptor]:
    """Return all that a file imports, directly or not."""
    found = {one.name: one for one in file.dependencies}
    waiting = list(found.values())
    while waiting:
        for one in waiting.pop().dependencies:
            if one.name not in found:
                found[one.name] = one
                waiting.append(one)
    return list(found.values())


def message_at(file: FileDescriptor, indexes: Sequence[int]) -> Descriptor:
    """Return a message by its place in a file: its index, and that in the message that it is nested in.

    Raises:
        ProtoError: There is none.
    """
    proto = described(file)
    if not proto.message_type and len(file.public_dependencies) == 1:  # a file that stands for another
        return message_at(file.public_dependencies[0], indexes)
    siblings: Any = proto.message_type
    names = [file.package] if file.package else []
    for index in indexes:
        siblings = [one for one in siblings if not one.options.map_entry]
        if not 0 <= index < len(siblings):
            raise ProtoError(f"the schema has no message at {list(indexes)}")
        names.append(siblings[index].name)
        siblings = siblings[index].nested_type
    found: Descriptor = file.pool.FindMessageTypeByName(".".join(names))
    return found


def _without_default_json_names(file: pb.FileDescriptorProto) -> pb.FileDescriptorProto:
    waiting: list[Any] = [file]
    while waiting:
        holder = waiting.pop()
        is_file = isinstance(holder, pb.FileDescriptorProto)
        for field in (*holder.extension, *(() if is_file else holder.field)):
            if field.HasField("json_name") and field.json_name == json_name(field.name):
                field.ClearField("json_name")
        waiting += holder.message_type if is_file else holder.nested_type
    return file


def json_name(field: str) -> str:
    """Return what JSON calls a field that has no name of its own for that."""
    first, *others = field.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


class _Pool:
    def __init__(self, find: Callable[[str], str | None]) -> None:
        self._find = find
        self._pool = descriptor_pool.DescriptorPool()
        self._added: dict[str, FileDescriptor] = {}

    def added(self, file: pb.FileDescriptorProto, chain: tuple[str, ...]) -> FileDescriptor:
        chain = (*chain, file.name)
        if len(chain) > _CHAIN_MAX:
            raise ProtoError(f"imports are {_CHAIN_MAX} deep at most")
        for name in file.dependency:
            if name in chain:
                raise ProtoError(f"{name!r} imports itself, by {' -> '.join(chain[chain.index(name) :])}")
            if name not in self._added:
                self.added(self._imported(name, file.name), chain)
        file = interpret(file)
        try:
            added: FileDescriptor = self._pool.AddSerializedFile(file.SerializeToString())
        except (TypeError, ValueError, KeyError, DecodeError) as error:
            raise ProtoError(_reason(error)) from None
        self._added[file.name] = added
        _check_imports(added, self._added.keys())
        if len(self._added) > _FILES_MAX:
            raise ProtoError(f"a schema imports {_FILES_MAX} files at most")
        return added

    def _imported(self, name: str, by: str) -> pb.FileDescriptorProto:
        text = self._find(name)
        if text is not None:
            try:
                return read(text, name)
            except ProtoError as error:
                raise ProtoError(f"{name!r}, which it imports: {error}") from None
        found = known(name)
        if found is None:
            what = "it" if by == DEFAULT_NAME else repr(by)
            raise ProtoError(f"{what} imports {name!r}, which is neither among its references nor known")
        return found


def _reason(error: Exception) -> str:
    """Return why a pool refuses a file, in its own words."""
    text = str(error.args[0] if error.args else error)
    _, _, reason = text.rpartition("Couldn't build proto file into descriptor pool: ")
    return reason or text


def _check_imports(file: FileDescriptor, names: Collection[str]) -> None:
    """Refuse a file that uses a type of a file that it does not import; a pool of this library lets it pass.

    Args:
        names: Of all files in the pool.
    """
    visible = {file.name}
    waiting = list(file.dependencies)
    while waiting:
        imported = waiting.pop()
        if imported.name not in visible:
            visible.add(imported.name)
            waiting += imported.public_dependencies
    if visible.issuperset(names):
        return
    for used in _used(file):
        if used.file.name not in visible:
            by = "it" if file.name == DEFAULT_NAME else repr(file.name)
            raise ProtoError(f"{by} uses {used.full_name!r} of {used.file.name!r}, which it does not import")


def _used(file: Any) -> Iterator[Any]:
    """Yield the types that a file uses."""
    fields = list(file.extensions_by_name.values())
    messages = list(file.message_types_by_name.values())
    while messages:
        message = messages.pop()
        messages += message.nested_types
        fields += (*message.fields, *message.extensions)
    for field in fields:
        if field.is_extension:
            yield field.containing_type
        for kind in (field.message_type, field.enum_type):
            if kind is not None:
                yield kind
    for service in file.services_by_name.values():
        for method in service.methods:
            yield from (method.input_type, method.output_type)


def place_of(file: pb.FileDescriptorProto, message: str) -> tuple[int, ...]:
    """Return the indexes of a message in a file, by its full name; () where it is not there."""
    if file.package:
        if not message.startswith(f"{file.package}."):
            return ()
        message = message.removeprefix(f"{file.package}.")
    siblings: Any = file.message_type
    found = []
    for part in message.split("."):
        names = [one.name for one in siblings if not one.options.map_entry]
        if part not in names:
            return ()
        found.append(names.index(part))
        siblings = next(one for one in siblings if one.name == part).nested_type
    return tuple(found)
