"""PostgreSQL as source and sink, with the class names, keys and offsets of the JDBC connectors, over asyncpg.

Two halves over one ground:

    source  source_config -> feed (what to read next) -> horizon (what is settled) -> rows (rows to batches)
    sink    sink_config -> fields (records to columns) -> tables (create, evolve) -> values, writes (COPY,
            upsert, delete)
    ground  connection, url, failures, names, catalog, checks (of a config, when a user asks)

asyncpg is imported where a connection is opened, so that a worker without PostgreSQL does not pay for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from connect.api import Connector, hookimpl
from connect_postgres.sink import JdbcSinkConnector
from connect_postgres.source import JdbcSourceConnector
from connect_postgres.url import redacted_url

__all__ = ["JdbcSinkConnector", "JdbcSourceConnector", "connect_connectors", "redacted_url"]


@hookimpl
def connect_connectors() -> Sequence[type[Connector]]:
    """Tell the runtime which connectors are here."""
    return [JdbcSourceConnector, JdbcSinkConnector]
