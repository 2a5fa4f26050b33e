"""The predicates: by a header, by a null value, by the whole name of a topic."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import Batch, ConfigError, Headers, Predicate, Record
from connect.runtime.model import PluginKind
from tests.support.transforms import PLUGINS

HEADERS = Headers().add("a", 1)


def make_predicate(alias: str, **config: str) -> Predicate:
    desc = PLUGINS.resolve(alias, PluginKind.PREDICATE)
    predicate: Any = desc.cls()
    predicate.configure(desc.cls.config_class.parse(config))
    assert isinstance(predicate, Predicate)
    return predicate


def verdicts(predicate: Predicate, batch: Batch) -> list[bool]:
    """Return the verdict on each record, as told of the batch, and check that it is what is told of each."""
    told = predicate.test_batch(batch)
    listed = told if isinstance(told, list) else [told] * len(batch)
    assert listed == [predicate.test(record) for record in batch.records()]
    return listed


def test_a_header_is_looked_for_by_its_name() -> None:
    predicate = make_predicate("HasHeaderKey", name="a")
    assert verdicts(predicate, Batch("t", [1, 2, 3], headers=[HEADERS, None, Headers().add("b", 1)])) == [
        True,
        False,
        False,
    ]
    assert verdicts(predicate, Batch("t", [1])) == [False]


def test_a_tombstone_is_a_record_whose_value_is_null_whatever_its_key() -> None:
    predicate = make_predicate("RecordIsTombstone")
    assert verdicts(predicate, Batch("t", [None, 0, ""], keys=["k", "k", None])) == [True, False, False]
    assert verdicts(predicate, Batch("t", [1])) == [False]


@pytest.mark.parametrize(
    ("pattern", "topic", "matches"),
    [
        ("orders", "orders", True),
        ("order", "orders", False),
        (r"orders-\d+", "orders-17", True),
        ("(?i)A.*", "abc", True),
    ],
)
def test_a_pattern_must_match_the_whole_name_of_a_topic(pattern: str, topic: str, matches: bool) -> None:
    assert verdicts(make_predicate("TopicNameMatches", pattern=pattern), Batch(topic, [1, 2])) == [matches, matches]


def test_a_record_without_topic_matches_nothing() -> None:
    assert not make_predicate("TopicNameMatches", pattern=".*").test(Record(None, 1))  # type: ignore[arg-type]


@pytest.mark.parametrize(("alias", "config"), [("TopicNameMatches", {"pattern": "("}), ("HasHeaderKey", {"name": ""})])
def test_a_config_that_asks_nothing_is_refused(alias: str, config: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        make_predicate(alias, **config)
