from __future__ import annotations

from typing import Any

import pytest

from connect.api.config_checks import allowed_file, between, non_empty, one_of
from connect.api.files import FileRules, in_force


@pytest.mark.parametrize(
    ("check", "value", "said"),
    [
        (between(1, 5), 0, "Value must be at least 1"),
        (between(1, 5), 6, "Value must be no more than 5"),
        (between(1, None), None, "Value must be non-null"),
        (one_of(("a", "b"), ignore_case=False), "A", "String must be one of: a, b"),
        (one_of(("a", "b"), ignore_case=True), ["A", "c"], r"String must be one of \(case insensitive\): a, b"),
        (non_empty, "", "String must be non-empty"),
    ],
)
def test_a_value_that_is_not_taken_is_refused_in_configdefs_words(check: Any, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(value)


@pytest.mark.parametrize(
    ("check", "value", "valid_values"),
    [
        (between(1, 5), 5, "at least 1, at most 5"),
        (between(1, 5), 1, "at least 1, at most 5"),
        (one_of(("a", "b"), ignore_case=False), None, "a, b"),
        (one_of(("a", "b"), ignore_case=True), ["A", "b"], "a, b"),
        (non_empty, None, "not empty"),
    ],
)
def test_what_is_taken_is_told_in_words_for_people(check: Any, value: Any, valid_values: str) -> None:
    check(value)
    assert check.valid_values == valid_values


def test_a_file_is_asked_for_where_the_worker_has_rules() -> None:
    check = allowed_file("read")
    check("/etc/hostname")
    with in_force(FileRules(allowed=("/srv/data",))), pytest.raises(ValueError, match="the worker allows connectors"):
        check("/etc/hostname")
