"""Connections: the keys that say how to reach the database, and opening and closing."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from connect.api import Config, ConfigError, Problem, RetriableError, Secret, config_key
from connect_postgres.failures import REFUSED, UNREACHABLE, certificate_refused, reason, translated
from connect_postgres.parameters import RefusedParameter
from connect_postgres.url import Target, parse_target, redacted_url

if TYPE_CHECKING:
    import asyncpg

CONNECT_TIMEOUT_S: Final = 10
CLOSE_TIMEOUT_S: Final = 5
#: How long a server may take for what is no work, such as a look at the catalog.
LOOK_TIMEOUT_S: Final = 60
#: Keys `connection.NAME` that are ours; all others are parameters of the driver, as in the JDBC connectors.
_OWN: Final = ("url", "user", "password", "attempts", "backoff.ms")
_PREFIX: Final = "connection."
#: Where the driver, as libpq, looks for authorities without sslrootcert.
_ROOT: Final = Path("~/.postgresql/root.crt")
_CONVERT: Final = (
    "Convert it: openssl pkcs8 -inform DER -in KEY.pk8 -out KEY.pem, or openssl pkcs12 -in KEY.p12 -out KEY.pem."
)
_PAIR: Final = "Name the certificate and its own key."
_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_UNREAD: Final = {"disable": _FILES, "allow": ("sslrootcert", "sslcrl"), "prefer": ("sslrootcert", "sslcrl")}


def _check_url(value: object) -> None:
    try:
        parse_target(str(value))
    except ValueError as error:
        shown = redacted_url(str(value))
        raise ConfigError(
            f"Invalid value {shown} for configuration connection.url: {error}", config_path="connection.url"
        ) from None


class ConnectionConfig(Config):
    """How to reach the database."""

    connection_url: str = config_key(
        "Database: jdbc:postgresql://HOST:PORT/DATABASE or postgresql://HOST:PORT/DATABASE. "
        "Better without a password: use connection.password.",
        importance="high",
        group="Database",
        order=1,
        width="LONG",
        validators=[_check_url],
    )
    connection_user: str | None = config_key(
        "User; goes before one in the URL.", default=None, importance="high", group="Database", order=2
    )
    connection_password: Secret | None = config_key(
        "Password; goes before one in the URL.", default=None, importance="high", group="Database", order=3
    )
    connection_attempts: int = config_key(
        "Accepted; connector and tasks try to connect until they succeed.",
        default=3,
        ge=1,
        importance="low",
        group="Database",
        order=4,
    )
    connection_backoff_ms: int = config_key(
        "Wait before the connector tries to connect again, in ms.",
        type="LONG",
        default=10_000,
        ge=1,
        importance="low",
        group="Database",
        order=5,
    )
    connection_sslpassword: Secret | None = config_key(
        "Password of the client's key, the driver's parameter sslpassword.",
        default=None,
        importance="low",
        group="Database",
        order=6,
    )

    @property
    def renamed(self) -> dict[str, str]:
        """What this config calls the keys connection.*, by these; empty where it has them."""
        return {}

    def own_name(self, text: str) -> str:
        """Return a text with the names of keys that this config has."""
        for name, own in self.renamed.items():
            text = text.replace(name, own)
        return text

    @property
    def reach(self) -> Target:
        """Where and how to connect."""
        password = self.connection_password.get_secret_value() if self.connection_password else None
        return parse_target(self.connection_url, self.connection_user, password, self.driver_parameters)

    @property
    def driver_parameters(self) -> dict[str, str]:
        """The driver's parameters that stand in keys of their own. A secret."""
        given = {
            name.removeprefix(_PREFIX): str(value)
            for name, value in self.originals.items()
            if name.startswith(_PREFIX) and value is not None
        }
        found = {name: value for name, value in given.items() if name not in _OWN}
        if self.connection_sslpassword:
            found["sslpassword"] = self.connection_sslpassword.get_secret_value()
        return found

    @property
    def dsn(self) -> str:
        """The URL for asyncpg, user and password in it. A secret."""
        return self.reach.dsn

    @property
    def database(self) -> str:
        """The database's name; '' where the URL leaves it to the driver."""
        return unquote(urlsplit(self.dsn).path.lstrip("/"))

    @property
    def target(self) -> str:
        """The URL for people, passwords hidden."""
        return redacted_url(self.connection_url)

    @property
    def unheeded(self) -> list[str]:
        """Parameters of the connection that are not known and change nothing."""
        return self.reach.parameters.unheeded

    def problems(self) -> Iterable[Problem]:
        try:
            _ = self.reach
        except RefusedParameter as error:
            path = f"{_PREFIX}{error.name}" if error.name in self.driver_parameters else "connection.url"
            yield Problem(path, f"{path}: {error}")


async def connect(config: ConnectionConfig, settings: Mapping[str, str] | None = None) -> asyncpg.Connection:
    """Open a connection in UTC, to the first host that is there and of the kind that is wanted.

    Hosts are tried in the order of the URL, each for `connectTimeout` or `CONNECT_TIMEOUT_S` seconds. A cancelled call
    leaves nothing open.

    Args:
        settings: Further ones that the session begins with; a pooler refuses most.

    Raises:
        RetriableError: environment.unreachable: no server is there, or ready, or of the kind that is wanted.
        ConfigError: One is there and refuses user, password or database; its certificate is not trusted; or the URL
            makes no sense to the driver.
    """
    reach = config.reach
    failure: RetriableError | None = None
    for kind in reach.parameters.kinds:
        for dsn in reach.dsns:
            try:
                return await _connect(config, reach, dsn, kind, settings or {})
            except RetriableError as error:
                failure = error
    assert failure is not None, "there is at least one host"
    raise failure


async def _connect(
    config: ConnectionConfig, reach: Target, dsn: str, kind: str, further: Mapping[str, str]
) -> asyncpg.Connection:
    import asyncpg

    from connect_postgres.session import Session

    parameters = reach.parameters
    _check_files(config, parameters.driver)
    # Only what a pooler passes on may stand here: PgBouncer refuses a start with any other setting.
    settings = {"timezone": "UTC", "datestyle": "ISO", **further}
    if "application_name" not in parameters.driver:
        settings["application_name"] = "connect"
    if parameters.read_only:
        settings["default_transaction_read_only"] = "on"
    more: dict[str, Any] = {} if parameters.cache_statements else {"statement_cache_size": 0}
    connect: Any = asyncpg.connect  # the stubs take neither a float for a timeout nor what stands in `more`
    try:
        session: asyncpg.Connection[asyncpg.Record] = await connect(
            dsn,
            timeout=parameters.connect_timeout_s or CONNECT_TIMEOUT_S,
            server_settings=settings,
            connection_class=Session,
            target_session_attrs=kind,
            **more,
        )
        return session
    except asyncpg.PostgresError as error:
        failure = translated(f"PostgreSQL at {config.target} refuses the connection", config.target, error)
        if isinstance(failure, ConfigError):
            is_login = bool(config.renamed) and (error.sqlstate or "").startswith("28")
            failure.config_path = config.own_name("connection.user" if is_login else "connection.url")
            failure.hint = config.own_name(failure.hint)
        raise failure from error
    except asyncpg.TargetServerAttributeNotMatched as error:
        message = f"no server of {config.target} is of the kind that is asked for: {kind}"
        raise RetriableError(
            message, code=UNREACHABLE, hint="Wait for the failover to end, or list all hosts in connection.url."
        ) from error
    except (OSError, TimeoutError, asyncpg.InternalClientError) as error:
        refused = _not_connected(config, parameters.driver, error)
        # A cause that looks like an outage would have the restart policy try it again.
        raise refused from (error if isinstance(refused, RetriableError) else None)
    except (ValueError, asyncpg.InterfaceError):  # may quote parts of the URL
        message = (
            f"connecting to PostgreSQL at {config.target}: "
            "the driver does not understand the URL's host, port or parameters, or a file that they name is missing"
        )
        raise ConfigError(message, code=REFUSED, config_path="connection.url", hint="Correct connection.url.") from None


def _check_files(config: ConnectionConfig, driver: Mapping[str, str]) -> None:
    """Refuse files that cannot be read; the driver's own error is the same as for a server that is away.

    Only files that it reads: none without TLS, and no authority where it verifies nothing.
    """
    unread = _UNREAD.get(driver.get("sslmode", "prefer"), ())
    for name in _FILES:
        if name in unread:
            continue
        path = driver.get(name)
        if path and not os.access(path, os.R_OK):
            message = (
                f"connecting to PostgreSQL at {config.target}: {name}: "
                f"file {path} is missing, or the worker may not read it"
            )
            raise ConfigError(message, code=REFUSED, config_path="connection.url", hint=f"Correct the path in {name}.")
    mode = driver.get("sslmode", "")
    known = driver.get("sslrootcert") or os.environ.get("PGSSLROOTCERT") or _ROOT.expanduser().is_file()
    if mode.startswith("verify") and not known:
        raise ConfigError(
            f"connecting to PostgreSQL at {config.target}: sslmode={mode} checks who signed the server's certificate, "
            f"and no authority is named: sslrootcert is missing, and there is no {_ROOT}",
            code=REFUSED,
            config_path="connection.sslrootcert",
            hint="Name a file of the authority in PEM format with sslrootcert, or sslrootcert=system.",
        )


def _own_key(config: ConnectionConfig, driver: Mapping[str, str]) -> ConfigError | None:
    """Return what is wrong with the client's certificate and key; None where they are no reason to fail."""
    cert, key = driver.get("sslcert"), driver.get("sslkey")
    if not cert or not key:
        return None
    for name, path in (("sslcert", cert), ("sslkey", key)):
        if b"-----BEGIN" not in Path(path).read_bytes():
            told, hint = f"{name}: file {path} is not in PEM format", _CONVERT
            return _refused(config, told, f"{_PREFIX}{name}", hint)
    try:
        # A callback: without one it would ask at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, lambda: driver.get("sslpassword", ""))
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in reason(error):
            return _refused(config, f"sslkey {key} is not the key of sslcert {cert}", "connection.sslkey", _PAIR)
        is_encrypted = b"ENCRYPTED" in Path(key).read_bytes()
        if is_encrypted and not driver.get("sslpassword"):
            told = f"sslkey: file {key} has a password, and sslpassword is missing"
        else:
            told = f"sslkey: file {key} cannot be read{', or sslpassword is not its password' if is_encrypted else ''}"
        return _refused(config, told, "connection.sslkey", "Set connection.sslpassword, or correct the key's file.")
    return None


def _refused(config: ConnectionConfig, told: str, path: str, hint: str) -> ConfigError:
    return ConfigError(
        f"connecting to PostgreSQL at {config.target}: {told}", code=REFUSED, config_path=path, hint=hint
    )


def _not_connected(
    config: ConnectionConfig, driver: Mapping[str, str], error: Exception
) -> ConfigError | RetriableError:
    if isinstance(error, ssl.SSLError) and (told := _own_key(config, driver)) is not None:
        return told
    if certificate_refused(error):
        message = f"PostgreSQL at {config.target}: no TLS connection as sslmode asks for it: {reason(error)}"
        return ConfigError(
            message,
            code=REFUSED,
            config_path="connection.url",
            hint="Name the authority that signed the server's certificate with sslrootcert, "
            "or correct sslmode and the server's ssl settings.",
        )
    return RetriableError(f"PostgreSQL at {config.target} cannot be reached: {reason(error)}", code=UNREACHABLE)


@contextmanager
def ended_when_silent(connection: asyncpg.Connection) -> Iterator[None]:
    """End a connection whose server hangs: what waits for it for `LOOK_TIMEOUT_S` seconds fails as if it were lost.

    Not for work that may rightly take long. A timeout would wait for the server once more, to roll back.
    """
    timer = asyncio.get_running_loop().call_later(LOOK_TIMEOUT_S, connection.terminate)
    try:
        yield
    finally:
        timer.cancel()


async def close(connection: asyncpg.Connection | None) -> None:
    """Close a connection, open or broken, in `CLOSE_TIMEOUT_S` seconds at most. Never raises."""
    import asyncpg

    if connection is None or connection.is_closed():
        return
    try:
        await connection.close(timeout=CLOSE_TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        connection.terminate()
