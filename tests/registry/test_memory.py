from __future__ import annotations

import dataclasses

import pytest

from connect.registry.memory import Memory
from connect.registry.records import (
    Key,
    Record,
    Reference,
    StoredSchema,
    UnreadableError,
    clear_subject_record,
    config_record,
    context_record,
    delete_subject_record,
    mode_record,
    schema_record,
    tombstone,
)


def schema(subject: str, version: int = 1, schema_id: int = 1, text: str = "a", *references: Reference) -> StoredSchema:
    return StoredSchema(subject, version, schema_id, "AVRO", text, references)


def memory_of(*records: Record | StoredSchema) -> Memory:
    memory = Memory()
    for one in records:
        memory.apply(*(schema_record(one) if isinstance(one, StoredSchema) else one))
    return memory


def test_versions_and_ids_are_found() -> None:
    memory = memory_of(schema("a"), schema("b"), schema("a", 2, 2, "b"))
    assert memory.subjects() == ["a", "b"]
    assert [one.version for one in memory.versions("a")] == [1, 2]
    assert memory.version("a", -1) == schema("a", 2, 2, "b")
    assert {one.subject for one in memory.with_id(".", 1)} == {"a", "b"}
    assert memory.with_content(".", schema("x").content) == memory.with_id(".", 1)
    assert memory.max_id(".") == 2


def test_contexts_have_their_own_ids() -> None:
    memory = memory_of(schema("a"), schema(":.t:a", 1, 1, "other"))
    assert memory.with_id(".", 1)[0].schema == "a" and memory.with_id(".t", 1)[0].schema == "other"
    assert memory.contexts() == [".", ".t"]
    assert memory.subjects("") == ["a"] and memory.subjects(":.t:") == [":.t:a"]
    assert memory_of(context_record(".x")).contexts() == [".", ".x"]


def test_another_schema_with_an_id_that_is_taken_is_not_let_in() -> None:
    memory = memory_of(schema("a"))
    with pytest.raises(UnreadableError, match="id 1 is that of another schema"):
        memory.apply(*schema_record(schema("b", 1, 1, "other")))
    assert memory.subjects() == ["a"]


def test_soft_deletion_marks_and_a_tombstone_forgets() -> None:
    memory = memory_of(schema("a"), schema("a", 2, 2, "b"), schema("a", 3, 3, "c"), delete_subject_record("a", 2))
    assert [one.version for one in memory.versions("a")] == [3]
    assert [one.version for one in memory.versions("a", deleted=True)] == [1, 2, 3]
    assert memory.with_id(".", 1), "its id still leads to it"
    memory.apply(*tombstone(Key("SCHEMA", "a", 1)))
    assert not memory.with_id(".", 1) and not memory.with_content(".", schema("a").content)
    memory.apply(*tombstone(Key("SCHEMA", "never", 1)))
    assert memory.max_id(".") == 3, "what had an id keeps others from it"


def test_a_schema_of_many_subjects_is_applied_in_time() -> None:
    memory = memory_of(*(schema(f"s{number}") for number in range(5_000)))
    assert len(memory.with_id(".", 1)) == 5_000
    memory.apply(*schema_record(schema("last")))
    for number in range(5_000):
        memory.apply(*tombstone(Key("SCHEMA", f"s{number}", 1)))
    assert [one.subject for one in memory.with_id(".", 1)] == ["last"]


def test_karapace_deletes_by_a_value_that_is_empty() -> None:
    memory = memory_of(
        schema("a"),
        (b'{"keytype":"CONFIG","subject":"a","magic":0}', b'{"compatibilityLevel":"NONE"}'),
        (b'{"keytype":"CONFIG","subject":"a","magic":0}', b""),
        (b'{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}', b'{"subject":"a","version":1}'),
        (b'{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}', b""),
    )
    assert memory.subjects() == [] and memory.versions("a") == []
    assert memory.configs == {}


def test_one_version_is_deleted_by_its_own_record() -> None:
    memory = memory_of(schema("a"), dataclasses.replace(schema("a"), deleted=True))
    assert not memory.has_subject("a") and memory.has_subject("a", deleted=True)


def test_who_refers_to_a_version_is_known() -> None:
    memory = memory_of(
        schema(":.t:base"), schema(":.t:user", 1, 2, "u", Reference("n", "base", 1)), schema("user", 1, 3, "v")
    )
    assert [one.subject for one in memory.referrers(":.t:base", 1)] == [":.t:user"]
    memory.apply(*delete_subject_record(":.t:user", 1))
    assert memory.referrers(":.t:base", 1) == [] and memory.referrers(":.t:base", 1, deleted=True)
    memory.apply(*tombstone(Key("SCHEMA", ":.t:user", 1)))
    assert memory.referrers(":.t:base", 1, deleted=True) == []


def test_settings_are_the_subjects_else_the_contexts_else_those_of_all() -> None:
    memory = memory_of(
        config_record(None, {"compatibilityLevel": "FULL", "normalize": True}),
        config_record("a", {"compatibilityLevel": "NONE"}),
        mode_record(":.t:", "READONLY"),
        config_record(":.__GLOBAL:", {"compatibilityLevel": "FORWARD"}),
    )
    assert memory.config_in_scope("a") == {"compatibilityLevel": "NONE", "normalize": True}
    assert memory.config_in_scope("b") == {"compatibilityLevel": "FULL", "normalize": True}
    assert memory.config_in_scope(":.t:b") == {"compatibilityLevel": "FORWARD"}
    assert memory.mode_in_scope(":.t:b") == "READONLY" and memory.mode_in_scope("b") is None
    memory.apply(*config_record(":.t:", {"compatibilityLevel": "FULL_TRANSITIVE", "normalize": True}))
    memory.apply(*config_record(":.t:b", {"normalize": False}))
    assert memory.config_in_scope(":.t:b") == {"compatibilityLevel": "FULL_TRANSITIVE", "normalize": False}
    memory.apply(*tombstone(Key("CONFIG", "a")))
    memory.apply(*tombstone(Key("MODE", ":.t:")))
    assert "a" not in memory.configs and memory.mode_in_scope(":.t:b") is None


def test_clearing_forgets_what_is_deleted_and_nothing_else() -> None:
    memory = memory_of(
        schema("a"),
        schema("b", 1, 2, "b"),
        delete_subject_record("a", 1),
        schema(":.t:c", 1, 1, "c"),
        delete_subject_record(":.t:c", 1),
        clear_subject_record(None),
    )
    assert memory.subjects() == [":.t:c", "b"]
    memory.apply(*clear_subject_record(":.t:c"))
    assert memory.subjects() == ["b"]


@pytest.mark.parametrize(
    "record",
    [
        (b"x", b"{}"),
        (b'{"keytype":"MODE"}', b"[]"),
        (b'{"keytype":"CONFIG"}', b"1"),
        (b"{}", None),
        (b'{"keytype":"CONFIG"}', b'{"compatibilityLevel":"Fuller"}'),
    ],
)
def test_what_cannot_be_read_is_told(record: Record) -> None:
    with pytest.raises(UnreadableError):
        Memory().apply(*record)


def test_a_kind_that_says_nothing_changes_nothing() -> None:
    memory = memory_of(schema("a"), tombstone(Key("NOOP")), tombstone(Key("DELETE_SUBJECT", "a")))
    assert memory.subjects() == ["a"]
    memory.apply(*tombstone(Key("CONTEXT", ".")))
    assert memory.contexts() == ["."]
