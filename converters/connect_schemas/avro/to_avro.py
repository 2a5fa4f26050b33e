"""Connect schemas as Avro's, as Confluent's AvroData.fromConnectSchema makes them, to the order of properties.

What Avro has no word for stands in properties `connect.*`, so that a Connect that reads it has the very schema again.

Source: Confluent's AvroData (schema-registry 8.4); Apache Avro 1.12, LogicalTypes.java and Schema.java.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from connect.api import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Schema, SchemaType
from connect.api.logical import LOGICAL_TYPES
from connect_schemas.avro import names
from connect_schemas.avro.nodes import NAMED, NO_DEFAULT, Member, Node
from connect_schemas.avro.options import (
    ANYTHING,
    CONNECT_DEFAULT,
    CONNECT_DOC,
    CONNECT_ENUM_DOC,
    CONNECT_INTERNAL_TYPE,
    CONNECT_NAME,
    CONNECT_PARAMETERS,
    CONNECT_RECORD_DOC,
    CONNECT_TYPE,
    CONNECT_VERSION,
    DEFAULT_NAME,
    ENUM_DEFAULT,
    ENUM_DOC,
    FIELD_DEFAULT,
    FIELD_DOC,
    FIXED_SIZE,
    KEY,
    MAP_ENTRY,
    NAMESPACE,
    PRECISION,
    PRECISION_DEFAULT,
    RECORD_DOC,
    VALUE,
    Options,
    has_text_keys,
    is_enum,
    is_fixed,
    is_union,
)  # fmt: skip
from connect_schemas.avro.parsing import union
from connect_schemas.avro.texts import Single
from connect_schemas.errors import INVALID
from connect_schemas.recursive import RecursiveSchema

logger = logging.getLogger(__name__)

_PLAIN: Final = {
    SchemaType.INT8: "int",
    SchemaType.INT16: "int",
    SchemaType.INT32: "int",
    SchemaType.INT64: "long",
    SchemaType.FLOAT32: "float",
    SchemaType.FLOAT64: "double",
    SchemaType.BOOLEAN: "boolean",
}
_CONNECT_TYPES: Final = {SchemaType.INT8: "int8", SchemaType.INT16: "int16"}
_LOGICAL: Final = {TIME_NAME: "time-millis", TIMESTAMP_NAME: "timestamp-millis", DATE_NAME: "date"}


def to_avro(schema: Schema | None, options: Options) -> Node:
    """Return the Avro schema of a Connect schema; of None, which is data without a schema, a record that holds any.

    Raises:
        DataError: schemas.invalid: Avro cannot express it.
    """
    try:
        return anything() if schema is None else _Maker(options).made(schema)
    except RecursionError:
        raise DataError("the schema is nested too deeply for Avro", code=INVALID) from None


def anything() -> Node:
    """Return the record that holds data without a schema."""
    node = Node("record", ANYTHING, NAMESPACE, members=[])
    entry = Node("record", MAP_ENTRY, NAMESPACE, members=[Member(KEY, node), Member(VALUE, node)])
    kinds = [Node(kind) for kind in ("boolean", "bytes", "double", "float", "int", "long", "string")]
    fields = [(kind.kind, kind) for kind in kinds]
    fields += [("array", Node("array", inner=node)), ("map", Node("array", inner=entry))]
    node.members = [Member(name, union([Node("null"), held]), default=None) for name, held in fields]
    return node


class _Maker:
    """One schema's making: the named types that it has so far."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[Schema, Node] = {}
        self._structs: dict[str, tuple[Schema, Node]] = {}
        self._seen: set[str] = set()
        self._unnamed = 0

    def made(self, schema: Schema, *, without_null: bool = False) -> Node:
        """Return a schema's node.

        Args:
            without_null: Leave out null, also of what is optional: for a branch of a union.
        """
        if not is_union(schema) and not schema.optional:
            known = self._known.get(schema)
            if known is not None:
                return known
        base = self._base(schema)
        node = base
        if base.kind != "union":
            if self._options.metadata:
                self._add_metadata(schema, base)
            _add_logical(schema, base)
            for name, value in (schema.parameters or {}).items():
                if name.startswith("avro"):
                    base.props[name] = value
            if not without_null:
                node = _nullable(schema, base)
        if not schema.optional:
            self._known[schema] = node
        return node

    def _within(self, schema: Schema, *, without_null: bool = False) -> Node:
        """As `made`, of what may stand within itself."""
        known = self._structs.get(schema.name) if schema.name is not None else None
        if known is None:
            return self.made(schema, without_null=without_null)
        if not _is_same(schema, known[0]):
            raise DataError(f"two structs of a schema are called {schema.name!r}, and differ", code=INVALID)
        return known[1] if without_null else _nullable(schema, known[1])

    # -- the types ---------------------------------------------------------------------------------------------------

    def _base(self, schema: Schema) -> Node:
        kind = schema.type
        if kind in _PLAIN:
            return Node(_PLAIN[kind])
        match kind:
            case SchemaType.STRING:
                return self._text(schema)
            case SchemaType.BYTES:
                return self._bytes(schema)
            case SchemaType.ARRAY:
                return Node("array", inner=self._within(_part(schema, schema.value_schema)))
            case SchemaType.MAP:
                return self._map(schema)
        return self._struct(schema)

    def _text(self, schema: Schema) -> Node:
        options, parameters = self._options, schema.parameters or {}
        if not (is_enum(schema) and (options.generalized or options.enhanced)):
            return Node("string")
        parameter = options.enum_parameter
        full_name = parameters.get(parameter)
        if full_name is None:
            raise DataError(f"an enum of another form: its schema has no parameter {parameter}", code=INVALID)
        symbols = tuple(name[len(parameter) + 1 :] for name in parameters if name.startswith(f"{parameter}."))
        space, name = _space_and_name(full_name)
        _, own = self._name(schema.name)
        if options.discard:
            return Node("enum", name, space, parameters.get(CONNECT_ENUM_DOC), symbols=symbols)
        default = parameters.get(ENUM_DEFAULT + own)
        doc = parameters.get(ENUM_DOC + own)
        return Node("enum", name, space, doc, symbols=symbols, enum_default=default)

    def _bytes(self, schema: Schema) -> Node:
        if is_fixed(schema):
            space, name = self._name(schema.name)
            size = _number(schema, FIXED_SIZE)
            node = Node("fixed", _checked(name), space, size=size)
        else:
            node = Node("bytes")
        if _is_called(schema, DECIMAL_NAME):
            node.props["scale"] = _number(schema, "scale")
            node.props["precision"] = _precision(schema)
        return node

    def _map(self, schema: Schema) -> Node:
        values = _part(schema, schema.value_schema)
        if has_text_keys(schema, self._options):
            return Node("map", inner=self._within(values))
        if schema.name is None:
            entry = Node("record", MAP_ENTRY, NAMESPACE)
        else:
            space, name = self._name(schema.name)
            entry = Node("record", _checked(name), space, props={CONNECT_INTERNAL_TYPE: MAP_ENTRY})
        keys = self._member(KEY, _part(schema, schema.key_schema), None)
        entry.members = [keys, self._member(VALUE, values, None)]
        return Node("array", inner=entry)

    def _struct(self, schema: Schema) -> Node:
        if is_union(schema):
            branches = [Node("null")] if schema.optional else []
            for field in schema.fields:
                branches.append(self._within(_required(field.schema), without_null=True))
            return union(branches)
        if schema.optional:
            return union([Node("null"), self._within(_required(schema))])
        space, name = self._name(schema.name)
        parameters = schema.parameters or {}
        discard = self._options.discard
        doc = parameters.get(CONNECT_RECORD_DOC if discard else RECORD_DOC)
        node = Node("record", _checked(name), space, doc)
        if schema.name is not None:
            self._structs[schema.name] = (schema, node)
        members: list[Member] = []
        for field in schema.fields:
            own = names.scrubbed(field.name) if self._options.scrub else field.name
            field_doc = None if discard else parameters.get(FIELD_DOC + field.name)
            members.append(self._member(_checked(own, "field"), field.schema, field_doc))
        if len({member.name for member in members}) != len(members):
            raise DataError(f"two fields of {node.full_name} have one name in Avro", code=INVALID)
        node.members = members
        return node

    def _member(self, name: str, schema: Schema, doc: str | None) -> Member:
        default: Any = NO_DEFAULT
        if schema.default is not None:
            default = self._default(schema, schema.default)
        elif schema.optional:
            default = None
        own = names.full(schema.name, scrub=self._options.scrub)
        is_seen = own is not None and own in self._seen
        if own is not None:
            self._seen.add(own)
        node = self.made(schema)
        if default is not NO_DEFAULT and not is_default(node, default):
            logger.warning("the default of field %r is none that Avro takes, and is left out", name)
            default = NO_DEFAULT
        member = Member(name, node, schema.doc if self._options.discard else doc, default)
        if self._options.metadata and is_seen and schema.parameters and _is_named(node):
            parameters = self._shown_parameters(schema)
            if parameters:
                member.props[CONNECT_PARAMETERS] = parameters
        return member

    def _name(self, name: str | None) -> tuple[str | None, str]:
        if name is not None:
            return names.split(name, scrub=self._options.scrub)
        self._unnamed += 1
        return NAMESPACE, f"{DEFAULT_NAME}{self._unnamed if self._unnamed > 1 else ''}"

    # -- what is said of them ----------------------------------------------------------------------------------------

    def _add_metadata(self, schema: Schema, node: Node) -> None:
        props = node.props
        if schema.doc is not None:
            props[CONNECT_DOC] = schema.doc
        if schema.version is not None:
            props[CONNECT_VERSION] = schema.version
        parameters = self._shown_parameters(schema)
        if parameters:
            props[CONNECT_PARAMETERS] = parameters
        if schema.default is not None and (self._options.discard or FIELD_DEFAULT not in (schema.parameters or {})):
            props[CONNECT_DEFAULT] = self._default(schema, schema.default)
        if schema.name is not None:
            props[CONNECT_NAME] = schema.name
        if schema.type in _CONNECT_TYPES:
            props[CONNECT_TYPE] = _CONNECT_TYPES[schema.type]

    def _shown_parameters(self, schema: Schema) -> dict[str, str]:
        return {
            name: value
            for name, value in (schema.parameters or {}).items()
            if self._options.discard or name != FIELD_DEFAULT
        }

    def _default(self, schema: Schema, value: Any) -> Any:
        """Return a default as JSON has it."""
        if value is None:
            return None
        logical = LOGICAL_TYPES.get(schema.name or "")
        if logical is not None:
            value = logical.from_logical(schema, value)
        match schema.type:
            case SchemaType.FLOAT32:
                return Single(value)
            case SchemaType.BYTES:
                return bytes(value).decode("latin-1")
            case SchemaType.ARRAY:
                return [self._default(_part(schema, schema.value_schema), item) for item in value]
            case SchemaType.MAP:
                keys, values = _part(schema, schema.key_schema), _part(schema, schema.value_schema)
                if has_text_keys(schema, self._options):
                    return {key: self._default(values, item) for key, item in value.items()}
                return [[self._default(keys, key), self._default(values, item)] for key, item in value.items()]
            case SchemaType.STRUCT:
                made = {}
                for field in schema.fields:
                    given = value.get(field.name)
                    given = field.schema.default if given is None else given
                    own = self._default(field.schema, given)
                    if is_union(schema):
                        return own
                    made[names.scrubbed(field.name) if self._options.scrub else field.name] = own
                return made
        return value


def is_default(node: Node, value: Any) -> bool:
    """Whether JSON is a default of a type."""
    match node.kind:
        case "null":
            return value is None
        case "string" | "bytes" | "enum" | "fixed":
            return isinstance(value, str)
        case "int" | "long":
            bits = 31 if node.kind == "int" else 63
            return isinstance(value, int) and not isinstance(value, bool) and -(1 << bits) <= value < 1 << bits
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list) and node.inner is not None and all(is_default(node.inner, o) for o in value)
        case "map":
            inner = node.inner
            return isinstance(value, dict) and inner is not None and all(is_default(inner, o) for o in value.values())
        case "union":
            return any(is_default(branch, value) for branch in node.branches)
    return isinstance(value, dict) and all(
        is_default(member.node, value.get(member.name, member.default)) for member in node.members or ()
    )


def _add_logical(schema: Schema, node: Node) -> None:
    if _is_called(schema, DECIMAL_NAME):
        if _precision(schema) < 1:
            raise DataError(f"a precision of {_precision(schema)} digits; at least 1 is expected", code=INVALID)
        # Avro knows no scale below 0 or beyond the precision, and takes such for bytes; Connect reads it all the same.
        node.props["logicalType"] = "decimal"
        return
    for name, word in _LOGICAL.items():
        if _is_called(schema, name):
            if node.kind != ("long" if name == TIMESTAMP_NAME else "int"):
                raise DataError(f"a schema called {name} is {schema.type.name}", code=INVALID)
            node.props["logicalType"] = word


def _nullable(schema: Schema, node: Node) -> Node:
    if not schema.optional:
        return node
    null = Node("null")
    return union([node, null] if schema.default is not None else [null, node])


def _is_called(schema: Schema, name: str) -> bool:
    return schema.name is not None and schema.name.lower() == name.lower()


def _precision(schema: Schema) -> int:
    return _number(schema, PRECISION) if PRECISION in (schema.parameters or {}) else PRECISION_DEFAULT


def _number(schema: Schema, parameter: str) -> int:
    text = (schema.parameters or {}).get(parameter)
    try:
        return int(text or "")
    except ValueError:
        raise DataError(
            f"parameter {parameter!r} of a schema called {schema.name} is {text!r}; a whole number is expected",
            code=INVALID,
        ) from None


def _part(schema: Schema, part: Schema | None) -> Schema:
    if part is None:
        raise DataError(f"a schema of type {schema.type.name} does not say what it holds", code=INVALID)
    return part


def _required(schema: Schema) -> Schema:
    if not schema.optional:
        return schema
    return Schema(
        schema.type,
        name=schema.name,
        version=schema.version,
        doc=schema.doc,
        parameters=schema.parameters,
        default=schema.default,
        fields=schema.fields,
        key_schema=schema.key_schema,
        value_schema=schema.value_schema,
    )


def _is_same(schema: Schema, known: Schema) -> bool:
    schema = schema.target if isinstance(schema, RecursiveSchema) else schema
    return schema is known or _required(schema) == _required(known)


def _is_named(node: Node) -> bool:
    return node.kind in NAMED or any(branch.kind in NAMED for branch in node.branches)


def _space_and_name(full_name: str) -> tuple[str | None, str]:
    space, _, name = full_name.rpartition(".")
    return space or None, _checked(name)


def _checked(name: str, what: str = "type") -> str:
    if not names.is_name(name):
        raise DataError(
            f"{name!r} is no name of a {what} in Avro: letters, digits and '_' are expected, and no digit in front",
            code=INVALID,
            hint="Set scrub.invalid.names=true, or rename it with a transform.",
        )
    return name
