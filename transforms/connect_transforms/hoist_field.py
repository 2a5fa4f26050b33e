"""HoistField: wraps key or value in an object with one field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connect.api import Batch, Config, Problem, Schema, SchemaError, config_key
from connect_transforms.fields.columns import (
    PREFIX,
    ColumnTransform,
    KeyColumn,
    SchemaCache,
    ValueColumn,
    require_present,
)
from connect_transforms.fields.field_path import FieldPath, path_problems, syntax_version_key


class HoistFieldConfig(Config):
    """The field."""

    field: str | None = config_key(
        "Field name for the single field that will be created in the resulting Struct or Map."
    )
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        return path_problems("field", [self.field] if self.field else [], self.field_syntax_version)


class _HoistField(ColumnTransform[HoistFieldConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        name = self.config.field
        # Of the path a.b, b holds the value and a holds b; from the innermost out.
        self._steps: list[Any] = (
            list(reversed(FieldPath(name, self.config.field_syntax_version).steps)) if name else [name]
        )
        self._schemas = SchemaCache(self._hoisted_schema)

    def apply_batch(self, batch: Batch) -> Batch:
        schema, values = self.column(batch)
        hoisted = values
        for name in self._steps:
            hoisted = [{name: value} for value in hoisted]
        if schema is None:
            return self.replaced(batch, None, hoisted)
        made = self._schemas(schema)
        if not schema.optional and None in values:
            require_present([(self._steps[0], schema)], [{self._steps[0]: None}])
        return self.replaced(batch, made, hoisted)

    def _hoisted_schema(self, schema: Schema) -> Schema:
        if not self.config.field:
            raise SchemaError("fieldName cannot be null.")
        for name in self._steps:
            schema = Schema.struct({name: schema})
        return schema


class HoistFieldKey(_HoistField, KeyColumn):
    """Wrap the key in an object with one field."""

    class_name = PREFIX + "HoistField$Key"


class HoistFieldValue(_HoistField, ValueColumn):
    """Wrap the value in an object with one field."""

    class_name = PREFIX + "HoistField$Value"
