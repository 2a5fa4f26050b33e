"""MaskField: fields become the empty value of their type, or a replacement."""

from __future__ import annotations

import datetime as dt
import re
import struct
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from connect.api import (
    DATE_NAME,
    DECIMAL_NAME,
    TIME_NAME,
    TIMESTAMP_NAME,
    Batch,
    Config,
    DataError,
    Problem,
    Schema,
    SchemaType,
    config_key,
)
from connect.api.java import java_class
from connect_transforms.fields.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    ColumnTransform,
    KeyColumn,
    ValueColumn,
    at_field,
    map_copies,
    struct_copies,
    valid_list,
)
from connect_transforms.fields.field_path import path_problems, paths_of, syntax_version_key
from connect_transforms.fields.nested import Nested, by_parent
from connect_transforms.fields.unmatched import unmatched_fields

PURPOSE = "mask fields"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EMPTY: dict[type, Any] = {
    bool: False,
    int: 0,
    float: 0.0,
    str: "",
    Decimal: Decimal(0),
    dt.datetime: EPOCH,
    dt.date: EPOCH.date(),
    dt.time: dt.time(),
}
_EMPTY_OF_LOGICAL: dict[str, Any] = {
    DECIMAL_NAME: Decimal(0),
    DATE_NAME: EPOCH.date(),
    TIME_NAME: dt.time(),
    TIMESTAMP_NAME: EPOCH,
}
_BITS = {SchemaType.INT8: 8, SchemaType.INT16: 16, SchemaType.INT32: 32, SchemaType.INT64: 64}
_JAVA_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class MaskFieldConfig(Config):
    """Which fields, and by what."""

    fields_: list[str] = config_key(
        "Names of fields to mask.", name="fields", importance="high", validators=[valid_list("fields")]
    )
    replacement: str | None = config_key(
        "Custom value replacement, that will be applied to all 'fields' values (numeric or non-empty string values "
        "only).",
        default=None,
        importance="low",
        non_empty=True,
    )
    replace_null_with_default: bool = config_key(NULLS_TO_DEFAULTS, default=True)
    field_syntax_version: str = syntax_version_key()

    def problems(self) -> Iterable[Problem]:
        return path_problems("fields", self.fields_, self.field_syntax_version)


class _MaskField(ColumnTransform[MaskFieldConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        paths = paths_of(self.config.fields_, self.config.field_syntax_version)
        grouped = by_parent(paths).items()
        self._changes = [Nested(parent, _Fields(parent, names, self.config).change) for parent, names in grouped]
        self._unmatched = unmatched_fields(self, paths, self.column)

    def apply_batch(self, batch: Batch) -> Batch:
        self._unmatched.look(batch)
        schema, values = self.column(batch)
        for change in self._changes:
            schema, values = change(schema, values)
        return self.replaced(batch, schema, values)


class _Fields:
    """Masks fields of one object."""

    def __init__(self, parent: tuple[str, ...], names: list[str], config: MaskFieldConfig) -> None:
        self._parent = parent
        self._names = names
        self._replacement = config.replacement
        self._defaults = config.replace_null_with_default

    def change(self, schema: Schema | None, values: list[Any]) -> tuple[Schema | None, list[Any]]:
        return schema, self._schemaless(values) if schema is None else self._with_schema(schema, values)

    def _schemaless(self, values: list[Any]) -> list[Any]:
        copies = map_copies(values, PURPOSE)
        fast: dict[type, Any] = _EMPTY if self._replacement is None else {str: self._replacement}
        for name in self._names:
            with at_field(self._parent, name):
                for copy in copies:
                    value = copy.get(name)
                    kind = type(value)
                    copy[name] = fast[kind] if kind in fast else self._masked(value, None)
        return copies

    def _with_schema(self, schema: Schema, values: list[Any]) -> list[Any]:
        copies = struct_copies(schema, values, PURPOSE, nulls_to_defaults=self._defaults)
        for field in schema.fields:
            if field.name in self._names:
                with at_field(self._parent, field.name):
                    for copy in copies:
                        copy[field.name] = self._masked(copy.get(field.name), field.schema)
        return copies

    def _masked(self, value: Any, schema: Schema | None) -> Any:
        if value is None:
            return None
        if self._replacement is not None:
            return _replaced(value, schema, self._replacement)
        if isinstance(value, list):
            return []
        if isinstance(value, dict) and (schema is None or schema.type is SchemaType.MAP):
            return {}
        empty = _EMPTY_OF_LOGICAL.get(schema.name or "") if schema is not None else None
        if empty is None:
            empty = _EMPTY.get(type(value))
        if empty is None:
            raise DataError(f"Cannot mask value of type: class {java_class(value, schema)}")
        return empty


def _replaced(value: Any, schema: Schema | None, replacement: str) -> Any:
    """Return the replacement in the type of what it replaces: text and numbers only."""
    if isinstance(value, str):
        return replacement
    kind = None if schema is None else schema.type
    if isinstance(value, Decimal):
        return _number(replacement, "number")
    if isinstance(value, int) and not isinstance(value, bool):
        return _wrapped(_number(replacement, "a number"), 64 if schema is None else _BITS.get(schema.type, 64))
    if isinstance(value, float):
        number = float(_number(replacement, "a number"))
        return _single(number) if kind is SchemaType.FLOAT32 else number
    raise DataError(f"Cannot mask value of type class {java_class(value, schema)} with custom replacement.")


def _number(text: str, what: str) -> Decimal:
    if not _JAVA_NUMBER.fullmatch(text):
        raise DataError(f"Unable to convert {text} (class java.lang.String) to {what}")
    return Decimal(text)


def _wrapped(number: Decimal, bits: int) -> int:
    """Return the lowest bits of a number's whole part, as Java's narrowing does."""
    # 10^64 and more are multiples of 2^64: no need to write out a number of a billion digits.
    whole = 0 if int(number.as_tuple().exponent) >= 64 or number.adjusted() < 0 else int(number)
    whole &= (1 << bits) - 1
    return whole - (1 << bits) if whole >> bits - 1 else whole


def _single(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


class MaskFieldKey(_MaskField, KeyColumn):
    """Mask fields of the key."""

    class_name = PREFIX + "MaskField$Key"


class MaskFieldValue(_MaskField, ValueColumn):
    """Mask fields of the value."""

    class_name = PREFIX + "MaskField$Value"
