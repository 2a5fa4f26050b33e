"""The bytes of the topic. The expected ones are as Confluent Platform 8 writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.registry.records import (
    Key,
    Reference,
    StoredSchema,
    UnreadableError,
    clear_subject_record,
    config_record,
    content_hash,
    context_record,
    delete_subject_record,
    guid_of,
    key_bytes,
    mode_record,
    read_config,
    read_deleted_version,
    read_key,
    read_mode,
    read_schema,
    references_of,
    schema_record,
    tombstone,
)


def test_a_schema_is_written_in_the_order_of_confluents_members() -> None:
    made = StoredSchema("s", 2, 7, "AVRO", '"string"', (Reference("n", "other", 1),))
    key, value = schema_record(made)
    assert key == b'{"keytype":"SCHEMA","subject":"s","version":2,"magic":1}'
    assert value == (
        b'{"subject":"s","version":2,"id":7,"schemaType":"AVRO",'
        b'"references":[{"name":"n","subject":"other","version":1}],"schema":"\\"string\\"","deleted":false}'
    )


@pytest.mark.parametrize(
    ("record", "key", "value"),
    [
        (
            config_record("s", {"compatibilityLevel": "FULL"}),
            b'{"keytype":"CONFIG","subject":"s","magic":0}',
            b'{"subject":"s","compatibilityLevel":"FULL"}',
        ),
        (
            config_record(None, {"normalize": False}),
            b'{"keytype":"CONFIG","magic":0}',
            b'{"normalize":false}',
        ),
        (
            mode_record("s", "READONLY"),
            b'{"keytype":"MODE","subject":"s","magic":0}',
            b'{"subject":"s","mode":"READONLY"}',
        ),
        (
            delete_subject_record("s", 3),
            b'{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}',
            b'{"subject":"s","version":3}',
        ),
        (clear_subject_record(None), b'{"keytype":"CLEAR_SUBJECT","magic":0}', b"{}"),
        (
            context_record(".test"),
            b'{"keytype":"CONTEXT","tenant":"default","context":".test"}',
            b'{"tenant":"default","context":".test"}',
        ),
        (tombstone(Key("NOOP")), b'{"keytype":"NOOP","magic":0}', None),
    ],
)
def test_every_other_kind_of_record(record: tuple[bytes, bytes | None], key: bytes, value: bytes | None) -> None:
    assert record == (key, value)


def test_a_record_of_an_older_registry_is_read() -> None:
    key = read_key(b'{"magic":1,"subject":"s","version":1,"keytype":"SCHEMA","tenant":"x"}')
    read = read_schema(key, b'{"subject":"s","version":1,"id":1,"schema":"\\"int\\"","deleted":false,"new":1}')
    assert read == StoredSchema("s", 1, 1, "AVRO", '"int"')
    assert read_key(b'{"keytype":"CONFIG","subject":null,"magic":0}') == Key("CONFIG")
    assert read_config(b'{"subject":"s","compatibilityLevel":"NONE"}') == {"compatibilityLevel": "NONE"}
    assert read_mode(b'{"mode":"IMPORT"}') == "IMPORT" and read_deleted_version(b'{"subject":"s","version":2}') == 2


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'{"keytype":"DEK"}', b'{"keytype":"SCHEMA","version":1}', b'{"keytype":"CONTEXT"}']
    + [b'{"keytype":"SCHEMA","subject":"s","version":%s}' % n for n in (b"0", b"true", b"2147483648", b'"1"')],
)
def test_a_key_of_something_else_is_told(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_key(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"subject":"other","version":1,"id":1,"schema":""}',
        b'{"subject":"s","version":1,"id":-1,"schema":""}',
        b'{"subject":"s","version":1,"id":1}',
        b'{"subject":"s","version":1,"id":1,"schema":"","references":{}}',
        b'{"subject":"s","version":1,"id":1,"schema":"","metadata":[]}',
    ],
)
def test_a_value_that_is_no_schema_is_told(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_schema(Key("SCHEMA", "s", 1), raw)


@pytest.mark.parametrize(
    "raw", [b'{"compatibilityLevel":"LATER"}', b'{"compatibilityLevel":5}', b"[" * 200 + b"]" * 200]
)
def test_a_config_by_which_nothing_would_be_compared_is_told(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_config(raw)
    assert read_config(b'{"compatibilityLevel":null,"alias":"a"}') == {"alias": "a"}
    assert read_config(b'{"compatibilityLevel":"full"}') == {"compatibilityLevel": "FULL"}


_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
_versions = st.integers(1, 2**31 - 1)


@given(
    st.builds(
        StoredSchema,
        subject=_texts,
        version=_versions,
        id=_versions,
        schema_type=st.sampled_from(["AVRO", "JSON", "PROTOBUF"]),
        schema=_texts,
        references=st.lists(st.builds(Reference, _texts, _texts, _versions), max_size=3).map(tuple),
        metadata=st.none() | st.just({"properties": {"owner": "me"}}),
        deleted=st.booleans(),
    )
)
def test_what_is_written_is_read_again(schema: StoredSchema) -> None:
    key, value = schema_record(schema)
    assert value is not None and read_schema(read_key(key), value) == schema
    assert key == key_bytes(read_key(key))


def test_schemas_are_told_apart_by_text_references_and_metadata() -> None:
    hashes = [
        content_hash("a"),
        content_hash("b"),
        content_hash("a", references_of([{"name": "n", "subject": "s", "version": 1}])),
        content_hash("a", (), {"properties": {}}),
        content_hash("a", (), None, {"domainRules": []}),
    ]
    assert len(set(hashes)) == len(hashes)
    assert guid_of(StoredSchema("s", 1, 1, "AVRO", "a")) == "0cc175b9-c0f1-b6a8-31c3-99e269772661", "MD5 as a UUID"
