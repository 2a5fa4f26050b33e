"""A .proto text, read into a file descriptor whose types are named as they are written.

Source: Protocol Buffers, language specifications of proto2 and proto3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as FieldProto

from connect.registry.protobuf.tokens import InvalidProtoError, Token, quoted, tokens_of, unquoted

SCALARS: Final = {
    name.removeprefix("TYPE_").lower(): number
    for name, number in FieldProto.Type.items()
    if name not in ("TYPE_GROUP", "TYPE_MESSAGE", "TYPE_ENUM")
}
_LABELS: Final = {
    "optional": FieldProto.LABEL_OPTIONAL,
    "required": FieldProto.LABEL_REQUIRED,
    "repeated": FieldProto.LABEL_REPEATED,
}
_FIELD_MAX: Final = 2**29 - 1
_DEPTH_MAX: Final = 64


def parse_text(text: str) -> FileDescriptorProto:
    """Read a .proto text.

    Raises:
        InvalidProtoError: It is none, or uses groups or editions.
    """
    return _Parser(text).file()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(tokens_of(text))
        self._at = 0
        self._depth = 0
        self._file = FileDescriptorProto()

    # -- words ---------------------------------------------------------------------------------------------------------

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    @property
    def _following(self) -> Token:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._at += 1
        return token

    def _fail(self, expected: str, token: Token | None = None) -> InvalidProtoError:
        token = token or self._next
        return InvalidProtoError(f"line {token.line}: {token.text[:60]!r} is not expected; {expected} is")

    def _is(self, text: str) -> bool:
        return self._next.text == text and self._next.kind in ("sign", "name")

    def _taken(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._taken(text):
            raise self._fail(repr(text))

    def _name(self) -> str:
        if self._next.kind != "name":
            raise self._fail("a name")
        return self._take().text

    def _full_name(self) -> str:
        parts = ["." if self._taken(".") else "", self._name()]
        while self._taken("."):
            parts += [".", self._name()]
        return "".join(parts)

    def _text(self) -> str:
        if self._next.kind != "text":
            raise self._fail("a text in quotes")
        parts = []
        while self._next.kind == "text":
            parts.append(unquoted(self._take()))
        return "".join(parts)

    def _whole(self, *, most: int = 2**31 - 1, signed: bool = False) -> int:
        sign = -1 if signed and self._taken("-") else 1
        token = self._take()
        try:
            is_octal = len(token.text) > 1 and token.text.isdigit() and token.text[0] == "0"
            number = int(token.text, 8 if is_octal else 0)
        except ValueError:
            raise self._fail("a whole number", token) from None
        if token.kind != "number" or number > most + (sign < 0):
            raise self._fail(f"a whole number up to {most}", token)
        return sign * number

    def _block(self, statement: Callable[[], None]) -> None:
        self._expect("{")
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise InvalidProtoError(f"line {self._next.line}: it is nested deeper than {_DEPTH_MAX}")
        while not self._taken("}"):
            if not self._taken(";"):
                statement()
        self._depth -= 1

    # -- the file ------------------------------------------------------------------------------------------------------

    def file(self) -> FileDescriptorProto:
        if self._taken("edition"):
            raise self._fail("syntax of proto2 or proto3")
        if self._taken("syntax"):
            self._expect("=")
            token = self._next
            syntax = self._text()
            if syntax not in ("proto2", "proto3"):
                raise self._fail("'proto2' or 'proto3'", token)
            if syntax == "proto3":
                self._file.syntax = syntax
            self._expect(";")
        while self._next.kind != "end":
            if not self._taken(";"):
                self._statement()
        return self._file

    def _statement(self) -> None:
        match self._next.text:
            case "package":
                self._take()
                if self._file.package:
                    raise self._fail("one package")
                self._file.package = self._full_name()
                self._expect(";")
            case "import":
                self._import()
            case "option":
                self._option(self._file.options)
            case "message":
                self._message(self._file.message_type.add())
            case "enum":
                self._enum(self._file.enum_type.add())
            case "extend":
                self._extend(self._file.extension)
            case "service":
                self._service()
            case _:
                raise self._fail("a message, an enum, a service, an import, a package or an option")

    def _import(self) -> None:
        self._take()
        index = len(self._file.dependency)
        if self._taken("public"):
            self._file.public_dependency.append(index)
        elif self._taken("weak"):
            self._file.weak_dependency.append(index)
        self._file.dependency.append(self._text())
        self._expect(";")

    # -- messages ------------------------------------------------------------------------------------------------------

    def _message(self, message: DescriptorProto) -> None:
        self._take()
        message.name = self._name()
        self._block(lambda: self._member(message))
        # Each optional field of proto3 is a oneof of its own, behind the others.
        for field in message.field:
            if field.proto3_optional:
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add().name = f"_{field.name}"

    def _member(self, message: DescriptorProto) -> None:
        # A word that is also the name of a type: what follows says which it is.
        following = self._following.kind
        match self._next.text:
            case "message" if following == "name":
                self._message(message.nested_type.add())
            case "enum" if following == "name":
                self._enum(message.enum_type.add())
            case "oneof" if following == "name":
                self._oneof(message)
            case "option":
                self._option(message.options)
            case "extend":
                self._extend(message.extension)
            case "extensions":
                self._extensions(message)
            case "reserved":
                self._reserved(message, _FIELD_MAX, inclusive=False)
            case _:
                self._field(message, message.field.add())

    def _oneof(self, message: DescriptorProto) -> None:
        self._take()
        index = len(message.oneof_decl)
        declared = message.oneof_decl.add(name=self._name())

        def member() -> None:
            if self._is("option"):
                self._option(declared.options)
                return
            field = message.field.add()
            field.oneof_index = index
            self._field(message, field, in_oneof=True)

        self._block(member)

    def _field(self, message: DescriptorProto | None, field: FieldProto, *, in_oneof: bool = False) -> None:
        label = None if in_oneof else _LABELS.get(self._next.text)
        if label is not None:
            word = self._take().text
            field.proto3_optional = word == "optional" and self._file.syntax == "proto3" and message is not None
            if not field.proto3_optional:
                field.ClearField("proto3_optional")
        elif not in_oneof and self._file.syntax != "proto3" and not self._is("map"):
            raise self._fail("optional, required or repeated")
        field.label = FieldProto.LABEL_OPTIONAL if label is None else label
        if self._is("group"):
            raise self._fail("a type other than a group, which this registry does not take,")
        if self._is("map") and self._following.text == "<" and message is not None and label is None:
            self._map(message, field)
        else:
            self._type(field)
            field.name = self._name()
        self._expect("=")
        field.number = self._whole(most=_FIELD_MAX)
        if self._taken("["):
            self._options(field.options, field)
        self._expect(";")

    def _type(self, field: FieldProto) -> None:
        name = self._full_name()
        scalar = SCALARS.get(name)
        if scalar is not None:
            field.type = scalar
        else:
            field.type_name = name

    def _map(self, message: DescriptorProto, field: FieldProto) -> None:
        self._take()
        self._expect("<")
        entry = message.nested_type.add()
        entry.options.map_entry = True
        for number, (name, end) in enumerate((("key", ","), ("value", ">")), 1):
            part = entry.field.add(name=name, number=number, label=FieldProto.LABEL_OPTIONAL)
            self._type(part)
            self._expect(end)
        field.label = FieldProto.LABEL_REPEATED
        field.name = self._name()
        entry.name = f"{''.join(part[:1].upper() + part[1:] for part in field.name.split('_'))}Entry"
        field.type_name = entry.name

    def _extensions(self, message: DescriptorProto) -> None:
        self._take()
        ranges = []
        while True:
            start, end = self._range(_FIELD_MAX)
            ranges.append(message.extension_range.add(start=start, end=end + 1))
            if not self._taken(","):
                break
        if self._taken("["):
            self._options(ranges[0].options, None)
            for one in ranges[1:]:
                one.options.CopyFrom(ranges[0].options)
        self._expect(";")

    def _reserved(self, holder: Any, most: int, *, inclusive: bool) -> None:
        self._take()
        while True:
            if self._next.kind == "text":
                holder.reserved_name.append(self._text())
            else:
                start, end = self._range(most, signed=inclusive)
                holder.reserved_range.add(start=start, end=end if inclusive else end + 1)
            if not self._taken(","):
                break
        self._expect(";")

    def _range(self, most: int, *, signed: bool = False) -> tuple[int, int]:
        start = self._whole(most=most, signed=signed)
        if not self._taken("to"):
            return start, start
        return start, most if self._taken("max") else self._whole(most=most, signed=signed)

    def _extend(self, extensions: Any) -> None:
        self._take()
        extendee = self._full_name()

        def member() -> None:
            field = extensions.add(extendee=extendee)
            self._field(None, field)

        self._block(member)

    # -- enums and services --------------------------------------------------------------------------------------------

    def _enum(self, enum: EnumDescriptorProto) -> None:
        self._take()
        enum.name = self._name()

        def member() -> None:
            if self._is("option") and self._following.text != "=":
                self._option(enum.options)
            elif self._is("reserved") and self._following.text != "=":
                self._reserved(enum, 2**31 - 1, inclusive=True)
            else:
                value = enum.value.add(name=self._name())
                self._expect("=")
                value.number = self._whole(signed=True)
                if self._taken("["):
                    self._options(value.options, None)
                self._expect(";")

        self._block(member)

    def _service(self) -> None:
        self._take()
        service = self._file.service.add(name=self._name())

        def member() -> None:
            if self._is("option"):
                self._option(service.options)
                return
            self._expect("rpc")
            method = service.method.add(name=self._name())
            method.input_type, streams = self._message_type()
            if streams:
                method.client_streaming = True
            self._expect("returns")
            method.output_type, streams = self._message_type()
            if streams:
                method.server_streaming = True
            if self._is("{"):
                self._block(lambda: self._option(method.options))
            else:
                self._expect(";")

        self._block(member)

    def _message_type(self) -> tuple[str, bool]:
        self._expect("(")
        streams = self._is("stream") and self._following.text != ")" and self._taken("stream")
        name = self._full_name()
        self._expect(")")
        return name, streams

    # -- options -------------------------------------------------------------------------------------------------------

    def _option(self, options: Any) -> None:
        self._expect("option")
        self._set(options, None)
        self._expect(";")

    def _options(self, options: Any, field: FieldProto | None) -> None:
        while True:
            self._set(options, field)
            if not self._taken(","):
                break
        self._expect("]")

    def _set(self, options: Any, field: FieldProto | None) -> None:
        names = self._option_name()
        self._expect("=")
        if field is not None and names == [("default", False)]:
            field.default_value = self._default(field)
            return
        if field is not None and names == [("json_name", False)]:
            field.json_name = self._text()
            return
        known = options.DESCRIPTOR.fields_by_name.get(names[0][0]) if len(names) == 1 and not names[0][1] else None
        if known is None or known.message_type is not None or known.is_repeated:
            self._uninterpreted(options, names)
        else:
            self._known(options, known)

    def _option_name(self) -> list[tuple[str, bool]]:
        names = []
        while True:
            if self._taken("("):
                names.append((self._full_name(), True))
                self._expect(")")
            else:
                names.append((self._name(), False))
            if not self._taken("."):
                return names

    def _known(self, options: Any, known: Any) -> None:
        token = self._next
        value: Any
        if known.enum_type is not None:
            value = known.enum_type.values_by_name.get(self._name())
            value = None if value is None else value.number
        elif known.cpp_type == known.CPPTYPE_BOOL:
            value = {"true": True, "false": False}.get(self._name())
        elif known.cpp_type == known.CPPTYPE_STRING:
            value = self._text()
        else:
            value = self._whole(signed=True)
        if value is None:
            raise self._fail(f"a value of option {known.name}", token)
        setattr(options, known.name, value)

    def _uninterpreted(self, options: Any, names: list[tuple[str, bool]]) -> None:
        option = options.uninterpreted_option.add()
        for name, is_extension in names:
            option.name.add(name_part=name, is_extension=is_extension)
        if self._is("{"):
            option.aggregate_value = self._aggregate()
        elif self._next.kind == "text":
            option.string_value = self._text().encode("utf-8", "surrogatepass")
        elif self._next.kind == "name":
            option.identifier_value = self._name()
        else:
            sign = "-" if self._taken("-") else ""
            self._number(option, sign, self._take())

    def _number(self, option: Any, sign: str, token: Token) -> None:
        if token.kind == "name" and token.text in ("inf", "nan"):
            option.double_value = float(sign + token.text)
            return
        if token.kind != "number":
            raise self._fail("a value", token)
        try:
            number = int(token.text, 0)
        except ValueError:
            option.double_value = float(sign + token.text.rstrip("fF"))
            return
        if sign:
            option.negative_int_value = -number
        else:
            option.positive_int_value = number

    def _aggregate(self) -> str:
        """Return a value in braces as one line."""
        self._expect("{")
        depth = 1
        words: list[str] = []
        while True:
            token = self._take()
            if token.kind == "end":
                raise self._fail("'}'", token)
            depth += {"{": 1, "}": -1}.get(token.text, 0) if token.kind == "sign" else 0
            if depth == 0:
                return " ".join(words)
            words.append(quoted(unquoted(token)) if token.kind == "text" else token.text)

    def _default(self, field: FieldProto) -> str:
        if self._next.kind == "text":
            return self._text()
        sign = "-" if self._taken("-") else ""
        token = self._take()
        if token.kind not in ("name", "number"):
            raise self._fail("a value", token)
        if token.kind == "number" and field.type not in (FieldProto.TYPE_FLOAT, FieldProto.TYPE_DOUBLE):
            try:
                return f"{sign}{int(token.text, 0)}"
            except ValueError:
                raise self._fail("a whole number", token) from None
        return sign + token.text
