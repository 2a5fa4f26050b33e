"""ReplaceField: drops, keeps and renames fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import compress
from operator import not_
from typing import Any

from connect.api import Batch, Config, Problem, Schema, config_key
from connect_transforms.fields.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    SchemaCache,
    ValueColumn,
    over_present,
    require_map,
    require_present,
    require_structs,
    struct_like,
    valid_list,
)
from connect_transforms.fields.field_path import FieldPath, path_problems, paths_of, syntax_version_key
from connect_transforms.fields.nested import Nested
from connect_transforms.fields.unmatched import unmatched_fields

PURPOSE = "field replacement"
Steps = tuple[str, ...]


def _pairs(value: Any) -> None:
    for item in value or ():
        _, separator, new = item.partition(":")
        if not separator or not new or ":" in new:
            raise ValueError(f"Invalid rename mapping: {item}")


class ReplaceFieldConfig(Config):
    """What to drop, keep and rename."""

    exclude: list[str] = config_key(
        "Fields to exclude. This takes precedence over the fields to include.",
        default=[],
        validators=[valid_list("exclude", may_be_empty=True)],
        # Until Kafka 4, which passes it over. Fields that are to be dropped must not get through.
        formerly=["blacklist"],
    )
    include: list[str] = config_key(
        "Fields to include. If specified, only these fields will be used.",
        default=[],
        validators=[valid_list("include", may_be_empty=True)],
        formerly=["whitelist"],
    )
    renames: list[str] = config_key("Field rename mappings, old:new.", default=[], validators=[_pairs])
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        renamed = [pair.partition(":")[0] for pair in self.renames]
        for name, texts in (("exclude", self.exclude), ("include", self.include), ("renames", renamed)):
            yield from path_problems(name, texts, self.field_syntax_version)


class _ReplaceField(ColumnTransform[ReplaceFieldConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        own, version = self.config, self.config.field_syntax_version
        exclude, include = paths_of(own.exclude, version), paths_of(own.include, version)
        pairs = [pair.partition(":") for pair in own.renames]
        renames = {FieldPath(old, version): new for old, _, new in pairs}
        self._changes = [
            Nested(parent, fields.change)
            for parent, fields in _by_object(exclude, include, renames, own.replace_null_with_default)
        ]
        self._unmatched = unmatched_fields(self, [*exclude, *include, *renames], self.column)
        self._names_none = not (exclude or include or renames)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        if not self._names_none:
            self._unmatched.look(batch)
        schema, values = self.column(batch)
        if schema is None:
            return self._changed(batch)
        return over_present(batch, values, self._changed)

    def _changed(self, batch: Batch) -> Batch:
        schema, values = self.column(batch)
        for change in self._changes:
            schema, values = change(schema, values)
        return self.replaced(batch, schema, values)


def _by_object(
    exclude: Iterable[FieldPath],
    include: Iterable[FieldPath],
    renames: Mapping[FieldPath, str],
    nulls_to_defaults: bool,
) -> list[tuple[Steps, _Fields]]:
    """Return what happens to the object at each path, the deepest first."""
    included = dict.fromkeys(path.steps for path in include)
    found: dict[Steps, _Fields] = {(): _Fields(nulls_to_defaults)}

    def fields(parent: Steps) -> _Fields:
        return found.setdefault(parent, _Fields(nulls_to_defaults))

    for path in exclude:
        fields(path.steps[:-1]).exclude.add(path.steps[-1])
    for steps in included:
        # Of a field that is included whole, no part needs to be.
        if not any(steps[:depth] in included for depth in range(1, len(steps))):
            for depth, name in enumerate(steps):
                fields(steps[:depth]).include[name] = None
    for path, new in renames.items():
        fields(path.steps[:-1]).renames[path.steps[-1]] = new
    return sorted(found.items(), key=lambda item: -len(item[0]))


class _Fields:
    """Drops, keeps and renames the fields of one object."""

    def __init__(self, nulls_to_defaults: bool) -> None:
        self.exclude: set[str] = set()
        self.include: dict[str, None] = {}  # a set that keeps its order
        self.renames: dict[str, str] = {}
        self._nulls_to_defaults = nulls_to_defaults
        self._schemas = SchemaCache(self._replaced_schema)

    def change(self, schema: Schema | None, values: list[Any]) -> tuple[Schema | None, list[Any]]:
        return (None, self._schemaless(values)) if schema is None else self._with_schema(schema, values)

    def _schemaless(self, values: list[Any]) -> list[Any]:
        replace = self._included if self.include else self._changed
        if set(map(type, values)) == {dict}:
            return replace(values)
        return [None if value is None else replace([require_map(value, PURPOSE)])[0] for value in values]

    def _included(self, values: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
        """Return objects with the included fields alone, in the order in which they are included."""
        names = [name for name in self.include if name not in self.exclude]
        plan = [(self.renames.get(name, name), name) for name in names]
        try:
            if len(plan) == 1:
                ((new, old),) = plan
                return [{new: value[old]} for value in values]
            if not self.renames:
                return [{name: value[name] for name in names} for value in values]
            return [{new: value[old] for new, old in plan} for value in values]
        except KeyError:
            return [{new: value[old] for new, old in plan if old in value} for value in values]

    def _changed(self, values: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
        """Return copies without the excluded fields; a single renamed field goes to the end."""
        copies = list(map(dict.copy, values))
        for name in self.exclude:
            for copy in copies:
                copy.pop(name, None)
        renames = self.renames
        if len(renames) == 1:
            ((old, new),) = renames.items()
            taken = [new in copy for copy in copies]
            for copy in copies if True not in taken else compress(copies, map(not_, taken)):
                with_old = copy.pop(old, copy)  # no value is the object that holds it
                if with_old is not copy:
                    copy[new] = with_old
            return (
                copies
                if True not in taken
                else [self._renamed(c) if t else c for c, t in zip(copies, taken, strict=True)]
            )
        return list(map(self._renamed, copies)) if renames else copies

    def _renamed(self, value: dict[Any, Any]) -> dict[Any, Any]:
        """Return an object with its fields renamed; of two that get one name the later counts."""
        return {self.renames.get(name, name): item for name, item in value.items()}

    def _with_schema(self, schema: Schema, values: list[Any]) -> tuple[Schema, list[Any]]:
        require_structs(schema, values, PURPOSE)
        made = self._schemas(schema)
        fields = [
            (f.name, self.renames.get(f.name, f.name), f.schema.default) for f in schema.fields if self._kept(f.name)
        ]
        if self._nulls_to_defaults and any(default is not None for _, _, default in fields):
            replaced = [{new: d if (v := value.get(old)) is None else v for old, new, d in fields} for value in values]
        else:
            replaced = [{new: value.get(old) for old, new, _ in fields} for value in values]
        require_present(((f.name, f.schema) for f in made.fields), replaced)
        return made, replaced

    def _kept(self, name: str) -> bool:
        return name not in self.exclude and (not self.include or name in self.include)

    def _replaced_schema(self, schema: Schema) -> Schema:
        kept = ((self.renames.get(f.name, f.name), f.schema) for f in schema.fields if self._kept(f.name))
        return struct_like(schema, kept)


class ReplaceFieldKey(_ReplaceField, KeyColumn):
    """Drop, keep and rename fields of the key."""

    class_name = PREFIX + "ReplaceField$Key"


class ReplaceFieldValue(_ReplaceField, ValueColumn):
    """Drop, keep and rename fields of the value."""

    class_name = PREFIX + "ReplaceField$Value"
