"""AvroConverter, with a registry: values go there and back, whatever they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connect.api import INT32, OPTIONAL_INT32, OPTIONAL_STRING, STRING, DataError, Schema
from connect_schemas import AvroConverter
from connect_schemas.avro.options import Options
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.reading import AvroReader
from connect_schemas.avro.texts import text_of
from connect_schemas.avro.to_avro import to_avro
from connect_schemas.avro.writing import AvroWriter
from tests.support.converters import make_converter, schemas, values_of
from tests.support.schema_registry import MemoryRegistry, memory_registry

ORDER = Schema.struct({"id": INT32, "note": OPTIONAL_STRING, "at": Schema.timestamp()}, name="shop.Order", version=3)
AT = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, dt.UTC)


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def converter(registry: MemoryRegistry, **config: Any) -> AvroConverter:
    made: AvroConverter = make_converter(AvroConverter, schema_registry_url=registry.url, max_retries="0", **config)
    return made


def test_schema_and_values_come_back_as_they_were(registry: MemoryRegistry) -> None:
    made = converter(registry)
    values = [{"id": 1, "note": None, "at": AT}, {"id": 2, "note": "x", "at": AT}]
    data = made.encode("orders", ORDER, values)
    assert [item and item[:5] for item in data] == [b"\0\0\0\0\1"] * 2
    (column,) = made.decode("orders", data)
    assert (column.schema, column.values) == (ORDER, values)
    made.close()


def test_a_subject_may_have_the_records_name(registry: MemoryRegistry) -> None:
    strategy = "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy"
    made = converter(registry, value_subject_name_strategy=strategy)
    made.encode("orders", ORDER, [{"id": 1, "at": AT}])
    assert list(registry.subjects) == ["orders-shop.Order"]
    with pytest.raises(DataError, match="the value's schema is none"):
        made.encode("orders", STRING, ["x"])
    made.close()


def test_the_version_of_the_subject_is_the_schemas(registry: MemoryRegistry) -> None:
    registry.add("t-value", '{"type":"record","name":"R","fields":[]}')
    registry.add("t-value", '{"type":"record","name":"R","fields":[{"name":"a","type":["null","int"],"default":null}]}')
    made = converter(registry)
    runs = made.decode("t", [b"\0\0\0\0\1", b"\0\0\0\0\2\0"])
    assert [run.schema and run.schema.version for run in runs] == [1, 2]
    made.close()


def test_a_schema_may_refer_to_others(registry: MemoryRegistry) -> None:
    registry.add("inner", '{"type":"record","name":"ns.In","fields":[{"name":"x","type":"int"}]}')
    references = [{"name": "ns.In", "subject": "inner", "version": 1}]
    registry.add("t-value", '{"type":"array","items":"ns.In"}', references=references)
    made = converter(registry)
    assert made.decode("t", [b"\0\0\0\0\2\x02\x02\0"])[0].values == [[{"x": 1}]]
    made.close()


def test_records_are_written_with_the_latest_version_where_that_reads_them(registry: MemoryRegistry) -> None:
    space = '"namespace":"io.confluent.connect.avro"'
    latest = '{"name":"a","type":["null","int"],"default":null},{"name":"b","type":"string","default":"new"}'
    registry.add("t-value", f'{{"type":"record","name":"ConnectDefault",{space},"fields":[{latest}]}}')
    made = converter(registry, auto_register_schemas="false", use_latest_version="true")
    data = made.encode("t", Schema.struct({"a": OPTIONAL_INT32}), [{"a": 1}])
    assert made.decode("t", data)[0].values == [{"a": 1, "b": "new"}]
    with pytest.raises(DataError, match=r"schema 1 of the registry does not read .*'a'"):
        made.encode("t", Schema.struct({"a": STRING}), [{"a": "x"}])
    made.close()


def test_records_are_read_as_the_latest_version_has_them(registry: MemoryRegistry) -> None:
    def text(*fields: str) -> str:
        return f'{{"type":"record","name":"R","fields":[{",".join(fields)}]}}'

    registry.add("t-value", text('{"name":"a","type":"int"}'))
    latest = text('{"name":"a","type":"long"}', '{"name":"b","type":"string","default":"new"}')
    registry.add("t-value", latest)
    made = converter(registry, use_latest_version="true")
    (run,) = made.decode("t", [b"\0\0\0\0\1\2", b"\0\0\0\0\2\4\2x", b"\0\0\0\0\1\6"])
    assert run.values == [{"a": 1, "b": "new"}, {"a": 2, "b": "x"}, {"a": 3, "b": "new"}]
    assert run.schema.version == 2
    registry.add("t-value", text('{"name":"z","type":"int"}'))
    assert made.decode("t", [b"\0\0\0\0\1\2"])[0].values == [{"a": 1, "b": "new"}]
    made.close()
    made = converter(registry, use_latest_version="true")
    with pytest.raises(DataError, match="field 'z' has no default") as raised:
        made.decode("t", [b"\0\0\0\0\1\2"])
    assert raised.value.code == "schemas.incompatible"
    made.close()


def test_a_schema_that_avro_cannot_express_is_the_fault_of_its_records(registry: MemoryRegistry) -> None:
    made = converter(registry)
    with pytest.raises(DataError, match="'a-b' is no name") as raised:
        made.encode("t", Schema.struct({"a-b": INT32}), [{"a-b": 1}, {"a-b": 2}])
    assert len(raised.value.failed) == 2
    made.close()
    made = converter(registry, scrub_invalid_names="true")
    data = made.encode("t", Schema.struct({"a-b": INT32}), [{"a-b": 1}])
    assert made.decode("t", data)[0].values == [{"a_b": 1}]
    made.close()


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.booleans())
def test_random_schemas_and_values_come_back(data: st.DataObject, enhanced: bool) -> None:
    schema = data.draw(schemas())
    values = data.draw(st.lists(values_of(schema).filter(lambda value: value is not None), min_size=1, max_size=3))
    options = Options(scrub=True, enhanced=enhanced)
    try:
        node = to_avro(schema, options)
        text = text_of(node)
    except DataError as error:  # names that are scrubbed to one, maps of two kinds
        assert "one name" in error.message or "are called" in error.message
        return
    written = AvroWriter(schema, node, options).write(values)
    reader = AvroReader(parsed(text), options)
    again = AvroWriter(reader.schema, parsed(text), options)
    read = reader.read(written, 0).values
    assert again.write(read) == written
    if _is_plain(schema):
        assert read == values


def _is_plain(schema: Schema) -> bool:
    """Whether no name of it is changed on the way."""
    parts = [field.schema for field in schema.fields]
    parts += [part for part in (schema.key_schema, schema.value_schema) if part is not None]
    return all(field.name.isascii() and field.name.isidentifier() for field in schema.fields) and all(
        map(_is_plain, parts)
    )
