"""A key that is declared is read by its plugin, or is in this list, with the reason in the docs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost

DOCS = Path(__file__).parents[2] / "docs" / "reference"

#: Taken since configs have them, and without effect: the page says so.
WITHOUT_EFFECT = {
    ("SinkConfig", "batch.size"): "connector-postgres.md",
    ("SinkConfig", "connection.attempts"): "connector-postgres.md",
    ("SourceConfig", "connection.attempts"): "connector-postgres.md",
    ("SourceConfig", "date.calendar.system"): "connector-postgres.md",
    ("SourceConfig", "dialect.name"): "connector-postgres.md",
    ("SourceConfig", "max.buffer.size"): "connector-postgres.md",
    ("SourceConfig", "poll.linger.ms"): "connector-postgres.md",
    ("SourceConfig", "query.retry.attempts"): "connector-postgres.md",
    ("SourceConfig", "table.monitoring.startup.polling.limit.ms"): "connector-postgres.md",
}
#: Set by the runtime, which tells the plugin in another way.
OF_THE_RUNTIME = {"converter.type"}


def config_classes() -> dict[type[Any], str]:
    plugins = PluginHost.discover()
    found = [desc.cls for kind in PluginKind for desc in plugins.list(kind)]
    return {cls.config_class: cls.__module__.partition(".")[0] for cls in found if hasattr(cls, "config_class")}


def source_of(package: str) -> str:
    [folder] = sys.modules[package].__path__
    return "\n".join(path.read_text() for path in Path(folder).glob("*.py"))


def test_every_declared_key_is_read_or_said_to_have_no_effect() -> None:
    unread = set()
    for config_class, package in config_classes().items():
        text = source_of(package)
        for name, (attribute, _) in config_class._declared().items():
            if not re.search(rf"\.{attribute}\b", text) and name not in OF_THE_RUNTIME:
                unread.add((config_class.__name__, name))
    assert unread == set(WITHOUT_EFFECT)


def test_what_has_no_effect_says_so() -> None:
    for (_, name), page in WITHOUT_EFFECT.items():
        said = [
            line
            for line in (DOCS / page).read_text().splitlines()
            if f"`{name}`" in line and "accepted" in line.lower()
        ]
        assert said, f"{page} does not say that {name} is accepted and has no effect"
