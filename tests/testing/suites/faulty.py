"""Faulty plugins: each is right but for one thing, which the check of its name finds."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest


def checks_of(suite: type) -> set[str]:
    """The names of a suite's checks."""
    return {name.removeprefix("test_") for name in dir(suite) if name.startswith("test_")}


def caught(suite: type, check: str, folder: Path) -> str:
    """Run a check on what has to fail it, and return what it says. A check that is skipped has caught nothing."""
    run = getattr(suite(), f"test_{check}")
    arguments = (folder,) if "tmp_path" in inspect.signature(run).parameters else ()
    try:
        run(*arguments)
    except pytest.fail.Exception as failed:
        said = str(failed)
    except pytest.skip.Exception as skipped:
        raise AssertionError(f"{check} was skipped: {skipped}") from None
    else:
        raise AssertionError(f"{check} passes")
    assert f"certificate.md#{check.replace('_', '-')}" in said
    return said


def without_a_fault(suite: type, faults: Mapping[str, Any], elsewhere: Mapping[str, str]) -> set[str]:
    """The checks of a suite that no faulty plugin fails, and that no reason is given for; and the other way round."""
    assert all(elsewhere.values()), "each with its reason"
    return checks_of(suite) ^ (set(faults) | set(elsewhere))


def named(suite: Any) -> str:
    """What the plugin of a suite is called."""
    attributes = ("connector", "transform", "converter")
    return next(str(getattr(suite, one).__name__) for one in attributes if hasattr(suite, one))


def suite_of(base: type, **attributes: Any) -> type:
    """A suite with other attributes."""
    return type("Faulty", (base,), attributes)
