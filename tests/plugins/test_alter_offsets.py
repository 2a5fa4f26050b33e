"""Every bundled source knows its own offsets: what it writes it takes back, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, SinkConnector, SourceConnector
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost

CONFIGS: dict[str, dict[str, str]] = {
    "FileStreamSource": {"file": "f", "topic": "t"},
    "DatagenConnector": {"kafka.topic": "t", "quickstart": "orders"},
    "JdbcSourceConnector": {
        "connection.url": "jdbc:postgresql://127.0.0.1/x",
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "topic.prefix": "t-",
    },
}
GOOD: list[tuple[str, Any, Any]] = [
    ("FileStreamSource", {"filename": "f"}, {"position": 0}),
    ("FileStreamSource", {"what": "ever"}, None),
    ("DatagenConnector", {"task.id": 0}, {"task.generation": 1, "current.iteration": 5, "random.seed": 7}),
    ("DatagenConnector", {"task.id": 0}, None),
    ("JdbcSourceConnector", {"protocol": "1", "table": "public.t"}, {"incrementing": 5}),
    ("JdbcSourceConnector", {"table": "t"}, {"timestamp": 1_700_000_000_000, "timestamp_nanos": 5}),
    ("JdbcSourceConnector", {"query": "query"}, {"incrementing": 5}),
]
BAD: list[tuple[str, Any, Any, str]] = [
    ("FileStreamSource", {"filename": "f"}, {"position": "0"}, "position"),
    ("FileStreamSource", {}, {"position": 0}, "filename"),
    ("DatagenConnector", {"task": 0}, {"task.generation": 1, "current.iteration": 5, "random.seed": 7}, "task.id"),
    ("DatagenConnector", {"task.id": 0}, {"current.iteration": -5}, "current.iteration"),
    ("JdbcSourceConnector", {"tables": "t"}, {"incrementing": 5}, "table"),
    ("JdbcSourceConnector", {"table": "t"}, {"id": 5}, "incrementing"),
    ("JdbcSourceConnector", {"table": "t"}, {"incrementing": "5"}, "incrementing"),
    ("JdbcSourceConnector", {"table": "t"}, {"incrementing": True}, "incrementing"),
    ("JdbcSourceConnector", {"table": "t"}, {"timestamp": 1 << 62}, "offset"),
]


def source(name: str) -> SourceConnector:
    desc = PluginHost.discover().resolve(name, PluginKind.SOURCE)
    connector = desc.cls()
    assert isinstance(connector, SourceConnector)
    connector.configure(desc.cls.config_class.parse(CONFIGS[name]))
    return connector


@pytest.mark.parametrize(("name", "partition", "offset"), GOOD)
def test_offsets_of_its_own_are_taken(name: str, partition: Any, offset: Any) -> None:
    assert source(name).alter_offsets([(partition, offset)]) is True


@pytest.mark.parametrize(("name", "partition", "offset", "mention"), BAD)
def test_offsets_of_another_kind_are_refused(name: str, partition: Any, offset: Any, mention: str) -> None:
    with pytest.raises(ConfigError, match=mention):
        source(name).alter_offsets([(partition, offset)])


def test_every_bundled_connector_has_been_thought_about() -> None:
    for desc in PluginHost.discover().list(PluginKind.SOURCE, PluginKind.SINK):
        base = SourceConnector if desc.kind is PluginKind.SOURCE else SinkConnector
        assert desc.cls.alter_offsets is not base.alter_offsets, desc.name  # type: ignore[attr-defined]
