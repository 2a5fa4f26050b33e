"""What becomes of the server's and the driver's failures: whose fault it is, and whether trying again may help.

`sqlstates` has the table. Here a failure of its kind becomes an error of ours: DATA a `DataError`, OUTAGE a
`RetriableError`, CONFIG a `ConfigError`, FAULT an `EnvironmentFault`, with what the server tells of column, constraint
and table. Neither the server's DETAIL, which quotes whole rows, nor a URL with its password is shown.
"""

from __future__ import annotations

import re
import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from connect.api import (
    ConfigError,
    ConnectError,
    DataError,
    EnvironmentFault,
    Problem,
    RetriableError,
    register_code,
)
from connect_postgres.names import TableName, quoted
from connect_postgres.sqlstates import Failure, failure_of, hint_of

if TYPE_CHECKING:
    import asyncpg

UNREACHABLE: Final = "environment.unreachable"
REFUSED: Final = register_code(
    "postgres.refused",
    "PostgreSQL answers and refuses: login, database, rights or statement.",
    "Correct what the message names: it is the server's own.",
)
TIMED_OUT: Final = register_code(
    "postgres.timed_out",
    "PostgreSQL is there and has ended a statement, or its wait for a lock: by a timeout that is set, or by a cancel.",
    "Raise the timeout that the message names for the connector's user, or find what holds the lock; "
    "it is tried again meanwhile.",
)
FAULT: Final = "environment.fault"
#: Query cancelled (statement_timeout, or by somebody), lock not available, idle or too long in a transaction.
_TIMEOUTS: Final = ("57014", "55P03", "25P03", "25P04")
#: The driver's own: a table was altered under a prepared statement, which it has forgotten by now.
_STALE: Final = ("InvalidCachedStatementError", "OutdatedSchemaCacheError")
_COPY_LINE: Final = re.compile(r"^COPY .*?, line (\d+)(?:, column (.+?))?(?::|$)", re.MULTILINE)
#: States that the server gives several meanings, told apart by what it was asked for.
_NO_SUCH_KEY: Final = "Give the table a PRIMARY KEY or UNIQUE constraint on exactly the columns of pk.fields."
_READ_ONLY: Final = "Read with a query that changes nothing: it runs in a read-only transaction."


@asynccontextmanager
async def explained(
    what: str,
    target: str,
    *,
    retry_after_ms: int | None = None,
    record: Callable[[int | None], str | None] | None = None,
    writing: bool = False,
) -> AsyncIterator[None]:
    """Turn failures into ours.

    Args:
        what: What is being done, to begin the message with: 'reading table public.orders'.
        target: The database as it may be shown.
        retry_after_ms: What a `RetriableError` asks for.
        record: Names the record of a line of COPY, from 1, or the only one there is (for None), if it can.
        writing: Whether rows are being written.
    """
    import asyncpg

    try:
        yield
    except ConnectError:
        raise
    except asyncpg.PostgresError as error:
        raise translated(what, target, error, retry_after_ms, record=record, writing=writing) from error
    except (
        asyncpg.DataError,
        asyncpg.UnsupportedClientFeatureError,
    ) as error:  # an argument that the driver cannot send
        raise ConfigError(f"{what}: {reason(error)}", code=REFUSED) from error
    # The driver's InternalClientError: the server's last words, on ending a session, came before the next statement.
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        message = f"{what}: the connection to PostgreSQL at {target} was lost: {reason(error)}"
        raise RetriableError(message, code=UNREACHABLE, retry_after_ms=retry_after_ms) from error
    except AttributeError as error:
        if not _is_of_the_driver(error):
            raise
        # A connection that is ended while the driver is between two of its steps: it looks at what it has let go of.
        message = f"{what}: the connection to PostgreSQL at {target} was lost amid a step of the driver: {error}"
        raise RetriableError(message, code=UNREACHABLE, retry_after_ms=retry_after_ms) from error


def _is_of_the_driver(error: BaseException) -> bool:
    """Return whether an exception was raised within asyncpg's own code."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and str(frames[-1].f_globals.get("__name__", "")).partition(".")[0] == "asyncpg"


def translated(
    what: str,
    target: str,
    error: asyncpg.PostgresError,
    retry_after_ms: int | None = None,
    *,
    record: Callable[[int | None], str | None] | None = None,
    writing: bool = False,
) -> ConnectError:
    """Return our error for one of the server's."""
    state = error.sqlstate or "?"
    error.detail = None  # it would stand in the traceback
    copied = _copied(error)
    failure = _failure(error, state, writing=writing, of_a_line=copied is not None)
    message = f"{what}{_place(error, copied, record)}: {error.args[0]} (SQLSTATE {state})"
    hint = _hint(state, failure, error, writing=writing)
    if failure is Failure.OUTAGE:
        is_timeout = state in _TIMEOUTS
        lost = not is_timeout and state[:2] in ("08", "25", "53", "57", "58")
        return RetriableError(
            f"{message} at {target}" if lost else message,
            code=TIMED_OUT if is_timeout else UNREACHABLE if lost else None,
            hint=hint,
            retry_after_ms=retry_after_ms,
        )
    if failure is Failure.FAULT:
        return EnvironmentFault(f"{message} at {target}", code=FAULT, hint=hint)
    if failure is Failure.DATA:
        return DataError(message, hint=hint, details=details_of(error))
    return ConfigError(message, code=REFUSED, hint=hint)


def told(error: ConnectError) -> str:
    """Return what is wrong and what to do, where there is room for one text alone."""
    return f"{error.message}. {error.hint}" if error.hint else error.message


def problem_of(error: ConfigError, key: str = "") -> Problem:
    """Return what a `check` answers for what a start would raise; `key` is for an error that names none."""
    return Problem(error.config_path or key, told(error))


def details_of(error: asyncpg.PostgresError) -> dict[str, str]:
    """Return what the server tells of a bad row by name. Not its DETAIL, which quotes whole rows."""
    copied = _copied(error)
    known = {
        "sqlstate": error.sqlstate,
        "table": _qualified(error),
        "column": getattr(error, "column_name", None) or (copied[2] if copied else None),
        "constraint": getattr(error, "constraint_name", None),
    }
    return {name: str(value) for name, value in known.items() if value}


def line_of(error: BaseException | None) -> int | None:
    """Return which line of a COPY, from 1, the server names in its error; None where it does not."""
    copied = _copied(error)
    return int(copied[1]) if copied else None


def _copied(error: BaseException | None) -> re.Match[str] | None:
    return _COPY_LINE.search(getattr(error, "context", None) or "")


def _failure(error: asyncpg.PostgresError, state: str, *, writing: bool, of_a_line: bool) -> Failure:
    if type(error).__name__ in _STALE:
        return Failure.OUTAGE
    if state == "23505" and getattr(error, "schema_name", None) == "pg_catalog":
        return Failure.OUTAGE  # two sessions made one table at the same time
    if state == "XX000" and "concurrently" in str(error.args[0]):
        return Failure.OUTAGE  # "tuple concurrently updated": two sessions changed one object's catalog entry
    if state == "42501" and getattr(error, "server_source_function", None) == "ExecWithCheckOptions":
        return Failure.DATA  # not the right to write, but a policy for rows, which this row violates
    if state == "25006" and not writing:
        return Failure.CONFIG  # the reading transaction is read-only on purpose
    return failure_of(state, writing=writing, of_a_line=of_a_line)


def _hint(state: str, failure: Failure, error: asyncpg.PostgresError, *, writing: bool) -> str | None:
    if state == "42P10":
        return _NO_SUCH_KEY if "ON CONFLICT" in str(error.args[0]) else None
    if state == "23503" and (waits := _waiting_key(error)) is not None:
        return waits
    if state == "25006" and not writing:
        return _READ_ONLY
    return hint_of(state, failure)


def _waiting_key(error: asyncpg.PostgresError) -> str | None:
    """Return what to do about a row that refers to none, with the statement that lets its key wait."""
    details = details_of(error)
    constraint, table = details.get("constraint"), getattr(error, "table_name", None)
    if constraint is None or not table or str(error.args[0]).startswith("update or delete"):
        return None
    name = TableName(table, getattr(error, "schema_name", None))
    return (
        "Write the row that is referred to first. So that it may come with the same put: "
        f"ALTER TABLE {name.sql} ALTER CONSTRAINT {quoted(constraint)} DEFERRABLE INITIALLY DEFERRED. "
        "Where the key is that already, no record of the put has the row that this one refers to: "
        "see where it stays, or drop the key."
    )


def certificate_refused(error: BaseException) -> bool:
    """Return whether a connection failed over TLS itself: trying again does not help."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    if isinstance(error, ssl.SSLError):
        return not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)
    return isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error)


def reason(error: BaseException) -> str:
    """Return an exception's text, or its kind where it has none."""
    return str(error) or type(error).__name__


def _place(
    error: asyncpg.PostgresError, copied: re.Match[str] | None, record: Callable[[int | None], str | None] | None
) -> str:
    """Return what the server and COPY tell of the place, as far as the message itself does not."""
    text = str(error.args[0])
    column = details_of(error).get("column")
    facts: list[tuple[str, Any]] = [
        ("record", record(int(copied[1]) if copied else None) if record else None),
        ("table", _qualified(error)),
        ("column", column),
        ("constraint", getattr(error, "constraint_name", None)),
    ]
    return "".join(f", {name} {fact}" for name, fact in facts if fact and (name == "record" or f'"{fact}"' not in text))


def _qualified(error: asyncpg.PostgresError) -> str | None:
    schema, table = getattr(error, "schema_name", None), getattr(error, "table_name", None)
    return f"{schema}.{table}" if schema and table else table
