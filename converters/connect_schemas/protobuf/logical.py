"""Values of logical types as messages and back: Decimal, Date, Time and Timestamp.

| Connect   | message                    | fields                                     |
|-----------|----------------------------|--------------------------------------------|
| Decimal   | confluent.type.Decimal     | value, precision (0: of any), scale        |
| Date      | google.type.Date           | year, month, day                           |
| Time      | google.type.TimeOfDay      | hours, minutes, seconds, nanos             |
| Timestamp | google.protobuf.Timestamp  | seconds since the epoch, nanos             |

Source: Confluent's ProtobufData and DecimalUtils (schema-registry 8.4); google/type, google/protobuf.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any, Final

from connect.api import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Schema
from connect.api.java import java_class
from connect.api.logical import DATE, TIME, TIMESTAMP, decimal_bytes, scaled, unscaled

_NANOS_PER_MS: Final = 1_000_000
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY: Final = dt.date(1970, 1, 1)


def _decimal_parts(schema: Schema, value: Any) -> dict[str, Any]:
    if not isinstance(value, decimal.Decimal):
        raise DataError(f"Invalid type for Decimal, expected BigDecimal but was class {java_class(value)}")
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise DataError(f"Invalid value for Decimal: {value}")
    number = unscaled(value, -exponent)
    precision = len(digits) if number else 1
    return {"value": decimal_bytes(number), "precision": precision, "scale": -exponent}


def _decimal_of(message: Any) -> decimal.Decimal:
    if not message.value:
        raise DataError("a Decimal has no digits: a number has at least one byte")
    value = scaled(int.from_bytes(message.value, "big", signed=True), message.scale)
    if not message.precision or len(value.as_tuple().digits) <= message.precision:
        return value
    context = decimal.Context(
        prec=message.precision,
        rounding=decimal.ROUND_HALF_UP,
        Emax=decimal.MAX_EMAX,
        Emin=decimal.MIN_EMIN,
    )
    return context.plus(value)


def _date_parts(schema: Schema, value: Any) -> dict[str, Any]:
    day = _EPOCH_DAY + dt.timedelta(days=DATE.from_logical(schema, value))
    return {"year": day.year, "month": day.month, "day": day.day}


def _date_of(message: Any) -> dt.date:
    try:
        return dt.date(message.year, message.month, message.day)
    except ValueError as error:
        raise DataError(f"{message.year}-{message.month}-{message.day} is no date: {error}") from None


def _time_parts(schema: Schema, value: Any) -> dict[str, Any]:
    ms = TIME.from_logical(schema, value)
    seconds, ms = divmod(ms, 1000)
    return {
        "hours": seconds // 3600 % 24,
        "minutes": seconds // 60 % 60,
        "seconds": seconds % 60,
        "nanos": ms * _NANOS_PER_MS,
    }


def _time_of(message: Any) -> dt.time:
    try:
        if not 0 <= message.nanos < 1000 * _NANOS_PER_MS:
            raise ValueError("nanos are within a second")
        ms = message.nanos // _NANOS_PER_MS
        return dt.time(message.hours, message.minutes, message.seconds, ms * 1000)
    except ValueError as error:
        raise DataError(f"{message.hours}:{message.minutes}:{message.seconds} is no time of day: {error}") from None


def _timestamp_parts(schema: Schema, value: Any) -> dict[str, Any]:
    seconds, ms = divmod(TIMESTAMP.from_logical(schema, value), 1000)
    return {"seconds": seconds, "nanos": ms * _NANOS_PER_MS}


def _timestamp_of(message: Any) -> dt.datetime:
    seconds, nanos = message.seconds, message.nanos
    try:
        if not 0 <= nanos < 1000 * _NANOS_PER_MS:
            raise OverflowError("nanos are within a second")
        return _EPOCH + dt.timedelta(seconds=seconds, milliseconds=nanos // _NANOS_PER_MS)
    except OverflowError as error:
        raise DataError(f"{seconds} s and {nanos} ns since the epoch is no time: {error}") from None


#: From a value and its schema to the parts of its message.
PARTS: Final[dict[str, Callable[[Schema, Any], dict[str, Any]]]] = {
    DECIMAL_NAME: _decimal_parts,
    DATE_NAME: _date_parts,
    TIME_NAME: _time_parts,
    TIMESTAMP_NAME: _timestamp_parts,
}
#: From a message to its value.
VALUES: Final[dict[str, Callable[[Any], Any]]] = {
    DECIMAL_NAME: _decimal_of,
    DATE_NAME: _date_of,
    TIME_NAME: _time_of,
    TIMESTAMP_NAME: _timestamp_of,
}
