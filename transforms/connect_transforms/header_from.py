"""HeaderFrom: fields are moved or copied into headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

from connect.api import Batch, Config, DataError, Header, Headers, Problem, Schema, SchemaError, SchemaType, config_key
from connect_transforms.fields.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    SchemaCache,
    ValueColumn,
    map_copies,
    require_map,
    require_present,
    require_struct,
    struct_like,
    with_defaults,
)
from connect_transforms.fields.field_path import FieldPath, path_problems, syntax_version_key
from connect_transforms.fields.nested import Nested, by_parent
from connect_transforms.fields.unmatched import unmatched_fields


def _listed(value: Any) -> None:
    if not value:
        raise ValueError("Empty list")


def _operation(value: Any) -> None:
    if value not in ("move", "copy"):
        raise ValueError("String must be one of: move, copy")


class HeaderFromConfig(Config):
    """Which fields become which headers."""

    fields_: list[str] = config_key(
        "Field names in the record whose values are to be copied or moved to headers.",
        name="fields",
        importance="high",
        validators=[_listed],
    )
    headers: list[str] = config_key(
        "Header names, in the same order as the field names listed in the fields configuration property.",
        importance="high",
        validators=[_listed],
    )
    operation: str = config_key(
        "Either move if the fields are to be moved to the headers (removed from the key or value), "
        "or copy if they are to be copied to the headers (retained in the key or value).",
        importance="high",
        recommended=("move", "copy"),
        validators=[_operation],
    )
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        if len(self.fields_) != len(self.headers):
            yield Problem("headers", "'fields' config must have the same number of elements as 'headers' config.")
        yield from path_problems("fields", self.fields_, self.field_syntax_version)


class _HeaderFrom(ColumnTransform[HeaderFromConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        self._purpose = f"header {own.operation}"
        self._paths = [FieldPath(name, own.field_syntax_version) for name in own.fields_]
        removals = by_parent(self._paths).items() if own.operation == "move" else ()
        self._removals = [Nested(parent, _Removal(names, own).change) for parent, names in removals]
        self._unmatched = unmatched_fields(self, self._paths, self.column)

    def apply_batch(self, batch: Batch) -> Batch:
        self._unmatched.look(batch)
        schema, values = self.column(batch)
        if set(map(type, values)) != {dict} or (schema is not None and schema.type is not SchemaType.STRUCT):
            for value in values:
                if schema is None:
                    require_map(value, self._purpose)
                else:
                    require_struct(schema, value, self._purpose)
        columns = [
            self._headers(path, name, schema, values)
            for path, name in zip(self._paths, self.config.headers, strict=True)
        ]
        changed = batch.replace(headers=_with_headers(batch.headers, columns))
        if not self._removals:
            return changed
        for removal in self._removals:
            schema, values = removal(schema, values)
        return self.replaced(changed, schema, values)

    def _headers(self, path: FieldPath, name: str, schema: Schema | None, values: list[Any]) -> Iterator[Header]:
        """Return one header a record."""
        found: list[Any]
        of_field = None
        if schema is None:
            if len(path.steps) == 1:
                found = [value.get(path.steps[0]) for value in values]
            else:
                found = [path.value_in(value) for value in values]
        else:
            of_field = path.schema_in(schema)
            if of_field is None:
                raise DataError(f"Field does not exist: {path.text}; it cannot be put in the header {name!r}")
            defaults = self.config.replace_null_with_default
            found = [path.field_in(value, of_field, nulls_to_defaults=defaults) for value in values]
        # The tuple's own constructor: a third of the time that the class takes.
        return map(tuple.__new__, repeat(Header), zip(repeat(name), found, repeat(of_field)))


def _with_headers(present: list[Headers | None] | None, columns: list[Iterator[Header]]) -> list[Headers | None]:
    added = zip(*columns, strict=True)
    if present is None:
        return list(map(Headers, added))
    return [Headers([*headers, *new]) if headers else Headers(new) for headers, new in zip(present, added, strict=True)]


class _Removal:
    """Takes fields out of objects."""

    def __init__(self, names: list[str], config: HeaderFromConfig) -> None:
        self._names = names
        self._defaults = config.replace_null_with_default
        self._purpose = f"header {config.operation}"
        self._schemas = SchemaCache(self._remaining)

    def change(self, schema: Schema | None, values: list[Any]) -> tuple[Schema | None, list[Any]]:
        if schema is None:
            copies: list[dict[Any, Any]] = map_copies(values, self._purpose)
            for name in self._names:
                for copy in copies:
                    copy.pop(name, None)
            return None, copies
        made = self._schemas(schema)
        left = [with_defaults(value, made, nulls_to_defaults=self._defaults) for value in values]
        require_present([(f.name, f.schema) for f in made.fields], left)
        return made, left

    def _remaining(self, schema: Schema) -> Schema:
        if schema.type is not SchemaType.STRUCT:
            raise SchemaError("Cannot list fields on non-struct type")
        return struct_like(schema, ((f.name, f.schema) for f in schema.fields if f.name not in self._names))


class HeaderFromKey(_HeaderFrom, KeyColumn):
    """Move or copy fields of the key into headers."""

    class_name = PREFIX + "HeaderFrom$Key"


class HeaderFromValue(_HeaderFrom, ValueColumn):
    """Move or copy fields of the value into headers."""

    class_name = PREFIX + "HeaderFrom$Value"
