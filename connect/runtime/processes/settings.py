"""The keys of plugins in processes of their own: a connector's, and what the worker says for all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connect.api import Config, ConfigError, config_key
from connect.api.files import FileRules

ISOLATION: Final = "plugin.isolation"
PROCESS: Final = "process"
_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_BYTES: Final = re.compile(r"([0-9]{1,15})\s*([kmg]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
#: The least that a Python process with a plugin in it can live with.
MEMORY_BYTES_MIN: Final = 64 << 20


def memory_bytes(text: str) -> int | None:
    """Return the bytes of '512m'; None for no limit: an empty text, or -1.

    Raises:
        ValueError: It is no such text, or too little for any process.
    """
    text = text.strip()
    if text in ("", "-1"):
        return None
    found = _BYTES.fullmatch(text)
    if found is None:
        raise ValueError("Expected a number of bytes, with k, m or g behind it, or nothing for no limit")
    count = int(found[1]) * _UNITS[found[2].lower()]
    if count < MEMORY_BYTES_MIN:
        raise ValueError(f"A process needs at least {MEMORY_BYTES_MIN >> 20}m")
    return count


def valid_memory(value: Any) -> None:
    """Refuse what is no limit of memory; a check of config keys."""
    if value is not None:
        memory_bytes(value)


class IsolationConfig(Config):
    """Where the plugins of a connector run."""

    plugin_isolation: str = config_key(
        "'process': the connector's tasks, transforms and predicates run in processes of their own; 'worker': in the "
        "worker's. Empty: as plugin.isolation of the worker says. A plugin from a folder with requirements always runs "
        "in a process.",
        default="",
        one_of=("", PROCESS, "worker"),
        importance="low",
        group="Isolation",
        display_name="Plugin Isolation",
    )
    plugin_memory_limit: str | None = config_key(
        "Memory that each process of the connector's plugins may use, such as 512m; -1 for no limit. Left out: as "
        "plugin.memory.limit of the worker says.",
        default=None,
        importance="low",
        group="Isolation",
        display_name="Memory Limit",
        validators=[valid_memory],
    )
    plugin_process_timeout_ms: int = config_key(
        "How long a poll, a put or a transform in a process of its own may take; then the process is ended, and the "
        "task fails. An `async def` poll may take as long as it likes.",
        type="LONG",
        default=300_000,
        ge=1,
        importance="low",
        group="Isolation",
        display_name="Process Timeout",
    )


_KEYS: Final = tuple(IsolationConfig.keys())


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """What the worker says of processes.

    Attributes:
        names: Plugins, by the names of their distributions' entry points or modules, that run in processes.
        memory_bytes: The limit of those whose connector has none; None for none.
        grace_s: How long one may take to stop.
        files: What plugins may touch; None for everything.
        environments: The folder of virtual environments; None for the user's cache.
        install_s: How long making one may take.
    """

    names: frozenset[str] = frozenset()
    memory_bytes: int | None = None
    grace_s: float = 5.0
    files: FileRules | None = None
    environments: str | None = None
    install_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the processes of one connector may take."""

    memory_bytes: int | None = None
    call_s: float = 300.0


def placing_of(config: Mapping[str, Any], worker: ProcessSettings) -> tuple[str, Limits]:
    """Return where a connector's plugins run by its config ('' where it does not say), and their limits.

    A wrong value counts as none: it is told where the config is checked.
    """
    given = {name: config[name] for name in _KEYS if config.get(name) is not None}
    if not given:  # nearly always, and statuses are asked for often
        return "", Limits(worker.memory_bytes)
    try:
        parsed = IsolationConfig.parse(given)
    except ConfigError:
        parsed = IsolationConfig.parse({})
    own = parsed.plugin_memory_limit
    memory = worker.memory_bytes if own is None else memory_bytes(own)
    return parsed.plugin_isolation, Limits(memory, parsed.plugin_process_timeout_ms / 1000)
