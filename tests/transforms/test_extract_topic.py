"""ExtractTopic: the topic's name comes from the record."""

from __future__ import annotations

import pytest

from connect.api import Batch, ConfigError, DataError, Headers, Record
from tests.support.transforms import make_transform, transformed


@pytest.mark.parametrize(
    ("kind", "config", "topic"),
    [
        ("Value", {"field": "kind"}, "a"),
        ("Key", {}, "k"),
        ("Value", {"field": "$.to.x", "field_format": "json_path"}, "b"),
        ("Header", {"field": "h"}, "c"),
    ],
)
def test_a_topic_is_taken_from_the_record(kind: str, config: dict[str, str], topic: str) -> None:
    given = Record(
        "orders", {"kind": "a", "to": {"x": "b"}}, key="k", headers=Headers().add("h", "first").add("h", "c")
    )
    made = make_transform(f"ExtractTopic${kind}", **config).apply(given)
    assert made is not None
    assert made == given.replace(topic=topic)


def test_a_record_without_topic_name_fails_or_keeps_its_topic() -> None:
    with pytest.raises(DataError, match=r"no topic name at 'kind'.*skip\.missing\.or\.null"):
        transformed("ExtractTopic$Value", {}, field="kind")
    with pytest.raises(DataError, match=r"must be a String, found: java\.lang\.Integer"):
        transformed("ExtractTopic$Value", {"kind": 5}, field="kind")
    skip = make_transform("ExtractTopic$Value", field="kind", skip_missing_or_null="true")
    batches = skip.apply_batch(Batch("orders", [{}, {"kind": "a"}, {"kind": "a"}, {"kind": None}]))
    assert [(b.topic, len(b)) for b in batches] == [("orders", 1), ("a", 2), ("orders", 1)]  # type: ignore[union-attr]


def test_the_header_variant_needs_a_header() -> None:
    with pytest.raises(ConfigError, match="needs the name of a header"):
        make_transform("ExtractTopic$Header")
