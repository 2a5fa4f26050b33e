"""PostgreSQL as source and sink, with the keys of the JDBC connectors, over asyncpg."""

from connect.api import Connector, hookimpl
from connect_postgres.sink import JdbcSinkConnector
from connect_postgres.source import JdbcSourceConnector

__all__ = ["JdbcSinkConnector", "JdbcSourceConnector"]


@hookimpl
def connect_connectors() -> list[type[Connector]]:
    return [JdbcSourceConnector, JdbcSinkConnector]
