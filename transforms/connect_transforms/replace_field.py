"""ReplaceField: drops, keeps and renames fields."""

from __future__ import annotations

from typing import Any

from connect.api import Batch, Config, Schema, key
from connect_transforms.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    SchemaCache,
    ValueColumn,
    over_present,
    require_map,
    require_present,
    require_struct,
    struct_like,
    valid_list,
)

PURPOSE = "field replacement"


def _pairs(value: Any) -> None:
    for item in value or ():
        _, separator, new = item.partition(":")
        if not separator or not new or ":" in new:
            raise ValueError(f"Invalid rename mapping: {item}")


class ReplaceFieldConfig(Config):
    """What to drop, keep and rename."""

    exclude: list[str] = key("Fields to exclude. This takes precedence over the fields to include.", default=[], validators=[valid_list("exclude", may_be_empty=True)])  # fmt: skip
    include: list[str] = key("Fields to include. If specified, only these fields will be used.", default=[], validators=[valid_list("include", may_be_empty=True)])  # fmt: skip
    renames: list[str] = key("Field rename mappings, old:new.", default=[], validators=[_pairs])
    replace_null_with_default: bool = key(NULLS_TO_DEFAULTS, default=True)


class _ReplaceField(ColumnTransform):
    config_class = ReplaceFieldConfig
    config: ReplaceFieldConfig

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._exclude, self._include = frozenset(self.config.exclude), frozenset(self.config.include)
        self._renames = dict(pair.split(":") for pair in self.config.renames)
        self._schemas = SchemaCache(self._replaced_schema)
        self._plan: tuple[list[Any], list[tuple[Any, Any]]] = ([], [])

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        schema, values = self.column(batch)
        if schema is None:
            return self.replaced(batch, None, self._schemaless(values))
        return over_present(batch, values, self._with_schema)

    def _schemaless(self, values: list[Any]) -> list[Any]:
        """Records mostly have the same fields in the same order, so what to keep is worked out once for each order."""
        if not self._include and not self._renames and set(map(type, values)) <= {dict}:
            return self._without_excluded(values)
        names, plan = self._plan
        replaced: list[Any] = []
        for value in values:
            if value is None:
                replaced.append(None)
                continue
            keys = list(value) if type(value) is dict else list(require_map(value, PURPOSE))
            if keys != names:
                names, plan = keys, [(self._renames.get(k, k), k) for k in keys if self._kept(k)]
            replaced.append({new: value[old] for new, old in plan})
        self._plan = (names, plan)
        return replaced

    def _without_excluded(self, values: list[dict[Any, Any]]) -> list[Any]:
        copies = list(map(dict.copy, values))
        for name in self._exclude:
            for copy in copies:
                copy.pop(name, None)
        return copies

    def _with_schema(self, batch: Batch) -> Batch:
        schema, values = self.column(batch)
        assert schema is not None, "called for values with a schema"
        for value in values:
            require_struct(schema, value, PURPOSE)
        made = self._schemas(schema)
        fields = [(f.name, self._renames.get(f.name, f.name), f.schema.default) for f in schema.fields if self._kept(f.name)]  # fmt: skip
        if self.config.replace_null_with_default:
            replaced = [{new: d if (v := value.get(old)) is None else v for old, new, d in fields} for value in values]
        else:
            replaced = [{new: value.get(old) for old, new, _ in fields} for value in values]
        require_present(((f.name, f.schema) for f in made.fields), replaced)
        return self.replaced(batch, made, replaced)

    def _kept(self, name: str) -> bool:
        return name not in self._exclude and (not self._include or name in self._include)

    def _replaced_schema(self, schema: Schema) -> Schema:
        kept = ((self._renames.get(f.name, f.name), f.schema) for f in schema.fields if self._kept(f.name))
        return struct_like(schema, kept)


class ReplaceFieldKey(_ReplaceField, KeyColumn):
    """Drop, keep and rename fields of the key."""

    class_name = PREFIX + "ReplaceField$Key"


class ReplaceFieldValue(_ReplaceField, ValueColumn):
    """Drop, keep and rename fields of the value."""

    class_name = PREFIX + "ReplaceField$Value"
