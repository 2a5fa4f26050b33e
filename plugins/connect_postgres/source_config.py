"""The source connector's keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connect.api import Problem, compile_pattern, config_key
from connect_postgres.catalog import TABLE_KINDS
from connect_postgres.connection import ConnectionConfig
from connect_postgres.names import TableName, folded
from connect_postgres.rows import GRANULARITIES, RowStyle
from connect_postgres.statements import split_statements

INCREMENTING: Final = ("incrementing", "timestamp+incrementing")
TIMESTAMP: Final = ("timestamp", "timestamp+incrementing")
_MODES: Final = ("bulk", "incrementing", "timestamp", "timestamp+incrementing")
_MAPPINGS: Final = ("none", "precision_only", "best_fit", "best_fit_eager_double", "string")


def check_zone(value: object) -> None:
    """Refuse what is no time zone's name."""
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("the name of a time zone is expected, such as UTC or Europe/Amsterdam") from None


def _table_names(value: object) -> None:
    for name in value if isinstance(value, list) else ():
        TableName.parse(name)


def _regexes(value: object) -> None:
    for pattern in value if isinstance(value, list) else ():
        try:
            compile_pattern(pattern)
        except ValueError as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None


def check_kinds(value: object) -> None:
    unknown = [kind for kind in value if kind.upper() not in TABLE_KINDS] if isinstance(value, list) else []
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(TABLE_KINDS)}")


class SourceConfig(ConnectionConfig):
    """Read tables, or the rows of a query, into topics."""

    table_include_list: list[str] = config_key(
        "Tables to read, as regular expressions on TABLE, SCHEMA.TABLE or DATABASE.SCHEMA.TABLE.",
        default=[],
        group="Database",
        order=10,
        validators=[_regexes],
    )
    table_whitelist: list[str] = config_key(
        "Tables to read, by name: TABLE or SCHEMA.TABLE.",
        default=[],
        group="Database",
        order=11,
        validators=[_table_names],
    )
    table_exclude_list: list[str] = config_key(
        "Tables to leave out, as regular expressions.", default=[], group="Database", order=12, validators=[_regexes]
    )
    table_blacklist: list[str] = config_key(
        "Tables to leave out, by name.", default=[], group="Database", order=13, validators=[_table_names]
    )
    schema_pattern: str | None = config_key(
        "Only tables of schemas like this, with SQL's % and _.", default=None, group="Database", order=14
    )
    table_types: list[str] = config_key(
        "Kinds of tables: TABLE, PARTITIONED TABLE, VIEW, MATERIALIZED VIEW, FOREIGN TABLE.",
        default=["TABLE"],
        importance="low",
        group="Database",
        order=15,
        validators=[check_kinds],
    )
    numeric_mapping: str = config_key(
        "How numeric comes: none (Decimal), precision_only (integers where the scale is 0), best_fit (FLOAT64 too, "
        "up to 18 digits), best_fit_eager_double (FLOAT64 for all with a point), string (what the server prints: "
        "exact, with NaN and infinities, no zeros added).",
        default="none",
        one_of=_MAPPINGS,
        ignore_case=True,
        importance="low",
        group="Database",
        order=16,
    )
    temporal_mapping: str = config_key(
        "How dates, times and timestamps come: none (Connect's logical types, see timestamp.granularity), string (what "
        "the server prints: exact, microseconds, BC, infinity and 24:00 too; db.timezone changes nothing of it).",
        default="none",
        one_of=("none", "string"),
        ignore_case=True,
        importance="low",
        group="Database",
        order=18,
    )
    array_mapping: str = config_key(
        "How arrays come: none (ARRAY, as deep as the column is declared), string (what the server prints: of any "
        "dimensions and bounds).",
        default="none",
        one_of=("none", "string"),
        ignore_case=True,
        importance="low",
        group="Database",
        order=19,
    )
    quote_sql_identifiers: str = config_key(
        "ALWAYS: the names in incrementing.column.name and timestamp.column.name are taken as they are, with case; "
        "NEVER: as PostgreSQL reads them without quotes, A to Z in small letters.",
        default="ALWAYS",
        one_of=("ALWAYS", "NEVER"),
        ignore_case=True,
        importance="medium",
        group="Database",
        order=17,
    )
    mode: str = config_key(
        "What a poll reads. bulk: all rows each time; incrementing: rows with a greater id; "
        "timestamp, timestamp+incrementing: new and changed rows.",
        importance="high",
        one_of=_MODES,
        group="Mode",
        order=1,
    )
    incrementing_column_name: str = config_key(
        "Column of whole numbers that is greater in each new row.", default="", group="Mode", order=2
    )
    timestamp_column_name: list[str] = config_key(
        "Columns of type timestamp; the first that is not null says when a row changed.",
        default=[],
        group="Mode",
        order=3,
    )
    timestamp_initial: int | None = config_key(
        "Where the timestamp modes begin without an offset, in ms since the epoch; -1 means now, null all rows.",
        type="LONG",
        default=None,
        importance="low",
        group="Mode",
        order=4,
    )
    timestamp_delay_interval_ms: int = config_key(
        "Rows younger than this wait for a later poll; for writers whose clocks or transactions lag.",
        type="LONG",
        default=0,
        ge=0,
        importance="high",
        group="Mode",
        order=5,
    )
    validate_non_null: bool = config_key(
        "Whether an incrementing or timestamp column that takes null is refused; rows with null are never read.",
        default=True,
        importance="low",
        group="Mode",
        order=6,
    )
    query: str = config_key(
        "A query to read in place of tables. It may have WHERE and the like.",
        default="",
        group="Mode",
        order=7,
        width="LONG",
    )
    query_suffix: str = config_key(
        "Text behind each reading statement.", default="", importance="low", group="Mode", order=8
    )
    timestamp_granularity: str = config_key(
        "How timestamps come: connect_logical (Timestamp, in ms), or since the epoch as micros_long, nanos_long, "
        "micros_string, nanos_string, or in db.timezone as micros_iso_datetime_string, nanos_iso_datetime_string.",
        default="connect_logical",
        one_of=tuple(GRANULARITIES),
        ignore_case=True,
        importance="low",
        group="Mode",
        order=9,
    )
    open_transactions_wait_ms: int = config_key(
        "How long, in ms, rows wait for transactions that may still commit earlier ones; "
        "-1: for as long as it takes; 0: do not wait, and miss rows as the JDBC connector does.",
        type="LONG",
        default=-1,
        ge=-1,
        importance="medium",
        group="Mode",
        order=10,
    )
    topic_prefix: str = config_key(
        "Put before a table's name to make its topic; with query, the topic.",
        importance="high",
        group="Connector",
        order=1,
    )
    poll_interval_ms: int = config_key(
        "Wait before a table is read again once it was read to its end, in ms.",
        default=5000,
        ge=1,
        importance="high",
        group="Connector",
        order=2,
    )
    batch_max_rows: int = config_key(
        "The most rows in one batch.", default=5000, ge=1, le=1_000_000, importance="low", group="Connector", order=3
    )
    table_poll_interval_ms: int = config_key(
        "How often new and dropped tables are looked for, in ms.",
        type="LONG",
        default=60_000,
        ge=1,
        importance="low",
        group="Connector",
        order=4,
    )
    db_timezone: str = config_key(
        "Time zone of timestamps without one.",
        default="UTC",
        validators=[check_zone],
        importance="medium",
        group="Connector",
        order=5,
    )

    @property
    def statement(self) -> str:
        """The query without a ';' behind it; '' for none."""
        return next(iter(split_statements(self.query)), "")

    @property
    def id_column(self) -> str:
        """The incrementing column."""
        return self._named(self.incrementing_column_name)

    @property
    def time_columns(self) -> list[str]:
        """The timestamp columns."""
        return [self._named(name) for name in self.timestamp_column_name]

    def _named(self, name: str) -> str:
        return folded(name) if self.quote_sql_identifiers.upper() == "NEVER" else name

    @property
    def style(self) -> RowStyle:
        """How values come out."""
        return RowStyle(
            self.numeric_mapping.lower(),
            self.timestamp_granularity.lower(),
            ZoneInfo(self.db_timezone),
            self.temporal_mapping.lower(),
            self.array_mapping.lower(),
        )

    def problems(self) -> Iterable[Problem]:
        yield from super().problems()
        lists = {
            name: given
            for name, given in (
                ("table.include.list", self.table_include_list),
                ("table.whitelist", self.table_whitelist),
                ("table.exclude.list", self.table_exclude_list),
                ("table.blacklist", self.table_blacklist),
            )
            if given
        }
        if self.mode in INCREMENTING and not self.incrementing_column_name:
            yield Problem(
                "incrementing.column.name",
                f"mode={self.mode} needs incrementing.column.name: name the column that is greater in each new row",
            )
        if self.mode in TIMESTAMP and not any(self.timestamp_column_name):
            yield Problem(
                "timestamp.column.name",
                f"mode={self.mode} needs timestamp.column.name: name the column that says when a row changed",
            )
        if self.query and lists:
            yield Problem(
                "query",
                f"query and {next(iter(lists))} exclude each other, since a query names its own tables: remove one",
            )
        elif len(lists) > 1:
            first, second, *_ = lists
            yield Problem(second, f"{first} and {second} exclude each other: remove one")
        if self.query and (count := len(split_statements(self.query))) != 1:
            yield Problem("query", f"query holds {count} statements; one is expected, which reads and changes nothing")
        if self.query_suffix and len(split_statements(f"SELECT {self.query_suffix}")) > 1:
            yield Problem("query.suffix", "query.suffix is put behind a statement, and may not begin another")

    def selects(self, table: TableName, database: str) -> bool:
        """Return whether a table is to be read. May take as long as its patterns may: not on the event loop.

        Raises:
            SlowPatternError: A pattern takes too long.
        """
        if self.table_include_list or self.table_exclude_list:
            forms = (table.name, str(table), f"{database}.{table}")
            key = "table.include.list" if self.table_include_list else "table.exclude.list"
            given = self.table_include_list or self.table_exclude_list
            patterns = [compile_pattern(pattern, key=key) for pattern in given]
            listed = any(pattern.fullmatch(form) for pattern in patterns for form in forms)
            return listed == bool(self.table_include_list)
        if self.table_whitelist:
            return any(same_table(TableName.parse(name), table) for name in self.table_whitelist)
        return not any(same_table(TableName.parse(name), table) for name in self.table_blacklist)


class TaskConfig(SourceConfig):
    """One task's share of the tables."""

    tables: list[str] = config_key("Tables of this task, as SCHEMA.TABLE, percent-encoded.", default=[], internal=True)

    @property
    def table_names(self) -> list[TableName]:
        """The tables."""
        return [decode_table(text) for text in self.tables]


def same_table(wanted: TableName, table: TableName) -> bool:
    """Return whether a name that may lack the schema means this table."""
    return wanted.name == table.name and wanted.schema in (None, table.schema)


def encode_table(table: TableName) -> str:
    """Write a table's name so that it survives a comma separated list, whatever it holds."""
    return ".".join(quote(part, safe="").replace(".", "%2E") for part in (table.schema, table.name) if part)


def decode_table(text: str) -> TableName:
    """Read what `encode_table` wrote."""
    schema, _, name = text.rpartition(".")
    return TableName(unquote(name), unquote(schema) or None)
