"""The connector: one task, since a slot has one reader and a database's changes have one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from connect.api import ConfigError, ExactlyOnceSupport, Problem, SourceConnector, SourceTask
from connect_postgres.cdc.checks import problems
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.offsets import partition_of
from connect_postgres.cdc.planning import read_offset
from connect_postgres.cdc.task import CdcTask
from connect_postgres.connection import close, connect, ended_when_silent
from connect_postgres.version import VERSION


class PostgresCdcSource(SourceConnector[CdcConfig]):
    """Read the changes of PostgreSQL tables from the write-ahead log: Debezium's keys, records and offsets."""

    class_name = "io.debezium.connector.postgresql.PostgresConnector"
    aliases = ("connect_postgres.PostgresCdcSource", "PostgresCdcSource")
    version = VERSION
    task_class: ClassVar[type[SourceTask]] = CdcTask

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
        return True

    async def check(self) -> list[Problem]:
        connection = await connect(self.config)
        try:
            with ended_when_silent(connection):
                return await problems(connection, self.config)
        finally:
            await close(connection)
