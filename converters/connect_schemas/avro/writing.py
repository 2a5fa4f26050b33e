"""Values of a Connect schema as Avro, as Confluent's AvroData.fromConnectData and Avro's GenericDatumWriter make them.

A pair of schemas is compiled once: into a schema for fastavro (`wire`), and functions that make of a column of values
what it takes (`columns`).

Source: Confluent's AvroData (schema-registry 8.4); Apache Avro 1.12, GenericDatumWriter.java.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn

from connect.api import (
    DECIMAL_NAME,
    INT_BITS,
    TIMESTAMP_NAME,
    DataError,
    Schema,
    SchemaType,
    Struct,
)  # fmt: skip
from connect.api.columns import Convert, OddValueError, each, listed, mapped
from connect.api.columns import Values as Column
from connect.api.java import EPOCH, java_class
from connect.api.logical import LOGICAL_TYPES, LogicalType, decimal_bytes, scale
from connect_schemas.avro import columns, names
from connect_schemas.avro.nodes import NO_DEFAULT, Member, Node
from connect_schemas.avro.options import KEY, VALUE, Options, has_text_keys, is_union
from connect_schemas.avro.texts import text_of
from connect_schemas.avro.to_connect import default_value, is_map_entry, member_name, to_connect
from connect_schemas.avro.wire import Codec
from connect_schemas.converting import one_by_one
from connect_schemas.errors import INCOMPATIBLE, INVALID
from connect_schemas.recursive import RecursiveSchema

_MILLISECOND: Final = dt.timedelta(milliseconds=1)
#: Which Avro types hold a Connect type's values; the first is its own.
_HOLDS: Final[dict[SchemaType, tuple[str, ...]]] = {
    SchemaType.INT8: ("int", "long", "float", "double"),
    SchemaType.INT16: ("int", "long", "float", "double"),
    SchemaType.INT32: ("int", "long", "float", "double"),
    SchemaType.INT64: ("long", "float", "double"),
    SchemaType.FLOAT32: ("float", "double"),
    SchemaType.FLOAT64: ("double",),
    SchemaType.BOOLEAN: ("boolean",),
    SchemaType.STRING: ("string", "enum"),
    SchemaType.BYTES: ("bytes", "fixed"),
}
_EXACT: Final[dict[SchemaType, type]] = {
    **dict.fromkeys(INT_BITS, int),
    SchemaType.FLOAT32: float,
    SchemaType.FLOAT64: float,
    SchemaType.BOOLEAN: bool,
    SchemaType.STRING: str,
    SchemaType.BYTES: bytes,
}


class AvroWriter:
    """Writes values of a Connect schema.

    Args:
        schema: None for data without a schema.
        node: The Avro schema that is written with: the schema's own, or another that reads it.
        raw_bytes: Whether bytes that are the whole of a record stand there as they are, without their size, as
            Confluent's serializer has them.

    Raises:
        DataError: schemas.incompatible: the Avro schema does not hold what the other describes.
    """

    def __init__(self, schema: Schema | None, node: Node, options: Options, *, raw_bytes: bool = True) -> None:
        if schema is None:
            self._codec = Codec(_anything_wire(node), is_used_within=True)
            self._convert: Convert = each(_anything)
        else:
            plan = _Plan(options)
            wire, self._convert = plan.built(schema, node)
            self._codec = Codec(wire, is_used_within=plan.refers)
        self._is_raw = raw_bytes and node.kind == "bytes"

    def write(self, values: Sequence[Any]) -> list[bytes]:
        try:
            converted = self._convert(list(values))
            return converted if self._is_raw else self._codec.write(converted)
        except Exception:  # one does not fit: which, and how, is said by the long way
            return one_by_one(values, self._write_one)

    def _write_one(self, value: Any) -> bytes:
        try:
            converted = self._convert([value])[0]
            if self._is_raw:
                return bytes(converted)
            try:
                return self._codec.write_one(converted)
            except UnicodeEncodeError:
                return self._codec.write_one(_clean(converted))
        except OddValueError as error:
            raise DataError(str(error)) from error
        except RecursionError:
            raise DataError("the value is nested too deeply") from None
        except (ValueError, TypeError, OverflowError, KeyError, IndexError, AttributeError) as error:
            raise DataError(f"Avro cannot hold the value: {type(error).__name__}: {error}") from error


class _Plan:
    """One compilation: the records that are under way."""

    def __init__(self, options: Options) -> None:
        self.refers = False
        self._options = options
        self._count = 0
        self._underway: dict[tuple[int, Schema], tuple[str, list[Convert]]] = {}

    def built(self, schema: Schema, node: Node, *, default: Any = None) -> tuple[Any, Convert]:
        """Return the schema for fastavro, and what makes values for it.

        Args:
            default: What null becomes.
        """
        if node.kind == "union":
            return self._union(schema, node, default)
        wire, convert = self._present(schema, node)
        return wire, columns.with_nulls(convert, allowed=False, null=default)

    def _named(self) -> str:
        self._count += 1
        return f"n{self._count}"

    # -- unions ------------------------------------------------------------------------------------------------------

    def _union(self, schema: Schema, node: Node, default: Any) -> tuple[Any, Convert]:
        if node.is_nullable and not is_union(schema):
            wire, convert = self._present(schema, node.other_than_null())
            convert = _tagged(wire, convert)
            convert = columns.with_nulls(convert, allowed=schema.optional, null=default)
            return ["null" if branch.kind == "null" else wire for branch in node.branches], convert
        fields = _branches(schema, node, self._options)
        wires: list[Any] = []
        converts: dict[str, tuple[str, Convert]] = {}
        for branch, field in zip(node.branches, fields, strict=True):
            if branch.kind == "null":
                wires.append("null")
                continue
            name, within = self._named(), []
            if field is not None:
                member, part = field
                wire, convert = self._present(part, branch)
                converts[member] = (name, convert)
                within = [{"name": "v", "type": wire}]
            wires.append({"type": "record", "name": name, "fields": within})
        has_null = any(branch.kind == "null" for branch in node.branches)
        if is_union(schema):
            chosen = _choosing([field.name for field in schema.fields], converts)
        else:
            ((name, convert),) = converts.values()
            chosen = lambda column: [(name, {"v": value}) for value in convert(column)]  # noqa: E731
        allowed = schema.optional and has_null
        return wires, columns.with_nulls(chosen, allowed=allowed, null=default)

    # -- other types -------------------------------------------------------------------------------------------------

    def _present(self, schema: Schema, node: Node) -> tuple[Any, Convert]:
        kind = schema.type
        if kind is SchemaType.STRUCT and node.kind == "record" and not is_union(schema):
            return self._struct(schema, node)
        if kind is SchemaType.ARRAY and node.kind == "array" and not is_map_entry(_inner(node)):
            wire, convert = self.built(_part(schema.value_schema), _inner(node))
            return {"type": "array", "items": wire}, columns.typed(list, _sequence, listed(convert))
        if kind is SchemaType.MAP:
            return self._map(schema, node)
        if node.kind not in _HOLDS.get(kind, ()):
            _refuse(schema, node)
        return self._plain(schema, node)

    def _map(self, schema: Schema, node: Node) -> tuple[Any, Convert]:
        keys, values = _part(schema.key_schema), _part(schema.value_schema)
        check = _refusing(schema)
        if node.kind == "map" and has_text_keys(schema, self._options):
            wire, convert = self.built(values, _inner(node))
            return {"type": "map", "values": wire}, columns.typed(dict, check, mapped(convert))
        entry = _inner(node) if node.kind == "array" else node
        key, value = entry.member(KEY), entry.member(VALUE)
        if node.kind != "array" or key is None or value is None:
            _refuse(schema, node)
        of_keys, of_values = self.built(keys, key.node), self.built(values, value.node)
        wires = {KEY: of_keys[0], VALUE: of_values[0]}
        record = {
            "type": "record",
            "name": self._named(),
            "fields": [{"name": member.name, "type": wires[member.name]} for member in entry.members or ()],
        }
        convert = columns.entries(of_keys[1], of_values[1], (KEY, VALUE))
        return {"type": "array", "items": record}, columns.typed(dict, check, convert)

    def _struct(self, schema: Schema, node: Node) -> tuple[Any, Convert]:
        target = schema.target if isinstance(schema, RecursiveSchema) else schema
        place = (id(node), target)
        known = self._underway.get(place)
        if known is not None:
            self.refers = True
            name, cell = known
            return name, lambda column: cell[0](column) if column else column
        cell: list[Convert] = []  # type: ignore[no-redef]
        name = self._named()
        self._underway[place] = (name, cell)
        scrub = self._options.scrub
        fields = {names.scrubbed(field.name) if scrub else field.name: field for field in target.fields}
        wires: list[dict[str, Any]] = []
        parts: dict[str, tuple[str, str, Convert]] = {}
        own_names = _own_names(node.members or (), fields)
        for member in node.members or ():
            own = own_names.get(member.name)
            if own is None:
                wire, part = self._absent(member, node)
                parts[member.name] = (member.name, member.name, part)
                wires.append({"name": member.name, "type": wire})
                continue
            field = fields[own]
            default = None if self._options.ignore_defaults else field.schema.default
            wire, part = self.built(field.schema, member.node, default=default)
            parts[own] = (field.name, field.name, part)
            wires.append({"name": field.name, "type": wire})
        known_names = [one for one in fields if one in parts]
        ordered = [parts[one] for one in [*known_names, *(one for one in parts if one not in fields)]]
        convert = columns.struct(ordered, own=False, strict=len(parts) > len(known_names))
        cell.append(columns.typed(dict, _struct_check(target), convert))
        del self._underway[place]
        return {"type": "record", "name": name, "fields": wires}, cell[0]

    def _absent(self, member: Member, node: Node) -> tuple[Any, Convert]:
        """Return what stands for a field that the values do not have: its default, always."""
        if member.default is NO_DEFAULT:
            raise DataError(
                f"field {member.name!r} of {node.full_name} is not in the records' own schema, and has no default",
                code=INCOMPATIBLE,
            )
        schema = to_connect(member.node, self._options)
        wire, convert = self.built(schema.replace(optional=True), member.node)
        try:
            value = default_value(schema, member.node, member.default, self._options)
            written = convert([value])[0]
        except (DataError, OddValueError, ValueError, TypeError, AttributeError, ArithmeticError, LookupError) as error:
            raise DataError(
                f"the default of field {member.name!r} of {node.full_name} is none of its type: {error}", code=INVALID
            ) from error
        return wire, lambda column: [written] * len(column)

    def _plain(self, schema: Schema, node: Node) -> tuple[Any, Convert]:
        wire: Any = node.kind
        logical = LOGICAL_TYPES.get(schema.name or "")
        if schema.type is SchemaType.BYTES:
            if node.kind == "fixed":
                wire = {"type": "fixed", "name": self._named(), "size": node.size}
            size = node.size if node.kind == "fixed" else None
            return wire, _decimals(schema, size) if logical is not None else _bytes(schema, size)
        if logical is not None:
            return wire, _moments if schema.name == TIMESTAMP_NAME else _logical(schema, logical)
        exact = _EXACT[schema.type]
        then: Convert | None = None
        if schema.type in INT_BITS:
            bits = INT_BITS[schema.type]
            then = columns.between(-(1 << bits - 1), (1 << bits - 1) - 1, schema.type.name)
            if node.kind in ("float", "double"):
                check = then
                then = lambda column: list(map(float, check(column)))  # noqa: E731
        elif node.kind == "float":
            then = columns.singles
        elif node.kind == "enum":
            wire, then = "int", _symbols(node)
        return wire, columns.typed(exact, _exactly(schema, exact), then)


def _own_names(members: Sequence[Member], fields: Collection[str]) -> dict[str, str]:
    """Return which field of the values a record's is: by its name, else by an alias that is no other one's name."""
    found = {member.name: member.name for member in members if member.name in fields}
    taken = set(found)
    for member in members:
        alias = next((one for one in member.aliases if one in fields and one not in taken), None)
        if member.name not in found and alias is not None:
            found[member.name] = alias
            taken.add(alias)
    return found


def _tagged(wire: Any, convert: Convert) -> Convert:
    """Return a function that says which branch of a union its values are, where fastavro would look for long."""
    if isinstance(wire, str) and not wire.startswith("n"):
        return convert
    kind = wire if isinstance(wire, str) else wire["name"] if wire["type"] == "record" else wire["type"]
    if not isinstance(wire, str) and wire["type"] == "fixed":
        return convert
    return lambda column: [(kind, value) for value in convert(column)]


def _branches(schema: Schema, node: Node, options: Options) -> list[tuple[str, Schema] | None]:
    """Return for each branch of a union the name and schema of what comes to it; None for one that nothing does."""
    found: list[tuple[str, Schema] | None] = []
    if is_union(schema):
        left = {field.name: field.schema for field in schema.fields}
        for index, branch in enumerate(node.branches):
            name = member_name(branch, index, options)
            found.append((name, left.pop(name)) if name in left else None)
        if left:  # by their order, where they are called otherwise
            rest = iter(list(left.items()))
            found = [
                one if one is not None or branch.kind == "null" else next(rest, None)
                for one, branch in zip(found, node.branches, strict=True)
            ]
        return found
    taken = False
    for branch in node.branches:
        fits = not taken and branch.kind != "null" and _may_hold(schema, branch)
        found.append((branch.full_name, schema) if fits else None)
        taken = taken or fits
    if not taken:
        _refuse(schema, node)
    return found


def _may_hold(schema: Schema, node: Node) -> bool:
    if schema.type is SchemaType.STRUCT:
        return node.kind == "record"
    if schema.type is SchemaType.ARRAY:
        return node.kind == "array"
    if schema.type is SchemaType.MAP:
        return node.kind == "map" or (node.kind == "array" and is_map_entry(_inner(node)))
    return node.kind in _HOLDS[schema.type]


def _choosing(fields: list[str], converts: dict[str, tuple[str, Convert]]) -> Convert:
    """Return a function for structs that stand for unions: the first field that is not null says which type it is."""

    def run(column: Column) -> Column:
        by_field: dict[str, list[int]] = {}
        for index, value in enumerate(column):
            if not isinstance(value, dict):
                raise OddValueError(f"Invalid type for STRUCT: class {java_class(value)}")
            chosen = next((name for name in fields if value.get(name) is not None), None)
            if chosen is None:
                raise OddValueError("a union of which no field is set")
            by_field.setdefault(chosen, []).append(index)
        result: list[Any] = [None] * len(column)
        for name, indexes in by_field.items():
            if name not in converts:
                raise OddValueError(f"the union has no type for its field {name!r}")
            tag, convert = converts[name]
            for index, written in zip(indexes, convert([column[at][name] for at in indexes]), strict=True):
                result[index] = (tag, {"v": written})
        return result

    return run


# -- values ----------------------------------------------------------------------------------------------------------


def _exactly(schema: Schema, exact: type) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, exact) and not (exact is int and isinstance(value, bool)):
            return exact(value)  # a subclass
        raise _mistyped(schema, value)

    return check


def _refusing(schema: Schema) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, dict):
            return value
        raise _mistyped(schema, value)

    return check


def _struct_check(schema: Schema) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, Struct) and value.schema != schema:
            raise OddValueError("Mismatching struct schema")
        if isinstance(value, dict):
            return dict(value)
        raise _mistyped(schema, value)

    return check


def _sequence(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    raise OddValueError(f"Invalid type for ARRAY: class {java_class(value)}")


def _bytes(schema: Schema, size: int | None) -> Convert:
    def check(value: Any) -> bytes:
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        raise _mistyped(schema, value)

    def sized(column: Column) -> Column:
        for value in column:
            if len(value) != size:
                raise OddValueError(f"{len(value)} bytes, and {size} are expected")
        return column

    return columns.typed(bytes, check, None if size is None else sized)


def _decimals(schema: Schema, size: int | None) -> Convert:
    if schema.name != DECIMAL_NAME:
        return _bytes(schema, size)
    digits, kind = scale(schema), LOGICAL_TYPES[DECIMAL_NAME]

    def padded(raw: bytes) -> bytes:
        if size is None or len(raw) == size:
            return raw
        if len(raw) > size:
            raise OddValueError(f"Unscaled value byte array length {len(raw)} is greater than fixed size {size}")
        return (b"\xff" if raw[0] & 0x80 else b"\0") * (size - len(raw)) + raw

    def singly(column: Column) -> Column:
        try:
            return [padded(kind.from_logical(schema, value)) for value in column]
        except DataError as error:
            raise OddValueError(error.message) from error

    def run(column: Column) -> Column:
        # The digits of all of them as one text, for half of what arithmetic costs.
        if not set(map(type, column)) <= {Decimal}:
            return singly(column)
        texts = list(map(str, column))
        if digits < 0 or not all(text[-digits - 1 : -digits or None][:1] == "." if digits else True for text in texts):
            return singly(column)
        joined = "\n".join(texts)
        if "E" in joined or "N" in joined or "I" in joined or (not digits and "." in joined):
            return singly(column)
        try:
            numbers = list(map(int, joined.replace(".", "").split("\n")))
        except ValueError:  # one has more digits than Python makes a number of
            return singly(column)
        return [padded(decimal_bytes(number)) for number in numbers]

    return lambda column: run(column) if column else column


def _logical(schema: Schema, kind: LogicalType) -> Convert:
    return each(lambda value: kind.from_logical(schema, value), DataError)


def _moments(column: Column) -> Column:
    epoch, millisecond = EPOCH, _MILLISECOND
    try:
        return [(value - epoch) // millisecond for value in column]
    except TypeError:  # one has no zone, or is a date
        kind, schema = LOGICAL_TYPES[TIMESTAMP_NAME], Schema.timestamp()
        return each(lambda value: kind.from_logical(schema, value), DataError)(column)


def _symbols(node: Node) -> Convert:
    places = {symbol: index for index, symbol in enumerate(node.symbols)}

    def run(column: Column) -> Column:
        try:
            return [places[value] for value in column]
        except KeyError as error:
            raise OddValueError(f"{error} is no symbol of enum {node.full_name}") from None

    return run


def _clean(value: Any) -> Any:
    """Return a value with a mark in the place of each half of a surrogate pair, as Java writes it."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return (value[0], _clean(value[1])) if isinstance(value, tuple) else value


def _mistyped(schema: Schema, value: Any) -> OddValueError:
    return OddValueError(f"Invalid type for {schema.type.name}: class {java_class(value)}")


# -- data without a schema -------------------------------------------------------------------------------------------


def _anything_wire(node: Node) -> Any:
    return json.loads(text_of(node))


def _anything(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    match value:
        case bool():
            return {"boolean": value}
        case int():
            if not -(1 << 63) <= value < 1 << 63:
                raise OddValueError(f"{value} does not fit INT64")
            return {"long": int(value)}
        case float():
            return {"double": float(value)}
        case str():
            return {"string": str(value)}
        case bytes() | bytearray() | memoryview():
            return {"bytes": bytes(value)}
        case list() | tuple():
            return {"array": ("array", [_anything(item) for item in value])}
        case dict():
            entries = [{KEY: _anything(key), VALUE: _anything(item)} for key, item in value.items()]
            return {"map": ("array", entries)}
    raise OddValueError(f"Unknown Java type for schemaless data: class {java_class(value)}")


# -- schemas that do not get on --------------------------------------------------------------------------------------


def _inner(node: Node) -> Node:
    assert node.inner is not None
    return node.inner


def _part(part: Schema | None) -> Schema:
    if part is None:
        raise DataError("a schema does not say what it holds", code=INVALID)
    return part


def _refuse(schema: Schema, node: Node) -> NoReturn:
    raise DataError(
        f"the registered schema has {node.full_name} where the records' own has {schema.type.name}", code=INCOMPATIBLE
    )
