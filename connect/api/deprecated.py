"""Names that `connect.api` had before 1.0. They are importable until 2.0, and each import says what to write instead.

A type checker does not know them. docs/howto/migrate-a-plugin-to-api-1.md has the whole list.
"""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from typing import Any, Final, NamedTuple

logger = logging.getLogger(__name__)


class Moved(NamedTuple):
    """Where an old name's object is now, and what to write instead."""

    module: str
    name: str
    instead: str


def _renamed(module: str, name: str) -> Moved:
    return Moved(module, name, f"import {name} from connect.api")


def _of_the_host(module: str, name: str, instead: str) -> Moved:
    return Moved(module, name, f"it is the host's own: {instead}")


_CATCH_LOG_ERROR: Final = "no plugin is given it; catch LogError where you talk to a log"
MOVED: Final = {
    "Type": _renamed("connect.api.schema_type", "SchemaType"),
    "invalid": _renamed("connect.api.config_values", "invalid_value"),
    "key": _renamed("connect.api.config", "config_key"),
    "project": _renamed("connect.api.schema_projector", "project_value"),
    "hookspec": _of_the_host("connect.api.hooks", "hookspec", "write @hookimpl above your functions"),
    **{
        name: _of_the_host("connect.api.errors", name, _CATCH_LOG_ERROR)
        for name in (
            "CorruptBatchError",
            "OffsetOutOfRangeError",
            "OutOfOrderSequenceError",
            "ProducerFencedError",
            "TransactionStateError",
        )
    },
}
_said: set[tuple[str, str]] = set()


def old_name(name: str) -> Any:
    """Return what an old name of `connect.api` stands for. Warns; and tells the log, once for each file and name.

    Python shows a DeprecationWarning to nobody who does not ask for it, and a worker's operator reads its log.

    Raises:
        AttributeError: There was no such name.
    """
    moved = MOVED.get(name)
    if moved is None:
        raise AttributeError(f"module 'connect.api' has no attribute {name!r}")
    message = f"connect.api.{name} goes with version 2.0 of the API: {moved.instead}"
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    file = _importer()
    if (file, name) not in _said:
        _said.add((file, name))
        logger.warning("%s: %s", file, message)
    return getattr(importlib.import_module(moved.module), moved.name)


def _importer() -> str:
    """Return the file that asked, past the import system's own frames."""
    frame = sys._getframe(3)  # behind this function, `old_name` and the module's __getattr__
    while frame.f_code.co_filename.startswith("<frozen importlib") and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename
