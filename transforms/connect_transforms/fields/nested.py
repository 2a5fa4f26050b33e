"""Changes carried to objects within objects: what `field.syntax.version=V2` means for a transform.

A transform is written for the fields of an object. With paths, fields are grouped by the object that holds them; the
transform's change runs on the column of those objects, and what comes out is put in their place. A record in which
that object is missing, null or no object stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from connect.api import Schema, SchemaType
from connect_transforms.fields.columns import SchemaCache, set_column
from connect_transforms.fields.field_path import FieldPath

Column = tuple[Schema | None, list[Any]]
#: Changes objects of one schema, none of them null; without any it still returns the schema that theirs becomes.
Change = Callable[[Schema | None, list[Any]], Column]


def by_parent(paths: Iterable[FieldPath]) -> dict[tuple[str, ...], list[str]]:
    """Return the fields that paths name, by the steps to the object that holds them; the deepest first."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        *parent, name = path.steps or ("",)
        names = grouped.setdefault(tuple(parent), [])
        if name not in names:
            names.append(name)
    return dict(sorted(grouped.items(), key=lambda item: -len(item[0])))


class Nested:
    """A change of the objects at a path; at the end of no steps it is the change itself."""

    def __init__(self, steps: tuple[str, ...], change: Change) -> None:
        self._steps = steps
        self._change = change
        self._schemas = SchemaCache(lambda schema: self._rebuilt(self._steps, schema))

    def __call__(self, schema: Schema | None, values: list[Any]) -> Column:
        """Return the changed column; `values` may hold null."""
        if not self._steps:
            return self._change(schema, values)
        changed = self._carried(self._steps, schema, values)
        return None if schema is None else self._schemas(schema), changed

    def _carried(self, steps: tuple[str, ...], schema: Schema | None, values: list[Any]) -> list[Any]:
        if not steps:
            return self._change(schema, values)[1]
        name, inner_schema = steps[0], None
        if schema is not None:
            inner_schema = _struct_at(schema, name)
            if inner_schema is None:
                return values
        if set(map(type, values)) == {dict}:
            found = [value.get(name) for value in values]
            if set(map(type, found)) == {dict}:
                changed_all = self._carried(steps[1:], inner_schema, found)
                copies: list[Any] = list(map(dict.copy, values))
                set_column(copies, name, changed_all)
                return copies
        found = [value.get(name) if isinstance(value, dict) else None for value in values]
        objects = [value for value in found if isinstance(value, dict)]
        changed = iter(self._carried(steps[1:], inner_schema, objects))
        return [
            {**value, name: next(changed)} if isinstance(inner, dict) else value
            for value, inner in zip(values, found, strict=True)
        ]

    def _rebuilt(self, steps: tuple[str, ...], schema: Schema) -> Schema:
        """Return the schema with another one at the path; around it all properties are kept."""
        if not steps:
            made = self._change(schema, [])[0]
            assert made is not None, "a change of structs makes structs"
            return made if made.optional == schema.optional else made.replace(optional=schema.optional)
        inner = _struct_at(schema, steps[0])
        if inner is None:
            return schema
        rebuilt = self._rebuilt(steps[1:], inner)
        fields = [(f.name, rebuilt if f.name == steps[0] else f.schema) for f in schema.fields]
        default = None if schema.default is None else self._carried(steps, schema, [schema.default])[0]
        return schema.replace(fields=fields, default=default)


def _struct_at(schema: Schema, name: str) -> Schema | None:
    field = schema.field(name) if schema.type is SchemaType.STRUCT else None
    return field.schema if field is not None and field.schema.type is SchemaType.STRUCT else None
