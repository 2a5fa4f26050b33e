"""The connector: one task, since a slot has one reader and a database's changes have one order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from connect.api import ConfigError, ExactlyOnceSupport, Problem, Signal, SourceConnector, SourceTask
from connect_postgres.cdc.checks import problems
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.incremental import chosen_tables, readable
from connect_postgres.cdc.incremental_state import IncrementalState
from connect_postgres.cdc.offsets import partition_of
from connect_postgres.cdc.planning import read_offset
from connect_postgres.cdc.signals import message_of, refused, request_of
from connect_postgres.cdc.slots import MESSAGES_VERSION, find_slot, look_at_server
from connect_postgres.cdc.task import CdcTask
from connect_postgres.connection import close, connect, ended_when_silent
from connect_postgres.failures import explained
from connect_postgres.version import VERSION


class PostgresCdcSource(SourceConnector[CdcConfig]):
    """Read the changes of PostgreSQL tables from the write-ahead log: Debezium's keys, records and offsets."""

    class_name = "io.debezium.connector.postgresql.PostgresConnector"
    aliases = ("connect_postgres.PostgresCdcSource", "PostgresCdcSource")
    version = VERSION
    task_class: ClassVar[type[SourceTask]] = CdcTask
    ends: ClassVar[bool] = False
    captures: ClassVar[str | None] = "postgres"

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        return [dict(self.config.originals)]

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Exactly once: the stream is repeatable from any offset, within a transaction too."""
        return ExactlyOnceSupport.SUPPORTED

    def alter_offsets(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> bool:
        """Check that each is of this connector's server, and a position."""
        for partition, offset in offsets:
            if partition != partition_of(self.config.topic_prefix):
                raise ConfigError(
                    f"partition {dict(partition)}: a key 'server' with topic.prefix={self.config.topic_prefix}, "
                    "and no other, is expected"
                )
            if offset is not None:
                read_offset(offset)
                IncrementalState.of_offset(offset)
        return True

    async def signal(self, signal: Signal) -> None:
        """Check a signal as far as that can be done from here, and put it into the stream of changes."""
        config = self.config
        request = request_of(signal)
        text = message_of(signal, config)
        if not config.takes_signals:
            raise refused(
                "signal.enabled.channels does not have source"
                if config.snapshot_mode.lower() != "initial_only"
                else "with snapshot.mode=initial_only no changes are read, and signals come with them"
            )
        connection = await connect(config)
        try:
            with ended_when_silent(connection):
                async with explained(f"passing on signal {signal.id}", config.target, writing=True):
                    server = await look_at_server(connection)
                    if server.is_standby or server.version < MESSAGES_VERSION:
                        what = "is a standby" if server.is_standby else f"is PostgreSQL {server.version // 10_000}"
                        raise refused(
                            f"{config.target} {what}, where no signal can be put into the stream: insert it into the "
                            "table of signal.data.collection, on the primary"
                        )
                    if await find_slot(connection, config.slot_name) is None:
                        raise refused(
                            f"replication slot {config.slot_name} does not exist in {config.target}: signals are read "
                            "from it; start the connector once"
                        )
                    if request.type == "execute-snapshot":
                        found = await readable(connection, config)
                        await asyncio.to_thread(chosen_tables, request, config, found)
                    await connection.execute(
                        "SELECT pg_logical_emit_message(true, $1::text, $2::text)", config.signal_prefix, text
                    )
        finally:
            await close(connection)

    async def check(self) -> list[Problem]:
        connection = await connect(self.config)
        try:
            with ended_when_silent(connection):
                return await problems(connection, self.config)
        finally:
            await close(connection)
