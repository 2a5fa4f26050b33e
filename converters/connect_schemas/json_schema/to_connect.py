"""JSON Schemas as Connect's.

A JSON Schema may say several things of one value, as if all of them stood in an `allOf`: a type, an enum, a `oneOf`, a
`$ref`. Each is a `_Part`; what a value is in Connect follows from the first of them that says it.

Source: Confluent's JsonSchemaData.toConnectSchema (schema-registry 8.4), and the parts that Everit's loader makes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from connect.api import STRING, DataError, Schema, SchemaType
from connect.api.java import java_text
from connect_schemas.errors import INVALID
from connect_schemas.generalized import GENERAL_UNION, GENERAL_UNION_PREFIX
from connect_schemas.json_schema.documents import At, Document
from connect_schemas.json_schema.options import (
    CONNECT_INDEX,
    CONNECT_PARAMETERS,
    CONNECT_TYPE,
    CONNECT_VERSION,
    ENUM,
    KEY,
    MAP,
    NULL_SYMBOL,
    ONE_OF,
    VALUE,
    Options,
)  # fmt: skip
from connect_schemas.json_schema.values import Decoder, node_type
from connect_schemas.recursive import Place, RecursiveSchema

logger = logging.getLogger(__name__)

#: More types than any schema of people has: one that uses others twice at each level comes to as many as it likes.
TYPES_MAX: Final = 10_000
_SHOWN_CHARS: Final = 200
_COMBINED: Final = ("oneOf", "anyOf")
_NUMBERS: Final = {
    kind.value: kind
    for kind in (
        SchemaType.INT8, SchemaType.INT16, SchemaType.INT32, SchemaType.INT64, SchemaType.FLOAT32, SchemaType.FLOAT64,
        SchemaType.BYTES,
    )
}  # fmt: skip
#: What a schema that names no type must be about.
_HINTS: Final = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})
#: What says more of a value, of several parts: the first of these.
_STRONGEST: Final = ("oneOf", "anyOf", "types", "enum", "string", "integer", "number", "boolean", "array", "object")


def to_connect(document: Document, options: Options, version: int | None = None) -> Schema:
    """Return the Connect schema of a JSON Schema.

    Args:
        version: The version of its subject, where the schema names none.

    Raises:
        DataError: schemas.invalid: it has no form in Connect; says where.
    """
    try:
        return _Maker(options).made(document.root, document.at(), "#", version=version)
    except RecursionError:
        raise _wrong("#", "it is nested too deeply") from None


class _Part(NamedTuple):
    """One of the things that a schema says.

    Attributes:
        kind: A keyword ('$ref', 'oneOf', 'anyOf', 'enum'), a type, or 'types' for several.
        node: The schema that says it.
    """

    kind: str
    node: dict[str, Any]
    at: At
    where: str


@dataclass(slots=True)
class _Properties:
    """What a schema is made of."""

    type: SchemaType
    name: str | None = None
    optional: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    fields: list[tuple[str, Schema]] = field(default_factory=list)
    key_schema: Schema | None = None
    value_schema: Schema | None = None
    version: int | None = None
    doc: str | None = None

    def built(self, default: Any = None) -> Schema:
        return Schema(
            self.type, name=self.name, version=self.version, doc=self.doc, parameters=self.parameters,
            optional=self.optional, fields=self.fields, key_schema=self.key_schema, value_schema=self.value_schema,
            default=default,
        )  # fmt: skip


class _Maker:
    """One schema's making: the structs that are under way, and those that contain themselves."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._decoder = Decoder(options)
        self._count = 0
        self._unions = 0
        self._underway: dict[int, Place] = {}
        self._recursive: set[int] = set()
        self._followed: list[int] = []

    def made(self, node: Any, at: At, where: str, *, version: int | None = None, optional: bool = False) -> Schema:
        """Return a schema's.

        Args:
            where: Its place, for people.
            optional: Whether null is a value, whatever the schema says.
        """
        self._step(where)
        place = self._underway.get(id(node))
        if place is not None:
            self._recursive.add(id(node))
            return RecursiveSchema(place, optional=optional)
        if not isinstance(node, dict):
            raise _wrong(where, f"an object is expected, and this is {node_type(node)}")
        parts = list(self._parts(node, at.within(node), where))
        if not parts:
            raise _wrong(where, "it names no type", hint="Give it a type, or a oneOf of types.")
        if len(parts) == 1:
            return self._of_part(node, parts[0], version, optional)
        return self._of_parts(node, parts, version, optional, where)

    def _step(self, where: str) -> None:
        """Count a type, or a part of one: those that refer to the next one twice double."""
        self._count += 1
        if self._count > TYPES_MAX:
            raise _wrong(where, f"it comes to more than {TYPES_MAX} types")

    # -- what a schema says ------------------------------------------------------------------------------------------

    def _parts(self, node: dict[str, Any], at: At, where: str) -> Iterator[_Part]:
        if isinstance(node.get("$ref"), str):
            yield _Part("$ref", node, at, where)
            if not at.is_modern:
                return  # what stands beside it does not count
        for keyword in _COMBINED:
            if keyword in node:
                yield _Part(keyword, node, at, f"{where}/{keyword}")
        for index, inner in enumerate(_listed(node, "allOf", where) if "allOf" in node else ()):
            if isinstance(inner, dict):
                yield from self._parts(inner, at.within(inner), f"{where}/allOf/{index}")
        if "const" in node or "enum" in node:
            yield _Part("enum", node, at, where)
        yield from (_Part(kind, node, at, where) for kind in _kinds(node, where))

    def _of_part(self, node: dict[str, Any], part: _Part, version: int | None, optional: bool) -> Schema:
        if part.kind == "$ref":
            return self._referred(part, version, optional)
        if part.kind in _COMBINED:
            return self._combined(node, part, version, optional)
        return self._typed(node, part, version, optional)

    def _of_parts(
        self, node: dict[str, Any], parts: Sequence[_Part], version: int | None, optional: bool, where: str
    ) -> Schema:
        properties: dict[str, tuple[Any, At, str]] = {}
        required: set[str] = set()
        for part in parts:
            self._collect(part, properties, required, [])
        if properties:
            made = _Properties(SchemaType.STRUCT)
            with self._struct(node):
                self._add_fields(made, properties, required)
                return self._finished(made, (node,), version, optional)
        for kind in _STRONGEST:
            for part in parts:
                if part.kind == kind:
                    number = kind == "enum" and next((one for one in parts if one.kind in _UNLIKE_TEXT), None)
                    return self._of_part(node, number or part, version, optional)
        references = [part for part in parts if part.kind == "$ref"]
        if len({part.node["$ref"] for part in references}) == 1:
            return self._referred(references[0], version, optional)
        raise _wrong(where, f"it says several things at once: {', '.join(part.kind for part in parts)}")

    def _collect(
        self, part: _Part, properties: dict[str, tuple[Any, At, str]], required: set[str], seen: list[int]
    ) -> None:
        """Add the properties of objects, also behind references."""
        self._step(part.where)
        if part.kind == "object":
            for name, inner in _named(part.node, "properties", part.where).items():
                properties[name] = (inner, part.at, f"{part.where}/properties/{name}")
            required |= _required(part.node)
        elif part.kind == "$ref":
            found, at = part.at.found(part.node["$ref"])
            if isinstance(found, dict) and id(found) not in seen:
                for inner_part in self._parts(found, at.within(found), part.where):
                    self._collect(inner_part, properties, required, [*seen, id(found)])

    def _referred(self, part: _Part, version: int | None, optional: bool) -> Schema:
        found, at = part.at.found(part.node["$ref"])
        if id(found) in self._followed and id(found) not in self._underway:
            raise _wrong(part.where, f"$ref {part.node['$ref']!r} leads back to itself, and not by a struct's field")
        self._followed.append(id(found))
        try:
            return self.made(found, at, part.where, version=version, optional=optional)
        finally:
            self._followed.pop()

    def _combined(self, node: dict[str, Any], part: _Part, version: int | None, optional: bool) -> Schema:
        subs = _listed(part.node, part.kind, part.where)
        others = [(index, sub) for index, sub in enumerate(subs) if not _is_null(sub)]
        if not others:
            raise _wrong(part.where, "it has no type but null")
        is_nullable = len(others) < len(subs)
        if len(others) == 1 and (is_nullable or self._options.flatten):
            index, sub = others[0]
            inner = self.made(sub, part.at, f"{part.where}/{index}", version=version, optional=optional or is_nullable)
            description = node.get("description")
            if isinstance(inner, RecursiveSchema) or inner.doc is not None or not isinstance(description, str):
                return inner
            return inner.replace(doc=description)
        made = self._union([self.made(sub, part.at, f"{part.where}/{index}", optional=True) for index, sub in others])
        made.optional = is_nullable
        return self._finished(made, (node,), version, optional)

    def _union(self, types: Sequence[Schema]) -> _Properties:
        made = _Properties(SchemaType.STRUCT, name=ONE_OF)
        if self._options.generalized:
            made.name, self._unions = f"{GENERAL_UNION_PREFIX}{self._unions}", self._unions + 1
            made.parameters[GENERAL_UNION] = made.name
        made.fields = [(self._options.union_field(index), one) for index, one in enumerate(types)]
        return made

    # -- the types ---------------------------------------------------------------------------------------------------

    def _typed(self, node: dict[str, Any], part: _Part, version: int | None, optional: bool) -> Schema:
        said = (node,) if part.node is node else (node, part.node)
        match part.kind:
            case "object":
                return self._object(said, part, version, optional)
            case "array":
                return self._finished(self._array(part), said, version, optional)
            case "types":
                return self._several(said, part, version, optional)
            case "enum":
                made, is_nullable = self._enum(part)
                return self._finished(made, said, version, optional or is_nullable)
            case "null":
                raise _wrong(part.where, "it is null and nothing else, which is no type of Connect")
        return self._finished(_Properties(_plain(part)), said, version, optional)

    def _several(self, said: Sequence[dict[str, Any]], part: _Part, version: int | None, optional: bool) -> Schema:
        kinds = [kind for kind in part.node["type"] if kind != "null"]
        is_nullable = len(kinds) < len(part.node["type"])
        if not kinds:
            raise _wrong(part.where, "it has no type but null")
        if len(kinds) == 1:
            return self._typed(said[0], part._replace(kind=kinds[0]), version, optional or is_nullable)
        bare = {word: value for word, value in part.node.items() if word not in _METADATA}
        types = [self._typed(bare, _Part(kind, bare, part.at, part.where), None, True) for kind in kinds]
        made = self._union(types)
        made.optional = is_nullable
        return self._finished(made, said, version, optional)

    def _enum(self, part: _Part) -> tuple[_Properties, bool]:
        """Return what an enum is, and whether null is one of it."""
        values = [part.node["const"]] if "const" in part.node else _listed(part.node, "enum", part.where)
        others = [value for value in values if value is not None]
        if not others:
            raise _wrong(part.where, "it has no value but null")
        if all(isinstance(value, bool) for value in others):
            return _Properties(SchemaType.BOOLEAN), len(others) < len(values)
        if all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in others):
            whole = all(isinstance(value, int) for value in others)
            return _Properties(SchemaType.INT64 if whole else SchemaType.FLOAT64), len(others) < len(values)
        if not all(isinstance(value, str) for value in others):
            raise _wrong(part.where, "its values are of several types, or no plain ones")
        if "const" in part.node and part.node.get("type") is not None:
            return _Properties(SchemaType.STRING), False
        made = _Properties(SchemaType.STRING)
        parameter = self._options.enum_parameter
        made.parameters[parameter] = ""
        for index, value in enumerate(values):
            symbol = NULL_SYMBOL if value is None else value
            made.parameters[f"{parameter}.{symbol}"] = str(index) if parameter != ENUM else symbol
        return made, len(others) < len(values)

    def _array(self, part: _Part) -> _Properties:
        items = part.node.get("items")
        if not isinstance(items, dict):
            raise _wrong(part.where, "it is an array that does not say what its items are")
        if part.node.get(CONNECT_TYPE) == MAP:
            entry, at = self._looked_through(items, part.at.within(items))
            properties = _named(entry, "properties", f"{part.where}/items")
            if not properties.keys() >= {KEY, VALUE}:
                raise _wrong(f"{part.where}/items", "an entry of a map has the properties 'key' and 'value'")
            keys, values = (
                self.made(properties[name], at, f"{part.where}/items/properties/{name}") for name in (KEY, VALUE)
            )
            return _Properties(SchemaType.MAP, key_schema=keys, value_schema=values)
        return _Properties(SchemaType.ARRAY, value_schema=self.made(items, part.at, f"{part.where}/items"))

    @staticmethod
    def _looked_through(node: dict[str, Any], at: At) -> tuple[dict[str, Any], At]:
        if isinstance(node.get("$ref"), str):
            found, at = at.found(node["$ref"])
            return (found if isinstance(found, dict) else {}), at
        return node, at

    def _object(self, said: Sequence[dict[str, Any]], part: _Part, version: int | None, optional: bool) -> Schema:
        node = part.node
        if node.get(CONNECT_TYPE) == MAP:
            values = node.get("additionalProperties")
            if not isinstance(values, dict):
                raise _wrong(part.where, "it is a map that does not say what its values are, in additionalProperties")
            inner = self.made(values, part.at, f"{part.where}/additionalProperties")
            return self._finished(
                _Properties(SchemaType.MAP, key_schema=STRING, value_schema=inner), said, version, optional
            )
        properties = _named(node, "properties", part.where)
        required = _required(node)
        made = _Properties(SchemaType.STRUCT)
        with self._struct(said[0]):
            order = {name: _index(inner, place) for place, (name, inner) in enumerate(properties.items())}
            found = {
                name: (properties[name], part.at, f"{part.where}/properties/{name}")
                for name in sorted(properties, key=order.__getitem__)
            }
            self._add_fields(made, found, required)
            return self._finished(made, said, version, optional)

    def _add_fields(self, made: _Properties, properties: dict[str, tuple[Any, At, str]], required: set[str]) -> None:
        for name, (inner, at, where) in properties.items():
            is_optional = self._options.optional_for_nonrequired and name not in required
            made.fields.append((name, self.made(inner, at, where, optional=is_optional)))

    def _struct(self, node: dict[str, Any]) -> _Underway:
        return _Underway(self._underway, node)

    # -- what is said of them ----------------------------------------------------------------------------------------

    def _finished(
        self, made: _Properties, said: Sequence[dict[str, Any]], version: int | None, optional: bool
    ) -> Schema:
        def first(word: str, *types: type) -> Any:
            return next((one[word] for one in said if isinstance(one.get(word), types)), None)

        if made.name is None:
            made.name = first("title", str)
        made.doc = first("description", str)
        own = first(CONNECT_VERSION, int)
        made.version = own if own is not None and not isinstance(own, bool) else version
        for name, value in (first(CONNECT_PARAMETERS, dict) or {}).items():
            made.parameters[name] = value if isinstance(value, str) else java_text(value)
        made.optional = made.optional or optional
        schema = made.built()
        default = next((one["default"] for one in said if one.get("default") is not None), None)
        node = said[0]
        if default is not None and id(node) not in self._recursive:
            schema = self._with_default(made, schema, default)
        place = self._underway.get(id(node))
        if place is not None:
            place.schema = schema
        return schema

    def _with_default(self, made: _Properties, schema: Schema, default: Any) -> Schema:
        try:
            return made.built(self._decoder.value(schema, default))
        except DataError as error:
            logger.warning("a default of %r is none of its schema, and is left out: %s", schema, error)
            return schema


class _Underway:
    """While a struct is made: what leads to it meanwhile leads to itself."""

    def __init__(self, underway: dict[int, Place], node: dict[str, Any]) -> None:
        self._underway = underway
        self._node = node

    def __enter__(self) -> None:
        self._underway[id(self._node)] = Place()

    def __exit__(self, *error: object) -> None:
        del self._underway[id(self._node)]


#: Types beside which an enum says nothing in Connect.
_UNLIKE_TEXT: Final = ("integer", "number", "boolean")
_METADATA: Final = frozenset({"title", "description", "default", CONNECT_INDEX, CONNECT_VERSION, CONNECT_PARAMETERS})


def _kinds(node: dict[str, Any], where: str) -> Iterator[str]:
    kind = node.get("type")
    if kind is None:
        yield from (name for name, hints in _HINTS.items() if any(hint in node for hint in hints))
        return
    kinds = kind if isinstance(kind, list) else [kind]
    if not kinds or not all(isinstance(one, str) and one in _TYPES for one in kinds):
        raise _wrong(where, f"its type {kind!r} is none of {', '.join(sorted(_TYPES))}")
    yield kinds[0] if len(kinds) == 1 else "types"


def _plain(part: _Part) -> SchemaType:
    named = part.node.get(CONNECT_TYPE)
    match part.kind:
        case "boolean":
            return SchemaType.BOOLEAN
        case "string":
            return SchemaType.BYTES if named == SchemaType.BYTES.value else SchemaType.STRING
    if named is None:
        return SchemaType.INT64 if part.kind == "integer" else SchemaType.FLOAT64
    if not isinstance(named, str) or named not in _NUMBERS:
        raise _wrong(part.where, f"its connect.type {named!r} is none of {', '.join(_NUMBERS)}")
    return _NUMBERS[named]


def _required(node: dict[str, Any]) -> set[str]:
    found = node.get("required")
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()


def _index(node: Any, place: int) -> int:
    index = node.get(CONNECT_INDEX) if isinstance(node, dict) else None
    return index if isinstance(index, int) else place


def _is_null(node: Any) -> bool:
    return isinstance(node, dict) and (
        node.get("type") in ("null", ["null"]) or ("const" in node and node["const"] is None)
    )


def _listed(node: dict[str, Any], word: str, where: str) -> list[Any]:
    found = node[word]
    if not isinstance(found, list) or not found:
        raise _wrong(where, f"its {word} is no list, or empty")
    return found


def _named(node: dict[str, Any], word: str, where: str) -> dict[str, Any]:
    found = node.get(word, {})
    if not isinstance(found, dict):
        raise _wrong(where, f"its {word} is no object")
    return found


def _wrong(where: str, why: str, hint: str | None = None) -> DataError:
    shown = where if len(where) <= _SHOWN_CHARS else f"…{where[-_SHOWN_CHARS:]}"
    return DataError(f"the JSON Schema has no form in Connect, at {shown}: {why}", code=INVALID, hint=hint)
