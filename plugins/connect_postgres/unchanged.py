"""What stands for a value that the server did not send: a large one that an update left as it was.

The source puts it there and the sink knows it again, so both make it here, of one text that a key names:

    text, JSON, UUID, …        the text
    bytes                      its bytes; in text their base64 or hexadecimal digits
    map                        the text as key and value
    Decimal                    its bytes as the unscaled value, big-endian
    VariableScaleDecimal       the same, with scale 0
    FLOAT64                    that number
    array of text or bytes     one item, the text or its bytes
    array of numbers, times    one item for each byte, signed: the number, or so many days or milliseconds since 1970
    array of booleans          the bytes' bits
    array of points            one for each byte, at (n, n)
    array of arrays            one item, which is one of these

Text, bytes, maps and arrays of text and of integers are Debezium's. It has null, or zero, for the others, which nobody
tells from a value. A number that stands for a short text would be a value that people have, so numbers are made of as
many bytes as `BYTES_MIN` at least: the text as often as needed.

Source: Debezium, `unavailable.value.placeholder` of its PostgreSQL connector.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import struct
from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Any, Final

from connect.api import DECIMAL_NAME, Schema, SchemaType

DEFAULT: Final = "__debezium_unavailable_value"
#: Of so many bytes numbers are made at least.
BYTES_MIN: Final = 28
#: No more than this of a long text is in one number, so that a double holds it.
_NUMBER_BYTES_MAX: Final = 64
_HEX: Final = "hex:"
_VARIABLE_SCALE: Final = "io.debezium.data.VariableScaleDecimal"
_POINT: Final = "io.debezium.data.geometry.Point"
_WIDE: Final = decimal.Context(prec=200_000)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Types of which no value is large enough to be left out by the server.
_SMALL: Final = (SchemaType.INT8, SchemaType.INT16, SchemaType.INT32, SchemaType.INT64, SchemaType.BOOLEAN)


class Placeholder:
    """One text, in the forms that it has in columns of all types.

    Attributes:
        text: As it stands in a column of text.
    """

    def __init__(self, written: str) -> None:
        """`written`: as the key has it; `hex:` in front of hexadecimal digits stands for their bytes.

        Raises:
            ValueError: What is behind `hex:` is no such digits.
        """
        self._data = _data_of(written)
        self.text = self._data.decode(errors="replace")
        whole = self._data * -(-BYTES_MIN // max(len(self._data), 1))
        self._unscaled = whole[: max(BYTES_MIN, min(len(self._data), _NUMBER_BYTES_MAX))]
        self._number = int.from_bytes(self._unscaled, "big")
        items = self._data if len(self._data) >= BYTES_MIN else self._unscaled
        self._items = [byte - 256 if byte > 127 else byte for byte in items]
        self._bits = [bool(byte >> place & 1) for byte in items for place in range(7, -1, -1)]
        self._texts = {self.text, base64.b64encode(self._data).decode(), base64.urlsafe_b64encode(self._data).decode()}
        self._texts.add(self._data.hex())
        self._forms = frozenset[Hashable]({*self._texts, self._data, Decimal(self._number), float(self._number)})

    @property
    def is_none(self) -> bool:
        """Whether nothing stands for such a value, since the text is empty."""
        return not self._data

    # -- making --------------------------------------------------------------------------------------------------------

    def of(self, schema: Schema) -> Any:
        """Return what stands for a value of a schema; None for types of which the server sends every value."""
        if schema.name == DECIMAL_NAME:
            return self._decimal(schema)
        if schema.name == _VARIABLE_SCALE:
            return {"scale": 0, "value": self._signed()}
        if schema.type is SchemaType.STRING:
            return self.text
        if schema.type is SchemaType.BYTES:
            return self._data
        if schema.type is SchemaType.MAP:
            return {self.text: self.text}
        if schema.type in (SchemaType.FLOAT32, SchemaType.FLOAT64):
            return float(self._number)
        if schema.type is SchemaType.ARRAY and schema.value_schema is not None:
            return self._array(schema.value_schema)
        return None

    def _array(self, item: Schema) -> list[Any]:
        if item.name == "org.apache.kafka.connect.data.Date":
            return [(_EPOCH + dt.timedelta(days=number)).date() for number in self._items]
        if item.name == "org.apache.kafka.connect.data.Time":
            return [(_EPOCH + dt.timedelta(milliseconds=number % 256)).time() for number in self._items]
        if item.name == "org.apache.kafka.connect.data.Timestamp":
            return [_EPOCH + dt.timedelta(milliseconds=number) for number in self._items]
        if item.name == _POINT:
            return [_point(float(number)) for number in self._items]
        if item.type is SchemaType.BOOLEAN:
            return list(self._bits)
        if item.type in _SMALL:
            return list(self._items)
        if item.type in (SchemaType.FLOAT32, SchemaType.FLOAT64):
            return list(map(float, self._items))
        return [self.of(item)]

    def _decimal(self, schema: Schema) -> Decimal:
        return Decimal(self._number).scaleb(-_scale_of(schema), _WIDE)

    def _signed(self) -> bytes:
        return self._number.to_bytes((self._number.bit_length() + 8) // 8, "big", signed=True)

    # -- knowing it again ----------------------------------------------------------------------------------------------

    def rows(self, values: Sequence[Any], schema: Schema | None) -> list[int]:
        """Return which of a column's values it stands for. `schema`: theirs, where it is declared."""
        if schema is not None and schema.type in _SMALL:
            return []
        # A text is compared by its length first, which costs a tenth of hashing it.
        if _are_texts(values, schema) and not any(text in values for text in self._texts):
            return []
        forms = self._forms
        if schema is not None and schema.name == DECIMAL_NAME and _scale_of(schema):
            forms = forms | {self._decimal(schema)}
        try:
            if forms.isdisjoint(values):
                return []
        except TypeError:
            pass  # there are lists or dicts among them
        return [row for row, value in enumerate(values) if self._is_one(value, forms)]

    def _is_one(self, value: Any, forms: frozenset[Hashable]) -> bool:
        if isinstance(value, list):
            return self._is_array(value, forms)
        if isinstance(value, dict):
            if value.keys() == {"scale", "value"}:
                return bool(value["value"] in (self._signed(), base64.b64encode(self._signed()).decode()))
            return value == {self.text: self.text}
        return value in forms if isinstance(value, Hashable) else value == self._data

    def _is_array(self, value: list[Any], forms: frozenset[Hashable]) -> bool:
        if len(value) == 1:
            # That of numbers alone is of that many items.
            [item] = value
            if isinstance(item, Decimal):
                return item.is_finite() and item.as_tuple().digits == Decimal(self._number).as_tuple().digits
            return not isinstance(item, int | float) and self._is_one(item, forms)
        if len(value) == len(self._bits):
            return value == self._bits
        return len(value) == len(self._items) and list(map(_number_of, value)) == self._items


def _are_texts(values: Sequence[Any], schema: Schema | None) -> bool:
    if schema is not None:
        return schema.type is SchemaType.STRING
    return set(map(type, values)) <= {str, type(None)}


def is_recognised(schema: Schema) -> bool:
    """Return whether what stands for a value of a schema is the text, or its bytes, in some way: any consumer who knows
    that knows it then."""
    while schema.type is SchemaType.ARRAY and schema.value_schema is not None:
        schema = schema.value_schema
    return schema.name != DECIMAL_NAME and schema.type in (SchemaType.STRING, SchemaType.BYTES, SchemaType.MAP)


def check_placeholder(value: object) -> None:
    """Raise `ValueError` where a key's value is none."""
    Placeholder(str(value))


def _data_of(written: str) -> bytes:
    if not written.startswith(_HEX):
        return written.encode()
    try:
        return bytes.fromhex(written[len(_HEX) :])
    except ValueError:
        raise ValueError(f"{written!r}: behind hex: an even number of hexadecimal digits is expected") from None


def _scale_of(schema: Schema) -> int:
    return int((schema.parameters or {}).get("scale", "0"))


def _point(place: float) -> dict[str, Any]:
    return {"x": place, "y": place, "wkb": struct.pack("<BIdd", 1, 1, place, place), "srid": None}


def _number_of(item: Any) -> Any:
    """Return the number that an item of an array was made of."""
    if isinstance(item, dt.datetime):
        return (item - _EPOCH) // dt.timedelta(milliseconds=1) if item.tzinfo is not None else None
    if isinstance(item, dt.date):
        return (item - _EPOCH.date()).days
    if isinstance(item, dt.time):
        millis = item.microsecond // 1000
        return millis - 256 if millis > 127 else millis
    if isinstance(item, dict):
        return item.get("x")
    return item
