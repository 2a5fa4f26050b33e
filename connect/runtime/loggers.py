"""Levels of loggers, looked at and set while the worker runs (KIP-495, KIP-976).

Levels are Kafka's words. Python has none for TRACE and OFF: they lie below DEBUG and above CRITICAL. Setting a logger
sets what is below it too, so that a level once set on a child does not outlive the one set on its parent.

Source: Kafka 4.3.1, Loggers.java.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from connect.api import ConfigError, NotFoundError
from connect.api.error_codes import register_code

UNKNOWN_LEVEL = register_code(
    "logger.unknown_level",
    "A log level that does not exist.",
    "Use TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF.",
)
UNKNOWN_LOGGER = register_code(
    "logger.not_found", "No logger has this name.", "List the loggers with GET /admin/loggers."
)

ROOT: Final = "root"
_LEVELS: Final = {
    "TRACE": 5,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "OFF": logging.CRITICAL + 10,
}


@dataclass(frozen=True, slots=True)
class LoggerLevel:
    """A logger's level in force, and when it was set: ms since the epoch, None if it never was."""

    level: str
    last_modified: int | None


class Loggers:
    """The process's loggers. Levels last until the worker ends, as Kafka's."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._modified: dict[str, int] = {}

    def all(self) -> dict[str, LoggerLevel]:
        """Return every logger by name, sorted."""
        return {name: self._level(name) for name in sorted({ROOT, *_known()})}

    def get(self, name: str) -> LoggerLevel:
        """Return one logger.

        Raises:
            NotFoundError: logger.not_found.
        """
        name = ROOT if name.lower() == ROOT else name
        if name != ROOT and name not in _known():
            raise NotFoundError(f"Logger {name} not found.", code=UNKNOWN_LOGGER)
        return self._level(name)

    def set(self, name: str, level: str) -> list[str]:
        """Set a logger and all below it, making it if need be; return the names whose level changed, sorted.

        Raises:
            NotFoundError: logger.unknown_level.
        """
        number = _LEVELS.get(level.upper())
        if number is None:
            raise NotFoundError(f"invalid log level '{level}'.", code=UNKNOWN_LEVEL)
        is_root = name.lower() == ROOT
        below = [known for known in _known() if is_root or known.startswith(name + ".")]
        changed = [one for one in {ROOT if is_root else name, *below} if _logger(one).getEffectiveLevel() != number]
        for one in changed:
            _logger(one).setLevel(number)
            self._modified[one] = self._clock_ms()
        return sorted(changed)

    def _level(self, name: str) -> LoggerLevel:
        return LoggerLevel(level_word(_logger(name).getEffectiveLevel()), self._modified.get(name))


def _logger(name: str) -> logging.Logger:
    return logging.getLogger(None if name == ROOT else name)


def _known() -> list[str]:
    return [name for name, found in logging.root.manager.loggerDict.items() if isinstance(found, logging.Logger)]


def level_number(word: str) -> int:
    """Return the number of a level.

    Raises:
        ConfigError: logger.unknown_level.
    """
    number = _LEVELS.get(word.upper())
    if number is None:
        raise ConfigError(f"there is no log level {word!r:.100}", code=UNKNOWN_LEVEL)
    return number


def level_word(number: int) -> str:
    """Return the nearest level that logs no less than this number says."""
    return next((word for word, known in reversed(_LEVELS.items()) if known <= number), "TRACE")
