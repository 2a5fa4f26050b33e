"""The logical types as JSON: Decimal, Date, Time, Timestamp; and what reading them shares with the other types.

Source: Kafka 4.3.1, the logical converters in JsonConverter.java.
"""

from __future__ import annotations

import binascii
import datetime as dt
from base64 import b64decode, b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connect.api import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Schema
from connect.api.logical import EPOCH, milliseconds
from connect.api.logical import MILLISECOND as MS
from connect.api.schema import java_class

_DAY_MS = 86_400_000


def narrow(number: int, bits: int) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


def binary(node: Any) -> bytes | None:
    if not isinstance(node, str):
        return None
    try:
        return b64decode(node, validate=True)
    except binascii.Error as error:
        raise DataError("Invalid bytes field") from error


def node_type(node: Any) -> str:
    names = {bool: "BOOLEAN", int: "NUMBER", float: "NUMBER", Decimal: "NUMBER", str: "STRING", list: "ARRAY", dict: "OBJECT", type(None): "NULL"}  # fmt: skip
    return names[type(node)]


def _decimal_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    if not isinstance(value, Decimal):
        raise DataError(f"Invalid type for Decimal, expected BigDecimal but was class {java_class(value)}")
    if numeric:
        return value
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise DataError(f"Invalid value for Decimal: {value}")
    wanted = _scale(schema)
    if -exponent != wanted:
        raise DataError(f"Decimal value has mismatching scale for given Decimal schema. Schema has scale {wanted}, value has scale {-exponent}.")  # fmt: skip
    unscaled = int("".join(map(str, digits))) * (-1 if sign else 1)
    length = (unscaled + (unscaled < 0)).bit_length() // 8 + 1
    return b64encode(unscaled.to_bytes(length, "big", signed=True)).decode()


def _scale(schema: Schema) -> int:
    text = (schema.parameters or {}).get("scale")
    if text is None:
        raise DataError("Invalid Decimal schema: scale parameter not found.")
    try:
        return int(text)
    except ValueError as error:
        raise DataError(f"Invalid scale parameter found in Decimal schema: {text}") from error


def _decimal_from_json(schema: Schema, node: Any) -> Any:
    if isinstance(node, bool) or not isinstance(node, int | float | Decimal | str):
        raise DataError(
            f"Invalid type for Decimal, underlying representation should be numeric or bytes but was {node_type(node)}"
        )
    if not isinstance(node, str):
        return Decimal(repr(node)) if isinstance(node, float) else Decimal(node)
    try:
        raw, scale = binary(node), _scale(schema)
    except DataError as error:
        raise DataError("Invalid bytes for Decimal field") from error
    if not raw:
        raise DataError("Invalid bytes for Decimal field")
    unscaled = int.from_bytes(raw, "big", signed=True)
    return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))


def _date_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    days, rest = divmod(_milliseconds(value, "Date"), _DAY_MS)
    if rest:
        raise DataError("Kafka Connect Date type should not have any time fields set to non-zero values.")
    return days


def _time_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    ms = _milliseconds(value, "Time")
    if not 0 <= ms <= _DAY_MS:
        raise DataError("Kafka Connect Time type should not have any date fields set to non-zero values.")
    return ms


def _timestamp_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    return _milliseconds(value, "Timestamp")


def _milliseconds(value: Any, name: str) -> int:
    if not isinstance(value, dt.date | dt.time):
        raise DataError(f"Invalid type for {name}, expected Date but was class {java_class(value)}")
    return milliseconds(value)


def _integral(node: Any, name: str, bits: int) -> int:
    if isinstance(node, bool) or not isinstance(node, int) or not -(1 << bits - 1) <= node < 1 << bits - 1:
        raise DataError(
            f"Invalid type for {name}, underlying representation should be integer but was {node_type(node)}"
        )
    return node


def _date_from_json(schema: Schema, node: Any) -> Any:
    return _moment(_integral(node, "Date", 32) * _DAY_MS, "Date").date()


def _time_from_json(schema: Schema, node: Any) -> Any:
    ms = _integral(node, "Time", 32)
    if not 0 <= ms < _DAY_MS:
        raise DataError("Time values must use number of milliseconds greater than 0 and less than 86400000")
    return _moment(ms, "Time").time()


def _timestamp_from_json(schema: Schema, node: Any) -> Any:
    return _moment(narrow(_integral(node, "Timestamp", 128), 64), "Timestamp")


def _moment(ms: int, name: str) -> dt.datetime:
    try:
        return EPOCH + ms * MS
    except OverflowError as error:
        raise DataError(f"Invalid {name}: {ms} ms since the epoch lies outside the years 1 to 9999") from error


TO_JSON: dict[str, Callable[[Schema, Any, bool], Any]] = {
    DECIMAL_NAME: _decimal_to_json, DATE_NAME: _date_to_json, TIME_NAME: _time_to_json, TIMESTAMP_NAME: _timestamp_to_json,
}  # fmt: skip
FROM_JSON: dict[str, Callable[[Schema, Any], Any]] = {
    DECIMAL_NAME: _decimal_from_json, DATE_NAME: _date_from_json, TIME_NAME: _time_from_json, TIMESTAMP_NAME: _timestamp_from_json,
}  # fmt: skip
