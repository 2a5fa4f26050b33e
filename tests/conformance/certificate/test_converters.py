"""Every bundled converter passes the certificate."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connect.api import Schema
from connect.api.java import decode_utf8, java_text, to_single
from connect.api.logical import decimal_bytes, unscaled
from connect.api.values import parse, to_text
from connect.testing.suites import ConverterSuite
from connect.testing.suites.converters import Refused
from connect.testing.suites.values import PLAIN
from connect_converters import (
    BinaryDataConverter,
    BooleanConverter,
    ByteArrayConverter,
    DoubleConverter,
    FloatConverter,
    IntegerConverter,
    JsonConverter,
    LongConverter,
    ShortConverter,
    SimpleHeaderConverter,
    StringConverter,
    connect_converters,
    connect_header_converters,
)
from connect_schemas import ApicurioAvroConverter, AvroConverter, JsonSchemaConverter, ProtobufConverter
from connect_schemas import connect_converters as converters_with_a_registry
from connect_schemas.avro import names
from connect_schemas.protobuf import names as proto_names
from connect_schemas.protobuf.logical import PARTS
from tests.support.schema_registry import APICURIO, memory_registry

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def in_json(schema: Schema | None, value: Any) -> Any:
    """What JSON without a schema holds of a value: bytes are base64, dates and times are numbers."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return base64.b64encode(decimal_bytes(unscaled(value, 2))).decode()
    if isinstance(value, dt.datetime):
        return (value - EPOCH) // dt.timedelta(milliseconds=1)
    if isinstance(value, dt.date):
        return (value - EPOCH.date()).days
    if isinstance(value, dt.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000
    if isinstance(value, list):
        return [in_json(None if schema is None else schema.value_schema, item) for item in value]
    if isinstance(value, dict):
        return {name: in_json(None, item) for name, item in value.items()}
    return value


class TestJsonWithSchemas(ConverterSuite):
    converter = JsonConverter
    config = {"schemas.enable": "true"}  # noqa: RUF012 - as an author writes it
    keeps_schemas = True

    def comes_back(self, schema: Schema | None, value: Any) -> Any:
        return value if schema is not None else in_json(schema, value)


class TestJson(ConverterSuite):
    converter = JsonConverter
    config = {"schemas.enable": "false"}  # noqa: RUF012

    def comes_back(self, schema: Schema | None, value: Any) -> Any:
        return in_json(schema, value)


class TestJsonKeys(TestJson):
    is_key = True


class TestString(ConverterSuite):
    converter = StringConverter

    def comes_back(self, schema: Schema | None, value: Any) -> Any:
        if value is None:
            return None
        return decode_utf8(value) if isinstance(value, bytes) else java_text(value, schema)


class TestByteArray(ConverterSuite):
    converter = ByteArrayConverter


class TestBoolean(ConverterSuite):
    converter = BooleanConverter


class TestShort(ConverterSuite):
    converter = ShortConverter


class TestInteger(ConverterSuite):
    converter = IntegerConverter


class TestLong(ConverterSuite):
    converter = LongConverter


class TestFloat(ConverterSuite):
    converter = FloatConverter

    def comes_back(self, schema: Schema | None, value: Any) -> Any:
        return to_single(value) if isinstance(value, float) else value


class TestDouble(ConverterSuite):
    converter = DoubleConverter


class TestBinaryData(ConverterSuite):
    converter = BinaryDataConverter


class TestSimpleHeader(ConverterSuite):
    converter = SimpleHeaderConverter

    def header_comes_back(self, schema: Schema | None, value: Any) -> Any:
        """As Kafka has it: headers are text, and their type is guessed from that."""
        found = None if value is None else parse(to_text(value, schema))
        return None if found is None else found[1]


@pytest.fixture(scope="module")
def registry_url() -> Iterator[str]:
    with memory_registry() as registry:
        yield registry.url


class WithRegistry(ConverterSuite):
    """The suite of a converter that has a schema registry."""

    url_key = "schema.registry.url"
    path = ""

    @pytest.fixture(autouse=True)
    def _registry(self, registry_url: str) -> None:
        type(self).config = {**self.config, self.url_key: registry_url + self.path}


def scrubbed(schema: Schema | None, value: Any) -> Any:
    """What Avro holds of a value: the fields of structs have names that it takes."""
    if schema is None or value is None:
        return value
    if schema.fields:
        return {names.scrubbed(field.name): scrubbed(field.schema, value.get(field.name)) for field in schema.fields}
    if isinstance(value, list):
        return [scrubbed(schema.value_schema, item) for item in value]
    return {name: scrubbed(schema.value_schema, item) for name, item in value.items()} if schema.key_schema else value


class TestAvro(WithRegistry):
    converter = AvroConverter
    config = {"scrub.invalid.names": "true"}  # noqa: RUF012 - as an author writes it
    # A schema that says no version has that of its subject, as in Confluent's.
    keeps_schemas = False

    def comes_back(self, schema: Schema | None, value: Any) -> Any:
        return scrubbed(schema, value)


class TestApicurioAvro(WithRegistry):
    converter = ApicurioAvroConverter
    config = {"apicurio.registry.auto-register": "true"}  # noqa: RUF012 - as an author writes it
    url_key = "apicurio.registry.url"
    path = APICURIO


class RefusesPlainValues:
    """Of a format that has no values without a schema: each is refused, as Confluent's converter does."""

    def test_values_without_schemas_come_back(self, tmp_path: Path) -> None:
        made = self._made(tmp_path)  # type: ignore[attr-defined]  # of the suite beside it
        assert all(isinstance(self._data(made, None, value), Refused) for value in PLAIN if value is not None)


class TestJsonSchema(RefusesPlainValues, WithRegistry):
    converter = JsonSchemaConverter
    # A schema that says no version has that of its subject, as in Confluent's.
    keeps_schemas = False


class TestProtobuf(RefusesPlainValues, WithRegistry):
    converter = ProtobufConverter
    config = {"scrub.invalid.names": "true", "optional.for.nullables": "true"}  # noqa: RUF012 - as an author writes it
    keeps_schemas = False

    def comes_back(self, schema: Schema | None, value: Any) -> Any:
        if value is None:
            return None
        if schema is not None and schema.name in PARTS:
            return PARTS[schema.name](schema, value)  # of a record that is such a message its fields are read
        return as_protobuf(schema, value)


#: What stands for a null of a map, by the type of its values.
ZEROS = {
    "boolean": False, "string": "", "bytes": b"", "float32": 0.0, "float64": 0.0, "int8": 0, "int16": 0, "int32": 0,
    "int64": 0,
}  # fmt: skip


def as_protobuf(schema: Schema | None, value: Any, *, in_entry: bool = False) -> Any:
    """What Protobuf holds of a value: no null of a list or map, or of a plain value in a map."""
    if schema is None:
        return value
    if value is None:
        kind = schema.type.value
        is_plain = in_entry and not schema.is_logical
        return [] if kind == "array" else {} if kind == "map" else ZEROS.get(kind) if is_plain else None
    if schema.fields:
        return {
            proto_names.scrubbed(field.name): as_protobuf(field.schema, value.get(field.name))
            for field in schema.fields
        }
    if isinstance(value, list):
        return [as_protobuf(schema.value_schema, item) for item in value]
    if schema.key_schema is None:
        return value
    return {name: as_protobuf(schema.value_schema, item, in_entry=True) for name, item in value.items()}


def test_every_bundled_converter_has_its_suite() -> None:
    suites = [*ConverterSuite.__subclasses__(), *WithRegistry.__subclasses__()]
    tested = {suite.converter for suite in suites if suite.__module__ == __name__ and suite is not WithRegistry}
    assert tested == {*connect_converters(), *connect_header_converters(), *converters_with_a_registry()}
