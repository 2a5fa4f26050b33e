"""Whether data that one Protobuf schema wrote can be read by another.

Source: Confluent's documentation, "Schema Evolution and Compatibility", Protobuf; Protocol Buffers, "Updating a Message
Type". What a reader does not know of it leaves out, so fields may be missing on either side.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor

_F: Final = FieldDescriptor
#: Types whose bytes can be read as each other's.
_KINDS: Final = {
    **dict.fromkeys(
        (_F.TYPE_INT32, _F.TYPE_INT64, _F.TYPE_UINT32, _F.TYPE_UINT64, _F.TYPE_BOOL, _F.TYPE_ENUM), "a whole number"
    ),
    **dict.fromkeys((_F.TYPE_SINT32, _F.TYPE_SINT64), "a number with a sign"),
    **dict.fromkeys((_F.TYPE_FIXED32, _F.TYPE_SFIXED32), "a number of 4 bytes"),
    **dict.fromkeys((_F.TYPE_FIXED64, _F.TYPE_SFIXED64), "a number of 8 bytes"),
    **dict.fromkeys((_F.TYPE_STRING, _F.TYPE_BYTES), "a text or bytes"),
    _F.TYPE_FLOAT: "a float",
    _F.TYPE_DOUBLE: "a double",
    _F.TYPE_MESSAGE: "a message",
    _F.TYPE_GROUP: "a group",
}  # fmt: skip


def why_not(reader: FileDescriptor, writer: FileDescriptor) -> str | None:
    """Return what of the writer's data the reader has no place for; None where it reads all of it.

    The writer is a schema of Connect's: its fields are known by their names, and their numbers are those that were
    free. One that has another number at the reader's would be read as another field, or not at all.
    """
    seen: set[tuple[str, str]] = set()
    for message in writer.message_types_by_name.values():
        try:
            other = reader.pool.FindMessageTypeByName(message.full_name)
        except KeyError:
            return f"it has no message {message.full_name}"
        why = _why(other, message, seen, by_name=True)
        if why is not None:
            return why
    return None


def why_not_message(reader: Descriptor, writer: Descriptor) -> str | None:
    """Return the same of one message that is registered: its fields are known by their numbers."""
    return _why(reader, writer, set(), by_name=False)


def _why(reader: Descriptor, writer: Descriptor, seen: set[tuple[str, str]], *, by_name: bool) -> str | None:
    waiting = [(reader, writer)]
    while waiting:
        reader, writer = waiting.pop()
        names = reader.full_name, writer.full_name
        if names in seen:
            continue
        seen.add(names)
        for field in writer.fields:
            named = reader.fields_by_name.get(field.name) if by_name else None
            if named is not None and named.number != field.number:
                return f"field {field.name!r} of {writer.full_name} is {named.number} there, and {field.number} here"
            other = reader.fields_by_number.get(field.number)
            if other is None:
                continue
            what, there = _KINDS[field.type], _KINDS[other.type]
            if what != there:
                return f"field {field.number} of {writer.full_name} is {there} there, and {what} here"
            is_number = field.message_type is None and field.type not in (_F.TYPE_STRING, _F.TYPE_BYTES)
            if is_number and field.is_repeated != other.is_repeated:
                return f"field {field.number} of {writer.full_name} is repeated in one of them alone"
            if field.message_type is not None and other.message_type is not None:
                waiting.append((other.message_type, field.message_type))
    return None
