"""Which tables are read: as the publication has them, which the signal table is added to."""

from __future__ import annotations

from typing import Any

import pytest

from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.slots import look_at_server, published
from connect_postgres.cdc.tables import tables_to_read

from ..conftest import Database
from .conftest import keys_of

pytestmark = pytest.mark.postgres


async def read(database: Database, **keys: str) -> tuple[list[str], list[str], list[str]]:
    """Return what is read, what is published then, and what was warned of."""
    config = CdcConfig.parse(keys_of(database.url, **keys))
    warned: list[str] = []
    control: Any = database.connection
    found = await tables_to_read(control, await look_at_server(control), config, warned.append)
    has = await published(control, "pub") or []
    return [str(table.name) for table, _ in found], [str(one.name) for one in has], warned


async def test_the_signal_table_is_published_and_not_read(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE s (id text PRIMARY KEY, type text)")
    keys = {"table_include_list": "public.t", "signal_data_collection": "public.s"}
    is_read, has, warned = await read(database, **keys, publication_autocreate_mode="filtered")
    assert (is_read, has, warned) == (["public.t"], ["public.s", "public.t"], [])


@pytest.mark.parametrize(
    ("table", "told"), [("public.s", 'ADD TABLE "public"."s"'), ("public.x", "CREATE TABLE public.x (id varchar(42)")]
)
async def test_a_signal_table_that_cannot_be_heard_is_told(database: Database, table: str, told: str) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE TABLE s (id text PRIMARY KEY, type text)",
        "CREATE PUBLICATION pub FOR TABLE t",
    )
    _, _, [warned] = await read(database, signal_data_collection=table)
    assert told in warned
