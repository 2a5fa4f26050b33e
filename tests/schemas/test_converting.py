"""What the converters of all formats share, seen with a format of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, Column, DataError, FailedRecord, Schema
from connect_schemas.converting import SchemaConverter, one_by_one
from connect_schemas.registry.model import Registered, SchemaText
from tests.support.converters import make_converter, told_apart
from tests.support.schema_registry import MemoryRegistry, memory_registry


class Text:
    """Writes and reads text; '!' is bad."""

    def __init__(self, schema: Schema | None) -> None:
        self._schema = schema

    def write(self, values: Sequence[Any]) -> list[bytes]:
        return one_by_one(values, self._written)

    def read(self, data: Sequence[bytes], start: int) -> Column:
        return Column(self._schema, one_by_one([item[start:] for item in data], self._read))

    def _written(self, value: str) -> bytes:
        if value == "!":
            raise DataError("it is bad")
        return value.encode()

    def _read(self, item: bytes) -> str:
        if item == b"!":
            raise DataError("it is bad")
        return item.decode()


class TextConverter(SchemaConverter):
    schema_type = "AVRO"

    def make_writer(self, topic: str, schema: Schema | None) -> tuple[Text, Registered]:
        return Text(schema), self.target(topic, SchemaText('"string"'), None)

    def make_reader(self, written: Registered, topic: str) -> Text:
        return Text(STRING.replace(version=self.version_of(written, topic, None)))

    def can_read(self, reader: Registered, writer: SchemaText) -> str | None:
        return None if reader.schema == writer else "they differ"


@pytest.fixture
def registry() -> Any:
    with memory_registry() as running:
        yield running


def converter(registry: MemoryRegistry, **config: Any) -> TextConverter:
    made: TextConverter = make_converter(TextConverter, schema_registry_url=registry.url, max_retries="0", **config)
    return made


def test_records_name_the_schema_that_was_registered_for_them(registry: MemoryRegistry) -> None:
    registry.add("other", '"int"')
    made = converter(registry)
    assert made.encode("t", STRING, ["a", "b"]) == [b"\0\0\0\0\2a", b"\0\0\0\0\2b"]
    assert made.encode("t", STRING, ["c"]) == [b"\0\0\0\0\2c"]
    assert registry.asked == ["POST /subjects/t-value/versions"]
    made.close()


def test_a_key_has_the_subject_of_keys(registry: MemoryRegistry) -> None:
    made = converter(registry, is_key=True)
    made.encode("t", STRING, ["a"])
    assert list(registry.subjects) == ["t-key"]
    made.close()


def test_nulls_stay_nulls_and_ask_nothing(registry: MemoryRegistry) -> None:
    made = converter(registry)
    assert made.encode("t", None, [None, None]) == [None, None]
    assert made.decode("t", [None]) == [Column(None, [None])]
    assert not registry.asked
    assert made.encode("t", OPTIONAL_STRING, ["a", None, "b"]) == [b"\0\0\0\0\1a", None, b"\0\0\0\0\1b"]
    made.close()


def test_a_null_of_a_schema_that_has_none_is_a_bad_record(registry: MemoryRegistry) -> None:
    made = converter(registry)
    with pytest.raises(DataError, match="Found null value") as raised:
        made.encode("t", STRING, ["a", None])
    assert [one.index for one in raised.value.failed if isinstance(one, FailedRecord)] == [1]
    made.close()


def failed(error: DataError) -> list[tuple[int, str]]:
    return [(one.index, one.reason) for one in error.failed if isinstance(one, FailedRecord)]


def test_values_that_do_not_fit_are_named_by_their_place(registry: MemoryRegistry) -> None:
    made = converter(registry)
    with pytest.raises(DataError) as raised:
        made.encode("t", OPTIONAL_STRING, [None, "a", "!", "b", "!"])
    assert failed(raised.value) == [(2, "it is bad"), (4, "it is bad")]
    made.close()


def test_a_schema_that_the_registry_does_not_take_is_the_fault_of_each_record(registry: MemoryRegistry) -> None:
    registry.refusing = (409, "incompatible")
    made = converter(registry)
    with pytest.raises(DataError, match="incompatible") as raised:
        made.encode("t", OPTIONAL_STRING, ["a", None, "b"])
    assert [index for index, _ in failed(raised.value)] == [0, 2]
    assert raised.value.code == "schemas.incompatible"
    made.close()


def test_runs_come_in_the_order_of_the_records(registry: MemoryRegistry) -> None:
    registry.add("t-value", '"string"')
    registry.add("t-value", '"bytes"')
    made = converter(registry)
    data = [b"\0\0\0\0\1a", b"\0\0\0\0\1b", b"\0\0\0\0\2c", None, b"\0\0\0\0\1d"]
    runs = made.decode("t", data)
    assert [run.values for run in runs] == [["a", "b"], ["c"], [None], ["d"]]
    assert [run.schema and run.schema.version for run in runs] == [1, 2, None, 1]
    made.close()


def test_bad_records_of_a_column_are_named_at_once_with_the_code_of_what_they_are(registry: MemoryRegistry) -> None:
    registry.add("t-value", '"string"')
    registry.add("p-value", "p", schemaType="PROTOBUF")
    made = converter(registry)
    data = [b"\0\0\0\0\1a", b"{}", b"\0\0\0\0\7x", b"\0\0\0\0\1!", b"\0\0\0\0\2y", b"\0\0\0\0\10x", b"\0\0\0\0\1b"]
    bad, values = told_apart(made, "t", data)
    assert values == ["a", "b"]
    expected = {
        1: ("schemas.wire_format", "begins with byte 123"), 2: ("schemas.unknown_id", "no schema of id 7"),
        3: ("data.invalid", "it is bad"), 4: ("schemas.invalid", "is PROTOBUF, and AVRO is expected"),
        5: ("schemas.unknown_id", "no schema of id 8"),
    }  # fmt: skip
    assert {index: error.code for index, error in bad.items()} == {index: code for index, (code, _) in expected.items()}
    assert all(words in bad[index].message for index, (_, words) in expected.items())
    made.close()


def test_a_schema_of_another_subject_has_no_version(registry: MemoryRegistry) -> None:
    registry.add("elsewhere", '"string"')
    made = converter(registry)
    (run,) = made.decode("t", [b"\0\0\0\0\1a"])
    assert run.schema is not None
    assert run.schema.version is None
    made.close()


def test_without_registration_a_schema_is_looked_up(registry: MemoryRegistry) -> None:
    made = converter(registry, auto_register_schemas="false", missing_schema_cache_ttl_sec="0")
    with pytest.raises(DataError, match="Subject 't-value' not found") as raised:
        made.encode("t", STRING, ["a"])
    assert raised.value.code == "schemas.unknown_subject"
    registry.add("t-value", '"string"')
    assert made.encode("t", STRING, ["a"]) == [b"\0\0\0\0\1a"]
    made.close()


@pytest.mark.parametrize("keys", [{"use_latest_version": "true"}, {"use_schema_id": "2"}])
def test_another_schema_that_does_not_read_the_records_own_is_refused(
    registry: MemoryRegistry, keys: dict[str, str]
) -> None:
    registry.add("t-value", '"int"')
    registry.add("t-value", '"long"')
    made = converter(registry, auto_register_schemas="false", **keys)
    with pytest.raises(DataError, match=r"schema 2 of the registry does not read .*: they differ") as raised:
        made.encode("t", INT32, ["a"])
    assert raised.value.code == "schemas.incompatible"
    made.close()
    loose = {"latest_compatibility_strict": "false", "id_compatibility_strict": "false"}
    made = converter(registry, auto_register_schemas="false", **keys, **loose)
    assert made.encode("t", INT32, ["a"]) == [b"\0\0\0\0\2a"]
    made.close()


@pytest.mark.parametrize(("ttl", "ids"), [("-1", [1, 1]), ("0", [1, 2])])
def test_another_latest_version_is_written_with_by_the_age_that_the_config_allows(
    registry: MemoryRegistry, ttl: str, ids: list[int]
) -> None:
    registry.add("t-value", '"string"')
    made = converter(
        registry,
        auto_register_schemas="false",
        use_latest_version="true",
        latest_compatibility_strict="false",
        latest_cache_ttl_sec=ttl,
    )
    found = [made.encode("t", STRING, ["a"])[0][4]]
    registry.add("t-value", '"bytes"')
    found.append(made.encode("t", STRING, ["a"])[0][4])
    assert found == ids
    made.close()


def test_the_latest_version_with_some_metadata_is_asked_for(registry: MemoryRegistry) -> None:
    for major in ("1", "2"):
        registry.add("t-value", '"string"', metadata={"properties": {"major": major, "owner": "a b"}})
    keys = {"auto_register_schemas": "false", "use_latest_version": "true"}
    made = converter(registry, use_latest_with_metadata="major=1,owner=a b", **keys)
    assert made.encode("t", STRING, ["a"]) == [b"\0\0\0\0\1a"]
    assert made.wanted(Registered(2, SchemaText('"int"')), "t", None).id == 1
    assert "key=major&key=owner&value=1&value=a+b&deleted=true" in registry.asked[0].replace("%20", "+")
    made.close()
    made = converter(registry, use_latest_with_metadata="major=3", **keys)
    with pytest.raises(DataError, match="no version with major=3 of subject 't-value'"):
        made.encode("t", STRING, ["a"])
    made.close()


def test_records_of_the_latest_version_itself_are_read_as_they_are(registry: MemoryRegistry) -> None:
    registry.add("t-value", '"string"')
    made = converter(registry, use_latest_version="true")
    for known in (1, -1):  # by its GUID a schema may come without its id
        assert made.wanted(Registered(known, SchemaText('"string"')), "t", None) is None
    made.close()


def test_a_latest_version_of_another_format_reads_nothing(registry: MemoryRegistry) -> None:
    registry.add("t-value", '"string"')
    registry.add("t-value", "{}", schemaType="JSON")
    made = converter(registry, use_latest_version="true")
    with pytest.raises(DataError, match="schema 2 of the registry is JSON, and AVRO is expected"):
        made.wanted(Registered(1, SchemaText('"string"')), "t", None)
    made.close()


def ruled(mode: str, **more: object) -> dict[str, Any]:
    return {"ruleSet": {"domainRules": [{"name": "pii", "type": "ENCRYPT", "mode": mode, **more}]}}


@pytest.mark.parametrize(("mode", "more", "writes", "reads"), [
    ("WRITEREAD", {}, False, False), ("WRITE", {}, False, True), ("READ", {}, True, False),
    ("WRITEREAD", {"disabled": True}, True, True), ("UPGRADE", {}, True, True),
])  # fmt: skip
def test_records_that_a_rule_of_the_registry_is_for_are_refused(
    registry: MemoryRegistry, mode: str, more: dict[str, object], writes: bool, reads: bool
) -> None:
    registry.add("t-value", '"string"', **ruled(mode, **more))
    made = converter(
        registry, auto_register_schemas="false", use_latest_version="true", latest_compatibility_strict="false"
    )
    for works, call in (
        (writes, lambda: made.encode("t", STRING, ["a"])),
        (reads, lambda: made.decode("t", [b"\0\0\0\0\1a"])),
    ):
        if works:
            assert call()
            continue
        with pytest.raises(DataError, match="rule 'pii' of type ENCRYPT") as raised:
            call()
        assert raised.value.code == "schemas.rules"
    made.close()


def test_a_version_that_others_are_migrated_to_reads_no_other(registry: MemoryRegistry) -> None:
    registry.add("t-value", '"int"')
    registry.add("t-value", '"string"', **ruled("UPGRADE"))
    made = converter(registry, use_latest_version="true")
    with pytest.raises(DataError, match="when they are read as another version"):
        made.wanted(Registered(1, SchemaText('"int"')), "t", None)
    made.close()


# -- ids in headers ----------------------------------------------------------------------------------------------------

_IDS = "io.confluent.kafka.serializers.schema.id."
IN_HEADERS = {
    "key_schema_id_serializer": _IDS + "HeaderSchemaIdSerializer",
    "value_schema_id_serializer": _IDS + "HeaderSchemaIdSerializer",
}


@pytest.mark.parametrize(("is_key", "name"), [(True, "__key_schema_id"), (False, "__value_schema_id")])
def test_a_schema_is_named_in_a_header_by_its_guid(registry: MemoryRegistry, is_key: bool, name: str) -> None:
    registry.has_guids = True
    made = converter(registry, is_key=is_key, **IN_HEADERS)
    data, headers = made.encode_with_headers("t", OPTIONAL_STRING, ["a", None])
    (kept,) = registry.subjects["t-key" if is_key else "t-value"]
    assert (data, headers) == ([b"a", None], [(name, b"\1" + UUID(kept.guid).bytes)])
    assert made.encode_with_headers("t", OPTIONAL_STRING, [None]) == ([None], ())
    other = ("__value_schema_id" if is_key else "__key_schema_id", b"\1" + b"\0" * 16)
    (run,) = made.decode_with_headers("t", [b"a", b"b"], [[*headers], [(name, b"old"), *headers, other]])
    assert run.values == ["a", "b"]
    made.close()


def test_records_with_their_id_in_front_are_read_beside_those_with_headers(registry: MemoryRegistry) -> None:
    registry.has_guids = True
    made = converter(registry, **IN_HEADERS)
    data, headers = made.encode_with_headers("t", STRING, ["a"])
    pairs = [headers, None, [("trace", b"1")], headers]
    runs = made.decode_with_headers("t", [*data, b"\0\0\0\0\1b", b"\0\0\0\0\1c", None], pairs)
    assert [value for run in runs for value in run.values] == ["a", "b", "c", None]
    made.close()
    alone = {"value_schema_id_deserializer": _IDS + "PrefixSchemaIdDeserializer"}
    made = converter(registry, **alone)
    with pytest.raises(DataError, match="begins with byte 97"):
        made.decode_with_headers("t", data, [headers])
    made.close()


@pytest.mark.parametrize("head", [b"", b"\0", b"\0\0\0\0", b"\1" + b"\0" * 15, b"\2" + b"\0" * 16])
def test_a_header_that_names_no_schema_is_not_made_one_by_the_record(registry: MemoryRegistry, head: bytes) -> None:
    registry.has_guids = True
    made = converter(registry, **IN_HEADERS)
    data, headers = made.encode_with_headers("t", STRING, ["a"])
    odd = [("__value_schema_id", head)]
    with pytest.raises(DataError, match="header __value_schema_id names no schema") as raised:
        made.decode_with_headers("t", [*data, b"\1" * 20], [headers, odd])
    assert raised.value.code == "schemas.wire_format"
    assert [index for index, _ in failed(raised.value)] == [1]
    made.close()


def test_a_record_of_json_is_told_to_look_like_json(registry: MemoryRegistry) -> None:
    made = converter(registry)
    with pytest.raises(
        DataError, match="begins with byte 123, as JSON does, where records with a schema's id"
    ) as raised:
        made.to_connect_data("t", b'{"id": 1}')
    assert raised.value.code == "schemas.wire_format"
    made.close()


def test_a_registry_without_guids_is_told(registry: MemoryRegistry) -> None:
    made = converter(registry, **IN_HEADERS)
    with pytest.raises(DataError, match="gives no GUID of schema 1") as raised:
        made.encode_with_headers("t", STRING, ["a", "b"])
    assert [index for index, _ in failed(raised.value)] == [0, 1]
    made.close()
