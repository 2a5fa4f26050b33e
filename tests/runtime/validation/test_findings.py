from __future__ import annotations

import pytest

from connect.runtime.validation.findings import Finding, Level, is_to_be_mended


@pytest.mark.parametrize(
    ("levels", "strict", "is_bad"),
    [
        ([], True, False),
        ([Level.OK, Level.SKIPPED], True, False),
        ([Level.OK, Level.WARNING], False, False),
        ([Level.OK, Level.WARNING], True, True),
        ([Level.WARNING, Level.ERROR], False, True),
    ],
)
def test_errors_are_to_be_mended_and_warnings_where_they_count(levels: list[Level], strict: bool, is_bad: bool) -> None:
    assert is_to_be_mended([Finding("x", level, "m") for level in levels], strict=strict) is is_bad
