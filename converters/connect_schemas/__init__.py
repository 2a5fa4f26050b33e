"""Converters with a schema registry, by Confluent's class names and Apicurio's; one folder for each format.

`converting` is what all formats share, `wire` what stands in a record, `subjects` under which name a schema is
registered, `registry` the client, `recursive` schemas that contain themselves.

Elsewhere: converters without a registry (`connect_converters`).
"""

from connect.api import Converter, hookimpl
from connect_schemas.avro.apicurio import ApicurioAvroConverter
from connect_schemas.avro.converter import AvroConverter
from connect_schemas.json_schema.converter import JsonSchemaConverter
from connect_schemas.protobuf.converter import ProtobufConverter

__all__ = ["ApicurioAvroConverter", "AvroConverter", "JsonSchemaConverter", "ProtobufConverter"]


@hookimpl
def connect_converters() -> list[type[Converter]]:
    # The first of one short name has it.
    return [AvroConverter, ApicurioAvroConverter, JsonSchemaConverter, ProtobufConverter]
