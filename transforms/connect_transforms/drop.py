"""Drop: the key or the value becomes null. Confluent's."""

from __future__ import annotations

from connect.api import Batch, Config, DataError, Schema, config_key
from connect_transforms.fields.columns import ColumnTransform, KeyColumn, ValueColumn
from connect_transforms.filter_by_path import CONFLUENT


class DropConfig(Config):
    """What becomes of the schema."""

    schema_behavior: str = config_key(
        "What becomes of the schema: nullify takes it away, retain keeps it, force_optional makes it optional, "
        "validate keeps an optional one and refuses any other.",
        default="nullify",
        one_of=("nullify", "retain", "force_optional", "validate"),
        ignore_case=True,
    )


class _Drop(ColumnTransform[DropConfig]):
    def apply_batch(self, batch: Batch) -> Batch:
        return self.replaced(batch, self._schema(self.column(batch)[0]), [None] * len(batch))

    def _schema(self, schema: Schema | None) -> Schema | None:
        behavior = self.config.schema_behavior.lower()
        if schema is None or behavior == "nullify":
            return None
        if behavior == "force_optional":
            return schema if schema.optional else schema.replace(optional=True)
        if behavior == "validate" and not schema.optional:
            raise DataError(f"{schema} is not optional, so there is no null of it; see schema.behavior")
        return schema


class DropKey(_Drop, KeyColumn):
    """Make the key null."""

    class_name = CONFLUENT + "Drop$Key"


class DropValue(_Drop, ValueColumn):
    """Make the value null: a tombstone."""

    class_name = CONFLUENT + "Drop$Value"
