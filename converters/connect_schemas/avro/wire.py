"""What fastavro is given: a schema of its own making for each, that reads and writes the same bytes.

Types have short names of ours, fields the names that their values have, and logical types are left out: what they mean
is said by `writing` and `reading`. A column is one call of fastavro: all records as the items of one array, each with a
guard behind it, a text that no record holds. Where the guards are not where they should be, as behind a record that
is cut off, the column is done record by record.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, Final

from connect.api import ConfigError
from connect_schemas.avro.unrolling import NOWHERE, unrolled

_GUARD_NAME: Final = "\0guard"
_VALUE_NAME: Final = "\0value"
#: 128 random bits; as Avro writes a text: its size, times two, in front.
_GUARD: Final = secrets.token_hex(16)
_GUARD_BYTES: Final = bytes([len(_GUARD) * 2]) + _GUARD.encode()


class GuardError(Exception):
    """The records of a column are not as long as they should be."""


def fastavro() -> Any:
    """Return fastavro.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import fastavro as found
    except ImportError:
        raise ConfigError(
            "AvroConverter needs fastavro, which is not installed",
            hint="Install it: pip install 'connect-runtime[schemas]'.",
        ) from None
    return found


class Codec:
    """fastavro, with one schema.

    Args:
        schema: As fastavro takes it, with unique names.
        is_used_within: Whether a record contains itself, so that no guard may stand in it.
    """

    def __init__(self, schema: Any, *, is_used_within: bool) -> None:
        library = fastavro()
        self._write: Callable[..., None] = library.schemaless_writer
        self._read: Callable[..., Any] = library.schemaless_reader
        is_record = isinstance(schema, dict) and schema.get("type") == "record"
        self._is_wrapped = not is_record or is_used_within
        guard = {"name": _GUARD_NAME, "type": "string", "default": _GUARD}
        if self._is_wrapped:
            fields = [{"name": _VALUE_NAME, "type": schema}, guard]
            row = {"type": "record", "name": "row", "fields": fields}
        else:
            row = {**schema, "fields": [*schema["fields"], guard]}
        self._rows = library.parse_schema({"type": "array", "items": row})
        self._one = library.parse_schema(schema)
        self._row = row
        self._is_used_within = is_used_within

    @cached_property
    def _readers(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """What reads all records, and one."""
        if not self._is_used_within:
            return partial(self._read, writer_schema=self._rows), partial(self._read, writer_schema=self._one)
        parse = fastavro().parse_schema
        item, known = unrolled(self._one, parse)
        row = {**self._row, "fields": [{"name": _VALUE_NAME, "type": item}, *self._row["fields"][1:]]}

        def within(kind: Any) -> Callable[..., Any]:
            # In a field of a record: only of these fastavro remembers the types that they refer to.
            box = parse({"type": "record", "name": "box", "fields": [{"name": _VALUE_NAME, "type": kind}]}, {**known})
            return lambda data, **more: self._read(data, box, **more)[_VALUE_NAME]

        return within({"type": "array", "items": row}), within(item)

    def write(self, values: Sequence[Any]) -> list[bytes]:
        """Return the bytes of values, all of which fit.

        Raises:
            GuardError: A record holds the guard, which chance does not bring about.
            Exception: Whatever fastavro raises: one does not fit.
        """
        out = io.BytesIO()
        self._write(out, self._rows, [{_VALUE_NAME: value} for value in values] if self._is_wrapped else values)
        parts = out.getvalue().split(_GUARD_BYTES)
        count = _count(len(values))
        if len(parts) != len(values) + 1 or not parts[0].startswith(count):
            raise GuardError
        parts[0] = parts[0][len(count) :]
        parts.pop()
        return parts

    def write_one(self, value: Any) -> bytes:
        """As `write`, of one value."""
        out = io.BytesIO()
        self._write(out, self._one, value)
        return out.getvalue()

    def read(self, data: Sequence[bytes], start: int) -> list[Any]:
        """Return the values of records whose data begins at `start` of each.

        Raises:
            GuardError, Exception: One of them is not as it should be.
        """
        whole = _GUARD_BYTES.join([_count(len(data)) + data[0][start:], *(item[start:] for item in data[1:])])
        rows: list[Any] = self._readers[0](io.BytesIO(whole + _GUARD_BYTES + b"\0"))
        guards = {row.pop(_GUARD_NAME) for row in rows}
        if guards != {_GUARD} or len(rows) != len(data):
            raise GuardError
        return [row[_VALUE_NAME] for row in rows] if self._is_wrapped else rows

    def read_one(self, item: bytes, start: int, *, lenient: bool = False) -> Any:
        """As `read`, of one record; what stands behind its data is not looked at, as Java does not.

        Args:
            lenient: Take bytes that are no text in UTF-8 for text, with a mark in the place of each wrong one.

        Raises:
            RecursionError: It is nested too deeply.
            Exception: Whatever fastavro raises: it makes no sense.
        """
        how = {"handle_unicode_errors": "replace"} if lenient else {}
        try:
            return self._readers[1](io.BytesIO(item[start:]), **how)
        except KeyError as error:
            if error.args == (NOWHERE,):
                raise RecursionError(NOWHERE) from None
            raise


def _count(count: int) -> bytes:
    """Return what stands in front of so many items of an array."""
    number, out = count << 1, bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
