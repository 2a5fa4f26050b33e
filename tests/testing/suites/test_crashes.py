from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import INT32, source
from connect.testing import Worker, record
from connect.testing.crash import Seen
from connect.testing.suites.crashes import SinkBooks, SourceBooks, fill_topics, plugin_folder
from tests.testing.suites.test_sources import ticks


def test_the_books_know_a_record_by_its_value_and_a_repetition_by_one_more() -> None:
    at = {"source_partition": {"p": 1}}
    books = SourceBooks(
        [record("a", **at), record("b", **at), record("a", **at), record("x", topic="other")],
        {"topic": [b"a", b"b", b"a"], "other": [b"x"]},
    )
    key = 'topic {"p": 1}'
    assert books.written() == [Seen(key, 0), Seen(key, 1), Seen(key, 2), Seen("other {}", 0)]
    assert books.seen({"topic": [b"a", b"b", b"a"], "other": []}) == [Seen(key, 0), Seen(key, 1), Seen(key, 2)]
    assert books.seen({"topic": [b"a", b"a", b"a"]}) == [Seen(key, 0), Seen(key, 2), Seen(key, 2)]
    assert books.seen({"topic": [b"?"]}) == [Seen("topic (never given)", 0)]


def test_a_class_that_another_process_cannot_find_is_refused(tmp_path: Path) -> None:
    @source
    def inner(topic: str) -> None:
        """Count."""

    with pytest.raises(ValueError, match="within a function or class"):
        plugin_folder(tmp_path / "plugins", inner)


def test_a_folder_of_a_class_registers_it(tmp_path: Path) -> None:
    from connect.runtime.model import PluginKind
    from connect.runtime.plugins import PluginHost

    host = PluginHost.discover([plugin_folder(tmp_path / "plugins", ticks)])
    assert host.broken == []
    assert host.resolve("ticks", PluginKind.SOURCE).cls is ticks


def test_the_books_of_a_sink_know_a_record_by_what_the_target_shows() -> None:
    books = SinkBooks(["a", "b"], is_ordered=True)
    assert books.seen(["b", "a", "a"]) == [Seen("put", 1), Seen("put", 0), Seen("put", 0)]
    assert books.seen(["c"])[0] not in books.written()
    assert [seen.number for seen in SinkBooks(["a", "b"], is_ordered=False).written()] == [0, 0]
    with pytest.raises(AssertionError, match="look alike"):
        SinkBooks(["a", "a"], is_ordered=True)


def test_topics_are_filled_with_keys_values_and_schemas(tmp_path: Path) -> None:
    records = [record({"a": 1}, key="k"), record(5, value_schema=INT32, partition=0), record(None)]
    fill_topics(tmp_path / "log", records)
    with Worker(tmp_path / "log") as worker:
        found = worker.values("topic")
    assert [None if one is None else one["payload"] for one in found] == [{"a": 1}, 5, None]
    assert found[1]["schema"]["type"] == "int32"
