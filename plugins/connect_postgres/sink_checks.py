"""The sink's `check`: whether its tables are there and take what the config means to write, before a record is.

Everything is asked of the catalog; nothing is written, locked or made. What depends on records (types, lengths, rows
that others refer to) cannot be known here: a put tells it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from connect.api import ConfigError, Problem
from connect_postgres.catalog import TABLE_KINDS, TableInfo, describe_table, find_tables
from connect_postgres.failures import explained, problem_of
from connect_postgres.names import TableName, folded, quoted, shortened
from connect_postgres.sink_config import KAFKA_COLUMNS, SinkConfig
from connect_postgres.tables import wrong_kind

if TYPE_CHECKING:
    import asyncpg

_SERVER: Final = """
SELECT pg_is_in_recovery() AS is_standby, current_setting('transaction_read_only') = 'on' AS is_read_only,
       current_user::text AS role, current_database()::text AS database,
       has_database_privilege(current_database(), 'TEMP') AS may_stage
"""
#: `writable` has a bit for each command: 4 UPDATE, 8 INSERT, 16 DELETE, as pg_relation_is_updatable gives them.
_FACTS: Final = """
SELECT pg_relation_is_updatable(c.oid, true) AS writable, pg_has_role(c.relowner, 'USAGE') AS is_owner,
       has_schema_privilege(c.relnamespace, 'USAGE') AS may_enter,
       has_table_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'INSERT') AS "INSERT",
       has_table_privilege(c.oid, 'UPDATE') OR has_any_column_privilege(c.oid, 'UPDATE') AS "UPDATE",
       has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT') AS "SELECT",
       has_table_privilege(c.oid, 'DELETE') AS "DELETE",
       EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type IN ('2', '3') AND c.relkind <> 'v')
           AS has_rules,
       c.relkind = 'p' AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid) AS is_without_partitions
FROM pg_class c WHERE c.oid = to_regclass($1)
"""
_UNIQUE: Final = """
SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) k(number)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number) AS columns,
       i.indpred IS NULL AND i.indexprs IS NULL AND i.indimmediate AND i.indisvalid AS is_usable
FROM pg_index i WHERE i.indrelid = to_regclass($1) AND i.indisunique
"""
_SCHEMA: Final = """
SELECT n.nspname::text AS name, has_schema_privilege(n.oid, 'CREATE') AS may_create
FROM pg_namespace n WHERE n.nspname = coalesce($1, current_schema())
"""
_BITS: Final = {"INSERT": 8, "UPDATE": 4, "DELETE": 16}
_JSON: Final = ("json", "jsonb", "text", "character varying")


async def sink_problems(connection: asyncpg.Connection, config: SinkConfig, topics: Sequence[str]) -> list[Problem]:
    """Return what is wrong with the server and the tables of these topics, each with what to do."""
    found = list[Problem]()
    async with explained("looking at the server", config.target):
        server = await connection.fetchrow(_SERVER)
    assert server is not None, "it is one row"
    if server["is_standby"] or server["is_read_only"]:
        what = "a standby" if server["is_standby"] else "read-only for this user"
        return [
            Problem(
                "connection.url",
                f"{config.target} is {what}: nothing can be written there. "
                "List all hosts with targetServerType=primary, or correct the user's default_transaction_read_only.",
            )
        ]
    if not server["may_stage"] and (config.write_mode != "insert" or config.delete_enabled):
        found.append(
            Problem(
                "connection.user",
                f"{_shown_mode(config)} stages rows in a temporary table, which {server['role']} may not make: "
                f"GRANT TEMPORARY ON DATABASE {_quoted(server['database'])} TO {_quoted(server['role'])}",
            )
        )
    seen = set[TableName]()
    for topic in topics:
        try:
            name = config.table_of(topic)
            sql = name.sql
        except (ValueError, ConfigError) as error:
            found.append(Problem("table.name.format", f"topic {topic}: {error}"))
            continue
        if name not in seen:
            seen.add(name)
            async with explained(f"looking at table {name}", config.target):
                found += await _table_problems(connection, config, name, sql, topic, server["role"])
    if config.is_exactly_once:
        async with explained(f"looking at table {config.offsets_table}", config.target):
            found += await _offsets_problems(connection, config, server["role"])
    return found


async def _table_problems(
    connection: asyncpg.Connection, config: SinkConfig, name: TableName, sql: str, topic: str, role: str
) -> list[Problem]:
    table = await describe_table(connection, name)
    if table is None:
        if config.creates_tables:
            return [problem async for problem in _schema_problems(connection, name, role, "auto.create")]
        return [Problem("table.name.format", await _missing(connection, config, name, topic))]
    if (wrong := wrong_kind(table, config)) is not None:
        return [problem_of(wrong, "table.types")]
    facts = await connection.fetchrow(_FACTS, sql)
    if facts is None:  # it was dropped this moment
        return []
    unique = await connection.fetch(_UNIQUE, sql)
    return [
        *_rights(config, table, facts, role),
        *_kind_problems(config, table, facts),
        *_column_problems(config, table),
        *_key_problems(config, table, facts, unique),
    ]


async def _missing(connection: asyncpg.Connection, config: SinkConfig, name: TableName, topic: str) -> str:
    """Say that a table is not there, and which may be meant."""
    renamed = ""
    if config.originals.get("transforms"):
        renamed = (
            f" The connector's transforms may give topic {topic} another name, and it another table: "
            "then this is no matter."
        )
    tables = await find_tables(connection, list(TABLE_KINDS), None)
    same = [table for table in tables if table.name.lower() == name.name.lower()]
    names = {table.name: table for table in tables}
    near = same or [names[one] for one in difflib.get_close_matches(name.name, names, 3)]
    meant = f"; there is {', '.join(map(str, near[:3]))} (names are compared with case)" if near else ""
    return (
        f"table {name} does not exist in {config.target}, and auto.create is false{meant}. "
        "Create it, set auto.create=true, or correct table.name.format." + renamed
    )


async def _schema_problems(connection: asyncpg.Connection, name: TableName, role: str, key: str) -> Any:
    row = await connection.fetchrow(_SCHEMA, name.schema)
    if row is None:
        where = "no schema of search_path is there" if name.schema is None else f"there is no schema {name.schema}"
        yield Problem(key, f"table {name} is to be made, and {where}: CREATE SCHEMA, or correct the table's name")
    elif not row["may_create"]:
        yield Problem(
            key,
            f"table {name} is to be made, which {role} may not: "
            f"GRANT CREATE ON SCHEMA {_quoted(row['name'])} TO {_quoted(role)}",
        )


def _needed(config: SinkConfig) -> list[str]:
    """Return the rights that the mode needs. A key is looked for, so its columns are read."""
    needed = {"insert": ["INSERT"], "upsert": ["INSERT", "UPDATE", "SELECT"], "update": ["UPDATE", "SELECT"]}
    rights = list(needed[config.write_mode])
    if config.delete_enabled:
        rights += [right for right in ("DELETE", "SELECT") if right not in rights]
    return rights


def _rights(config: SinkConfig, table: TableInfo, facts: Any, role: str) -> Iterator[Problem]:
    if not facts["may_enter"]:
        schema = _quoted(table.name.schema or "")
        yield Problem(
            "connection.user",
            f"{role} may not use schema {table.name.schema}: GRANT USAGE ON SCHEMA {schema} TO {_quoted(role)}",
        )
    lacking = [right for right in _needed(config) if not facts[right]]
    if lacking:
        yield Problem(
            "connection.user",
            f"{_shown_mode(config)} needs {', '.join(lacking)} on {table.name}, which {role} does not have: "
            f"GRANT {', '.join(lacking)} ON {table.name.sql} TO {_quoted(role)}",
        )
    if config.adds_columns and not facts["is_owner"]:
        yield Problem(
            "auto.evolve",
            f"table {table.name} can be changed by its owner alone, and {role} is not: a record with a new field will "
            "end the task. Make it the owner, or a member of the owner's role, or set auto.evolve=false.",
        )


def _kind_problems(config: SinkConfig, table: TableInfo, facts: Any) -> Iterator[Problem]:
    for right in _needed(config):
        bit = _BITS.get(right)
        if bit is not None and not facts["writable"] & bit:
            yield Problem(
                "table.name.format",
                f"{table.kind.lower()} {table.name} takes no {right}, which {_shown_mode(config)} needs: "
                "name the table below it, or give it an INSTEAD OF trigger",
            )
    if config.write_mode == "upsert" and facts["has_rules"]:
        yield Problem(
            "insert.mode",
            f"table {table.name} has rules for INSERT or UPDATE, with which PostgreSQL takes no ON CONFLICT: "
            "set insert.mode to insert or update, or make triggers of the rules",
        )
    if facts["is_without_partitions"]:
        yield Problem(
            "table.name.format", f"table {table.name} is partitioned and has no partition, so it takes no row: make one"
        )


def _column_problems(config: SinkConfig, table: TableInfo) -> Iterator[Problem]:
    known = ", ".join(table.column_names)
    key = _key(config)
    absent = [name for name in key if table.column(name) is None]
    if absent and not config.adds_columns:
        yield Problem("pk.fields", f"table {table.name} has no column {', '.join(absent)}; it has {known}")
    computed = [name for name in key if (column := table.column(name)) is not None and column.generated]
    if computed and config.write_mode != "insert":
        yield Problem(
            "pk.fields",
            f"column {', '.join(computed)} of table {table.name} is computed by the server, and takes no value",
        )
    chosen = _renamed(config, config.fields_whitelist)
    strange = [name for name in chosen if table.column(name) is None]
    if strange and not config.adds_columns:
        yield Problem(
            "fields.whitelist", f"table {table.name} has no column {', '.join(strange)}; it has {known} (with case)"
        )
    whole = _renamed(config, [config.json_value_column_name] if config.json_value_column_name else [])
    for name in whole:
        column = table.column(name)
        if column is None and not config.adds_columns:
            yield Problem("json.value.column.name", f"table {table.name} has no column {name}; it has {known}")
        elif column is not None and column.type not in _JSON:
            yield Problem(
                "json.value.column.name",
                f"column {name} of table {table.name} is {column.declared}, and takes no JSON: make it jsonb",
            )
    if (chosen or whole) and not strange and config.write_mode != "update" and config.policy != "evolve":
        written = {*key, *chosen, *whole}
        empty = [c.name for c in table.columns if c.not_null and not c.has_default and c.name not in written]
        if empty:
            yield Problem(
                "fields.whitelist" if chosen else "json.value.column.name",
                f"column {', '.join(empty)} of table {table.name} is NOT NULL, has no default, and is not written: "
                "write it, give it a default, or drop its NOT NULL",
            )


def _key_problems(config: SinkConfig, table: TableInfo, facts: Any, unique: Sequence[Any]) -> Iterator[Problem]:
    key = _key(config)
    if config.write_mode != "upsert" or not key or table.kind == "VIEW" or facts["has_rules"]:
        return
    if any(row["is_usable"] and set(row["columns"]) == set(key) for row in unique):
        return
    if any(table.column(name) is None for name in key):
        return
    there = [
        f"({', '.join(row['columns'])})" + ("" if row["is_usable"] else " (partial, deferrable or of expressions)")
        for row in unique
    ]
    columns = ", ".join(map(_quoted, key))
    yield Problem(
        "pk.fields",
        f"insert.mode=upsert needs a PRIMARY KEY or UNIQUE constraint on exactly ({', '.join(key)}) of {table.name}; "
        f"there {'are ' + ', '.join(there) if there else 'is none'}: "
        f"ALTER TABLE {table.name.sql} ADD UNIQUE ({columns}), or correct pk.fields",
    )


async def _offsets_problems(connection: asyncpg.Connection, config: SinkConfig, role: str) -> list[Problem]:
    name = config.offsets_table
    facts = await connection.fetchrow(_FACTS, name.sql)
    if facts is None:
        return [problem async for problem in _schema_problems(connection, name, role, "offsets.table.name")]
    lacking = [right for right in ("SELECT", "INSERT", "UPDATE", "DELETE") if not facts[right]]
    if not lacking:
        return []
    return [
        Problem(
            "offsets.table.name",
            f"delivery.guarantee=exactly-once needs {', '.join(lacking)} on {name}, which {role} does not have: "
            f"GRANT {', '.join(lacking)} ON {name.sql} TO {_quoted(role)}",
        )
    ]


def _key(config: SinkConfig) -> list[str]:
    """Return the columns of the key, where they are known without a record."""
    if config.key_mode == "none":
        return []
    names = config.pk_fields or (list(KAFKA_COLUMNS) if config.key_mode == "kafka" else [])
    return _renamed(config, names)


def _renamed(config: SinkConfig, names: Sequence[str]) -> list[str]:
    names = [folded(name) for name in names] if config.folds else list(names)
    return list(map(shortened, names)) if config.shortens else names


def _shown_mode(config: SinkConfig) -> str:
    mode = f"insert.mode={config.write_mode}"
    return f"{mode} with delete.enabled" if config.delete_enabled else mode


def _quoted(name: str) -> str:
    """Return a name as it stands in SQL, without quotes where it needs none."""
    plain = name.isascii() and name.isidentifier() and name == name.lower()
    return name if plain else quoted(name)
