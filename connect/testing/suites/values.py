"""Values of every type, with and without schemas: made from a seed, so that a failure comes again.

No library for it, since the suites run where a plugin's author has pytest and nothing else.
"""

from __future__ import annotations

import datetime as dt
import math
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    OPTIONAL_STRING,
    STRING,
    Headers,
    Record,
    Schema,
    SchemaType,
)

_MOMENT: Final = dt.datetime(2024, 2, 29, 12, 30, 45, 678000, dt.UTC)

#: Each type that is no struct, array or map, with values at its edges.
PRIMITIVES: Final[Mapping[str, tuple[Schema, tuple[Any, ...]]]] = {
    "boolean": (BOOLEAN, (True, False)),
    "int8": (INT8, (0, -1, 127, -128)),
    "int16": (INT16, (0, 1, 32_767, -32_768)),
    "int32": (INT32, (0, 7, (1 << 31) - 1, -(1 << 31))),
    "int64": (INT64, (0, 1 << 53, (1 << 63) - 1, -(1 << 63))),
    "float32": (FLOAT32, (0.0, 1.5, -0.25, 65536.0)),
    "float64": (FLOAT64, (0.0, 0.1, -1e300, 5e-324)),
    "string": (STRING, ("", "text", "ü€😀", 'a "b"\n\\ c')),
    "bytes": (BYTES, (b"", b"text", bytes(range(256)))),
    "decimal": (Schema.decimal(2), (Decimal("0.00"), Decimal("-12.34"), Decimal("99999999999999999999.99"))),
    "date": (Schema.date(), (dt.date(1970, 1, 1), dt.date(2024, 2, 29), dt.date(1969, 12, 31))),
    "time": (Schema.time(), (dt.time(), dt.time(23, 59, 59, 999000))),
    "timestamp": (Schema.timestamp(), (dt.datetime(1970, 1, 1, tzinfo=dt.UTC), _MOMENT)),
}
#: What JSON has, and so what most plugins without schemas are given.
PLAIN: Final[Sequence[Any]] = (
    "text", "", "ü€😀", 0, -5, 1 << 53, 1.5, True, False, {}, [], {"a": 1, "b": "x", "c": None},
    [1, "a", None], {"a": {"b": [{"c": 1.5}]}},
)  # fmt: skip
#: What no value of a record is.
ODD: Final[Sequence[Any]] = (
    None, True, 1 << 70, math.nan, math.inf, "\ud800", b"\xff\x00", Decimal("NaN"), dt.timedelta(1), object, {1, 2},
    (1, 2), 1j, {1: 2}, {None: "a"}, {"a": {"a": [object]}}, [[[[[]]]]],
)  # fmt: skip
_NAMES: Final = ("a", "b", "id", "name", "ü")


class Values:
    """Makes schemas and values that fit them: the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def schema(self, depth: int = 2) -> Schema:
        """Return a schema with up to `depth` levels of structs, arrays and maps."""
        kind = self._random.random() if depth else 0.0
        optional = self._random.random() < 0.3
        if kind < 0.4:
            schema, edges = self._random.choice(list(PRIMITIVES.values()))
            return schema.replace(optional=optional, default=self._random.choice((None, None, edges[0])))
        if kind < 0.75:
            names = self._random.sample(_NAMES, self._random.randint(1, len(_NAMES)))
            return Schema.struct({name: self.schema(depth - 1) for name in names}, optional=optional, name="made.Up")
        if kind < 0.9:
            return Schema.array(self.schema(depth - 1), optional=optional)
        return Schema.map(STRING, self.schema(depth - 1), optional=optional)

    def value(self, schema: Schema) -> Any:
        """Return a value that fits a schema."""
        if schema.optional and schema.default is None and self._random.random() < 0.3:
            return None
        if schema.type is SchemaType.STRUCT:
            return {field.name: self.value(field.schema) for field in schema.fields}
        if schema.type is SchemaType.ARRAY and schema.value_schema is not None:
            return [self.value(schema.value_schema) for _ in range(self._random.randrange(4))]
        if schema.type is SchemaType.MAP and schema.value_schema is not None:
            return {name: self.value(schema.value_schema) for name in _NAMES[: self._random.randrange(4)]}
        return self._random.choice(_edges(schema))

    def bytes(self) -> bytes:
        """Return bytes of any kind, a few."""
        return self._random.randbytes(self._random.randrange(1, 24))


def typed(seed: int, made_up: int) -> Iterator[tuple[str, Schema, Any]]:
    """Yield each value of each primitive type, also as optional, then structs, arrays and maps: first a few that are
    always the same, and then so many that a seed makes up.

    Yields:
        What it is, its schema, and the value.
    """
    for name, (schema, edges) in PRIMITIVES.items():
        for value in edges:
            yield name, schema, value
        yield f"optional {name}", schema.replace(optional=True), edges[0]
        yield f"optional {name}, null", schema.replace(optional=True), None
        yield f"{name} with a default", schema.replace(default=edges[0]), edges[1]
        yield f"array of {name}", Schema.array(schema), list(edges)
        yield f"map of {name}", Schema.map(STRING, schema), {"x": edges[0], "y": edges[1]}
        yield f"struct of {name}", Schema.struct({"f": schema}), {"f": edges[1]}
    yield "optional struct, null", Schema.struct({"f": STRING}, optional=True), None
    yield "struct with null", Schema.struct({"f": OPTIONAL_STRING, "g": INT32}), {"f": None, "g": 1}
    made = Values(seed)
    for number in range(made_up):
        schema = made.schema()
        yield f"made up {number} by the seed {seed}", schema, made.value(schema)


def ordinary(topic: str, count: int) -> list[Record]:
    """Return records as connectors give them: some with schemas and some without, with keys, times and headers, and
    nested ones. Each has coordinates of a source and of a sink that count up."""
    schema = Schema.struct(
        {"id": INT64, "name": OPTIONAL_STRING, "at": Schema.timestamp(), "in": Schema.struct({"x": INT32})}
    )
    found: list[Record] = []
    for number in range(count):
        with_schema = number % 4 == 3
        named: Any = {"id": number, "name": f"name {number}", "in": {"x": number}}
        found.append(
            Record(
                topic,
                named | {"at": _MOMENT} if with_schema else named,
                value_schema=schema if with_schema else None,
                key={"id": number},
                partition=0,
                timestamp=1_700_000_000_000 + number,
                headers=Headers().add("h", f"header {number}").add("n", number, INT64) if number % 2 else None,
                source_partition={"p": 1},
                source_offset={"n": number},
                offset=number,
                original_topic=topic,
                original_partition=0,
            )
        )
    return found


def same(left: Any, right: Any) -> bool:
    """Return whether two values are the same down to their types: 1 is not True, NaN is NaN, 0.0 is not -0.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(item, right[name]) for name, item in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right) or (math.isnan(left) and math.isnan(right))
    return left is right or bool(left == right)


def _edges(schema: Schema) -> Sequence[Any]:
    for known, edges in PRIMITIVES.values():
        if (known.type, known.name) == (schema.type, schema.name):
            return edges
    raise AssertionError(f"{schema!r} was not made here")
