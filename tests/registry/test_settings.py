from __future__ import annotations

from pathlib import Path

import pytest

from connect.app import open_cluster
from connect.registry.errors import LEVELS, RegistryError
from connect.registry.registry import Registry
from connect.registry.schemas import NewSchema
from connect.registry.topic import SchemaTopic
from tests.support.registries import avro


@pytest.mark.parametrize("level", [*LEVELS, "full_transitive"])
async def test_every_level_may_be_set_and_taken_back(registry: Registry, level: str) -> None:
    assert registry.lookups.config(None) == {"compatibilityLevel": "BACKWARD"}
    await registry.settings.set_config(None, {"compatibilityLevel": level})
    assert registry.lookups.config("any", in_scope=True) == {"compatibilityLevel": level.upper()}
    assert await registry.settings.delete_config(None) == {"compatibilityLevel": level.upper()}
    assert registry.lookups.config(None) == {"compatibilityLevel": "BACKWARD"}


async def test_a_config_keeps_what_is_not_named_and_null_takes_one_back(registry: Registry) -> None:
    settings = registry.settings
    await settings.set_config("s", {"compatibilityLevel": "NONE", "normalize": True})
    assert await settings.set_config("s", {"alias": "t"}) == {
        "compatibilityLevel": "NONE",
        "normalize": True,
        "alias": "t",
    }
    assert await settings.set_config("s", {"compatibilityLevel": None}) == {"normalize": True, "alias": "t"}
    assert registry.lookups.config("s")["compatibilityLevel"] == "BACKWARD"


async def test_what_is_wrong_is_refused_and_nothing_is_written(registry: Registry) -> None:
    settings = registry.settings
    for call, number in (
        (settings.set_config("s", {"compatibilityLevel": "SOME"}), 42203),
        (settings.set_config("a\nb", {"normalize": True}), 42208),
        (settings.delete_config("s"), 40401),
        (settings.set_mode("s", "SOME"), 42204),
        (settings.set_mode("__EMPTY", "READONLY"), 42208),
        (settings.delete_mode("s"), 40401),
    ):
        with pytest.raises(RegistryError) as caught:
            await call  # type: ignore[misc]
        assert caught.value.number == number
    for read, number in ((registry.lookups.config, 40408), (registry.lookups.mode, 40409)):
        with pytest.raises(RegistryError) as caught:
            read("s")
        assert caught.value.number == number


@pytest.mark.parametrize("mode", ["READONLY", "readonly_override"])
async def test_what_is_read_only_is_not_changed(registry: Registry, mode: str) -> None:
    await registry.register("s", avro("a"))
    await registry.settings.set_mode("s", mode)
    for call in (
        registry.register("s", avro("a", "b?")),
        registry.delete_subject("s"),
        registry.delete_version("s", 1),
        registry.settings.set_config("s", {"normalize": True}),
    ):
        with pytest.raises(RegistryError) as caught:
            await call  # type: ignore[misc]
        assert caught.value.number == 42205
    assert (await registry.register("s", avro("a"))).version == 1, "what is there is told"
    assert await registry.settings.delete_mode("s") == mode.upper()
    assert (await registry.register("s", avro("a", "b?"))).version == 2


async def test_importing_takes_ids_and_versions_as_they_are(registry: Registry) -> None:
    settings = registry.settings
    await settings.set_mode(None, "IMPORT")
    made = await registry.register("s", NewSchema('"int"', id=42, version=7))
    assert (made.id, made.version) == (42, 7)
    assert (await registry.register("s", NewSchema('"string"', id=43, version=3))).version == 3, "nothing is compared"
    for schema in (NewSchema('"long"', id=42), NewSchema('"long"')):
        with pytest.raises(RegistryError) as caught:
            await registry.register("t", schema)
        assert caught.value.number == 42205
    await settings.set_mode(None, "READWRITE")
    with pytest.raises(RegistryError) as caught:
        await registry.register("t", NewSchema('"long"', id=99))
    assert caught.value.number == 42205
    assert (await registry.register("t", NewSchema('"long"'))).id == 44


async def test_import_mode_needs_an_empty_registry_or_force_and_forgets_what_is_deleted(registry: Registry) -> None:
    await registry.register("s", avro("a"))
    with pytest.raises(RegistryError, match="found existing subjects"):
        await registry.settings.set_mode(None, "IMPORT")
    await registry.settings.set_mode(None, "IMPORT", force=True)
    await registry.settings.set_mode(None, "READWRITE")
    await registry.delete_subject("s")
    await registry.settings.set_mode("s", "IMPORT")
    assert registry.lookups.subjects(deleted=True) == []


async def test_modes_of_all_that_is_in_a_context_are_taken_back_together(registry: Registry) -> None:
    for scope in (":.t:", ":.t:a", "b"):
        await registry.settings.set_mode(scope, "READONLY")
    await registry.settings.delete_mode(":.t:", recursive=True)
    assert registry.lookups.mode(":.t:a", in_scope=True) == "READWRITE" and registry.lookups.mode("b") == "READONLY"


async def test_a_context_that_is_empty_is_deleted(registry: Registry) -> None:
    await registry.register(":.t:s", avro("a"))
    with pytest.raises(RegistryError) as caught:
        await registry.settings.delete_context(":.t:")
    assert caught.value.number == 42211
    await registry.delete_subject(":.t:s")
    await registry.delete_subject(":.t:s", permanent=True)
    await registry.settings.delete_context(":.t:")
    assert registry.lookups.contexts() == ["."]


async def test_modes_that_may_not_be_set_are_not(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    topic = SchemaTopic(cluster, "_schemas", is_shared=False)
    await topic.open()
    settings = Registry(topic, modes_change=False).settings
    for call in (settings.set_mode(None, "READONLY"), settings.delete_mode(None)):
        with pytest.raises(RegistryError, match="Mode changes are not allowed"):
            await call  # type: ignore[misc]
    await topic.aclose()
    await cluster.aclose()
