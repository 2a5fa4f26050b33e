"""The reference names every class and key, and Kafka's declarations are ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigKey, Plugin
from connect_converters import BinaryDataConverter, connect_converters, connect_header_converters
from connect_schemas import connect_converters as converters_with_a_registry
from connect_transforms import KAFKA as KAFKAS_TRANSFORMS
from connect_transforms import connect_predicates

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
KAFKA = json.loads((ROOT / "tests" / "conformance" / "vectors" / "configdefs.json").read_text())
CLASSES: list[tuple[type[Plugin], str]] = [
    *((cls, "transforms.md") for cls in connect_predicates()),
    *((cls, "converters.md") for cls in dict.fromkeys([*connect_converters(), *connect_header_converters()])),
]


def _named(value: Any) -> str | None:
    return value.class_name if isinstance(value, type) else None


@pytest.mark.parametrize(
    ("cls", "document"), [*CLASSES, *((cls, "converters.md") for cls in converters_with_a_registry())], ids=_named
)
def test_the_reference_names_the_class_and_each_key_with_its_default(cls: type[Plugin], document: str) -> None:
    text = (REFERENCE / document).read_text()
    section = text[text.index(f"`{cls.class_name}`") :].partition("\n## ")[0].partition("\n### ")[0]
    for key in cls.config_class.keys().values():
        line = next((line for line in section.splitlines() if line.startswith(f"| `{key.name}` |")), "")
        assert _row(key) in line


def _row(key: ConfigKey) -> str:
    default = (
        "required"
        if key.required
        else "null"
        if key.default is None
        else f"`{key.default_text}`"
        if key.default_text
        else '""'
    )
    return f"| {key.type.value} | {default} | {key.importance} | {key.documentation} |"


@pytest.mark.parametrize(
    "cls", [*(cls for cls, _ in CLASSES if cls is not BinaryDataConverter), *KAFKAS_TRANSFORMS], ids=_named
)
def test_keys_types_defaults_and_importance_are_kafkas(cls: type[Plugin]) -> None:
    ours = cls.config_class.keys()
    if "ExtractField" not in cls.plugin_name():  # Kafka has the key there alone; see departures.md
        ours.pop("field.syntax.version", None)
    theirs = {key["name"]: key for key in KAFKA[cls.class_name]["keys"]}
    assert list(ours) == list(theirs)
    for name, key in ours.items():
        if name == "converter.type":  # required in Kafka, where the framework sets it; here nobody has to
            continue
        shown = (
            key.type.value,
            key.required,
            key.default_text,
            key.importance,
            key.group,
            key.order,
            key.width,
            key.display_name,
        )
        wanted = theirs[name]
        assert shown == (
            wanted["type"],
            wanted["required"],
            wanted.get("default"),
            wanted["importance"],
            wanted["group"],
            wanted["order_in_group"],
            wanted["width"],
            wanted["display_name"],
        )
