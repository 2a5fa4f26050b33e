"""A `.proto` text as a `FileDescriptorProto`, as it is written: names are not looked up, options not interpreted.

Every option stands as an `uninterpreted_option`, in the order of the text, but for a field's `default` and `json_name`.
A message's map entries stand behind its nested messages, so that the indexes of those are what Confluent's clients
count.

Source: Protocol Buffers, "Language Specification"; descriptor.proto.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import text_encoding

from connect_protofiles.tokens import (
    DEPTH_MAX,
    NAME_CHARS_MAX,
    NAME_PARTS_MAX,
    ProtoError,
    Token,
    place,
    string_bytes,
    tokens,
)

_FIELD_MAX: Final = 536870911
_ENUM_MAX: Final = 2**31 - 1
#: A number of more is none of 64 bits, in any base.
_DIGITS_MAX: Final = 40
_LABELS: Final = {
    "optional": pb.FieldDescriptorProto.LABEL_OPTIONAL,
    "required": pb.FieldDescriptorProto.LABEL_REQUIRED,
    "repeated": pb.FieldDescriptorProto.LABEL_REPEATED,
}
TYPES: Final = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "fixed64": 6, "fixed32": 7, "bool": 8, "string": 9,
    "bytes": 12, "uint32": 13, "sfixed32": 15, "sfixed64": 16, "sint32": 17, "sint64": 18,
}  # fmt: skip
_KEY_TYPES: Final = TYPES.keys() - {"double", "float", "bytes"}
_FLOATS: Final = (pb.FieldDescriptorProto.TYPE_DOUBLE, pb.FieldDescriptorProto.TYPE_FLOAT)


def parsed(text: str, name: str = "") -> pb.FileDescriptorProto:
    """Return what a text says.

    Args:
        name: Of the file: what others import it by.

    Raises:
        ProtoError: It is no schema; says where.
    """
    return _Parser(text).file(name)


def map_entry_name(field: str) -> str:
    """Return what the message of a map field's entries is called."""
    return "".join(part[:1].upper() + part[1:] for part in field.split("_")) + "Entry"


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text.removeprefix("\ufeff")
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0
        self._is_proto2 = True
        self._is_proto3 = False
        self._is_edition = False

    # -- words -------------------------------------------------------------------------------------------------------

    @property
    def _here(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _is(self, text: str, *, ahead: int = 0) -> bool:
        index = self._next + ahead
        if index >= len(self._tokens):
            return False
        token = self._tokens[index]
        return token.text == text and token.kind in ("sign", "name")

    def _took(self, text: str) -> bool:
        if self._is(text):
            self._next += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._took(text):
            self._wrong(f"{text!r} is expected")

    def _wrong(self, why: str, at: Token | None = None) -> NoReturn:
        token = at or self._here
        found = f", and not {token.text[:40]!r}" if token.kind != "end" else ", and the text ends"
        raise ProtoError(f"{place(self._text, token.position)}: {why}{found}")

    def _name(self, what: str = "a name") -> str:
        token = self._take()
        if token.kind != "name":
            self._wrong(f"{what} is expected", token)
        if len(token.text) > NAME_CHARS_MAX:
            self._wrong(f"a name of {NAME_CHARS_MAX} characters at most is expected", token)
        return token.text

    def _dotted(self, what: str, *, absolute: bool = True) -> str:
        first = self._here
        dot = "." if absolute and self._took(".") else ""
        parts = [self._name(what)]
        while self._took("."):
            parts.append(self._name(what))
        if len(parts) > NAME_PARTS_MAX:
            self._wrong(f"a name of {NAME_PARTS_MAX} parts at most is expected", first)
        return dot + ".".join(parts)

    def _string(self) -> str:
        data = self._string_bytes()
        try:
            return data.decode()
        except UnicodeDecodeError:
            self._wrong("a text in UTF-8 is expected", self._tokens[self._next - 1])

    def _string_bytes(self) -> bytes:
        parts = []
        while self._here.kind == "string":
            parts.append(self._bytes_of(self._take()))
        if not parts:
            self._wrong("a text in quotes is expected")
        return b"".join(parts)

    def _bytes_of(self, token: Token) -> bytes:
        try:
            return string_bytes(token.text)
        except ValueError:
            self._wrong("a text is expected whose backslashes mean something", token)

    def _integer(self, *, signed: bool = False) -> int:
        negative = signed and self._took("-")
        token = self._take()
        number = _whole(token.text) if token.kind == "number" else None
        if number is None:
            self._wrong("a whole number is expected", token)
        return -number if negative else number

    def _number(self, *, signed: bool = False, most: int, what: str) -> int:
        token = self._here
        number = self._integer(signed=signed)
        if not -most - 1 <= number <= most:
            self._wrong(f"{what} is expected", token)
        return number

    def _block(self, one: Callable[[], None]) -> None:
        """Take '{', whatever is inside of it, and '}'."""
        self._need("{")
        self._depth += 1
        if self._depth > DEPTH_MAX:
            self._wrong(f"blocks may be {DEPTH_MAX} deep")
        while not self._took("}"):
            if self._here.kind == "end":
                self._wrong("'}' is expected")
            if not self._took(";"):
                one()
        self._depth -= 1

    # -- the file ----------------------------------------------------------------------------------------------------

    def file(self, name: str) -> pb.FileDescriptorProto:
        file = pb.FileDescriptorProto(name=name)
        self._syntax(file)
        while self._here.kind != "end":
            if not self._took(";"):
                self._file_element(file)
        return file

    def _syntax(self, file: pb.FileDescriptorProto) -> None:
        if self._is("syntax"):
            self._take()
            self._need("=")
            token = self._here
            file.syntax = self._string()
            if file.syntax not in ("proto2", "proto3"):
                self._wrong("the syntax is 'proto2' or 'proto3'", token)
            self._is_proto3 = file.syntax == "proto3"
            self._is_proto2 = not self._is_proto3
            self._need(";")
        elif self._is("edition"):
            self._take()
            self._need("=")
            token = self._here
            edition = self._string()
            editions = set(pb.Edition.keys())
            if f"EDITION_{edition}" not in editions or not edition.isdecimal():
                self._wrong("an edition that is known, such as '2023', is expected", token)
            file.syntax, file.edition = "editions", pb.Edition.Value(f"EDITION_{edition}")
            self._is_edition, self._is_proto2 = True, False
            self._need(";")

    def _file_element(self, file: pb.FileDescriptorProto) -> None:
        token = self._take()
        match token.text if token.kind == "name" else "":
            case "import":
                kind = self._take().text if self._here.kind == "name" else ""
                if kind not in ("", "public", "weak"):
                    self._wrong("'public', 'weak' or a text in quotes is expected", self._tokens[self._next - 1])
                if kind:
                    places = file.public_dependency if kind == "public" else file.weak_dependency
                    places.append(len(file.dependency))
                file.dependency.append(self._string())
                self._need(";")
            case "package":
                if file.HasField("package"):
                    self._wrong("one package is expected", token)
                file.package = self._dotted("the name of a package", absolute=False)
                self._need(";")
            case "option":
                self._option(file.options)
            case "message":
                self._message(file.message_type.add())
            case "enum":
                self._enum(file.enum_type.add())
            case "extend":
                self._extend(file.extension, file.message_type)
            case "service":
                self._service(file.service.add())
            case _:
                self._wrong("a message, enum, import, option, package, service or extend is expected", token)

    # -- messages ----------------------------------------------------------------------------------------------------

    def _message(self, message: pb.DescriptorProto) -> None:
        message.name = self._name()
        self._message_body(message)

    def _message_body(self, message: pb.DescriptorProto) -> None:
        entries: list[pb.DescriptorProto] = []
        self._block(lambda: self._message_element(message, entries))
        message.nested_type.extend(entries)
        used = {oneof.name for oneof in message.oneof_decl} | {field.name for field in message.field}
        for field in message.field:  # one that is told from none is the only one of a oneof, behind all others
            if field.proto3_optional:
                name = f"_{field.name}"
                while name in used:
                    name = f"X{name}"
                used.add(name)
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=name)

    def _message_element(self, message: pb.DescriptorProto, entries: list[pb.DescriptorProto]) -> None:
        token = self._here
        is_word = token.kind == "name" and not self._is(".", ahead=1)
        match token.text if is_word else "":
            case "message":
                self._take()
                self._message(message.nested_type.add())
            case "enum":
                self._take()
                self._enum(message.enum_type.add())
            case "extend":
                self._take()
                self._extend(message.extension, message.nested_type)
            case "option":
                self._take()
                self._option(message.options)
            case "oneof":
                self._take()
                self._oneof(message)
            case "extensions":
                self._take()
                self._extensions(message)
            case "reserved":
                self._take()
                self._reserved(message)
            case "map" if self._is("<", ahead=1):
                self._take()
                self._map(message, entries)
            case _:
                self._field(message.field.add(), message.nested_type)

    def _oneof(self, message: pb.DescriptorProto) -> None:
        index, others = len(message.oneof_decl), len(message.field)
        oneof = message.oneof_decl.add(name=self._name())

        def element() -> None:
            if self._is("option") and not self._is("=", ahead=2):
                self._take()
                self._option(oneof.options)
                return
            field = message.field.add()
            self._field(field, message.nested_type, in_oneof=True)
            field.oneof_index = index

        self._block(element)
        if len(message.field) == others:
            self._wrong(f"a oneof has fields, and {oneof.name!r} has none", self._tokens[self._next - 1])

    def _field(
        self,
        field: pb.FieldDescriptorProto,
        nested: Any,
        *,
        in_oneof: bool = False,
        extendee: str = "",
    ) -> None:
        if extendee:
            field.extendee = extendee
        label = self._here.text
        field.label = pb.FieldDescriptorProto.LABEL_OPTIONAL
        if label in _LABELS and not in_oneof:
            self._take()
            field.label = _LABELS[label]
            if label == "optional" and self._is_proto3:
                field.proto3_optional = True
        elif not in_oneof and self._is_proto2:
            self._wrong("'optional', 'required' or 'repeated' is expected")
        if self._is("group") and self._tokens[self._next + 1].kind == "name":
            self._group(field, nested)
            return
        self._type(field)
        field.name = self._name()
        self._need("=")
        field.number = self._number(most=_FIELD_MAX, what=f"a number up to {_FIELD_MAX}")
        self._compact_options(field.options, field)
        self._need(";")

    def _type(self, field: pb.FieldDescriptorProto) -> None:
        found = self._dotted("a type")
        if found in TYPES:
            field.type = TYPES[found]  # type: ignore[assignment]
        else:
            field.type_name = found

    def _group(self, field: pb.FieldDescriptorProto, nested: Any) -> None:
        self._take()
        name = self._name()
        field.name, field.type_name = name.lower(), name
        field.type = pb.FieldDescriptorProto.TYPE_GROUP
        self._need("=")
        field.number = self._number(most=_FIELD_MAX, what=f"a number up to {_FIELD_MAX}")
        self._compact_options(field.options, field)
        message = nested.add(name=name)
        self._message_body(message)

    def _map(self, message: pb.DescriptorProto, entries: list[pb.DescriptorProto]) -> None:
        self._need("<")
        entry = pb.DescriptorProto()
        entry.options.map_entry = True
        key = entry.field.add(name="key", number=1, label=pb.FieldDescriptorProto.LABEL_OPTIONAL)
        token = self._here
        self._type(key)
        if token.text not in _KEY_TYPES:
            self._wrong("a map's keys are whole numbers, bool or string", token)
        self._need(",")
        self._type(entry.field.add(name="value", number=2, label=pb.FieldDescriptorProto.LABEL_OPTIONAL))
        self._need(">")
        field = message.field.add(label=pb.FieldDescriptorProto.LABEL_REPEATED, name=self._name())
        entry.name = map_entry_name(field.name)
        field.type, field.type_name = pb.FieldDescriptorProto.TYPE_MESSAGE, entry.name
        entries.append(entry)
        self._need("=")
        field.number = self._number(most=_FIELD_MAX, what=f"a number up to {_FIELD_MAX}")
        self._compact_options(field.options, field)
        self._need(";")

    def _extend(self, extensions: Any, nested: Any) -> None:
        extendee = self._dotted("the message that is extended")
        self._block(lambda: self._field(extensions.add(), nested, extendee=extendee))

    def _extensions(self, message: pb.DescriptorProto) -> None:
        first = len(message.extension_range)
        for start, end in self._ranges(_FIELD_MAX):
            message.extension_range.add(start=start, end=end + 1)
        options = pb.ExtensionRangeOptions()
        self._compact_options(options, None)
        if options.uninterpreted_option:
            for one in message.extension_range[first:]:
                one.options.CopyFrom(options)
        self._need(";")

    def _reserved(self, message: pb.DescriptorProto) -> None:
        if self._here.kind == "number":
            for start, end in self._ranges(_FIELD_MAX):
                message.reserved_range.add(start=start, end=end + 1)
        else:
            message.reserved_name.extend(self._reserved_names())
        self._need(";")

    def _reserved_names(self) -> list[str]:
        one = self._name if self._is_edition and self._here.kind == "name" else self._string
        names = [one()]
        while self._took(","):
            names.append(one())
        return names

    def _ranges(self, most: int, *, signed: bool = False) -> list[tuple[int, int]]:
        found = []
        while True:
            start = self._number(signed=signed, most=most, what=f"a number up to {most}")
            end = start
            if self._took("to"):
                end = most if self._took("max") else self._number(signed=signed, most=most, what="a number")
            found.append((start, end))
            if not self._took(","):
                return found

    # -- enums and services ------------------------------------------------------------------------------------------

    def _enum(self, enum: pb.EnumDescriptorProto) -> None:
        enum.name = self._name()

        def element() -> None:
            if self._is("option") and not self._is("=", ahead=1):
                self._take()
                self._option(enum.options)
            elif self._is("reserved") and not self._is("=", ahead=1):
                self._take()
                if self._here.kind == "number" or self._is("-"):
                    for start, end in self._ranges(_ENUM_MAX, signed=True):
                        enum.reserved_range.add(start=start, end=end)
                else:
                    enum.reserved_name.extend(self._reserved_names())
                self._need(";")
            else:
                value = enum.value.add(name=self._name())
                self._need("=")
                value.number = self._number(signed=True, most=_ENUM_MAX, what="a number of 32 bits")
                self._compact_options(value.options, None)
                self._need(";")

        self._block(element)

    def _service(self, service: pb.ServiceDescriptorProto) -> None:
        service.name = self._name()

        def element() -> None:
            if self._took("option"):
                self._option(service.options)
                return
            self._need("rpc")
            method = service.method.add(name=self._name())
            method.input_type, streams = self._method_type()
            if streams:
                method.client_streaming = True
            self._need("returns")
            method.output_type, streams = self._method_type()
            if streams:
                method.server_streaming = True
            if not self._is("{"):
                self._need(";")
                return

            def option() -> None:
                self._need("option")
                self._option(method.options)

            method.options.SetInParent()
            self._block(option)

        self._block(element)

    def _method_type(self) -> tuple[str, bool]:
        self._need("(")
        streams = self._is("stream") and not self._is(")", ahead=1)
        if streams:
            self._take()
        found = self._dotted("a message")
        self._need(")")
        return found, streams

    # -- options -----------------------------------------------------------------------------------------------------

    def _option(self, options: Any) -> None:
        self._option_name(options.uninterpreted_option.add())
        self._need("=")
        self._option_value(options.uninterpreted_option[-1])
        self._need(";")

    def _compact_options(self, options: Any, field: pb.FieldDescriptorProto | None) -> None:
        if not self._took("["):
            return
        while True:
            if field is not None and self._is("default") and self._is("=", ahead=1):
                self._next += 2
                field.default_value = self._default(field)
            elif field is not None and self._is("json_name") and self._is("=", ahead=1):
                self._next += 2
                field.json_name = self._string()
            else:
                self._option_name(options.uninterpreted_option.add())
                self._need("=")
                self._option_value(options.uninterpreted_option[-1])
            if self._took("]"):
                return
            self._need(",")

    def _option_name(self, option: pb.UninterpretedOption) -> None:
        while True:
            if self._took("("):
                option.name.add(name_part=self._dotted("the name of an option"), is_extension=True)
                self._need(")")
            else:
                option.name.add(name_part=self._name("the name of an option"), is_extension=False)
            if not self._took("."):
                return

    def _option_value(self, option: pb.UninterpretedOption) -> None:
        token = self._here
        if token.text == "{" and token.kind == "sign":
            option.aggregate_value = self._aggregate()
        elif token.kind == "string":
            option.string_value = self._string_bytes()
        elif token.kind == "name":
            option.identifier_value = self._dotted("a value", absolute=False)
        else:
            negative = self._took("-")
            self._took("+")
            token = self._take()
            if negative and token.text in ("inf", "nan"):
                option.double_value = -float(token.text)
                return
            if token.kind != "number":
                self._wrong("a value is expected", token)
            number = _whole(token.text)
            if number is None or number >= 1 << 64 or (negative and number > 1 << 63):
                option.double_value = -self._float(token) if negative else self._float(token)
            elif negative:
                option.negative_int_value = -number
            else:
                option.positive_int_value = number

    def _aggregate(self) -> str:
        """Take what stands in '{' and '}', and return the words within."""
        self._need("{")
        depth = 1
        words: list[str] = []
        while True:
            token = self._take()
            if token.kind == "end":
                self._wrong("'}' is expected", token)
            if token.kind == "sign" and token.text in "{[<":
                depth += 1
                if depth > DEPTH_MAX:
                    self._wrong(f"a value may be {DEPTH_MAX} deep", token)
            elif token.kind == "sign" and token.text in "}]>":
                depth -= 1
                if not depth:
                    return " ".join(words)
            elif token.kind == "string":
                self._bytes_of(token)  # whose backslashes mean something
            words.append(token.text)

    def _default(self, field: pb.FieldDescriptorProto) -> str:
        token = self._here
        if token.kind == "string":
            data = self._string_bytes()
            if field.type == pb.FieldDescriptorProto.TYPE_BYTES:
                return text_encoding.CEscape(data, False)
            try:
                return data.decode()
            except UnicodeDecodeError:
                self._wrong("a text in UTF-8 is expected", token)
        sign = "-" if self._took("-") else ""
        token = self._take()
        if token.kind == "number":
            number = None if field.type in _FLOATS else _whole(token.text)
            return sign + (str(number) if number is not None else _shown(self._float(token)))
        if token.kind != "name" or (sign and token.text not in ("inf", "nan")):
            self._wrong("a default is expected", token)
        return sign + token.text

    def _float(self, token: Token) -> float:
        whole = _whole(token.text)
        if whole is not None:
            return float(whole)
        try:
            return float(token.text.rstrip("fF"))
        except ValueError:  # of base 16, and longer than any number
            self._wrong("a number of 64 bits is expected", token)


def _whole(text: str) -> int | None:
    """Return a whole number as the language writes them; None for any other, and for one that nothing could hold."""
    if len(text) > _DIGITS_MAX:
        return None
    try:
        if text[:2] in ("0x", "0X"):
            return int(text, 16)
        return int(text, 8) if text.startswith("0") and text.isdecimal() else int(text)
    except ValueError:
        return None


def _shown(number: float) -> str:
    """Return a number as `protoc` writes defaults: without a fraction that is zero."""
    text = repr(number)
    return text.removesuffix(".0")
