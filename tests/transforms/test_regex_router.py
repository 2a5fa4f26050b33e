"""RegexRouter: a new topic name from the old one."""

from __future__ import annotations

import pytest

from connect.api import ConfigError, DataError, Record
from tests.support.transforms import make_transform


def renamed(topic: str | None, regex: str, replacement: str) -> str | None:
    made = make_transform("RegexRouter", regex=regex, replacement=replacement).apply(Record(topic, 1))  # type: ignore[arg-type]
    assert made is not None
    return made.topic


@pytest.mark.parametrize(
    ("topic", "regex", "replacement", "expected"),
    [
        ("raw-orders", "raw-(.*)", "$1", "orders"),
        ("raw-orders", "(?<kind>[a-z]+)-(.*)", "$2-${kind}", "orders-raw"),
        ("orders", "raw-(.*)", "$1", "orders"),
        ("my-raw-orders", "raw-(.*)", "$1", "my-raw-orders"),
        ("orders", ".*", r"\$0", "$0"),
        ("aab", "(a+?)(.*)", "$1", "a"),
    ],
)
def test_a_name_that_matches_as_a_whole_is_replaced(topic: str, regex: str, replacement: str, expected: str) -> None:
    assert renamed(topic, regex, replacement) == expected


def test_a_record_without_topic_is_an_error() -> None:
    with pytest.raises(DataError, match="needs a topic"):
        renamed(None, ".*", "x")


def test_a_group_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DataError, match="No group 2"):
        renamed("orders", "(.*)", "$2")


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="regex"):
        make_transform("RegexRouter", regex="(", replacement="x")
