from __future__ import annotations

import pytest

from connect.api import DataError, Record, sink
from connect.testing import SinkHarness, SourceHarness, Worker, record
from connect.testing.suites.given import given_source, keeping_sink, until


def test_a_source_gives_what_it_was_made_of_once() -> None:
    with SourceHarness(given_source([record("a"), record("b")]), {}) as source:
        assert [one.value for one in source.drain()] == ["a", "b"]


def test_a_sink_keeps_what_it_is_given() -> None:
    kept: list[Record] = []
    with SinkHarness(keeping_sink(kept, "Kept"), {}) as sink:
        sink.put("a", "b")
    assert [one.value for one in kept] == ["a", "b"]


def test_a_wait_ends_with_the_trace_of_a_connector_that_failed() -> None:
    @sink
    def refuses(records: list[Record]) -> None:
        """Take nothing."""
        raise DataError("not these")

    with Worker(plugins=[refuses]) as worker:
        worker.write("t", {"a": 1})
        worker.run("it", {"connector.class": refuses.plugin_name(), "topics": "t"})
        with pytest.raises(AssertionError, match="not these"):
            until(worker, ["it"], lambda: False, "never")
