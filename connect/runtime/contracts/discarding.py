"""Errors by which a record, or a part of it, is left out on purpose: whatever errors.tolerance is, the task goes on."""

from __future__ import annotations

from connect.api import DataError


class DiscardedError(DataError):
    """A record is left out, as its connector's config asks for."""


class DiscardedValueError(DataError):
    """A part of a record is left out, and the rest goes on: it has a letter, and is not skipped."""
