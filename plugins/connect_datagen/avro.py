"""Avro schemas with `arg.properties`, as a tree of types, and the Connect schema of each. Functions only.

Source: Apache Avro 1.11 specification, "Schema Declaration"; the mapping to Connect, with the names that begin with
`connect.`, is that of Confluent's AvroData (confluentinc/schema-registry).
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
#: Stands beside `arg.properties`, as ksql-datagen has it.
_FORMAT: Final = "format_as_time"
#: The struct that a union of several types is in Connect.
_UNION: Final = "io.confluent.connect.avro.Union"
#: Connect's logical types that `connect.name` may say in place of `logicalType`, each with its Avro types.
_LOGICAL_NAMES: Final = {
    "org.apache.kafka.connect.data.Date": ("date", ("int",)),
    "org.apache.kafka.connect.data.Time": ("time-millis", ("int",)),
    "org.apache.kafka.connect.data.Timestamp": ("timestamp-millis", ("long",)),
    "org.apache.kafka.connect.data.Decimal": ("decimal", ("bytes", "fixed")),
}
#: The smaller whole types, which Avro has no word for, in `connect.type`.
_SMALL: Final = {"int8": SchemaType.INT8, "int16": SchemaType.INT16}
#: What goes into Connect's schema as it stands.
_CONNECT: Final[Mapping[str, tuple[type, str]]] = {
    "name": (str, "a text"),
    "version": (int, "a whole number"),
    "doc": (str, "a text"),
    "parameters": (dict, "an object"),
}
#: The digits of a decimal that says none, as AvroData has it.
_PRECISION: Final = 64
#: More digits than any sink takes; numbers with far more would take the memory.
PRECISION_MAX: Final = 4000


class AvroProblem(ValueError):
    """What is wrong with a schema, and at which field."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"field {path!r}: {message}" if path else message)


@dataclass(frozen=True, slots=True)
class AvroType:
    """One type of an Avro schema.

    Attributes:
        kind: Avro's word: 'int', 'record', …; 'optional' for a union of null with one type, 'union' for one of several.
        schema: What Connect calls it.
        path: Where it stands: 'address.city'; '' for the whole.
        properties: Its `arg.properties`.
        fields: A record's fields by name.
        defaults: What stands for a record's fields where a value lacks them, as JSON.
        items: What an array holds, the values of a map, or what an optional type is when it is not null.
        symbols: An enum's texts.
        size_bytes: A fixed's size.
        logical: 'date', 'time-millis', 'timestamp-millis', 'decimal' or None.
        precision, scale: A decimal's digits in all, and behind the point.
        branches: A union's types without null, by the names that they have in Connect's struct.
        null_index: Where null stands among a union's types, None where it does not.
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
    branches: Mapping[str, AvroType] | None = None
    null_index: int | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)


def parse(text: str) -> AvroType:
    """Parse the schema of a record.

    Raises:
        AvroProblem: The text is not JSON, not Avro, or Avro that cannot be generated.
    """
    try:
        avro = _type(from_json(text), "", "", {}, {})
    except RecursionError as error:
        raise AvroProblem("it is nested too deeply") from error
    if avro.kind != "record":
        raise AvroProblem(f"its outermost type must be a record, not {avro.kind}")
    return avro


def from_json(text: str) -> Any:
    """Return what a JSON text with comments says.

    Raises:
        AvroProblem: It is no JSON.
    """
    try:
        return json.loads(_without_comments(text))
    except json.JSONDecodeError as error:
        raise AvroProblem(f"it is not JSON: {error}") from error
    except ValueError as error:  # of numbers with thousands of digits
        raise AvroProblem(f"it has a number that is too long: {error}") from error


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
    properties = {**properties, **_properties(declared, path)}
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
        return _as_connect(AvroType(kind, schema, path, properties, items=items), declared)
    if kind in _PRIMITIVES:
        avro = AvroType(kind, Schema(_PRIMITIVES[kind]), path, properties)
        return _as_connect(_logical(avro, declared), declared)
    return _by_name(kind, path, namespace, known, properties)


def _properties(declared: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return what `arg.properties` say at one place, and `format_as_time`, which stands beside them."""
    own = declared.get(PROPERTIES, {})
    if not isinstance(own, dict):
        raise AvroProblem(f"{PROPERTIES} must be an object", path)
    return {**own, _FORMAT: declared[_FORMAT]} if _FORMAT in declared else own


def _as_connect(avro: AvroType, declared: Mapping[str, Any]) -> AvroType:
    """Return a type with what Connect's converters note of its schema beside Avro's own words."""
    changes: dict[str, Any] = {}
    for word, (expected, said) in _CONNECT.items():
        found = declared.get(f"connect.{word}")
        if found is not None:
            if not isinstance(found, expected) or isinstance(found, bool):
                raise AvroProblem(f"connect.{word} must be {said}, not {json.dumps(found)[:80]}", avro.path)
            changes[word] = found
    name = changes.get("name")
    if name in _LOGICAL_NAMES and avro.logical is None:
        kinds = " or ".join(_LOGICAL_NAMES[name][1])
        raise AvroProblem(f"connect.name {name} is for type {kinds}, not {avro.kind}", avro.path)
    if avro.logical is not None:  # which brings its own
        changes = {word: found for word, found in changes.items() if word == "doc"}
    if "parameters" in changes:
        changes["parameters"] = {str(name): str(value) for name, value in changes["parameters"].items()}
    if avro.kind == "int" and avro.logical is None and declared.get("connect.type") in _SMALL:
        changes["type"] = _SMALL[declared["connect.type"]]
    return dataclasses.replace(avro, schema=avro.schema.replace(**changes)) if changes else avro


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
    result = _body(kind, declared, name, path, namespace, known, {**properties, **_properties(declared, path)})
    known[name] = (kind, declared, namespace)
    return _as_connect(result, declared)


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
        schema = Schema(SchemaType.BYTES, name=name, doc=doc)
        return _logical(AvroType(kind, schema, path, properties, size_bytes=size_bytes), declared)
    fields = _fields(declared, path, namespace, known)
    schema = Schema.struct({n: f.schema for n, f in fields.items()}, name=name, doc=doc)
    defaults = {f["name"]: f["default"] for f in declared["fields"] if "default" in f}
    return AvroType(kind, schema, path, properties, fields=fields, defaults=defaults)


def _fields(declared: dict[str, Any], path: str, namespace: str, known: dict[str, Any]) -> dict[str, AvroType]:
    listed = declared.get("fields")
    if not isinstance(listed, list) or not listed:
        raise AvroProblem("a record needs 'fields', a list that is not empty", path)
    fields: dict[str, AvroType] = {}
    for member in listed:
        name = member.get("name") if isinstance(member, dict) else None
        if not isinstance(name, str) or "type" not in member:
            raise AvroProblem(f"a field needs 'name' and 'type', found {json.dumps(member)[:80]}", path)
        if name in fields:
            raise AvroProblem(f"field {name!r} is declared twice", path)
        where = f"{path}.{name}".lstrip(".")
        avro = _type(member["type"], where, namespace, known, _properties(member, where))
        doc = member.get("doc")
        fields[name] = dataclasses.replace(avro, schema=avro.schema.replace(doc=doc)) if isinstance(doc, str) else avro
    return fields


def _union(
    listed: list[Any], path: str, namespace: str, known: dict[str, Any], properties: Mapping[str, Any]
) -> AvroType:
    """Return null with one type as that type, optional; several as a struct of which one member is set."""
    nulls = [index for index, branch in enumerate(listed) if branch in ("null", {"type": "null"})]
    others = [branch for index, branch in enumerate(listed) if index not in nulls]
    if not others or len(nulls) > 1:
        raise AvroProblem("a union needs a type beside null, and null once at most", path)
    null_index = nulls[0] if nulls else None
    if len(others) == 1:
        inner = _type(others[0], path, namespace, known, properties)
        if null_index is None:
            return inner
        return AvroType("optional", _optional(inner), path, {}, items=inner, null_index=null_index)
    branches: dict[str, AvroType] = {}
    for other in others:
        branch = _type(other, path, namespace, known, {})
        if isinstance(other, list) or branch.kind in ("optional", "union"):
            raise AvroProblem("a union must not stand in a union", path)
        name = _branch_name(branch, other)
        if name in branches:
            raise AvroProblem(f"the union has two types {name!r}", path)
        branches[name] = branch
    members = {name: _optional(branch) for name, branch in branches.items()}
    schema = Schema.struct(members, name=_UNION, optional=null_index is not None)
    return AvroType("union", schema, path, properties, branches=branches, null_index=null_index)


def _optional(avro: AvroType) -> Schema:
    return avro.schema.replace(optional=True)


def _branch_name(branch: AvroType, declared: Any) -> str:
    """Return the member's name in Connect's struct: Avro's word, or the type's own name without its namespace."""
    if branch.kind not in _NAMED:
        return branch.kind
    while isinstance(declared, dict) and "name" not in declared:
        declared = declared["type"]
    name = declared["name"] if isinstance(declared, dict) else declared
    return str(name).rpartition(".")[2]


def _logical(avro: AvroType, declared: Mapping[str, Any]) -> AvroType:
    """Return a primitive or fixed type as the logical type that it is declared to be, if it is one."""
    logical, name = declared.get("logicalType"), declared.get("connect.name")
    if logical is None and isinstance(name, str) and name in _LOGICAL_NAMES:
        logical, _ = _LOGICAL_NAMES[name]
    match avro.kind, logical:
        case "int", "date":
            return dataclasses.replace(avro, schema=Schema.date(), logical=logical)
        case "int", "time-millis":
            return dataclasses.replace(avro, schema=Schema.time(), logical=logical)
        case "long", "timestamp-millis":
            return dataclasses.replace(avro, schema=Schema.timestamp(), logical=logical)
        case "bytes" | "fixed", "decimal":
            precision, scale = _digits(declared, by_name="logicalType" not in declared)
            if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision:
                raise AvroProblem("a decimal needs 'precision', and a 'scale' of at most that", avro.path)
            if precision > PRECISION_MAX:
                raise AvroProblem(f"a decimal of {precision} digits is above {PRECISION_MAX}", avro.path)
            schema = Schema.decimal(scale)
            return dataclasses.replace(avro, schema=schema, logical=logical, precision=precision, scale=scale)
    return avro  # Avro: a logical type that is not known is read as its base type


def _digits(declared: Mapping[str, Any], *, by_name: bool) -> tuple[Any, Any]:
    """Return a decimal's precision and scale; they are Connect's parameters where its name alone makes it a decimal."""
    if not by_name:
        return declared.get("precision"), declared.get("scale", 0)
    parameters = declared.get("connect.parameters", {})
    found = parameters if isinstance(parameters, dict) else {}
    precision = declared.get("precision", found.get("connect.decimal.precision", _PRECISION))
    return _digit_count(precision), _digit_count(declared.get("scale", found.get("scale")))


def _digit_count(declared: Any) -> Any:
    """Return what a parameter, which is a text, says in digits."""
    return int(declared) if isinstance(declared, str) and re.fullmatch("[0-9]{1,9}", declared) else declared


def check(avro: AvroType, value: Any, what: str) -> None:
    """Check that a value that somebody gave fits the type.

    Raises:
        AvroProblem: It does not.
    """
    try:
        avro.schema.validate(value)
    except SchemaError as error:
        raise AvroProblem(f"{what}: {error.message}", avro.path) from error
