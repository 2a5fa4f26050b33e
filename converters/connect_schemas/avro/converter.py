"""AvroConverter: Avro with a schema registry, by Confluent's class name, keys and defaults.

Source: Confluent's documentation, "Kafka Connect and Schema Registry"; AvroConverter, AvroDataConfig and
AbstractKafkaSchemaSerDeConfig (schema-registry 8.4).
"""

from __future__ import annotations

from typing import ClassVar

from connect.api import Config, Schema, config_key
from connect_schemas.avro.nodes import Node
from connect_schemas.avro.options import Options
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.reading import AvroReader
from connect_schemas.avro.resolved_reading import ResolvingReader
from connect_schemas.avro.resolving import why_not
from connect_schemas.avro.texts import text_of
from connect_schemas.avro.to_avro import to_avro
from connect_schemas.avro.wire import fastavro
from connect_schemas.avro.writing import AvroWriter
from connect_schemas.config import SchemaConverterConfig
from connect_schemas.converting import SchemaConverter
from connect_schemas.registry.model import AVRO, Registered, SchemaText


class AvroConverterConfig(SchemaConverterConfig):
    """How Connect schemas become Avro's, and the other way round."""

    enhanced_avro_schema_support: bool = config_key(
        "Whether enums stay enums, and the fields of a union have the full names of its records.",
        default=False,
        importance="medium",
    )
    scrub_invalid_names: bool = config_key(
        "Whether names that Avro does not take are made such that it does; else they are refused.",
        default=False,
        importance="medium",
    )
    connect_meta_data: bool = config_key(
        "Whether what Avro has no word for (versions, parameters, docs, names) is kept as properties of the schema.",
        default=True,
        importance="low",
    )
    discard_type_doc_default: bool = config_key(
        "Whether docs and defaults of fields alone are kept, as before Confluent's version 7.", default=False,
        importance="low",
    )  # fmt: skip
    allow_optional_map_keys: bool = config_key(
        "Whether a map whose keys are optional texts is a map in Avro too.", default=False, importance="low"
    )
    flatten_singleton_unions: bool = config_key(
        "Whether a union of one type is that type.", default=True, importance="low"
    )
    generalized_sum_type_support: bool = config_key(
        "Whether enums and unions are such as Confluent's other formats have them.", default=False, importance="medium"
    )
    ignore_default_for_nullables: bool = config_key(
        "Whether null is written as null where the field has a default.", default=False, importance="medium"
    )
    avro_use_logical_type_converters: bool = config_key(
        "Accepted; decimals, dates, times and timestamps are such in any case.", default=False, importance="low"
    )


class AvroConverter(SchemaConverter[AvroConverterConfig]):
    """Writes and reads Avro, with the schema's id in front of each record."""

    class_name = "io.confluent.connect.avro.AvroConverter"
    schema_type: ClassVar[str] = AVRO
    #: Whether bytes that are the whole of a record stand there without their size.
    raw_bytes: ClassVar[bool] = True

    def configure(self, config: Config) -> None:
        fastavro()
        super().configure(config)
        own = self.config
        self._options = Options(
            enhanced=own.enhanced_avro_schema_support,
            scrub=own.scrub_invalid_names,
            metadata=own.connect_meta_data,
            discard=own.discard_type_doc_default,
            generalized=own.generalized_sum_type_support,
            ignore_defaults=own.ignore_default_for_nullables,
            optional_map_keys=own.allow_optional_map_keys,
            flatten=own.flatten_singleton_unions,
        )

    def make_writer(self, topic: str, schema: Schema | None) -> tuple[AvroWriter, Registered]:
        node = to_avro(schema, self._options)
        own = SchemaText(text_of(node))
        written_with = self.target(topic, own, record_name(node))
        if written_with.schema.text != own.text:
            node = self._parsed(written_with.schema)
        return AvroWriter(schema, node, self._options, raw_bytes=self.raw_bytes), written_with

    def make_reader(self, written: Registered, topic: str) -> AvroReader:
        node = self._parsed(written.schema)
        wanted = self.wanted(written, topic, record_name(node))
        if wanted is not None:
            target, version = self._parsed(wanted.schema), wanted.version
            return ResolvingReader(target, node, self._options, version, raw_bytes=self.raw_bytes)
        version = self.version_of(written, topic, record_name(node))
        return AvroReader(node, self._options, version, raw_bytes=self.raw_bytes)

    def can_read(self, reader: Registered, writer: SchemaText) -> str | None:
        return why_not(self._parsed(reader.schema), self._parsed(writer))

    def _parsed(self, schema: SchemaText) -> Node:
        used = self.registry.resolved(schema.references, interrupted=self.interrupted)
        return parsed(schema.text, [one.schema.text for one in used.values()])


def record_name(node: Node) -> str | None:
    """Return the name that a subject name strategy takes: a record's, or an enum's or a fixed's; None for others."""
    return node.full_name if node.name is not None else None
