"""What becomes of the server's and the driver's failures: whose fault it is, and whether trying again may help.

By SQLSTATE: 22 and 23 are the data's (`DataError`, with column), 08, 40, 55, 57 pass (`RetriableError`), 53 is the
server's surroundings (`EnvironmentFault`), 28 and 3D refuse the connection, the rest is the config's (`ConfigError`).
Neither the server's DETAIL, which quotes whole rows, nor a URL with its password is shown.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from connect.api import ConfigError, ConnectError, DataError, EnvironmentFault, RetriableError, register_code

if TYPE_CHECKING:
    import asyncpg

UNREACHABLE: Final = "environment.unreachable"
REFUSED: Final = register_code(
    "postgres.refused",
    "PostgreSQL answers and refuses: login, database, rights or statement.",
    "Check the connector's user, database, tables and rights.",
)
_HINTS: Final = {
    "42P10": "Give the table a PRIMARY KEY or UNIQUE constraint on exactly the columns of pk.fields.",
    "42501": "Grant the connector's user the right.",
    "42P01": "Check the table's name and schema; names are compared with case.",
    "3F000": "Create the schema, or change table.name.format.",
    "23502": "Give the column a value or a default, or drop its NOT NULL.",
    "23505": "Use insert.mode=upsert with pk.mode and pk.fields, so that a row that comes again replaces itself.",
    "22001": "Widen the column, or shorten the field with a transform.",
    "22003": "Widen the column.",
    "28P01": "Check connection.user and connection.password.",
    "3D000": "Create the database, or correct connection.url.",
}
#: The driver's own: a table was altered under a prepared statement, which it has forgotten by now.
_STALE: Final = ("InvalidCachedStatementError", "OutdatedSchemaCacheError")
_COPY_COLUMN: Final = re.compile(r"^COPY .*, column (.+?)(?::|$)", re.MULTILINE)


@asynccontextmanager
async def explained(what: str, target: str, *, retry_after_ms: int | None = None) -> AsyncIterator[None]:
    """Turn failures into ours.

    Args:
        what: What is being done, to begin the message with: 'reading table public.orders'.
        target: The database as it may be shown.
        retry_after_ms: What a `RetriableError` asks for.
    """
    import asyncpg

    try:
        yield
    except ConnectError:
        raise
    except asyncpg.PostgresError as error:
        raise translated(what, target, error, retry_after_ms) from error
    # The driver's InternalClientError: the server's last words, on ending a session, came before the next statement.
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        message = f"{what}: the connection to PostgreSQL at {target} was lost: {reason(error)}"
        raise RetriableError(message, code=UNREACHABLE, retry_after_ms=retry_after_ms) from error


def translated(what: str, target: str, error: asyncpg.PostgresError, retry_after_ms: int | None = None) -> ConnectError:
    """Return our error for one of the server's."""
    state = error.sqlstate or "?"
    message = f"{what}{_place(error)}: {error.args[0]} (SQLSTATE {state})"
    hint = _HINTS.get(state)
    kind = state[:2]
    if type(error).__name__ in _STALE:
        return RetriableError(message, retry_after_ms=retry_after_ms)
    if kind in ("08", "57") or state == "25P03":
        return RetriableError(f"{message} at {target}", code=UNREACHABLE, retry_after_ms=retry_after_ms)
    if kind in ("40", "55") or state == "53300":  # deadlock and kin, lock not available, too many connections
        return RetriableError(message, retry_after_ms=retry_after_ms)
    if kind in ("53", "58"):
        return EnvironmentFault(f"{message} at {target}", code="environment.disk" if state == "53100" else "environment.fault")  # fmt: skip
    if kind in ("22", "23", "44"):
        return DataError(message, hint=hint)
    return ConfigError(message, code=REFUSED, hint=hint)


def reason(error: BaseException) -> str:
    """Return an exception's text, or its kind where it has none."""
    return str(error) or type(error).__name__


def _place(error: asyncpg.PostgresError) -> str:
    column = getattr(error, "column_name", None)
    if column is None and (found := _COPY_COLUMN.search(getattr(error, "context", None) or "")):
        column = found[1]
    return f", column {column}" if column else ""
