"""Changes of configs for people: one line for each key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from connect.cli.output import visible

#: A longer value is cut; programs have --json.
_SHOWN_CHARS: Final = 120


def change_lines(changes: Sequence[dict[str, Any]]) -> list[str]:
    """Return the changes of a plan or a diff: + for a key that comes, - for one that goes, ~ for one that changes."""
    return [_line(change) for change in changes]


def _line(change: dict[str, Any]) -> str:
    key, before, after = visible(change["key"]), change["before"], change["after"]
    if before is None:
        return f"  + {key} = {_shown(after)}"
    if after is None:
        return f"  - {key} = {_shown(before)}"
    if change["hidden"]:
        return f"  ~ {key}: {_shown(after)} (another secret)"
    return f"  ~ {key}: {_shown(before)} -> {_shown(after)}"


def _shown(value: str | None) -> str:
    text = visible((value or "").replace("\n", "\\n"))
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
