"""JsonConverter: values as JSON, with their schema around them or without.

With `schemas.enable=true` a value is {"schema": …, "payload": …}. The schema part is encoded and parsed once for each
distinct schema; without schemas a column is one pass of orjson each way.

Source: Kafka 4.3.1, JsonConverter.java, JsonSchema.java, DecimalFormat.java.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from connect.api import Column, Config, Converter, DataError, HeaderConverter, Schema, invalid, key
from connect_converters import json_schema
from connect_converters.converter_config import ConverterConfig
from connect_converters.json_loads import strict_loads
from connect_converters.json_values import Decoder, Encoder, holds_no_number
from connect_converters.plain_struct import PlainStruct

ENVELOPE = (
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. '
    "If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration."
)

_SCHEMA, _PAYLOAD = b'{"schema":', b',"payload":'


class JsonConverterConfig(ConverterConfig):
    """How values become JSON."""

    schemas_enable: bool = key("Whether the schema travels with each value.", default=True, importance="high", group="Schemas", order=0, width="MEDIUM", display_name="Enable Schemas")  # fmt: skip
    schemas_cache_size: int = key("How many schemas are remembered.", default=1000, importance="high", group="Schemas", order=1, width="MEDIUM", display_name="Schema Cache Size")  # fmt: skip
    schema_content: str | None = key("A schema for every value, so that the messages need none.", default=None, importance="high", group="Schemas", order=2, width="MEDIUM", display_name="Schema Content")  # fmt: skip
    decimal_format: str = key("NUMERIC: decimals as numbers; BASE64: as the bytes of the unscaled value.", default="BASE64", one_of=("NUMERIC", "BASE64"), ignore_case=True, importance="low", group="Serialization", order=0, width="MEDIUM", display_name="Decimal Format")  # fmt: skip
    replace_null_with_default: bool = key("Whether null becomes the field's default.", default=True, importance="low", group="Serialization", order=1, width="MEDIUM", display_name="Replace null with default")  # fmt: skip


class JsonConverter(Converter, HeaderConverter):
    """Writes and reads JSON, with or without the schema around it."""

    class_name = "org.apache.kafka.connect.json.JsonConverter"
    version = "4.3.1"
    config_class = JsonConverterConfig
    config: JsonConverterConfig

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._encoder = Encoder(
            numeric_decimals=self.config.decimal_format.upper() == "NUMERIC",
            nulls_to_defaults=self.config.replace_null_with_default,
        )
        self._decoder = Decoder(nulls_to_defaults=self.config.replace_null_with_default)
        self._schema_texts: dict[Schema, bytes] = {}
        self._plans: dict[Schema, PlainStruct | None] = {}
        self._schemas: dict[bytes, Schema | None] = {}
        self._fixed: Schema | None = None
        self._has_fixed = bool(self.config.schema_content)
        if self.config.schema_content:
            try:
                self._fixed = json_schema.decode(orjson.loads(self.config.schema_content))
            except (orjson.JSONDecodeError, DataError) as error:
                raise invalid("schema.content", self.config.schema_content, f"not a JSON schema: {error}") from error

    # -- values to bytes -------------------------------------------------------------------------------------------

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        payloads = self._encode_schemaless(values) if schema is None else self._encode_structured(schema, values)
        if not self.config.schemas_enable:
            return payloads
        head = _SCHEMA + self._schema_text(schema) + _PAYLOAD
        return [None if payload is None else head + payload + b"}" for payload in payloads]

    def _encode_structured(self, schema: Schema, values: Sequence[Any]) -> list[bytes | None]:
        plain = self._encode_plain(schema, values) if values else None
        return [self._encoder.encode(schema, value) for value in values] if plain is None else [*plain]

    def _encode_plain(self, schema: Schema | None, values: Sequence[Any]) -> list[bytes] | None:
        plan = self._plan(schema)
        return None if plan is None else plan.encode(values)

    def _plan(self, schema: Schema | None) -> PlainStruct | None:
        if schema is None:
            return None
        if schema not in self._plans:
            if len(self._plans) >= max(self.config.schemas_cache_size, 1):
                self._plans.clear()
            self._plans[schema] = PlainStruct.of(schema)
        return self._plans[schema]

    def _encode_schemaless(self, values: Sequence[Any]) -> list[bytes | None]:
        try:
            dumps = orjson.dumps
            found = [dumps(value, default=_refuse, option=orjson.OPT_PASSTHROUGH_DATETIME) for value in values]
        except TypeError:
            return [self._encode_one(value) for value in values]
        # A null may have been a NaN, or the value itself may be null.
        if _holds_null(found):
            return [self._encode_one(v) if b"null" in item else item for v, item in zip(values, found, strict=True)]
        return [*found]

    def _encode_one(self, value: Any) -> bytes | None:
        if value is None:
            return None
        if not holds_no_number(value):
            try:
                return orjson.dumps(value, default=_refuse, option=orjson.OPT_PASSTHROUGH_DATETIME)
            except TypeError:
                pass  # a key that is no text, a decimal, bytes: the long way
        return self._encoder.encode(None, value)

    def _schema_text(self, schema: Schema | None) -> bytes:
        if schema is None:
            return b"null"
        text = self._schema_texts.get(schema)
        if text is None:
            text = orjson.dumps(json_schema.encode(schema, lambda s, v: orjson.loads(self._encoder.encode(s, v))))
            if len(self._schema_texts) >= self.config.schemas_cache_size > 0:
                self._schema_texts.clear()
            self._schema_texts[schema] = text
        return text

    # -- bytes to values -------------------------------------------------------------------------------------------

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        if not data:
            return []
        if self._has_fixed:
            values = [None if item is None else self._decoder.decode(self._fixed, self._parsed(item)) for item in data]
            return [Column(self._fixed, values)]
        if not self.config.schemas_enable:
            return [Column(None, self._decode_schemaless(data))]
        return self._decode_envelopes(data)

    def _decode_schemaless(self, data: Sequence[bytes | None]) -> list[Any]:
        try:
            return list(map(orjson.loads, data))  # type: ignore[arg-type]
        except orjson.JSONDecodeError:
            return [self._decode_one(item) for item in data]

    def _decode_one(self, item: bytes | None) -> Any:
        return None if item is None or not item.strip() else self._decoder.decode(None, self._parsed(item))

    def _decode_envelopes(self, data: Sequence[bytes | None]) -> list[Column]:
        plain = self._decode_alike(data) if len(data) > 1 else None
        if plain is not None:
            return [plain]
        columns: list[Column] = []
        for item in data:
            schema, value = (None, None) if item is None else self._opened(item)
            if columns and columns[-1].schema is schema:
                columns[-1].values.append(value)
            else:
                columns.append(Column(schema, [value]))
        return columns

    def _decode_alike(self, data: Sequence[bytes | None]) -> Column | None:
        """Read messages that begin with the same, known text of a plain struct's schema; None where they are others."""
        first = data[0]
        if first is None or None in data:
            return None
        cut = first.find(_PAYLOAD)
        head, text = first[: cut + len(_PAYLOAD)], first[len(_SCHEMA) : cut]
        if cut < 0 or not first.startswith(_SCHEMA):
            return None
        if text not in self._schemas:
            self._opened(first)  # learns the schema
        plan = self._plan(self._schemas.get(text))
        if plan is None or not all(item.startswith(head) and item.endswith(b"}") for item in data):  # type: ignore[union-attr]
            return None
        try:
            values = [orjson.loads(item[len(head) : -1]) for item in data]  # type: ignore[index]
        except orjson.JSONDecodeError:
            return None
        return Column(self._schemas[text], values) if plan.fits(values) else None

    def _opened(self, item: bytes) -> tuple[Schema | None, Any]:
        """Take an envelope apart. The schema's text is looked up first: it is the same in nearly every message."""
        cut = item.find(_PAYLOAD)
        if item.startswith(_SCHEMA) and cut > 0 and (text := item[len(_SCHEMA) : cut]) in self._schemas:
            try:
                payload = orjson.loads(item[cut + len(_PAYLOAD) : -1]) if item.endswith(b"}") else None
            except orjson.JSONDecodeError:
                payload = None  # the text of the schema held such a member itself: take the long way
            if payload is not None:
                schema = self._schemas[text]
                if not self._decoder.needs_exact(schema):
                    return schema, self._decoder.decode(schema, payload)
        parsed = self._parsed(item) if item.strip() else None
        if not isinstance(parsed, dict) or len(parsed) != 2 or "schema" not in parsed or "payload" not in parsed:
            raise DataError(ENVELOPE)
        text = orjson.dumps(parsed["schema"], default=float)
        if text not in self._schemas:
            if len(self._schemas) >= max(self.config.schemas_cache_size, 1):
                self._schemas.clear()
            self._schemas[text] = json_schema.decode(parsed["schema"])
        schema = self._schemas[text]
        return schema, self._decoder.decode(schema, parsed["payload"])

    def _parsed(self, item: bytes) -> Any:
        try:
            return strict_loads(item)
        except ValueError as error:
            raise DataError(
                f"Converting byte[] to Kafka Connect data failed due to serialization error: {error}"
            ) from error

    # -- headers ---------------------------------------------------------------------------------------------------

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return self.to_connect_data(topic, data)


def _holds_null(texts: list[bytes]) -> bool:
    # Joined first, since the search pays per call; few at a time, since fresh megabytes cost more than the search.
    return any(b"null" in b"".join(texts[start : start + 256]) for start in range(0, len(texts), 256))


def _refuse(value: Any) -> Any:
    raise TypeError(type(value).__name__)
