"""Connections: the keys that say how to reach the database, and opening and closing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from connect.api import Config, ConfigError, RetriableError, Secret, key
from connect_postgres.failures import REFUSED, UNREACHABLE, reason, translated
from connect_postgres.url import parse_url, redacted_url

if TYPE_CHECKING:
    import asyncpg

CONNECT_TIMEOUT_S: Final = 10
CLOSE_TIMEOUT_S: Final = 5
#: The server ends a transaction that a paused task leaves open for so long, so that it does not hold back vacuum. The
#: task then begins its read anew behind the last row that it returned.
IDLE_IN_TRANSACTION_MS: Final = 300_000


def _check_url(value: object) -> None:
    try:
        parse_url(str(value))
    except ValueError as error:
        shown = redacted_url(str(value))
        raise ConfigError(f"Invalid value {shown} for configuration connection.url: {error}", config_path="connection.url") from None  # fmt: skip


class ConnectionConfig(Config):
    """How to reach the database."""

    connection_url: str = key("Database: jdbc:postgresql://HOST:PORT/DATABASE or postgresql://HOST:PORT/DATABASE. Better without a password: use connection.password.", importance="high", group="Database", order=1, width="LONG", validators=[_check_url])  # fmt: skip
    connection_user: str | None = key("User; goes before one in the URL.", default=None, importance="high", group="Database", order=2)  # fmt: skip
    connection_password: Secret | None = key("Password; goes before one in the URL.", default=None, importance="high", group="Database", order=3)  # fmt: skip
    connection_attempts: int = key("How often the connector tries to connect when it starts; its tasks try until they succeed.", default=3, ge=1, importance="low", group="Database", order=4)  # fmt: skip
    connection_backoff_ms: int = key("Wait between two attempts, in ms.", type="LONG", default=10_000, ge=1, importance="low", group="Database", order=5)  # fmt: skip

    @property
    def dsn(self) -> str:
        """The URL for asyncpg, user and password in it. A secret."""
        password = self.connection_password.get_secret_value() if self.connection_password else None
        return parse_url(self.connection_url, self.connection_user, password)

    @property
    def database(self) -> str:
        """The database's name; '' where the URL leaves it to the driver."""
        return unquote(urlsplit(self.dsn).path.lstrip("/"))

    @property
    def target(self) -> str:
        """The URL for people, passwords hidden."""
        return redacted_url(self.connection_url)


async def connect(config: ConnectionConfig) -> asyncpg.Connection:
    """Open a connection in UTC.

    Raises:
        RetriableError: environment.unreachable: the server is not there, or not ready.
        ConfigError: It is there and refuses user, password or database; or the URL makes no sense to the driver.
    """
    import asyncpg

    settings = {
        "application_name": "connect",
        "timezone": "UTC",
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
    }
    try:
        return await asyncpg.connect(config.dsn, timeout=CONNECT_TIMEOUT_S, server_settings=settings)
    except asyncpg.PostgresError as error:
        failure = translated(f"PostgreSQL at {config.target} refuses the connection", config.target, error)
        if isinstance(failure, ConfigError):
            failure.config_path = "connection.url"
        raise failure from error
    except (OSError, TimeoutError) as error:
        message = f"PostgreSQL at {config.target} cannot be reached: {reason(error)}"
        raise RetriableError(message, code=UNREACHABLE) from error
    except (ValueError, asyncpg.InterfaceError):  # may quote parts of the URL
        message = f"connecting to PostgreSQL at {config.target}: the driver does not understand the URL's host, port or parameters"
        raise ConfigError(message, code=REFUSED, config_path="connection.url", hint="Correct connection.url.") from None


async def connect_patiently(config: ConnectionConfig) -> asyncpg.Connection:
    """Open a connection, in `connection.attempts` tries. Raises what the last try raised."""
    for _ in range(config.connection_attempts - 1):
        try:
            return await connect(config)
        except RetriableError:
            await asyncio.sleep(config.connection_backoff_ms / 1000)
    return await connect(config)


async def close(connection: asyncpg.Connection | None) -> None:
    """Close a connection, open or broken, in a few seconds at most. Never raises."""
    import asyncpg

    if connection is None or connection.is_closed():
        return
    try:
        await connection.close(timeout=CLOSE_TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        connection.terminate()
