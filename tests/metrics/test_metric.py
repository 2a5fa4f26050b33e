from __future__ import annotations

from connect.metrics.metric import CONFLUENT, REPORTER, STRIMZI, names_of


def test_a_name_that_two_families_share_is_there_once() -> None:
    assert names_of({CONFLUENT: ["a", "b"], STRIMZI: ["c"], REPORTER: ["a"]}) == (
        ("a", frozenset({CONFLUENT, REPORTER})),
        ("b", frozenset({CONFLUENT})),
        ("c", frozenset({STRIMZI})),
    )
