"""What a connector promises with its config, and why."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import (
    ConfigError,
    ExactlyOnceSupport,
    PluginError,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
)
from connect.runtime.connector_config import SinkConnectorConfig, SourceConnectorConfig
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.promises import offer_of, promise_of, writes_in_transactions
from connect.runtime.worker_config import WorkerConfig

ENABLED = WorkerConfig.parse({"exactly.once.source.support": "ENABLED"})
PLUGINS = PluginHost.discover(tells=False)
FILE = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", "file": "f"}


def desc(name: str) -> PluginDesc:
    return PLUGINS.resolve(name, PluginKind.SOURCE, PluginKind.SINK)


def desc_of(answer: Any, base: type[Any] = SourceConnector) -> PluginDesc:
    def says(self: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    kind = PluginKind.SOURCE if base is SourceConnector else PluginKind.SINK
    task = SourceTask if base is SourceConnector else SinkTask
    cls = type("Says", (base,), {"exactly_once_support": says, "task_class": task})
    return PluginDesc(cls, kind, "test")


def guarantee(plugin: PluginDesc, config: dict[str, str], worker: WorkerConfig = ENABLED) -> str:
    return promise_of(plugin, worker, config).guarantee


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("FileStreamSource", {"topic": "t", "file": "f"}, "exactly-once"),
        ("FileStreamSource", {"topic": "t"}, "at-least-once"),
        ("Datagen", {"kafka.topic": "t", "quickstart": "users"}, "exactly-once"),
        ("FileStreamSource", {"topic": "t", "file": "f", "delivery.guarantee": "at-most-once"}, "at-most-once"),
    ],
)
def test_bundled_sources_promise_what_their_offsets_allow(name: str, config: dict[str, str], expected: str) -> None:
    assert guarantee(desc(name), config) == expected


@pytest.mark.parametrize(("mode", "expected"), [("incrementing", "exactly-once"), ("bulk", "at-least-once")])
def test_postgres_promises_by_its_mode(mode: str, expected: str) -> None:
    config = {
        "connection.url": "postgresql://h/d",
        "topic.prefix": "p",
        "mode": mode,
        "incrementing.column.name": "id",
        "table.whitelist": "t",
    }
    assert guarantee(desc("JdbcSource"), config) == expected


@pytest.mark.parametrize("support", ["disabled", "preparing"])
def test_without_the_workers_transactions_delivery_is_at_least_once(support: str) -> None:
    worker = WorkerConfig.parse({"exactly.once.source.support": support})
    found = promise_of(desc("FileStreamSource"), worker, FILE)
    assert (found.guarantee, support in found.why) == ("at-least-once", True)


def test_a_connector_that_does_not_say_is_not_believed_to_do_it() -> None:
    assert guarantee(desc_of(None), {}) == "at-least-once"
    assert guarantee(desc_of(ExactlyOnceSupport.UNSUPPORTED), {}) == "at-least-once"


def test_a_sink_is_exact_where_its_config_asks_and_it_can() -> None:
    asks, can = {"delivery.guarantee": "exactly-once"}, desc_of(ExactlyOnceSupport.SUPPORTED, SinkConnector)
    assert guarantee(can, asks) == "exactly-once"
    assert guarantee(can, {}) == "at-least-once"
    assert guarantee(desc_of(None, SinkConnector), asks) == "at-least-once"
    assert guarantee(can, {"delivery.guarantee": "at-most-once"}) == "at-most-once"


@pytest.mark.parametrize("answer", ["yes", True, ValueError("no idea")])
def test_an_answer_that_is_none_is_told(answer: Any) -> None:
    with pytest.raises(PluginError, match="exactly_once_support"):
        promise_of(desc_of(answer), ENABLED, {})


def test_a_config_that_does_not_hold_cannot_be_asked_about() -> None:
    with pytest.raises(ConfigError):
        promise_of(desc("FileStreamSource"), ENABLED, {"file": "f"})


def test_sources_write_in_transactions_unless_they_ask_for_less() -> None:
    source = SourceConnectorConfig.parse(FILE)
    assert writes_in_transactions(ENABLED, source)
    assert not writes_in_transactions(WorkerConfig.parse({}), source)
    assert not writes_in_transactions(
        ENABLED, SourceConnectorConfig.parse({**FILE, "delivery.guarantee": "at-most-once"})
    )
    sink = SinkConnectorConfig.parse({"name": "s", "connector.class": "FileStreamSink", "topics": "t"})
    assert not writes_in_transactions(ENABLED, sink)


def test_a_class_offers_what_it_declares() -> None:
    offer = offer_of(desc("FileStreamSource"))
    assert offer is not None
    assert offer.guarantees[-1] == "exactly-once"
    assert offer.exactly_once.startswith("Exactly once where `file`")
    assert {"exactly.once.support", "transaction.boundary", "delivery.guarantee"} <= offer.keys.keys()
    plain = offer_of(PluginDesc(type("Plain", (SinkConnector,), {"task_class": SinkTask}), PluginKind.SINK, "test"))
    assert plain is not None
    assert (plain.guarantees, plain.exactly_once) == (("at-most-once", "at-least-once"), "")
    assert offer_of(PLUGINS.any("InsertField$Value")) is None


def test_a_source_that_acknowledges_each_record_does_not_offer_at_most_once() -> None:
    task = type("Acknowledges", (SourceTask,), {"commit_records": lambda self, records: None})
    offer = offer_of(PluginDesc(type("Queue", (SourceConnector,), {"task_class": task}), PluginKind.SOURCE, "test"))
    assert offer is not None
    assert offer.guarantees == ("at-least-once",)
