"""The typed values of the golden vectors, as Python values and back. FORMAT.md beside the vectors is the contract.

Reading makes what a plugin is given. Comparing walks the expected JSON and the actual value together, because Python
holds less than the vectors say: an int has no width, and a dict is a map or a struct by its schema alone.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
import uuid
from base64 import b64decode
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from connect.api import DATE_NAME, TIME_NAME, Headers, Record, Schema, Struct
from connect.api.java import moment_of

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MS = dt.timedelta(milliseconds=1)
DAY_MS = 86_400_000
OPEN = Path(__file__).parent / "vectors"

Json = Any


def read(path: Path) -> Iterator[dict[str, Json]]:
    """Yield the vectors of one file."""
    with path.open(encoding="ascii") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


# -- vectors to Python ---------------------------------------------------------------------------------------------


def schema_of(node: Json) -> Schema | None:
    """Make a schema; raises what `Schema` raises, since some vectors hold wrong ones."""
    if node is None:
        return None
    key_schema, value_schema = schema_of(node.get("keySchema")), schema_of(node.get("valueSchema"))
    fields = [(field["name"], schema_of(field["schema"])) for field in node.get("fields", ())]
    schema = Schema(
        node["type"],
        optional=node.get("optional", False),
        name=node.get("name"),
        version=node.get("version"),
        doc=node.get("doc"),
        parameters=node.get("parameters"),
        fields=fields,
        key_schema=key_schema,
        value_schema=value_schema,
    )
    default = value_of(node.get("default"), schema)
    return schema if default is None else schema.replace(default=default)


def value_of(node: Json, schema: Schema | None = None) -> Any:
    """Make a value; the schema tells a Date from a Time, which Java holds in one class."""
    if node is None:
        return None
    kind = node["$type"]
    if kind == "array":
        items = schema.value_schema if schema is not None else None
        return [value_of(item, items) for item in node["v"]]
    if kind == "map":
        keys, values = (schema.key_schema, schema.value_schema) if schema is not None else (None, None)
        return {_hashable(value_of(k, keys)): value_of(v, values) for k, v in node["v"]}
    if kind == "struct":
        own = schema_of(node["schema"]) if "schema" in node else schema
        named = {field.name: field.schema for field in own.fields} if own is not None else {}
        members = {name: value_of(item, named.get(name)) for name, item in node["v"].items()}
        return Struct(own, members) if "schema" in node and own is not None else members
    return _scalar_of(kind, node, schema)


def _scalar_of(kind: str, node: Json, schema: Schema | None) -> Any:
    if kind in ("boolean", "string", "int8", "int16", "int32", "int64"):
        return node["v"]
    if kind == "biginteger":
        return int(node["v"])
    if kind == "float32":
        return single(float(node["v"]))
    if kind == "float64":
        return float(node["v"])
    if kind in ("bytes", "bytebuffer"):
        return b64decode(node["v"])
    if kind == "decimal":
        return decimal_of(node)
    if kind == "date":
        return _date_of(node["ms"], schema)
    assert kind == "object", kind
    return uuid.UUID(node["v"]) if node["class"] == "java.util.UUID" else _TreeSet(node["v"].strip("[]").split(", "))


class _TreeSet(set[str]):
    """A set that prints as Java's."""

    def __str__(self) -> str:
        return f"[{', '.join(sorted(self))}]"


def _date_of(ms: int, schema: Schema | None) -> Any:
    moment = moment_of(ms)
    if schema is not None and schema.name == DATE_NAME and ms % DAY_MS == 0:
        return moment.date()
    if schema is not None and schema.name == TIME_NAME and 0 <= ms < DAY_MS:
        return moment.time()
    return moment


def decimal_of(node: Json) -> Decimal:
    """Make a Decimal with the digits behind the point that the vector says: 1.50 and 1.5 differ."""
    unscaled = int(node["unscaled"])
    return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -node["scale"]))


def single(value: float) -> float:
    """Round to single precision."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def record_of(node: Json) -> Record:
    """Make a record as the runtime would hand it to a transform."""
    key_schema, value_schema = schema_of(node["keySchema"]), schema_of(node["valueSchema"])
    headers = Headers()
    for header in node["headers"]:
        schema = schema_of(header["schema"])
        headers.add(header["name"], value_of(header["value"], schema), schema)
    sink = node["kind"] == "sink"
    return Record(
        topic=node["topic"],
        partition=node["partition"],
        timestamp=node["timestamp"],
        key=value_of(node["key"], key_schema),
        value=value_of(node["value"], value_schema),
        headers=headers or None,
        key_schema=key_schema,
        value_schema=value_schema,
        offset=node["offset"] if sink else None,
        original_topic=node["topic"] if sink else None,
        original_partition=node["partition"] if sink else None,
        source_partition=None if sink else {"p": "1"},
        source_offset=None if sink else {"o": 1},
    )


# -- comparing -----------------------------------------------------------------------------------------------------


def value_difference(expected: Json, actual: Any, where: str = "value") -> str | None:
    """Return what differs between an expected value and ours, None when nothing does."""
    if expected is None or actual is None:
        same = expected is None and actual is None
        return None if same else f"{where}: expected {_short(expected)}, got {actual!r}"
    kind = expected["$type"]
    if kind == "array" and isinstance(actual, list | tuple):
        if len(expected["v"]) != len(actual):
            return f"{where}: expected {len(expected['v'])} items, got {len(actual)}"
        pairs = enumerate(zip(expected["v"], actual, strict=True))
        return _first(value_difference(e, a, f"{where}[{i}]") for i, (e, a) in pairs)
    if kind == "map" and isinstance(actual, dict):
        return _map_difference(expected["v"], actual, where)
    if kind == "struct" and isinstance(actual, dict):
        names = {*expected["v"], *(name for name, value in actual.items() if value is not None)}
        members = ((expected["v"].get(n), actual.get(n), f"{where}.{n}") for n in sorted(names))
        return _first(value_difference(*member) for member in members)
    if _same_scalar(kind, expected, actual):
        return None
    note = (
        f" (the same in {kind[3:]} bits)"
        if kind in ("int8", "int16", "int32", "int64") and _same_bits(kind, expected, actual)
        else ""
    )
    return f"{where}: expected {_short(expected)}, got {actual!r}{note}"


def _same_bits(kind: str, expected: Json, actual: Any) -> bool:
    return isinstance(actual, int) and (actual - expected["v"]) % (1 << int(kind[3:])) == 0


def _map_difference(expected: list[list[Json]], actual: dict[Any, Any], where: str) -> str | None:
    if len(expected) != len(actual):
        return f"{where}: expected {len(expected)} entries, got {len(actual)}"
    for key_node, value_node in expected:
        key = next((k for k in actual if value_difference(key_node, k) is None), _MISSING)
        if key is _MISSING:
            return f"{where}: key {_short(key_node)} is missing among {list(actual)!r}"
        found = value_difference(value_node, actual[key], f"{where}[{key!r}]")
        if found:
            return found
    return None


_MISSING = object()


def _same_scalar(kind: str, expected: Json, actual: Any) -> bool:
    if kind == "boolean":
        return actual is expected["v"]
    if kind in ("int8", "int16", "int32", "int64", "biginteger"):
        return isinstance(actual, int) and not isinstance(actual, bool) and actual == int(expected["v"])
    if kind in ("float32", "float64"):
        wanted = float(expected["v"])
        if not isinstance(actual, float):
            return False
        return repr(single(actual)) == repr(single(wanted)) if kind == "float32" else repr(actual) == repr(wanted)
    if kind in ("bytes", "bytebuffer"):
        return isinstance(actual, bytes | bytearray | memoryview) and bytes(actual) == b64decode(expected["v"])
    if kind == "decimal":
        return isinstance(actual, Decimal) and actual.as_tuple() == decimal_of(expected).as_tuple()
    if kind == "date":
        return _milliseconds(actual) == expected["ms"]
    if kind == "object":
        return isinstance(actual, uuid.UUID | set)
    return kind == "string" and isinstance(actual, str) and actual == expected["v"]


def _milliseconds(actual: Any) -> int | None:
    if isinstance(actual, dt.datetime):
        return (actual - EPOCH) // MS
    if isinstance(actual, dt.time):
        return (dt.datetime.combine(EPOCH.date(), actual, dt.UTC) - EPOCH) // MS
    return (actual - EPOCH.date()).days * DAY_MS if isinstance(actual, dt.date) else None


def schema_difference(expected: Json, actual: Schema | None, where: str = "schema") -> str | None:
    """Return what differs between an expected schema and ours, None when nothing does."""
    if expected is None or actual is None:
        return None if expected is actual else f"{where}: expected {_short(expected)}, got {actual!r}"
    for name in ("type", "optional", "name", "version", "doc", "parameters"):
        wanted = expected.get(name) or (False if name == "optional" else expected.get(name))
        found = getattr(actual, name)
        if wanted != found and (wanted or found):
            return f"{where}.{name}: expected {wanted!r}, got {found!r}"
    names = [field["name"] for field in expected.get("fields", ())]
    if names != [field.name for field in actual.fields]:
        return f"{where}.fields: expected {names}, got {[field.name for field in actual.fields]}"
    return _first(
        [
            value_difference(expected.get("default"), actual.default, f"{where}.default"),
            schema_difference(expected.get("keySchema"), actual.key_schema, f"{where}.keys"),
            schema_difference(expected.get("valueSchema"), actual.value_schema, f"{where}.values"),
            *(
                schema_difference(e["schema"], a.schema, f"{where}.{a.name}")
                for e, a in zip(expected.get("fields", ()), actual.fields, strict=True)
            ),
        ]
    )


def record_difference(expected: Json, actual: Record | None) -> str | None:
    """Return what differs between an expected record and ours, None when nothing does."""
    if expected is None or actual is None:
        return None if expected is actual else f"record: expected {'none' if expected is None else 'one'}"
    for name in ("topic", "partition", "timestamp"):
        if expected[name] != getattr(actual, name):
            return f"{name}: expected {expected[name]!r}, got {getattr(actual, name)!r}"
    if expected["kind"] == "sink":
        coordinates = (
            expected.get("originalTopic", expected["topic"]),
            expected.get("originalPartition", expected["partition"]),
            expected["offset"],
        )
        found = (actual.original_topic, actual.original_partition, actual.offset)
        if coordinates != found:
            return f"original coordinates: expected {coordinates}, got {found}"
    return _first(
        [
            schema_difference(expected["keySchema"], actual.key_schema, "key schema"),
            value_difference(expected["key"], actual.key, "key"),
            schema_difference(expected["valueSchema"], actual.value_schema, "value schema"),
            value_difference(expected["value"], actual.value, "value"),
            headers_difference(expected["headers"], actual.headers or Headers()),
        ]
    )


def headers_difference(expected: Sequence[Json], actual: Headers) -> str | None:
    """Return what differs between expected headers and ours, None when nothing does."""
    names = [header["name"] for header in expected]
    if names != [header.name for header in actual]:
        return f"headers: expected {names}, got {[header.name for header in actual]}"
    return _first(
        schema_difference(e["schema"], a.schema, f"header {a.name} schema")
        or value_difference(e["value"], a.value, f"header {a.name}")
        for e, a in zip(expected, actual, strict=True)
    )


def _first(differences: Any) -> str | None:
    return next((difference for difference in differences if difference), None)


def _short(node: Json) -> str:
    text = json.dumps(node)
    return text if len(text) <= 200 else text[:197] + "..."
