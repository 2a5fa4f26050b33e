"""Checks that a config key declares: bounds, choices, no empty text, files that the worker allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connect.api import files

#: Checks a parsed value; raises ValueError with what was expected, or ConfigError with the whole sentence. Runs for
#: None too where the key is given as null.
Validator = Callable[[Any], None]


def between(low: float | None, high: float | None) -> Validator:
    """Return a check that takes numbers from `low` to `high`, both included."""

    def check(value: Any) -> None:
        if value is None:
            raise ValueError("Value must be non-null")
        if low is not None and value < low:
            raise ValueError(f"Value must be at least {low}")
        if high is not None and value > high:
            raise ValueError(f"Value must be no more than {high}")

    bounds = [f"{word} {bound:g}" for word, bound in (("at least", low), ("at most", high)) if bound is not None]
    return _saying(check, ", ".join(bounds))


def _saying(check: Validator, valid_values: str) -> Validator:
    check.valid_values = valid_values  # type: ignore[attr-defined]
    return check


def one_of(texts: tuple[str, ...], ignore_case: bool) -> Validator:
    """Return a check that takes one of these texts, or a list of them."""
    known = {t.upper() for t in texts} if ignore_case else set(texts)

    def check(value: Any) -> None:
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            text = item.upper() if ignore_case and isinstance(item, str) else item
            if text not in known:
                how = " (case insensitive)" if ignore_case else ""
                raise ValueError(f"String must be one of{how}: {', '.join(texts)}")

    check.choices = texts  # type: ignore[attr-defined]
    return _saying(check, ", ".join(texts))


def non_empty(value: Any) -> None:
    """Refuse an empty text."""
    if isinstance(value, str) and not value:
        raise ValueError("String must be non-empty")


def allowed_file(use: files.FileUse) -> Validator:
    """Return a check that refuses a path which the worker closes to this use. It looks at the file system."""

    def check(value: Any) -> None:
        if value and (reason := files.refusal(str(value), use)) is not None:
            raise ValueError(reason)

    return check


_saying(non_empty, "not empty")
