"""`check` of both connectors: what keeps a config from working, told before anything runs."""

from __future__ import annotations

import pytest

from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.validation.checking import check
from connect_postgres import JdbcSinkConnector, JdbcSourceConnector

from .conftest import Database

pytestmark = pytest.mark.postgres
SOURCE = PluginDesc(JdbcSourceConnector, PluginKind.SOURCE, "test")
SINK = PluginDesc(JdbcSinkConnector, PluginKind.SINK, "test")
TABLE = "CREATE TABLE orders (id bigint PRIMARY KEY, note text, changed timestamp)"


async def told(desc: PluginDesc, database: Database, **keys: str) -> list[tuple[str, str, str]]:
    config = {"name": "c", "connection.url": database.url, **{k.replace("_", "."): v for k, v in keys.items()}}
    return [(warning.key, warning.code, warning.message) for warning in await check(desc, config)]


async def test_a_source_whose_table_has_what_the_mode_needs_is_fine(database: Database) -> None:
    await database.execute(TABLE)
    keys = {"mode": "incrementing", "incrementing_column_name": "id", "topic_prefix": "p-", "table_whitelist": "orders"}
    assert await told(SOURCE, database, **keys) == []


@pytest.mark.parametrize(
    ("keys", "key", "about"),
    [
        ({"table_whitelist": "order"}, "table.whitelist", "table order does not exist"),
        ({"incrementing_column_name": "nr"}, "incrementing.column.name", "nr"),
        ({"incrementing_column_name": "note"}, "incrementing.column.name", "a column of whole numbers"),
        ({"mode": "timestamp", "timestamp_column_name": "changed"}, "timestamp.column.name", "may be null"),
    ],
)
async def test_a_source_tells_what_the_table_lacks(
    database: Database, keys: dict[str, str], key: str, about: str
) -> None:
    await database.execute(TABLE)
    given = {"mode": "incrementing", "incrementing_column_name": "id", "topic_prefix": "p-", **keys}
    [(found, _, message)] = await told(SOURCE, database, **given)
    assert found == key
    assert about in message


async def test_a_query_that_the_server_refuses_is_told(database: Database) -> None:
    [(_, code, message)] = await told(SOURCE, database, mode="bulk", topic_prefix="p", query="SELECT * FROM nowhere")
    assert code in ("check", "postgres.refused")
    assert "nowhere" in message


async def test_a_sink_tells_a_missing_table_unless_it_may_make_it(database: Database) -> None:
    [(key, _, message)] = await told(SINK, database, topics="orders")
    assert key == "table.name.format"
    assert "table orders does not exist" in message
    assert await told(SINK, database, topics="orders", auto_create="true") == []


async def test_a_sink_tells_missing_key_columns(database: Database) -> None:
    await database.execute(TABLE)
    keys = {"topics": "orders", "insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id,region"}
    [(key, _, message)] = await told(SINK, database, **keys)
    assert key == "pk.fields"
    assert "has no column region; it has id, note, changed" in message


async def test_a_refused_login_is_told_without_the_password(database: Database) -> None:
    [(key, _, message)] = await told(SINK, database, topics="t", connection_user="nobody", connection_password="hush")
    assert key == "connection.url"
    assert "hush" not in message
