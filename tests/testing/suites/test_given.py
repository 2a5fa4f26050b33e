from __future__ import annotations

from connect.api import Record
from connect.testing import SinkHarness, SourceHarness, record
from connect.testing.suites.given import given_source, keeping_sink


def test_a_source_gives_what_it_was_made_of_once() -> None:
    with SourceHarness(given_source([record("a"), record("b")]), {}) as source:
        assert [one.value for one in source.drain()] == ["a", "b"]


def test_a_sink_keeps_what_it_is_given() -> None:
    kept: list[Record] = []
    with SinkHarness(keeping_sink(kept, "Kept"), {}) as sink:
        sink.put("a", "b")
    assert [one.value for one in kept] == ["a", "b"]
