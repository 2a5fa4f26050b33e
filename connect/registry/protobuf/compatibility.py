"""Whether what was written by one Protobuf schema is read rightly by another, and where it may not be.

Fields are told apart by their numbers. Names of fields, enums and their values may change; what may not are packages
and names of messages, kinds of fields, and what excludes what.

Source: Confluent Platform, "Protobuf Schema Serializer and Deserializer", "Protobuf schema compatibility rules";
Protocol Buffers, "Updating A Message Type".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as FieldProto
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from connect.registry.pairs import FOUND_MAX, Pairs

#: Numbers of one group are read as each other.
_GROUPS: Final = {
    **dict.fromkeys(
        (
            FieldProto.TYPE_INT32,
            FieldProto.TYPE_INT64,
            FieldProto.TYPE_UINT32,
            FieldProto.TYPE_UINT64,
            FieldProto.TYPE_BOOL,
            FieldProto.TYPE_ENUM,
        ),
        "number",
    ),
    **dict.fromkeys((FieldProto.TYPE_SINT32, FieldProto.TYPE_SINT64), "signed number"),
    **dict.fromkeys((FieldProto.TYPE_STRING, FieldProto.TYPE_BYTES), "text"),
    **dict.fromkeys((FieldProto.TYPE_FIXED32, FieldProto.TYPE_SFIXED32), "fixed 32"),
    **dict.fromkeys((FieldProto.TYPE_FIXED64, FieldProto.TYPE_SFIXED64), "fixed 64"),
    FieldProto.TYPE_FLOAT: "float",
    FieldProto.TYPE_DOUBLE: "double",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not read rightly: the kind of change, and where it is."""

    kind: str
    path: str

    def told(self, reader: str = "new") -> str:
        """Return the text of it, with Confluent's word for the kind."""
        words = self.kind.replace("_", " ").lower()
        return f'{{errorType:"{self.kind}", description:"{words}, at path \'{self.path}\' of the {reader} schema"}}'


class Types:
    """The messages of a file and of what it imports.

    Args:
        file, imported: With the names of types in full.
    """

    def __init__(self, file: FileDescriptorProto, imported: Sequence[Any]) -> None:
        self.file = file
        self.messages: dict[str, Any] = {}
        self.packages: dict[str, str] = {}
        for one in (*imported, file):
            self._collect(one.message_type, one.package, one.package)

    def _collect(self, messages: Any, space: str, package: str) -> None:
        for message in messages:
            name = f"{space}.{message.name}".removeprefix(".")
            self.messages[name], self.packages[name] = message, package
            self._collect(message.nested_type, name, package)

    def local(self, name: str) -> str:
        """Return a message's name without its package."""
        package = self.packages.get(name, "")
        return name.removeprefix(f"{package}.") if package else name


def differences(original: Types, update: Types) -> list[Difference]:
    """Return what keeps what was written by one file from being read rightly by another; nothing where all is."""
    comparison = _Comparison(original, update)
    found = []
    if original.file.package != update.file.package:
        found.append(Difference("PACKAGE_CHANGED", "#/"))
    found += comparison.messages(
        _standing(original.file.message_type, original.file.extension),
        update.file.message_type,
        (original.file.package, update.file.package),
        "#",
    )
    return list(dict.fromkeys(found))[:FOUND_MAX]


class _Comparison:
    def __init__(self, original: Types, update: Types) -> None:
        self._original = original
        self._update = update
        self._pairs: Pairs[Difference] = Pairs()

    def messages(self, original: Any, update: Any, spaces: tuple[str, str], path: str) -> list[Difference]:
        """Compare messages that stand side by side, by their names."""
        after = {message.name: message for message in update}
        found: list[Difference] = []
        for message in original:
            here = f"{path}/{message.name}"
            if message.name not in after:
                found.append(Difference("MESSAGE_REMOVED", here))
                continue
            names = tuple(f"{space}.{message.name}".removeprefix(".") for space in spaces)
            found += self._message(names[0], names[1], here)
        return found

    def _message(self, original: str, update: str, path: str) -> list[Difference]:
        before, after = self._original.messages.get(original), self._update.messages.get(update)
        if before is None or after is None:
            return []
        return self._pairs.found((original, update), lambda: self._compared(before, after, (original, update), path))

    def _compared(self, before: Any, after: Any, names: tuple[str, str], path: str) -> list[Difference]:
        found = self._excluded(before, after, path)
        old, new = ({field.number: field for field in message.field} for message in (before, after))
        gone, left = _gone(before, old, new), {declared.name for declared in after.oneof_decl}
        for number in sorted({*old, *new}):
            here = f"{path}/{number}"
            if number not in new:
                oneof = _oneof(before, old[number])
                if oneof is not None:
                    if oneof not in gone or oneof in left:
                        found.append(Difference("ONEOF_FIELD_REMOVED", f"{path}/{oneof}/{number}"))
                elif old[number].label == FieldProto.LABEL_REQUIRED:
                    found.append(Difference("REQUIRED_FIELD_REMOVED", here))
            elif number not in old:
                if new[number].label == FieldProto.LABEL_REQUIRED:
                    found.append(Difference("REQUIRED_FIELD_ADDED", here))
            else:
                found += self._field(old[number], new[number], here)
        own = _standing(before.nested_type, (*before.field, *before.extension))
        return found + self.messages(own, after.nested_type, names, path)

    @staticmethod
    def _excluded(before: Any, after: Any, path: str) -> list[Difference]:
        """Return which fields exclude each other that did not: of two that were written one would be lost."""
        old = {field.number: _oneof(before, field) for field in before.field}
        found = []
        numbers_of: dict[int, list[int]] = {}
        for field in after.field:
            if field.HasField("oneof_index") and field.number in old:
                numbers_of.setdefault(field.oneof_index, []).append(field.number)
        for index, declared in enumerate(after.oneof_decl):
            numbers = numbers_of.get(index, [])
            moved_in = [number for number in numbers if old[number] is None]
            groups = {old[number] or number for number in numbers}
            if len(groups) > 1:
                kind = "MULTIPLE_FIELDS_MOVED_TO_ONEOF" if len(moved_in) > 1 else "FIELD_MOVED_TO_EXISTING_ONEOF"
                found.append(Difference(kind, f"{path}/{declared.name}"))
        return found

    def _field(self, old: Any, new: Any, path: str) -> list[Difference]:
        kinds = _kind(old, self._original), _kind(new, self._update)
        if kinds[0] != kinds[1]:
            return [Difference("FIELD_KIND_CHANGED", path)]
        if kinds[0] == "map":
            before = self._original.messages[old.type_name[1:]].field
            after = self._update.messages[new.type_name[1:]].field
            return [one for pair in zip(before, after, strict=True) for one in self._field(*pair, path)]
        if kinds[0] in ("message", "group"):
            return self._named(old.type_name[1:], new.type_name[1:], path)
        groups = _GROUPS[old.type], _GROUPS[new.type]
        if groups[0] != groups[1]:
            return [Difference("FIELD_SCALAR_KIND_CHANGED", path)]
        # A text that comes once or many times is written alike; numbers are packed.
        if groups[0] != "text" and _is_many(old) != _is_many(new):
            return [Difference("FIELD_NUMERIC_LABEL_CHANGED", path)]
        return []

    def _named(self, old: str, new: str, path: str) -> list[Difference]:
        if self._original.local(old) != self._update.local(new):
            return [Difference("FIELD_NAMED_TYPE_CHANGED", path)]
        found = self._message(old, new, f"#/{self._original.local(old).replace('.', '/')}")
        return [*found, Difference("FIELD_NAMED_TYPE_CHANGED", path)] if found else []


def _standing(messages: Any, fields: Iterable[Any]) -> list[Any]:
    """Return the messages that stand for themselves: those of maps and groups come and go with their fields."""
    groups = {field.type_name.rpartition(".")[2] for field in fields if field.type == FieldProto.TYPE_GROUP}
    return [one for one in messages if not one.options.map_entry and one.name not in groups]


def _gone(message: Any, old: dict[int, Any], new: dict[int, Any]) -> set[str]:
    """Return the oneofs of which no field is left."""
    left = {_oneof(message, field) for number, field in old.items() if number in new}
    return {declared.name for declared in message.oneof_decl} - left


def _oneof(message: Any, field: Any) -> str | None:
    if not field.HasField("oneof_index") or field.proto3_optional:
        return None
    return str(message.oneof_decl[field.oneof_index].name)


def _kind(field: Any, types: Types) -> str:
    if field.type == FieldProto.TYPE_GROUP:
        return "group"
    if field.type != FieldProto.TYPE_MESSAGE:
        return "scalar"
    message = types.messages.get(field.type_name[1:])
    return "map" if message is not None and message.options.map_entry else "message"


def _is_many(field: Any) -> bool:
    return bool(field.label == FieldProto.LABEL_REPEATED)
