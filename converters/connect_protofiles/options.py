"""Options out of a text as what descriptor.proto has for them.

Options of others than Protobuf stay as they are written, and so do those that this version of it does not know:
nobody needs them to read data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor

from connect_protofiles.tokens import ProtoError

_BOOLEANS: Final = {"true": True, "false": False}


def interpret(file: pb.FileDescriptorProto) -> pb.FileDescriptorProto:
    """Return a copy of a file with Protobuf's own options set.

    Raises:
        ProtoError: The value of an option is none of its type, or has no such part.
    """
    made = pb.FileDescriptorProto()
    made.CopyFrom(file)
    for options in _all(made):
        kept = [one for one in options.uninterpreted_option if not _interpreted(options, one)]
        del options.uninterpreted_option[:]
        options.uninterpreted_option.extend(kept)
    return made


def _all(file: pb.FileDescriptorProto) -> Iterator[Any]:
    if file.HasField("options"):
        yield file.options
    for service in file.service:
        yield from _own(service, *service.method)
    yield from _of_message(file.message_type, file.enum_type, file.extension)


def _of_message(messages: Any, enums: Any, fields: Any) -> Iterator[Any]:
    yield from _own(*fields)
    for enum in enums:
        yield from _own(enum, *enum.value)
    for message in messages:
        yield from _own(message, *message.field, *message.oneof_decl, *message.extension_range)
        yield from _of_message(message.nested_type, message.enum_type, message.extension)


def _own(*holders: Any) -> Iterator[Any]:
    for holder in holders:
        if holder.HasField("options"):
            yield holder.options


def _interpreted(options: Any, option: pb.UninterpretedOption) -> bool:
    if any(part.is_extension for part in option.name):
        return False
    if options.DESCRIPTOR.fields_by_name.get(option.name[0].name_part) is None:
        return False  # of another version of Protobuf, which had more of them or has them by now
    holder = options
    *path, last = [part.name_part for part in option.name]
    for name in path:
        field = holder.DESCRIPTOR.fields_by_name.get(name)
        if field is None or field.message_type is None or field.is_repeated:
            raise ProtoError(f"there is no option {'.'.join((*path, last))!r}")
        holder = getattr(holder, name)
    field = holder.DESCRIPTOR.fields_by_name.get(last)
    if field is None or last == "uninterpreted_option":
        raise ProtoError(f"there is no option {'.'.join((*path, last))!r}")
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL and option.identifier_value in _BOOLEANS:
        setattr(holder, last, _BOOLEANS[option.identifier_value])  # most are, and this takes no parser
        return True
    try:
        text_format.Merge(_words(field, option), holder)
    except (text_format.ParseError, RecursionError) as error:
        raise ProtoError(f"option {'.'.join((*path, last))!r}: {error}") from None
    return True


def _words(field: FieldDescriptor, option: pb.UninterpretedOption) -> str:
    if option.HasField("aggregate_value"):
        return f"{field.name} {{ {option.aggregate_value} }}"
    if option.HasField("string_value"):
        return f"{field.name}: {json.dumps(option.string_value.decode(errors='replace'), ensure_ascii=False)}"
    for kind in ("identifier_value", "positive_int_value", "negative_int_value", "double_value"):
        if option.HasField(kind):
            return f"{field.name}: {getattr(option, kind)}"
    raise ProtoError(f"option {field.name!r} has no value")
