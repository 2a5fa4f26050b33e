"""Offsets, ours and Debezium's."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_postgres.cdc.offsets import Position, partition_of
from connect_postgres.cdc.pgoutput import Resume


def test_a_position_comes_back_from_its_offset() -> None:
    for position in (Position(100, 100), Position(100, 130, 77, 5, 1_700_000_000_000_000)):
        assert Position.of_offset(position.to_offset()) == position


def test_debeziums_offset_within_a_transaction_goes_on_behind_its_last_change() -> None:
    offset = {"lsn_proc": 130, "lsn_commit": 100, "lsn": 130, "txId": 77, "ts_usec": 1, "messageType": "INSERT"}
    position = Position.of_offset(offset)
    assert position.committed_lsn == 100
    assert position.resume == Resume(77, None, 130)


@pytest.mark.parametrize("changes", [{}, {"tx_changes": 2}])
def test_changes_may_lie_in_front_of_the_commit_before(changes: dict[str, int]) -> None:
    position = Position.of_offset({"lsn_proc": 90, "lsn_commit": 100, "lsn": 90, "txId": 77, **changes})
    assert position.resume == Resume(77, changes.get("tx_changes"), 90)


def test_a_first_change_may_lie_where_the_commit_before_ends() -> None:
    position = Position(100, 100, 77, 1)
    assert Position.of_offset(position.to_offset()).resume == Resume(77, 1, 100)


def test_debeziums_offset_behind_a_snapshot_has_one_position() -> None:
    position = Position.of_offset({"lsn": 130, "txId": 77, "ts_usec": 1, "last_snapshot_record": True})
    assert (position.committed_lsn, position.resume) == (130, None)


def test_nothing_is_passed_over_between_transactions() -> None:
    assert Position(100, 100, 77).resume is None


@pytest.mark.parametrize(
    "offset", [{}, {"txId": 1}, {"lsn": "130"}, {"lsn": True}, {"lsn": -1}, {"lsn_commit": 1 << 63}]
)
def test_what_is_no_offset_is_refused(offset: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="lsn"):
        Position.of_offset(offset)


def test_the_partition_is_debeziums() -> None:
    assert partition_of("shop") == {"server": "shop"}
