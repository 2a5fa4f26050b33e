from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connect.registry.errors import RegistryError
from connect.registry.records import Reference
from connect.registry.registry import Registry
from connect.registry.schemas import NewSchema
from tests.support.registries import avro, registry_in


async def number_of(call: Any) -> int:
    with pytest.raises(RegistryError) as caught:
        await call
    return caught.value.number


async def test_the_same_schema_has_one_id_in_every_subject_and_is_no_new_version(registry: Registry) -> None:
    first = await registry.register("a", avro("x"))
    assert await registry.register("a", avro("x")) == first
    spaced = NewSchema(avro("x").schema.replace(",", " ,\n"))
    assert await registry.register("a", spaced) == first, "white space makes no difference"
    assert (await registry.register("b", avro("x"))).id == first.id
    assert (await registry.register("a", avro("x", "y?"))).id == 2


async def test_an_incompatible_schema_is_refused_unless_it_is_forced(registry: Registry) -> None:
    await registry.register("s", avro("a"))
    assert await number_of(registry.register("s", avro("a", "b"))) == 409
    assert (await registry.register("s", avro("a", "b"), force=True)).version == 2


async def test_a_version_that_is_given_must_be_the_next(registry: Registry) -> None:
    await registry.register("s", avro("a"))
    assert await number_of(registry.register("s", dataclasses.replace(avro("a", "b?"), version=3))) == 42201
    assert (await registry.register("s", dataclasses.replace(avro("a", "b?"), version=2))).version == 2


async def test_a_schema_is_looked_up(registry: Registry) -> None:
    made = await registry.register("s", avro("a"))
    assert await registry.look_up("s", avro("a")) == made
    assert await number_of(registry.look_up("s", avro("b"))) == 40403
    assert await number_of(registry.look_up("none", avro("a"))) == 40401
    assert await number_of(registry.look_up("none", NewSchema("{"))) == 42201
    await registry.delete_subject("s")
    assert await number_of(registry.look_up("s", avro("a"))) == 40401
    assert (await registry.look_up("s", avro("a"), deleted=True)).version == 1


async def test_normalized_schemas_are_one(registry: Registry) -> None:
    made = await registry.register("s", avro("a", custom=1, beside=2), normalize=True)
    assert await registry.look_up("s", avro("a", beside=2, custom=1), normalize=True) == made
    assert await number_of(registry.look_up("s", avro("a", beside=2, custom=1))) == 40403
    await registry.settings.set_config("s", {"normalize": True})
    assert await registry.register("s", avro("a", beside=2, custom=1)) == made


async def test_a_schema_without_references_is_the_one_that_has_them(registry: Registry) -> None:
    await registry.register("base", avro("x", name="Base"))
    inner = avro("x", name="Base").schema
    template = '{"type":"record","name":"User","fields":[{"name":"b","type":%s}]}'
    made = await registry.register("user", NewSchema(template % '"Base"', references=(Reference("Base", "base", 1),)))
    assert await registry.look_up("user", NewSchema(template % inner)) == made
    assert await registry.register("user", NewSchema(template % inner)) == made
    assert await number_of(registry.delete_subject("base")) == 42206
    assert await number_of(registry.delete_version("base", 1)) == 42206


async def test_metadata_and_rules_are_those_of_the_version_before_unless_given(registry: Registry) -> None:
    owned = dataclasses.replace(avro("a"), metadata={"properties": {"owner": "me"}}, rule_set={"domainRules": []})
    await registry.register("s", owned)
    second = await registry.register("s", avro("a", "b?"))
    assert second.metadata == {"properties": {"owner": "me"}} and second.rule_set == {"domainRules": []}
    assert await registry.look_up("s", avro("a", "b?")) == second


async def test_groups_of_compatibility_are_compared_among_themselves(registry: Registry) -> None:
    await registry.settings.set_config("s", {"compatibilityGroup": "major"})

    def of(major: str, *fields: str) -> NewSchema:
        return dataclasses.replace(avro(*fields), metadata={"properties": {"major": major}})

    await registry.register("s", of("1", "a"))
    assert await number_of(registry.register("s", of("1", "a", "b"))) == 409
    assert (await registry.register("s", of("2", "b"))).version == 2


async def test_compatibility_is_told_without_registering(registry: Registry) -> None:
    assert await registry.compatibility("s", avro("a")) == []
    await registry.register("s", avro("a"))
    await registry.register("s", avro("a", "b?"))
    assert await registry.compatibility("s", avro("a", "c")) != []
    assert (
        await registry.compatibility("s", avro("b?"), 1) == []
        and await registry.compatibility("s", avro("c?"), -1) == []
    )
    assert await number_of(registry.compatibility("s", avro("a"), 9)) == 40402
    assert registry.lookups.versions("s") == [1, 2]


async def test_deletion_has_two_steps(registry: Registry) -> None:
    await registry.register("s", avro("a"))
    await registry.register("s", avro("a", "b?"))
    assert await number_of(registry.delete_subject("none")) == 40401
    assert await number_of(registry.delete_version("s", 9)) == 40402
    assert await number_of(registry.delete_version("none", 1)) == 40401
    assert await number_of(registry.delete_subject("s", permanent=True)) == 40405
    assert await number_of(registry.delete_version("s", 1, permanent=True)) == 40407
    assert await registry.delete_version("s", -1) == 2
    assert await number_of(registry.delete_version("s", 2)) == 40406
    assert await registry.delete_version("s", 2, permanent=True) == 2
    assert await registry.delete_subject("s") == [1]
    assert await number_of(registry.delete_subject("s")) == 40404
    assert await registry.delete_subject("s", permanent=True) == [1]
    assert registry.lookups.subjects(deleted=True) == []
    assert (await registry.register("s", avro("z"))).id == 3, "ids are not given twice"


async def test_what_was_soft_deleted_comes_back_with_its_id(registry: Registry) -> None:
    made = await registry.register("s", avro("a"))
    await registry.delete_subject("s")
    again = await registry.register("s", avro("a"))
    assert (again.id, again.version) == (made.id, 2)
    assert registry.lookups.versions("s", deleted=True) == [2]


async def test_settings_go_with_their_subject(registry: Registry) -> None:
    await registry.register("s", avro("a"))
    await registry.settings.set_config("s", {"compatibilityLevel": "NONE"})
    await registry.delete_version("s", 1)
    await registry.delete_version("s", 1, permanent=True)
    assert registry.lookups.config("s", in_scope=True) == {"compatibilityLevel": "BACKWARD"}


async def test_a_context_is_no_subject_that_has_versions_or_is_deleted(registry: Registry) -> None:
    await registry.register(":.t:a", avro("a"))
    for permanent in (False, True):
        assert await number_of(registry.delete_subject(":.t:", permanent=permanent)) == 40401
    with pytest.raises(RegistryError) as caught:
        registry.lookups.versions(":.t:")
    assert caught.value.number == 40401


async def test_schemas_that_are_too_deep_with_all_that_they_refer_to_are_kept_as_they_are(registry: Registry) -> None:
    name = "int"
    for number in range(12):
        references = (Reference(name, f"s{number - 1}", 1),) if number else ()
        schema: object = name
        for depth in range(40):
            schema = {"type": "record", "name": f"R{number}_{depth}", "fields": [{"name": "f", "type": schema}]}
        made = await registry.register(f"s{number}", NewSchema(json.dumps(schema), references=references))
        name = f"R{number}_39"
    with pytest.raises(RegistryError, match="it is nested too deep") as caught:
        await registry.text(made, "inlined")
    assert caught.value.number == 42201
    assert await number_of(registry.look_up(made.subject, NewSchema('"int"'))) == 40403


async def test_no_subject_is_refused(registry: Registry) -> None:
    assert await number_of(registry.register("", avro("a"))) == 42208


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["register", "register", "register", "delete", "purge", "delete_version", "look_up"]),
            st.sampled_from(["a", "b", ":.t:a"]),
            st.integers(0, 3),
        ),
        max_size=25,
    )
)
async def test_any_sequence_is_as_in_the_model_and_the_same_after_a_restart(steps: list[tuple[str, str, int]]) -> None:
    """The model: of each subject a list of [version, schema, deleted], of each context the id of each schema."""
    schemas = [avro(f"f{number}") for number in range(4)]
    subjects: dict[str, list[list[Any]]] = {}
    ids: dict[tuple[str, int], int] = {}
    largest: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with registry_in(Path(folder)) as registry:
            await registry.settings.set_config(None, {"compatibilityLevel": "NONE"})
            await registry.settings.set_config(":.t:", {"compatibilityLevel": "NONE"})
            for action, subject, which in steps:
                kept = subjects.setdefault(subject, [])
                living = [one for one in kept if not one[2]]
                context = subject[: subject.rfind(":") + 1]
                match action:
                    case "register":
                        made = await registry.register(subject, schemas[which])
                        if not any(one[1] == which for one in living):
                            kept[:] = [one for one in kept if one[1] != which]
                            kept.append([made.version, which, False])
                            if (context, which) not in ids:
                                largest[context] = ids[context, which] = largest.get(context, 0) + 1
                        assert made.id == ids[context, which]
                    case "delete" if living:
                        assert await registry.delete_subject(subject) == [one[0] for one in living]
                        for one in living:
                            one[2] = True
                    case "purge" if kept and not living:
                        assert await registry.delete_subject(subject, permanent=True) == [one[0] for one in kept]
                        kept.clear()
                    case "delete_version" if living:
                        assert await registry.delete_version(subject, -1) == living[-1][0]
                        living[-1][2] = True
                    case "look_up" if living:
                        # What the default context does not have is looked for in the others.
                        there = subjects.get(f":.t:{subject}", [])
                        known = next((one for one in living if one[1] == which), None)
                        known = known or next((one for one in there if one[1] == which and not one[2]), None)
                        if known is None:
                            assert await number_of(registry.look_up(subject, schemas[which])) == 40403
                        else:
                            assert (await registry.look_up(subject, schemas[which])).version == known[0]
                ids = {
                    (there, schema): number
                    for (there, schema), number in ids.items()
                    if any(
                        one[1] == schema
                        for name, all_of_it in subjects.items()
                        if name[: name.rfind(":") + 1] == there
                        for one in all_of_it
                    )
                }
            as_before = _all_of(registry)
            assert {name: versions for name, versions in as_before.items() if versions} == {
                name: [(version, deleted) for version, _, deleted in sorted(kept)]
                for name, kept in subjects.items()
                if kept
            }
        async with registry_in(Path(folder)) as registry:
            assert _all_of(registry) == as_before


def _all_of(registry: Registry) -> dict[str, list[tuple[int, bool]]]:
    lookups = registry.lookups
    return {
        name: [
            (version, lookups.version(name, version, deleted=True).deleted)
            for version in lookups.versions(name, deleted=True)
        ]
        for name in lookups.subjects(deleted=True)
    }


async def test_a_subject_that_has_used_its_last_version_takes_no_more(registry: Registry) -> None:
    await registry.settings.set_mode("s", "IMPORT")
    await registry.register("s", dataclasses.replace(avro("a"), id=1, version=2**31 - 1))
    assert await number_of(registry.register("s", dataclasses.replace(avro("b"), id=2))) == 50001


async def test_schemas_of_two_types_with_one_text_are_two_schemas(registry: Registry) -> None:
    text = '{"type":"string","x":1}'
    one, two = (NewSchema(text, schema_type) for schema_type in ("AVRO", "JSON"))
    made = await registry.register("a", one)
    assert await number_of(registry.look_up("a", two)) == 40403
    other = await registry.register("b", two)
    assert (other.id, other.schema_type) == (2, "JSON")
    assert (await registry.register("c", two)).id == 2 and (await registry.register("c", two)).version == 1
    assert await number_of(registry.register("a", two)) == 409
    assert await registry.register("a", one) == made and (await registry.register("d", one)).id == 1
    assert [found.schema_type for found in registry.lookups.with_id(2)] == ["JSON", "JSON"]


async def test_a_text_that_cannot_be_written_is_no_schema(registry: Registry) -> None:
    for schema_type in ("AVRO", "JSON"):
        assert (
            await number_of(registry.register("s", NewSchema(r'{"type":"string","x":"\ud800"}', schema_type))) == 42201
        )
