"""ValueToKey: a key made of fields of the value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connect.api import Batch, Config, DataError, Problem, Schema, Transform, config_key
from connect_transforms.fields.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    VERSION,
    SchemaCache,
    require_map,
    require_present,
    require_structs,
    valid_list,
)
from connect_transforms.fields.field_path import FieldPath, path_problems, paths_of, syntax_version_key
from connect_transforms.fields.unmatched import unmatched_fields

PURPOSE = "copying fields from value to key"


class ValueToKeyConfig(Config):
    """The fields."""

    fields_: list[str] = config_key(
        "Field names on the record value to extract as the record key.",
        name="fields",
        importance="high",
        validators=[valid_list("fields")],
    )
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        wrong = list(path_problems("fields", self.fields_, self.field_syntax_version))
        if wrong:
            return wrong
        names = [path.steps[-1] for path in paths_of(self.fields_, self.field_syntax_version)]
        twice = sorted({name for name in names if names.count(name) > 1})
        return [
            Problem(
                "fields",
                f"Invalid value {','.join(self.fields_)} for configuration fields: "
                f"two fields would be called {name!r} in the key; leave one out, or rename it first with ReplaceField",
            )
            for name in twice
        ]


class ValueToKey(Transform[ValueToKeyConfig]):
    """Replace the key by an object of some of the value's fields."""

    class_name = PREFIX + "ValueToKey"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._paths = paths_of(self.config.fields_, self.config.field_syntax_version)
        self._flat = all(len(path.steps) == 1 for path in self._paths)
        self._schemas = SchemaCache(self._key_schema)
        self._unmatched = unmatched_fields(self, self._paths, lambda batch: (batch.value_schema, batch.values))

    def apply_batch(self, batch: Batch) -> Batch:
        self._unmatched.look(batch)
        schema = batch.value_schema
        if schema is None:
            return batch.replace(key_schema=None, keys=self._schemaless(batch.values))
        require_structs(schema, batch.values, PURPOSE)
        made = self._schemas(schema)
        keys = self._with_schema(made, batch.values)
        require_present([(f.name, f.schema) for f in made.fields], keys)
        return batch.replace(key_schema=made, keys=keys)

    def _schemaless(self, values: list[Any]) -> list[dict[str, Any]]:
        if set(map(type, values)) != {dict}:
            for value in values:
                require_map(value, PURPOSE)
        if not self._flat:
            return [{path.steps[-1]: path.value_in(value) for path in self._paths} for value in values]
        names = [path.steps[0] for path in self._paths]
        if len(names) == 1:
            (name,) = names
            return [{name: value.get(name)} for value in values]
        return [{name: get(name) for name in names} for get in [value.get for value in values]]

    def _with_schema(self, made: Schema, values: list[Any]) -> list[dict[str, Any]]:
        defaults = self.config.replace_null_with_default
        fields: list[tuple[FieldPath, Schema]] = [(p, f.schema) for p, f in zip(self._paths, made.fields, strict=True)]
        return [{p.steps[-1]: p.field_in(value, s, nulls_to_defaults=defaults) for p, s in fields} for value in values]

    def _key_schema(self, schema: Schema) -> Schema:
        fields = {}
        for path in self._paths:
            found = path.schema_in(schema)
            if found is None:
                raise DataError(f"Field does not exist: {path.text}")
            fields[path.steps[-1]] = found
        return Schema.struct(fields)
