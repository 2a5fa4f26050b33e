"""Changes to batches: Debezium's envelope around rows, or rows alone; keys, tombstones, and the topics beside them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from connect.api import (
    BYTES,
    INT64,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    Batch,
    Repeated,
    Schema,
    StructColumn,
)
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.pgoutput import Boundary, Change, Message, Row, Transaction
from connect_postgres.cdc.shapes import SOURCE, TRANSACTION_BLOCK, Shape
from connect_postgres.version import VERSION

_TRANSACTION_KEY: Final = Schema.struct(
    {"id": STRING}, name="io.debezium.connector.common.TransactionMetadataKey", version=1
)
_COLLECTION: Final = Schema.struct(
    {"data_collection": STRING, "event_count": INT64}, name="event.collection", version=1
)
_TRANSACTION_VALUE: Final = Schema.struct(
    {
        "status": STRING,
        "id": STRING,
        "event_count": OPTIONAL_INT64,
        "data_collections": Schema.array(_COLLECTION, optional=True),
        "ts_ms": INT64,
    },
    name="io.debezium.connector.common.TransactionMetadataValue",
    version=1,
)
_MESSAGE_KEY: Final = Schema.struct(
    {"prefix": OPTIONAL_STRING}, name="io.debezium.connector.postgresql.MessageKey", version=1
)
_MESSAGE_BLOCK: Final = Schema.struct(
    {"prefix": OPTIONAL_STRING, "content": BYTES.replace(optional=True)},
    name="io.debezium.connector.postgresql.Message",
    version=1,
)
_MESSAGE_VALUE: Final = Schema.struct(
    {
        "op": STRING,
        "ts_ms": OPTIONAL_INT64,
        "ts_us": OPTIONAL_INT64,
        "ts_ns": OPTIONAL_INT64,
        "source": SOURCE,
        "transaction": TRANSACTION_BLOCK,
        "message": _MESSAGE_BLOCK,
    },
    name="io.debezium.connector.postgresql.MessageValue",
    version=1,
)
_HEARTBEAT_KEY: Final = Schema.struct(
    {"serverName": STRING}, name="io.debezium.connector.common.ServerNameKey", version=1
)
_HEARTBEAT_VALUE: Final = Schema.struct({"ts_ms": INT64}, name="io.debezium.connector.common.Heartbeat", version=1)


class RecordMaker:
    """Makes batches for one connector. Where records came from is in each; offsets are the caller's to set.

    Args:
        database: Its name, for the source block.
    """

    def __init__(self, config: CdcConfig, database: str) -> None:
        self._config = config
        self._database = database
        self._is_flat = config.output_format == "flat"
        self._tombstones = config.tombstones_on_delete
        self._skipped = config.skipped
        self._with_transactions = config.provide_transaction_metadata

    # -- changes ---------------------------------------------------------------------------------------------------

    def changes(
        self, shape: Shape, changes: Sequence[Change], orders: Sequence[tuple[int, int]] | None = None
    ) -> list[Batch]:
        """Make batches of changes of one table, in their order: one, and where there are tombstones more.

        Args:
            orders: Each one's place in its transaction, and among its table's there, where records are to say that.
        """
        if not changes:
            return []
        operations, _, _, _, news, olds, _ = zip(*changes, strict=True)
        befores = None if None in news or shape.held_keys is not None else self._alike(shape, changes, olds)
        if befores is None:
            return self._mixed(shape, changes, news, olds, orders)
        if isinstance(befores, Repeated):
            afters = shape.columns_of(news)
        else:
            afters = shape.columns_of(news, olds=olds)
            if any(befores.fields[name] != afters.fields[name] for name in shape.key_names):
                return self._mixed(shape, changes, news, olds, orders)
        if self._is_flat:
            return [self._batch(shape, afters, shape.keys(afters))]
        blocks = _blocks(changes, orders)
        values = self._envelopes(shape, changes, operations, befores, afters, blocks, time.time_ns())
        return [self._batch(shape, values, shape.keys(afters))]

    def _alike(
        self, shape: Shape, changes: Sequence[Change], olds: Sequence[Row | None]
    ) -> StructColumn | Repeated | None:
        """Return the rows before the changes where all came whole, or none came; None otherwise."""
        if olds.count(None) == len(olds):
            return Repeated(None)
        if None in olds or any(change.old_is_key for change in changes):
            return None
        return shape.columns_of(olds)  # type: ignore[arg-type] # none is None

    def _mixed(
        self,
        shape: Shape,
        changes: Sequence[Change],
        news: Sequence[Row | None],
        olds: Sequence[Row | None],
        orders: Sequence[tuple[int, int]] | None,
    ) -> list[Batch]:
        """Make records of changes of several kinds: an update of the key becomes a delete and an insert.

        A tombstone has no schema, so those of some changes are a batch of their own behind them, in front of the next
        change of any of their keys. A record without key, which a TRUNCATE is, has no key's schema: a batch of its own
        too.
        """
        present = [number for number, row in enumerate(news) if row is not None]
        # The row before has a large key too that an update left as it was, also where the key is all it has.
        formers = [olds[n] for n in present]
        afters = dict(zip(present, shape.read([news[n] for n in present], olds=formers), strict=True))  # type: ignore[misc]
        befores = self._befores(shape, changes, olds)
        blocks, now_ns = _blocks(changes, orders), time.time_ns()
        batches: list[Batch] = []
        records: list[tuple[int, str, Any, Any]] = []
        keys: list[Any] = []
        ended: dict[str, Any] = {}
        is_flat = self._is_flat

        def settle() -> None:
            if records:
                numbers, ops, olds, news = zip(*records, strict=True)
                values: Sequence[Any] = list(news)
                if not is_flat:
                    made = [changes[number] for number in numbers]
                    said = blocks if isinstance(blocks, Repeated) else [blocks[number] for number in numbers]
                    values = self._envelopes(shape, made, ops, list(olds), values, said, now_ns)
                batches.append(self._batch(shape, values, keys.copy() if keys[0] is not None else None))
            if ended:
                batches.append(self._tombstones_of(shape, list(ended.values())))
            records.clear()
            keys.clear()
            ended.clear()

        def add(op: str, before: Any, after: Any, key: Any) -> None:
            if (ended and repr(key) in ended) or (keys and (key is None) != (keys[0] is None)):
                settle()
            if not is_flat or after is not None:
                records.append((number, op, before, after))
                keys.append(key)

        def add_tombstone(key: Any) -> None:
            if key is not None and (self._tombstones or is_flat):
                ended[repr(key)] = key

        held = shape.held_keys
        for number, change in enumerate(changes):
            before, after = befores.get(number), afters.get(number)
            if held is not None:
                held.begin(change.transaction)
            has_former = before is not None and (shape.has_key_in_identity or not change.old_is_key)
            if change.operation == "t":
                add("t", None, None, None)
                if held is not None:
                    held.empty()
            elif change.operation == "d":
                key = self._key(shape, before) if has_former else None
                if held is None or held.give_up(key, change):
                    add("d", before, None, key)
                    add_tombstone(key)
            elif change.operation == "u":
                key = self._key(shape, after)
                former = self._key(shape, before) if has_former else key
                if former != key:
                    is_free = held is None or held.give_up(former, change)
                    if held is not None:
                        held.take(key, change)
                    if "d" in self._skipped:
                        add("u", before, after, key)
                        continue
                    if is_free:
                        add("d", before, None, former)
                        add_tombstone(former)
                    add("c", None, after, key)
                elif held is None or held.keep(key, change):
                    add("u", before, after, key)
            else:
                if held is not None:
                    held.take(self._key(shape, after), change)
                add(change.operation, None, after, self._key(shape, after))
        settle()
        return batches

    def _befores(
        self, shape: Shape, changes: Sequence[Change], olds: Sequence[Row | None]
    ) -> dict[int, dict[str, Any]]:
        wholes = [n for n, old in enumerate(olds) if old is not None and not changes[n].old_is_key]
        parts = [n for n, old in enumerate(olds) if old is not None and changes[n].old_is_key]
        found = dict(zip(wholes, shape.read([olds[n] for n in wholes]), strict=True))  # type: ignore[misc]
        found.update(zip(parts, shape.read_keys([olds[n] for n in parts]), strict=True))  # type: ignore[misc]
        return found

    def snapshot(self, shape: Shape, rows: Sequence[Row], source: dict[str, Any]) -> Batch:
        """Make one batch of rows that were read. `source`: of `snapshot_source`."""
        afters = shape.columns_of(rows)
        if self._is_flat:
            return self._batch(shape, afters, shape.keys(afters))
        none, now_ns = Repeated(None), time.time_ns()
        values = _envelopes(Repeated("r"), none, afters, Repeated(source), none, len(rows), now_ns)
        return self._batch(shape, values, shape.keys(afters))

    def snapshot_source(self, shape: Shape, lsn: int, kind: str, read_us: int) -> dict[str, Any]:
        """Return the source block of a snapshot's rows: of a position, and read at a time."""
        source = self._source_of(shape, None)
        source["snapshot"] = kind
        source["ts_ms"], source["ts_us"], source["ts_ns"] = read_us // 1000, read_us, read_us * 1000
        source["lsn"] = lsn
        source["sequence"] = f'[null,"{lsn}"]'
        return source

    def _batch(self, shape: Shape, values: Sequence[Any], keys: Sequence[Any] | None) -> Batch:
        return Batch(
            topic=shape.topic,
            values=_listed(values),
            keys=None if keys is None else _listed(keys),
            key_schema=shape.key_schema if keys is not None else None,
            value_schema=shape.row_schema if self._is_flat else shape.envelope_schema,
        )

    def _tombstones_of(self, shape: Shape, keys: list[Any]) -> Batch:
        return Batch(topic=shape.topic, values=[None] * len(keys), keys=keys, key_schema=shape.key_schema)

    def _key(self, shape: Shape, row: dict[str, Any] | None) -> dict[str, Any] | None:
        if row is None or not shape.key_names:
            return None
        return {name: row[name] for name in shape.key_names}

    # -- source blocks ---------------------------------------------------------------------------------------------

    def _source_of(self, shape: Shape | None, transaction: Transaction | None) -> dict[str, Any]:
        us = transaction.commit_us if transaction else time.time_ns() // 1000
        return {
            "version": VERSION,
            "connector": "postgresql",
            "name": self._config.topic_prefix,
            "ts_ms": us // 1000,
            "snapshot": "false",
            "db": self._database,
            "sequence": None,
            "ts_us": us,
            "ts_ns": us * 1000,
            "schema": shape.relation.schema if shape else "",
            "table": shape.relation.name if shape else "",
            "txId": transaction.xid if transaction else None,
            "lsn": None,
            "xmin": None,
        }

    def _envelopes(
        self,
        shape: Shape,
        changes: Sequence[Change],
        operations: Sequence[str],
        befores: Sequence[Any] | Repeated,
        afters: Sequence[Any],
        blocks: Sequence[Any] | Repeated,
        now_ns: int,
    ) -> StructColumn:
        """Return Debezium's envelopes around rows."""
        return _envelopes(operations, befores, afters, self._sources(shape, changes), blocks, len(changes), now_ns)

    def _sources(self, shape: Shape, changes: Sequence[Change]) -> StructColumn:
        """Return the source blocks of changes; what is of a transaction is made once for it."""
        fields: dict[str, Sequence[Any] | Repeated] = {
            name: Repeated(value) for name, value in self._source_of(shape, None).items()
        }
        texts, found = [], []
        known: Transaction | None = None
        before, own = "", (0, 0, 0, 0)
        for change in changes:
            transaction = change.transaction
            if transaction is not known:
                known = transaction
                us = transaction.commit_us
                before, own = f'["{transaction.previous_lsn}","', (us // 1000, us, us * 1000, transaction.xid)
            texts.append(f'{before}{change.lsn}"]')
            found.append(own)
        fields["sequence"], fields["lsn"] = texts, [change.lsn for change in changes]
        fields["ts_ms"], fields["ts_us"], fields["ts_ns"], fields["txId"] = map(list, zip(*found, strict=True))
        return StructColumn(fields, len(changes))

    # -- beside the tables -----------------------------------------------------------------------------------------

    def messages(self, messages: Sequence[Message]) -> Batch:
        """Make one batch of logical messages, for the topic PREFIX.message."""
        stamp = _Stamp()
        values, keys = [], []
        for message in messages:
            source = self._source_of(None, message.transaction)
            source["lsn"] = message.lsn
            before = f'"{message.transaction.previous_lsn}"' if message.transaction else "null"
            source["sequence"] = f'[{before},"{message.lsn}"]'
            envelope = stamp.envelope("m", None, None, source, None)
            del envelope["before"], envelope["after"]
            envelope["message"] = {"prefix": message.prefix, "content": message.content}
            values.append(envelope)
            keys.append({"prefix": message.prefix})
        return Batch(
            topic=f"{self._config.topic_prefix}.message",
            values=values,
            keys=keys,
            key_schema=_MESSAGE_KEY,
            value_schema=_MESSAGE_VALUE,
        )

    def transactions(self, boundaries: Sequence[Boundary]) -> Batch:
        """Make one batch of begins and ends of transactions, for the topic of transactions."""
        values, keys = [], []
        for boundary in boundaries:
            transaction = boundary.transaction
            id_ = transaction_id(transaction)
            counts = transaction.counts
            values.append(
                {
                    "status": "END" if boundary.is_end else "BEGIN",
                    "id": id_,
                    "event_count": sum(counts.values()) if boundary.is_end else None,
                    "data_collections": (
                        [{"data_collection": name, "event_count": count} for name, count in counts.items()]
                        if boundary.is_end
                        else None
                    ),
                    "ts_ms": transaction.commit_us // 1000,
                }
            )
            keys.append({"id": id_})
        return Batch(
            topic=f"{self._config.topic_prefix}.{self._config.topic_transaction}",
            values=values,
            keys=keys,
            key_schema=_TRANSACTION_KEY,
            value_schema=_TRANSACTION_VALUE,
        )

    def heartbeat(self) -> Batch:
        """Make one batch of one heartbeat."""
        return Batch(
            topic=f"{self._config.topic_heartbeat_prefix}.{self._config.topic_prefix}",
            values=[{"ts_ms": time.time_ns() // 1_000_000}],
            keys=[{"serverName": self._config.topic_prefix}],
            key_schema=_HEARTBEAT_KEY,
            value_schema=_HEARTBEAT_VALUE,
        )


def transaction_id(transaction: Transaction) -> str:
    """Return a transaction's id as Debezium writes it: its number and its position."""
    return f"{transaction.xid}:{transaction.final_lsn}"


def _listed(column: Sequence[Any]) -> list[Any]:
    return column.for_batch() if isinstance(column, StructColumn) else list(column)


def _blocks(changes: Sequence[Change], orders: Sequence[tuple[int, int]] | None) -> Sequence[dict[str, Any]] | Repeated:
    """Return what each record says of its transaction; None where nothing is to be said."""
    if orders is None:
        return Repeated(None)
    return [
        {"id": transaction_id(change.transaction), "total_order": total, "data_collection_order": of_table}
        for change, (total, of_table) in zip(changes, orders, strict=True)
    ]


def _envelopes(
    operations: Sequence[str] | Repeated,
    befores: Sequence[Any] | Repeated,
    afters: Sequence[Any],
    sources: StructColumn | Repeated,
    blocks: Sequence[Any] | Repeated,
    count: int,
    now_ns: int,
) -> StructColumn:
    return StructColumn(
        {
            "before": befores,
            "after": afters,
            "source": sources,
            "transaction": blocks,
            "op": operations,
            "ts_ms": Repeated(now_ns // 1_000_000),
            "ts_us": Repeated(now_ns // 1000),
            "ts_ns": Repeated(now_ns),
        },
        count,
    )


class _Stamp:
    """The time at which a poll's changes were read, once for all of them."""

    def __init__(self) -> None:
        self._ns = time.time_ns()

    def envelope(
        self, op: str, before: Any, after: Any, source: dict[str, Any], block: dict[str, Any] | None
    ) -> dict[str, Any]:
        return {
            "before": before,
            "after": after,
            "source": source,
            "transaction": block,
            "op": op,
            "ts_ms": self._ns // 1_000_000,
            "ts_us": self._ns // 1000,
            "ts_ns": self._ns,
        }
