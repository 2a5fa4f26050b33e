from __future__ import annotations

import dataclasses

import pytest

from connect.registry.errors import RegistryError
from connect.registry.lookups import version_number
from connect.registry.records import Reference, guid_of
from connect.registry.registry import Registry
from tests.support.registries import avro


def refused(caught: pytest.ExceptionInfo[RegistryError]) -> int:
    return caught.value.number


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), ("latest", -1), ("LATEST", -1), ("-1", -1), ("2147483647", 2**31 - 1)]
)
def test_a_version_is_a_number_or_latest(text: str, number: int) -> None:
    assert version_number(text) == number


@pytest.mark.parametrize("text", ["0", "-2", "x", "", "1.0", "2147483648", "1_0", "9" * 5000, "١"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(RegistryError) as caught:
        version_number(text)
    assert refused(caught) == 42202


async def test_subjects_are_listed_by_prefix_and_by_whether_they_are_deleted(registry: Registry) -> None:
    for subject in ("a", "ab", "b", ":.t:a"):
        await registry.register(subject, avro("x"))
    await registry.delete_subject("ab")
    lookups = registry.lookups
    assert lookups.subjects() == [":.t:a", "a", "b"]
    assert lookups.subjects("a") == ["a"] and lookups.subjects("") == ["a", "b"]
    assert lookups.subjects(":.t:") == [":.t:a"] and lookups.subjects(":*:a") == [":.t:a", "a"]
    assert lookups.subjects(deleted=True) == [":.t:a", "a", "ab", "b"] and lookups.subjects(deleted_only=True) == ["ab"]


async def test_versions_are_listed(registry: Registry) -> None:
    for schema in (avro("a"), avro("a", "b?"), avro("a", "c?")):
        await registry.register("s", schema)
    await registry.delete_version("s", 2)
    lookups = registry.lookups
    assert lookups.versions("s") == [1, 3]
    assert lookups.versions("s", deleted=True) == [1, 2, 3] and lookups.versions("s", deleted_only=True) == [2]
    assert lookups.versions("s", as_negative=True) == [1, -2, 3]
    assert lookups.version("s", -1).version == 3 and lookups.version("s", 2, deleted=True).deleted
    assert [one.version for one in lookups.listed(latest_only=True)] == [3]
    for version, number in ((2, 40402), (9, 40402)):
        with pytest.raises(RegistryError) as caught:
            lookups.version("s", version)
        assert refused(caught) == number
    for call in (lambda: lookups.versions("none"), lambda: lookups.version("none", 1)):
        with pytest.raises(RegistryError) as caught:
            call()
        assert refused(caught) == 40401


async def test_a_subject_without_a_context_is_looked_for_in_the_others(registry: Registry) -> None:
    made = await registry.register(":.t:s", avro("a"))
    assert registry.lookups.version("s", 1) == made
    assert registry.lookups.with_id(1, ":.t:") == [made] and registry.lookups.with_id(1, "s") == [made]
    with pytest.raises(RegistryError) as caught:
        registry.lookups.with_id(1)
    assert refused(caught) == 40403
    assert registry.lookups.contexts() == [".", ".t"] and registry.lookups.max_id(":.t:") == 1


async def test_who_refers_to_a_version_is_told_by_its_id(registry: Registry) -> None:
    await registry.register("base", avro("x", name="Base"))
    user = avro(name="User")
    made = await registry.register("user", avro(name="User", references=(Reference("Base", "base", 1),)))
    assert registry.lookups.referenced_by("base", -1) == [made.id] != [user.id]
    await registry.delete_subject("user")
    assert registry.lookups.referenced_by("base", 1) == []
    assert registry.lookups.referenced_by("base", 1, deleted=True) == [made.id]


async def test_the_latest_version_with_some_properties_is_found(registry: Registry) -> None:
    with_owner = dataclasses.replace(avro("a"), metadata={"properties": {"owner": "me", "x": "1"}})
    first = await registry.register("s", with_owner)
    await registry.register("s", dataclasses.replace(avro("a", "b?"), metadata={"properties": {"owner": "you"}}))
    assert registry.lookups.latest_with("s", {"owner": "me"}) == first
    for subject, wanted, number in (("s", {"owner": "she"}, 40403), ("none", {}, 40401)):
        with pytest.raises(RegistryError) as caught:
            registry.lookups.latest_with(subject, wanted)
        assert refused(caught) == number


async def test_a_schema_is_found_by_the_id_that_is_the_same_everywhere(registry: Registry) -> None:
    made = await registry.register("s", avro("a"))
    await registry.register(":.t:s", avro("a"))
    assert registry.lookups.with_guid(guid_of(made)) == [(".", 1), (".t", 1)]
    for wrong in ("no", guid_of(made)[::-1]):
        with pytest.raises(RegistryError) as caught:
            registry.lookups.with_guid(wrong)
        assert refused(caught) == 40403


async def test_an_alias_stands_for_another_subject(registry: Registry) -> None:
    await registry.settings.set_config("old", {"alias": "new"})
    await registry.settings.set_config(":.t:old", {"alias": "new"})
    assert registry.lookups.aliased("old") == "new" and registry.lookups.aliased("x") == "x"
    assert registry.lookups.aliased(":.t:old") == ":.t:new"
