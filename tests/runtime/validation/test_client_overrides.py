"""Which overrides of a connector's clients count, and what their values are."""

from __future__ import annotations

import pytest

from connect.api import ConfigType
from connect.runtime.model import PluginKind
from connect.runtime.override_policies import policy_of
from connect.runtime.validation.client_overrides import TYPES, override_values

SOURCE, SINK = PluginKind.SOURCE, PluginKind.SINK
ALL = policy_of("All", [])


def test_overrides_of_clients_that_do_not_work_for_it_are_not_shown() -> None:
    config = {"producer.override.linger.ms": "5", "consumer.override.max.poll.records": "5"}
    assert list(override_values(SOURCE, config, ALL)) == ["producer.override.linger.ms"]
    assert list(override_values(SINK, config, ALL)) == ["consumer.override.max.poll.records"]


def test_a_value_is_parsed_by_the_type_of_its_key() -> None:
    given = {"consumer.override.max.poll.records": "5", "consumer.override.check.crcs": "false"}
    found = override_values(SINK, given, ALL)
    assert [value.value for _, value in found.values()] == [5, False]
    [(key, value)] = override_values(SINK, {"consumer.override.max.poll.records": "many"}, ALL).values()
    assert key is not None
    assert (key.type, value.value) == (ConfigType.INT, None)
    assert "Invalid value many for configuration consumer.override.max.poll.records" in value.errors[0]


def test_a_key_that_no_client_has_is_taken_as_text_without_a_definition() -> None:
    [(key, value)] = override_values(SINK, {"consumer.override.my.own": "x"}, ALL).values()
    assert (key, value.value, value.errors) == (None, "x", [])


def test_what_the_policy_does_not_allow_is_an_error_of_its_key_beside_others() -> None:
    config = {"consumer.override.max.poll.records": "many", "consumer.override.check.crcs": "false"}
    found = override_values(SINK, config, policy_of("Allowlist", ["check.crcs"]))
    assert found["consumer.override.check.crcs"][1].errors == []
    wrong, refused = found["consumer.override.max.poll.records"][1].errors
    assert "Invalid value many" in wrong
    assert refused == (
        "The 'Allowlist' policy does not allow 'max.poll.records' to be overridden in the connector configuration."
    )


def test_no_key_has_two_types() -> None:
    assert TYPES["linger.ms"] is ConfigType.LONG
    assert TYPES["sasl.jaas.config"] is ConfigType.PASSWORD


@pytest.mark.parametrize("value", ["2147483647", "-1", "3600001"])
def test_what_no_client_of_a_cluster_takes_is_an_error_of_its_key(value: str) -> None:
    config = {"consumer.override.session.timeout.ms": value, "consumer.override.max.poll.records": "5"}
    found = override_values(SINK, config, ALL, on_kafka=True)
    [told] = found["consumer.override.session.timeout.ms"][1].errors
    assert "1 to 3600000" in told and not found["consumer.override.max.poll.records"][1].errors
    assert not override_values(SINK, config, ALL)["consumer.override.session.timeout.ms"][1].errors


def test_brokers_of_an_override_are_addresses_where_they_are_asked() -> None:
    given = {"consumer.override.bootstrap.servers": "kafka"}
    [(_, value)] = override_values(SINK, given, ALL, on_kafka=True).values()
    assert "HOST:PORT" in str(value.errors)
    [(_, value)] = override_values(SINK, given, ALL).values()
    assert value.errors == []
