from __future__ import annotations

from connect.api import Header, Record
from connect.testing import batch, headers, record, records


def test_what_a_test_does_not_care_about_is_filled_in() -> None:
    assert record() == Record("topic", "value")
    assert record(1, topic="t", key="k") == Record("t", 1, key="k")
    assert records([1, 2], key="k") == [Record("topic", 1, key="k"), Record("topic", 2, key="k")]
    made = batch([1, 2], topic="t", partition=3)
    assert (made.topic, made.values, made.partition) == ("t", [1, 2], 3)
    assert headers({"a": 1, "b": "x"}) == [Header("a", 1), Header("b", "x")]
