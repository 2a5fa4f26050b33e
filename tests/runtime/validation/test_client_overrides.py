"""Which overrides of a connector's clients count, and what their values are."""

from __future__ import annotations

from connect.api import ConfigType
from connect.runtime.model import PluginKind
from connect.runtime.validation.client_overrides import TYPES, clients_of, override_values

SOURCE, SINK = PluginKind.SOURCE, PluginKind.SINK


def test_the_clients_that_work_for_a_connector_follow_from_what_it_does() -> None:
    assert clients_of(SOURCE, {}) == ["producer"]
    assert clients_of(SOURCE, {"topic.creation.default.partitions": "1"}) == ["producer", "admin"]
    assert clients_of(SINK, {}) == ["consumer"]
    assert clients_of(SINK, {"errors.deadletterqueue.topic.name": " "}) == ["consumer"]
    assert clients_of(SINK, {"errors.deadletterqueue.topic.name": "dlq"}) == ["producer", "consumer", "admin"]


def test_overrides_of_clients_that_do_not_work_for_it_are_not_shown() -> None:
    config = {"producer.override.linger.ms": "5", "consumer.override.max.poll.records": "5"}
    assert list(override_values(SOURCE, config)) == ["producer.override.linger.ms"]
    assert list(override_values(SINK, config)) == ["consumer.override.max.poll.records"]


def test_a_value_is_parsed_by_the_type_of_its_key() -> None:
    found = override_values(SINK, {"consumer.override.max.poll.records": "5", "consumer.override.check.crcs": "false"})
    assert [value.value for _, value in found.values()] == [5, False]
    [(key, value)] = override_values(SINK, {"consumer.override.max.poll.records": "many"}).values()
    assert key is not None
    assert (key.type, value.value) == (ConfigType.INT, None)
    assert "Invalid value many for configuration consumer.override.max.poll.records" in value.errors[0]


def test_a_key_that_no_client_has_is_taken_as_text_without_a_definition() -> None:
    [(key, value)] = override_values(SINK, {"consumer.override.my.own": "x"}).values()
    assert (key, value.value, value.errors) == (None, "x", [])


def test_no_key_has_two_types() -> None:
    assert TYPES["linger.ms"] is ConfigType.LONG
    assert TYPES["sasl.jaas.config"] is ConfigType.PASSWORD
