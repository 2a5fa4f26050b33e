"""Plugins of a folder with requirements: described by a process that runs in the folder's environment."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from connect.api import ConnectError, Connector, Plugin, PluginError, Predicate, Transform
from connect.runtime.hook_calls import giving
from connect.runtime.processes.environments import ENVIRONMENT, Folder, folder_of, python_of, stamp_of, too_old
from connect.runtime.processes.errors import take_codes
from connect.runtime.processes.process import Launch, Source
from connect.runtime.processes.settings import ProcessSettings
from connect.runtime.processes.stand_ins import Desk, stand_in_for

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What a folder has.

    Attributes:
        classes: They stand for its own.
        broken: Modules that could not be taken, each with the cause.
        left_out: What does not run in a process of its own.
    """

    classes: tuple[type[Plugin], ...]
    broken: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]


_HOOKS: Final = {"connect_connectors": Connector, "connect_transforms": Transform, "connect_predicates": Predicate}


def plugin_of(path: Path, settings: ProcessSettings) -> SimpleNamespace:
    """Return a plugin whose hooks give the classes that stand for those of a folder. Blocks, as `told_of`.

    Raises:
        PluginError: As `told_of`; or a module of the folder cannot be taken, or none is a plugin.
    """
    folder = folder_of(path)
    assert folder is not None, "whoever asks has looked"
    found = told_of(folder, settings)
    if found.broken:
        raise PluginError("; ".join(f"{name}: {cause}" for name, cause in found.broken))
    if not found.classes:
        raise PluginError(f"no module of {path} registers a plugin that can run in a process of its own")
    for name in found.left_out:
        logger.warning("plugin folder %s: %s cannot run in a process of its own, and is left out", path, name)
    given = {hook: [cls for cls in found.classes if issubclass(cls, base)] for hook, base in _HOOKS.items()}
    return SimpleNamespace(**{hook: giving(hook, list(classes)) for hook, classes in given.items()})


def told_of(folder: Folder, settings: ProcessSettings) -> Told:
    """Make a folder's environment, if it is not there, and have its plugins described there. Blocks: not on the event
    loop.

    Raises:
        PluginError: The environment cannot be made, or has libraries too old for `connect.api`; or the process tells
            nonsense.
    """
    stamp = stamp_of(folder.path)
    root = Path(settings.environments) if settings.environments else None
    python = python_of(folder, root=root, timeout_s=settings.install_s)
    modules, search = tuple(map(str, folder.modules)), tuple(map(str, folder.search))
    source = Source(modules, search, str(folder.path), stamp)
    launch = Launch(python=python, source=source, memory_bytes=settings.memory_bytes, grace_s=settings.grace_s)
    desk = Desk(launch, folder.path.name)
    try:
        found = _described(desk, folder, python)
        return _told(found, launch, desk)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        desk.close()
        raise PluginError(f"the process of {folder.path} describes its plugins in no way known: {error}") from error


def _described(desk: Desk, folder: Folder, python: str) -> Any:
    """Return what a folder's process says of its plugins; where it fails, say what in its environment is too old."""
    try:
        return desk.call("describe")
    except ConnectError as error:
        desk.close()
        if not (old := too_old(python)):
            raise
        raise PluginError(
            f"{folder.path} requires {'; '.join(old)}, with which it shares the process: {error.message}",
            code=ENVIRONMENT,
            hint="Raise the version in its requirements, or call what needs the old one as a program of its own.",
        ) from error


def _told(found: Mapping[str, Any], launch: Launch, desk: Desk) -> Told:
    take_codes(found["codes"])
    broken = [(str(name), str(cause)) for name, cause in found["broken"]]
    classes, left_out = [], [f"hook {hook}" for hook in found["observing"]]
    for kind, told in found["classes"]:
        if told is None:
            left_out.append(f"a {kind}")
        else:
            classes.append(stand_in_for(str(kind), told, launch, desk))
    return Told(tuple(classes), tuple(broken), tuple(left_out))
