"""Fields left out of a schema and of its values.

Nothing is changed in place, and what loses nothing is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connect.api import Schema, SchemaType, Struct
from connect.runtime.contracts.changes import ITEMS, VALUES, Mark, Path

#: What is left out, as a tree: a field, or a mark, to what is left out inside it; empty: the field itself.
Cut = dict["str | Mark", "Cut"]


def cut_of(paths: Collection[Path]) -> Cut:
    """Return paths of fields as a tree. One inside another that goes is gone with it."""
    cut: Cut = {}
    for path in sorted(paths, key=len):
        node = cut
        for part in path:
            if part in node and not node[part]:  # all of it goes already
                break
            node = node.setdefault(part, {})
    return cut


def schema_without(schema: Schema, cut: Cut) -> Schema:
    """Return a schema without these fields."""
    if not cut:
        return schema
    if schema.type is SchemaType.STRUCT:
        kept = [f for f in schema.fields if f.name not in cut or cut[f.name]]
        fields = [(f.name, schema_without(f.schema, cut.get(f.name, {}))) for f in kept]
        return schema.replace(fields=fields, default=None)
    values = schema.value_schema
    inside = cut.get(ITEMS) or cut.get(VALUES, {})
    return schema.replace(value_schema=values if values is None else schema_without(values, inside), default=None)


def value_without(value: Any, cut: Cut) -> Any:
    """Return a value without these fields; the very value where it has none of them."""
    if not cut or value is None:
        return value
    if isinstance(value, list | tuple):
        items = [value_without(item, cut.get(ITEMS, {})) for item in value]
        return value if all(map(_is, items, value)) else items
    if not isinstance(value, Mapping):
        return value
    if VALUES in cut:
        inside = cut[VALUES]
        made = {key: value_without(item, inside) for key, item in value.items()}
    else:
        made = {
            name: value_without(item, cut.get(name, {})) for name, item in value.items() if name not in cut or cut[name]
        }
    is_same = len(made) == len(value) and all(map(_is, made.values(), value.values()))
    # A Struct has the whole schema with it, which is not that of its place any more, also where it lacks the field.
    return value if is_same and not isinstance(value, Struct) else made


def _is(left: Any, right: Any) -> bool:
    return left is right
