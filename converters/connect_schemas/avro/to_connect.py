"""Avro schemas as Connect's, as Confluent's AvroData.toConnectSchema makes them.

Properties `connect.*`, which a converter wrote there, are read back into the schema that it was given.

Source: Confluent's AvroData (schema-registry 8.4).
"""

from __future__ import annotations

import logging
from typing import Any, Final

from connect.api import DECIMAL_NAME, STRING, DataError, Schema, SchemaType
from connect.api.java import java_text, narrow, to_single
from connect.api.logical import LOGICAL_TYPES
from connect_schemas.avro import names
from connect_schemas.avro.nodes import NO_DEFAULT, Member, Node
from connect_schemas.avro.options import (
    CONNECT_DEFAULT,
    CONNECT_DOC,
    CONNECT_ENUM_DOC,
    CONNECT_INTERNAL_TYPE,
    CONNECT_NAME,
    CONNECT_PARAMETERS,
    CONNECT_RECORD_DOC,
    CONNECT_TYPE,
    CONNECT_VERSION,
    DEFAULT_FULL_NAME,
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
    UNION,
    VALUE,
    Options,
    is_union,
)  # fmt: skip
from connect_schemas.errors import INVALID
from connect_schemas.generalized import GENERAL_FIELD_PREFIX, GENERAL_UNION, GENERAL_UNION_PREFIX
from connect_schemas.recursive import Place, RecursiveSchema

logger = logging.getLogger(__name__)

#: A schema may come to so many types, with all that stands in it unfolded: records that have the next one twice double.
TYPES_MAX: Final = 50_000

_PLAIN: Final = {
    "boolean": SchemaType.BOOLEAN,
    "double": SchemaType.FLOAT64,
    "float": SchemaType.FLOAT32,
    "string": SchemaType.STRING,
}
_SMALL: Final = {"int8": SchemaType.INT8, "int16": SchemaType.INT16}


def to_connect(node: Node, options: Options, version: int | None = None) -> Schema:
    """Return the Connect schema of an Avro schema.

    Args:
        version: Of its subject; counts where the schema does not say one itself.

    Raises:
        DataError: schemas.invalid: Connect has nothing for it.
    """
    try:
        return _Maker(options).made(node, version=version)
    except RecursionError:
        raise _wrong("it contains itself without end") from None
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        AttributeError,
        LookupError,
    ) as error:  # a property of another kind of JSON
        raise _wrong(f"{type(error).__name__}: {error}") from error


def member_name(node: Node, index: int, options: Options) -> str:
    """Return the name of the field that stands for a branch of a union."""
    if options.generalized:
        return f"{GENERAL_FIELD_PREFIX}{index}"
    if node.name is None:
        return node.kind
    return node.full_name if options.enhanced else names.split(node.name, scrub=options.scrub)[1]


def is_map_entry(node: Node) -> bool:
    """Whether a record is an entry of a map whose keys are no text."""
    if node.kind != "record":
        return False
    is_ours = node.namespace == NAMESPACE and node.name == MAP_ENTRY
    return is_ours or node.props.get(CONNECT_INTERNAL_TYPE) == MAP_ENTRY


class _Properties:
    """What a schema is made of, step by step."""

    def __init__(self, kind: SchemaType, **more: Any) -> None:
        self.kind = kind
        self.optional = False
        self.name: str | None = more.pop("name", None)
        self.version: int | None = more.pop("version", None)
        self.parameters: dict[str, str] = more.pop("parameters", {})
        self.doc: str | None = None
        self.fields: list[tuple[str, Schema]] = []
        self.members: dict[str, Schema] = more

    def built(self, default: Any = None) -> Schema:
        """Return the schema."""
        return Schema(
            self.kind,
            optional=self.optional,
            name=self.name,
            version=self.version,
            doc=self.doc,
            parameters=self.parameters,
            fields=self.fields,
            default=default,
            **self.members,
        )


class _Maker:
    """One schema's making: the records that are under way, and those that contain themselves."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._underway: dict[int, Place] = {}
        self._recursive: set[int] = set()
        self._unions = 0
        self._count = 0

    def made(
        self,
        node: Node,
        *,
        optional: bool = False,
        default: Any = NO_DEFAULT,
        doc: str | None = None,
        version: int | None = None,
    ) -> Schema:
        """Return a type's schema.

        Args:
            optional: Whether null is a value, whatever the type says.
            default: The default of the field that it is of, as JSON; the schema's own is looked at where there is none.
            doc: The field's words.
        """
        self._count += 1
        if self._count > TYPES_MAX:
            raise _wrong(f"it comes to more than {TYPES_MAX} types")
        options = self._options
        if node.kind == "union":
            if len(node.branches) == 1 and options.flatten:
                return self._within(node.branches[0], doc=doc)
            if node.is_nullable:
                return self._within(node.other_than_null(), optional=True, doc=doc)
        made = self._properties(node)
        self._add_docs(made, node, doc)
        self._add_version(made, node, version)
        if options.metadata:
            made.parameters |= _parameters(node.props.get(CONNECT_PARAMETERS))
        for name, value in node.props.items():
            if name.startswith("avro"):
                made.parameters[name] = _text(value)
        own = node.props.get(CONNECT_DEFAULT)
        if default is NO_DEFAULT:
            default = own
        elif not options.discard and options.metadata and own is None:
            made.parameters[FIELD_DEFAULT] = "true"
        value = None if default is None else self._default(made.built(), node, default)
        self._add_name(made, node)
        made.optional = made.optional or optional
        return self._built(made, node, value)

    def _built(self, made: _Properties, node: Node, default: Any) -> Schema:
        schema = made.built(default)
        place = self._underway.get(id(node))
        if place is not None:
            place.schema = schema
            if id(node) not in self._recursive:
                del self._underway[id(node)]
        return schema

    def _within(self, node: Node, *, optional: bool = False, doc: str | None = None) -> Schema:
        """As `made`, of what may stand within itself."""
        place = self._underway.get(id(node))
        if place is None:
            return self.made(node, optional=optional, doc=doc)
        self._recursive.add(id(node))
        return RecursiveSchema(place, optional=optional)

    # -- the types ---------------------------------------------------------------------------------------------------

    def _properties(self, node: Node) -> _Properties:
        kind = node.kind
        if kind in _PLAIN:
            return _Properties(_PLAIN[kind])
        match kind:
            case "bytes" | "fixed":
                return _bytes(node)
            case "int" | "long":
                return _integer(node)
            case "array":
                return self._array(node)
            case "map":
                assert node.inner is not None
                return _Properties(SchemaType.MAP, key_schema=STRING, value_schema=self._within(node.inner))
            case "record":
                return self._record(node)
            case "enum":
                return self._enum(node)
            case "union":
                return self._union(node)
        raise _wrong("Standalone null schemas are not supported by this converter")

    def _array(self, node: Node) -> _Properties:
        assert node.inner is not None
        if not is_map_entry(node.inner):
            return _Properties(SchemaType.ARRAY, value_schema=self._within(node.inner))
        key, value = node.inner.member(KEY), node.inner.member(VALUE)
        if key is None or value is None or len(node.inner.members or ()) != 2:
            raise _wrong(
                "Found map encoded as array of key-value pairs, but array elements do not match the expected format."
            )
        made = _Maker(self._options)
        made._count = self._count
        keys, values = made.made(key.node), made.made(value.node)
        self._count = made._count
        return _Properties(SchemaType.MAP, key_schema=keys, value_schema=values)

    def _record(self, node: Node) -> _Properties:
        made = _Properties(SchemaType.STRUCT)
        self._underway[id(node)] = Place()
        with_docs = self._options.metadata and not self._options.discard
        if with_docs and node.doc is not None:
            made.parameters[RECORD_DOC] = node.doc
        for member in node.members or ():
            if with_docs and member.doc is not None:
                made.parameters[FIELD_DOC + member.name] = member.doc
            made.fields.append((member.name, self._member(member)))
        return made

    def _member(self, member: Member) -> Schema:
        schema = self.made(member.node, default=member.default, doc=member.doc)
        said = member.props.get(CONNECT_PARAMETERS)
        if not self._options.metadata or not isinstance(said, dict):
            return schema
        own = schema.parameters or {}
        given = {name: _text(value) for name, value in said.items()}
        return schema if given.items() <= own.items() else schema.replace(parameters={**own, **given})

    def _enum(self, node: Node) -> _Properties:
        options, made = self._options, _Properties(SchemaType.STRING)
        if options.metadata:
            if node.doc is not None:
                made.parameters[CONNECT_ENUM_DOC if options.discard else f"{ENUM_DOC}{node.name}"] = node.doc
            if not options.discard and node.enum_default is not None:
                made.parameters[f"{ENUM_DEFAULT}{node.name}"] = node.enum_default
        parameter = options.enum_parameter
        made.parameters[parameter] = node.full_name
        for index, symbol in enumerate(node.symbols):
            made.parameters[f"{parameter}.{symbol}"] = str(index) if options.generalized else symbol
        return made

    def _union(self, node: Node) -> _Properties:
        options = self._options
        name = UNION
        if options.generalized:
            name, self._unions = f"{GENERAL_UNION_PREFIX}{self._unions}", self._unions + 1
        made = _Properties(SchemaType.STRUCT, name=name)
        if options.generalized:
            made.parameters[GENERAL_UNION] = name
        seen: set[str] = set()
        for index, branch in enumerate(node.branches):
            if branch.kind == "null":
                made.optional = True
                continue
            own = member_name(branch, index, options)
            if own in seen:
                raise _wrong(
                    f"two types of a union come to the field {own!r}", hint="Set enhanced.avro.schema.support."
                )
            seen.add(own)
            made.fields.append((own, self._within(branch, optional=True)))
        return made

    # -- what is said of them ----------------------------------------------------------------------------------------

    def _add_docs(self, made: _Properties, node: Node, doc: str | None) -> None:
        own = node.props.get(CONNECT_DOC)
        own = own if isinstance(own, str) else None
        if self._options.discard:
            made.doc = doc if doc is not None else node.doc if node.doc is not None else own
            if self._options.metadata and node.doc is not None:
                made.parameters[CONNECT_RECORD_DOC] = node.doc
        elif self._options.metadata:
            made.doc = own

    @staticmethod
    def _add_version(made: _Properties, node: Node, version: int | None) -> None:
        own = node.props.get(CONNECT_VERSION)
        if own is None:
            if made.version is None:
                made.version = version
            return
        if not isinstance(own, int | float) or isinstance(own, bool):
            raise _wrong(f"Invalid Connect version found: {own}")
        if own < 0:
            return
        if made.version is not None and made.version != int(own):
            raise _wrong(f"its {CONNECT_VERSION} is {own}, and that of {made.name} is {made.version}")
        made.version = int(own)

    @staticmethod
    def _add_name(made: _Properties, node: Node) -> None:
        name = node.props.get(CONNECT_NAME)
        if name is not None and not isinstance(name, str):
            raise _wrong(f"Invalid schema name: {name}")
        if name is None and (node.kind in ("record", "enum") or (node.kind == "fixed" and made.name != DECIMAL_NAME)):
            name = node.full_name
        if name is None or name.startswith(DEFAULT_FULL_NAME):
            return
        if made.name is not None and made.name != name:
            raise _wrong(f"its {CONNECT_NAME} is {name}, and it is a {made.name}")
        made.name = name

    # -- defaults ----------------------------------------------------------------------------------------------------

    def _default(self, schema: Schema, node: Node, said: Any) -> Any:
        """Return a default of JSON as a value; None, with a word, where it is none of the schema, or has a part of a
        type that contains itself, which is not made yet."""
        try:
            value = default_value(schema, node, said, self._options)
            if value is not None:
                schema.validate(value)
        except (DataError, ValueError, TypeError, AttributeError, ArithmeticError, LookupError) as error:
            logger.warning("a default of %s is none of its schema, and is left out: %s", node.full_name, error)
            return None
        return value


def default_value(schema: Schema, node: Node, said: Any, options: Options) -> Any:
    """Return the value of a schema that JSON stands for, as defaults do.

    Raises:
        DataError, ValueError, TypeError, AttributeError, KeyError: It is none of the schema.
    """
    base = _base_value(schema, node, said, options)
    logical = LOGICAL_TYPES.get(schema.name or "")
    return base if logical is None or base is None else logical.to_logical(schema, base)


def _base_value(schema: Schema, node: Node, said: Any, options: Options) -> Any:
    if said is None:
        return None
    match node.kind:
        case "int":
            bits = {SchemaType.INT8: 8, SchemaType.INT16: 16}.get(schema.type, 32)
            return narrow(int(said), bits)
        case "long":
            return narrow(int(said), 64)
        case "float":
            return to_single(float(said))
        case "double":
            return float(said)
        case "string" | "enum":
            return said if isinstance(said, str) else _text(said)
        case "bytes" | "fixed":
            return said.encode("latin-1")
        case "array":
            assert node.inner is not None
            if is_map_entry(node.inner):
                raise DataError("a default of a map whose keys are no text")
            inner = schema.value_schema
            assert inner is not None
            return [default_value(inner, node.inner, item, options) for item in said]
        case "map":
            assert node.inner is not None
            assert schema.value_schema is not None
            values, items = node.inner, schema.value_schema
            return {name: default_value(items, values, item, options) for name, item in said.items()}
        case "record":
            return _struct_default(schema, node, said, options)
        case "union":
            return _union_default(schema, node, said, options)
    return said


def _struct_default(schema: Schema, node: Node, said: dict[str, Any], options: Options) -> dict[str, Any]:
    made = {}
    for member, field in zip(node.members or (), schema.fields, strict=True):
        given = said.get(member.name)
        if given is None and member.name not in said and member.default is not NO_DEFAULT:
            given = member.default
        made[field.name] = default_value(field.schema, member.node, given, options)
    return made


def _union_default(schema: Schema, node: Node, said: Any, options: Options) -> Any:
    if node.is_nullable:
        return default_value(schema, node.other_than_null(), said, options)
    first = node.branches[0]
    if first.kind == "null":
        return None
    field = schema.field(member_name(first, 0, options)) if is_union(schema) else None
    if field is None:
        raise DataError("a union's default that is not of its first type")
    return {
        one.name: default_value(field.schema, first, said, options) if one is field else None for one in schema.fields
    }


def _bytes(node: Node) -> _Properties:
    if str(node.props.get("logicalType")).lower() == "decimal":
        scale, precision = node.props.get("scale"), node.props.get("precision")
        number = int(scale) if isinstance(scale, int | float) and not isinstance(scale, bool) else 0
        made = _Properties(SchemaType.BYTES, name=DECIMAL_NAME, version=1, parameters={"scale": str(number)})
        if precision is not None:
            if not isinstance(precision, int | float) or isinstance(precision, bool):
                raise _wrong("precision property must be a JSON Integer.")
            if int(precision) != PRECISION_DEFAULT:
                made.parameters[PRECISION] = str(int(precision))
    else:
        made = _Properties(SchemaType.BYTES)
    if node.kind == "fixed":
        made.parameters[FIXED_SIZE] = str(node.size)
    return made


def _integer(node: Node) -> _Properties:
    logical = node.props.get("logicalType")
    word = logical.lower() if isinstance(logical, str) else None
    if node.kind == "long":
        return _of_schema(Schema.timestamp()) if word == "timestamp-millis" else _Properties(SchemaType.INT64)
    if word == "date":
        return _of_schema(Schema.date())
    if word == "time-millis":
        return _of_schema(Schema.time())
    small = node.props.get(CONNECT_TYPE)
    if word is not None or small is None:
        return _Properties(SchemaType.INT32)
    if small not in _SMALL:
        raise _wrong("Connect type annotation for Avro int field is null")
    return _Properties(_SMALL[small])


def _of_schema(schema: Schema) -> _Properties:
    return _Properties(schema.type, name=schema.name, version=schema.version)


def _parameters(said: Any) -> dict[str, str]:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise _wrong(f"Expected JSON object for schema parameters but found: {said}")
    for value in said.values():
        if not isinstance(value, str):
            raise _wrong(f"Expected schema parameter values to be strings but found: {value}")
    return said


def _text(value: Any) -> str:
    return value if isinstance(value, str) else java_text(value)


def _wrong(why: str, hint: str | None = None) -> DataError:
    return DataError(f"the Avro schema has no form in Connect: {why}", code=INVALID, hint=hint)
