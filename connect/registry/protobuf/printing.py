"""A file descriptor as .proto text, in one form: what two schemas are compared by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as FieldProto

from connect.registry.protobuf.parsing import SCALARS
from connect.registry.protobuf.tokens import quoted

_SCALAR_NAMES: Final = {number: name for name, number in SCALARS.items()}
_LABELS: Final = {FieldProto.LABEL_REQUIRED: "required ", FieldProto.LABEL_REPEATED: "repeated "}
_FIELD_END: Final = 2**29
_ENUM_MAX: Final = 2**31 - 1


def text_of(file: FileDescriptorProto) -> str:
    """Return the text of a file; types are named as the descriptor names them."""
    return "\n".join(_File(file).lines()) + "\n"


class _File:
    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file
        self._syntax = file.syntax or "proto2"

    def lines(self) -> Iterator[str]:
        file = self._file
        yield f'syntax = "{self._syntax}";'
        if file.package:
            yield f"package {file.package};"
        if file.dependency:
            yield ""
        for index, name in enumerate(file.dependency):
            kind = "public " if index in file.public_dependency else "weak " if index in file.weak_dependency else ""
            yield f"import {kind}{quoted(name)};"
        options = list(_options(file.options))
        if options:
            yield ""
        for option in options:
            yield f"option {option};"
        for message in file.message_type:
            yield ""
            yield from self._message(message)
        for enum in file.enum_type:
            yield ""
            yield from _enum(enum)
        yield from self._extends(file.extension)
        for service in file.service:
            yield ""
            yield from _service(service)

    def _message(self, message: DescriptorProto) -> Iterator[str]:
        entries = {one.name: one for one in message.nested_type if one.options.map_entry}
        yield f"message {message.name} {{"
        for option in _options(message.options):
            yield f"  option {option};"
        yield from _reserved(message, _FIELD_END, inclusive=False)
        synthetic = {field.oneof_index for field in message.field if field.proto3_optional}
        for field in message.field:
            if not field.HasField("oneof_index") or field.proto3_optional:
                yield f"  {self._field(field, entries)}"
        for index, declared in enumerate(message.oneof_decl):
            if index not in synthetic:
                yield f"  oneof {declared.name} {{"
                for option in _options(declared.options):
                    yield f"    option {option};"
                for field in message.field:
                    if field.HasField("oneof_index") and field.oneof_index == index:
                        yield f"    {self._field(field, entries, in_oneof=True)}"
                yield "  }"
        for one in message.extension_range:
            extent = _range(one.start, one.end - 1, _FIELD_END - 1)
            yield f"  extensions {extent}{_bracketed(list(_options(one.options)))};"
        for nested in message.nested_type:
            if nested.name not in entries:
                yield ""
                yield from _indented(self._message(nested))
        for enum in message.enum_type:
            yield ""
            yield from _indented(_enum(enum))
        yield from _indented(self._extends(message.extension))
        yield "}"

    def _field(self, field: FieldProto, entries: dict[str, Any], *, in_oneof: bool = False) -> str:
        entry = entries.get(field.type_name.rpartition(".")[2]) if field.label == FieldProto.LABEL_REPEATED else None
        if entry is not None:
            key, value = entry.field
            kind = f"map<{_type(key)}, {_type(value)}>"
        else:
            kind = ("" if in_oneof else self._label(field)) + _type(field)
        options = list(_options(field.options))
        if field.HasField("default_value"):
            is_text = field.type in (FieldProto.TYPE_STRING, FieldProto.TYPE_BYTES)
            options.insert(0, f"default = {quoted(field.default_value) if is_text else field.default_value}")
        if field.HasField("json_name") and field.json_name != _json_name(field.name):
            options.append(f"json_name = {quoted(field.json_name)}")
        return f"{kind} {field.name} = {field.number}{_bracketed(options)};"

    def _label(self, field: FieldProto) -> str:
        if field.label in _LABELS:
            return _LABELS[field.label]
        return "optional " if self._syntax == "proto2" or field.proto3_optional else ""

    def _extends(self, extensions: Any) -> Iterator[str]:
        for extendee in dict.fromkeys(field.extendee for field in extensions):
            yield ""
            yield f"extend {extendee} {{"
            for field in extensions:
                if field.extendee == extendee:
                    yield f"  {self._field(field, {})}"
            yield "}"


def _enum(enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"enum {enum.name} {{"
    for option in _options(enum.options):
        yield f"  option {option};"
    yield from _reserved(enum, _ENUM_MAX, inclusive=True)
    for value in enum.value:
        yield f"  {value.name} = {value.number}{_bracketed(list(_options(value.options)))};"
    yield "}"


def _service(service: ServiceDescriptorProto) -> Iterator[str]:
    yield f"service {service.name} {{"
    for option in _options(service.options):
        yield f"  option {option};"
    for method in service.method:
        given = f"{'stream ' if method.client_streaming else ''}{method.input_type}"
        answered = f"{'stream ' if method.server_streaming else ''}{method.output_type}"
        options = list(_options(method.options))
        yield f"  rpc {method.name} ({given}) returns ({answered}){' {' if options else ';'}"
        for option in options:
            yield f"    option {option};"
        if options:
            yield "  }"
    yield "}"


def _reserved(holder: Any, end: int, *, inclusive: bool) -> Iterator[str]:
    most = end if inclusive else end - 1
    ranges = [_range(one.start, one.end if inclusive else one.end - 1, most) for one in holder.reserved_range]
    if ranges:
        yield f"  reserved {', '.join(ranges)};"
    if holder.reserved_name:
        yield f"  reserved {', '.join(map(quoted, holder.reserved_name))};"


def _range(start: int, end: int, most: int) -> str:
    if start == end:
        return str(start)
    return f"{start} to {'max' if end == most else end}"


def _type(field: FieldProto) -> str:
    return str(field.type_name or _SCALAR_NAMES[field.type])


def _json_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _options(options: Any) -> Iterator[str]:
    for known, value in options.ListFields():
        if known.name == "map_entry" or known.message_type is not None:
            continue
        for one in value if known.is_repeated else [value]:
            yield f"{known.name} = {_value(known, one)}"
    for option in options.uninterpreted_option:
        name = ".".join(f"({part.name_part})" if part.is_extension else part.name_part for part in option.name)
        yield f"{name} = {_uninterpreted(option)}"


def _value(known: Any, value: Any) -> str:
    if known.enum_type is not None:
        return str(known.enum_type.values_by_number[value].name)
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else str(value)


def _uninterpreted(option: Any) -> str:
    if option.HasField("aggregate_value"):
        return f"{{ {option.aggregate_value} }}"
    if option.HasField("string_value"):
        return quoted(option.string_value.decode("utf-8", "surrogatepass"))
    for name in ("identifier_value", "positive_int_value", "negative_int_value"):
        if option.HasField(name):
            return str(getattr(option, name))
    return str(option.double_value)


def _bracketed(options: list[str]) -> str:
    return f" [{', '.join(options)}]" if options else ""


def _indented(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield f"  {line}" if line else line
