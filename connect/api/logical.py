"""PUBLIC. The logical types: between a Decimal, Date, Time or Timestamp and the base type that carries it.

| logical   | base  | here                                                                    |
|-----------|-------|-------------------------------------------------------------------------|
| Decimal   | BYTES | Decimal; the unscaled value, big-endian two's complement; 'scale' says where the point is |
| Date      | INT32 | date; days since the epoch                                              |
| Time      | INT32 | time; milliseconds of the day                                           |
| Timestamp | INT64 | datetime, aware (UTC); milliseconds since the epoch                     |

Kafka has one class, java.util.Date, for the last three, so each of them takes any date, time or datetime whose
milliseconds since the epoch suit it.

Source: Kafka 4.3.1, connect/api, Decimal.java, Date.java, Time.java, Timestamp.java.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from connect.api.errors import DataError
from connect.api.java import DAY_MS, date_of, java_class, milliseconds, moment_of, time_of
from connect.api.schema import Schema
from connect.api.schema_type import DATE_NAME, DECIMAL_NAME, SCALE_PARAMETER, TIME_NAME, TIMESTAMP_NAME

_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,100}")
# Moves a decimal point without a look at the digits, however many there are.
_EXACT: Final = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
# Larger ones come from whole numbers, and to them, by halves.
_AT_ONCE_BITS: Final = 1 << 13
_AT_ONCE_DIGITS: Final = 2500

__all__ = [
    "DATE",
    "DECIMAL",
    "LOGICAL_TYPES",
    "TIME",
    "TIMESTAMP",
    "DateType",
    "DecimalType",
    "LogicalType",
    "TimeType",
    "TimestampType",
    "decimal_bytes",
    "scale",
    "scaled",
    "unscaled",
]


class LogicalType:
    """A logical type's two conversions. `LOGICAL_TYPES` holds one of each by schema name."""

    word: ClassVar[str]
    schema_name: ClassVar[str]

    def from_logical(self, schema: Schema, value: Any) -> Any:
        """Return the base value of a logical one. Raises `DataError` where it has none, or the schema is another's."""
        raise NotImplementedError

    def to_logical(self, schema: Schema, base: Any) -> Any:
        """Return the logical value of a base one.

        Raises `DataError` where there is none, or the schema is another's.
        """
        raise NotImplementedError

    def _check(self, schema: Schema) -> None:
        if schema.name != self.schema_name:
            raise DataError(f"Requested conversion of {self.word} object but the schema does not match.")

    def _milliseconds(self, value: Any) -> int:
        if not isinstance(value, dt.date | dt.time):
            raise DataError(f"Invalid type for {self.word}, expected Date but was class {java_class(value)}")
        return milliseconds(value)


class DecimalType(LogicalType):
    """Decimal; as in Kafka only the parameter 'scale' of its schema is looked at."""

    word = "Decimal"
    schema_name = DECIMAL_NAME

    def from_logical(self, schema: Schema, value: Any) -> bytes:
        if not isinstance(value, decimal.Decimal):
            raise DataError(f"Invalid type for Decimal, expected BigDecimal but was class {java_class(value)}")
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int):
            raise DataError(f"Invalid value for Decimal: {value}")
        wanted = scale(schema)
        if -exponent != wanted:
            raise DataError(
                "Decimal value has mismatching scale for given Decimal schema. "
                f"Schema has scale {wanted}, value has scale {-exponent}."
            )
        return decimal_bytes(unscaled(value, wanted))

    def to_logical(self, schema: Schema, base: Any) -> decimal.Decimal:
        if not base:
            raise DataError("Invalid bytes for Decimal: a number has at least one byte")
        return scaled(int.from_bytes(base, "big", signed=True), scale(schema))


class DateType(LogicalType):
    """Date: a day."""

    word = "Date"
    schema_name = DATE_NAME

    def from_logical(self, schema: Schema, value: Any) -> int:
        self._check(schema)
        days, rest = divmod(self._milliseconds(value), DAY_MS)
        if rest:
            raise DataError("Kafka Connect Date type should not have any time fields set to non-zero values.")
        return days

    def to_logical(self, schema: Schema, base: Any) -> dt.date:
        self._check(schema)
        return date_of(base * DAY_MS)


class TimeType(LogicalType):
    """Time: a time of day."""

    word = "Time"
    schema_name = TIME_NAME

    def from_logical(self, schema: Schema, value: Any) -> int:
        self._check(schema)
        ms = self._milliseconds(value)
        if not 0 <= ms <= DAY_MS:
            raise DataError("Kafka Connect Time type should not have any date fields set to non-zero values.")
        return ms

    def to_logical(self, schema: Schema, base: Any) -> dt.time:
        self._check(schema)
        if not 0 <= base < DAY_MS:
            raise DataError("Time values must use number of milliseconds greater than 0 and less than 86400000")
        return time_of(base)


class TimestampType(LogicalType):
    """Timestamp: a moment, to the millisecond."""

    word = "Timestamp"
    schema_name = TIMESTAMP_NAME

    def from_logical(self, schema: Schema, value: Any) -> int:
        self._check(schema)
        return self._milliseconds(value)

    def to_logical(self, schema: Schema, base: Any) -> dt.datetime:
        self._check(schema)
        return moment_of(base)


DECIMAL: Final = DecimalType()
DATE: Final = DateType()
TIME: Final = TimeType()
TIMESTAMP: Final = TimestampType()
LOGICAL_TYPES: Final[Mapping[str, LogicalType]] = {kind.schema_name: kind for kind in (DECIMAL, DATE, TIME, TIMESTAMP)}


def scale(schema: Schema) -> int:
    """Return how many digits a Decimal schema has behind the point. Raises `DataError` when it does not say."""
    found = (schema.parameters or {}).get(SCALE_PARAMETER)
    if found is None:
        raise DataError("Invalid Decimal schema: scale parameter not found.")
    if not _WHOLE_NUMBER.fullmatch(found) or abs(int(found)) >= 1 << 31:
        shown = repr(found[:40])
        raise DataError(f"Invalid scale parameter found in Decimal schema: {shown} is not a whole number of 32 bits")
    return int(found)


def unscaled(value: decimal.Decimal, scale: int) -> int:
    """Return the digits of a finite decimal with `scale` of them behind the point, as a whole number."""
    return _whole(_EXACT.scaleb(value, scale))


def scaled(number: int, scale: int) -> decimal.Decimal:
    """Return the decimal with these digits, `scale` of them behind the point."""
    return _EXACT.scaleb(_decimal(number), -scale)


def _decimal(number: int) -> decimal.Decimal:
    """Return a whole number as decimal, in less than quadratic time: the bytes of a record may be any number."""
    bits = number.bit_length()
    if bits <= _AT_ONCE_BITS:
        return decimal.Decimal(number)
    half = bits // 2
    upper = number >> half
    shifted = _EXACT.multiply(_decimal(upper), _EXACT.power(2, half))
    return _EXACT.add(shifted, _decimal(number - (upper << half)))


def _whole(value: decimal.Decimal) -> int:
    """Return a decimal as whole number, as `_decimal` makes one of it."""
    digits = value.adjusted() + 1
    if digits <= _AT_ONCE_DIGITS or not value:
        return int(value)
    half = digits // 2
    upper = _EXACT.scaleb(value, -half).to_integral_value(decimal.ROUND_DOWN, _EXACT)
    lower = _EXACT.subtract(value, _EXACT.scaleb(upper, half))
    shift: int = 10**half
    return _whole(upper) * shift + _whole(lower)


def decimal_bytes(number: int) -> bytes:
    """Return a whole number as BigInteger.toByteArray does: as short as two's complement allows."""
    return number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True)
