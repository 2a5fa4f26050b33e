"""JsonSchemaConverter: values as JSON, whose JSON Schema is in a registry.

Source: Confluent's documentation, "Using Kafka Connect with Schema Registry"; JsonSchemaConverter and JsonSchemaData
(schema-registry 8.4).
"""

from __future__ import annotations

from connect.api import Config, DataError, Schema
from connect_schemas.converting import SchemaConverter
from connect_schemas.errors import INVALID
from connect_schemas.json_schema.config import JsonSchemaConverterConfig
from connect_schemas.json_schema.documents import Document
from connect_schemas.json_schema.payloads import JsonReader, JsonWriter
from connect_schemas.json_schema.to_connect import to_connect
from connect_schemas.json_schema.to_json_schema import to_json_schema
from connect_schemas.json_schema.validating import Checker
from connect_schemas.registry.model import JSON, Registered, SchemaText


class JsonSchemaConverter(SchemaConverter[JsonSchemaConverterConfig]):
    """Writes and reads JSON that has a schema in a registry."""

    class_name = "io.confluent.connect.json.JsonSchemaConverter"
    config_class = JsonSchemaConverterConfig
    schema_type = JSON

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._options = self.config.options()

    def make_writer(self, topic: str, schema: Schema | None) -> tuple[JsonWriter, Registered]:
        if schema is None:
            raise DataError(
                "JsonSchemaConverter writes values that have a schema, and these have none",
                code=INVALID,
                hint="Use org.apache.kafka.connect.json.JsonConverter with schemas.enable=false for them.",
            )
        own = SchemaText(to_json_schema(schema, self._options), JSON)
        target = self.target(topic, own, schema.name)
        checker = Checker(self._document(target)) if self.config.json_fail_invalid_schema else None
        return JsonWriter(schema, self._options, checker, is_key=self.is_key), target

    def make_reader(self, written: Registered, topic: str) -> JsonReader:
        document = self._document(written)
        wanted = self.wanted(written, topic, document.title)
        if wanted is not None:
            document, written = self._document(wanted), wanted
        checker = Checker(document) if self.config.json_fail_invalid_schema else None
        schema = to_connect(document, self._options, self.version_of(written, topic, document.title))
        return JsonReader(schema, self._options, checker)

    def _document(self, registered: Registered) -> Document:
        schema = registered.schema
        used = self.registry.resolved(schema.references, interrupted=self.interrupted)
        texts = {name: one.schema.text for name, one in used.items()}
        return Document(schema.text, texts, self.config.json_schema_spec_version.lower())
