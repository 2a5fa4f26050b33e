"""Flatten: objects within objects become fields of one object, with joined names."""

from __future__ import annotations

from typing import Any

from connect.api import Batch, Config, DataError, Schema, SchemaError, SchemaType, config_key
from connect.api.java import java_class, java_text
from connect_transforms.fields.columns import (
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
)

PURPOSE = "flattening"
_LEAVES = frozenset([str, int, float, bool, type(None), list])
_PLAIN = (str, int, float, bytes, bytearray, memoryview, list, tuple)


class FlattenConfig(Config):
    """How names are joined."""

    delimiter: str | None = config_key(
        "Delimiter to insert between field names from the input record when generating field names for the output "
        "record.",
        default=".",
    )


class _Flatten(ColumnTransform[FlattenConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        # Java joins a null delimiter as the text 'null'.
        self._delimiter = "null" if self.config.delimiter is None else self.config.delimiter
        self._schemas = SchemaCache(self._flat_schema)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        schema, values = self.column(batch)
        try:
            return over_present(batch, values, self._schemaless if schema is None else self._with_schema)
        except RecursionError:
            raise DataError("Flatten transformation was passed a value that is nested too deeply") from None

    # -- without schema --------------------------------------------------------------------------------------------

    def _schemaless(self, batch: Batch) -> Batch:
        flat = []
        for value in self.column(batch)[1]:
            own = require_map(value, PURPOSE)
            if _LEAVES.issuperset(map(type, own.values())):
                flat.append(own)
            else:
                target: dict[Any, Any] = {}
                self._flatten(own, "", target)
                flat.append(target)
        return self.replaced(batch, None, flat)

    def _flatten(self, value: dict[Any, Any], prefix: str, target: dict[Any, Any]) -> None:
        for name, item in value.items():
            joined = (prefix + name if type(name) is str else prefix + java_text(name)) if prefix else name
            if type(item) in _LEAVES:
                target[joined] = item
            elif isinstance(item, dict):
                self._flatten(item, f"{joined}{self._delimiter}", target)
            else:
                target[joined] = _checked(item)

    # -- with schema -----------------------------------------------------------------------------------------------

    def _with_schema(self, batch: Batch) -> Batch:
        schema, values = self.column(batch)
        assert schema is not None, "called for values with a schema"
        require_structs(schema, values, PURPOSE)
        made = self._schemas(schema)
        flat = []
        for value in values:
            target: dict[str, Any] = {}
            try:
                self._fill(schema, value, "", target)
            except AttributeError as error:  # of what stands where the schema has a struct
                raise DataError(
                    f"Flatten transformation found a value that is no struct where its schema has one: {error}"
                ) from None
            flat.append(target)
        require_present(((f.name, f.schema) for f in made.fields), flat)
        return self.replaced(batch, made, flat)

    def _fill(self, schema: Schema, value: dict[str, Any] | None, prefix: str, target: dict[str, Any]) -> None:
        if value is None:
            return
        for field in schema.fields:
            name = f"{prefix}{self._delimiter}{field.name}" if prefix else field.name
            item = value.get(field.name)
            if field.schema.type is SchemaType.STRUCT:
                self._fill(field.schema, item, name, target)
            else:
                target[name] = field.schema.default if item is None else item

    def _flat_schema(self, schema: Schema) -> Schema:
        if schema.type is not SchemaType.STRUCT:
            raise SchemaError("Cannot list fields on non-struct type")
        fields: list[tuple[str, Schema]] = []
        self._collect(schema, "", fields, optional=schema.optional, parent=schema.default)
        return struct_like(schema, fields)

    def _collect(
        self, schema: Schema, prefix: str, fields: list[tuple[str, Schema]], *, optional: bool, parent: Any
    ) -> None:
        for field in schema.fields:
            name = f"{prefix}{self._delimiter}{field.name}" if prefix else field.name
            inner = field.schema
            optional_here = optional or inner.optional
            default = inner.default
            if default is None and parent is not None:
                default = parent.get(field.name)
            if inner.type is SchemaType.STRUCT:
                self._collect(inner, name, fields, optional=optional_here, parent=default)
            elif inner.type is SchemaType.MAP:
                raise DataError(
                    f"Flatten transformation does not support MAP for record with schemas (for field {name})."
                )
            else:
                fields.append((name, inner.replace(optional=optional_here, default=default)))


def _checked(item: Any) -> Any:
    """Return a value of a type that Connect knows without a schema."""
    if isinstance(item, _PLAIN):
        return item
    raise DataError(
        f"Flatten transformation was passed a value of type class {java_class(item)} which is not supported by "
        "Connect's data API"
    )


class FlattenKey(_Flatten, KeyColumn):
    """Flatten the key."""

    class_name = PREFIX + "Flatten$Key"


class FlattenValue(_Flatten, ValueColumn):
    """Flatten the value."""

    class_name = PREFIX + "Flatten$Value"
