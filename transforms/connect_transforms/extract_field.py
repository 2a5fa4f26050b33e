"""ExtractField: one field of key or value takes its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connect.api import Batch, Config, DataError, Problem, Schema, config_key
from connect_transforms.fields.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    ValueColumn,
    has_nulls,
    require_map,
    require_structs,
)
from connect_transforms.fields.field_path import FieldPath, path_problems, syntax_version_key
from connect_transforms.fields.unmatched import unmatched_fields

PURPOSE = "field extraction"


class ExtractFieldConfig(Config):
    """The field."""

    field: str = config_key("Field name to extract.")
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)
    field_syntax_version: str = syntax_version_key(kafkas=True)

    def problems(self) -> Iterable[Problem]:
        return path_problems("field", [self.field], self.field_syntax_version)


class _ExtractField(ColumnTransform[ExtractFieldConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        self._path = FieldPath(self.config.field, self.config.field_syntax_version)
        self._unmatched = unmatched_fields(self, [self._path], self.column)

    def apply_batch(self, batch: Batch) -> Batch:
        self._unmatched.look(batch)
        schema, values = self.column(batch)
        if schema is None:
            return self.replaced(batch, None, self._schemaless(values))
        return self.replaced(batch, *self._with_schema(schema, values))

    def _schemaless(self, values: list[Any]) -> list[Any]:
        steps = self._path.steps
        if not steps:
            raise self._unknown()
        try:
            found = [value.get(steps[0]) for value in values]
            for step in steps[1:]:
                found = [None if value is None else value.get(step) for value in found]
            return found
        except AttributeError:
            pass  # a null, or no object: the slow way tells
        return [None if value is None else self._path.value_in(require_map(value, PURPOSE)) for value in values]

    def _with_schema(self, schema: Schema, values: list[Any]) -> tuple[Schema, list[Any]]:
        require_structs(
            schema, [value for value in values if value is not None] if has_nulls(values) else values, PURPOSE
        )
        extracted = self._path.schema_in(schema)
        if extracted is None:
            raise self._unknown()
        defaults = self.config.replace_null_with_default
        find = self._path.field_in
        return extracted, [None if v is None else find(v, extracted, nulls_to_defaults=defaults) for v in values]

    def _unknown(self) -> DataError:
        return DataError(f"Unknown field: {self._path.text}")


class ExtractFieldKey(_ExtractField, KeyColumn):
    """Replace the key by one of its fields."""

    class_name = PREFIX + "ExtractField$Key"


class ExtractFieldValue(_ExtractField, ValueColumn):
    """Replace the value by one of its fields."""

    class_name = PREFIX + "ExtractField$Value"
