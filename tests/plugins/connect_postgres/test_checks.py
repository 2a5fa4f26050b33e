"""`check` of the source: what keeps a config from working, told before anything runs."""

from __future__ import annotations

import pytest

from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.validation.checking import check
from connect_postgres import JdbcSourceConnector

from .conftest import Database

pytestmark = pytest.mark.postgres
SOURCE = PluginDesc(JdbcSourceConnector, PluginKind.SOURCE, "test")
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
        (
            {"mode": "timestamp", "timestamp_column_name": "changed"},
            "timestamp.column.name",
            "Make one of them NOT NULL, or set validate.non.null=false.",
        ),
        (
            {"mode": "timestamp", "timestamp_columns_mapping": "orders:[chnged]"},
            "timestamp.columns.mapping",
            "Correct timestamp.columns.mapping",
        ),
    ],
)
async def test_a_source_tells_what_the_table_lacks(
    database: Database, keys: dict[str, str], key: str, about: str
) -> None:
    await database.execute(TABLE)
    given = {"mode": "incrementing", "topic_prefix": "p-", **keys}
    if given["mode"] == "incrementing":
        given.setdefault("incrementing_column_name", "id")
    [(found, _, message)] = await told(SOURCE, database, **given)
    assert found == key
    assert about in message


async def test_a_table_that_is_missing_is_told_though_others_are_there(database: Database) -> None:
    await database.execute(TABLE)
    keys = {"mode": "incrementing", "incrementing_column_name": "id", "topic_prefix": "p-"}
    [(key, _, message)] = await told(SOURCE, database, **keys, table_whitelist="orders,line")
    assert key == "table.whitelist"
    assert "table line does not exist" in message
    assert "Correct table.whitelist" in message


async def test_a_query_that_the_server_refuses_is_told(database: Database) -> None:
    [(_, code, message)] = await told(SOURCE, database, mode="bulk", topic_prefix="p", query="SELECT * FROM nowhere")
    assert code in ("check", "postgres.refused")
    assert "nowhere" in message
