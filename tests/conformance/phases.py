"""Which step of a vector failed: FORMAT.md's `phase`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Skipped(Exception):
    """The vector is about something that is not installed."""


class PhaseFailed(Exception):
    """A call raised; `phase` is the vectors' word for the call."""

    def __init__(self, phase: str, error: Exception) -> None:
        super().__init__(phase)
        self.phase = phase
        self.error = error


def in_phase(phase: str, call: Callable[[], Any]) -> Any:
    """Make a call; whatever it raises becomes `PhaseFailed`."""
    try:
        return call()
    except Exception as error:
        raise PhaseFailed(phase, error) from error
