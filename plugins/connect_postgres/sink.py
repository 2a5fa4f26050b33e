"""The sink: each put, over all its tables, is one transaction, so all of it is in the tables or nothing of it.

With `delivery.guarantee=exactly-once` the offsets are in it, too (`offsets.py`). Of a put that is refused the bad
records are named: by COPY, which tells the line, or by the server's search for them (`culprits.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, ClassVar, Final

from connect.api import (
    Batch,
    ConfigError,
    ConnectError,
    DataError,
    EnvironmentFault,
    ExactlyOnceSupport,
    FailedRecord,
    Preview,
    Problem,
    RetriableError,
    SinkConnector,
    SinkTask,
    new_records,
)
from connect_postgres.blame import Blame, Kept, may_have_column, message_of, record_of
from connect_postgres.catalog import TableInfo
from connect_postgres.connection import close, connect, ended_when_silent
from connect_postgres.envelope import Unwrapped, unwrapped
from connect_postgres.failures import explained, line_of
from connect_postgres.names import TableName
from connect_postgres.offsets import GONE_HINT, LOCK_TIMEOUT, At, OffsetsMovedError, TargetOffsets
from connect_postgres.presumed import Presumptions
from connect_postgres.previews import LIMITS, VERSION_MIN, TemporaryTables
from connect_postgres.previews import told as told_of_preview
from connect_postgres.sink_checks import sink_problems
from connect_postgres.sink_config import SinkConfig
from connect_postgres.steps import Step, Steps
from connect_postgres.tables import Tables, are_altered
from connect_postgres.version import VERSION
from connect_postgres.writes import TableAlteredError, Writer

if TYPE_CHECKING:
    import asyncpg


#: The least pause between two looks at a server that is away, in ms.
LOOK_MIN_MS: Final = 100
#: How often a put is made once more since the target's offsets are others: one look tells what they are.
MOVED_MAX: Final = 5


#: What was logged once is remembered, so many texts.
SAID_MAX: Final = 1000


class _AllNamed(DataError):
    """Every bad record of a put is named."""


class JdbcSinkTask(SinkTask[SinkConfig]):
    """Writes over one connection. What the server may have lost with a connection is looked for at once, though no
    record may follow (`_look_after`): one call of the runtime, or that, is at work at a time."""

    #: What was written, with how many records were in front of its batch, of a preview alone.
    _written: list[tuple[Step, int]] | None = None

    async def start(self) -> None:
        self._connection: asyncpg.Connection | None = None
        self._at_work = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        #: Partitions that were sought since the put under way was called.
        self._sought: set[At] = set()
        self._writer: Writer | None = None
        #: What tables are called that may have been shortened.
        self._full_names: dict[TableName, str] = {}
        #: What users were told already of how records are written.
        self._said: set[str] = set()
        #: The ways in which tables are written that were told.
        self._ways: set[tuple[TableName, str, bool]] = set()
        self._tables = Tables(self.config, self._say)
        self._steps = Steps(self.config, self._tables, self._say)
        self._offsets = TargetOffsets(self.config, self.context.connector)
        self._presumptions = Presumptions()
        self._is_exactly_once = self.config.is_exactly_once
        self._failures = 0
        #: Whether the last put may have been committed although its answer was lost.
        self._in_doubt = False
        #: Whether records of the fetch in hand were refused; and of the one before, more than one.
        self._refused = 0
        self._had_many = False
        #: The good records of the put that was refused last, written and not committed.
        self._kept: Kept | None = None
        #: Whether a row of ours can be told by its key: topic, partition and offset.
        own_key = self.config.write_mode == "insert" and self.config.key_mode == "kafka"
        self._recognises = own_key and not self._is_exactly_once
        await self._connected()

    async def stop(self) -> None:
        looking = getattr(self, "_looking", None)
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        await self._leave()

    async def _leave(self) -> None:
        """Close the connection: the next call makes another."""
        self._kept = None  # gone with it
        connection, self._connection = getattr(self, "_connection", None), None
        await close(connection)

    # -- offsets in the target -----------------------------------------------------------------------------------------

    async def resume_offsets(self, partitions: Sequence[At]) -> Mapping[At, int] | None:
        """Take the partitions over, and return where they go on."""
        async with self._at_work:
            return await self._taken_over(partitions)

    async def _taken_over(self, partitions: Sequence[At]) -> Mapping[At, int] | None:
        try:
            await self._drop_kept()
            connection, _ = await self._connected()
            if not self._is_exactly_once:
                with ended_when_silent(connection):
                    await self._forget_offsets(connection, partitions)
                return None
            ids = {at: self.context.topic_id(at[0]) or "" for at in partitions}
            what = f"taking over offsets in table {self.config.offsets_table}"
            with ended_when_silent(connection):
                async with self._explained(what), connection.transaction():
                    await connection.execute(LOCK_TIMEOUT)
                    found = await self._offsets.claim(connection, ids)
        except RetriableError:
            await self._leave()
            raise
        for at in partitions:
            self._offsets.known.pop(at, None)
        self._offsets.known |= found
        return found

    async def close_partitions(self, partitions: Sequence[At]) -> None:
        self._offsets.forget(partitions)

    async def flush(self) -> None:
        """Let go of what waits for the rest of a put: it comes again. Store what the last put did not cover."""
        if self._kept is None and not self._is_exactly_once:
            return
        async with self._at_work:
            try:
                await self._drop_kept()
                if self._is_exactly_once:
                    await self._store_passed()
            except RetriableError:
                await self._leave()
                raise

    async def _store_passed(self) -> None:
        """Store how far the partitions are where nothing was put behind what was dropped and skipped last.

        Not where the target is in doubt: then it is looked at first, as soon as there is a server.
        """
        known = self._offsets.known
        offsets = {
            at: offset
            for at, offset in self.context.offsets_after_put().items()
            if offset > known.get(at, -1) and self._offsets.is_claimed(at) and at not in self._sought
        }
        if not offsets or self._in_doubt:
            return
        connection, _ = await self._connected()
        what = f"storing offsets in table {self.config.offsets_table}"
        try:
            async with self._explained(what), connection.transaction():
                await connection.execute(LOCK_TIMEOUT)
                await self._store(connection, offsets)
        except OffsetsMovedError:
            await self._look_again()
        except BaseException:
            self._in_doubt = True  # perhaps it was committed
            raise
        else:
            self._offsets.known |= offsets

    async def _drop_kept(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            self._tables.forget()  # what was made there is gone with it
            async with self._explained("rolling back"):
                await kept.transaction.rollback()

    async def _forget_offsets(self, connection: asyncpg.Connection, partitions: Sequence[At]) -> None:
        """Delete what is there of a time with delivery.guarantee=exactly-once, or it would be taken for the truth once
        that is set again."""
        what = f"deleting offsets in table {self.config.offsets_table}"
        try:
            async with self._explained(what), connection.transaction():
                await self._offsets.delete(connection, partitions)
        except ConfigError as error:
            self.context.log.warning("%s", error.message)

    # -- previews ------------------------------------------------------------------------------------------------------

    async def preview(self, batches: Sequence[Batch]) -> Preview:
        """Write to temporary tables like the real ones, in a transaction that is rolled back; see `previews`."""
        rows = unwrapped([batch for batch in batches if len(batch)], self.config)
        if not rows.batches:
            return Preview("statements", (), "nothing is written of these records")
        try:
            await self.start()
            self._is_exactly_once = self._recognises = False
            connection, _ = await self._connected()
            if connection.get_server_version().major < VERSION_MIN:
                raise ConfigError(f"{self.config.target} is older than PostgreSQL {VERSION_MIN}: no preview can be had")
            return await self._previewed(connection, rows)
        finally:
            await self.stop()  # with the connection the transaction ends

    async def _previewed(self, connection: asyncpg.Connection, rows: Unwrapped) -> Preview:
        tables = TemporaryTables(self.config, connection)
        self._tables, self._steps = tables, Steps(self.config, tables, self._say)
        self._written = []
        if self.config.is_exactly_once:
            tables.notes["offsets are not stored, and which records are in the target already is not looked at"] = None
        try:
            async with self._explained("making temporary tables for a preview"):
                await connection.transaction().start()
                await connection.execute(LIMITS)
                for name in dict.fromkeys(self._table_of(batch.topic) for batch in rows.batches):
                    await tables.find(connection, name)
            await self._put(rows.batches)
            async with self._explained("comparing records with what is there"):
                failed, items = await tables.refused(connection, self._written)
            if failed:
                raise DataError(failed[0].reason, failed=failed)
        except ConnectError as error:
            error.message, error.hint = tables.of_real(error.message), tables.of_real(error.hint)
            if isinstance(error, DataError):
                error.failed = tuple(
                    FailedRecord(bad.index, tables.of_real(bad.reason), bad.details)
                    for bad in error.failed
                    if isinstance(bad, FailedRecord)
                )
                raise rows.located(error) from error.__cause__
            raise
        return told_of_preview(tables, self._written, items, rows.places)

    # -- putting -------------------------------------------------------------------------------------------------------

    async def put_batch(self, batch: Batch) -> None:
        await self.put_batches([batch])

    async def put_batches(self, batches: Sequence[Batch]) -> None:
        """Write the batches of one fetch in one transaction: all of it is there when this returns, or nothing.

        Cancelled, it is one of the two.
        """
        filled = [batch for batch in batches if len(batch)]
        if not filled:
            return
        self._sought.clear()
        rows = unwrapped(filled, self.config)
        if not rows.batches:
            return  # what follows, or the next flush, covers their offsets
        async with self._at_work:
            try:
                await self._put_filled(rows.batches)
            except DataError as error:
                raise rows.located(error) from error.__cause__

    async def _put_filled(self, filled: Sequence[Batch]) -> None:
        try:
            await (self._put_exactly(filled) if self._is_exactly_once else self._put(filled))
        except DataError:
            raise  # the server has rolled it back
        except RetriableError as error:
            self._in_doubt = True
            await self._count(error)
            raise
        except BaseException:
            self._in_doubt = True
            raise
        self._failures = 0
        self._in_doubt = False
        self._had_many, self._refused = self._refused > 1, 0

    async def _put(self, batches: Sequence[Batch]) -> None:
        try:
            await self._transaction(batches, recognise=self._recognises and self._in_doubt)
        except DataError as error:
            if not self._recognises or self._in_doubt or (error.details or {}).get("sqlstate") != "23505":
                blamed = await self._blamed(batches, error, recognise=self._recognises and self._in_doubt)
                raise blamed from blamed.__cause__
            # Perhaps rows of ours, whose commit was never answered or not followed by that of their offsets.
            try:
                await self._transaction(batches, recognise=True)
            except DataError as again:
                blamed = await self._blamed(batches, again, recognise=True)
                raise blamed from blamed.__cause__

    async def _put_exactly(self, batches: Sequence[Batch]) -> None:
        if self._in_doubt:
            await self._look_again()
        for _ in range(MOVED_MAX):
            try:
                await self._put_new(batches)
                return
            except OffsetsMovedError:
                await self._look_again()
        raise ConfigError(
            f"an UPDATE of the offsets in table {self.config.offsets_table} changes no row, though they are there",
            config_path="offsets.table.name",
            hint="Look for a trigger, a rule or a policy of that table that passes over updates.",
        )

    async def _put_new(self, batches: Sequence[Batch]) -> None:
        known, after = self._offsets.known, self.context.offsets_after_put()
        offsets = {at: max(offset, known.get(at, 0)) for at, offset in after.items() if at not in self._sought}
        masks = [self._new(batch) for batch in batches]
        if not offsets and self._sought:
            return  # all of it is read again
        new = [batch.select(mask) for batch, mask in zip(batches, masks, strict=True) if any(mask)]
        try:
            await self._transaction(new, offsets=offsets)
        except DataError as error:
            blamed = await self._blamed(new, error)
            indices = [index for index, is_new in enumerate(one for mask in masks for one in mask) if is_new]
            blamed.failed = tuple(
                FailedRecord(indices[bad.index], bad.reason, bad.details)
                for bad in blamed.failed
                if isinstance(bad, FailedRecord)
            )
            raise blamed from blamed.__cause__
        self._offsets.known |= offsets

    async def _look_again(self) -> None:
        """Learn what of the last transactions is there, and go back to where the target is."""
        connection, _ = await self._connected()
        what = f"looking at offsets in table {self.config.offsets_table}"
        try:
            with ended_when_silent(connection):
                async with self._explained(what), connection.transaction():
                    await connection.execute(LOCK_TIMEOUT)
                    back = await self._offsets.look_again(connection)
        except ConfigError as error:
            error.hint = GONE_HINT
            raise
        self._in_doubt = False
        for at, offset in back.items():
            if self._offsets.is_claimed(at):
                self.context.log.warning(
                    "%s has lost what it had confirmed of %s-%d: table %s goes up to offset %d only. "
                    "The records from there on are written again",
                    self.config.target,
                    *at,
                    self.config.offsets_table,
                    offset,
                )
                self._sought.add(at)
                self.context.seek(*at, offset)

    def _lost(self, connection: object) -> None:
        """Hear that a connection has ended; of one that was not closed by us, look what has become of its rows."""
        if connection is not self._connection or self.context.stopping.is_set():
            return
        self._in_doubt = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_after())

    async def _look_after(self) -> None:
        """Look again as soon as there is a server, unless a put has done so."""
        while True:
            async with self._at_work:
                try:
                    if self._in_doubt:
                        await self._look_again()
                    self.context.waiting_for = None
                    return
                except RetriableError as error:
                    await self._leave()
                    self.context.waiting_for = error.message
                except ConnectError as error:  # what the next put meets as well, and ends the task with
                    self.context.waiting_for = None
                    self.context.log.error("%s", error.message)
                    return
            await asyncio.sleep(max(self.config.retry_backoff_ms, LOOK_MIN_MS) / 1000)

    def _new(self, batch: Batch) -> list[bool]:
        """Return which records of a batch are not in the target."""
        mask = new_records(batch, self._offsets.known)
        assert batch.original_topic is not None, "new_records refuses these"
        assert batch.original_partition is not None, "new_records refuses these"
        assert batch.offsets is not None, "new_records refuses these"
        at = (batch.original_topic, batch.original_partition)
        if at in self._sought:
            return [False] * len(batch)
        self._offsets.begin(at, min(batch.offsets))
        if mask is None:
            return [True] * len(batch)
        self.context.log.info(
            "%d records of %s-%s are in the target already",
            mask.count(False),
            batch.original_topic,
            batch.original_partition,
        )
        return mask

    async def _transaction(
        self, batches: Sequence[Batch], *, recognise: bool = False, offsets: Mapping[At, int] | None = None
    ) -> None:
        """Write batches in one transaction. A `DataError` names the record where the server names its line.

        Somebody may have altered a table since it was looked up: then it is looked up, and written to, once more.
        """
        known = self._tables.known
        try:
            await self._attempt(batches, recognise=recognise, offsets=offsets)
        except TableAlteredError:
            await self._attempt(batches, recognise=recognise, offsets=offsets)
        except (DataError, ConfigError) as error:
            if isinstance(error, _AllNamed) or not await self._are_altered(known):
                raise
            await self._attempt(batches, recognise=recognise, offsets=offsets)

    async def _are_altered(self, tables: Sequence[TableInfo]) -> bool:
        connection, _ = await self._connected()
        async with self._explained("looking at tables"):
            return await are_altered(connection, tables)

    async def _attempt(self, batches: Sequence[Batch], *, recognise: bool, offsets: Mapping[At, int] | None) -> None:
        if self._had_many and self._kept is None and not recognise:
            await self._search(batches, recognise=False)  # most likely there are some again
        connection, writer = await self._connected()
        if self._kept is not None and self._kept.is_of(batches):
            await self._commit_kept(connection, offsets)
            return
        await self._drop_kept()
        if self._written is not None:
            self._written.clear()
        names = [self._table_of(batch.topic) for batch in batches]
        shown = ", ".join(sorted(set(map(str, names))))
        before = 0
        try:
            async with (
                self._explained(f"writing to table {shown}"),  # the commit, for what is checked only then
                connection.transaction(),
            ):
                if offsets is not None:
                    await self._store(connection, offsets)
                await self._steps.look_at(connection, list(zip(names, batches, strict=True)))
                for name, batch in zip(names, batches, strict=True):
                    await self._write_one(connection, writer, name, batch, before, recognise=recognise)
                    before += len(batch)
        except BaseException:
            self._tables.forget()  # what this transaction made is gone, and what it met may have changed
            raise

    async def _commit_kept(self, connection: asyncpg.Connection, offsets: Mapping[At, int] | None) -> None:
        kept, self._kept = self._kept, None
        assert kept is not None
        try:
            async with self._explained("committing what was written"):
                if offsets is not None:
                    await self._store(connection, offsets)
                await kept.transaction.commit()
        except BaseException:
            await self._leave()  # and with the connection what it holds
            raise

    async def _store(self, connection: asyncpg.Connection, offsets: Mapping[At, int]) -> None:
        try:
            async with self._explained(f"storing offsets in table {self.config.offsets_table}"):
                await self._offsets.store(connection, offsets)
        except ConfigError as error:
            error.hint = GONE_HINT
            raise

    def _explained(
        self, what: str, record: Callable[[int | None], str | None] | None = None
    ) -> AbstractAsyncContextManager[None]:
        retry_ms = self.config.retry_backoff_ms or None
        return explained(what, self.config.target, retry_after_ms=retry_ms, record=record, writing=True)

    async def _write_one(
        self,
        connection: asyncpg.Connection,
        writer: Writer,
        name: TableName,
        batch: Batch,
        before: int,
        *,
        recognise: bool,
    ) -> None:
        step: Step | None = None

        def index_of(line: int | None) -> int | None:
            if len(batch) == 1:
                return 0
            return step.places[line - 1] if step is not None and step.is_copied and line is not None else None

        def name_record(line: int | None) -> str | None:
            index = index_of(line)
            return None if index is None else record_of(batch, index)

        try:
            async with self._explained(f"writing to table {name}", name_record):
                async for step in self._steps.of(connection, name, batch, recognise=recognise):
                    if known := await step.write(writer):
                        self._tell_known(known, name)
                    if self._written is not None:
                        self._written.append((step, before))
                    self._say_way(step)
        except DataError as error:
            index = index_of(line_of(error.__cause__))
            message = message_of(name, batch, index, error)
            details = {"table": str(name), **(error.details or {})}
            named = [] if index is None else [FailedRecord(before + index, message, details)]
            raise DataError(message, failed=named, details=details, code=error.code, hint=error.hint) from (
                error.__cause__ if error.__cause__ is not None else error
            )

    def _say_way(self, step: Step) -> None:
        """Log how a table is written, once for each way."""
        key = (step.table.name, step.mode, step.is_copied)
        if key not in self._ways:
            self._ways.add(key)
            self.context.log.info("%s", step.way)

    def _say(self, text: str) -> None:
        """Log once."""
        if text not in self._said:
            if len(self._said) == SAID_MAX:  # records may name ever new fields
                self._said.clear()
            self._said.add(text)
            self.context.log.info("%s", text)

    def _tell_known(self, count: int, name: TableName) -> None:
        self.context.log.warning(
            "%d rows of table %s are there already under their topic, partition and offset, and are taken as written",
            count,
            name,
        )

    async def _blamed(self, batches: Sequence[Batch], error: DataError, *, recognise: bool = False) -> DataError:
        """Return the error with all bad records of a put named, as far as they can be found.

        One that COPY names is taken at its word, and the others are put again. Where that fails once more, or the last
        fetch had several, all are looked for. So is a record that was put alone, where that may tell the column.
        """
        if isinstance(error, _AllNamed):
            return error
        is_known = sum(map(len, batches)) > 1 or not may_have_column(error)
        if len(error.failed) and not self._refused and not self._had_many and is_known:
            self._refused = 1
            return error
        try:
            await self._search(batches, recognise=recognise, error=error)
        except _AllNamed as named:
            named.__cause__ = error
            return named
        await self._drop_kept()
        return error

    async def _search(self, batches: Sequence[Batch], *, recognise: bool, error: DataError | None = None) -> None:
        """Look for all bad records of a put, and keep what holds the others.

        Args:
            error: What the put has met, whose hint may be of another record than the first bad one.

        Raises:
            _AllNamed: There are some.
        """
        await self._drop_kept()
        self._tables.forget()  # they may have been altered
        connection, writer = await self._connected()
        blame = Blame(connection, writer, self._steps, self.config, self._presumptions)
        named = [(self._table_of(batch.topic), batch) for batch in batches]
        try:
            async with self._explained("looking for the records that are refused"):
                found, self._kept = await blame.find(named, recognise=recognise)
        finally:
            if self._kept is None:
                self._tables.forget()
        if found:
            self._refused += len(found)
            is_of_first = error is not None and _cause(error.details) == _cause(found[0].details)
            raise _AllNamed(
                found[0].reason, failed=found, hint=error.hint if error is not None and is_of_first else None
            )

    def _table_of(self, topic: str) -> TableName:
        try:
            table = self.config.table_of(topic)
        except ValueError as error:
            raise ConfigError(
                f"topic {topic}: {error}",
                config_path="table.name.format",
                hint="Name the table with table.name.format, or rename the topic with RegexRouter.",
            ) from error
        full = self.config.full_name_of(topic)
        if self.config.shortens and self._full_names.setdefault(table, full) != full:
            raise ConfigError(
                f"table {table} is where {self._full_names[table]} goes, and topic {topic} would go there, too, "
                "since long.names=shorten makes one of the names so",
                config_path="long.names",
                hint="Rename one of the topics with RegexRouter.",
            )
        return table

    async def _connected(self) -> tuple[asyncpg.Connection, Writer]:
        if self._connection is None or self._writer is None or self._connection.is_closed():
            self._kept = None  # its transaction is gone, and nothing may be stored for it on another connection
            self._connection = await connect(self.config)
            self._writer = Writer(self._connection)
            if self._is_exactly_once:
                self._connection.add_termination_listener(self._lost)
            self._tables.forget()
        return self._connection, self._writer

    async def _count(self, error: RetriableError) -> None:
        """Begin anew on another connection after a failure that passes; give up where max.retries says so."""
        await self._leave()
        self._failures += 1
        if 0 <= self.config.max_retries < self._failures:
            message = f"{error.message}; max.retries={self.config.max_retries} is used up"
            raise EnvironmentFault(message, code=error.code, hint=error.hint) from error


def _cause(details: Mapping[str, str] | None) -> tuple[str | None, str | None]:
    known = details or {}
    return known.get("sqlstate"), known.get("column")


class JdbcSinkConnector(SinkConnector[SinkConfig]):
    """Write topics into PostgreSQL tables: the JDBC sink connector's keys."""

    class_name = "io.confluent.connect.jdbc.JdbcSinkConnector"
    aliases: ClassVar[tuple[str, ...]] = ("connect_postgres.PostgresSink", "io.aiven.connect.jdbc.JdbcSinkConnector")
    version = VERSION
    task_class: ClassVar[type[SinkTask]] = JdbcSinkTask

    async def start(self) -> None:
        if self.config.unheeded:
            self.context.log.warning(
                "parameters of the connection that nothing here knows: %s", ", ".join(self.config.unheeded)
            )
        if self.config.pk_fields and self.config.key_mode == "none":
            self.context.log.warning("pk.fields has no effect with pk.mode=none: rows have no key")
        try:
            problems = await self.check()
        except RetriableError as error:
            # An outage: the tasks wait for its end by themselves.
            self.context.log.warning("the tasks will wait: %s", error.message)
        else:
            # Said before a record is met. The tasks decide: somebody may mend it before one comes.
            for problem in problems:
                self.context.log.warning("%s: %s", problem.key, problem.message)

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """with delivery.guarantee=exactly-once, which keeps the offsets in a table beside the rows"""
        return ExactlyOnceSupport.SUPPORTED

    async def alter_offsets(self, offsets: Mapping[At, int | None]) -> bool:
        """Take any; those that are kept in the target are set there. Rows that are read again are written as
        insert.mode says."""
        if not self.config.is_exactly_once:
            return True
        connection = await connect(self.config)
        what = f"setting offsets in table {self.config.offsets_table}"
        try:
            async with explained(what, self.config.target, writing=True), connection.transaction():
                await connection.execute(LOCK_TIMEOUT)
                await TargetOffsets(self.config, self.context.name).alter(connection, offsets)
        finally:
            await close(connection)
        return True

    async def check(self) -> list[Problem]:
        connection = await connect(self.config)
        try:
            topics = [topic.strip() for topic in str(self.config.originals.get("topics") or "").split(",")]
            with ended_when_silent(connection):
                return await sink_problems(connection, self.config, [topic for topic in topics if topic])
        finally:
            await close(connection)
