"""ProtobufConverter: Protobuf with a schema registry, by Confluent's class name, keys and defaults.

Source: Confluent's documentation, "Kafka Connect and Schema Registry" and "Formats, Serializers, and Deserializers".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from connect.api import Config, ConfigError, DataError, Schema
from connect_schemas.converting import Reader, SchemaConverter, Writer
from connect_schemas.errors import INVALID
from connect_schemas.protobuf import indexes
from connect_schemas.protobuf.config import ProtobufConverterConfig
from connect_schemas.registry.model import PROTOBUF, Registered, SchemaText
from connect_schemas.wire import MessageId, Parted, ReaderKey


class ProtobufConverter(SchemaConverter[ProtobufConverterConfig]):
    """Writes and reads Protobuf, with the schema's id and the message's place in front of each record."""

    class_name = "io.confluent.connect.protobuf.ProtobufConverter"
    schema_type: ClassVar[str] = PROTOBUF

    def configure(self, config: Config) -> None:
        self._making = _making()
        super().configure(config)
        self._options = self.config.options()

    # -- values to bytes ---------------------------------------------------------------------------------------------

    def make_writer(self, topic: str, schema: Schema | None) -> tuple[Writer, Registered]:
        if schema is None:
            raise DataError(
                "Protobuf needs a schema, and the values have none",
                code=INVALID,
                hint="Use JsonConverter with schemas.enable=false for values without a schema.",
            )
        own = self._making.Own(schema, self._options)
        target = self.target(topic, own.text, own.message)
        return own.writer(target), target

    def part_of(self, writer: Writer) -> bytes:
        found: bytes = writer.head  # type: ignore[attr-defined]
        return found

    def can_read(self, reader: Registered, writer: SchemaText) -> str | None:
        found: str | None = self._making.why_not(reader, self._texts(reader), writer)
        return found

    # -- bytes to values ---------------------------------------------------------------------------------------------

    def parted(self, data: Sequence[bytes | None]) -> Parted:
        parted = super().parted(data)
        found = Parted({}, parted.nulls, {}, dict(parted.odd))
        for schema_id, of in parted.indexes.items():
            assert not isinstance(schema_id, MessageId)
            start = parted.sizes[schema_id]
            if all(data[index][start : start + 1] == b"\0" for index in of):  # type: ignore[index]
                key = MessageId(schema_id, indexes.FIRST, start + 1)
                found.indexes[key], found.sizes[key] = of, start + 1
                continue
            for index in of:
                item = data[index]
                assert item is not None
                try:
                    place, end = indexes.read(item, start)
                except DataError as error:
                    found.odd[index] = error.message
                    continue
                key = MessageId(schema_id, place, end)
                found.indexes.setdefault(key, []).append(index)
                found.sizes[key] = end
        return found

    def find_reader(self, key: ReaderKey, topic: str) -> Reader:
        assert isinstance(key, MessageId)
        return self._reader_of(self.registered(key.schema_id), topic, key.indexes)

    def make_reader(self, written: Registered, topic: str) -> Reader:
        return self._reader_of(written, topic, indexes.FIRST)

    def _reader_of(self, written: Registered, topic: str, place: Sequence[int]) -> Reader:
        found = self._making.Written(written, self._texts(written), place)
        wanted = self.wanted(written, topic, found.message)
        if wanted is not None:
            written, found = wanted, self._making.named(wanted, self._texts(wanted), found)
        reader: Reader = found.reader(self._options, self.version_of(written, topic, found.message))
        return reader

    def _texts(self, written: Registered) -> dict[str, str]:
        used = self.registry.resolved(written.schema.references, interrupted=self.interrupted)
        return {name: one.schema.text for name, one in used.items()}


def _making() -> Any:
    """Return what makes writers and readers.

    Raises:
        ConfigError: protobuf is not installed.
    """
    try:
        from connect_schemas.protobuf import making
    except ImportError:
        raise ConfigError(
            "ProtobufConverter needs protobuf and googleapis-common-protos, which are not installed",
            hint="Install them: pip install 'connect-runtime[schemas]'.",
        ) from None
    return making
