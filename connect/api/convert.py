"""Converters: between Connect values and the bytes in the log."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from connect.api.contract import check_bytes, check_pair
from connect.api.plugin import ConfigT, Plugin
from connect.api.schema import Schema

#: Of converters outside of tasks: never set.
_NEVER: Final = threading.Event()


class Column(NamedTuple):
    """A run of decoded values that share a schema (None = schemaless)."""

    schema: Schema | None
    values: list[Any]


class Encoded(NamedTuple):
    """The bytes of n values, and headers of the log that go with them.

    Attributes:
        headers: Set on each record whose bytes are not None, in the place of others of the same name.
    """

    data: list[bytes | None]
    headers: Sequence[tuple[str, bytes]] = ()


class Converter(Plugin[ConfigT]):
    """Turns keys or values into bytes and back.

    Override the single form (`from_connect_data`, `to_connect_data`) or the column form (`encode`, `decode`) for
    speed; the forms with headers where a record's headers say how it is written, as an id of its schema does. All run
    on a thread of the task's own. One that needs another system, such as a schema registry, may wait for it, rarely:
    with timeouts, and no longer than until `interrupted` is set. What it gives up then is a `RetriableError`, and the
    same records come again.

    Attributes:
        is_key: Whether this instance converts keys; set before `configure`.
        interrupted: Set while the task is asked to stop or to pause; of a converter that runs in no task never. Not
            there in a process of the plugin's own (`plugin.isolation=process`), which ends with its task.
    """

    is_key: bool = False
    interrupted: threading.Event = _NEVER

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return the bytes of one value; None is a null in the log.

        Raises:
            DataError: The value cannot be expressed.
        """
        return self.encode(topic, schema, [value])[0]

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        """Return the schema and value of one record's bytes.

        Raises:
            DataError: The bytes are not what this converter reads.
        """
        columns = self.decode(topic, [data])
        return columns[0].schema, columns[0].values[0]

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        """Return the bytes of n values of one schema.

        Raises:
            DataError: Some values cannot be expressed. With `failed`, the others are given again together; without it,
                value by value.
        """
        self._must_override("from_connect_data", "encode")
        return [
            check_bytes(self, "from_connect_data", self.from_connect_data(topic, schema, value)) for value in values
        ]

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        """Return n values as runs of one schema each, in order, n in all; [] for no data.

        Raises:
            DataError: Some bytes cannot be read. With `failed`, the others are given again together; without it, value
                by value.
        """
        self._must_override("to_connect_data", "decode")
        columns: list[Column] = []
        for item in data:
            schema, value = check_pair(self, "to_connect_data", self.to_connect_data(topic, item))
            if columns and (columns[-1].schema is schema or columns[-1].schema == schema):
                columns[-1].values.append(value)
            else:
                columns.append(Column(schema, [value]))
        return columns

    def encode_with_headers(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> Encoded:
        """As `encode`, with headers that are set on the records. Of keys and values of one record each has its own."""
        return Encoded(self.encode(topic, schema, values))

    def decode_with_headers(
        self, topic: str, data: Sequence[bytes | None], headers: Sequence[Sequence[tuple[str, bytes | None]] | None]
    ) -> list[Column]:
        """As `decode`, of records that have headers.

        Args:
            headers: Of each record its headers in the log, before the header converter; None for none.
        """
        return self.decode(topic, data)

    def _must_override(self, single: str, columns: str) -> None:
        # Each form of the base calls the other, so a class with neither would go round for ever.
        if getattr(type(self), single) is getattr(Converter, single):
            raise NotImplementedError(f"{type(self).__qualname__} must define {single} or {columns}")


class HeaderConverter(Plugin[ConfigT]):
    """Turns header values into bytes and back, one at a time: most records have few."""

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return a header's bytes. Raises `DataError` when they cannot be made."""
        raise NotImplementedError(f"{type(self).__qualname__} must define from_connect_header")

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        """Return a header's schema and value. Raises `DataError` when the bytes cannot be read."""
        raise NotImplementedError(f"{type(self).__qualname__} must define to_connect_header")
