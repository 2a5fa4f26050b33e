"""Measure each converter: `python -m bench.converters [--records N] [--only NAME ...]` prints a table.

Each row is the best of many passes over one batch, so that other work on the machine does not count; a row and the bare
library call that it is compared with take turns. A row below its target says so.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import fastavro
import orjson

from connect.api import (
    BOOLEAN,
    FLOAT64,
    INT16,
    INT32,
    INT64,
    OPTIONAL_STRING,
    STRING,
    Converter,
    HeaderConverter,
    Schema,
)
from connect.runtime.tuning import tune_process
from connect_converters import (
    BooleanConverter,
    ByteArrayConverter,
    DoubleConverter,
    FloatConverter,
    IntegerConverter,
    JsonConverter,
    LongConverter,
    ShortConverter,
    SimpleHeaderConverter,
    StringConverter,
)
from connect_schemas import AvroConverter, JsonSchemaConverter
from tests.support.schema_registry import MemoryRegistry, memory_registry

#: Eight fields, as a table's rows have them.
ROW = Schema.struct(
    {
        "id": INT64,
        "name": STRING,
        "email": OPTIONAL_STRING,
        "total": FLOAT64,
        "paid": BOOLEAN,
        "count": INT32,
        "note": OPTIONAL_STRING,
        "rank": INT32.replace(optional=True),
    },
    name="shop.Row",
)
PLAIN = Schema.struct(
    {
        "id": INT64,
        "name": STRING,
        "email": OPTIONAL_STRING,
        "total": FLOAT64,
        "paid": BOOLEAN,
        "city": STRING,
        "street": STRING,
        "note": OPTIONAL_STRING,
        "zip": STRING,
    },
    name="order",
)
RICH = Schema.struct(
    {
        "id": INT32,
        "name": STRING,
        "total": Schema.decimal(2),
        "at": Schema.timestamp(),
        "paid": BOOLEAN,
        "city": OPTIONAL_STRING,
        "tags": Schema.array(STRING),
        "address": Schema.struct({"street": STRING, "zip": STRING}),
    },
    name="rich-order",
)


class Row(NamedTuple):
    """One measurement: what is called, and beside which bare call, where there is one."""

    name: str
    run: Callable[[], Any]
    bare: Callable[[], Any] | None = None
    most_bare: float | None = None
    least_per_s: int | None = None


def plain_value(i: int, *, nulls: bool = False) -> dict[str, Any]:
    """Return a record of about 200 bytes of JSON."""
    note = None if nulls and i % 2 else "leave it with the neighbour on the second floor"
    return {
        "id": i,
        "name": f"customer number {i}",
        "email": f"customer{i}@example.com",
        "total": i * 1.25,
        "paid": i % 2 == 0,
        "city": "Lisbon",
        "street": "Rua Augusta 1234",
        "note": note,
        "zip": "1100-048",
    }


def rich_value(i: int) -> dict[str, Any]:
    """Return a record of decimals, dates, lists and structs."""
    return {"id": i, "name": f"customer number {i}", "total": Decimal(i).scaleb(-2),
            "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "paid": True, "city": "Lisbon", "tags": ["new", "gift"],
            "address": {"street": "Rua Augusta 1234", "zip": "1100-048"}}  # fmt: skip


def row_value(i: int) -> dict[str, Any]:
    """Return a record of eight fields, two of every ten nullable ones null."""
    note, rank = (None if i % 5 == 0 else "leave it with the neighbour"), (None if i % 5 == 1 else i % 100)
    return {"id": i, "name": f"customer number {i}", "email": f"customer{i}@example.com", "total": i * 1.25,
            "paid": i % 2 == 0, "count": i % 1000, "note": note, "rank": rank}  # fmt: skip


def made(cls: type[Converter] | type[HeaderConverter], **config: str) -> Any:
    """Return a converter, configured."""
    converter = cls()
    converter.configure(cls.config_class.parse({name.replace("_", "."): value for name, value in config.items()}))
    return converter


def rows(count: int, registry: MemoryRegistry) -> list[Row]:
    """Return every measurement over batches of `count` records."""
    parts = (_schemaless, _envelopes, _text_and_bytes, _numbers, _headers)
    return [row for part in parts for row in part(count)] + _avro(count, registry) + _json_schema(count, registry)


def _avro(count: int, registry: MemoryRegistry) -> list[Row]:
    """Avro beside a loop that calls fastavro for each record, with the schema that is registered."""
    found = []
    for name, schema, value in (("8 fields", ROW, row_value), ("plain fields", PLAIN, plain_value)):
        found += _avro_rows(name, made(AvroConverter, schema_registry_url=registry.url), schema, count, value, registry)
    rich = made(AvroConverter, schema_registry_url=registry.url, scrub_invalid_names="true")
    return found + _avro_rows("rich fields", rich, RICH, count, rich_value, registry)


def _avro_rows(
    name: str,
    converter: Converter,
    schema: Schema,
    count: int,
    value: Callable[[int], dict[str, Any]],
    registry: MemoryRegistry,
) -> list[Row]:
    topic, values = name.replace(" ", "-"), [value(i) for i in range(count)]
    data = converter.encode(topic, schema, values)
    text = registry.subjects[f"{topic}-value"][0].body["schema"]
    parsed = fastavro.parse_schema(json.loads(text))

    def bare_write() -> list[bytes]:
        written = []
        for one in values:
            out = io.BytesIO()
            fastavro.schemaless_writer(out, parsed, one)
            written.append(out.getvalue())
        return written

    def bare_read() -> list[Any]:
        return [fastavro.schemaless_reader(io.BytesIO(item[5:]), parsed) for item in data if item is not None]

    assert bare_write() == [item[5:] for item in data if item is not None]
    assert bare_read() == converter.decode(topic, data)[0].values
    encode = lambda: converter.encode(topic, schema, values)  # noqa: E731
    decode = lambda: converter.decode(topic, data)  # noqa: E731
    return [
        Row(f"Avro {name}, encode", encode, bare_write, 1.3),
        Row(f"Avro {name}, decode", decode, bare_read, 1.3),
    ]


def _json_schema(count: int, registry: MemoryRegistry) -> list[Row]:
    """JSON Schema beside a loop that calls orjson for each record."""
    found = []
    for name, schema, value in (
        ("8 fields", ROW, row_value),
        ("plain fields", PLAIN, plain_value),
        ("rich fields", RICH, rich_value),
    ):
        converter = made(JsonSchemaConverter, schema_registry_url=registry.url)
        found += _json_schema_rows(name, converter, schema, [value(i) for i in range(count)])
    return found


def _json_schema_rows(name: str, converter: Converter, schema: Schema, values: list[dict[str, Any]]) -> list[Row]:
    topic = f"json-{name.replace(' ', '-')}"
    data = converter.encode(topic, schema, values)
    present = [item for item in data if item is not None]
    head, parsed = present[0][:5], [orjson.loads(item[5:]) for item in present]
    return [
        Row(
            f"JSON Schema {name}, encode",
            lambda: converter.encode(topic, schema, values),
            lambda: [head + orjson.dumps(one) for one in parsed],
            1.3,
        ),
        Row(
            f"JSON Schema {name}, decode",
            lambda: converter.decode(topic, data),
            lambda: [orjson.loads(item[5:]) for item in present],
            1.3,
        ),
    ]


def _schemaless(count: int) -> list[Row]:
    converter = made(JsonConverter, schemas_enable="false")
    found = []
    for name, nulls in (("schemaless", False), ("schemaless, nulls", True)):
        values = [plain_value(i, nulls=nulls) for i in range(count)]
        data = [orjson.dumps(value) for value in values]
        write, read = _encode(converter, None, values), _decode(converter, data)
        bare_write, bare_read = _each(orjson.dumps, values), _each(orjson.loads, data)
        found += [
            Row(f"Json {name}, encode", write, bare_write),
            Row(f"Json {name}, decode", read, bare_read, 1.25),
            Row(f"Json {name}, both ways", _both(write, read), _both(bare_write, bare_read), None if nulls else 1.25),
        ]
    return found


def _envelopes(count: int) -> list[Row]:
    found = []
    for name, schema, value in (("plain fields", PLAIN, plain_value), ("rich fields", RICH, rich_value)):
        converter, values = made(JsonConverter), [value(i) for i in range(count)]
        data = converter.encode("t", schema, values)
        found += [
            Row(f"Json envelope, {name}, encode", _encode(converter, schema, values), least_per_s=400_000),
            Row(f"Json envelope, {name}, decode", _decode(converter, data), least_per_s=400_000),
        ]
    return found


def _text_and_bytes(count: int) -> list[Row]:
    text, data = ["x" * 200] * count, [b"x" * 200] * count
    string, array = made(StringConverter), made(ByteArrayConverter)
    return [
        Row("String, encode text", _encode(string, STRING, text), _each(str.encode, text), 1.25),
        Row("String, encode bytes", _encode(string, None, data)),
        Row("String, decode", _decode(string, data), _each(bytes.decode, data), 1.25),
        Row("ByteArray, encode", _encode(array, None, data)),
        Row("ByteArray, decode", _decode(array, data)),
    ]


def _numbers(count: int) -> list[Row]:
    found = []
    for cls, schema, value in (
        (BooleanConverter, BOOLEAN, True),
        (ShortConverter, INT16, 5),
        (IntegerConverter, INT32, 5),
        (LongConverter, INT64, 5),
        (FloatConverter, None, 0.5),
        (DoubleConverter, FLOAT64, 0.5),
    ):
        converter, values = made(cls), [value] * count
        data, name = converter.encode("t", schema, values), cls.__name__.removesuffix("Converter")
        found += [
            Row(f"{name}, encode", _encode(converter, schema, values)),
            Row(f"{name}, decode", _decode(converter, data)),
        ]
    return found


def _headers(count: int) -> list[Row]:
    converter = made(SimpleHeaderConverter)
    texts = [b"17", b"a text of some words", b"2024-02-29", b'{"a":[1,2]}']
    found = []
    for text in texts:
        schema, value = converter.to_connect_header("t", "h", text)
        found += [
            Row(
                f"SimpleHeader {text.decode()}, encode",
                lambda s=schema, v=value: [converter.from_connect_header("t", "h", s, v) for _ in range(count)],
            ),
            Row(
                f"SimpleHeader {text.decode()}, decode",
                lambda t=text: [converter.to_connect_header("t", "h", t) for _ in range(count)],
            ),
        ]
    return found


def _encode(converter: Converter, schema: Schema | None, values: list[Any]) -> Callable[[], Any]:
    return lambda: converter.encode("t", schema, values)


def _decode(converter: Converter, data: list[bytes | None]) -> Callable[[], Any]:
    return lambda: converter.decode("t", data)


def _both(first: Callable[[], Any], second: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: (first(), second())


def _each(call: Callable[[Any], Any], items: list[Any]) -> Callable[[], Any]:
    return lambda: [call(item) for item in items]


def best(runs: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Return the shortest time of each run, in seconds; the runs take turns."""
    shortest = [float("inf")] * len(runs)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for index, run in enumerate(runs):
            began = time.perf_counter()
            result = run()
            shortest[index] = min(shortest[index], time.perf_counter() - began)
            del result
    return shortest


def show(row: Row, count: int, seconds: float) -> None:
    """Measure one row and print it."""
    took, *bare = best([row.run] if row.bare is None else [row.run, row.bare], seconds)
    per_s, ratio = round(count / took), took / bare[0] if bare else None
    below = (row.least_per_s or 0) > per_s or (
        row.most_bare is not None and ratio is not None and ratio > row.most_bare
    )
    target = f"{row.least_per_s:,}/s" if row.least_per_s else f"{row.most_bare:.2f} x" if row.most_bare else ""
    shown = f"{ratio:.2f} x" if ratio is not None else ""
    print(
        f"{row.name:<40}{took / count * 1e6:>9.3f}{per_s:>14,}{shown:>9}{target:>12}{'  below target' if below else ''}"
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.converters", description="Measure the converters.")
    parser.add_argument("--records", type=int, default=500, help="records in a batch")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each row is measured")
    parser.add_argument("--only", default="", help="rows whose name begins so")
    options = parser.parse_args()
    tune_process()  # as a worker does
    print(f"{'converter':<40}{'us/record':>9}{'records/s':>14}{'of bare':>9}{'target':>12}")
    with memory_registry() as registry:
        for row in rows(options.records, registry):
            if row.name.startswith(options.only):
                show(row, options.records, options.seconds)


if __name__ == "__main__":
    main()
