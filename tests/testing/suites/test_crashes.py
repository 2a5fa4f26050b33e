from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import source
from connect.testing import record
from connect.testing.crash import Seen
from connect.testing.suites.crashes import SourceBooks, plugin_folder
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
