"""PostgreSQL as source and sink, with the class names, keys and offsets of the JDBC connectors, over asyncpg.

Three parts over one ground:

    source  source_config -> table_reader (what to read next) -> snapshot (what is settled) -> rows (rows to batches)
    sink    sink_config, debezium_sink (in Debezium's words) -> envelope (change events to rows)
            -> fields (records to columns) -> tables, widening (create, evolve) -> values, semantic, times
            -> writes (COPY, upsert, …); blame, culprits, presumed (which rows are bad); offsets (exactly once)
    cdc     changes out of the write-ahead log, with Debezium's class name, keys, records and offsets
    ground  connection, url, parameters, session, failures, sqlstates, names, catalog
    asked   checks, sink_checks (what is wrong, before anything runs)

asyncpg is imported where a connection is opened, so that a worker without PostgreSQL does not pay for it.

Elsewhere: trying again after a failure that passes (`connect.runtime.tasks`).
"""

from __future__ import annotations

from collections.abc import Sequence

from connect.api import Connector, hookimpl
from connect_postgres.cdc.connector import PostgresCdcSource
from connect_postgres.debezium_sink import DebeziumSinkConnector
from connect_postgres.sink import JdbcSinkConnector
from connect_postgres.source import JdbcSourceConnector
from connect_postgres.url import redacted_url

__all__ = [
    "DebeziumSinkConnector",
    "JdbcSinkConnector",
    "JdbcSourceConnector",
    "PostgresCdcSource",
    "connect_connectors",
    "redacted_url",
]


@hookimpl
def connect_connectors() -> Sequence[type[Connector]]:
    """Tell the runtime which connectors are here."""
    return [JdbcSourceConnector, JdbcSinkConnector, DebeziumSinkConnector, PostgresCdcSource]
