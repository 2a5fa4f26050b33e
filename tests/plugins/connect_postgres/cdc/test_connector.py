"""The connector: one task, its offsets, and its names."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, ExactlyOnceSupport
from connect_postgres import PostgresCdcSource
from tests.support.tasks import connector

KEYS = {"database.hostname": "h", "database.dbname": "d", "topic.prefix": "shop"}


async def test_it_has_one_task_however_many_there_may_be() -> None:
    made = await connector(PostgresCdcSource, KEYS)
    assert made.task_configs(8) == [KEYS]
    assert made.exactly_once_support() is ExactlyOnceSupport.SUPPORTED


def test_it_goes_by_debeziums_name_and_its_own() -> None:
    assert PostgresCdcSource.class_name == "io.debezium.connector.postgresql.PostgresConnector"
    assert "PostgresCdcSource" in PostgresCdcSource.aliases


async def test_offsets_are_looked_at_before_they_are_set() -> None:
    made = await connector(PostgresCdcSource, KEYS)
    assert made.alter_offsets([({"server": "shop"}, {"lsn": 1, "lsn_commit": 1}), ({"server": "shop"}, None)])
    wrong: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"server": "other"}, {"lsn": 1}),
        ({"server": "shop", "database": "d"}, {"lsn": 1}),
        ({"server": "shop"}, {"position": 1}),
    ]
    for pair in wrong:
        with pytest.raises(ConfigError, match=r"server|lsn"):
            made.alter_offsets([pair])
