"""What commands that look for faults find: in configs, in plugins, on a machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


#: What is worst comes first.
ORDER: Final = (Level.ERROR, Level.WARNING, Level.SKIPPED, Level.OK)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what came of it. No secret is in it.

    Attributes:
        check: What was looked at: a check's name, or a config key.
        message: What is, and what was expected.
        code: Names the kind of finding, for programs; '' where nothing is to be mended.
        fix: What to do; '' where the message says it, or nothing is to be done.
    """

    check: str
    level: Level
    message: str
    code: str = ""
    fix: str = ""


def is_to_be_mended(findings: Iterable[Finding], *, strict: bool = False) -> bool:
    """Say whether there is an error among them, or a warning where these count too."""
    bad = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    return any(finding.level in bad for finding in findings)
