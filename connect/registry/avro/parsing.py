"""Avro schemas, read from their JSON: what Java's parser takes is taken, and what it refuses is refused.

Source: Apache Avro 1.12, specification, "Schema Declaration", "Names", "Aliases".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from connect.registry.avro.model import NAMED, PRIMITIVES, Avro, Field, InvalidAvroError
from connect.registry.json_texts import load_json

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OF_SCHEMAS: Final = frozenset(
    ("doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases")
)
_OF_FIELDS: Final = frozenset(("default", "doc", "name", "order", "type", "aliases"))
_ORDERS: Final = ("ascending", "descending", "ignore")
_INT: Final = (-(2**31), 2**31 - 1)
_LONG: Final = (-(2**63), 2**63 - 1)


def parse(
    text: str, known: Mapping[str, Avro] | None = None, *, checks_defaults: bool = True
) -> tuple[Avro, dict[str, Avro]]:
    """Read a schema.

    Args:
        known: Types of other schemas that this one may refer to, by full name.
        checks_defaults: A default that is none of its field's type is refused.

    Returns:
        The schema, and all named types: those that were known, and its own.

    Raises:
        InvalidAvroError: It is none.
    """
    try:
        body = load_json(text)
    except ValueError as error:
        # As Java's parser does, a name alone is a schema too.
        if _NAME.fullmatch(text.strip()) is None:
            raise InvalidAvroError(str(error)) from None
        body = text.strip()
    parser = _Parser(dict(known or {}), checks_defaults=checks_defaults)
    schema = parser.schema(body, "")
    parser.check_defaults()
    return schema, parser.names


class _Parser:
    def __init__(self, names: dict[str, Avro], *, checks_defaults: bool) -> None:
        self.names = names
        self._checks_defaults = checks_defaults
        self._fields: list[tuple[str, Field]] = []

    def schema(self, body: Any, space: str) -> Avro:
        if isinstance(body, str):
            return self._referred(body, space)
        if isinstance(body, list):
            return self._union(body, space)
        if not isinstance(body, dict):
            raise InvalidAvroError(f"No type: {_shown(body)}")
        kind = body.get("type")
        if kind is None:
            raise InvalidAvroError(f"No type: {_shown(body)}")
        if not isinstance(kind, str):
            # {"type": {...}}: the schema inside, with what stands beside it left aside, as in Java.
            return self.schema(kind, space)
        if kind in PRIMITIVES:
            return Avro(kind, props=_props(body, _OF_SCHEMAS))
        if kind in ("array", "map"):
            return self._container(kind, body, space)
        if kind in NAMED:
            return self._named(kind, body, space)
        return self._referred(kind, space)

    def _referred(self, name: str, space: str) -> Avro:
        if name in PRIMITIVES:
            return Avro(name)
        full = name if "." in name or not space else f"{space}.{name}"
        found = self.names.get(full) or self.names.get(name)
        if found is None:
            raise InvalidAvroError(f'Undefined name: "{name}"' if "." in name else f'"{full}" is not a defined name.')
        return found

    def _union(self, body: list[Any], space: str) -> Avro:
        branches = tuple(self.schema(one, space) for one in body)
        seen: set[str] = set()
        for branch in branches:
            if branch.type == "union":
                raise InvalidAvroError(f"Nested union: {_shown(body)}")
            name = branch.name or branch.type
            if name in seen:
                raise InvalidAvroError(f"Duplicate in union:{name}")
            seen.add(name)
        return Avro("union", branches=branches)

    def _container(self, kind: str, body: dict[str, Any], space: str) -> Avro:
        member = "items" if kind == "array" else "values"
        if member not in body:
            raise InvalidAvroError(f"{kind.capitalize()} has no {member} type: {_shown(body)}")
        return Avro(kind, element=self.schema(body[member], space), props=_props(body, _OF_SCHEMAS))

    def _named(self, kind: str, body: dict[str, Any], space: str) -> Avro:
        full = _full_name(body, space)
        space = full.rpartition(".")[0]
        if full in self.names:
            raise InvalidAvroError(f"Can't redefine: {full}")
        reserved = _OF_SCHEMAS | {"default"} if kind == "enum" else _OF_SCHEMAS
        schema = Avro(
            kind,
            name=full,
            doc=_optional_text(body, "doc"),
            aliases=tuple(one if "." in one or not space else f"{space}.{one}" for one in _texts(body, "aliases")),
            props=_props(body, reserved),
        )
        self.names[full] = schema
        match kind:
            case "enum":
                self._enum(schema, body)
            case "fixed":
                schema.size = _size(body)
            case _:
                self._record(schema, body, space)
        return schema

    def _enum(self, schema: Avro, body: dict[str, Any]) -> None:
        symbols = body.get("symbols")
        if not isinstance(symbols, list):
            raise InvalidAvroError(f"Enum has no symbols: {_shown(body)}")
        for symbol in symbols:
            _checked_name(symbol)
        if len(set(symbols)) != len(symbols):
            raise InvalidAvroError(f"Duplicate enum symbol in {schema.name}")
        schema.symbols = tuple(symbols)
        schema.default_symbol = _optional_text(body, "default")
        if schema.default_symbol is not None and schema.default_symbol not in symbols:
            raise InvalidAvroError(
                f"The Enum Default: {schema.default_symbol} is not in the enum symbol set: {_listed(symbols)}"
            )

    def _record(self, schema: Avro, body: dict[str, Any], space: str) -> None:
        fields = body.get("fields")
        if not isinstance(fields, list):
            raise InvalidAvroError(f"Record has no fields: {_shown(body)}")
        found: dict[str, Field] = {}
        for one in fields:
            field = self._field(one, space)
            if field.name in found:
                raise InvalidAvroError(f"Duplicate field {field.name} in record {schema.name}")
            found[field.name] = field
            self._fields.append((schema.name, field))
        schema.fields = tuple(found.values())

    def _field(self, body: Any, space: str) -> Field:
        if not isinstance(body, dict):
            raise InvalidAvroError(f"No field name: {_shown(body)}")
        name = _text(body, "name", "No field name")
        _checked_name(name)
        if "type" not in body:
            raise InvalidAvroError(f"No field type: {_shown(body)}")
        order = str(body.get("order", "ascending")).lower()
        if order not in _ORDERS:
            raise InvalidAvroError(f"order of field {name} is {order!r}; {', '.join(_ORDERS)} are known")
        return Field(
            name,
            self.schema(body["type"], space),
            doc=_optional_text(body, "doc"),
            has_default="default" in body,
            default=body.get("default"),
            order=order,
            aliases=tuple(_texts(body, "aliases")),
            props=_props(body, _OF_FIELDS),
        )

    def check_defaults(self) -> None:
        """Check the defaults of all fields, once every type is known."""
        for record, field in self._fields if self._checks_defaults else ():
            if field.has_default and not _is_of(field.schema, field.default):
                raise InvalidAvroError(
                    f"Invalid default for field {record}.{field.name}: {_shown(field.default)} not a "
                    f"{field.schema.name or field.schema.type}"
                )


def _is_of(schema: Avro, value: Any) -> bool:
    """Say whether a JSON value is a default of a type."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    match schema.type:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "int":
            return is_whole and _INT[0] <= value <= _INT[1]
        case "long":
            return is_whole and _LONG[0] <= value <= _LONG[1]
        case "float" | "double":
            return is_whole or isinstance(value, float)
        case "string" | "bytes" | "fixed" | "enum":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list) and all(_is_of(_element(schema), one) for one in value)
        case "map":
            return isinstance(value, dict) and all(_is_of(_element(schema), one) for one in value.values())
        case "union":
            return any(_is_of(branch, value) for branch in schema.branches)
    return isinstance(value, dict) and all(
        _is_of(one.schema, value[one.name]) if one.name in value else one.has_default for one in schema.fields
    )


def _element(schema: Avro) -> Avro:
    assert schema.element is not None
    return schema.element


def _full_name(body: dict[str, Any], space: str) -> str:
    name = _text(body, "name", "No name in schema")
    given = body.get("namespace")
    if "." not in name and (own := space if given is None else str(given)):
        name = f"{own}.{name}"
    for part in name.split("."):
        _checked_name(part)
    return name


def _checked_name(name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise InvalidAvroError("Empty name")
    if _NAME.fullmatch(name) is None:
        raise InvalidAvroError(f"Illegal character in: {name:.200}")


def _size(body: dict[str, Any]) -> int:
    size = body.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _INT[1]:
        raise InvalidAvroError(f"Invalid or no size: {_shown(body)}")
    return size


def _text(body: dict[str, Any], member: str, otherwise: str) -> str:
    value = body.get(member)
    if not isinstance(value, str):
        raise InvalidAvroError(f"{otherwise}: {_shown(body)}")
    return value


def _optional_text(body: dict[str, Any], member: str) -> str | None:
    value = body.get(member)
    return value if isinstance(value, str) else None


def _texts(body: dict[str, Any], member: str) -> list[str]:
    value = body.get(member)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidAvroError(f"{member} not an array of strings: {_shown(value)}")
    return list(dict.fromkeys(value))


def _props(body: dict[str, Any], reserved: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in reserved}


def _listed(names: list[str]) -> str:
    return f"[{', '.join(names)}]"


def _shown(value: Any) -> str:
    return f"{value!r:.200}"
