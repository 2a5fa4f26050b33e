"""The logical types as JSON: Decimal, Date, Time, Timestamp; and what reading them shares with the other types.

Source: Kafka 4.3.1, the logical converters in JsonConverter.java.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from connect.api import DataError, Schema, logical
from connect.api.java import from_base64, java_class, narrow


def binary(node: Any) -> bytes | None:
    """Return the bytes of base64, None of what is no text. Raises `DataError` for text that is no base64."""
    if not isinstance(node, str):
        return None
    try:
        return from_base64(node)
    except ValueError as error:
        raise DataError("Invalid bytes field") from error


def node_type(node: Any) -> str:
    """Return Jackson's name for the type of a JSON node."""
    names = {
        bool: "BOOLEAN",
        int: "NUMBER",
        Decimal: "NUMBER",
        str: "STRING",
        list: "ARRAY",
        dict: "OBJECT",
        type(None): "NULL",
    }
    return names[type(node)]


def _decimal_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    if not isinstance(value, Decimal):
        raise DataError(f"Invalid type for Decimal, expected BigDecimal but was class {java_class(value)}")
    if not numeric:
        return b64encode(logical.DECIMAL.from_logical(schema, value)).decode()
    if not value.is_finite():
        raise DataError(f"Invalid value for Decimal: {value}")
    return orjson.Fragment(str(value))


def _decimal_from_json(schema: Schema, node: Any) -> Any:
    if isinstance(node, bool) or not isinstance(node, int | Decimal | str):
        raise DataError(
            f"Invalid type for Decimal, underlying representation should be numeric or bytes but was {node_type(node)}"
        )
    if not isinstance(node, str):
        return Decimal(node)
    try:
        return logical.DECIMAL.to_logical(schema, binary(node))
    except DataError as error:
        raise DataError(f"Invalid bytes for Decimal field: {error}") from error


def _temporal_to_json(kind: logical.LogicalType) -> Callable[[Schema, Any, bool], Any]:
    return lambda schema, value, numeric: kind.from_logical(schema, value)


def _date_or_time_from_json(kind: logical.LogicalType) -> Callable[[Schema, Any], Any]:
    def read(schema: Schema, node: Any) -> Any:
        if type(node) is not int or not -(1 << 31) <= node < 1 << 31:
            raise DataError(
                f"Invalid type for {kind.word}, underlying representation should be integer but was {node_type(node)}"
            )
        return kind.to_logical(schema, node)

    return read


def _timestamp_from_json(schema: Schema, node: Any) -> Any:
    if type(node) is not int:
        raise DataError(
            f"Invalid type for Timestamp, underlying representation should be integral but was {node_type(node)}"
        )
    return logical.TIMESTAMP.to_logical(schema, narrow(node, 64))


TO_JSON: dict[str, Callable[[Schema, Any, bool], Any]] = {
    logical.DECIMAL.schema_name: _decimal_to_json,
    **{kind.schema_name: _temporal_to_json(kind) for kind in (logical.DATE, logical.TIME, logical.TIMESTAMP)},
}
FROM_JSON: dict[str, Callable[[Schema, Any], Any]] = {
    logical.DECIMAL.schema_name: _decimal_from_json,
    **{kind.schema_name: _date_or_time_from_json(kind) for kind in (logical.DATE, logical.TIME)},
    logical.TIMESTAMP.schema_name: _timestamp_from_json,
}
