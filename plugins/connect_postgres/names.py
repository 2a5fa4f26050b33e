"""Names of things in SQL: quoting, and tables named with or without their schema."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from connect.api import ConfigError

#: One part of a dotted name: in double quotes (doubled inside), or plain.
_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')
#: PostgreSQL cuts longer names without an error, so that two of them may come to be one. Bytes in UTF-8.
NAME_BYTES: Final = 63
_UPPER: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def quoted(identifier: str) -> str:
    """Return an identifier in quotes, whatever it holds.

    Raises:
        ConfigError: It is empty, holds a NUL, which PostgreSQL cannot store, or is so long that PostgreSQL would cut
        it.
    """
    if not identifier or "\0" in identifier:
        raise ConfigError(f"{identifier!r} cannot be the name of a table or column")
    if len(identifier) > NAME_BYTES // 4 and (size := len(identifier.encode(errors="replace"))) > NAME_BYTES:
        raise ConfigError(
            f"{identifier!r} cannot be the name of a table or column: "
            f"it has {size} bytes, and PostgreSQL takes {NAME_BYTES}",
            hint="Shorten it: a field with the ReplaceField transform (renames), "
            "a topic with RegexRouter or table.name.format.",
        )
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a string of SQL, whatever it holds and however standard_conforming_strings is set."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'" if "\\" not in text else "E'" + doubled.replace("\\", "\\\\") + "'"


def shortened(identifier: str) -> str:
    """Return a name that PostgreSQL does not cut: one that is too long is its beginning and a hash of all of it."""
    data = identifier.encode(errors="replace")
    if len(data) <= NAME_BYTES:
        return identifier
    mark = "_" + hashlib.blake2b(data, digest_size=8).hexdigest()
    return data[: NAME_BYTES - len(mark)].decode(errors="ignore") + mark


def folded(identifier: str) -> str:
    """Return a name as PostgreSQL reads it without quotes: A to Z in small letters, all others as they are."""
    return identifier.translate(_UPPER)


@dataclass(frozen=True, slots=True)
class TableName:
    """A table's name; without schema the search path decides."""

    name: str
    schema: str | None = None

    @property
    def sql(self) -> str:
        """The name in quotes, for statements."""
        return quoted(self.name) if self.schema is None else f"{quoted(self.schema)}.{quoted(self.name)}"

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"

    @classmethod
    def parse(cls, text: str, *, parts_max: int = 3) -> TableName:
        """Read 'table', 'schema.table' or 'database.schema.table'; parts may be in double quotes.

        Args:
            parts_max: 2 where a database, which is not looked at, is refused.

        Raises:
            ValueError: It is none of these.
        """
        parts = _parts(text)
        if not 1 <= len(parts) <= parts_max:
            raise ValueError(f"table name {text!r}: TABLE or SCHEMA.TABLE is expected")
        return cls(parts[-1], parts[-2] if len(parts) > 1 else None)


def check_database(text: str, database: str) -> None:
    """Raise `ValueError` where a table's name, 'database.schema.table', is of another database than this one; '' is
    one that is not known."""
    parts = _parts(text)
    if len(parts) == 3 and database not in ("", parts[0]):
        raise ValueError(
            f"table name {text!r} is of database {parts[0]!r}, and connection.url leads to {database!r}: "
            "one connection reaches one database"
        )


def _parts(text: str) -> list[str]:
    """Return the parts of a dotted name; [] where it is none."""
    parts, position = list[str](), 0
    while match := _PART.match(text, position):
        parts.append(match[1].replace('""', '"') if match[1] else match[2])
        position = match.end()
        if position == len(text) or text[position] != ".":
            break
        position += 1
    return parts if position == len(text) and not text.endswith(".") else []
