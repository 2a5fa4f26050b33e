"""The converters that every Kafka Connect has, one module each; the five of fixed width share one. And Debezium's for
bytes.

`json_*` are the parts of JsonConverter, `columns` is the fast way of all.

Elsewhere: the converters that a worker uses where none is named (`connect.runtime.worker_config`);
SimpleHeaderConverter's language (`connect.api.values`).
"""

from connect.api import Converter, HeaderConverter, hookimpl
from connect_converters.binary_data import BinaryDataConverter
from connect_converters.boolean import BooleanConverter
from connect_converters.byte_array import ByteArrayConverter
from connect_converters.fixed_width import (
    DoubleConverter,
    FloatConverter,
    IntegerConverter,
    LongConverter,
    ShortConverter,
)
from connect_converters.json_converter import JsonConverter
from connect_converters.simple_header import SimpleHeaderConverter
from connect_converters.string import StringConverter

__all__ = [
    "BinaryDataConverter",
    "BooleanConverter",
    "ByteArrayConverter",
    "DoubleConverter",
    "FloatConverter",
    "IntegerConverter",
    "JsonConverter",
    "LongConverter",
    "ShortConverter",
    "SimpleHeaderConverter",
    "StringConverter",
]


@hookimpl
def connect_converters() -> list[type[Converter]]:
    return [
        BinaryDataConverter, BooleanConverter, ByteArrayConverter, DoubleConverter, FloatConverter, IntegerConverter,
        JsonConverter, LongConverter, ShortConverter, StringConverter,
    ]  # fmt: skip


@hookimpl
def connect_header_converters() -> list[type[HeaderConverter]]:
    return [
        BooleanConverter, ByteArrayConverter, DoubleConverter, FloatConverter, IntegerConverter, JsonConverter,
        LongConverter, ShortConverter, SimpleHeaderConverter, StringConverter,
    ]  # fmt: skip
