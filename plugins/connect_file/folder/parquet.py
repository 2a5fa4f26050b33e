"""Parquet, by pyarrow.

| Connect                  | Arrow                  |
|--------------------------|------------------------|
| INT8 … INT64             | int8 … int64           |
| FLOAT32, FLOAT64         | float, double          |
| BOOLEAN, STRING, BYTES   | bool, string, binary   |
| Decimal                  | decimal128(38, scale)  |
| Date, Time               | date32, time64[us]     |
| Timestamp                | timestamp[us, tz=UTC]  |
| STRUCT, ARRAY, MAP       | struct, list, map      |

A field that is not optional is not null in the file; within structs, lists and maps all may be.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Final

from connect.api import (
    DATE_NAME,
    DECIMAL_NAME,
    TIME_NAME,
    TIMESTAMP_NAME,
    Batch,
    ConfigError,
    DataError,
    Schema,
    SchemaType,
)
from connect_file.folder.encoding import short_name

#: Digits that a Decimal may have.
DECIMAL_DIGITS: Final = 38
#: A row group is written once its columns take so much in memory.
ROW_GROUP_BYTES: Final = 16 << 20

_Convert = Callable[[Any], Any]


def pyarrow_modules() -> tuple[Any, Any]:
    """Return pyarrow, and its module for Parquet.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(
            "format=parquet needs pyarrow, which is not installed",
            config_path="format",
            hint="pip install 'connect-runtime[parquet]', or choose another format.",
        ) from None
    return pyarrow, pyarrow.parquet


class ParquetEncoder:
    """Each record is a row; its fields are columns of the types of their schemas. See `encoding.Encoder`.

    Raises:
        ConfigError: pyarrow is not installed.
    """

    extension = ".parquet"
    is_one_each = False

    def __init__(self, codec: str) -> None:
        self._arrow, self._parquet = pyarrow_modules()
        self._codec = codec
        #: By schema of values: Arrow's, and its name.
        self._schemas: dict[Schema, tuple[Any, str]] = {}
        #: By Arrow's: the fields.
        self._fields: dict[Any, list[tuple[str, Schema, _Convert | None]]] = {}

    def layout(self, batch: Batch, values: Sequence[Any], before: Any) -> Any:
        found, _ = self._known(batch.value_schema)
        return before if found == before else found

    def layout_name(self, batch: Batch) -> str:
        return self._known(batch.value_schema)[1]

    def chunk(self, values: list[Any], layout: Any) -> Any:
        columns = []
        for name, schema, convert in self._fields[layout]:
            column = [value.get(name) for value in values]
            if not schema.optional and None in column:
                if schema.default is None:
                    raise DataError(f"field {name!r} is null and its schema is not optional")
                column = [schema.default if value is None else value for value in column]
            if convert is not None:
                column = list(map(convert, column))
            columns.append(self._array(column, layout.field(name).type, name))
        return self._arrow.RecordBatch.from_arrays(columns, schema=layout)

    def body(self, layout: Any) -> ParquetBody:
        return ParquetBody(self._arrow, self._parquet, layout, self._codec)

    def _array(self, column: list[Any], kind: Any, name: str) -> Any:
        try:
            return self._arrow.array(column, kind)
        except (self._arrow.ArrowException, TypeError, ValueError, OverflowError, AttributeError):
            # Without their words: they may hold the value.
            raise DataError(f"field {name!r} is not of its schema's type, or does not fit into {kind}") from None

    def _known(self, schema: Schema | None) -> tuple[Any, str]:
        if schema is None or schema.type is not SchemaType.STRUCT:
            what = "no schema" if schema is None else f"schema {schema.type.name}"
            raise DataError(
                f"the record has {what}, and Parquet needs one of a struct",
                hint="Use a converter with schemas, as JsonConverter with schemas.enable=true, or format=json.",
            )
        known = self._schemas.get(schema)
        if known is None:
            fields = [
                self._arrow.field(field.name, self._type(field.schema, field.name), nullable=field.schema.optional)
                for field in schema.fields
            ]
            if not fields:
                raise DataError("the record has no fields, so it has no columns")
            found = self._arrow.schema(fields)
            known = self._schemas[schema] = found, short_name(str(found))
            self._fields[found] = [(field.name, field.schema, converter(field.schema)) for field in schema.fields]
        return known

    def _type(self, schema: Schema | None, name: str) -> Any:
        arrow = self._arrow
        if schema is None:
            raise DataError(f"field {name!r} has items without a schema")
        if schema.name == DECIMAL_NAME:
            scale = int((schema.parameters or {}).get("scale", "0"))
            if not 0 <= scale <= DECIMAL_DIGITS:
                raise DataError(f"field {name!r} is a Decimal of scale {scale}; Parquet has 0 to {DECIMAL_DIGITS}")
            return arrow.decimal128(DECIMAL_DIGITS, scale)
        logical = {
            DATE_NAME: arrow.date32,
            TIME_NAME: lambda: arrow.time64("us"),
            TIMESTAMP_NAME: lambda: arrow.timestamp("us", tz="UTC"),
        }.get(schema.name or "")
        if logical is not None:
            return logical()
        if schema.type is SchemaType.STRUCT:
            if not schema.fields:
                raise DataError(f"field {name!r} is a struct without fields, which Parquet has not")
            return arrow.struct([arrow.field(one.name, self._type(one.schema, name)) for one in schema.fields])
        if schema.type is SchemaType.ARRAY:
            return arrow.list_(self._type(schema.value_schema, name))
        if schema.type is SchemaType.MAP:
            return arrow.map_(self._type(schema.key_schema, name), self._type(schema.value_schema, name))
        return {
            SchemaType.INT8: arrow.int8,
            SchemaType.INT16: arrow.int16,
            SchemaType.INT32: arrow.int32,
            SchemaType.INT64: arrow.int64,
            SchemaType.FLOAT32: arrow.float32,
            SchemaType.FLOAT64: arrow.float64,
            SchemaType.BOOLEAN: arrow.bool_,
            SchemaType.STRING: arrow.string,
            SchemaType.BYTES: arrow.binary,
        }[schema.type]()


def converter(schema: Schema) -> _Convert | None:
    """Return what makes a value one that pyarrow takes; None where it takes it as it is."""
    if schema.is_logical:
        return None
    if schema.type is SchemaType.BYTES:
        return lambda value: None if value is None else bytes(value)
    if schema.type is SchemaType.STRUCT:
        inner = {field.name: converter(field.schema) for field in schema.fields}
        if not any(inner.values()):
            return None
        return lambda value: (
            None
            if value is None
            else {
                name: value.get(name) if convert is None else convert(value.get(name))
                for name, convert in inner.items()
            }
        )
    if schema.type is SchemaType.ARRAY and schema.value_schema is not None:
        if (each := converter(schema.value_schema)) is None:
            return None
        return lambda value: None if value is None else [each(one) for one in value]
    if schema.type is SchemaType.MAP and schema.key_schema is not None and schema.value_schema is not None:
        key = converter(schema.key_schema) or _same
        item = converter(schema.value_schema) or _same
        return lambda value: None if value is None else [(key(one), item(other)) for one, other in value.items()]
    return None


def _same(value: Any) -> Any:
    return value


class _Gathered(io.RawIOBase):
    """Takes what pyarrow writes, until it is taken from here."""

    def __init__(self) -> None:
        super().__init__()
        self._data = bytearray()
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        count = memoryview(data).nbytes
        self._data += data
        self._position += count
        return count

    def take(self) -> bytes:
        data, self._data = bytes(self._data), bytearray()
        return data


class ParquetBody:
    """A file: row groups, and what stands at the end about all of them. See `encoding.Body`."""

    def __init__(self, arrow: Any, parquet: Any, schema: Any, codec: str) -> None:
        self._arrow, self._schema = arrow, schema
        self._file = _Gathered()
        self._writer = parquet.ParquetWriter(self._file, schema, compression=codec)
        self._batches: list[Any] = []
        self.held_bytes = 0

    def add(self, chunk: Any) -> bytes:
        self._batches.append(chunk)
        self.held_bytes += chunk.nbytes
        return self.release() if self.held_bytes >= ROW_GROUP_BYTES else b""

    def release(self) -> bytes:
        if self._batches:
            table = self._arrow.Table.from_batches(self._batches, schema=self._schema)
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
            self._batches, self.held_bytes = [], 0
        return self._file.take()

    def end(self) -> bytes:
        data = self.release()
        self._writer.close()
        return data + self._file.take()
