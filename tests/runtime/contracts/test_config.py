"""The keys of a contract: what is in force, and what gets on with what."""

from __future__ import annotations

import pytest

from connect.api import Config, InvalidConfigError, SinkConnector, config_key
from connect.runtime.contracts.config import ContractConfig, check, contract_config, settings_of


@pytest.mark.parametrize(
    ("config", "is_held"),
    [
        ({}, False),
        ({"schema.contract": "evolve", "schema.compatibility": "none"}, False),
        ({"schema.contract": "freeze"}, True),
        ({"schema.contract.widening": "discard.value"}, True),
        ({"schema.contract.topics": "freeze"}, True),
        ({"schema.compatibility": "backward"}, True),
        ({"schema.contract": "freeze", "schema.contract.fields": "evolve", "schema.contract.types": "evolve"}, False),
    ],
)
def test_records_are_looked_at_only_where_something_is_held(config: dict[str, str], is_held: bool) -> None:
    assert ContractConfig.parse(config).is_held is is_held


def test_a_key_of_its_own_counts_more_than_that_for_all() -> None:
    config = ContractConfig.parse({"schema.contract": "discard.value", "schema.contract.types": "freeze"})
    assert settings_of(config) == {
        "schema.contract.fields": "discard.value",
        "schema.contract.types": "freeze",
        "schema.contract.widening": "evolve",
        "schema.contract.topics": "evolve",
        "schema.compatibility": "NONE",
    }


def test_a_value_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidConfigError, match=r"schema\.contract"):
        ContractConfig.parse({"schema.contract": "discard_row"})


def test_a_contract_beside_a_level_is_refused() -> None:
    values = ContractConfig.values({"schema.compatibility": "FULL", "schema.contract.fields": "freeze"})
    check(values)
    assert "schema.contract.fields is freeze" in values["schema.compatibility"].errors[0]
    alone = ContractConfig.values({"schema.compatibility": "FULL", "schema.contract.fields": "evolve"})
    check(alone)
    assert alone["schema.compatibility"].errors == []


class OwnConfig(Config):
    """A sink that has a level of its own."""

    schema_compatibility: str = config_key("Its own.", default="")


class Own(SinkConnector):
    """Such a sink."""

    config_class = OwnConfig


def test_a_key_that_the_connector_declares_is_the_connectors() -> None:
    keys = {"schema.compatibility": "OWN WORDS", "schema.contract": "freeze"}
    config = contract_config(Own, keys)
    assert (config.level, config.schema_contract) == ("NONE", "freeze")
