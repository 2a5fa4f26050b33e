from __future__ import annotations

from typing import Any

from connect.cli.changes import change_lines


def change(before: str | None, after: str | None, *, hidden: bool = False) -> dict[str, Any]:
    return {"key": "k", "before": before, "after": after, "hidden": hidden}


def test_a_change_is_one_line_whatever_the_values_hold() -> None:
    assert change_lines(
        [
            change(None, "1"),
            change("1", None),
            change("1", "2"),
            change("[hidden]", "[hidden]", hidden=True),
            change("a\nb", ""),
            change(None, "x" * 500),
        ]
    ) == [
        "  + k = 1",
        "  - k = 1",
        "  ~ k: 1 -> 2",
        "  ~ k: [hidden] (another secret)",
        "  ~ k: a\\nb -> ",
        f"  + k = {'x' * 119}…",
    ]
