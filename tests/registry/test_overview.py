from __future__ import annotations

import pytest

from connect.registry.errors import RegistryError
from connect.registry.records import Reference
from connect.registry.registry import Registry
from tests.support.registries import avro


async def test_a_row_counts_versions_and_those_who_refer_to_them(registry: Registry) -> None:
    await registry.register("base", avro("x", name="Base"))
    refers = (Reference("Base", "base", 1),)
    await registry.register("user", avro("b", references=refers, name="U"))
    await registry.register("user", avro("b", "c?", references=refers, name="U"))
    await registry.delete_version("user", 1)
    base, user = registry.overview.row("base"), registry.overview.row("user")
    assert (base.living, base.references, base.referrers) == (1, 0, 2)
    assert (user.living, user.deleted, user.newest.version, user.references) == (1, 1, 2, 1)
    [version] = registry.overview.versions("base")
    assert [(one.subject, one.version) for one in registry.overview.referrers(version)] == [("user", 1), ("user", 2)]


async def test_the_level_in_force_is_told_with_whose_it_is(registry: Registry) -> None:
    await registry.register("s", avro("x"))
    assert (registry.overview.row("s").level, registry.overview.row("s").has_own_level) == ("BACKWARD", False)
    await registry.settings.set_config(None, {"compatibilityLevel": "FULL"})
    await registry.settings.set_config("s", {"normalize": True})
    row = registry.overview.row("s")
    assert (row.level, row.has_own_level, row.mode, row.has_own_mode) == ("FULL", False, "READWRITE", False)
    await registry.settings.set_config("s", {"compatibilityLevel": "NONE"})
    await registry.settings.set_mode("s", "READONLY")
    row = registry.overview.row("s")
    assert (row.level, row.has_own_level, row.mode, row.has_own_mode) == ("NONE", True, "READONLY", True)
    assert registry.overview.own_config("s") == {"normalize": True, "compatibilityLevel": "NONE"}
    assert registry.overview.own_config("t") == {}


async def test_subjects_are_found_by_what_their_names_hold_in_all_contexts(registry: Registry) -> None:
    for subject in ("Orders-value", ":.t:orders-key", "other"):
        await registry.register(subject, avro("x"))
    await registry.delete_subject("other")
    overview = registry.overview
    assert overview.subjects(contains="oRDer") == [":.t:orders-key", "Orders-value"]
    assert overview.subjects(contains="other") == []
    assert overview.subjects(contains="other", deleted=True) == ["other"]
    gone = overview.row("other")
    assert (gone.living, gone.deleted, gone.newest.deleted) == (0, 1, True)
    assert overview.row(":.t:orders-key").context == ".t"


async def test_a_subject_that_never_was_is_not_found(registry: Registry) -> None:
    for ask in (registry.overview.row, registry.overview.versions):
        with pytest.raises(RegistryError) as caught:
            ask("none")
        assert caught.value.number == 40401
