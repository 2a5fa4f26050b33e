"""Kafka's words for class names that name no plugin of the wanted kind, and what to use instead."""

from __future__ import annotations

from functools import cache

import pytest

from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.class_names import INTERFACES, missing_class, wrong_class

TRANSFORMS = "org.apache.kafka.connect.transforms."


@cache
def plugins() -> PluginHost:
    return PluginHost.discover()


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        (INTERFACES[PluginKind.CONVERTER], PluginKind.CONVERTER, "This class is abstract and cannot be created."),
        (
            INTERFACES[PluginKind.CONVERTER],
            PluginKind.TRANSFORM,
            f"Class interface {INTERFACES[PluginKind.CONVERTER]} does not implement the Transformation interface",
        ),
        (
            "java.util.ArrayList",
            PluginKind.PREDICATE,
            "Class class java.util.ArrayList does not implement the Predicate interface",
        ),
        (
            f"{TRANSFORMS}Filter",
            PluginKind.PREDICATE,
            f"Class class {TRANSFORMS}Filter does not implement the Predicate interface",
        ),
    ],
)
def test_a_class_that_is_there_and_of_another_sort_has_words_of_its_own(
    given: str, kind: PluginKind, told: str
) -> None:
    assert wrong_class(plugins(), given, kind) == told


def test_a_class_with_nested_ones_is_abstract_and_those_are_named() -> None:
    told = wrong_class(plugins(), f"{TRANSFORMS}InsertField", PluginKind.TRANSFORM) or ""
    assert told.startswith("This class is abstract and cannot be created. Did you mean ")
    assert f"{TRANSFORMS}InsertField$Key" in told
    assert f"{TRANSFORMS}InsertField$Value" in told


def test_a_name_that_is_no_class_at_all_is_none_of_these() -> None:
    assert wrong_class(plugins(), "org.example.Nope", PluginKind.TRANSFORM) is None
    assert missing_class("transforms.a.type", "Nope") == (
        "Invalid value Nope for configuration transforms.a.type: Class Nope could not be found."
    )
