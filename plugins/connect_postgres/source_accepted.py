"""Keys of the JDBC source connector that ask for what is so anyway, or for what PostgreSQL does not have.

They are declared so that a config that has them runs, and is told where it asks for something else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from connect.api import Problem, config_key
from connect_postgres.connection import ConnectionConfig

_DIALECTS: Final = ("", "PostgreSqlDatabaseDialect", "GenericDatabaseDialect")
_PROVIDER: Final = "jdbc.credentials.provider.class"
_OWN_PROVIDER: Final = "DefaultJdbcCredentialsProvider"


class AcceptedConfig(ConnectionConfig):
    """The keys that change nothing here, or one thing alone."""

    dialect_name: str = config_key(
        "Accepted where it is PostgreSQL's: PostgreSqlDatabaseDialect.",
        default="",
        one_of=_DIALECTS,
        importance="low",
        group="Database",
        order=30,
    )
    query_retry_attempts: int = config_key(
        "Accepted; an outage is waited for as long as it lasts.",
        default=-1,
        ge=-1,
        importance="low",
        group="Database",
        order=31,
    )
    transaction_isolation_mode: str = config_key(
        "Isolation of the reading transactions. A read is one statement, of one snapshot, so levels below SERIALIZABLE "
        "are the same.",
        default="DEFAULT",
        one_of=(
            "DEFAULT",
            "READ_UNCOMMITTED",
            "READ_UNCOMMITED",
            "READ_COMMITTED",
            "READ_COMMITED",
            "REPEATABLE_READ",
            "SERIALIZABLE",
        ),
        ignore_case=True,
        importance="low",
        group="Database",
        order=32,
    )
    date_calendar_system: str = config_key(
        "Accepted; dates are of the proleptic Gregorian calendar, as PostgreSQL has them.",
        default="PROLEPTIC_GREGORIAN",
        one_of=("LEGACY", "PROLEPTIC_GREGORIAN"),
        ignore_case=True,
        importance="low",
        group="Mode",
        order=33,
    )
    max_buffer_size: int = config_key(
        "Accepted; what is read is in one batch, and one more is fetched ahead.",
        default=0,
        ge=0,
        importance="low",
        group="Connector",
        order=34,
    )
    poll_linger_ms: int = config_key(
        "Accepted; a poll waits until a table is due, and may be ended at any time.",
        type="LONG",
        default=5000,
        ge=0,
        importance="low",
        group="Connector",
        order=35,
    )
    table_monitoring_startup_polling_limit_ms: int = config_key(
        "Accepted; the first look for tables takes as long as it takes.",
        type="LONG",
        default=10_000,
        ge=0,
        importance="low",
        group="Connector",
        order=36,
    )

    @property
    def isolation(self) -> Literal["serializable"] | None:
        """The isolation that the driver is to ask for; None for the server's."""
        return "serializable" if self.transaction_isolation_mode.upper() == "SERIALIZABLE" else None

    def problems(self) -> Iterable[Problem]:
        yield from super().problems()
        provider = str(self.originals.get(_PROVIDER) or "")
        if provider and provider.rpartition(".")[2] != _OWN_PROVIDER:
            yield Problem(
                _PROVIDER,
                f"{_PROVIDER} names a class of Java, {provider}; give connection.user and connection.password, "
                "by a config provider where they change",
            )
