"""The converters that every Kafka Connect has, one module each."""

from connect.api import Converter, HeaderConverter, hookimpl
from connect_converters.byte_array import ByteArrayConverter
from connect_converters.json_converter import JsonConverter
from connect_converters.simple_header import SimpleHeaderConverter
from connect_converters.string import StringConverter

__all__ = ["ByteArrayConverter", "JsonConverter", "SimpleHeaderConverter", "StringConverter"]


@hookimpl
def connect_converters() -> list[type[Converter]]:
    return [ByteArrayConverter, JsonConverter, StringConverter]


@hookimpl
def connect_header_converters() -> list[type[HeaderConverter]]:
    return [ByteArrayConverter, JsonConverter, SimpleHeaderConverter, StringConverter]
