"""A key that is declared is read by its plugin, or says that it is accepted alone, in its words and on a page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connect.api import ConfigKey
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost

DOCS = Path(__file__).parents[2] / "docs" / "reference"

#: They take one value, so there is nothing to read.
OF_ONE_VALUE = {"plugin.name"}
#: Set by the runtime, which tells the plugin in another way.
OF_THE_RUNTIME = {"converter.type"}


def config_classes() -> dict[type[Any], str]:
    plugins = PluginHost.discover()
    found = [desc.cls for kind in PluginKind for desc in plugins.list(kind)]
    return {cls.config_class: cls.__module__.partition(".")[0] for cls in found if hasattr(cls, "config_class")}


def source_of(package: str) -> str:
    [folder] = sys.modules[package].__path__
    return "\n".join(path.read_text() for path in Path(folder).rglob("*.py"))


def unread() -> Iterator[tuple[str, ConfigKey]]:
    """Yield the keys that nothing in their package reads, with the class that declares them."""
    for config_class, package in config_classes().items():
        text = source_of(package)
        for name, (attribute, declared) in config_class._declared().items():
            if not re.search(rf"\.{attribute}\b", text) and name not in OF_THE_RUNTIME | OF_ONE_VALUE:
                yield config_class.__name__, declared


def test_every_declared_key_is_read_or_says_that_it_is_accepted_alone() -> None:
    found = list(unread())
    assert [(owner, key.name) for owner, key in found if not key.documentation.startswith("Accepted")] == []
    assert ("SourceConfig", "connection.attempts") in [(owner, key.name) for owner, key in found]


def test_what_has_no_effect_is_on_a_page() -> None:
    text = "\n".join(path.read_text() for path in DOCS.rglob("*.md"))
    for owner, key in unread():
        names = [key.name, *(f"{key.name[:end]}.*" for end in range(len(key.name)) if key.name[end] == ".")]
        assert any(f"`{name}`" in text for name in names), f"{owner}: no page says that {key.name} is accepted"
