"""JsonConverter: values as JSON, with their schema around them or without.

With `schemas.enable=true` a value is {"schema": …, "payload": …}. Without schemas a column is one pass of orjson each
way; with them, columns go through the functions that their schema was compiled into (`json_columns`), and what is not
to the letter of its schema goes value by value (`json_values`).

Source: Kafka 4.3.1, JsonConverter.java, JsonConverterConfig.java.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from operator import itemgetter
from typing import Any, Final, TypeVar

import orjson

from connect.api import Column, Config, Converter, DataError, HeaderConverter, Schema, config_key, invalid_value
from connect.api.columns import OddValueError
from connect.api.java import as_kafka_writes, strict_loads
from connect_converters import json_schema
from connect_converters.converter_config import ConverterConfig
from connect_converters.json_envelope import Envelopes, opened
from connect_converters.json_payloads import PayloadReader, PayloadWriter
from connect_converters.json_values import Decoder, Encoder
from connect_converters.json_writing import holds_odd_number, orjson_texts, schemaless_as_kafka_writes

ENVELOPE: Final = (
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. '
    "If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration."
)
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_BRACE: Final = ord("}")
T = TypeVar("T")


class JsonConverterConfig(ConverterConfig):
    """How values become JSON."""

    schemas_enable: bool = config_key(
        "Whether the schema travels with each value.",
        default=True,
        importance="high",
        group="Schemas",
        order=0,
        width="MEDIUM",
        display_name="Enable Schemas",
    )
    schemas_cache_size: int = config_key(
        "How many schemas are remembered.",
        default=1000,
        importance="high",
        group="Schemas",
        order=1,
        width="MEDIUM",
        display_name="Schema Cache Size",
    )
    schema_content: str | None = config_key(
        "The schema of every message that is read, as JSON, so that messages need none; "
        "one that they have is not looked at. Only with schemas.enable.",
        default=None,
        importance="high",
        group="Schemas",
        order=2,
        width="MEDIUM",
        display_name="Schema Content",
    )
    decimal_format: str = config_key(
        "NUMERIC: decimals as numbers; BASE64: as the bytes of the unscaled value.",
        default="BASE64",
        one_of=("NUMERIC", "BASE64"),
        ignore_case=True,
        importance="low",
        group="Serialization",
        order=0,
        width="MEDIUM",
        display_name="Decimal Format",
    )
    replace_null_with_default: bool = config_key(
        "Whether null becomes the field's default.",
        default=True,
        importance="low",
        group="Serialization",
        order=1,
        width="MEDIUM",
        display_name="Replace null with default",
    )


class JsonConverter(Converter[JsonConverterConfig], HeaderConverter[JsonConverterConfig]):
    """Writes and reads JSON, with or without the schema around it."""

    class_name = "org.apache.kafka.connect.json.JsonConverter"
    version = "4.3.1"

    def configure(self, config: Config) -> None:
        super().configure(config)
        to_defaults = self.config.replace_null_with_default
        numeric = self.config.decimal_format.upper() == "NUMERIC"
        self._encoder = Encoder(numeric_decimals=numeric, nulls_to_defaults=to_defaults)
        self._decoder = Decoder(nulls_to_defaults=to_defaults)
        self._envelopes = Envelopes(self.config.schemas_cache_size, self._encoder, self._decoder)
        self._writers: dict[Schema, PayloadWriter] = {}
        self._readers: dict[Schema | None, PayloadReader] = {}
        self._fixed = self._schema_content() if self.config.schemas_enable else None

    def _schema_content(self) -> Schema | None:
        content = self.config.schema_content
        if not content:
            return None
        try:
            return json_schema.decode(strict_loads(content.encode()), self._decoder)
        except (ValueError, RecursionError, DataError) as error:
            raise invalid_value("schema.content", content, f"not a schema as JSON: {error}") from error

    # -- values to bytes -------------------------------------------------------------------------------------------

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        payloads = self._schemaless(values) if schema is None else self._structured(schema, values)
        if not self.config.schemas_enable:
            return payloads
        head = self._envelopes.written(schema)
        return [None if payload is None else head + payload + b"}" for payload in payloads]

    def _structured(self, schema: Schema, values: Sequence[Any]) -> list[bytes | None]:
        writer = self._writers.get(schema)
        if writer is None:
            writer = _remembered(self._writers, schema, PayloadWriter(schema, self._encoder), self.config)
        return [*writer.write(values)]

    def _schemaless(self, values: Sequence[Any]) -> list[bytes | None]:
        """Return the JSON of values. Of keys it is Kafka's to the byte; of values numbers are as orjson prints them."""
        if not self.is_key:
            try:
                texts = schemaless_as_kafka_writes(values, orjson_texts(values, _OPTIONS))
                if texts is not None:
                    return [*texts]
            except (TypeError, RecursionError):
                pass  # a key that is no text, bytes, half a surrogate pair: the long way
        return [self._schemaless_one(value) for value in values]

    def _schemaless_one(self, value: Any) -> bytes | None:
        if value is None:
            return None
        try:
            if not self.is_key and not holds_odd_number(value):
                # The same text as among others: no value may be written otherwise because of its neighbours.
                return as_kafka_writes(orjson_texts([value], _OPTIONS))[0]
        except (TypeError, RecursionError):
            pass
        return self._encoder.encode(None, value)

    # -- bytes to values -------------------------------------------------------------------------------------------

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        if not data:
            return []
        if not self.config.schemas_enable:
            return [Column(None, self._read_schemaless(data))]
        if self._fixed is not None:
            return [self._read_fixed(self._fixed, data)]
        found: list[Column] = []
        start = 0
        while start < len(data):
            for column in self._read_run(data, start):
                start += len(column.values)
                if found and found[-1].schema is column.schema:
                    found[-1].values.extend(column.values)
                else:
                    found.append(column)
        return found

    def _read_schemaless(self, data: Sequence[bytes | None]) -> list[Any]:
        try:
            return list(map(orjson.loads, data))  # type: ignore[arg-type]
        except orjson.JSONDecodeError:
            return [self._read_schemaless_one(item) for item in data]

    def _read_schemaless_one(self, item: bytes | None) -> Any:
        if item is None or not item.strip():
            return None
        try:
            return orjson.loads(item)
        except orjson.JSONDecodeError:
            return self._decoder.decode(None, self._parsed(item))

    def _read_fixed(self, schema: Schema, data: Sequence[bytes | None]) -> Column:
        texts = [item for item in data if item is not None]
        try:
            if any(b'"payload"' in text for text in texts):
                raise OddValueError  # may be an envelope
            values = self._reader(schema).read(texts)
        except OddValueError:
            values = [self._read_fixed_one(schema, text) for text in texts]
        if len(texts) == len(data):
            return Column(schema, values)
        rest = iter(values)
        return Column(schema, [None if item is None else next(rest) for item in data])

    def _read_fixed_one(self, schema: Schema, item: bytes) -> Any:
        envelope = self._opened(item)
        return self._decoder.decode(schema, self._parsed(item) if envelope is None else envelope[1])

    def _read_run(self, data: Sequence[bytes | None], start: int) -> list[Column]:
        """Return the values from `start` on that begin alike; at least one."""
        first = data[start]
        if first is None:
            return [Column(None, [None])]
        head = self._envelopes.known(first)
        if head is None:
            return [self._read_exactly(first, learn=True)]
        run = _alike(data, start, head.data)
        try:
            if not all(map(_BRACE.__eq__, map(itemgetter(-1), run))):
                raise OddValueError
            values = self._reader(head.schema).read([item[len(head.data) : -1] for item in run])
        except OddValueError:
            return [self._read_exactly(item) for item in run]
        return [Column(head.schema, values)]

    def _read_exactly(self, item: bytes, *, learn: bool = False) -> Column:
        envelope = self._opened(item)
        if envelope is None:
            raise DataError(ENVELOPE)
        schema = self._envelopes.schema(envelope[0])
        if learn:
            self._envelopes.learn(item, schema)
        return Column(schema, [self._decoder.decode(schema, envelope[1])])

    def _reader(self, schema: Schema | None) -> PayloadReader:
        reader = self._readers.get(schema)
        return reader or _remembered(self._readers, schema, PayloadReader(schema, self._decoder), self.config)

    def _opened(self, item: bytes) -> tuple[Any, Any] | None:
        return self._parse(opened, item)  # type: ignore[no-any-return]

    def _parsed(self, item: bytes) -> Any:
        return self._parse(strict_loads, item)

    def _parse(self, parse: Callable[[bytes], Any], item: bytes) -> Any:
        try:
            return parse(item)
        except (ValueError, RecursionError) as error:
            # What a registry's converters write is the most frequent of what is no JSON.
            other = (
                "; it begins as what AvroConverter and others with a schema registry write" if item[:1] == b"\0" else ""
            )
            raise DataError(
                f"Converting byte[] to Kafka Connect data failed due to serialization error: {error}{other}"
            ) from error

    # -- headers ---------------------------------------------------------------------------------------------------

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return self.to_connect_data(topic, data)


def _remembered(cache: dict[Any, T], key: Any, value: T, config: JsonConverterConfig) -> T:
    if len(cache) >= max(config.schemas_cache_size, 1):
        cache.clear()
    cache[key] = value
    return value


def _alike(data: Sequence[bytes | None], start: int, head: bytes) -> list[bytes]:
    rest = data[start:] if start else data
    return list(takewhile(lambda item: item is not None and item.startswith(head), rest))  # type: ignore[arg-type]
