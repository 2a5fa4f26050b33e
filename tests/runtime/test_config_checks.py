"""Checks that the worker's keys and the connectors' keys share."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.runtime.config_checks import unique


@pytest.mark.parametrize(
    ("value", "why"),
    [(None, "must not be null"), (["a", ""], "must not be empty"), (["a", "b", "a"], "must not be duplicated")],
)
def test_a_list_of_names_holds_each_once_and_none_that_is_empty(value: list[str] | None, why: str) -> None:
    with pytest.raises(ConfigError, match=f"Configuration 'transforms' values {why}"):
        unique("transforms")(value)


def test_a_list_of_different_names_is_taken() -> None:
    check = unique("transforms")
    assert [check(value) for value in (["a", "b"], [])] == [None, None]
