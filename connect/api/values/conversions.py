"""From any value to any type, by way of its text where that says more."""

from __future__ import annotations

from typing import Any, Final

from connect.api import DATE_NAME, TIME_NAME, TIMESTAMP_NAME, Schema, SchemaType
from connect.api.values.casts import cast
from connect.api.values.parser import parse

_TEMPORAL: Final = (DATE_NAME, TIME_NAME, TIMESTAMP_NAME)


def convert(to: Schema, value: Any, schema: Schema | None = None) -> Any:
    """Return a value as one of another type: text that reads as a list becomes a list, 300 an int8 of 44.

    Args:
        to: The wanted schema; null passes where it is optional.
        value: Any value.
        schema: The value's own schema, where there is one.

    Raises:
        DataError: There is no way from one to the other.
    """
    if not isinstance(value, str):
        return cast(to, value, schema)
    if to.type in (SchemaType.ARRAY, SchemaType.MAP) or to.name in _TEMPORAL:
        found, parsed = parse(value) or (None, None)
        # A text that reads as null is one: Kafka trips over it here.
        return cast(to, parsed, schema, found=found)
    if to.type is SchemaType.BOOLEAN and (read := parse(value)) is not None and isinstance(read[1], bool):
        return read[1]
    return cast(to, value, schema)
