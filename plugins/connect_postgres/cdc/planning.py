"""What a start has to do: where streaming begins, and whether rows are to be read first.

offset        slot         snapshot.mode                      what is done
none          missing      initial, initial_only, always,     make the slot, read what it shows, then stream from it
                           when_needed
none          there        the same                           read what shows now, then stream from the slot's place
none          any          no_data, never                     stream from the slot's place, made where it is missing
half read     there        any                                read the rest, then stream
whole         there        any but always                     stream from the offset
whole         there        always                             read again, then stream from the offset
whole         missing,     when_needed                        as without an offset
              lost, ahead, others                             refused: changes are lost
              or the log                                      (offset.mismatch.strategy=trust_slot: stream from it)
              ends before
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connect.api import ConfigError, RetriableError
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.lsn import format_lsn
from connect_postgres.cdc.offsets import Position
from connect_postgres.cdc.slots import SLOT_LOST, ServerInfo, Slot, lost
from connect_postgres.cdc.snapshot_state import SnapshotState
from connect_postgres.failures import UNREACHABLE

_WITH_DATA: Final = ("initial", "initial_only", "always", "when_needed")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        position: Where streaming begins; None: where the slot does, which is made where it is missing.
        snapshot: What of a snapshot is delivered; None: nothing is to be read. Once it is read and the stream has not
            passed it yet, it still says which changes are left out.
        drop_slot: A slot that is lost is to be dropped and made anew.
        note: What a person should know.
    """

    position: Position | None
    snapshot: SnapshotState | None
    drop_slot: bool = False
    note: str | None = None


def plan(
    config: CdcConfig,
    offset: Mapping[str, Any] | None,
    slot: Slot | None,
    server: ServerInfo | None = None,
    *,
    is_start: bool = True,
) -> Plan:
    """Say what to do; see the module.

    Args:
        server: To tell whether its write-ahead log goes as far as the offset.
        is_start: Whether the task begins, and does not go on with another connection.

    Raises:
        ConfigError: Changes are lost, and the config does not say what to do about that; or the offset is none.
        RetriableError: A standby has not come as far as the offset yet.
    """
    mode = config.snapshot_mode.lower()
    position, state = read_offset(offset)
    if slot is not None and slot.lost is not None:
        if mode == "when_needed" or (position is None and mode in _WITH_DATA):
            return Plan(None, SnapshotState(), drop_slot=True, note=f"{lost(slot).message}; a snapshot is taken anew")
        if config.offset_mismatch_strategy == "trust_slot":
            return Plan(None, None, drop_slot=True, note=f"{lost(slot).message}; changes until now are passed over")
        raise lost(slot)
    if position is None:
        return Plan(None, SnapshotState() if mode in _WITH_DATA else None)
    gap = _gap(config, position, slot) or _beyond(config, position, server)
    if gap is None:
        if state is None and mode == "always" and is_start:
            state = SnapshotState()
        return Plan(position, state)
    if slot is None and config.slot_drop_on_stop and state is None:
        return Plan(None, None, note=f"{gap.message}; it was dropped on purpose, so changes since are not read")
    if mode == "when_needed":
        return Plan(None, SnapshotState(), note=f"{gap.message}; a snapshot is taken anew")
    if config.offset_mismatch_strategy == "trust_slot":
        return Plan(None, None, note=f"{gap.message}; they are passed over")
    raise gap


def read_offset(offset: Mapping[str, Any] | None) -> tuple[Position | None, SnapshotState | None]:
    """Return where streaming stands by an offset, ours or Debezium's, and what of a snapshot is delivered.

    A snapshot that Debezium has begun and not ended counts for nothing, as there.

    Raises:
        ConfigError: It is no offset.
    """
    if not offset:
        return None, None
    if (text := offset.get("snapshot_state")) is not None:
        return Position.of_offset(offset), SnapshotState.loads(text)
    if offset.get("snapshot") in (True, "true", "INITIAL", "initial") and not offset.get("last_snapshot_record"):
        return None, None
    return Position.of_offset(offset), None


def _gap(config: CdcConfig, position: Position, slot: Slot | None) -> ConfigError | None:
    """Return what is to be said where the slot does not reach back to a position."""
    at = format_lsn(position.committed_lsn)
    if slot is None:
        message = (
            f"replication slot {config.slot_name} does not exist any more in {config.target}, "
            f"and the connector had read up to {at}: changes since are lost"
        )
        return ConfigError(message, code=SLOT_LOST, config_path="slot.name")
    if slot.confirmed_lsn is not None and slot.confirmed_lsn > position.committed_lsn:
        message = (
            f"replication slot {slot.name} begins at {format_lsn(slot.confirmed_lsn)}, and the connector had read up "
            f"to {at}: it was made anew, or another reader moved it, and changes in between are lost"
        )
        return ConfigError(message, code=SLOT_LOST, config_path="slot.name")
    return None


def _beyond(config: CdcConfig, position: Position, server: ServerInfo | None) -> ConfigError | None:
    """Return what is to be said where the server's log ends before a position: it would send nothing until then."""
    if server is None or position.committed_lsn <= server.wal_lsn:
        return None
    at, end = format_lsn(position.committed_lsn), format_lsn(server.wal_lsn)
    if server.is_standby:
        message = f"{config.target} is a standby that has come to {end}, and the connector had read up to {at}"
        raise RetriableError(message, code=UNREACHABLE, hint="Wait until it has caught up with its primary.")
    message = (
        f"the write-ahead log of {config.target} ends at {end}, and the connector had read up to {at}: it is another "
        "server, an older state of it, or the offset was set wrong; changes up to there would be passed over"
    )
    return ConfigError(message, code=SLOT_LOST, config_path="slot.name")
