from __future__ import annotations

import pytest

from connect.topic_names import is_closed, is_hidden


@pytest.mark.parametrize(
    ("name", "closed", "hidden"),
    [
        ("__consumer_offsets", True, True),
        ("__cluster_metadata", True, True),
        ("__connect_dead_letters", True, True),
        ("__debezium-heartbeat.shop", False, True),
        ("_confluent-metrics", False, False),
        ("connect_offsets", False, False),
        ("orders__", False, False),
    ],
)
def test_who_may_write_to_a_topic_and_which_patterns_match_it_shows_in_its_name(
    name: str, closed: bool, hidden: bool
) -> None:
    assert (is_closed(name), is_hidden(name)) == (closed, hidden)
