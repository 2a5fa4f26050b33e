"""A `FileDescriptorProto` as text, in the form in which Confluent's registry keeps schemas: its canonical form.

Messages go before enums, fields before oneofs, what is nested behind both; comments are left out.

Source: Confluent's registry 8.4, what it answers for the schemas that its converter registers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2 as pb
from google.protobuf.descriptor import FieldDescriptor

from connect_protofiles.meta import NAMES, is_in_bytes, meta_of, set_meta
from connect_protofiles.parsing import TYPES
from connect_protofiles.tokens import DEPTH_MAX, ProtoError, string_bytes, tokens

_TYPE_NAMES: Final = {number: name for name, number in TYPES.items()}
_MAX: Final = 536870911
_FILE_OPTIONS: Final = (
    "java_package", "java_outer_classname", "java_multiple_files", "java_generate_equals_and_hash",
    "java_string_check_utf8", "optimize_for", "go_package", "cc_generic_services", "java_generic_services",
    "py_generic_services",
)  # fmt: skip
_ESCAPES: Final = str.maketrans(
    {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\",
     "'": "\\'", '"': '\\"'}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Word:
    """A value that is written as it is."""

    text: str


def text_of(file: pb.FileDescriptorProto) -> str:
    """Return a file as text.

    Raises:
        ProtoError: It is a descriptor that nobody has linked, or its options are words of no text.
    """
    lines: list[str] = []
    if file.syntax == "editions":
        lines.append(f'edition = "{pb.Edition.Name(file.edition).removeprefix("EDITION_")}";')
    elif file.syntax:
        lines.append(f'syntax = "{file.syntax}";')
    if file.package:
        lines.append(f"package {file.package};")
    kinds = dict.fromkeys(file.weak_dependency, "weak ") | dict.fromkeys(file.public_dependency, "public ")
    imports = [
        f'import {kind}"{_escaped(name)}";'
        for kind in ("", "public ", "weak ")
        for index, name in enumerate(file.dependency)
        if kinds.get(index, "") == kind
    ]
    is_proto3 = file.syntax == "proto3"
    groups = _groups(file.extension)
    types = [
        line
        for message in file.message_type
        if message.name not in groups
        for line in _message(message, is_proto3, file.package)
    ]
    types += [line for enum in file.enum_type for line in _enum(enum)]
    for part in (
        imports,
        _option_lines(file.options),
        types,
        _extends(file, file.message_type, is_proto3, file.package),
        [line for service in file.service for line in _service(service)],
    ):
        if part:
            lines += ["", *part]
    return "".join(f"{line}\n" for line in lines)


# -- messages --------------------------------------------------------------------------------------------------------


def _block(head: str, *parts: Sequence[str], end: str = "}") -> list[str]:
    """Return a block of parts with an empty line between them; of no parts a line of its own."""
    full = [part for part in parts if part]
    if not full:
        return [f"{head} {{{end}"]
    lines = list(full[0])
    for part in full[1:]:
        lines += ["", *part]
    return [f"{head} {{", *_indented(lines), end]


def _message(message: pb.DescriptorProto, is_proto3: bool, space: str, head: str = "") -> list[str]:
    space = f"{space}.{message.name}"
    nested = {one.name: one for one in message.nested_type}
    entries = {name: one for name, one in nested.items() if one.options.map_entry}
    reserved = [
        *(f"reserved {_range(one.start, one.end - 1)};" for one in message.reserved_range),
        *(f'reserved "{_escaped(name)}";' for name in message.reserved_name),
    ]
    fields: list[str] = []
    groups: list[str] = []
    in_group = _groups(message.field) | _groups(message.extension)
    oneofs: list[list[str]] = [[] for _ in message.oneof_decl]
    for field in message.field:
        in_oneof = field.HasField("oneof_index") and not field.proto3_optional
        if field.type == FieldDescriptor.TYPE_GROUP:
            lines = _group(field, nested, is_proto3, space, in_oneof=in_oneof)
        else:
            entry = entries.get(field.type_name.rpartition(".")[2]) if entries else None
            if entry is not None and not _is_of(field.type_name, f"{space}.{entry.name}"):
                entry = None
            lines = _field(field, is_proto3, in_oneof=in_oneof, entry=entry)
        if in_oneof:
            oneofs[field.oneof_index] += lines
        elif field.type == FieldDescriptor.TYPE_GROUP:
            groups += lines
        else:
            fields += lines
    return _block(
        head or f"message {message.name}",
        reserved,
        _option_lines(message.options),
        fields,
        [
            line
            for oneof, own in zip(message.oneof_decl, oneofs, strict=True)
            if own
            for line in _block(f"oneof {oneof.name}", _option_lines(oneof.options), own)
        ],
        groups,
        [line for one in message.extension_range for line in _extension_range(one)],
        _extends(message, message.nested_type, is_proto3, space),
        [
            line
            for one in message.nested_type
            if one.name not in entries and one.name not in in_group
            for line in _message(one, is_proto3, space)
        ]
        + [line for enum in message.enum_type for line in _enum(enum)],
    )


def _field(
    field: pb.FieldDescriptorProto,
    is_proto3: bool,
    *,
    in_oneof: bool = False,
    entry: pb.DescriptorProto | None = None,
) -> list[str]:
    label = "" if in_oneof or entry is not None else _label(field, is_proto3)
    options = _compact(_options(field.options, field, is_proto3))
    kind = _type(field) if entry is None else f"map<{_type(entry.field[0])}, {_type(entry.field[1])}>"
    return f"{label}{kind} {field.name} = {field.number}{options};".split("\n")


def _is_of(name: str, full: str) -> bool:
    """Whether a name, which may be in part, is that of a type: another may have one with the same last word."""
    full = f".{full}" if full[0] != "." else full
    return name == full if name.startswith(".") else full.endswith(f".{name}")


def _type(field: pb.FieldDescriptorProto) -> str:
    return field.type_name or _TYPE_NAMES[field.type]


def _label(field: pb.FieldDescriptorProto, is_proto3: bool) -> str:
    if field.label == FieldDescriptor.LABEL_REPEATED:
        return "repeated "
    if field.proto3_optional or (not is_proto3 and field.label == FieldDescriptor.LABEL_OPTIONAL):
        return "optional "
    return "required " if field.label == FieldDescriptor.LABEL_REQUIRED else ""


def _extension_range(one: pb.DescriptorProto.ExtensionRange) -> list[str]:
    return f"extensions {_range(one.start, one.end - 1)}{_compact(_options(one.options))};".split("\n")


def _groups(fields: Iterable[pb.FieldDescriptorProto]) -> set[str]:
    """Return the names of the messages that stand in their fields."""
    return {field.type_name.rpartition(".")[2] for field in fields if field.type == FieldDescriptor.TYPE_GROUP}


def _group(
    field: pb.FieldDescriptorProto,
    beside: Mapping[str, pb.DescriptorProto],
    is_proto3: bool,
    space: str,
    *,
    in_oneof: bool = False,
) -> list[str]:
    name = field.type_name.rpartition(".")[2]
    if name not in beside:
        raise ProtoError(f"the message of group {field.name!r} does not stand beside it")
    label = "" if in_oneof else _label(field, is_proto3)
    options = _compact(_options(field.options, field, is_proto3))
    return _message(beside[name], is_proto3, space, f"{label}group {name} = {field.number}{options}")


def _extends(
    holder: pb.FileDescriptorProto | pb.DescriptorProto,
    messages: Iterable[pb.DescriptorProto],
    is_proto3: bool,
    space: str,
) -> list[str]:
    beside = {one.name: one for one in messages} if _groups(holder.extension) else {}
    by_message: dict[str, list[str]] = {}
    for field in holder.extension:
        is_group = field.type == FieldDescriptor.TYPE_GROUP
        lines = _group(field, beside, is_proto3, space) if is_group else _field(field, is_proto3)
        by_message.setdefault(field.extendee, []).extend(lines)
    return [line for name, fields in by_message.items() for line in _block(f"extend {name}", fields)]


def _range(start: int, end: int) -> str:
    if start == end:
        return str(start)
    return f"{start} to {'max' if end >= _MAX else end}"


# -- enums and services ----------------------------------------------------------------------------------------------


def _enum(enum: pb.EnumDescriptorProto) -> list[str]:
    lines = [f"reserved {_range(one.start, one.end)};" for one in enum.reserved_range]
    lines += [f'reserved "{_escaped(name)}";' for name in enum.reserved_name]
    lines += _option_lines(enum.options)
    for value in enum.value:
        lines += f"{value.name} = {value.number}{_compact(_options(value.options))};".split("\n")
    return _block(f"enum {enum.name}", lines)


def _service(service: pb.ServiceDescriptorProto) -> list[str]:
    methods: list[str] = []
    for method in service.method:
        takes = ("stream " if method.client_streaming else "") + method.input_type
        gives = ("stream " if method.server_streaming else "") + method.output_type
        head = f"rpc {method.name} ({takes}) returns ({gives})"
        options = _option_lines(method.options)
        methods += _block(head, options, end="};") if options else [f"{head};"]
    return _block(f"service {service.name}", _option_lines(service.options), methods)


# -- options ---------------------------------------------------------------------------------------------------------


def _option_lines(options: Any) -> list[str]:
    return [line for text in _options(options) for line in f"option {text};".split("\n")]


def _options(options: Any, field: pb.FieldDescriptorProto | None = None, is_proto3: bool = False) -> list[str]:
    """Return options, each with its name and value, which may have several lines."""
    found: list[tuple[str, Any]] = []
    for known, value in sorted(options.ListFields(), key=_file_order):
        if known.name == "uninterpreted_option" or known.is_extension or known.name == "map_entry":
            continue
        found += [(known.name, _value(known, one)) for one in (value if known.is_repeated else [value])]
    if type(options) in NAMES and is_in_bytes(options):
        found += _meta(options)
    found += [(_option_name(option), _option_value(option)) for option in options.uninterpreted_option]
    if field is not None:
        if field.HasField("default_value") and not is_proto3:
            found.append(("default", _default(field)))
        if field.HasField("json_name"):
            found.append(("json_name", field.json_name))
    return [f"{name} = {_shown(value)}" for name, value in found]


def _file_order(item: tuple[FieldDescriptor, Any]) -> int:
    """Return where an option of a file stands, which is not by its number; those of others are."""
    name = str(item[0].name)
    return _FILE_OPTIONS.index(name) if name in _FILE_OPTIONS else len(_FILE_OPTIONS) + item[0].number


def _meta(options: Any) -> list[tuple[str, Any]]:
    """Return what Confluent's option says in bytes; in words it is an option as any other."""
    in_bytes = type(options)()
    in_bytes.CopyFrom(options)
    del in_bytes.uninterpreted_option[:]
    said = type(options)()
    set_meta(said, meta_of(in_bytes))
    return [(_option_name(option), _option_value(option)) for option in said.uninterpreted_option]


def _compact(options: list[str]) -> str:
    if not options:
        return ""
    if len(options) == 1:
        return f" [{options[0]}]"
    lines = [line for index, text in enumerate(options) for line in f"{text}{_comma(index, options)}".split("\n")]
    return "\n".join([" [", *_indented(lines), "]"])


def _option_name(option: pb.UninterpretedOption) -> str:
    return ".".join(f"({part.name_part})" if part.is_extension else part.name_part for part in option.name)


def _option_value(option: pb.UninterpretedOption) -> Any:
    if option.HasField("aggregate_value"):
        return _Aggregate(option.aggregate_value).value()
    if option.HasField("string_value"):
        return option.string_value.decode(errors="replace")
    for kind in ("identifier_value", "positive_int_value", "negative_int_value", "double_value"):
        if option.HasField(kind):
            return _Word(str(getattr(option, kind)))
    return _Word("")


def _value(field: FieldDescriptor, value: Any) -> Any:
    """Return the value of one of Protobuf's own options as what `_shown` writes."""
    if field.message_type is not None:
        return [
            (known.name, _value(known, one))
            for known, own in value.ListFields()
            for one in (own if known.is_repeated else [own])
        ]
    if field.enum_type is not None:
        return _Word(field.enum_type.values_by_number[value].name)
    if isinstance(value, bool):
        return _Word("true" if value else "false")
    return value if isinstance(value, str) else _Word(str(value))


def _default(field: pb.FieldDescriptorProto) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return field.default_value
    # A descriptor has bytes as a text with their escapes in it.
    is_bytes = field.type == FieldDescriptor.TYPE_BYTES
    return _Word(f'"{field.default_value}"' if is_bytes else field.default_value)


def _shown(value: Any, indent: str = "") -> str:
    if isinstance(value, _Word):
        return value.text
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    is_list = value and not isinstance(value[0], tuple)
    opens, closes = "[]" if is_list else "{}"
    inner = f"{indent}  "
    items = [_shown(one, inner) if is_list else f"{one[0]}: {_shown(one[1], inner)}" for one in value]
    return "\n".join(
        [opens, *(f"{inner}{text}{_comma(index, items)}" for index, text in enumerate(items)), indent + closes]
    )


def _comma(index: int, items: list[str]) -> str:
    return "," if index < len(items) - 1 else ""


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _bytes(word: str) -> bytes:
    try:
        return string_bytes(word)
    except ValueError as error:
        raise ProtoError(f"a text of an option has {error}") from None


class _Aggregate:
    """The words of a block of an option, as pairs, lists and words: balanced, but where they are a descriptor's."""

    def __init__(self, words: str) -> None:
        self._tokens = tokens(words)
        self._next = 0
        self._depth = 0

    def value(self) -> list[Any]:
        return self._pairs("")

    def _text(self) -> str:
        return self._tokens[self._next].text

    def _take(self) -> str:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token.text

    def _pairs(self, end: str) -> list[Any]:
        found: list[Any] = []
        while self._text() != end and self._tokens[self._next].kind != "end":
            if self._text() in (",", ";"):
                self._take()
                continue
            name = self._take()
            if name == "[":
                parts = []
                while self._text() not in ("]", ""):
                    parts.append(self._take())
                self._take()
                name = f"[{''.join(parts)}]"
            if self._text() == ":":
                self._take()
            found.append((name, self._one()))
        self._take()
        return found

    def _one(self) -> Any:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ProtoError(f"a value of an option is deeper than {DEPTH_MAX}")
        found = self._value()
        self._depth -= 1
        return found

    def _value(self) -> Any:
        token = self._tokens[self._next]
        if token.text in ("{", "<") and token.kind == "sign":
            self._take()
            return self._pairs("}" if token.text == "{" else ">")
        if token.text == "[" and token.kind == "sign":
            self._take()
            items = []
            while self._text() not in ("]", ""):
                if self._text() == ",":
                    self._take()
                else:
                    items.append(self._one())
            self._take()
            return items
        if token.kind == "string":
            parts = []
            while self._tokens[self._next].kind == "string":
                parts.append(_bytes(self._take()))
            return b"".join(parts).decode(errors="replace")
        sign = "-" if self._text() == "-" and self._take() else ""
        return _Word(sign + self._take())
