"""Warnings before it is too late."""

from __future__ import annotations

import asyncio
import logging

import pytest

from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.slots import Slot
from connect_postgres.cdc.upkeep import Upkeep, warning
from tests.support.tasks import SourceContext

from ..conftest import Database

CONFIG = CdcConfig.parse({"database.hostname": "h", "database.dbname": "d", "topic.prefix": "p"})
MIB = 1 << 20


def slot(held: int, safe: int | None = None, name: str = "s") -> Slot:
    return Slot(name, "pgoutput", "logical", "d", None, 1, None, safe, held)


def test_a_slot_that_holds_little_is_not_worth_a_word() -> None:
    assert warning(slot(100 * MIB), CONFIG) is None
    assert warning(slot(100 * MIB, 900 * MIB), CONFIG) is None


def test_a_slot_that_holds_much_is_told() -> None:
    assert "keep 20,480 MiB" in str(warning(slot(20 << 30), CONFIG))
    quiet = CdcConfig.parse({**CONFIG.originals, "slot.lag.warning.bytes": "0"})
    assert warning(slot(20 << 30), quiet) is None


def test_a_slot_that_the_server_is_about_to_give_up_is_told_before() -> None:
    assert "gives it up after 100 MiB more" in str(warning(slot(900 * MIB, 100 * MIB), CONFIG))


def test_a_poll_waits_no_longer_than_until_the_next_heartbeat() -> None:
    assert Upkeep(CONFIG, SourceContext()).wait_s(1.0) == 1.0
    beating = CdcConfig.parse({**CONFIG.originals, "heartbeat.interval.ms": "50"})
    assert Upkeep(beating, SourceContext()).wait_s(1.0) <= 0.05


@pytest.mark.postgres
async def test_the_slot_is_looked_at_now_and_then(
    database: Database, slot: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.cdc.upkeep.LOOK_S", 0.0)
    await database.execute(f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    config = CdcConfig.parse({**CONFIG.originals, "slot.name": slot, "slot.lag.warning.bytes": "1"})
    context = SourceContext()
    upkeep = Upkeep(config, context)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert not await upkeep.is_due(database.connection)
            await asyncio.sleep(0)
    assert len([record for record in caplog.records if "slot.lag.warning.bytes" in record.message]) == 1
    assert context.gauges["slot.lag.bytes"] >= 1.0
    await database.execute(f"SELECT pg_drop_replication_slot('{slot}')")
    assert not await upkeep.is_due(database.connection)
    assert context.gauges == {}
