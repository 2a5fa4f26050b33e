"""Avro schemas with `arg.properties`, as a tree of types, and the Connect schema of each. Functions only.

Source: Apache Avro 1.11 specification, "Schema Declaration"; the mapping to Connect is that of Confluent's AvroData.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connect.api import Schema, SchemaError, SchemaType

PROPERTIES: Final = "arg.properties"

_PRIMITIVES: Final = {
    "int": SchemaType.INT32,
    "long": SchemaType.INT64,
    "float": SchemaType.FLOAT32,
    "double": SchemaType.FLOAT64,
    "boolean": SchemaType.BOOLEAN,
    "string": SchemaType.STRING,
    "bytes": SchemaType.BYTES,
}
_NAMED: Final = ("record", "enum", "fixed")


class AvroProblem(ValueError):
    """What is wrong with a schema, and at which field."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"field {path!r}: {message}" if path else message)


@dataclass(frozen=True, slots=True)
class AvroType:
    """One type of an Avro schema.

    Attributes:
        kind: Avro's word: 'int', 'record', 'union', …
        schema: What Connect calls it.
        path: Where it stands: 'address.city'; '' for the whole.
        properties: Its `arg.properties`.
        fields: A record's fields by name.
        items: What an array holds, the values of a map, or what an optional type is when it is not null.
        symbols: An enum's texts.
        size_bytes: A fixed's size.
        logical: 'date', 'time-millis', 'timestamp-millis', 'decimal' or None.
        precision, scale: A decimal's digits in all, and behind the point.
    """

    kind: str
    schema: Schema
    path: str
    properties: Mapping[str, Any]
    fields: Mapping[str, AvroType] | None = None
    items: AvroType | None = None
    symbols: tuple[str, ...] = ()
    size_bytes: int = 0
    logical: str | None = None
    precision: int = 0
    scale: int = 0


def parse(text: str) -> AvroType:
    """Parse the schema of a record.

    Raises:
        AvroProblem: The text is not JSON, not Avro, or Avro that cannot be generated.
    """
    try:
        avro = _type(json.loads(_without_comments(text)), "", "", {}, {})
    except json.JSONDecodeError as error:
        raise AvroProblem(f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise AvroProblem("it is nested too deeply") from error
    if avro.kind != "record":
        raise AvroProblem(f"its outermost type must be a record, not {avro.kind}")
    return avro


_TEXT_OR_COMMENT: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)


def _without_comments(text: str) -> str:
    """Blank out // and /* */, which Avro's own parser takes; positions in messages stay."""
    return _TEXT_OR_COMMENT.sub(lambda found: found[0] if found[0][0] == '"' else re.sub(r"[^\n]", " ", found[0]), text)


def _type(declared: Any, path: str, namespace: str, known: dict[str, Any], properties: Mapping[str, Any]) -> AvroType:
    """`known` holds named types seen so far; one that is still being read stands as None, so recursion is noticed."""
    if isinstance(declared, str):
        return _by_name(declared, path, namespace, known, properties)
    if isinstance(declared, list):
        return _union(declared, path, namespace, known, properties)
    if not isinstance(declared, dict) or "type" not in declared:
        raise AvroProblem(f"expected an Avro type, found {json.dumps(declared)[:80]}", path)
    own = declared.get(PROPERTIES, {})
    if not isinstance(own, dict):
        raise AvroProblem(f"{PROPERTIES} must be an object", path)
    properties = {**properties, **own}
    kind = declared["type"]
    if not isinstance(kind, str):  # {"type": {"type": …}}: a wrapper
        return _type(kind, path, namespace, known, properties)
    if kind in _NAMED:
        return _named(kind, declared, path, namespace, known, properties)
    if kind in ("array", "map"):
        member = "items" if kind == "array" else "values"
        if member not in declared:
            raise AvroProblem(f"type {kind} lacks {member!r}", path)
        items = _type(declared[member], path, namespace, known, {})
        schema = Schema.array(items.schema) if kind == "array" else Schema.map(Schema(SchemaType.STRING), items.schema)
        return AvroType(kind, schema, path, properties, items=items)
    if "logicalType" in declared and kind in _PRIMITIVES:
        return _logical(kind, declared, path, properties)
    return _by_name(kind, path, namespace, known, properties)


def _by_name(name: str, path: str, namespace: str, known: dict[str, Any], properties: Mapping[str, Any]) -> AvroType:
    if name in _PRIMITIVES:
        return AvroType(name, Schema(_PRIMITIVES[name]), path, properties)
    if name == "null":
        raise AvroProblem("type null alone holds nothing; use a union of null and another type", path)
    full = name if "." in name else f"{namespace}.{name}".lstrip(".")
    full = full if full in known else name
    if full not in known:
        raise AvroProblem(f"unknown Avro type {name!r}", path)
    if known[full] is None:
        raise AvroProblem(f"type {name!r} contains itself, so its records would never end", path)
    kind, declared, inner = known[full]
    return _named(kind, declared, path, inner, known, properties)  # read again, so that each use has its own path


def _named(
    kind: str, declared: dict[str, Any], path: str, namespace: str, known: dict[str, Any], properties: Mapping[str, Any]
) -> AvroType:
    name = declared.get("name")
    if not isinstance(name, str) or not name:
        raise AvroProblem(f"type {kind} lacks a 'name'", path)
    if "." in name:
        namespace = name.rpartition(".")[0]
    else:
        namespace = declared.get("namespace", namespace)
        name = f"{namespace}.{name}" if namespace else name
    if name in known and (known[name] is None or known[name][1] is not declared):
        raise AvroProblem(f"type {name!r} is declared twice", path)
    known[name] = None
    result = _body(kind, declared, name, path, namespace, known, {**properties, **declared.get(PROPERTIES, {})})
    known[name] = (kind, declared, namespace)
    return result


def _body(
    kind: str,
    declared: dict[str, Any],
    name: str,
    path: str,
    namespace: str,
    known: dict[str, Any],
    properties: Mapping[str, Any],
) -> AvroType:
    doc = declared.get("doc")
    if kind == "enum":
        symbols = declared.get("symbols")
        if not isinstance(symbols, list) or not symbols or not all(isinstance(s, str) for s in symbols):
            raise AvroProblem("an enum needs 'symbols', a list of texts", path)
        schema = Schema(SchemaType.STRING, name=name, doc=doc)
        return AvroType(kind, schema, path, properties, symbols=tuple(symbols))
    if kind == "fixed":
        size_bytes = declared.get("size")
        if not isinstance(size_bytes, int) or size_bytes < 0:
            raise AvroProblem("a fixed needs 'size', a number of bytes", path)
        return AvroType(kind, Schema(SchemaType.BYTES, name=name, doc=doc), path, properties, size_bytes=size_bytes)
    fields = _fields(declared, path, namespace, known)
    schema = Schema.struct({n: f.schema for n, f in fields.items()}, name=declared.get("connect.name", name), doc=doc)
    return AvroType(kind, schema, path, properties, fields=fields)


def _fields(declared: dict[str, Any], path: str, namespace: str, known: dict[str, Any]) -> dict[str, AvroType]:
    listed = declared.get("fields")
    if not isinstance(listed, list) or not listed:
        raise AvroProblem("a record needs 'fields', a list that is not empty", path)
    fields: dict[str, AvroType] = {}
    for field in listed:
        name = field.get("name") if isinstance(field, dict) else None
        if not isinstance(name, str) or "type" not in field:
            raise AvroProblem(f"a field needs 'name' and 'type', found {json.dumps(field)[:80]}", path)
        if name in fields:
            raise AvroProblem(f"field {name!r} is declared twice", path)
        beside = field.get(PROPERTIES, {})
        if not isinstance(beside, dict):
            raise AvroProblem(f"{PROPERTIES} must be an object", name)
        fields[name] = _type(field["type"], f"{path}.{name}".lstrip("."), namespace, known, beside)
    return fields


def _union(
    branches: list[Any], path: str, namespace: str, known: dict[str, Any], properties: Mapping[str, Any]
) -> AvroType:
    others = [branch for branch in branches if branch not in ("null", {"type": "null"})]
    if len(others) != 1:
        raise AvroProblem("of unions, only null with one other type can be generated", path)
    inner = _type(others[0], path, namespace, known, properties)
    if len(branches) == 1:
        return inner
    return AvroType("optional", inner.schema.replace(optional=True), path, {}, items=inner)


def _logical(kind: str, declared: dict[str, Any], path: str, properties: Mapping[str, Any]) -> AvroType:
    logical = declared["logicalType"]
    match kind, logical:
        case "int", "date":
            return AvroType(kind, Schema.date(), path, properties, logical=logical)
        case "int", "time-millis":
            return AvroType(kind, Schema.time(), path, properties, logical=logical)
        case "long", "timestamp-millis":
            return AvroType(kind, Schema.timestamp(), path, properties, logical=logical)
        case "bytes", "decimal":
            precision, scale = declared.get("precision"), declared.get("scale", 0)
            if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision:
                raise AvroProblem("a decimal needs 'precision', and a 'scale' of at most that", path)
            schema = Schema.decimal(scale)
            return AvroType(kind, schema, path, properties, logical=logical, precision=precision, scale=scale)
    # Avro: a logical type that is not known is read as its base type.
    return AvroType(kind, Schema(_PRIMITIVES[kind]), path, properties)


def check(avro: AvroType, value: Any, what: str) -> None:
    """Check that a value that somebody gave fits the type.

    Raises:
        AvroProblem: It does not.
    """
    try:
        avro.schema.validate(value)
    except SchemaError as error:
        raise AvroProblem(f"{what}: {error.message}", avro.path) from error
