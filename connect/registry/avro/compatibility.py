"""Whether a reader's schema can read what was written with another one, and where it cannot.

The rules are those of schema resolution; logical types, docs, orders and other properties count for nothing. Names are
compared without their namespaces, as Java's library does, or by the reader's aliases.

Source: Apache Avro 1.12, specification, "Schema Resolution"; SchemaCompatibility.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connect.registry.avro.model import Avro, Field
from connect.registry.pairs import Pairs

_PROMOTIONS: Final = {
    "long": ("int",),
    "float": ("int", "long"),
    "double": ("int", "long", "float"),
    "bytes": ("string",),
    "string": ("bytes",),
}
_RECORDS: Final = ("record", "error")


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """Why a reader cannot read: the kind, where in which of the two schemas, and what is there."""

    kind: str
    path: str
    detail: str

    def told(self, reader: str = "new", writer: str = "old") -> str:
        """Return the text of it, in the words of Confluent's registry."""
        at = f"path '{self.path}'"
        what = {
            "FIXED_SIZE_MISMATCH": f"The size of FIXED type field at {at} in the {reader} schema does not match with "
            f"the {writer} schema",
            "TYPE_MISMATCH": f"The type ({at}) of a field in the {reader} schema does not match with the {writer} "
            "schema",
            "MISSING_ENUM_SYMBOLS": f"The {reader} schema is missing enum symbols '{self.detail}' at {at} in the "
            f"{writer} schema",
            "MISSING_UNION_BRANCH": f"The {reader} schema is missing a type inside a union field at {at} in the "
            f"{writer} schema",
            "NAME_MISMATCH": f"The name of the schema has changed ({at})",
            "READER_FIELD_MISSING_DEFAULT_VALUE": f"The field '{self.detail}' at {at} in the {reader} schema has no "
            f"default value and is missing in the {writer} schema",
        }[self.kind]
        return f"{{errorType:'{self.kind}', description:'{what}', additionalInfo:'{self.detail}'}}"


def incompatibilities(reader: Avro, writer: Avro) -> list[Incompatibility]:
    """Return what keeps a reader from reading what was written; nothing where it can."""
    return _Comparison().compare(reader, writer, ())


class _Comparison:
    def __init__(self) -> None:
        self._pairs: Pairs[Incompatibility] = Pairs()

    def compare(self, reader: Avro, writer: Avro, path: tuple[str | int, ...]) -> list[Incompatibility]:
        return self._pairs.found((id(reader), id(writer)), lambda: self._compared(reader, writer, path))

    def _compared(self, reader: Avro, writer: Avro, path: tuple[str | int, ...]) -> list[Incompatibility]:
        if writer.type == "union":
            return self._from_union(reader, writer, path)
        if reader.type == "union":
            if any(not self.compare(branch, writer, path) for branch in reader.branches):
                return []
            return [_found("MISSING_UNION_BRANCH", path, f"reader union lacking writer type: {_kind(writer)}")]
        if _like(reader) == _like(writer):
            return self._alike(reader, writer, path)
        if writer.type in _PROMOTIONS.get(reader.type, ()):
            return []
        detail = f"reader type: {_kind(reader)} not compatible with writer type: {_kind(writer)}"
        return [_found("TYPE_MISMATCH", path, detail)]

    def _from_union(self, reader: Avro, writer: Avro, path: tuple[str | int, ...]) -> list[Incompatibility]:
        found: list[Incompatibility] = []
        for index, branch in enumerate(writer.branches):
            there = self.compare(reader, branch, path)
            if there and reader.type == "union":
                detail = f"reader union lacking writer type: {_kind(branch)}"
                found.append(_found("MISSING_UNION_BRANCH", (*path, index), detail))
            else:
                found += there
        return found

    def _alike(self, reader: Avro, writer: Avro, path: tuple[str | int, ...]) -> list[Incompatibility]:
        found: list[Incompatibility] = []
        if reader.is_named and reader.short_name != writer.short_name and writer.name not in reader.aliases:
            found.append(_found("NAME_MISMATCH", (*path, "name"), f"expected: {writer.name}"))
        if reader.type in _RECORDS:
            found += self._records(reader, writer, path)
        elif reader.type == "enum":
            known = set(reader.symbols)
            missing = [symbol for symbol in writer.symbols if symbol not in known]
            if missing and reader.default_symbol is None:
                found.append(_found("MISSING_ENUM_SYMBOLS", (*path, "symbols"), f"[{', '.join(missing)}]"))
        elif reader.type == "fixed" and reader.size != writer.size:
            detail = f"expected: {writer.size}, found: {reader.size}"
            found.append(_found("FIXED_SIZE_MISMATCH", (*path, "size"), detail))
        elif reader.element is not None and writer.element is not None:
            member = "items" if reader.type == "array" else "values"
            found += self.compare(reader.element, writer.element, (*path, member))
        return found

    def _records(self, reader: Avro, writer: Avro, path: tuple[str | int, ...]) -> list[Incompatibility]:
        written = {field.name: field for field in writer.fields}
        found: list[Incompatibility] = []
        for index, field in enumerate(reader.fields):
            here = (*path, "fields", index)
            other = _counterpart(field, written)
            if other is not None:
                found += self.compare(field.schema, other.schema, (*here, "type"))
            elif not field.has_default:
                found.append(_found("READER_FIELD_MISSING_DEFAULT_VALUE", here, field.name))
        return found


def _counterpart(field: Field, written: dict[str, Field]) -> Field | None:
    return next((written[name] for name in (field.name, *field.aliases) if name in written), None)


def _like(schema: Avro) -> str:
    return "record" if schema.type in _RECORDS else schema.type


def _kind(schema: Avro) -> str:
    return _like(schema).upper()


def _found(kind: str, path: tuple[str | int, ...], detail: str) -> Incompatibility:
    return Incompatibility(kind, "/" + "/".join(map(str, path)), detail)
