"""Transforms as the tests use them: made from Kafka's flat strings, and run on one record."""

from __future__ import annotations

from typing import Any

from connect.api import Record, Schema, Transform
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost

PLUGINS = PluginHost.discover()


def make_transform(name: str, alias: str = "", **config: str) -> Transform:
    """Make a transform by one of its names; `target_type` in the keywords is `target.type` in the config."""
    desc = PLUGINS.resolve(name, PluginKind.TRANSFORM)
    transform: Any = desc.cls()
    transform.alias = alias
    transform.configure(desc.cls.config_class.parse({key.replace("_", "."): value for key, value in config.items()}))
    return transform  # type: ignore[no-any-return]


def transformed(name: str, value: Any, value_schema: Schema | None = None, **config: str) -> Any:
    """Return what a transform makes of a value; the whole record where it drops it or changes its topic is None."""
    made = make_transform(name, **config).apply(Record("orders", value, value_schema=value_schema))
    return None if made is None else made.value
