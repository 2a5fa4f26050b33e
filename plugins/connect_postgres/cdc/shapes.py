"""A table's shape: from what the stream and the catalog tell of it to schemas, and to what reads its columns.

Schemas have Debezium's names: PREFIX.SCHEMA.TABLE.Value, .Key and .Envelope.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from connect.api import (
    DECIMAL_NAME,
    INT64,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    ConfigError,
    Schema,
    SchemaType,
    StructColumn,
)
from connect_postgres.cdc.catalog import CatalogTable
from connect_postgres.cdc.column_types import ColumnType, ColumnTypes
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.held_keys import HeldKeys
from connect_postgres.cdc.pgoutput import UNCHANGED, Relation, Row
from connect_postgres.names import TableName
from connect_postgres.unchanged import is_recognised

SNAPSHOT_KINDS: Final = "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"
TRANSACTION_BLOCK: Final = Schema.struct(
    {"id": STRING, "total_order": INT64, "data_collection_order": INT64},
    name="event.block",
    version=1,
    optional=True,
)
SOURCE: Final = Schema.struct(
    {
        "version": STRING,
        "connector": STRING,
        "name": STRING,
        "ts_ms": INT64,
        "snapshot": Schema(
            SchemaType.STRING,
            optional=True,
            name="io.debezium.data.Enum",
            version=1,
            parameters={"allowed": SNAPSHOT_KINDS},
            default="false",
        ),
        "db": STRING,
        "sequence": OPTIONAL_STRING,
        "ts_us": OPTIONAL_INT64,
        "ts_ns": OPTIONAL_INT64,
        "schema": STRING,
        "table": STRING,
        "txId": OPTIONAL_INT64,
        "lsn": OPTIONAL_INT64,
        "xmin": OPTIONAL_INT64,
    },
    name="io.debezium.connector.postgresql.Source",
    version=1,
)
#: What stands for null in a column that takes none, where the server did not send the value: Debezium's fillers.
_FILLERS: Final[dict[SchemaType, Any]] = {
    SchemaType.BOOLEAN: False,
    SchemaType.STRING: "",
    SchemaType.BYTES: b"",
    SchemaType.FLOAT32: 0.0,
    SchemaType.FLOAT64: 0.0,
    SchemaType.INT8: 0,
    SchemaType.INT16: 0,
    SchemaType.INT32: 0,
    SchemaType.INT64: 0,
    SchemaType.ARRAY: [],
    SchemaType.MAP: {},
}


@dataclass(frozen=True, slots=True)
class ShapedColumn:
    """A column that is read.

    Attributes:
        index: Its place in the relation's rows.
        filler: What stands for a null that only means that the server did not send the value.
    """

    name: str
    index: int
    type: ColumnType
    schema: Schema
    filler: Any


class Shape:
    """How one relation's changes become records.

    Attributes:
        topic: Where they go.
        key_schema: None where records have no key.
        row_schema: Of the row by itself.
        envelope_schema: Of the row before and after, with all that Debezium puts around it.
        has_full_identity: Whether the row before a change comes whole.
        has_key_in_identity: Whether a row before a change has the key's columns, however little of it comes.
        held_keys: Which rows have which keys within a transaction, where two may have one.
        unavailable: Columns of which values did not come, and for which no text can stand.
    """

    def __init__(self, relation: Relation, table: CatalogTable, config: CdcConfig) -> None:
        """May take as long as the config's patterns may: not on the event loop.

        Raises:
            ConfigError: message.key.columns names a column that there is not.
        """
        self.relation = relation
        self.name = TableName(relation.name, relation.schema)
        self.topic = config.topic_of(relation.schema, relation.name)
        self.has_full_identity = relation.identity == "f"
        self.held_keys = HeldKeys() if table.is_deferrable and self.has_full_identity else None
        self.unavailable: set[str] = set()
        key = _key_columns(relation, table, config, self.name)
        types = ColumnTypes(config.style, table.types)
        columns = []
        for index, column in enumerate(relation.columns):
            if column.name not in key and not config.selects_column(self.name, column.name):
                continue
            known = table.columns.get(column.name)
            made = types.of(column.type_oid, column.modifier, known.dimensions if known else 1)
            is_optional = known is None or not known.not_null
            schema = made.schema.replace(optional=True) if is_optional else made.schema
            columns.append(
                ShapedColumn(column.name, index, made, schema, None if is_optional else _filler(made.schema))
            )
        self._key = key
        sent = {column.name for column in relation.columns if column.in_identity}
        self.has_key_in_identity = relation.identity == "f" or sent.issuperset(key)
        self._take(columns)

    def _take(self, columns: Sequence[ShapedColumn]) -> None:
        """Make schemas of columns."""
        self.columns: tuple[ShapedColumn, ...] = tuple(columns)
        self.names = [column.name for column in columns]
        base = self.topic
        fields = {column.name: column.schema for column in columns}
        self.row_schema = Schema.struct(fields, name=f"{base}.Value")
        optional_row = self.row_schema.replace(optional=True)
        self.envelope_schema = Schema.struct(
            {
                "before": optional_row,
                "after": optional_row,
                "source": SOURCE,
                "transaction": TRANSACTION_BLOCK,
                "op": STRING,
                "ts_ms": OPTIONAL_INT64,
                "ts_us": OPTIONAL_INT64,
                "ts_ns": OPTIONAL_INT64,
            },
            name=f"{base}.Envelope",
            version=2,
        )
        self.key_names = [name for name in self._key if name in fields]
        self.key_schema = (
            Schema.struct({name: fields[name] for name in self.key_names}, name=f"{base}.Key")
            if self.key_names
            else None
        )

    def _loosen(self, name: str) -> None:
        """Let a column take null from here on: the catalog tells of now, and the stream of before or, by now, behind
        that."""
        self._take(
            [
                replace(column, schema=column.schema.replace(optional=True), filler=None)
                if column.name == name
                else column
                for column in self.columns
            ]
        )

    def columns_of(
        self, rows: Sequence[Row], *, olds: Sequence[Row | None] | None = None, are_whole: bool = True
    ) -> StructColumn:
        """Read rows of the server's texts, column by column. The schemas fit them afterwards: a column that takes no
        null by the catalog, and has one, takes it from then on.

        A value that Connect's type does not hold stays the server's text, so that its record, and no other, fails in
        the converter, or passes as text where there is no schema to say otherwise.

        Args:
            olds: The rows before the change: what the server did not send of a row is taken from there, if it can.
            are_whole: Whether a null is one, and not a value that did not come.
        """
        if not rows:
            return StructColumn({name: [] for name in self.names}, 0)
        columns = list(zip(*rows, strict=True))
        if len(columns) != len(self.relation.columns):
            raise IndexError(f"{self.name}: {len(columns)} values for {len(self.relation.columns)} columns")
        parsed: dict[str, list[Any]] = {}
        for column in self.columns:
            texts = columns[column.index]
            if are_whole and not column.schema.optional and None in texts:
                self._loosen(column.name)
            if UNCHANGED in texts:
                parsed[column.name], is_whole = _with_unchanged(column, texts, olds)
                if not is_whole and not is_recognised(column.schema):
                    self.unavailable.add(column.name)
            elif None in texts:
                parsed[column.name] = _with_nulls(column.type, texts)
            else:
                parsed[column.name] = _whole(column.type, texts)
        return StructColumn(parsed, len(rows))

    def read(
        self, rows: Sequence[Row], *, olds: Sequence[Row | None] | None = None, are_whole: bool = True
    ) -> list[dict[str, Any]]:
        """Return the same as dicts."""
        return list(self.columns_of(rows, olds=olds, are_whole=are_whole))

    def read_keys(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Turn rows of which only the replica identity came into dicts, null or a filler for all else."""
        found = self.read(rows, are_whole=False)
        for column in self.columns:
            if column.filler is not None:
                for row in found:
                    if row[column.name] is None:
                        row[column.name] = column.filler
        return found

    def keys(self, rows: StructColumn) -> StructColumn | None:
        """Return the keys of rows; None where there are none."""
        if not self.key_names:
            return None
        return StructColumn({name: rows.fields[name] for name in self.key_names}, len(rows))


def _key_columns(relation: Relation, table: CatalogTable, config: CdcConfig, name: TableName) -> tuple[str, ...]:
    known = {column.name for column in relation.columns}
    for pattern, columns in config.key_columns:
        if config.matches("message.key.columns", [pattern], str(name)):
            missing = [column for column in columns if column not in known]
            if missing:
                raise ConfigError(
                    f"table {name} has no column {', '.join(missing)}; it has {', '.join(sorted(known))}",
                    config_path="message.key.columns",
                    hint="Correct message.key.columns; names are compared with case.",
                )
            return tuple(columns)
    identity: tuple[str, ...] = ()
    if relation.identity in ("d", "i"):
        identity = tuple(column.name for column in relation.columns if column.in_identity)
    # The row before a change has the identity's columns and no others. Where the primary key is not among them, a
    # deletion could not say whose it is: of an index that is the identity, or of a key that was another one then.
    if table.key and set(table.key) <= (set(identity) or known):
        return table.key
    return identity


def _filler(schema: Schema) -> Any:
    if schema.type is SchemaType.STRUCT:
        return {field.name: None if field.schema.optional else _filler(field.schema) for field in schema.fields}
    if schema.name == DECIMAL_NAME:
        # Converters ask for the very scale.
        return Decimal((0, (0,), -int((schema.parameters or {}).get("scale", "0"))))
    return _LOGICAL_FILLERS.get(schema.name or "", _FILLERS.get(schema.type))


_LOGICAL_FILLERS: Final[dict[str, Any]] = {
    "org.apache.kafka.connect.data.Date": dt.date(1970, 1, 1),
    "org.apache.kafka.connect.data.Time": dt.time(),
    "org.apache.kafka.connect.data.Timestamp": dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
}


def _whole(kind: ColumnType, texts: Sequence[bytes]) -> list[Any]:
    try:
        return kind.parse_all(texts) if kind.parse_all is not None else list(map(kind.parse, texts))
    except (ValueError, ArithmeticError):
        return [_careful(kind.parse, text) for text in texts]


def _with_nulls(kind: ColumnType, texts: Sequence[bytes | None]) -> list[Any]:
    present = iter(_whole(kind, [text for text in texts if text is not None]))
    return [None if text is None else next(present) for text in texts]


def _with_unchanged(
    column: ShapedColumn, texts: Sequence[Any], olds: Sequence[Row | None] | None
) -> tuple[list[Any], bool]:
    """Return the values, and whether all of them are known."""
    found, is_whole = [], True
    for number, text in enumerate(texts):
        if text is UNCHANGED and olds is not None and (old := olds[number]) is not None:
            text = old[column.index]
            text = UNCHANGED if text is None else text
        if text is UNCHANGED:
            found.append(column.type.placeholder)
            is_whole = False
        else:
            found.append(None if text is None else _careful(column.type.parse, text))
    return found, is_whole


def _careful(parse: Callable[[bytes], Any], text: bytes) -> Any:
    try:
        return parse(text)
    except (ValueError, ArithmeticError):
        return text.decode(errors="replace")
