"""Cast: fields, or the whole key or value, in another primitive type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connect.api import Batch, Config, ConfigError, Problem, Schema, SchemaError, SchemaType, config_key
from connect_transforms.fields.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    SchemaCache,
    ValueColumn,
    at_field,
    get_column,
    map_copies,
    over_present,
    require_present,
    set_column,
    struct_copies,
    struct_like,
)
from connect_transforms.fields.field_path import FieldPath, path_problems, syntax_version_key
from connect_transforms.fields.nested import Nested, by_parent
from connect_transforms.fields.unmatched import unmatched_fields
from connect_transforms.java.casts import TARGETS, cast_column, cast_default, caster

PURPOSE = "cast types"
_SUPPORTED = "[" + ", ".join(target.name for target in TARGETS) + "]"


def parse_spec(mappings: Iterable[str]) -> dict[str | None, SchemaType]:
    """Return the types by field; None stands for the whole key or value.

    Raises:
        ConfigError: A type is unknown, or none that can be cast to; the whole and fields are cast at once.
    """
    casts: dict[str | None, SchemaType] = {}
    whole = False
    for mapping in mappings:
        name, separator, wanted = mapping.rstrip(":").partition(":")
        if ":" in wanted:
            raise ConfigError(f"Invalid value {mapping} for configuration spec: Invalid rename mapping: {mapping}")
        if not separator:
            name, wanted, whole = "", name, True
        try:
            target = SchemaType(wanted.strip().lower())
        except ValueError:
            raise ConfigError(
                f"Invalid value {mapping} for configuration spec: Invalid type found in casting spec: {wanted.strip()}"
                f"; expected one of {_SUPPORTED}"
            ) from None
        if target not in TARGETS:
            raise ConfigError(
                f"Cast transformation does not support casting to {target.name}; supported types are {_SUPPORTED}"
            )
        casts[name.strip() if separator else None] = target
    if whole and len(list(mappings)) > 1:
        raise ConfigError(
            "Cast transformations that specify a type to cast the entire value to may only specify a single cast "
            "in their spec"
        )
    return casts


def _valid_spec(value: Any) -> None:
    if not value:
        raise ConfigError("Must specify at least one field to cast.")
    parse_spec(value)


class CastConfig(Config):
    """What becomes what."""

    spec: list[str] = config_key(
        "List of fields and the type to cast them to, of the form field1:type,field2:type; "
        "a single type without a field casts the whole key or value. "
        "Types are int8, int16, int32, int64, float32, float64, boolean and string.",
        importance="high",
        validators=[_valid_spec],
    )
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        return path_problems("spec", [name for name in parse_spec(self.spec) if name], self.field_syntax_version)


class _Cast(ColumnTransform[CastConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        casts = parse_spec(self.config.spec)
        self._whole = casts.get(None)
        self._whole_schemas = SchemaCache(self._whole_schema)
        paths = {
            FieldPath(name, self.config.field_syntax_version): to for name, to in casts.items() if name is not None
        }
        targets = {path.steps: target for path, target in paths.items()}
        self._changes = [
            Nested(parent, _Fields(parent, {name: targets[*parent, name] for name in names}, self.config).change)
            for parent, names in by_parent(paths).items()
        ]
        self._unmatched = unmatched_fields(self, list(paths), self.column)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        if self._whole is None:
            self._unmatched.look(batch)
        return over_present(batch, self.column(batch)[1], self._cast)

    def _cast(self, batch: Batch) -> Batch:
        schema, values = self.column(batch)
        if self._whole is None:
            for change in self._changes:
                schema, values = change(schema, values)
            return self.replaced(batch, schema, values)
        made = None if schema is None else self._whole_schemas(schema)
        return self.replaced(batch, made, cast_column(self._whole, schema, values))

    def _whole_schema(self, schema: Schema) -> Schema:
        assert self._whole is not None, "called where the whole is cast"
        return Schema(
            self._whole,
            optional=schema.optional,
            name=schema.name,
            version=schema.version,
            doc=schema.doc,
            parameters=schema.parameters,
            default=cast_default(self._whole, schema),
        )


class _Fields:
    """Casts fields of one object."""

    def __init__(self, parent: tuple[str, ...], casts: dict[str, SchemaType], config: CastConfig) -> None:
        self._parent = parent
        self._casts = casts
        self._defaults = config.replace_null_with_default
        self._schemas = SchemaCache(self._cast_schema)

    def change(self, schema: Schema | None, values: list[Any]) -> tuple[Schema | None, list[Any]]:
        if schema is None:
            copies: list[dict[Any, Any]] = map_copies(values, PURPOSE)
            for name, target in self._casts.items():
                with at_field(self._parent, name):
                    set_column(copies, name, cast_column(target, None, get_column(copies, name)))
            return None, copies
        made = self._schemas(schema)
        copies = struct_copies(schema, values, PURPOSE, nulls_to_defaults=self._defaults, made=made)
        for field in schema.fields:
            if field.name in self._casts:
                values = get_column(copies, field.name)
                with at_field(self._parent, field.name):
                    set_column(copies, field.name, cast_column(self._casts[field.name], field.schema, values))
        return made, copies

    def _cast_schema(self, schema: Schema) -> Schema:
        if schema.type is not SchemaType.STRUCT:
            raise SchemaError("Cannot list fields on non-struct type")
        made = struct_like(schema, ((f.name, self._field_schema(f.name, f.schema)) for f in schema.fields))
        default = None if schema.default is None else self._cast_struct(schema)
        return made.replace(optional=schema.optional, default=default)

    def _field_schema(self, name: str, schema: Schema) -> Schema:
        target = self._casts.get(name)
        if target is None:
            return schema
        return Schema(target, optional=schema.optional, default=cast_default(target, schema))

    def _cast_struct(self, schema: Schema) -> dict[str, Any]:
        changed = dict(schema.default)
        for field in schema.fields:
            if field.name in self._casts:
                changed[field.name] = caster(self._casts[field.name], field.schema)(changed.get(field.name))
        require_present(((f.name, f.schema) for f in schema.fields), [changed])
        return changed


class CastKey(_Cast, KeyColumn):
    """Cast fields of the key, or the whole key."""

    class_name = PREFIX + "Cast$Key"


class CastValue(_Cast, ValueColumn):
    """Cast fields of the value, or the whole value."""

    class_name = PREFIX + "Cast$Value"
