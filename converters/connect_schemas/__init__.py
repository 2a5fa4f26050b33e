"""Converters with a schema registry, by Confluent's class names and Apicurio's; one folder for each format.

`converting` is what all formats share, `wire` what stands in a record, `subjects` under which name a schema is
registered, `registry` the client, `recursive` schemas that contain themselves.

Elsewhere: converters without a registry (`connect_converters`).
"""

from connect.api import Converter, hookimpl
from connect_schemas.avro.apicurio import ApicurioAvroConverter
from connect_schemas.avro.converter import AvroConverter
from connect_schemas.json_schema.converter import JsonSchemaConverter

__all__ = ["ApicurioAvroConverter", "AvroConverter", "JsonSchemaConverter"]


@hookimpl
def connect_converters() -> list[type[Converter]]:
    return [AvroConverter, ApicurioAvroConverter, JsonSchemaConverter]  # the first has the short name
