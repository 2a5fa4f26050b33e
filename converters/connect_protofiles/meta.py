"""What Confluent's options say of a field or message: `(confluent.field_meta)` and its like.

Source: confluent/meta.proto, a public interface: extension 1088 of each kind of options.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import text_format, unknown_fields
from google.protobuf.message import DecodeError, Message

from connect_protofiles.known import META_NUMBER, meta_class
from connect_protofiles.tokens import ProtoError

#: The extension of each kind of options.
NAMES: Final = {
    pb.FileOptions: "file_meta",
    pb.MessageOptions: "message_meta",
    pb.FieldOptions: "field_meta",
    pb.EnumOptions: "enum_meta",
    pb.EnumValueOptions: "enum_value_meta",
}


@dataclass(frozen=True, slots=True)
class Meta:
    """Words, parameters and tags."""

    doc: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


def is_meta(option: pb.UninterpretedOption) -> bool:
    """Whether an option of a text is one of Confluent's."""
    first = option.name[0]
    return first.is_extension and first.name_part.lstrip(".") in {f"confluent.{name}" for name in NAMES.values()}


def meta_of(options: Any) -> Meta:
    """Return what options say: in the words of a text, or in bytes.

    Raises:
        ProtoError: Its words are none of a meta.
    """
    found = meta_class()()
    _merge_bytes(found, options)
    for option in options.uninterpreted_option:
        if is_meta(option):
            _merge_words(found, option)
    return Meta(found.doc, dict(sorted(found.params.items())), tuple(found.tags))


def is_in_bytes(options: Any) -> bool:
    """Whether options have what is said of them in bytes, as those of descriptors do."""
    return len(unknown_fields.UnknownFieldSet(options)) > 0 or any(one.is_extension for one, _ in options.ListFields())


def set_meta(options: Any, meta: Meta) -> None:
    """Say it, in the words of a text, with the parts in the order in which Confluent's converter writes them."""
    parts = []
    if meta.doc:
        parts.append(f"doc : {_quoted(meta.doc)}")
    if meta.params:
        entries = " , ".join(f"{{ {_entry(key, value)} }}" for key, value in meta.params.items())
        parts.append(f"params : [ {entries} ]")
    if meta.tags:
        parts.append(f"tags : [ {' , '.join(map(_quoted, meta.tags))} ]")
    if not parts:
        return
    option = options.uninterpreted_option.add(aggregate_value=" , ".join(parts))
    option.name.add(name_part=f"confluent.{NAMES[type(options)]}", is_extension=True)


def _entry(key: str, value: str) -> str:
    ordered = [("value", value), ("key", key)] if key in ("precision", "scale") else [("key", key), ("value", value)]
    return " , ".join(f"{name} : {_quoted(text)}" for name, text in ordered)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _merge_bytes(found: Any, options: Message) -> None:
    # Who has Confluent's classes in the process knows the extension, and others have it as an unknown field.
    for descriptor, value in options.ListFields():
        if descriptor.is_extension and descriptor.number == META_NUMBER and isinstance(value, Message):
            found.MergeFromString(value.SerializeToString())
    unknowns: Any = unknown_fields.UnknownFieldSet(options)
    for unknown in unknowns:
        if unknown.field_number == META_NUMBER and isinstance(unknown.data, bytes):
            try:
                found.MergeFromString(unknown.data)
            except DecodeError as error:
                raise ProtoError(f"an option of confluent/meta.proto cannot be read: {error}") from None


def _merge_words(found: Any, option: pb.UninterpretedOption) -> None:
    path = [part.name_part for part in option.name[1:]]
    if option.HasField("aggregate_value"):
        words = option.aggregate_value
        for part in reversed(path):
            words = f"{part} {{ {words} }}"
    elif len(path) == 1 and option.HasField("string_value"):
        words = f"{path[0]}: {_quoted(option.string_value.decode(errors='replace'))}"
    else:
        raise ProtoError(f"option {option.name[0].name_part} is a block of doc, params and tags")
    try:
        text_format.Merge(words, found)
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise ProtoError(f"option {option.name[0].name_part} cannot be read: {error}") from None
