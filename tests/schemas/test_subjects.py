"""Subjects by Confluent's strategies."""

from __future__ import annotations

import pytest

from connect.api import DataError
from connect_schemas import subjects
from connect_schemas.subjects import strategy


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("io.confluent.kafka.serializers.subject.TopicNameStrategy", "orders-value"),
        ("io.confluent.kafka.serializers.subject.RecordNameStrategy", "shop.Order"),
        ("io.confluent.kafka.serializers.subject.TopicRecordNameStrategy", "orders-shop.Order"),
        ("TopicNameStrategy", "orders-value"),
    ],
)
def test_a_strategy_names_the_subject(name: str, subject: str) -> None:
    found = strategy(name)
    assert found is not None
    assert found("orders", False, "shop.Order") == subject


def test_keys_have_a_subject_of_their_own() -> None:
    assert subjects.topic_name("orders", True, None) == "orders-key"


def test_what_is_no_record_has_no_record_name() -> None:
    with pytest.raises(DataError, match="the key's schema is none") as raised:
        subjects.topic_record_name("orders", True, None)
    assert "TopicNameStrategy" in raised.value.hint


def test_an_unknown_strategy_is_refused_with_those_there_are() -> None:
    subjects.check("io.confluent.kafka.serializers.subject.RecordNameStrategy")
    with pytest.raises(ValueError, match="RecordNameStrategy"):
        subjects.check("com.example.MyStrategy")
