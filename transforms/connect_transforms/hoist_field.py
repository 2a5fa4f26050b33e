"""HoistField: wraps key or value in an object with one field."""

from __future__ import annotations

from connect.api import Batch, Config, Schema, SchemaError, key
from connect_transforms.columns import PREFIX, ColumnTransform, KeyColumn, SchemaCache, ValueColumn, require_present


class HoistFieldConfig(Config):
    """The field."""

    field: str | None = key("Field name for the single field that will be created in the resulting Struct or Map.")


class _HoistField(ColumnTransform):
    config_class = HoistFieldConfig
    config: HoistFieldConfig

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._schemas = SchemaCache(self._hoisted_schema)

    def apply_batch(self, batch: Batch) -> Batch:
        schema, values = self.column(batch)
        name = self.config.field
        hoisted: list[dict[str | None, object]] = [{name: value} for value in values]
        if schema is None:
            return self.replaced(batch, None, hoisted)
        made = self._schemas(schema)
        if not schema.optional and None in values:
            require_present([(f.name, f.schema) for f in made.fields], hoisted)
        return self.replaced(batch, made, hoisted)

    def _hoisted_schema(self, schema: Schema) -> Schema:
        if not self.config.field:
            raise SchemaError("fieldName cannot be null.")
        return Schema.struct({self.config.field: schema})


class HoistFieldKey(_HoistField, KeyColumn):
    """Wrap the key in an object with one field."""

    class_name = PREFIX + "HoistField$Key"


class HoistFieldValue(_HoistField, ValueColumn):
    """Wrap the value in an object with one field."""

    class_name = PREFIX + "HoistField$Value"
