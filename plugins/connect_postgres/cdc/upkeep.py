"""What goes on beside the changes: heartbeats, and an eye on how much the slot makes the server keep."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from connect.api import ConnectError, RetriableError, SourceTaskContext
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.slots import Slot, find_slot
from connect_postgres.connection import ended_when_silent
from connect_postgres.failures import explained

if TYPE_CHECKING:
    import asyncpg

#: How often the slot is looked at, and how often a warning is given again that still holds, in seconds.
LOOK_S: Final = 30.0
WARN_AGAIN_S: Final = 600.0
#: A warning is given once so little may be written before the server gives the slot up: a share of what it may hold.
SAFE_SHARE: Final = 0.25
#: The gauge of how much write-ahead log the slot makes the server keep, in bytes.
LAG: Final = "slot.lag.bytes"


class Upkeep:
    """Of one task. For the event loop, between its polls."""

    def __init__(self, config: CdcConfig, context: SourceTaskContext) -> None:
        self._config = config
        self._context = context
        now = time.monotonic()
        self._heartbeat_s = config.heartbeat_interval_ms / 1000
        self._beat_at = now + self._heartbeat_s
        self._look_at = now  # at once: a figure that comes late is missed where tasks restart often
        self._warn_at = now

    def wait_s(self, at_most: float) -> float:
        """Return how long a poll may wait, in seconds."""
        if not self._heartbeat_s:
            return at_most
        return max(min(at_most, self._beat_at - time.monotonic()), 0.0)

    async def is_due(self, control: asyncpg.Connection) -> bool:
        """Do what is due; return whether a heartbeat is.

        Raises:
            ConnectError: heartbeat.action.query failed.
        """
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            await self._look(control, now)
        if not self._heartbeat_s or now < self._beat_at:
            return False
        self._beat_at = now + self._heartbeat_s
        if self._config.heartbeat_action_query:
            with ended_when_silent(control):
                async with explained("running heartbeat.action.query", self._config.target, writing=True):
                    await control.execute(self._config.heartbeat_action_query)
        return True

    async def _look(self, control: asyncpg.Connection, now: float) -> None:
        try:
            with ended_when_silent(control):
                async with explained(f"looking at replication slot {self._config.slot_name}", self._config.target):
                    slot = await find_slot(control, self._config.slot_name)
        except RetriableError:
            return  # the stream itself tells of an outage
        except ConnectError as error:
            self._context.log.warning("the slot's lag is not known: %s", error.message)
            return
        self._measure(slot)
        if slot is not None and now >= self._warn_at and (text := warning(slot, self._config)) is not None:
            self._warn_at = now + WARN_AGAIN_S
            self._context.log.warning("%s", text)

    def _measure(self, slot: Slot | None) -> None:
        held = None if slot is None else slot.held_bytes
        if held is None:  # a slot that is gone, or holds nothing: the last figure is no longer so
            self._context.gauges.pop(LAG, None)
        else:
            self._context.gauges[LAG] = float(held)


def warning(slot: Slot, config: CdcConfig) -> str | None:
    """Return what a person should know of a slot before it is too late; None where all is well."""
    held = slot.held_bytes or 0
    shown = f"replication slot {slot.name} makes {config.target} keep {_megabytes(held)} of write-ahead log"
    if slot.safe_bytes is not None and slot.safe_bytes < SAFE_SHARE * (held + slot.safe_bytes):
        return (
            f"{shown}, and the server gives it up after {_megabytes(max(slot.safe_bytes, 0))} more: "
            "raise max_slot_wal_keep_size, or find out what holds the connector up"
        )
    if config.slot_lag_warning_bytes and held >= config.slot_lag_warning_bytes:
        return (
            f"{shown}, as much as slot.lag.warning.bytes or more: look for a long transaction, and whether the "
            "connector's records are written and its offsets committed"
        )
    return None


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
