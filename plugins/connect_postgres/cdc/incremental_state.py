"""What of incremental snapshots is still to be read. Goes through the offset, so a restart goes on behind the last rows
that were delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connect.api import ConfigError
from connect_postgres.names import TableName

#: The offset's key.
OFFSET_KEY = "incremental_state"


@dataclass(slots=True)
class Target:
    """A table that is to be read.

    Attributes:
        signal: The id of the signal that asked for it.
        condition: SQL; None for all rows.
        surrogate: The column whose order it is read in; None: its key.
        key: The columns of that order, once it was begun.
        last: Their values as text in the last row that was delivered; None before the first.
        end: Their values in the last row to read; None until it was begun. Rows behind it come with the changes.
        rows: How many were delivered.
    """

    name: TableName
    signal: str
    condition: str | None = None
    surrogate: str | None = None
    key: tuple[str, ...] = ()
    last: tuple[str, ...] | None = None
    end: tuple[str, ...] | None = None
    rows: int = 0

    def begin_anew(self) -> None:
        """Forget what was delivered."""
        self.key, self.last, self.end = (), None, None


@dataclass(slots=True)
class IncrementalState:
    """Tables in the order in which they are read, the one under way first."""

    targets: list[Target] = field(default_factory=list)
    is_paused: bool = False

    @property
    def text(self) -> str:
        """It as it goes through the offset; '' where nothing is to be read."""
        return self.dumps() if self.targets else ""

    def dumps(self) -> str:
        """Write it."""
        return orjson.dumps(
            {
                "paused": self.is_paused,
                "tables": [
                    [t.name.schema, t.name.name, t.signal, t.condition, t.surrogate, t.key, t.last, t.end, t.rows]
                    for t in self.targets
                ],
            }
        ).decode()

    @classmethod
    def of_offset(cls, offset: Mapping[str, Any] | None) -> IncrementalState:
        """Read it from an offset. As `loads`."""
        return cls.loads((offset or {}).get(OFFSET_KEY))

    @classmethod
    def loads(cls, text: Any) -> IncrementalState:
        """Read what `text` gave; what was never written is empty.

        Raises:
            ConfigError: It is nothing of that kind.
        """
        if not text:
            return cls()
        try:
            found = orjson.loads(text)
            return cls([_target(*one) for one in found["tables"]], bool(found["paused"]))
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"the offset's {OFFSET_KEY} cannot be read: {error!r}") from error


def _target(schema: str, name: str, signal: str, condition: Any, surrogate: Any, *rest: Any) -> Target:
    key, last, end, rows = rest
    return Target(
        TableName(str(name), str(schema)),
        str(signal),
        condition,
        surrogate,
        tuple(key),
        _texts(last),
        _texts(end),
        rows,
    )


def _texts(values: Any) -> tuple[str, ...] | None:
    return None if values is None else tuple(map(str, values))
