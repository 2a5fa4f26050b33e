"""SetSchemaMetadata: another name or version for the schema of key or value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connect.api import Batch, Config, DataError, Problem, Schema, SchemaError, SchemaType, config_key
from connect_transforms.fields.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    SchemaCache,
    ValueColumn,
    over_present,
    struct_copies,
)

PURPOSE = "updating schema metadata"


class SetSchemaMetadataConfig(Config):
    """What the schema is called."""

    schema_name: str | None = config_key("Schema name to set.", default=None, importance="high")
    schema_version: int | None = config_key("Schema version to set.", default=None, importance="high")
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)

    def problems(self) -> Iterable[Problem]:
        if self.schema_name is None and self.schema_version is None:
            yield Problem("schema.name", "Neither schema name nor version configured")


class _SetSchemaMetadata(ColumnTransform[SetSchemaMetadataConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        self._schemas = SchemaCache(self._updated)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        schema, values = self.column(batch)
        if not values:
            return batch
        if schema is None:
            return over_present(batch, values, self._refuse)
        made = self._schemas(schema)
        if None not in values:
            return self.replaced(batch, made, self._structs(schema, values))
        present = iter(self._structs(schema, [value for value in values if value is not None]))
        return self.replaced(batch, made, [None if value is None else next(present) for value in values])

    def _refuse(self, batch: Batch) -> Batch:
        raise DataError(f"Schema required for [{PURPOSE}]")

    def _structs(self, schema: Schema, values: list[Any]) -> list[Any]:
        defaults = self.config.replace_null_with_default
        return list(struct_copies(schema, values, PURPOSE, nulls_to_defaults=defaults))

    def _updated(self, schema: Schema) -> Schema:
        if schema.type is not SchemaType.STRUCT:
            raise SchemaError("Cannot list fields on non-struct type")
        own = self.config
        return schema.replace(
            name=schema.name if own.schema_name is None else own.schema_name,
            version=schema.version if own.schema_version is None else own.schema_version,
        )


class SetSchemaMetadataKey(_SetSchemaMetadata, KeyColumn):
    """Set name and version of the key's schema."""

    class_name = PREFIX + "SetSchemaMetadata$Key"


class SetSchemaMetadataValue(_SetSchemaMetadata, ValueColumn):
    """Set name and version of the value's schema."""

    class_name = PREFIX + "SetSchemaMetadata$Value"
