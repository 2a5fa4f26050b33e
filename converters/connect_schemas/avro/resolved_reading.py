"""Avro that one schema wrote, as values of another: what a record is for who reads it by a schema of their own.

fastavro reads the writer's bytes; what becomes of a value on the way to the reader's type (fields by name or alias,
defaults, promotions, branches of unions, symbols of enums) is compiled once for the two schemas.

Source: Apache Avro 1.12, Specification, Schema Resolution.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, Final

from connect.api import DECIMAL_NAME, DataError, Schema, SchemaType
from connect.api.columns import Convert, OddValueError, listed, mapped
from connect.api.java import to_single
from connect.api.logical import scale
from connect_schemas.avro import columns
from connect_schemas.avro.nodes import NO_DEFAULT, Member, Node
from connect_schemas.avro.options import KEY, VALUE, Options, is_union
from connect_schemas.avro.reading import AvroReader, Plan, has_no_bytes, inner_of, part_of, same
from connect_schemas.avro.resolving import branch_for, is_called_alike, why_not
from connect_schemas.avro.to_connect import default_value, is_map_entry, member_name, to_connect
from connect_schemas.avro.wire import Codec
from connect_schemas.errors import INCOMPATIBLE, INVALID
from connect_schemas.recursive import RecursiveSchema

_HINT: Final = "Register a version that reads what is in the topic, or leave out use.latest.version."


class ResolvingReader(AvroReader):
    """Reads records of one Avro schema as values of another.

    Args:
        node: The schema that they come to.
        written: The one that they were written with.

    Raises:
        DataError: schemas.incompatible: the one cannot be read as the other; schemas.invalid: as `AvroReader`.
    """

    def __init__(
        self, node: Node, written: Node, options: Options, version: int | None = None, *, raw_bytes: bool = True
    ) -> None:
        self.schema = to_connect(node, options, version)
        plan = _Resolution(options)
        wire, self._convert = plan.resolved(written, node, self.schema)
        self._codec = Codec(wire, is_used_within=plan.refers)
        self._is_raw = raw_bytes and written.kind == "bytes"


class _Resolution(Plan):
    """One compilation of two schemas."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._pairs: dict[tuple[int, int], tuple[str, list[Convert]]] = {}

    def resolved(self, writer: Node, reader: Node, schema: Schema, place: str = "") -> tuple[Any, Convert]:
        """Return the schema for fastavro, which is the writer's, and what makes the reader's values of what it gives.

        Args:
            schema: The reader's, as Connect's.
            place: Where the type is, for people.
        """
        if writer.kind == "union":
            return self._from_union(writer, reader, schema, place)
        if reader.kind == "union":
            return self._into_union(writer, reader, schema, place)
        if writer.kind != reader.kind:
            return self._promoted(writer, reader, schema, place)
        match writer.kind:
            case "record":
                return self._resolved_record(writer, reader, schema, place)
            case "array":
                return self._resolved_array(writer, reader, schema, place)
            case "map":
                part = part_of(schema.value_schema)
                wire, convert = self.resolved(inner_of(writer), inner_of(reader), part, f"{place}[]")
                return {"type": "map", "values": wire}, mapped(convert) if convert is not same else same
            case "enum":
                self._expect_name(writer, reader, place)
                return "int", _symbols(writer, reader)
            case "fixed":
                self._expect_name(writer, reader, place)
                if writer.size != reader.size:
                    raise _unlike(reader, writer, place)
        _expect_scale(writer, schema, place)
        return self.built(writer, schema)[0], self.built(reader, schema)[1]

    def _promoted(self, writer: Node, reader: Node, schema: Schema, place: str) -> tuple[Any, Convert]:
        promote = _PROMOTIONS.get((writer.kind, reader.kind))
        if promote is None:
            raise _unlike(reader, writer, place)
        then = self.built(reader, schema)[1]
        return writer.kind, lambda column: then(promote(column))

    def _resolved_record(self, writer: Node, reader: Node, schema: Schema, place: str) -> tuple[Any, Convert]:
        key = (id(writer), id(reader))
        if key in self._pairs:
            self.refers = True
            name, cell = self._pairs[key]
            return name, lambda column: cell[0](column) if column else column
        self._expect_name(writer, reader, place)
        target = schema.target if isinstance(schema, RecursiveSchema) else schema
        name, cell = self._named(), list[Convert]()
        self._pairs[key] = (name, cell)
        try:
            fields, convert = self._resolved_members(writer, reader, target, place)
        finally:  # one that cannot be read is the fault of a branch's records, and stands elsewhere again
            del self._pairs[key]
        cell.append(convert)
        return {"type": "record", "name": name, "fields": fields}, convert

    def _resolved_members(
        self, writer: Node, reader: Node, target: Schema, place: str
    ) -> tuple[list[dict[str, Any]], Convert]:
        found: dict[str, tuple[str, Convert]] = {}
        wires: dict[str, Any] = {}
        constants: dict[str, Any] = {}
        for member, field in zip(reader.members or (), target.fields, strict=True):
            where = f"{place}.{member.name}" if place else member.name
            own = written_member(writer, member)
            if own is None or own.name in wires:
                constants[field.name] = self._default(member, field.schema, where)
                continue
            wires[own.name], convert = self.resolved(own.node, member.node, field.schema, where)
            found[field.name] = own.name, convert
        for other in writer.members or ():
            if other.name not in wires:  # nobody asks for it
                wires[other.name] = self.built(other.node, to_connect(other.node, self._options))[0]
        fields = [{"name": one.name, "type": wires[one.name]} for one in writer.members or ()]
        return fields, _record([field.name for field in target.fields], found, constants)

    def _default(self, member: Member, schema: Schema, where: str) -> Any:
        if member.default is NO_DEFAULT:
            raise DataError(
                f"field {where!r} has no default, and the schema of the records does not have it",
                code=INCOMPATIBLE,
                hint=_HINT,
            )
        if member.default is None:
            return None
        try:
            return default_value(schema, member.node, member.default, self._options)
        except (DataError, ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            raise DataError(f"the default of field {where!r} is none of its schema: {error}", code=INVALID) from error

    def _resolved_array(self, writer: Node, reader: Node, schema: Schema, place: str) -> tuple[Any, Convert]:
        item, target = inner_of(writer), inner_of(reader)
        if has_no_bytes(item, set()):
            raise DataError("a list whose items have no bytes is not read", code=INVALID)
        if schema.type is not SchemaType.MAP or not is_map_entry(target):
            wire, convert = self.resolved(item, target, part_of(schema.value_schema), f"{place}[]")
            return {"type": "array", "items": wire}, listed(convert) if convert is not same else same
        own = [item.member(KEY), item.member(VALUE)] if item.kind == "record" else [None]
        if None in own or len(item.members or ()) != 2:
            raise _unlike(target, item, f"{place}[]")
        fields, converts = [], []
        for member in item.members or ():
            of_reader = target.member(member.name)
            assert of_reader is not None, "an entry of a map has a key and a value"
            part = part_of(schema.key_schema if member.name == KEY else schema.value_schema)
            wire, convert = self.resolved(member.node, of_reader.node, part, f"{place}[].{member.name}")
            fields.append({"name": member.name, "type": wire})
            converts.append((member.name, convert))
        record = {"type": "record", "name": self._named(), "fields": fields}
        by_name = dict(converts)
        return {"type": "array", "items": record}, columns.from_entries(by_name[KEY], by_name[VALUE], (KEY, VALUE))

    # -- unions ------------------------------------------------------------------------------------------------------

    def _from_union(self, writer: Node, reader: Node, schema: Schema, place: str) -> tuple[Any, Convert]:
        """Each branch by itself: a branch that cannot be read is the fault of the records that have it."""
        wires: list[Any] = []
        parts: dict[str, Convert] = {}
        takes_null = reader.kind == "null" or any(branch.kind == "null" for branch in reader.branches)
        for index, branch in enumerate(writer.branches):
            if branch.kind == "null":
                wires.append("null")
                continue
            name = f"b{index}"
            try:
                wire, convert = self.resolved(branch, reader, schema, place)
            except DataError as error:
                wire = self.built(branch, to_connect(branch, self._options))[0]
                convert = _refusing(error.message)
            wires.append({"type": "record", "name": self._named(), "fields": [{"name": name, "type": wire}]})
            parts[name] = convert
        null = None if takes_null else f"{place or 'it'} is null, and {reader.full_name} is expected"
        return wires, _dispatched(parts, null)

    def _into_union(self, writer: Node, reader: Node, schema: Schema, place: str) -> tuple[Any, Convert]:
        index = branch_for(reader, writer)
        if index is None:
            raise _unlike(reader, writer, place)
        branch = reader.branches[index]
        if branch.kind == "null" or not is_union(schema):
            return self.resolved(writer, branch, schema, place)
        name = member_name(branch, index, self._options)
        field = schema.field(name)
        assert field is not None, "the schema was made of this union"
        wire, convert = self.resolved(writer, branch, field.schema, place)
        empty = dict.fromkeys(one.name for one in schema.fields)
        return wire, lambda column: [{**empty, name: value} for value in convert(column)]

    @staticmethod
    def _expect_name(writer: Node, reader: Node, place: str) -> None:
        if not is_called_alike(reader, writer):
            raise _unlike(reader, writer, place)


def written_member(writer: Node, member: Member) -> Member | None:
    """Return the field of the writer's that one of the reader's is: by its name, else by an alias."""
    return next((found for name in (member.name, *member.aliases) if (found := writer.member(name)) is not None), None)


def _record(names: Sequence[str], found: dict[str, tuple[str, Convert]], constants: dict[str, Any]) -> Convert:
    """Return a function from the writer's dicts to the reader's."""
    are_shared = {name: not isinstance(value, dict | list) for name, value in constants.items()}

    def run(column: list[Any]) -> list[Any]:
        parts: list[Any] = []
        for name in names:
            if name in found:
                before, convert = found[name]
                parts.append(_of_field(name, convert, [row[before] for row in column]))
            elif are_shared[name]:
                parts.append(repeat(constants[name], len(column)))
            else:  # a value may be changed by who gets it
                parts.append([copy.deepcopy(constants[name]) for _ in column])
        return (
            [dict(zip(names, row, strict=True)) for row in zip(*parts, strict=True)] if names else [{} for _ in column]
        )

    return run


def _of_field(name: str, convert: Convert, column: list[Any]) -> list[Any]:
    try:
        return convert(column)
    except OddValueError as error:
        raise OddValueError(f"field {name!r}: {error}") from None


def _dispatched(parts: dict[str, Convert], null: str | None) -> Convert:
    """Return a function for values of a union: None, or a dict of the branch's name.

    Args:
        null: What is said of None where it is no value.
    """

    def run(column: list[Any]) -> list[Any]:
        by_branch: dict[str, list[int]] = {}
        result: list[Any] = [None] * len(column)
        for index, value in enumerate(column):
            if value is None:
                if null is not None:
                    raise OddValueError(null)
                continue
            (branch,) = value
            by_branch.setdefault(branch, []).append(index)
        for branch, indexes in by_branch.items():
            converted = parts[branch]([column[at][branch] for at in indexes])
            for index, item in zip(indexes, converted, strict=True):
                result[index] = item
        return result

    return run


def _refusing(why: str) -> Convert:
    def run(column: list[Any]) -> list[Any]:
        raise OddValueError(why)

    return run


def _symbols(writer: Node, reader: Node) -> Convert:
    """Return a function from numbers of the writer's symbols to the reader's symbols."""
    known = frozenset(reader.symbols)
    table = [symbol if symbol in known else reader.enum_default for symbol in writer.symbols]

    def run(column: list[Any]) -> list[Any]:
        if column and (min(column) < 0 or max(column) >= len(table)):
            raise OddValueError(f"enum {writer.full_name} has no symbol of that number")
        found = [table[index] for index in column]
        if None in found:
            odd = writer.symbols[column[found.index(None)]]
            raise OddValueError(f"enum {reader.full_name} has no symbol {odd!r}, and no default")
        return found

    return run


def _expect_scale(writer: Node, schema: Schema, place: str) -> None:
    """Refuse a decimal whose digits would be others: Avro compares the bytes alone, and 1.50 would be 15.0."""
    if schema.name != DECIMAL_NAME or writer.props.get("logicalType") != "decimal":
        return
    digits = writer.props.get("scale", 0)
    if digits != scale(schema):
        raise DataError(
            f"{place or 'it'} is a decimal of scale {scale(schema)} there, and of scale {digits} in the records",
            code=INCOMPATIBLE,
            hint=_HINT,
        )


def _unlike(reader: Node, writer: Node, place: str) -> DataError:
    why = why_not(reader, writer) or f"it is {reader.full_name} there, and {writer.full_name} here"
    return DataError(f"{place}: {why}" if place else why, code=INCOMPATIBLE, hint=_HINT)


def _each(function: Callable[[Any], Any]) -> Convert:
    return lambda column: [function(value) for value in column]


_PROMOTIONS: Final[dict[tuple[str, str], Convert]] = {
    ("int", "long"): same,
    **{(kind, "float"): _each(lambda value: to_single(float(value))) for kind in ("int", "long")},
    **{(kind, "double"): _each(float) for kind in ("int", "long", "float")},
    ("string", "bytes"): _each(str.encode),
    ("bytes", "string"): _each(lambda value: value.decode("utf-8", "replace")),
}
