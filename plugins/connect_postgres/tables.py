"""The tables that a sink task writes to: looked up once, created and given columns where that is allowed.

What is made here belongs to the transaction of the batch that needs it; where that fails, it is gone with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from connect.api import ConfigError
from connect_postgres.catalog import TableInfo, describe_table, layout_of
from connect_postgres.fields import Fields
from connect_postgres.names import TableName, quoted
from connect_postgres.sink_config import SinkConfig
from connect_postgres.values import column_type, default_literal, infer_schema
from connect_postgres.widening import changes

if TYPE_CHECKING:
    import asyncpg

#: Tasks that make tables or columns take turns: CREATE TABLE IF NOT EXISTS alone fails when two of them race.
TURN = "SELECT pg_advisory_xact_lock(hashtext('connect_postgres'))"


class Tables:
    """Descriptions of tables, each asked for once. `forget` what a failed transaction may have made."""

    def __init__(self, config: SinkConfig, say: Callable[[str], None] = lambda text: None) -> None:
        """`say` is told what is changed of a table."""
        self._config = config
        self._say = say
        self._known: dict[TableName, TableInfo] = {}

    def forget(self) -> None:
        """Look every table up again."""
        self._known.clear()

    @property
    def known(self) -> list[TableInfo]:
        """What is known."""
        return list(self._known.values())

    async def find(self, connection: asyncpg.Connection, name: TableName) -> TableInfo | None:
        """Return a table as it is; None when there is none.

        Raises:
            ConfigError: It is of a kind that nothing is to be written into.
        """
        known = self._known.get(name)
        if known is None:
            # The driver, too, remembers what types the columns of a COPY have.
            await connection.reload_schema_state()
            known = await describe_table(connection, name)
            if known is not None:
                if (refused := wrong_kind(known, self._config)) is not None:
                    raise refused
                self._known[name] = known
        return known

    async def ready(self, connection: asyncpg.Connection, name: TableName, fields: Fields) -> TableInfo:
        """Return a table that has these columns; it is created or altered in the caller's transaction.

        Raises:
            ConfigError: It is missing, or lacks some, and the config does not allow to make them.
        """
        table = await self.find(connection, name)
        if table is None:
            await self._create(connection, name, fields)
            table = await self.find(connection, name)
        assert table is not None, "the table was just made"
        missing = [column for column in fields.columns if table.column(column) is None]
        for column in missing:
            quoted(column)  # one that PostgreSQL would cut is refused as such
        if missing:
            await self._evolve(connection, table, missing, fields)
            del self._known[name]
            table = await self.find(connection, name)
            assert table is not None, "the table was just altered"
        return table

    def refusal(
        self, table: TableInfo | None, columns: Iterable[str], *, may_evolve: bool = True
    ) -> ConfigError | None:
        """Return why these columns cannot be written: the table lacks them and is not to get them, computes them, or
        could not have them. `table`: as `find` returns it."""
        lacks = list[str]()
        for name in columns:
            column = None if table is None else table.column(name)
            if column is not None:
                if column.generated:
                    return generated(table.name, name) if table is not None else None
            elif table is not None and not (may_evolve and self._config.adds_columns):
                lacks.append(name)
            else:
                try:
                    quoted(name)
                except ConfigError as error:
                    return error
        return lacking(table, lacks) if table is not None and lacks else None

    async def _create(self, connection: asyncpg.Connection, name: TableName, fields: Fields) -> None:
        if not self._config.creates_tables:
            raise ConfigError(
                f"table {name} does not exist in {self._config.target}",
                config_path="auto.create",
                hint="Create it, set auto.create=true, or correct table.name.format.",
            )
        parts = [self._definition(fields, column, required=column in fields.key) for column in fields.columns]
        if fields.key:
            parts.append(f"PRIMARY KEY ({', '.join(map(quoted, fields.key))})")
        await self._take_turn(connection)
        await self._alter(connection, f"CREATE TABLE IF NOT EXISTS {name.sql} ({', '.join(parts)})")

    async def _take_turn(self, connection: asyncpg.Connection) -> None:
        await connection.execute(TURN)

    async def _alter(self, connection: asyncpg.Connection, statement: str) -> None:
        """Have a table made, or changed."""
        await connection.execute(statement)

    async def _evolve(
        self, connection: asyncpg.Connection, table: TableInfo, missing: list[str], fields: Fields
    ) -> None:
        if not self._config.adds_columns:
            raise lacking(table, missing)
        additions = [f"ADD COLUMN IF NOT EXISTS {self._addition(fields, column)}" for column in missing]
        await self._take_turn(connection)
        await self._alter(connection, f"ALTER TABLE {table.name.sql} {', '.join(additions)}")

    async def widened(
        self, connection: asyncpg.Connection, table: TableInfo, fields: Fields, *, is_whole: bool = True
    ) -> TableInfo:
        """Return a table that takes these values, where the policy allows to change it so; it is altered in the
        caller's transaction. `is_whole`: columns that are not among them get none, rather than staying as they are."""
        inserts = is_whole and self._config.write_mode != "update"
        if self._config.policy != "evolve" or table.kind not in ("TABLE", "PARTITIONED TABLE"):
            return table
        if not changes(table, fields, inserts=inserts):
            return table
        await self._take_turn(connection)
        self._known.pop(table.name, None)
        fresh = await describe_table(connection, table.name)  # another task may have widened it further
        clauses = [] if fresh is None else changes(fresh, fields, inserts=inserts)
        if clauses:
            self._say(f"table {table.name}: {', '.join(clauses)}")
            await self._alter(connection, f"ALTER TABLE {table.name.sql} {', '.join(clauses)}")
            fresh = await describe_table(connection, table.name)
        await connection.reload_schema_state()
        for name in [name for name, known in self._known.items() if known.name == table.name]:
            del self._known[name]
        return fresh or table

    def _definition(self, fields: Fields, column: str, *, required: bool) -> str:
        schema = fields.schemas[column]
        not_null = required or (schema is not None and not schema.optional)
        return f"{quoted(column)} {self._typed(fields, column)}{' NOT NULL' if not_null else ''}"

    def _addition(self, fields: Fields, column: str) -> str:
        # Without NOT NULL where there is no default, whatever the schema says: the rows that are there have no value
        # for a new column.
        schema = fields.schemas[column]
        not_null = schema is not None and not schema.optional and schema.default is not None
        return f"{quoted(column)} {self._typed(fields, column)}{' NOT NULL' if not_null else ''}"

    def _typed(self, fields: Fields, column: str) -> str:
        """Return a column's type, with its default."""
        schema = fields.schemas[column] or infer_schema(fields.columns[column])
        kind = column_type(schema)
        default = default_literal(schema, kind, self._config.zone)
        return kind if default is None else f"{kind} DEFAULT {default}"


async def are_altered(connection: asyncpg.Connection, tables: Iterable[TableInfo]) -> bool:
    """Return whether one of these has other columns, or columns of other types, than it is known to have."""
    for table in tables:
        if await layout_of(connection, table.name) != table.layout:
            return True
    return False


def wrong_kind(table: TableInfo, config: SinkConfig) -> ConfigError | None:
    """Return what is to be said of a table whose kind table.types does not have."""
    kinds = config.kinds
    if table.kind in kinds or (table.kind == "PARTITIONED TABLE" and "TABLE" in kinds):
        return None
    if table.kind in ("", "MATERIALIZED VIEW"):
        what = "a materialized view" if table.kind else "neither a table nor a view"
        return ConfigError(
            f"{table.name} is {what}, and nothing can be written into it",
            config_path="table.name.format",
            hint="Name a table, or a view that can be written.",
        )
    return ConfigError(
        f"{table.name} is a {table.kind}, and table.types is {','.join(kinds)}",
        config_path="table.types",
        hint=f"Add {table.kind} to table.types, or correct table.name.format.",
    )


def lacking(table: TableInfo, columns: Sequence[str]) -> ConfigError:
    """Return what is to be said of columns that a table does not have, and may not be given."""
    return ConfigError(
        f"table {table.name} has no column {', '.join(map(repr, columns))}; it has {', '.join(table.column_names)}",
        config_path="auto.evolve",
        hint="Add the column, set auto.evolve=true, or leave the field out with fields.whitelist.",
    )


def generated(table: TableName, column: str) -> ConfigError:
    """Return what is to be said of a column that takes no value."""
    return ConfigError(
        f"column {column} of table {table} is GENERATED: the server computes it, and takes no value for it",
        config_path="pk.fields",
        hint="Name other columns in pk.fields, or leave the field out with fields.whitelist.",
    )
