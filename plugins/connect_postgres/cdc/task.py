"""The one task of a connector: rows that are there first, and then changes as they are committed.

    start ── control connection: server, slot, publication ── plan
      │
      ├─ snapshot: SnapshotReader's pieces ── rows ── batches, with what is read in the offset
      └─ stream:   ReplicationStream's bytes ── ChangeReader ── batches, with the position in the offset
                                                     └── signals ── IncrementalSnapshots ── chunks, in their places

Bytes come in on the event loop; what is made of them is made on a thread, a poll's worth at a time.

What is committed comes back by `commit`, and only that is told to the server. So the slot never moves past what a
restart would need, and it moves on an idle database too: where nothing came, the position alone is committed now and
then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from connect.api import Batch, ConnectError, SourceTask
from connect_postgres.cdc.catalog import Catalog, FoundTable
from connect_postgres.cdc.changes import ChangeReader
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.figures import Figures
from connect_postgres.cdc.incremental import IncrementalSnapshots
from connect_postgres.cdc.incremental_state import OFFSET_KEY, IncrementalState
from connect_postgres.cdc.lsn import format_lsn
from connect_postgres.cdc.offsets import Position, partition_of
from connect_postgres.cdc.pgoutput import Decoder
from connect_postgres.cdc.planning import Plan, plan, read_offset
from connect_postgres.cdc.previews import SnapshotPreview
from connect_postgres.cdc.records import RecordMaker
from connect_postgres.cdc.replication import BUFFER_BYTES, ReplicationStream
from connect_postgres.cdc.shapes import Shape
from connect_postgres.cdc.slots import (
    MESSAGES_VERSION,
    Published,
    ServerInfo,
    drop_slot,
    find_slot,
    in_use,
    look_at_server,
    make_slot,
    server_refusal,
    slot_refusal,
)
from connect_postgres.cdc.snapshot_state import SnapshotState
from connect_postgres.cdc.snapshots import Piece, SnapshotReader, rows_of
from connect_postgres.cdc.tables import table_to_read, tables_to_read
from connect_postgres.cdc.touched import Touched
from connect_postgres.cdc.upkeep import Upkeep
from connect_postgres.connection import close, connect, ended_when_silent
from connect_postgres.failures import explained
from connect_postgres.names import TableName, quoted

if TYPE_CHECKING:
    import asyncpg

#: How long a poll waits for something to come, in seconds.
WAIT_S: Final = 1.0
#: How often the position alone is committed where nothing comes that is wanted, in seconds.
PROGRESS_S: Final = 10.0
#: How many warnings are remembered, so that none is given at each reconnection.
TOLD_MAX: Final = 10_000
#: What the session that streams is set to, so that values are printed as `temporal` and `column_types` read them, and
#: no limit of the role's or the database's ends it.
STREAM_SETTINGS: Final = {
    "replication": "database",
    "bytea_output": "hex",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "lc_monetary": "C",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


class CdcTask(SourceTask[CdcConfig]):
    """Reads one database.

    For a preview it reads rows alone, as a snapshot would: there is no slot, no publication and no stream.
    """

    previews = True
    _preview: SnapshotPreview | None = None

    async def start(self) -> None:
        self._control: asyncpg.Connection | None = None
        self._stream: ReplicationStream | None = None
        self._reader: SnapshotReader | None = None
        self._catalog = Catalog()
        self._partition = partition_of(self.config.topic_prefix)
        self._offset: Mapping[str, Any] | None = self.context.offset(self._partition)
        self._state: SnapshotState | None = None
        self._run = 0
        self._changes: ChangeReader | None = None
        self._snapshots: IncrementalSnapshots | None = None
        self._touched: tuple[bool, Touched] | None = None
        self._incremental = ""
        self._upkeep = Upkeep(self.config, self.context)
        self._figures = Figures(self.context)
        self._transactions = 0
        self._confirmed = 0
        self._told = set[str]()
        self._tables_of_topics: dict[str, TableName] = {}
        self._told_at = time.monotonic()
        self._is_ended = False
        #: Whether there was something to read from since the start.
        self._was_ready = False
        #: When a snapshot may begin (monotonic); None where none was wanted so far.
        self._snapshot_at: float | None = None
        self.context.poll_wait_s = 0.005
        if self.context.is_preview:
            self._preview = SnapshotPreview(self.config, self._warn_once)
            return
        await self._ready()

    async def stop(self) -> None:
        if self._preview is not None:
            await self._preview.aclose()
            return
        await self._release()
        if self.config.slot_drop_on_stop:
            await self._drop_slot()

    async def _drop_slot(self) -> None:
        """Drop the slot, as far as that can be done now."""
        control = None
        try:
            control = await connect(self.config)
            with ended_when_silent(control):
                async with explained(f"dropping replication slot {self.config.slot_name}", self.config.target):
                    await drop_slot(control, self.config.slot_name)
        except ConnectError as error:
            self.context.log.warning("slot.drop.on.stop=true, and the slot is still there: %s", error.message)
        finally:
            await close(control)

    async def poll_batch(self) -> list[Batch] | None:
        if self._preview is not None:
            batches = await self._preview.poll()
            self.context.drained = not batches
            return batches
        try:
            await self._ready()
            if self._reader is not None:
                return await self._poll_snapshot(self._reader)
            return await self._poll_stream()
        except BaseException:
            # Failed or cancelled: what was under way is in doubt, and comes again from the last offset.
            await self._release()
            raise

    async def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        for partition, offset in offsets:
            if partition == self._partition and "lsn_commit" in offset:
                self._confirmed = max(self._confirmed, Position.of_offset(offset).committed_lsn)
        if self._stream is not None:
            decoder = self._decoder
            wanted = decoder is not None and decoder.wants_answer
            if decoder is not None:
                decoder.wants_answer = False
            self._stream.confirm(self._confirmed, at_once=wanted)

    @property
    def _decoder(self) -> Decoder | None:
        return None if self._changes is None else self._changes.decoder

    # -- getting ready ---------------------------------------------------------------------------------------------

    async def _ready(self) -> None:
        """Have a connection, and what there is to read from: a snapshot's reader, or the stream."""
        if self._stream is not None or self._reader is not None or self._is_ended or self._is_early():
            return
        try:
            await self._open()
        except BaseException:
            await self._release()
            raise

    def _is_early(self) -> bool:
        return self._snapshot_at is not None and time.monotonic() < self._snapshot_at

    def _has_all_it_wants(self) -> bool:
        position, state = read_offset(self._offset)
        is_read = position is not None and (state is None or state.is_read)
        return is_read and self.config.snapshot_mode.lower() == "initial_only"

    async def _open(self) -> None:
        control = await self._controlled()
        with ended_when_silent(control):
            async with explained("looking at the server", self.config.target):
                server = await look_at_server(control)
            if (refusal := server_refusal(server, self.config)) is not None:
                raise refusal
            async with explained(f"looking at replication slot {self.config.slot_name}", self.config.target):
                slot = await find_slot(control, self.config.slot_name)
            if slot is not None and (refusal := slot_refusal(slot, server)) is not None:
                raise refusal
            if self._has_all_it_wants():
                self._is_ended = True
                self.context.log.info("the snapshot was read before, and snapshot.mode=initial_only: nothing is left")
                return
            to_do = plan(self.config, self._offset, slot, server, is_start=not self._was_ready)
            if to_do.snapshot is not None and not to_do.snapshot.is_read and self._snapshot_at is None:
                self._snapshot_at = time.monotonic() + self.config.snapshot_delay_ms / 1000
                if self._is_early():
                    self.context.log.info("a snapshot begins in %d ms", self.config.snapshot_delay_ms)
                    return
            if to_do.note:
                self.context.log.warning("%s", to_do.note)
            if slot is not None and slot.active_pid is not None:
                raise in_use(slot)
            limit_s = server.sender_timeout_s / 3 if server.sender_timeout_s else 60.0
            self._status_interval_s = min(self.config.status_update_interval_ms / 1000, limit_s)
            self._maker = RecordMaker(self.config, server.database)
            tables = await tables_to_read(control, server, self.config, self._warn_once)
        if slot is not None and to_do.drop_slot:
            async with explained(f"dropping replication slot {slot.name}", self.config.target):
                await drop_slot(control, slot.name)
            slot = None
        stream = await self._connect_stream(server)
        try:
            await self._begin(stream, server, to_do, tables, None if slot is None else slot.confirmed_lsn)
            self._was_ready = True
        except BaseException:
            await stream.aclose()
            raise

    async def _begin(
        self,
        stream: ReplicationStream,
        server: ServerInfo,
        to_do: Plan,
        tables: list[tuple[FoundTable, Published]],
        slot_lsn: int | None,
    ) -> None:
        """Make the slot where it is missing, and begin with the snapshot or with the stream."""
        made = None
        if slot_lsn is None:
            made = await make_slot(stream, self.config, server)
            slot_lsn = made.lsn
        self._position = to_do.position or Position(slot_lsn, slot_lsn)
        self._state = to_do.snapshot
        incremental = IncrementalState.of_offset(self._offset)
        if to_do.position is None and to_do.snapshot is not None and incremental.targets:
            self.context.log.warning("incremental snapshots end: all tables are read anew")
            incremental = IncrementalState()
        self._incremental = incremental.text
        self._is_standby = server.is_standby
        if self._state is not None and not self._state.is_read:
            threads = self.config.snapshot_max_threads
            reader = SnapshotReader(self._connect, self.config.target, threads=threads, warn=self._warn_once)
            self._reader = reader
            exported, lsn = (made.snapshot, made.lsn) if made is not None else (None, 0)
            self._state.runs.append(await reader.hold(server.version, exported=exported, lsn=lsn))
            self._run = len(self._state.runs) - 1
            await stream.aclose()
            control = await self._controlled()
            found_tables = [
                await table_to_read(control, self._catalog, self.config, found, told) for found, told in tables
            ]
            to_read = [one for one in found_tables if one is not None]
            for one in to_read:
                self._tell_of(one.shape)
            reader.begin(to_read, self._state)
            left = sum(not self._state.is_table_read(str(one.name)) for one in to_read)
            self._figures.snapshot_begins(len(to_read), left)
            self.context.log.info("a snapshot of %d tables begins", len(to_read))
            return
        await self._start_streaming(stream)

    async def _start_streaming(self, stream: ReplicationStream) -> None:
        position = self._position
        options = {
            "proto_version": "1",
            "publication_names": quoted(self.config.publication_name),
            **self.config.stream_parameters,
        }
        if self._server_version >= MESSAGES_VERSION and self.config.reads_messages:
            options["messages"] = "true"
        listed = ", ".join(f"{name} '{_literal(value)}'" for name, value in options.items())
        slot, lsn = quoted(self.config.slot_name), format_lsn(position.committed_lsn)
        decoder = Decoder(
            position.committed_lsn,
            position.resume,
            skipped=self.config.skipped,
            with_orders=self.config.provide_transaction_metadata,
        )
        # What was committed before counts for nothing where streaming goes back: to another server's, or slot's, place.
        self._confirmed = min(self._confirmed, position.committed_lsn)
        if self._touched is None or self._touched[0] != self._is_standby:
            self._touched = (self._is_standby, Touched(is_standby=self._is_standby))
        touched = self._touched[1]
        self._changes = ChangeReader(
            self.config,
            decoder,
            self._maker,
            self._catalog,
            touched,
            self._state,
            tell=self._tell_of,
            warn=self._warn_once,
        )
        self._snapshots = IncrementalSnapshots(
            self.config,
            self.context.log,
            IncrementalState.loads(self._incremental),
            touched,
            self._connect,
            version=self._server_version,
        )
        async with explained(f"streaming from replication slot {self.config.slot_name}", self.config.target):
            await stream.start(
                f"START_REPLICATION SLOT {slot} LOGICAL {lsn} ({listed})",
                confirmed=self._confirmed,
                interval_s=self._status_interval_s,
            )
        self._stream, self._transactions = stream, 0
        self._figures.connected(True)

    async def _controlled(self) -> asyncpg.Connection:
        """Return the connection for looks at the catalog; a new one where it is lost."""
        if self._control is None or self._control.is_closed():
            self._control = await connect(self.config)
        return self._control

    async def _connect(self) -> asyncpg.Connection:
        return await connect(self.config)

    async def _connect_stream(self, server: ServerInfo) -> ReplicationStream:
        # The server decodes each transaction in one of its own, which lasts as long as we take to read it.
        limits = {"transaction_timeout": "0"} if server.version >= 170_000 else {}
        connection: Any = await connect(self.config, {**STREAM_SETTINGS, **limits})
        self._server_version = _version(connection)
        return ReplicationStream(connection, *connection.transport())

    async def _release(self) -> None:
        """Close everything. The next poll begins anew, at the last offset that was returned and is known here."""
        stream, self._stream = self._stream, None
        reader, self._reader = self._reader, None
        control, self._control = self._control, None
        snapshots, self._snapshots = self._snapshots, None
        self._changes = None
        self._figures.connected(False)
        self._catalog.forget()
        if snapshots is not None:
            await snapshots.aclose()
        if stream is not None:
            await stream.aclose()
        if reader is not None:
            await reader.aclose()
        await close(control)

    # -- tables ----------------------------------------------------------------------------------------------------

    def _warn_once(self, text: str) -> None:
        if text not in self._told and len(self._told) < TOLD_MAX:
            self._told.add(text)
            self.context.log.warning("%s", text)

    def _tell_of(self, shape: Shape) -> None:
        """Warn of a key that the row before a change does not have, and of a topic that two tables share."""
        if len(self._tables_of_topics) < TOLD_MAX:
            other = self._tables_of_topics.setdefault(shape.topic, shape.name)
            if other != shape.name:
                self._warn_once(
                    f"tables {other} and {shape.name} both go to topic {shape.topic}: leave one out with "
                    "table.exclude.list, or rename it"
                )
        if not shape.has_key_in_identity and shape.relation.identity != "n" and shape.key_names:
            self._warn_once(
                f"table {shape.name}: its replica identity does not have the record's key "
                f"({', '.join(shape.key_names)}), so deletions come without key and tombstone, and an update that "
                f"changes the key leaves the former one: run ALTER TABLE {shape.name.sql} REPLICA IDENTITY FULL, or "
                "correct message.key.columns"
            )

    # -- the snapshot ----------------------------------------------------------------------------------------------

    async def _poll_snapshot(self, reader: SnapshotReader) -> list[Batch] | None:
        piece = None if reader.is_done else await reader.next(WAIT_S)
        state = self._state
        assert state is not None, "it is being read"
        if piece is not None:
            batches = await asyncio.to_thread(self._read_piece, piece, state)
            self._figures.snapshot_read(batches, is_last_of_table=piece.is_last)
        elif reader.is_done:
            batches = []
        else:
            return None
        if reader.is_done:
            state.is_read = True
            self._figures.snapshot_ends()
            self._reader = None
            await reader.aclose()
            self.context.log.info("the snapshot is read; changes follow from %s on", format_lsn(state.end_lsn))
            if self.config.snapshot_mode.lower() == "initial_only":
                self._is_ended = True
        return self._placed(batches)

    def _read_piece(self, piece: Piece, state: SnapshotState) -> list[Batch]:
        """Make batches of a piece, and take note of it. On a thread."""
        table, rows = piece.table, rows_of(piece.text)
        name = str(table.name)
        if piece.is_last:
            state.note(name, self._run, None)
        elif table.order is not None and rows:
            state.note(name, self._run, table.order.key(rows[-1]))
        if not rows:
            return []
        now_us = time.time_ns() // 1000
        source = self._maker.snapshot_source(table.shape, state.runs[self._run].lsn, "true", now_us)
        size = self.config.snapshot_fetch_size
        return [
            self._maker.snapshot(table.shape, rows[start : start + size], source) for start in range(0, len(rows), size)
        ]

    # -- the stream ------------------------------------------------------------------------------------------------

    async def _poll_stream(self) -> list[Batch] | None:
        stream, changes, snapshots = self._stream, self._changes, self._snapshots
        if stream is None or changes is None or snapshots is None:
            await asyncio.sleep(WAIT_S)
            return None
        decoder = changes.decoder
        snapshots.step(decoder, stream)
        if decoder.is_at_fence:
            batches = await asyncio.to_thread(snapshots.join, self._maker)
            decoder.fence = None
            return self._placed(batches, decoder)
        async with explained(f"streaming from replication slot {self.config.slot_name}", self.config.target):
            if decoder.missing_bytes:
                if stream.waiting_bytes < min(decoder.missing_bytes, BUFFER_BYTES):
                    if snapshots.is_waiting:
                        stream.ask_for_position()
                    await stream.wait(snapshots.wait_s(self._upkeep.wait_s(WAIT_S)))
                data = stream.take()
                if not data:
                    return await self._idle(decoder)
            else:
                data = b""
            batches = await asyncio.to_thread(changes.read, data)
        while decoder.wanted is not None:
            await changes.judge(self._controlled)
            if not batches:
                batches = await asyncio.to_thread(changes.read, b"")
        self._figures.streamed(
            batches,
            transactions=changes.transactions - self._transactions,
            commit_us=changes.commit_us,
            waiting_bytes=stream.waiting_bytes,
        )
        self._transactions = changes.transactions
        if changes.signals:
            return await self._take_signals(batches, changes, snapshots)
        if not batches:
            return await self._idle(decoder)
        if await self._upkeep.is_due(await self._controlled()):
            batches.append(self._maker.heartbeat())
        return self._placed(batches, decoder)

    async def _take_signals(
        self, batches: list[Batch], changes: ChangeReader, snapshots: IncrementalSnapshots
    ) -> list[Batch]:
        """Do what signals ask for; what is left to do is in the offset that is behind them."""
        self._take_position(changes.decoder)
        signals, changes.signals = changes.signals, []
        await snapshots.take(signals, await self._controlled(), self._position.to_offset())
        self.context.request_commit()
        return self._placed(batches, changes.decoder)

    async def _idle(self, decoder: Decoder) -> list[Batch] | None:
        """Return what there is to return where no change came: a heartbeat, or the position alone."""
        if await self._upkeep.is_due(await self._controlled()):
            return self._placed([self._maker.heartbeat()], decoder)
        return self._progress(decoder)

    def _progress(self, decoder: Decoder) -> list[Batch] | None:
        """Return the position alone where it has moved and it is time, or the server waits for it."""
        now = time.monotonic()
        moved = decoder.transaction is None and decoder.committed_lsn > self._position.committed_lsn
        if not moved or not (decoder.wants_answer or now - self._told_at >= PROGRESS_S):
            if decoder.wants_answer and self._stream is not None:
                decoder.wants_answer = False
                self._stream.confirm(self._confirmed, at_once=True)
            return None
        if decoder.wants_answer:
            self.context.request_commit()
        return self._placed([], decoder)

    # -- offsets ---------------------------------------------------------------------------------------------------

    def _placed(self, batches: list[Batch], decoder: Decoder | None = None) -> list[Batch]:
        """Put the offset behind all of a poll's batches; an empty one carries it where there is none."""
        if decoder is not None:
            self._take_position(decoder)
        offset = self._position.to_offset()
        if self._state is not None:
            offset["snapshot"] = "INITIAL"
            offset["last_snapshot_record"] = self._state.is_read
            offset["snapshot_state"] = self._state.dumps()
        if self._snapshots is not None:
            self._incremental = self._snapshots.state.text
        if self._incremental:
            offset[OFFSET_KEY] = self._incremental
        if not batches:
            batches = [Batch(topic=self.config.topic_prefix, values=[])]
        for batch in batches:
            batch.source_partition = self._partition
        batches[-1].source_offset = self._offset = offset
        self._told_at = time.monotonic()
        return batches

    def _take_position(self, decoder: Decoder) -> None:
        committed, transaction = decoder.committed_lsn, decoder.transaction
        if decoder.is_resuming:
            return  # what was delivered of the transaction still counts
        if transaction is None or not transaction.changes:
            self._position = Position(committed, committed)
        else:
            self._position = Position(
                committed, decoder.last_lsn, transaction.xid, transaction.changes, transaction.commit_us
            )
        state = self._state
        if state is not None and transaction is None and committed > state.end_lsn:
            self._state = None  # whatever comes now was committed behind the snapshot
            if self._changes is not None:
                self._changes.snapshot = None


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _version(connection: Any) -> int:
    version = connection.get_server_version()
    return int(version.major) * 10_000 + int(version.minor)
