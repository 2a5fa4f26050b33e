"""A record's headers: named Connect values in order.

Source: Kafka 4.3.1, connect/api, ConnectHeaders.java.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any, NamedTuple

from connect.api.errors import DataError
from connect.api.java import java_text, narrow
from connect.api.schema import Schema
from connect.api.schema_type import (
    DATE_NAME,
    DECIMAL_NAME,
    INT_BITS,
    TIME_NAME,
    TIMESTAMP_NAME,
    SchemaType,
    python_types,
)


class Header(NamedTuple):
    """One header of a record, as a Connect value with its schema (None = schemaless)."""

    name: str
    value: Any
    schema: Schema | None = None


class Headers(list[Header]):
    """A record's headers in order; names may repeat. A list of `Header` with look-ups by name.

    `add` checks that value and schema go together; `append`, as in any list, does not. What leaves out or changes
    headers returns a copy.
    """

    def add(self, name: str, value: Any, schema: Schema | None = None) -> Headers:
        """Append a header and return self.

        Raises:
            DataError: The schema is for values of another type, or null is none of its values. What a list, map or
                struct holds is not looked at.
        """
        if schema is not None:
            _check(value, schema)
        self.append(Header(name, value, schema))
        return self

    def add_as(self, name: str, value: Any, type: SchemaType | str) -> Headers:  # noqa: A002 - Kafka's word
        """Append a header with the plain schema of a primitive type, optional for None, and return self.

        Raises:
            DataError: The value is of another type.
        """
        return self.add(name, value, Schema(type, optional=value is None))

    def last(self, name: str) -> Header | None:
        """Return the last header of this name, None if there is none."""
        return next((h for h in reversed(self) if h.name == name), None)

    def all(self, name: str) -> list[Header]:
        """Return every header of this name, in order."""
        return [h for h in self if h.name == name]

    def without(self, *names: str) -> Headers:
        """Return a copy that lacks the named headers."""
        return Headers(h for h in self if h.name not in names)

    def latest(self, *names: str) -> Headers:
        """Return a copy with only the last header of each of these names, of every name when none is given."""
        seen: set[str] = set()
        kept = []
        for header in reversed(self):
            if header.name in seen and (not names or header.name in names):
                continue
            seen.add(header.name)
            kept.append(header)
        return Headers(reversed(kept))

    def mapped(self, change: Callable[[Header], Header | None], *names: str) -> Headers:
        """Return a copy with each header of these names, of every name when none is given, as `change` returns it.

        A header for which it returns None is left out.
        """
        changed = (change(h) if not names or h.name in names else h for h in self)
        return Headers(h for h in changed if h is not None)


_LOGICAL_TYPES: dict[tuple[str | None, SchemaType], tuple[type, ...]] = {
    (DECIMAL_NAME, SchemaType.BYTES): (decimal.Decimal,),
    (DATE_NAME, SchemaType.INT32): (dt.date, dt.time),
    (TIME_NAME, SchemaType.INT32): (dt.date, dt.time),
    (TIMESTAMP_NAME, SchemaType.INT64): (dt.date, dt.time),
}


def _check(value: Any, schema: Schema) -> None:
    if value is None:
        if not schema.optional:
            raise DataError(f"A null value requires an optional schema but was {schema!r}")
        return
    # A logical type's base value passes, too, as it does in Kafka: the schema's name does not bind the value.
    taken = python_types(schema.type) + _LOGICAL_TYPES.get((schema.name, schema.type), ())
    fits = isinstance(value, taken) and (schema.type is SchemaType.BOOLEAN or not isinstance(value, bool))
    if fits and isinstance(value, int) and schema.type in INT_BITS:
        fits = narrow(value, INT_BITS[schema.type]) == value
    if not fits:
        raise DataError(f"The value {java_text(value)} is not compatible with the schema {schema!r}")
