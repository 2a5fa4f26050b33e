from __future__ import annotations

import pytest

from connect.runtime.validation.version_ranges import VersionRangeError, in_range


@pytest.mark.parametrize(
    ("version", "text", "inside"),
    [
        ("4.3.1", None, True), ("4.3.1", "latest", True), ("4.3.1", " ", True), ("4.3.1", "4.3.1", True),
        ("4.3.1", "4.3", False), ("4.3.0", "4.3", True), ("4.3.1", "[4.3.1]", True), ("4.3.1", "[4.0,5.0)", True),
        ("5.0", "[4.0,5.0)", False), ("5.0", "[4.0,5.0]", True), ("4.0", "(4.0,)", False), ("4.10", "(4.9,)", True),
        ("2.5", "[1.0,2.0),[3.0,)", False), ("3.5", "[1.0,2.0),[3.0,)", True), ("1.0-rc1", "[1.0,)", False),
        ("1.0", "[0,01.000]", True), ("9" * 5000, "[1,)", True), ("1.0", f"[{'9' * 5000},)", False),
        ("0" * 5000 + "7", "7", True), ("2", f"[1,{'1' * 5000}0]", True), ("1.0", f"[1.0,1.0.{'0' * 5000}]", True),
    ],
)  # fmt: skip
def test_a_version_is_in_a_range(version: str, text: str | None, inside: bool) -> None:
    assert in_range(version, text) is inside


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[bad", "Unbounded range: [bad"),
        ("(1.0)", "Single version must be surrounded by []: (1.0)"),
        ("[2.0,1.0]", "Range defies version ordering: [2.0,1.0]"),
        ("[1.0,3.0),[2.0,4.0)", "Ranges overlap: [1.0,3.0),[2.0,4.0)"),
        ("[1.0,2.0),3", "Only fully-qualified sets allowed in multiple set scenario: [1.0,2.0),3"),
    ],
)
def test_what_is_no_range_is_told_in_mavens_words(text: str, message: str) -> None:
    with pytest.raises(VersionRangeError) as raised:
        in_range("1.0", text)
    assert str(raised.value) == message
