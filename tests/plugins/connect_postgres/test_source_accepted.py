"""Keys that are there so that configs of the JDBC connectors run."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_postgres.source_accepted import AcceptedConfig

URL = {"connection.url": "jdbc:postgresql://127.0.0.1/db"}


def test_nothing_is_asked_for_where_nothing_is_given() -> None:
    config = AcceptedConfig.parse(URL)
    assert (config.isolation, config.dialect_name) == (None, "")


@pytest.mark.parametrize("mode", ["DEFAULT", "read_committed", "READ_COMMITED", "REPEATABLE_READ"])
def test_levels_below_serializable_are_the_same_for_one_statement(mode: str) -> None:
    assert AcceptedConfig.parse({**URL, "transaction.isolation.mode": mode}).isolation is None


def test_a_class_that_gives_credentials_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match="by a config provider where they change"):
        AcceptedConfig.parse({**URL, "jdbc.credentials.provider.class": "org.example.Vault"})
