"""The source: a connector that divides the tables among its tasks, and the task that reads its share in turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from connect.api import (
    Batch,
    ConfigError,
    ConnectError,
    DataError,
    ExactlyOnceSupport,
    Problem,
    RetriableError,
    SourceConnector,
    SourceTask,
)
from connect_postgres.catalog import find_tables, kind_of
from connect_postgres.checks import STANDBY, STANDBY_HINT, is_standby, source_problems
from connect_postgres.connection import close, connect, ended_when_silent
from connect_postgres.failures import UNREACHABLE, explained, problem_of, told
from connect_postgres.names import TableName
from connect_postgres.source_config import SourceConfig, TaskConfig, encode_table, same_table
from connect_postgres.split_reader import SplitReader
from connect_postgres.table_reader import RETRY_MIN_S, Position, TableReader
from connect_postgres.version import VERSION

if TYPE_CHECKING:
    import asyncpg

#: How long a task without tables waits inside one poll, in seconds.
NOTHING_TO_READ_S = 1.0
#: How many tables that are not read are named at once.
TROUBLES_TOLD = 3
#: What the runtime waits between a poll that brought nothing and the next, in seconds: its least, since a poll itself
#: waits until a table is due.
BETWEEN_POLLS_S = 0.005


class JdbcSourceTask(SourceTask[TaskConfig]):
    """Reads its tables in turn over one connection; a read that has begun goes on to its end before another begins.

    All reading is in transactions that only read, so a query that would change something is refused, and a preview
    leaves nothing behind.
    """

    previews = True

    async def start(self) -> None:
        self._connection: asyncpg.Connection | None = None
        self.context.poll_wait_s = BETWEEN_POLLS_S
        tables: list[TableName | None] = [None] if self.config.given_query else list(self.config.table_names)
        self._had_primary = False
        self._readers = [
            TableReader(self.config, None, self.context.offset)
            if table is None
            else SplitReader(self.config, table, self.context.offset, lambda: connect(self.config))
            for table in tables
        ]
        await self._connected()

    async def stop(self) -> None:
        connection, self._connection = getattr(self, "_connection", None), None
        for reader in getattr(self, "_readers", ()):
            await reader.abandon()
        await close(connection)

    async def poll_batch(self) -> Batch | None:
        if not self._readers:
            await asyncio.sleep(NOTHING_TO_READ_S)
            return None
        reader = next((one for one in self._readers if one.reading), None) or min(
            self._readers, key=lambda one: one.due
        )
        wait_s = reader.due - time.monotonic()
        self.context.drained = wait_s > 0 and all(one.is_through for one in self._readers)
        if wait_s > 0 and not reader.reading:
            # Not on to a read, which would hold a transaction open where a pause came in between.
            await asyncio.sleep(max(wait_s - BETWEEN_POLLS_S, 0))
            return None
        now = time.monotonic()
        try:
            return await self._poll(reader)
        except RetriableError:
            reader.due = now + RETRY_MIN_S  # other tables first: it may be this one alone, locked or too slow
            await self.stop()
            raise
        except ConnectError as error:
            await self.stop()
            wait_s = reader.failed(error, now)
            if all(one.failure is not None for one in self._readers):
                raise
            self.context.log.error(
                "%s cannot be read, and the others are read on; next try in %.0f s: %s",
                reader.shown,
                wait_s,
                told(error),
            )
            return None
        except BaseException:
            # Cancelled or failed: whatever was under way on the connection is in doubt.
            await self.stop()
            raise
        finally:
            for level, text in reader.notes:
                self.context.log.log(level, "%s", text)
            reader.notes.clear()
            self._tell_troubles()

    def _tell_troubles(self) -> None:
        """Say in /v1/warnings which tables are not read, and why; the task runs on for the others."""
        troubles = [told for reader in self._readers if (told := reader.trouble)]
        more = f" (and {len(troubles) - TROUBLES_TOLD} more tables)" if len(troubles) > TROUBLES_TOLD else ""
        self.context.waiting_for = "; ".join(troubles[:TROUBLES_TOLD]) + more or None

    async def _poll(self, reader: TableReader) -> Batch | None:
        async with explained(f"reading {reader.shown}", self.config.target):
            try:
                return await reader.poll(await self._connected(), time.monotonic())
            except (ValueError, OverflowError) as error:  # of a type that is not read carefully
                raise DataError(
                    f"reading {reader.shown}: a value is beyond what Python holds: {error}",
                    hint="Set temporal.mapping=string, or cast the column to text in a query or view.",
                ) from error

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = None
            for reader in self._readers:
                reader.reset()
            self._connection = await connect(self.config)
            await self._check_primary(self._connection)
        return self._connection

    async def _check_primary(self, connection: asyncpg.Connection) -> None:
        with ended_when_silent(connection):
            async with explained("looking whether the server is a standby", self.config.target):
                standby = await is_standby(connection, self.config)
        if not standby:
            self._had_primary = True
            return
        await self.stop()
        if self._had_primary:  # it was one: a failover, which passes
            raise RetriableError(f"{self.config.target} is a standby now; waiting for the primary", code=UNREACHABLE)
        raise ConfigError(
            STANDBY.format(target=self.config.target, mode=self.config.mode),
            config_path="connection.url",
            hint=STANDBY_HINT,
        )


class JdbcSourceConnector(SourceConnector[SourceConfig]):
    """Read PostgreSQL tables, or a query, into topics: the JDBC source connector's keys."""

    class_name = "io.confluent.connect.jdbc.JdbcSourceConnector"
    aliases = ("connect_postgres.PostgresSource", "io.aiven.connect.jdbc.JdbcSourceConnector")
    version = VERSION
    task_class: ClassVar[type[SourceTask]] = JdbcSourceTask

    async def start(self) -> None:
        self._tables: list[TableName] = []
        self._monitoring: asyncio.Task[None] | None = None
        if self.config.unheeded:
            self.context.log.warning(
                "parameters of the connection that nothing here knows: %s", ", ".join(self.config.unheeded)
            )
        try:
            self._tables = await self._first_look()
            looked = True
        except RetriableError as error:
            # An outage: go on looking in the background for as long as it lasts.
            self.context.log.warning(
                "tables are looked for again in %d ms: %s", self.config.connection_backoff_ms, error.message
            )
            self.context.waiting_for = error.message
            looked = False
        if not self.config.given_query and not self.context.is_preview:
            self._monitoring = asyncio.create_task(self._monitor(looked=looked))

    async def _first_look(self) -> list[TableName]:
        connection = await connect(self.config)
        try:
            with ended_when_silent(connection):
                async with explained("looking whether the server is a standby", self.config.target):
                    standby = await is_standby(connection, self.config)
                if standby:
                    raise ConfigError(
                        STANDBY.format(target=self.config.target, mode=self.config.mode),
                        config_path="connection.url",
                        hint=STANDBY_HINT,
                    )
                return [] if self.config.given_query else await self._find_tables(connection)
        finally:
            await close(connection)

    async def check(self) -> list[Problem]:
        connection = await connect(self.config)
        try:
            missing: list[ConfigError] = []
            tables = [None] if self.config.given_query else await self._find_tables(connection, tell=missing.append)
            return [*map(problem_of, missing), *await source_problems(connection, self.config, tables)]
        finally:
            await close(connection)

    async def stop(self) -> None:
        monitoring = getattr(self, "_monitoring", None)
        if monitoring is not None:
            monitoring.cancel()
            await asyncio.gather(monitoring, return_exceptions=True)

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        if self.config.given_query:
            return [dict(self.config.originals)]
        shares = [self._tables[number::max_tasks] for number in range(min(max_tasks, len(self._tables)))]
        return [{**self.config.originals, "tables": ",".join(map(encode_table, share))} for share in shares]

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Exactly once in the modes with offsets; `mode=bulk` has none, and reads every row again each time."""
        return ExactlyOnceSupport.UNSUPPORTED if self.config.mode == "bulk" else ExactlyOnceSupport.SUPPORTED

    def alter_offsets(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> bool:
        """Check that each names a table or the query, and a place in it. Tables need not be there: some come back."""
        for partition, offset in offsets:
            if offset is None:
                continue
            if not isinstance(partition.get("table"), str) and "query" not in partition:
                raise ConfigError(
                    f"partition {dict(partition)} has neither a key 'table' with the name of a table nor a key 'query'"
                )
            if not offset.keys() & {"incrementing", "timestamp"}:
                raise ConfigError(
                    f"the offset of {dict(partition)} is {dict(offset)}; "
                    "a key 'incrementing' or 'timestamp' is expected"
                )
            try:
                Position.of_offset(offset)
            except (DataError, OverflowError) as error:
                raise ConfigError(f"the offset of {dict(partition)} is none that can be read: {error}") from error
        return True

    async def _monitor(self, *, looked: bool) -> None:
        """Look for tables that come and go, and have the work divided anew.

        `looked`: whether any look has succeeded.
        """
        while True:
            await asyncio.sleep(
                (self.config.table_poll_interval_ms if looked else self.config.connection_backoff_ms) / 1000
            )
            try:
                found = await (self._look() if looked else self._first_look())
            except ConnectError as error:
                if not looked and not isinstance(error, RetriableError):
                    self.context.raise_error(error)  # what `start` would have said
                    return
                # The next look may succeed; the tasks report a lasting trouble themselves.
                self.context.log.warning("tables cannot be looked for now: %s", error.message)
                if not looked:
                    self.context.waiting_for = error.message
                continue
            self.context.waiting_for = None
            if found != self._tables or not looked:
                self._tables = found
                self.context.request_task_reconfiguration()
            looked = True

    async def _look(self) -> list[TableName]:
        connection = await connect(self.config)
        try:
            with ended_when_silent(connection):
                return self._of_own_topics(await self._find_tables(connection, missing_is_wrong=False))
        finally:
            await close(connection)

    async def _find_tables(
        self,
        connection: asyncpg.Connection,
        *,
        missing_is_wrong: bool = True,
        tell: Callable[[ConfigError], object] | None = None,
    ) -> list[TableName]:
        """`tell` takes what is missing beside others, which are read; left out, the log does."""
        async with explained("looking for tables", self.config.target):
            kinds = [kind.upper() for kind in self.config.table_types]
            named = [TableName.parse(name).name for name in self.config.table_whitelist]
            patterns = self.config.schema_pattern, self.config.catalog_pattern
            tables = await find_tables(connection, kinds, *patterns, named)
            database = await connection.fetchval("SELECT current_database()")
            wanted = map(TableName.parse, self.config.table_whitelist) if missing_is_wrong else ()
            absent = [name for name in wanted if not any(same_table(name, table) for table in tables)]
            kinds_of = {str(name): kind for name in absent if (kind := await kind_of(connection, name))}
        # On a thread: the patterns are the user's.
        chosen = await asyncio.to_thread(lambda: [t for t in tables if self.config.selects(t, database)])
        if missing_is_wrong and (missing := self._check_all_found(tables, chosen, kinds_of)) is not None:
            (tell or self._log_missing)(missing)
        return chosen

    def _of_own_topics(self, tables: list[TableName]) -> list[TableName]:
        """Leave out tables that came while others of their name, and so of their topic, are read."""
        names = {table.name: table for table in reversed(tables)} | {
            table.name: table for table in self._tables if table in tables
        }
        late = [table for table in tables if names[table.name] != table]
        if late:
            self.context.log.error(
                "tables %s are not read: others of their name go to their topics", ", ".join(map(str, late))
            )
        return [table for table in tables if table not in late]

    def _log_missing(self, missing: ConfigError) -> None:
        self.context.log.error("%s", told(missing))

    def _check_all_found(
        self, tables: list[TableName], chosen: list[TableName], kinds_of: Mapping[str, str]
    ) -> ConfigError | None:
        """Return which tables are missing beside others, which are read meanwhile; those may come yet.

        `kinds_of`: of tables that are named and not among these, what they are where they are there.
        """
        wanted = [TableName.parse(name) for name in self.config.table_whitelist]
        missing = [str(name) for name in wanted if not any(same_table(name, table) for table in tables)]
        path = "table.whitelist"
        if self.config.table_include_list and not chosen:
            missing, path = self.config.table_include_list, "table.include.list"
        absent = None
        if missing:
            hint = f"Correct {', '.join([path, *self._patterns])} or table.types; names are compared with case."
            absent = ConfigError(self._missing(missing, tables, kinds_of), config_path=path, hint=hint)
        if absent is not None and not chosen:
            raise absent
        twice = [table for table in chosen if sum(other.name == table.name for other in chosen) > 1]
        if twice:
            raise ConfigError(
                f"tables {', '.join(map(str, twice))} would share topic {self.config.topic_prefix}{twice[0].name}",
                config_path=path,
                hint="Name one schema with schema.pattern, or use a connector for each.",
            )
        return absent

    @property
    def _patterns(self) -> dict[str, str]:
        patterns = {"schema.pattern": self.config.schema_pattern, "catalog.pattern": self.config.catalog_pattern}
        return {key: pattern for key, pattern in patterns.items() if pattern is not None}

    def _missing(self, missing: list[str], tables: list[TableName], kinds_of: Mapping[str, str]) -> str:
        known = ", ".join(map(str, tables[:20])) or "none"
        given = [f"{key}={pattern}" for key, pattern in self._patterns.items()]
        where = " and ".join([*given, f"table.types={','.join(self.config.table_types)}"])
        is_there = [f"{name} is a {kind}" for name in missing if (kind := kinds_of.get(name))]
        return (
            f"table {', '.join(missing)} does not exist in {self.config.target}, as far as {where} goes; "
            f"there are {known}" + "".join(f". But {one}" for one in is_there)
        )
