"""Avro as values of a Connect schema, as Confluent's AvroData.toConnectData makes them.

Source: Confluent's AvroData (schema-registry 8.4); Apache Avro 1.12, GenericDatumReader.java.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, Final

from connect.api import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, Column, DataError, Schema, SchemaType
from connect.api.columns import Convert, OddValueError, each, listed, mapped
from connect.api.java import EPOCH, narrow
from connect.api.logical import LOGICAL_TYPES, scale, scaled
from connect_schemas.avro import columns
from connect_schemas.avro.nodes import Node
from connect_schemas.avro.options import KEY, VALUE, Options, is_union
from connect_schemas.avro.texts import text_of
from connect_schemas.avro.to_avro import anything
from connect_schemas.avro.to_connect import is_map_entry, member_name, to_connect
from connect_schemas.avro.wire import Codec
from connect_schemas.converting import one_by_one
from connect_schemas.errors import INVALID
from connect_schemas.recursive import RecursiveSchema

_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_INT: Final = columns.between(-(1 << 31), (1 << 31) - 1, "an int of Avro")
_ANYTHING: Final = text_of(anything())


class AvroReader:
    """Reads records of an Avro schema.

    Attributes:
        schema: The Connect schema of what is read; None where it is data without a schema.

    Args:
        version: Of the schema's subject.
        raw_bytes: As `AvroWriter` has it.

    Raises:
        DataError: schemas.invalid: Connect has no form for the schema.
    """

    def __init__(self, node: Node, options: Options, version: int | None = None, *, raw_bytes: bool = True) -> None:
        plan = Plan(options)
        self.schema: Schema | None
        if text_of(node) == _ANYTHING:
            self.schema, wire = None, plan.plain_wire(node)
            self._convert: Convert = each(_value_of)
        else:
            self.schema = to_connect(node, options, version)
            wire, self._convert = plan.built(node, self.schema)
        self._codec = Codec(wire, is_used_within=plan.refers)
        self._is_raw = raw_bytes and node.kind == "bytes"

    def read(self, data: Sequence[bytes], start: int) -> Column:
        try:
            raw = [item[start:] for item in data] if self._is_raw else self._codec.read(data, start)
            return Column(self.schema, self._convert(raw))
        except Exception:  # one is not as it should be: which, and how, is said by the long way
            return Column(self.schema, one_by_one(data, lambda item: self._read_one(item, start)))

    def _read_one(self, item: bytes, start: int) -> Any:
        try:
            if self._is_raw:
                return self._convert([item[start:]])[0]
            try:
                raw = self._codec.read_one(item, start)
            except UnicodeDecodeError:
                raw = self._codec.read_one(item, start, lenient=True)
            return self._convert([raw])[0]
        except OddValueError as error:
            raise DataError(f"not what its schema says: {error}") from error
        except RecursionError:
            raise DataError("the record is nested too deeply") from None
        except Exception as error:  # whatever fastavro raises of bytes that make no sense
            raise DataError(f"not what its schema says: {type(error).__name__}: {error}") from error


class Plan:
    """One compilation: the records that are under way."""

    def __init__(self, options: Options) -> None:
        self.refers = False
        self._options = options
        self._count = 0
        self._underway: dict[int, tuple[str, list[Convert]]] = {}

    def built(self, node: Node, schema: Schema) -> tuple[Any, Convert]:
        """Return the schema for fastavro, and what makes values of what it gives."""
        kind = node.kind
        match kind:
            case "union":
                return self._union(node, schema)
            case "record":
                return self._record(node, schema)
            case "array":
                return self._array(node, schema)
            case "map":
                wire, convert = self.built(inner_of(node), part_of(schema.value_schema))
                return {"type": "map", "values": wire}, mapped(convert) if convert is not same else same
            case "enum":
                return "int", _symbols(node)
            case "fixed":
                wire = {"type": "fixed", "name": self._named(), "size": node.size}
                return wire, _decimals(schema) if schema.name == DECIMAL_NAME else same
            case "bytes":
                return kind, _decimals(schema) if schema.name == DECIMAL_NAME else same
            case "int":
                return kind, _integers(schema)
            case "long":
                return kind, _moments if schema.name == TIMESTAMP_NAME else same
        return kind, same

    def _named(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def _array(self, node: Node, schema: Schema) -> tuple[Any, Convert]:
        inner = inner_of(node)
        if has_no_bytes(inner, set()):
            # A few bytes would stand for as many items as a number can count, and keep the task for ever.
            raise DataError("a list whose items have no bytes is not read", code=INVALID)
        if schema.type is not SchemaType.MAP or not is_map_entry(inner):
            wire, convert = self.built(inner, part_of(schema.value_schema))
            return {"type": "array", "items": wire}, listed(convert) if convert is not same else same
        converts: dict[str, Convert] = {}
        fields = []
        for member in inner.members or ():
            part = part_of(schema.key_schema if member.name == KEY else schema.value_schema)
            wire, converts[member.name] = self.built(member.node, part)
            fields.append({"name": member.name, "type": wire})
        record = {"type": "record", "name": self._named(), "fields": fields}
        return {"type": "array", "items": record}, columns.from_entries(converts[KEY], converts[VALUE], (KEY, VALUE))

    def _record(self, node: Node, schema: Schema) -> tuple[Any, Convert]:
        known = self._underway.get(id(node))
        if known is not None:
            self.refers = True
            name, cell = known
            return name, lambda column: cell[0](column) if column else column
        target = schema.target if isinstance(schema, RecursiveSchema) else schema
        name, cell = self._named(), list[Convert]()
        self._underway[id(node)] = (name, cell)
        wires, parts = [], []
        for member, field in zip(node.members or (), target.fields, strict=True):
            wire, convert = self.built(member.node, field.schema)
            wires.append({"name": member.name, "type": wire})
            parts.append((member.name, field.name, convert))
        is_busy = self.refers or any(convert is not same for _, _, convert in parts)
        cell.append(columns.struct(parts, own=True) if is_busy else same)
        del self._underway[id(node)]
        return {"type": "record", "name": name, "fields": wires}, cell[0]

    def _union(self, node: Node, schema: Schema) -> tuple[Any, Convert]:
        if not is_union(schema):
            present = [branch for branch in node.branches if branch.kind != "null"]
            wire, convert = self.built(present[0], schema)
            wires = ["null" if branch.kind == "null" else wire for branch in node.branches]
            return wires, columns.with_nulls(convert, allowed=True) if convert is not same else same
        wires, parts = [], {}
        for index, branch in enumerate(node.branches):
            if branch.kind == "null":
                wires.append("null")
                continue
            own = member_name(branch, index, self._options)
            field = schema.field(own)
            assert field is not None, "the schema was made of this union"
            wire, convert = self.built(branch, field.schema)
            within = [{"name": f"b{index}", "type": wire}]
            wires.append({"type": "record", "name": self._named(), "fields": within})
            parts[f"b{index}"] = (own, convert)
        chosen = _chosen([field.name for field in schema.fields], parts)
        return wires, columns.with_nulls(chosen, allowed=True)

    def plain_wire(self, node: Node) -> Any:
        """Return the schema for fastavro of data without a schema."""
        self.refers = True
        return json.loads(text_of(node))


same: Final = columns.same


def _chosen(fields: list[str], parts: dict[str, tuple[str, Convert]]) -> Convert:
    """Return a function that makes structs of unions: each with all fields, of which one is set."""
    empty = dict.fromkeys(fields)

    def run(column: list[Any]) -> list[Any]:
        by_branch: dict[str, list[int]] = {}
        for index, value in enumerate(column):
            (branch,) = value
            by_branch.setdefault(branch, []).append(index)
        result: list[Any] = [None] * len(column)
        for branch, indexes in by_branch.items():
            name, convert = parts[branch]
            for index, item in zip(indexes, convert([column[at][branch] for at in indexes]), strict=True):
                result[index] = {**empty, name: item}
        return result

    return run


def _integers(schema: Schema) -> Convert:
    if schema.name in (DATE_NAME, TIME_NAME):
        kind = LOGICAL_TYPES[schema.name]
        return each(lambda value: kind.to_logical(schema, value), DataError, OverflowError)
    bits = {SchemaType.INT8: 8, SchemaType.INT16: 16}.get(schema.type)
    if bits is None:
        return _INT
    return lambda column: [narrow(value, bits) for value in _INT(column)]


def _moments(column: list[Any]) -> list[Any]:
    epoch, millisecond = EPOCH, _MILLISECOND
    try:
        return [epoch + ms * millisecond for ms in column]
    except OverflowError:
        kind, schema = LOGICAL_TYPES[TIMESTAMP_NAME], Schema.timestamp()
        return each(lambda value: kind.to_logical(schema, value), DataError, OverflowError)(column)


def _decimals(schema: Schema) -> Convert:
    digits = scale(schema)

    def run(column: list[Any]) -> list[Any]:
        if b"" in column:
            raise OddValueError("Invalid bytes for Decimal: a number has at least one byte")
        return [scaled(int.from_bytes(raw, "big", signed=True), digits) for raw in column]

    return run


def _symbols(node: Node) -> Convert:
    symbols = node.symbols

    def run(column: list[Any]) -> list[Any]:
        if column and (min(column) < 0 or max(column) >= len(symbols)):
            raise OddValueError(f"enum {node.full_name} has no symbol of that number")
        return [symbols[index] for index in column]

    return run


def _value_of(record: dict[str, Any]) -> Any:
    for name in ("boolean", "bytes", "double", "float", "int", "long", "string"):
        if record[name] is not None:
            return record[name]
    if record["array"] is not None:
        return [_value_of(item) for item in record["array"]]
    if record["map"] is not None:
        try:
            return {_value_of(entry[KEY]): _value_of(entry[VALUE]) for entry in record["map"]}
        except TypeError as error:
            raise OddValueError(f"a map with a key that is none in Python: {error}") from None
    return None


def has_no_bytes(node: Node, seen: set[int]) -> bool:
    """Whether a type's values take no bytes.

    Args:
        seen: Records that are being looked at.
    """
    if node.kind == "record" and id(node) not in seen:
        members = node.members or ()
        return all(has_no_bytes(member.node, {*seen, id(node)}) for member in members)
    return node.kind == "null" or (node.kind == "fixed" and node.size <= 0)


def inner_of(node: Node) -> Node:
    assert node.inner is not None
    return node.inner


def part_of(part: Schema | None) -> Schema:
    assert part is not None, "it was made of an Avro schema"
    return part
