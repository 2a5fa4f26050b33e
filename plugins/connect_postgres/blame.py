"""Which records of a put are bad: all of them, each with what was said of it.

The put is made again in a transaction of its own: what cannot be sent at all is left out, and the server finds
what it refuses (`culprits.py`). A row that fails may refer to one behind it, so those that failed are tried once more
until none of them passes. Constraints that are checked at the commit are checked when all are written, since rows may
need one another. Only where that fails, for a row that none of them helps, all is made once more, each of these
constraints is checked at once, and what fails so is bad, with what needs it.

The transaction then holds exactly the good records. Where that is so whatever becomes of the bad ones (plain inserts),
it may be kept open, and is committed when the good ones are put without the others: they are not written once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connect.api import Batch, ConnectError, DataError, FailedRecord
from connect_postgres.culprits import refused_rows
from connect_postgres.failures import translated
from connect_postgres.names import TableName
from connect_postgres.presumed import Presumptions
from connect_postgres.sink_config import SinkConfig
from connect_postgres.steps import Step, Steps
from connect_postgres.writes import Writer

if TYPE_CHECKING:
    import asyncpg

#: What is said of a row alone, whatever comes behind it: values, NOT NULL, CHECK, duplicates.
_FINAL: Final = ("22", "23502", "23514", "23505")
_AT_ONCE: Final = "SET CONSTRAINTS ALL IMMEDIATE"
#: No PL/pgSQL, and no right to it or to temporary tables: nothing can be looked for.
_CANNOT: Final = ("42704", "42501", "0A000", "25006")


@dataclass(frozen=True, slots=True)
class Kept:
    """A transaction that holds records and waits to be committed.

    Attributes:
        places: Which records: of each batch its topic, partition and offsets.
    """

    transaction: Any
    places: list[tuple[Any, ...]]

    @classmethod
    def of(cls, transaction: Any, batches: Sequence[Batch], bad: Sequence[FailedRecord]) -> Kept | None:
        """Return what holds these batches without the bad records; None where nothing is left of them."""
        left, before, indices = list[Batch](), 0, {one.index for one in bad}
        for batch in batches:
            mask = [before + index not in indices for index in range(len(batch))]
            left += [batch.select(mask)] if any(mask) else []
            before += len(batch)
        return cls(transaction, list(map(_place, left))) if left else None

    def is_of(self, batches: Sequence[Batch]) -> bool:
        """Whether it holds exactly these records."""
        return self.places == list(map(_place, batches))


def _place(batch: Batch) -> tuple[Any, ...]:
    return batch.topic, batch.original_topic, batch.original_partition, list(batch.offsets or ()), len(batch)


class Blame:
    """Looks for the bad records of one put."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        writer: Writer,
        steps: Steps,
        config: SinkConfig,
        presumptions: Presumptions | None = None,
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._steps = steps
        self._target = config.target
        self._presumptions = presumptions
        #: Rows that the server has refused, with their step, the batch and the index of its first record.
        self._found: list[tuple[TableName, Batch, int, Step, list[tuple[int, Any]]]] = []
        self._transaction = connection.transaction()
        #: Whether the good records are the same ones without the bad.
        self._is_plain = True
        #: Records that are bad by themselves.
        self._unfit: dict[int, FailedRecord] = {}

    async def find(
        self, batches: Sequence[tuple[TableName, Batch]], *, recognise: bool = False
    ) -> tuple[list[FailedRecord], Kept | None]:
        """Return all bad records, counted over all batches, and what holds the others, where that may be committed; no
        bad ones and None where they cannot be found.

        Raises:
            ConnectError: What the server says of a row is no verdict on it.
            asyncpg.PostgresError: The search fails.
        """
        import asyncpg

        await self._transaction.start()
        kept: Kept | None = None
        try:
            if not await self._holds_at_the_end(batches, recognise=recognise):
                self._steps.forget()  # with the tables that were made
                self._found, self._unfit, self._is_plain = [], {}, True
                await self._connection.execute(_AT_ONCE)
                await self._try_all(batches, recognise=recognise)
            found = self._refused()
            if self._is_plain:
                kept = Kept.of(self._transaction, [batch for _, batch in batches], found)
        except asyncpg.PostgresError as error:
            if error.sqlstate in _CANNOT:
                return [], None
            raise
        finally:
            if kept is None:
                await self._transaction.rollback()
        return found, kept

    async def _holds_at_the_end(self, batches: Sequence[tuple[TableName, Batch]], *, recognise: bool) -> bool:
        """Write all that is not refused; return whether it stands before what is checked at the commit. Nothing is
        written where it does not."""
        import asyncpg

        attempt = self._connection.transaction()
        await attempt.start()
        try:
            await self._try_all(batches, recognise=recognise)
            try:
                async with self._connection.transaction():
                    await self._connection.execute(_AT_ONCE)
            except asyncpg.PostgresError:
                await attempt.rollback()
                return False
        except BaseException:
            await attempt.rollback()
            raise
        await attempt.commit()
        return True

    async def _try_all(self, batches: Sequence[tuple[TableName, Batch]], *, recognise: bool) -> None:
        await self._steps.look_at(self._connection, batches)
        before = 0
        for name, batch in batches:
            await self._try(name, batch, before, recognise=recognise)
            before += len(batch)
        while await self._try_again():
            pass

    def _refused(self) -> list[FailedRecord]:
        refused = dict(self._unfit)
        for name, batch, before, step, rows in self._found:
            for row, said in rows:
                index = step.places[row]
                refused[before + index] = self._named(name, batch, before, index, said)
        return [refused[index] for index in sorted(refused)]

    async def _try(self, name: TableName, batch: Batch, before: int, *, recognise: bool) -> None:
        def refused(index: int, error: DataError) -> None:
            details = {"table": str(name), **(error.details or {})}
            self._unfit[before + index] = FailedRecord(before + index, message_of(name, batch, index, error), details)

        async for step in self._steps.of(self._connection, name, batch, recognise=recognise, refused=refused):
            self._is_plain = self._is_plain and step.mode == "insert"
            if step.mode == "truncate":
                await step.write(self._writer)
                continue
            rows = await refused_rows(self._connection, self._writer, step, self._presumptions)
            if rows:
                self._found.append((name, batch, before, step, rows))

    async def _try_again(self) -> bool:
        """Try the rows that failed once more; return whether some of them, and not all, passed."""
        count, still = 0, 0
        for place, (name, batch, before, step, rows) in enumerate(self._found):
            final = [one for one in rows if _is_final(step, one[1])]
            open_ = [row for row, said in rows if not _is_final(step, said)]
            again = await refused_rows(self._connection, self._writer, step.of_rows(open_)) if open_ else []
            count += len(open_)
            still += len(again)
            left = [*final, *((open_[number], said) for number, said in again)]
            self._found[place] = (name, batch, before, step, left)
        return 0 < still < count

    def _named(self, name: TableName, batch: Batch, before: int, index: int, error: Any) -> FailedRecord:
        told = translated(
            f"writing to table {name}",
            self._target,
            error,
            record=lambda _: record_of(batch, index),
            writing=True,
        )
        if not isinstance(told, DataError):
            raise told
        return FailedRecord(before + index, told.message, {"table": str(name), **told.details})


def _is_final(step: Step, error: Any) -> bool:
    """Whether a row that was refused so is refused whatever comes behind it.

    A deferrable constraint may be met by rows behind: two may swap what is unique, and a constraint trigger raises any
    state. NOT NULL, which names its column, and CHECK, which names itself, are not deferrable.
    """
    state = str(error.sqlstate)
    if not step.table.may_wait:
        return state.startswith(_FINAL)
    of_row = {"23502": "column_name", "23514": "constraint_name"}.get(state)
    return state.startswith("22") or (of_row is not None and getattr(error, of_row, None) is not None)


def record_of(batch: Batch, index: int) -> str:
    """Name one record by where it was read: a transform, or a replay, may have given it another topic."""
    place = batch.offsets[index] if batch.offsets is not None and index < len(batch) else "?"
    topic, partition = (
        (batch.topic, batch.partition)
        if batch.original_topic is None
        else (batch.original_topic, batch.original_partition)
    )
    return f"{topic}-{partition}@{place}"


def may_have_column(error: DataError) -> bool:
    """Whether looking for the row may tell which column its value is refused for, which the server did not say."""
    details = error.details or {}
    return "column" not in details and str(details.get("sqlstate")).startswith(("22", "23514"))


def message_of(name: TableName, batch: Batch, index: int | None, error: ConnectError) -> str:
    """Return what is wrong with a record, and where it was to go."""
    what = f"writing to table {name}"
    if error.message.startswith(what):
        return error.message
    where = what if index is None else f"{what}, record {record_of(batch, index)}"
    return f"{where}: {error.message}"
