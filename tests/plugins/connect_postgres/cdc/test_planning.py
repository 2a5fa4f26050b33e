"""What a start does, by offset, slot and config: the table of the module."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, RetriableError
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.offsets import Position
from connect_postgres.cdc.planning import Plan, plan
from connect_postgres.cdc.slots import ServerInfo, Slot
from connect_postgres.cdc.snapshot_state import SnapshotState

OFFSET = Position(100, 100).to_offset()
HALF = {**OFFSET, "snapshot": "INITIAL", "snapshot_state": SnapshotState().dumps()}


def config(**keys: str) -> CdcConfig:
    plain = {"database.hostname": "h", "database.dbname": "d", "topic.prefix": "p", "slot.name": "s"}
    return CdcConfig.parse({**plain, **{key.replace("_", "."): value for key, value in keys.items()}})


def slot(confirmed_lsn: int = 90, lost: str | None = None) -> Slot:
    return Slot("s", "pgoutput", "logical", "d", None, confirmed_lsn, lost, None, None)


@pytest.mark.parametrize("mode", ["initial", "initial_only", "always", "when_needed"])
@pytest.mark.parametrize("there", [None, slot()])
def test_without_an_offset_rows_are_read_first(mode: str, there: Slot | None) -> None:
    assert plan(config(snapshot_mode=mode), None, there) == Plan(None, SnapshotState())


@pytest.mark.parametrize("mode", ["no_data", "never"])
def test_without_an_offset_nothing_is_read_where_that_is_asked_for(mode: str) -> None:
    assert plan(config(snapshot_mode=mode), None, None) == Plan(None, None)


def test_an_offset_is_gone_on_from() -> None:
    assert plan(config(), OFFSET, slot()) == Plan(Position(100, 100), None)


def test_a_snapshot_goes_on_where_it_was() -> None:
    assert plan(config(), HALF, slot()) == Plan(Position(100, 100), SnapshotState())


def test_always_reads_again() -> None:
    assert plan(config(snapshot_mode="always"), OFFSET, slot()) == Plan(Position(100, 100), SnapshotState())


def test_always_does_not_read_again_where_the_task_goes_on_with_another_connection() -> None:
    made = plan(config(snapshot_mode="always"), OFFSET, slot(), is_start=False)
    assert made == Plan(Position(100, 100), None)
    assert plan(config(snapshot_mode="always"), None, slot(), is_start=False).snapshot == SnapshotState()


def test_a_snapshot_that_debezium_did_not_end_begins_anew() -> None:
    offset = {"lsn": 100, "txId": 7, "ts_usec": 1, "snapshot": True, "last_snapshot_record": False}
    assert plan(config(), offset, slot()) == Plan(None, SnapshotState())
    assert plan(config(), {**offset, "last_snapshot_record": True}, slot()).position == Position(100, 100, commit_us=1)


@pytest.mark.parametrize("there", [None, slot(101), slot(90, "wal_removed")])
def test_changes_that_are_lost_are_told(there: Slot | None) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(config(), OFFSET, there)
    assert caught.value.code == "postgres.slot_lost"
    made = plan(config(snapshot_mode="when_needed"), OFFSET, there)
    assert (made.position, made.snapshot) == (None, SnapshotState())
    made = plan(config(offset_mismatch_strategy="trust_slot"), OFFSET, there)
    assert (made.position, made.snapshot) == (None, None)
    assert made.note


def server(wal_lsn: int, *, is_standby: bool = False) -> ServerInfo:
    return ServerInfo("logical", 180_000, is_standby, "d", True, True, "r", 10, 1, 60.0, wal_lsn)


def test_an_offset_that_the_servers_log_does_not_reach_is_told() -> None:
    assert plan(config(), OFFSET, slot(), server(100)).position == Position(100, 100)
    with pytest.raises(ConfigError, match="ends at 0/63, and the connector had read up to 0/64") as caught:
        plan(config(), OFFSET, slot(), server(99))
    assert caught.value.code == "postgres.slot_lost"
    made = plan(config(snapshot_mode="when_needed"), OFFSET, slot(), server(99))
    assert (made.position, made.snapshot) == (None, SnapshotState())


def test_a_standby_that_has_not_come_as_far_is_waited_for() -> None:
    with pytest.raises(RetriableError, match="is a standby that has come to 0/63"):
        plan(config(), OFFSET, slot(), server(99, is_standby=True))


def test_a_slot_that_is_given_up_is_made_anew() -> None:
    assert plan(config(snapshot_mode="when_needed"), OFFSET, slot(90, "wal_removed")).drop_slot
    assert plan(config(), None, slot(90, "wal_removed")).drop_slot


def test_a_slot_that_is_dropped_on_stop_may_be_missing() -> None:
    made = plan(config(slot_drop_on_stop="true"), OFFSET, None)
    assert (made.position, made.snapshot) == (None, None)


@pytest.mark.parametrize("offset", [{"lsn": "x"}, {"other": 1}, {**HALF, "snapshot_state": "?"}])
def test_what_is_no_offset_is_refused(offset: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="offset"):
        plan(config(), offset, slot())
