"""Avro schemas as text: as Java's `Schema.toString` writes them, and normalized.

The first is what is stored and what two texts are compared by: white space, and the order of members that Avro knows,
make no difference. The second also orders what is beside them and writes each name in full.

Source: Apache Avro 1.12, Schema.toString; Confluent Platform, "Schema normalization".
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from connect.api.java.text import float_text
from connect.registry.avro.model import Avro, Field

_SHORT: Final = (",", ":")


def canonical(schema: Avro, known: Collection[str] = ()) -> str:
    """Return the text of a schema.

    Args:
        known: Names of types that stand elsewhere, in schemas that this one refers to.
    """
    return "".join(_written(schema, "", set(known)))


def _written(schema: Avro, space: str, known: set[str]) -> Iterator[str]:
    if schema.is_named and schema.name in known:
        yield _json(_relative(schema.name, space))
    elif schema.is_named:
        known.add(schema.name)
        yield from _definition(schema, space, known)
    elif schema.type == "union":
        yield "["
        for index, branch in enumerate(schema.branches):
            yield "," if index else ""
            yield from _written(branch, space, known)
        yield "]"
    elif schema.element is not None:
        yield f'{{"type":"{schema.type}","{"items" if schema.type == "array" else "values"}":'
        yield from _written(schema.element, space, known)
        yield from _members(schema.props)
        yield "}"
    elif schema.props:
        yield f'{{"type":"{schema.type}"'
        yield from _members(schema.props)
        yield "}"
    else:
        yield f'"{schema.type}"'


def _definition(schema: Avro, space: str, known: set[str]) -> Iterator[str]:
    own, _, name = schema.name.rpartition(".")
    yield f'{{"type":"{schema.type}","name":{_json(name)}'
    if own != space:
        yield f',"namespace":{_json(own)}'
    yield _member("doc", schema.doc)
    if schema.type == "enum":
        yield f',"symbols":{_json(list(schema.symbols))}'
        yield _member("default", schema.default_symbol)
    elif schema.type == "fixed":
        yield f',"size":{schema.size}'
    else:
        yield ',"fields":['
        for index, field in enumerate(schema.fields):
            yield "," if index else ""
            yield from _field(field, own, known)
        yield "]"
    yield from _members(schema.props)
    if schema.aliases:
        yield f',"aliases":{_json([_relative(alias, own) for alias in schema.aliases])}'
    yield "}"


def _field(field: Field, space: str, known: set[str]) -> Iterator[str]:
    yield f'{{"name":{_json(field.name)},"type":'
    yield from _written(field.schema, space, known)
    yield _member("doc", field.doc)
    if field.has_default:
        yield f',"default":{_json(field.default)}'
    if field.order != "ascending":
        yield f',"order":"{field.order}"'
    if field.aliases:
        yield f',"aliases":{_json(list(field.aliases))}'
    yield from _members(field.props)
    yield "}"


def _relative(name: str, space: str) -> str:
    own, _, short = name.rpartition(".")
    return short if own == space else name


# -- normalized --------------------------------------------------------------------------------------------------------


def normalized(schema: Avro, known: Collection[str] = ()) -> str:
    """Return the text that is the same for schemas that differ in nothing that means anything."""
    return "".join(_normal(schema, set(known)))


def _normal(schema: Avro, known: set[str]) -> Iterator[str]:
    if schema.is_named and schema.name in known:
        yield _json(schema.name)
    elif schema.is_named:
        known.add(schema.name)
        yield from _normal_definition(schema, known)
    elif schema.type == "union":
        yield "["
        for index, branch in enumerate(schema.branches):
            yield "," if index else ""
            yield from _normal(branch, known)
        yield "]"
    elif schema.element is not None:
        yield f'{{"type":"{schema.type}","{"items" if schema.type == "array" else "values"}":'
        yield from _normal(schema.element, known)
        yield from _ordered(schema.props)
        yield "}"
    elif schema.props:
        yield f'{{"type":"{schema.type}"'
        yield from _ordered(schema.props)
        yield "}"
    else:
        yield f'"{schema.type}"'


def _normal_definition(schema: Avro, known: set[str]) -> Iterator[str]:
    yield f'{{"name":{_json(schema.name)},"type":"{schema.type}"'
    if schema.type == "enum":
        yield f',"symbols":{_json(list(schema.symbols))}'
    elif schema.type == "fixed":
        yield f',"size":{schema.size}'
    else:
        yield ',"fields":['
        for index, field in enumerate(schema.fields):
            yield "," if index else ""
            yield f'{{"name":{_json(field.name)},"type":'
            yield from _normal(field.schema, known)
            yield f',"order":"{field.order.upper()}"'
            yield _member("doc", field.doc)
            if field.aliases:
                yield f',"aliases":{_json(sorted(field.aliases))}'
            if field.has_default:
                yield f',"default":{_json(field.default)}'
            yield from _ordered(field.props)
            yield "}"
        yield "]"
    if schema.doc:
        yield _member("doc", schema.doc)
    if schema.aliases:
        yield f',"aliases":{_json(sorted(schema.aliases))}'
    yield _member("default", schema.default_symbol)
    yield from _ordered(schema.props)
    yield "}"


def _ordered(props: Any) -> Iterator[str]:
    yield from _members(dict(sorted(props.items())))


# -- JSON --------------------------------------------------------------------------------------------------------------


def _members(props: Any) -> Iterator[str]:
    for name, value in props.items():
        yield f",{_json(name)}:{_json(value)}"


def _member(name: str, value: str | None) -> str:
    return "" if value is None else f',"{name}":{_json(value)}'


def _json(value: Any) -> str:
    """Return JSON as Java's writer has it: numbers with a point as Java prints them."""
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{_json(name)}:{_json(one)}' for name, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return json.dumps(value, ensure_ascii=False, separators=_SHORT)
