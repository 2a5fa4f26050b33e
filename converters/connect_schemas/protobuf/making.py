"""Writers and readers: what the converter asks for once for each schema. All that needs protobuf is below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf import descriptor_pb2 as pb
from google.type import date_pb2  # noqa: F401 - that it is there: schemas of dates import it

from connect.api import DataError, Schema
from connect_protofiles import ProtoError, linked, message_at, read, text_of
from connect_protofiles.linking import DEFAULT_NAME, place_of
from connect_schemas.errors import INCOMPATIBLE, INVALID
from connect_schemas.protobuf import indexes, resolving
from connect_schemas.protobuf.options import Options
from connect_schemas.protobuf.reading import ProtobufReader
from connect_schemas.protobuf.to_connect import schema_of
from connect_schemas.protobuf.to_proto import made_of
from connect_schemas.protobuf.writing import ProtobufWriter, class_of
from connect_schemas.registry.model import PROTOBUF, Registered, SchemaText

_READ_HINT: Final = "Register a version that reads what is in the topic, or leave out use.latest.version."
_HINT: Final = "Mend the schema in the registry, or its references; the message says what is wrong in it."


class Own:
    """A Connect schema in Protobuf.

    Attributes:
        text: Its schema, to be registered.
        message: The full name of its message.

    Raises:
        DataError: schemas.invalid: Protobuf has nothing for it, or none that can be read again.
    """

    def __init__(self, schema: Schema, options: Options) -> None:
        made = made_of(schema, options)
        self._schema, self._options = schema, options
        self._package = made.file.package
        self._class = class_of(made)
        self.text = SchemaText(text_of(made.file), PROTOBUF)
        self.message = made.message
        try:
            read(self.text.text)
        except ProtoError as error:  # before it stands in the registry
            raise DataError(f"the schema has no form in Protobuf: {error}", code=INVALID) from None

    def writer(self, target: Registered) -> ProtobufWriter:
        """Return who writes its values, with the message's place in the schema that they are registered as.

        Raises:
            DataError: schemas.incompatible: that schema has several messages, and none of the name.
        """
        try:
            place = self._place(read(target.schema.text))
        except ProtoError as error:
            raise _unreadable(target, error) from None
        if place is None:
            raise DataError(
                f"schema {target.id} of the registry has no message {self.message}, which the records are of",
                code=INCOMPATIBLE,
                hint="Name the records' schema as the message, with SetSchemaMetadata; or let another schema be used.",
            )
        return ProtobufWriter(self._schema, self._class, self._options, indexes.written(place))

    def _place(self, file: pb.FileDescriptorProto) -> tuple[int, ...] | None:
        """Return where the message is in a file: by its full name, in the place of its package, or since no other is.

        The latter two are for schemas that nobody has compared (`*.compatibility.strict=false`).
        """
        name = self.message.removeprefix(f"{self._package}.") if self._package else self.message
        found = place_of(file, self.message) or place_of(file, f"{file.package}.{name}" if file.package else name)
        return found or (indexes.FIRST if len(file.message_type) == 1 else None)


class Written:
    """A message of a registered schema.

    Args:
        texts: Of the schemas that it refers to, by name.
        place: The message's indexes.

    Attributes:
        message: The message's full name.
    """

    def __init__(self, written: Registered, texts: Mapping[str, str], place: Sequence[int]) -> None:
        try:
            self._message = message_at(linked(read(written.schema.text, DEFAULT_NAME), texts), place)
        except ProtoError as error:
            raise _unreadable(written, error) from None
        self.message: str = self._message.full_name

    @property
    def descriptor(self) -> Any:
        """The message's descriptor."""
        return self._message

    def reader(self, options: Options, version: int | None) -> ProtobufReader:
        """Return who reads its records."""
        return ProtobufReader(self._message, schema_of(self._message, options, version), options)


def named(reader: Registered, texts: Mapping[str, str], written: Written) -> Written:
    """Return the message of a registered schema that another's records are read as.

    Raises:
        DataError: schemas.incompatible: it has no message of that name, or one that does not read the other.
    """
    try:
        file = read(reader.schema.text)
        place = place_of(file, written.message)
    except ProtoError as error:
        raise _unreadable(reader, error) from None
    if not place:
        raise DataError(
            f"schema {reader.id} of the registry has no message {written.message}, which the records are of",
            code=INCOMPATIBLE,
            hint=_READ_HINT,
        )
    found = Written(reader, texts, place)
    why = resolving.why_not_message(found.descriptor, written.descriptor)
    if why is not None:
        raise DataError(
            f"schema {reader.id} of the registry does not read what the records were written with: {why}",
            code=INCOMPATIBLE,
            hint=_READ_HINT,
        )
    return found


def why_not(reader: Registered, texts: Mapping[str, str], writer: SchemaText) -> str | None:
    """Return why a registered schema does not read what another writes; None where it does.

    Args:
        texts: Of the schemas that the registered one refers to, by name.
    """
    try:
        other = linked(read(reader.schema.text, DEFAULT_NAME), texts)
    except ProtoError as error:
        raise _unreadable(reader, error) from None
    return resolving.why_not(other, linked(read(writer.text, DEFAULT_NAME)))


def _unreadable(written: Registered, error: ProtoError) -> DataError:
    return DataError(f"schema {written.id} of the registry is no Protobuf schema: {error}", code=INVALID, hint=_HINT)
