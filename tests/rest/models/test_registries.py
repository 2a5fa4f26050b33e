from __future__ import annotations

from dataclasses import fields

from connect.registry.records import Reference
from connect.rest.models.registries import RegistryInfo, SchemaReference, Subject
from tests.support.recorded import members


def test_a_reference_is_told_as_the_registry_keeps_it() -> None:
    assert members(SchemaReference) == [one.name for one in fields(Reference)]


def test_a_level_and_a_mode_are_told_with_whose_they_are() -> None:
    assert {"level", "level_is_own", "mode", "mode_is_own"} <= set(members(Subject))
    assert {"level", "mode", "running"} <= set(members(RegistryInfo))
