"""Which plugins run in processes of their own: what a connector's config says of it, and the worker's."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from connect.api import Plugin
from connect.runtime.file_rules import file_rules
from connect.runtime.plugin_sources import plugin_folders
from connect.runtime.processes.declarations import base_of
from connect.runtime.processes.process import Launch, Source
from connect.runtime.processes.settings import PROCESS, Limits, ProcessSettings, memory_bytes, placing_of
from connect.runtime.processes.stand_ins import launch_of, stand_in_of, with_launch
from connect.runtime.worker_config import WorkerConfig

#: Classes that were made, so that one config has one class.
_KEPT_MAX: Final = 500


class Desc(Protocol):
    """What is looked at of a plugin: `PluginDesc`."""

    cls: type[Plugin]
    plugin: str


DescT = TypeVar("DescT", bound=Any)

_made: dict[tuple[type[Plugin], Launch], type[Plugin]] = {}


def process_settings(config: WorkerConfig) -> ProcessSettings:
    """Return what a worker says of processes."""
    return ProcessSettings(
        names=frozenset(name for name in config.plugin_isolation if name),
        memory_bytes=memory_bytes(config.plugin_memory_limit),
        grace_s=config.task_shutdown_graceful_timeout_ms / 1000,
        files=file_rules(config),
        environments=config.plugin_environments_path or None,
        install_s=config.plugin_install_timeout_ms / 1000,
    )


def placed(desc: DescT, config: Mapping[str, Any], settings: ProcessSettings) -> DescT:
    """Return a plugin as a connector with this config runs it: in the worker's process, or by a class that stands for
    it there.

    Raises:
        ConfigError: It is to run in a process of its own, and cannot.
    """
    if base_of(desc.cls) is None:
        return desc
    where, limits = placing_of(config, settings)
    launch = launch_of(desc.cls)
    if launch is not None:
        return _with(desc, _limited(launch, limits, settings))
    if where == PROCESS or (not where and desc.plugin in settings.names):
        return _with(desc, _limited(_launch_here(), limits, settings))
    return desc


def _limited(launch: Launch, limits: Limits, settings: ProcessSettings) -> Launch:
    return replace(
        launch,
        memory_bytes=limits.memory_bytes,
        call_s=limits.call_s,
        grace_s=settings.grace_s,
        files=settings.files,
    )


def _with(desc: DescT, launch: Launch) -> DescT:
    key = (desc.cls, launch)
    cls = _made.get(key)
    if cls is None:
        is_stand_in = launch_of(desc.cls) is not None
        cls = with_launch(desc.cls, launch) if is_stand_in else stand_in_of(desc.cls, launch, desc.plugin)
        if len(_made) >= _KEPT_MAX:
            _made.clear()
        _made[key] = cls
    changed: DescT = replace(desc, cls=cls)
    return changed


def _launch_here() -> Launch:
    """Return how a process is started that finds what this one finds, in the same order: Python's own modules before
    those that lie in folders of plugins, whatever these are called."""
    folders = plugin_folders()
    return Launch(path=python_path(), source=Source((), folders) if folders else None)


def python_path() -> tuple[str, ...]:
    """Return where this process finds modules, without the standard library and the folders of plugins."""
    own = set(_standard_library())
    found = dict.fromkeys(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 - '' is the working directory
    own |= {os.path.abspath(folder) for folder in plugin_folders()}  # noqa: PTH100 - as above
    return tuple(entry for entry in found if entry not in own and not entry.endswith(".zip"))


@cache
def _standard_library() -> frozenset[str]:
    folders = filter(None, map(sysconfig.get_path, ("stdlib", "platstdlib")))
    return frozenset(each for folder in folders for each in (folder, str(Path(folder) / "lib-dynload")))
