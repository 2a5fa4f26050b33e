"""Avro schemas as JSON, to the byte as Java's `Schema.toString` writes it: what is registered, so that a schema that is
registered from Java and from here is one.

Source: Apache Avro 1.12, Schema.java, toString.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from connect.api import DataError
from connect.api.java import float_text
from connect_schemas.avro.nodes import NAMED, NO_DEFAULT, PRIMITIVES, Member, Node
from connect_schemas.errors import INVALID

_ESCAPED: Final = re.compile(r"\\u00[01][0-9a-f]")


class Single(float):
    """A number of 32 bits: printed with the digits that it needs."""

    __slots__ = ()


def text_of(node: Node) -> str:
    """Return a schema as JSON.

    Raises:
        DataError: schemas.invalid: two types of one name differ, of which Java writes one, and reads neither.
    """
    return "".join(_node(node, None, {}))


def _node(node: Node, space: str | None, known: dict[str, Node]) -> Iterator[str]:
    """Yield the parts of a type's JSON.

    Args:
        space: The namespace that it stands in.
        known: The named types that were written before, by full name.
    """
    if node.kind in NAMED:
        assert node.name is not None
        before = known.get(node.full_name)
        if before is not None:
            if not is_alike(before, node, set()):
                raise DataError(
                    f"two types of a schema are called {node.full_name!r}, and differ",
                    code=INVALID,
                    hint="Give one of them another name with a transform; maps whose keys are no text have none.",
                )
            yield _json(node.name if (node.namespace or None) == space else node.full_name)
            return
        known[node.full_name] = node
    if node.kind in PRIMITIVES:
        if node.props:
            yield f'{{"type":"{node.kind}"{_props(node.props)}}}'
        else:
            yield f'"{node.kind}"'
    elif node.kind == "union":
        yield "["
        for index, branch in enumerate(node.branches):
            yield "," if index else ""
            yield from _node(branch, space, known)
        yield "]"
    elif node.kind in ("array", "map"):
        assert node.inner is not None
        yield f'{{"type":"{node.kind}","{"items" if node.kind == "array" else "values"}":'
        yield from _node(node.inner, space, known)
        yield f"{_props(node.props)}}}"
    else:
        yield f'{{"type":"{node.kind}","name":{_json(node.name)}'
        own = node.namespace or None
        if own != space:
            yield f',"namespace":{_json(own or "")}'
        if node.doc is not None:
            yield f',"doc":{_json(node.doc)}'
        if node.kind == "record":
            yield ',"fields":['
            for index, member in enumerate(node.members or ()):
                yield "," if index else ""
                yield from _member(member, own, known)
            yield "]"
        elif node.kind == "enum":
            yield f',"symbols":[{",".join(map(_json, node.symbols))}]'
            if node.enum_default is not None:
                yield f',"default":{_json(node.enum_default)}'
        else:
            yield f',"size":{node.size}'
        yield _props(node.props)
        if node.aliases:
            yield f',"aliases":[{",".join(_json(_shortened(alias, own)) for alias in node.aliases)}]'
        yield "}"


def is_alike(first: Node, second: Node, seen: set[tuple[int, int]]) -> bool:
    """Whether two types write the same bytes, by the same names.

    Args:
        seen: Pairs that are being compared.
    """
    if first is second or (id(first), id(second)) in seen:
        return True
    seen.add((id(first), id(second)))
    if (first.kind, first.full_name, first.size, first.symbols) != (
        second.kind, second.full_name, second.size, second.symbols,
    ):  # fmt: skip
        return False
    pairs = list(zip(first.branches, second.branches, strict=False))
    if first.inner is not None and second.inner is not None:
        pairs.append((first.inner, second.inner))
    members, others = first.members or (), second.members or ()
    pairs += [(one.node, other.node) for one, other in zip(members, others, strict=False)]
    return (
        len(first.branches) == len(second.branches)
        and [one.name for one in members] == [one.name for one in others]
        and all(is_alike(one, other, seen) for one, other in pairs)
    )


def _member(member: Member, space: str | None, known: dict[str, Node]) -> Iterator[str]:
    yield f'{{"name":{_json(member.name)},"type":'
    yield from _node(member.node, space, known)
    if member.doc is not None:
        yield f',"doc":{_json(member.doc)}'
    if member.default is not NO_DEFAULT:
        yield f',"default":{_json(member.default)}'
    if member.order != "ascending":
        yield f',"order":{_json(member.order)}'
    if member.aliases:
        yield f',"aliases":[{",".join(map(_json, member.aliases))}]'
    yield f"{_props(member.props)}}}"


def _props(props: dict[str, Any]) -> str:
    return "".join(f",{_json(name)}:{_json(value)}" for name, value in props.items())


def _shortened(alias: str, space: str | None) -> str:
    before, _, name = alias.rpartition(".")
    return name if before == (space or "") else alias


def _json(value: Any) -> str:
    """Return JSON as Jackson writes it."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return f'"{"NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}"'
        return float_text(float(value), single=isinstance(value, Single))
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(name)}:{_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_json, value)) + "]"
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: "\\u" + found[0][2:].upper(), text)
