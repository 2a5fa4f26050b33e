"""What a config asks for about delivery and its connector cannot keep, in Kafka's words."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, ExactlyOnceSupport, SourceConnector, SourceTask
from connect.runtime.connector_config import SourceConnectorConfig
from connect.runtime.guarantee import DeliveryConfig
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.validation import promises
from connect.runtime.validation.config_warnings import NO_EFFECT, config_warnings
from connect.runtime.validation.validator import validate
from connect.runtime.worker_config import WorkerConfig

PLUGINS = PluginHost.discover(tells=False)
ENABLED = WorkerConfig.parse({"exactly.once.source.support": "enabled"})
GUARANTEE = "delivery.guarantee"
FILE = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", "file": "f"}


def errors(config: dict[str, str], worker: WorkerConfig = ENABLED) -> dict[str, list[str]]:
    infos = validate(PLUGINS, worker, config["connector.class"], config)
    return {info.value.name: list(info.value.errors) for info in infos.configs if info.value.errors}


def errors_of(connector: type[SourceConnector], config: dict[str, str]) -> dict[str, list[str]]:
    """As `errors`, of a connector that is not installed."""
    values = promises_values(config)
    desc = PluginDesc(connector, PluginKind.SOURCE, "test")
    promises.check(desc, ENABLED, config, values)
    return {name: value.errors for name, value in values.items() if value.errors}


def promises_values(config: dict[str, str]) -> dict[str, Any]:
    return SourceConnectorConfig.values({"name": "s", "connector.class": "x", **config}, together=False)


def connector(**members: Any) -> type[SourceConnector]:
    return type("Says", (SourceConnector,), {"task_class": SourceTask, **members})


REQUIRED = {"exactly.once.support": "required"}


EXACTLY = {"delivery.guarantee": "exactly-once"}


def test_a_guarantee_that_cannot_be_kept_is_refused_with_what_it_depends_on_and_what_to_do() -> None:
    [source] = errors({"name": "s", "connector.class": "FileStreamSource", "topic": "t", **EXACTLY})[GUARANTEE]
    assert source.startswith(promises.NOT_SUPPORTED)
    assert "Standard input cannot be read again" in source and "use 'at-least-once'" in source
    [sink] = errors({"name": "s", "connector.class": "FileStreamSink", "topics": "t", **EXACTLY})[GUARANTEE]
    assert "and a file, which only this connector writes" in sink and "use 'at-least-once'" in sink


def test_a_guarantee_that_the_worker_cannot_keep_names_the_workers_key() -> None:
    [error] = errors({**FILE, **EXACTLY}, WorkerConfig.parse({}))[GUARANTEE]
    assert "exactly.once.source.support=enabled in the worker's config" in error


def test_a_source_that_does_not_say_is_refused_the_guarantee_in_words_about_that_key() -> None:
    values = {**promises_values({}), GUARANTEE: DeliveryConfig.values(EXACTLY)[GUARANTEE]}
    desc = PluginDesc(connector(), PluginKind.SOURCE, "test")
    promises.check(desc, ENABLED, EXACTLY, values)
    assert values[GUARANTEE].errors == [promises.GUARANTEE_NOT_KNOWN]


def test_a_sink_that_is_asked_with_a_sources_key_is_told_the_right_one() -> None:
    config = {"name": "s", "connector.class": "FileStreamSink", "topics": "t", "file": "f", **REQUIRED}
    desc = PLUGINS.resolve("FileStreamSink", PluginKind.SINK)
    infos = validate(PLUGINS, ENABLED, "FileStreamSink", config)
    [found] = config_warnings(PLUGINS, ENABLED, desc, config, infos)
    assert (found.key, found.code) == ("exactly.once.support", NO_EFFECT)
    assert "delivery.guarantee=exactly-once" in found.message


@pytest.mark.parametrize("spelt", ["required", "REQUIRED"])
def test_what_can_be_kept_is_taken(spelt: str) -> None:
    assert errors({**FILE, "exactly.once.support": spelt, "offsets.storage.topic": "own"}) == {}


@pytest.mark.parametrize("support", ["disabled", "preparing"])
def test_a_worker_without_transactions_refuses_what_requires_them(support: str) -> None:
    worker = WorkerConfig.parse({"exactly.once.source.support": support})
    assert errors({**FILE, **REQUIRED}, worker) == {"exactly.once.support": [promises.NOT_ENABLED]}
    assert errors({**FILE, "exactly.once.support": "requested"}, worker) == {}


def test_a_config_that_cannot_be_delivered_exactly_once_is_refused() -> None:
    without_file = {key: value for key, value in FILE.items() if key != "file"}
    assert errors({**without_file, **REQUIRED}) == {"exactly.once.support": [promises.NOT_SUPPORTED]}
    assert errors(without_file) == {}


@pytest.mark.parametrize("support", ["enabled", "disabled"])
def test_who_requires_exactly_once_cannot_ask_for_at_most_once(support: str) -> None:
    worker = WorkerConfig.parse({"exactly.once.source.support": support})
    at_most = {**FILE, "delivery.guarantee": " at-most-once"}
    assert errors({**at_most, **REQUIRED}, worker) == {"exactly.once.support": [promises.AT_MOST_ONCE]}
    assert errors({**at_most, "exactly.once.support": "requested"}, worker) == {}


def test_a_connector_that_does_not_say_is_refused_where_it_is_required() -> None:
    assert errors_of(connector(), REQUIRED) == {"exactly.once.support": [promises.NOT_KNOWN]}


def test_a_connector_that_fails_when_it_is_asked_is_told() -> None:
    def fails(self: Any) -> ExactlyOnceSupport:
        raise ValueError("no idea")

    [error] = errors_of(connector(exactly_once_support=fails), REQUIRED)["exactly.once.support"]
    assert error.startswith("An unexpected error occurred during validation: ")
    assert "no idea" in error


def test_a_connector_may_say_itself_why_it_cannot_deliver_exactly_once() -> None:
    def says(self: SourceConnector) -> ExactlyOnceSupport:
        raise ConfigError("the queue is another's", hint="Name another queue.")

    assert errors_of(connector(exactly_once_support=says), REQUIRED) == {
        "exactly.once.support": ["the queue is another's. Name another queue."]
    }


def test_a_connector_is_not_asked_about_a_value_that_is_wrong() -> None:
    assert list(errors({**FILE, "exactly.once.support": "always"})) == ["exactly.once.support"]
    assert len(errors({**FILE, "exactly.once.support": "always"})["exactly.once.support"]) == 1


def test_a_connector_that_ends_no_transactions_is_not_asked_to() -> None:
    asks = {"transaction.boundary": "Connector"}
    assert errors({**FILE, **asks}) == {"transaction.boundary": [promises.NO_BOUNDARIES]}
    assert errors_of(connector(can_define_transaction_boundaries=lambda _: True), asks) == {}
    [error] = errors_of(connector(can_define_transaction_boundaries=lambda _: None), asks)["transaction.boundary"]
    assert "expected True or False" in error


@pytest.mark.parametrize(
    ("support", "keys", "warned"),
    [
        ("enabled", {"transaction.boundary": "interval", "transaction.boundary.interval.ms": "5"}, []),
        ("enabled", {"transaction.boundary.interval.ms": "5"}, ["transaction.boundary.interval.ms"]),
        ("enabled", {"producer.override.transactional.id": "mine"}, ["producer.override.transactional.id"]),
        ("preparing", {"transaction.boundary": "poll"}, ["transaction.boundary"]),
        ("disabled", {"producer.override.enable.idempotence": "false"}, []),
        ("enabled", {"transaction.boundary": "poll", "delivery.guarantee": "at-most-once"}, ["transaction.boundary"]),
    ],
)
def test_keys_that_change_nothing_are_warned_of(support: str, keys: dict[str, str], warned: list[str]) -> None:
    worker = WorkerConfig.parse({"exactly.once.source.support": support})
    desc = PLUGINS.resolve("FileStreamSource", PluginKind.SOURCE)
    assert [key for key, _ in promises.without_effect(desc, worker, {**FILE, **keys})] == warned


def test_a_key_without_effect_is_told_by_its_key() -> None:
    config = {**FILE, "transaction.boundary": "interval"}
    desc = PLUGINS.resolve("FileStreamSource", PluginKind.SOURCE)
    worker = WorkerConfig.parse({})
    infos = validate(PLUGINS, worker, "FileStreamSource", config)
    found = config_warnings(PLUGINS, worker, desc, config, infos)
    assert [(w.key, w.code) for w in found] == [("transaction.boundary", NO_EFFECT)]
    assert "exactly.once.source.support of the worker is disabled" in found[0].message
