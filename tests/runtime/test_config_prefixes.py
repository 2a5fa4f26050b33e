"""Prefixes of config keys."""

from __future__ import annotations

from connect.runtime.config_prefixes import strip_prefix


def test_a_prefix_is_taken_off_the_keys_that_have_it() -> None:
    assert strip_prefix({"a.b": 1, "a.": 2, "ab": 3}, "a.") == {"b": 1, "": 2}
