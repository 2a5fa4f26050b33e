"""Connections: URLs in both forms, and what becomes of the server's errors."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from connect.api import (
    Config,
    ConfigError,
    ConnectError,
    DataError,
    EnvironmentFault,
    RetriableError,
    Secret,
    invalid,
    key,
)

if TYPE_CHECKING:
    import asyncpg

_JDBC = "jdbc:postgresql:"
_SCHEMES = ("postgresql", "postgres")
CONNECT_TIMEOUT_S = 10
#: Parameters of JDBC URLs that asyncpg understands; others are the driver's own and are left out.
_PARAMETERS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options", "host", "port")


def _url(value: object) -> None:
    parse_url(str(value))


class ConnectionConfig(Config):
    """How to reach the database."""

    connection_url: str = key("jdbc:postgresql://HOST:PORT/DATABASE or postgresql://…", importance="high", group="Database", order=1, width="LONG", validators=[_url])  # fmt: skip
    connection_user: str | None = key("User; the URL may name one instead.", default=None, importance="high", group="Database", order=2)  # fmt: skip
    connection_password: Secret | None = key("Password.", default=None, importance="high", group="Database", order=3)
    connection_attempts: int = key("How often a connection is tried at the start before the task waits and tries again.", default=3, ge=1, importance="low", group="Database", order=4)  # fmt: skip
    connection_backoff_ms: int = key("Wait between such tries, in ms.", type="LONG", default=10000, ge=1, importance="low", group="Database", order=5)  # fmt: skip

    @property
    def dsn(self) -> str:
        """The URL for asyncpg, user and password in it. A secret."""
        password = self.connection_password.get_secret_value() if self.connection_password else None
        return parse_url(self.connection_url, self.connection_user, password)

    @property
    def target(self) -> str:
        """The URL for people: without password."""
        return redacted_url(self.connection_url)


def parse_url(url: str, user: str | None = None, password: str | None = None) -> str:
    """Return a connection URL as asyncpg takes it; `user` and `password` go before those of the URL.

    Raises:
        ValueError: The URL is of another kind.
    """
    text = url.removeprefix("jdbc:") if url.startswith(_JDBC) else url
    if text.startswith("postgresql:") and not text.startswith("postgresql://"):
        text = "postgresql://localhost/" + text.removeprefix("postgresql:").lstrip("/")  # jdbc:postgresql:database
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES:
        raise ValueError("jdbc:postgresql://HOST:PORT/DATABASE or postgresql://HOST:PORT/DATABASE is expected")
    query = dict(parse_qsl(parts.query))
    user = user or query.pop("user", None) or (unquote(parts.username) if parts.username else None)
    password = password or query.pop("password", None) or (unquote(parts.password) if parts.password else None)
    host = parts.netloc.rpartition("@")[2]
    login = "" if not user else quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@"
    kept = urlencode({name: value for name, value in query.items() if name in _PARAMETERS})
    return urlunsplit(("postgresql", login + host, parts.path, kept, ""))


def redacted_url(url: str) -> str:
    """Return a URL with its passwords hidden, in either form."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:[hidden]@", re.sub(r"(password=)[^&]*", r"\1[hidden]", url))


async def connect(config: ConnectionConfig) -> asyncpg.Connection:
    """Open a connection.

    Raises:
        RetriableError: environment.unreachable: the server is not there, or not ready.
        ConfigError: It is there and refuses: user, password, database.
    """
    import asyncpg

    try:
        return await asyncpg.connect(config.dsn, timeout=CONNECT_TIMEOUT_S, server_settings={"application_name": "connect", "timezone": "UTC"})  # fmt: skip
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise ConfigError(f"PostgreSQL at {config.target} refuses the connection: {error}", config_path="connection.url", hint="Check database, user and password.") from error  # fmt: skip
    except (
        OSError,
        TimeoutError,
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.TooManyConnectionsError,
    ) as error:
        reason = str(error) or type(error).__name__
        raise RetriableError(
            f"PostgreSQL at {config.target} cannot be reached: {reason}", code="environment.unreachable"
        ) from error
    except (ValueError, asyncpg.InterfaceError) as error:
        raise invalid("connection.url", config.target, str(error)) from error


@asynccontextmanager
async def explained(config: ConnectionConfig, what: str) -> AsyncIterator[None]:
    """Turn the server's errors into ours: what was being done, and whether trying again may help."""
    import asyncpg

    try:
        yield
    except ConnectError:
        raise
    except asyncpg.DataError as error:  # a value that the driver cannot encode for its column
        raise DataError(f"{what}: {error}") from error
    except asyncpg.PostgresError as error:
        raise _translated(config, what, error) from error
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        reason = str(error) or type(error).__name__
        raise RetriableError(
            f"{what}: the connection to {config.target} was lost: {reason}", code="environment.unreachable"
        ) from error


def _translated(config: ConnectionConfig, what: str, error: asyncpg.PostgresError) -> ConnectError:
    import asyncpg

    state = error.sqlstate or ""
    text = f"{what}: {error} (SQLSTATE {state})"
    column = getattr(error, "column_name", None)
    if column:
        text = f"{what}, column {column}: {error} (SQLSTATE {state})"
    # 08 connection, 40 rollback (deadlock, serialization), 53 resources, 55 object state, 57 operator intervention
    if state[:2] in ("08", "40", "57", "55") or isinstance(error, asyncpg.TooManyConnectionsError):
        return RetriableError(text, code="environment.unreachable" if state[:2] in ("08", "57") else "retriable")
    if state[:2] == "53":
        return EnvironmentFault(
            f"{text} at {config.target}", code="environment.disk" if state == "53100" else "environment.fault"
        )
    if state[:2] in ("22", "23"):  # data exception, integrity constraint violation
        return DataError(text)
    return ConfigError(text, hint="Check the connector's tables, columns and rights.")


def quoted(identifier: str) -> str:
    """Return an identifier in quotes, whatever it holds."""
    if "\0" in identifier:
        raise ConfigError(f"identifier {identifier!r} holds a NUL character")
    return '"' + identifier.replace('"', '""') + '"'


def quoted_table(name: str) -> str:
    """Return a table name, with or without its schema, in quotes."""
    return ".".join(quoted(part) for part in name.split("."))
