"""Avro schemas out of JSON, with the schemas that they refer to.

Source: Apache Avro 1.12, Specification, Schema Declaration and Names; Schema.Parser.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from connect.api import DataError
from connect_schemas.avro.nodes import NAMED, NO_DEFAULT, PRIMITIVES, Member, Node
from connect_schemas.errors import INVALID

_OF_TYPES: Final = frozenset(
    {"doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"}
)
_OF_MEMBERS: Final = frozenset({"default", "doc", "name", "order", "type", "aliases"})


def parsed(text: str, used: Iterable[str] = ()) -> Node:
    """Return the type that a schema's text describes.

    Args:
        used: The texts of those that it refers to, each behind those that it refers to itself.

    Raises:
        DataError: schemas.invalid: it is no Avro schema.
    """
    names: dict[str, Node] = {}
    try:
        for other in used:
            _parsed(_loaded(other), None, names)
        return _parsed(_loaded(text), None, names)
    except RecursionError:
        raise _wrong("it is nested too deeply") from None
    except (TypeError, ValueError, AttributeError) as error:  # a part of it is of another kind of JSON
        raise _wrong(f"{type(error).__name__}: {error}") from error


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        if text.strip() in PRIMITIVES:  # as Java's parser takes them
            return text.strip()
        raise _wrong(f"it is not JSON: {error}") from None


def _parsed(said: Any, space: str | None, names: dict[str, Node]) -> Node:
    if isinstance(said, str):
        return _by_name(said, space, names)
    if isinstance(said, list):
        return union(_parsed(branch, space, names) for branch in said)
    if not isinstance(said, dict) or "type" not in said:
        raise _wrong(f"a type is a name, a list or an object with 'type', and not {json.dumps(said)[:100]}")
    kind = said["type"]
    if kind == "error":
        kind = "record"
    if not isinstance(kind, str):
        return _parsed(kind, space, names)
    if kind in PRIMITIVES:
        return Node(kind, props=_rest(said, _OF_TYPES))
    if kind in ("array", "map"):
        part = "items" if kind == "array" else "values"
        if part not in said:
            raise _wrong(f"an {kind} without '{part}'" if kind == "array" else f"a {kind} without '{part}'")
        return Node(kind, inner=_parsed(said[part], space, names), props=_rest(said, _OF_TYPES))
    if kind in NAMED:
        return _named(kind, said, space, names)
    return _by_name(kind, space, names)


def _by_name(name: str, space: str | None, names: dict[str, Node]) -> Node:
    if name in PRIMITIVES:
        return Node(name)
    found = names.get(f"{space}.{name}") if space and "." not in name else None
    found = found or names.get(name)
    if found is None:
        raise _wrong(f"no type is called {name!r}")
    return found


def _named(kind: str, said: dict[str, Any], space: str | None, names: dict[str, Node]) -> Node:
    name = said.get("name")
    if not isinstance(name, str) or not name:
        raise _wrong(f"a {kind} without a name")
    before, dot, last = name.rpartition(".")
    own = before if dot else said.get("namespace", space)
    reserved = _OF_TYPES | {"default"} if kind == "enum" else _OF_TYPES
    node = Node(kind, last, own or None, said.get("doc"), _rest(said, reserved))
    node.aliases = tuple(
        alias if "." in alias or not node.namespace else f"{node.namespace}.{alias}"
        for alias in said.get("aliases", ())
    )
    if node.full_name in names:
        raise _wrong(f"two types are called {node.full_name!r}")
    names[node.full_name] = node
    if kind == "enum":
        node.symbols, node.enum_default = tuple(_listed(said, "symbols", kind)), said.get("default")
    elif kind == "fixed":
        if not isinstance(said.get("size"), int):
            raise _wrong(f"fixed {name!r} without a size")
        node.size = said["size"]
    else:
        node.members = [_member(one, node.namespace, names) for one in _listed(said, "fields", kind)]
        if len({member.name for member in node.members}) != len(node.members):
            raise _wrong(f"two fields of record {name!r} have one name")
    return node


def _member(said: Any, space: str | None, names: dict[str, Node]) -> Member:
    if not isinstance(said, dict) or not isinstance(said.get("name"), str) or "type" not in said:
        raise _wrong("a field of a record has a name and a type")
    return Member(
        said["name"],
        _parsed(said["type"], space, names),
        said.get("doc"),
        said.get("default", NO_DEFAULT),
        said.get("order", "ascending"),
        tuple(said.get("aliases", ())),
        _rest(said, _OF_MEMBERS),
    )


def union(branches: Iterable[Node]) -> Node:
    """Return a union. Raises `DataError` where two branches are of one kind, or one is a union itself."""
    node = Node("union", branches=tuple(branches))
    seen = set()
    for branch in node.branches:
        if branch.kind == "union":
            raise _wrong("a union within a union")
        if branch.full_name in seen:
            raise _wrong(f"a union has {branch.full_name} twice")
        seen.add(branch.full_name)
    return node


def _listed(said: dict[str, Any], part: str, kind: str) -> list[Any]:
    found = said.get(part)
    if not isinstance(found, list):
        raise _wrong(f"{kind} {said.get('name')!r} without '{part}'")
    return found


def _rest(said: dict[str, Any], reserved: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in reserved}


def _wrong(why: str) -> DataError:
    return DataError(f"not an Avro schema: {why}", code=INVALID)
