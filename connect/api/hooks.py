"""The hooks through which plugins reach the runtime. A plugin is a module or object with some of these functions.

    from connect.api import hookimpl

    @hookimpl
    def connect_connectors():
        return [TickSource]

The module is found through the entry-point group 'connect', or lies in a folder of `plugin.path`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pluggy

from connect.api.connector import Connector
from connect.api.convert import Converter, HeaderConverter
from connect.api.transform import Predicate, Transform

PROJECT: Final = "connect"
ENTRY_POINT_GROUP: Final = "connect"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def connect_connectors() -> Sequence[type[Connector]]:  # type: ignore[empty-body]
    """Return the plugin's source and sink connector classes."""


@hookspec
def connect_converters() -> Sequence[type[Converter]]:  # type: ignore[empty-body]
    """Return the plugin's converter classes."""


@hookspec
def connect_header_converters() -> Sequence[type[HeaderConverter]]:  # type: ignore[empty-body]
    """Return the plugin's header converter classes."""


@hookspec
def connect_transforms() -> Sequence[type[Transform]]:  # type: ignore[empty-body]
    """Return the plugin's transform classes."""


@hookspec
def connect_predicates() -> Sequence[type[Predicate]]:  # type: ignore[empty-body]
    """Return the plugin's predicate classes."""
