"""The source connector's keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connect.api import Problem, Secret, compile_pattern, config_key
from connect_postgres.catalog import TABLE_KINDS
from connect_postgres.column_mapping import check_ids, check_times, id_column, time_columns
from connect_postgres.names import TableName, folded
from connect_postgres.parts import PARTS_MAX
from connect_postgres.rows import GRANULARITIES, RowStyle
from connect_postgres.source_accepted import AcceptedConfig
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


#: Between two reads where `schedule.cron` says when to read: for the runtime to see that one has ended.
SCHEDULED_S: Final = 0.1


class SourceConfig(AcceptedConfig):
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
    catalog_pattern: str | None = config_key(
        "Only tables of databases like this, with SQL's % and _; a connection sees its own alone.",
        default=None,
        importance="low",
        group="Database",
        order=20,
    )
    numeric_precision_mapping: bool = config_key(
        "true: numeric.mapping=precision_only, where that key is not given. As in older JDBC connectors.",
        default=False,
        importance="low",
        group="Database",
        order=21,
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
        "Column of whole numbers that is greater in each new row; empty: the table's first column that the server "
        "numbers (serial, identity).",
        default="",
        group="Mode",
        order=2,
    )
    timestamp_column_name: list[str] = config_key(
        "Columns of type timestamp; the first that is not null says when a row changed.",
        default=[],
        group="Mode",
        order=3,
    )
    incrementing_column_mapping: list[str] = config_key(
        "In place of incrementing.column.name where tables differ: REGEX:COLUMN, of which one fits each table.",
        default=[],
        group="Mode",
        order=11,
        validators=[check_ids],
    )
    timestamp_columns_mapping: list[str] = config_key(
        "In place of timestamp.column.name where tables differ: REGEX:[COLUMN|COLUMN], of which one fits each table.",
        default=[],
        group="Mode",
        order=12,
        validators=[check_times],
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
    query_masked: Secret | None = config_key(
        "As query, and shown to nobody.", default=None, group="Mode", order=13, width="LONG"
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
    load_ranges: int = config_key(
        "Parts that a table's first load, in mode bulk each load, is cut into, each read over a connection of its own. "
        "Rows of different parts come in no order among them.",
        default=1,
        ge=1,
        le=PARTS_MAX,
        importance="low",
        group="Connector",
        order=6,
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
    def between_reads_s(self) -> float:
        """How long a table is left alone once it was read to its end. With a schedule that alone says when to read."""
        return SCHEDULED_S if str(self.originals.get("schedule.cron") or "").strip() else self.poll_interval_ms / 1000

    @property
    def given_query(self) -> str:
        """The query, masked or not; '' for none."""
        return self.query or (self.query_masked.get_secret_value() if self.query_masked else "")

    @property
    def statement(self) -> str:
        """The query without a ';' behind it; '' for none."""
        return next(iter(split_statements(self.given_query)), "")

    @property
    def id_key(self) -> str:
        """The key that names the incrementing column."""
        return "incrementing.column.mapping" if self.incrementing_column_mapping else "incrementing.column.name"

    @property
    def times_key(self) -> str:
        """The key that names the timestamp columns."""
        return "timestamp.columns.mapping" if self.timestamp_columns_mapping else "timestamp.column.name"

    @property
    def maps_columns(self) -> bool:
        """Whether it takes patterns to say which columns a table's are."""
        return bool(self.incrementing_column_mapping or self.timestamp_columns_mapping)

    def id_column(self, table: TableName | None, database: str = "") -> str:
        """Return the incrementing column of a table, or of the query; '' where it is to be found in the catalog.

        Where `maps_columns`, it may take as long as patterns may: not on the event loop.

        Raises:
            ConfigError: No pattern fits the table, or several do.
        """
        if table is not None and self.incrementing_column_mapping:
            return self._named(id_column(self.incrementing_column_mapping, table, database))
        return self._named(self.incrementing_column_name)

    def time_columns(self, table: TableName | None, database: str = "") -> list[str]:
        """Return the timestamp columns of a table, or of the query; as `id_column`."""
        if table is not None and self.timestamp_columns_mapping:
            return list(map(self._named, time_columns(self.timestamp_columns_mapping, table, database)))
        return [self._named(name) for name in self.timestamp_column_name]

    def _named(self, name: str) -> str:
        return folded(name) if self.quote_sql_identifiers.upper() == "NEVER" else name

    @property
    def _numeric_mapping(self) -> str:
        is_old = self.numeric_precision_mapping and not self.originals.get("numeric.mapping")
        return "precision_only" if is_old else self.numeric_mapping.lower()

    @property
    def style(self) -> RowStyle:
        """How values come out."""
        return RowStyle(
            self._numeric_mapping,
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
        yield from self._column_problems()
        if self.query and self.query_masked:
            yield Problem("query.masked", "query and query.masked exclude each other: remove one")
        if self.given_query and lists:
            yield Problem(
                "query",
                f"query and {next(iter(lists))} exclude each other, since a query names its own tables: remove one",
            )
        elif len(lists) > 1 and list(lists) != ["table.include.list", "table.exclude.list"]:
            first, second, *_ = lists
            yield Problem(second, f"{first} and {second} exclude each other: remove one")
        if self.given_query and (count := len(split_statements(self.given_query))) != 1:
            yield Problem("query", f"query holds {count} statements; one is expected, which reads and changes nothing")
        if self.load_ranges > 1 and (self.given_query or self.query_suffix):
            with_what = "query" if self.given_query else "query.suffix"
            yield Problem("load.ranges", f"with {with_what} nothing is cut into parts: remove load.ranges, or that")
        if self.query_suffix and len(split_statements(f"SELECT {self.query_suffix}")) > 1:
            yield Problem("query.suffix", "query.suffix is put behind a statement, and may not begin another")

    def _column_problems(self) -> Iterable[Problem]:
        if self.mode in INCREMENTING and self.given_query and not self.incrementing_column_name:
            yield Problem(
                "incrementing.column.name",
                f"mode={self.mode} with a query needs incrementing.column.name: "
                "name the column that is greater in each new row",
            )
        if self.mode in TIMESTAMP and not (any(self.timestamp_column_name) or self.timestamp_columns_mapping):
            yield Problem(
                "timestamp.column.name",
                f"mode={self.mode} needs timestamp.column.name: name the column that says when a row changed",
            )
        for mapping, given, name, names in (
            (
                "incrementing.column.mapping",
                self.incrementing_column_mapping,
                "incrementing.column.name",
                self.incrementing_column_name,
            ),
            (
                "timestamp.columns.mapping",
                self.timestamp_columns_mapping,
                "timestamp.column.name",
                any(self.timestamp_column_name),
            ),
        ):
            if given and names:
                yield Problem(mapping, f"{name} and {mapping} exclude each other: remove one")
            elif given and self.given_query:
                yield Problem(mapping, f"a query is no table, so {mapping} has nothing to say: give {name}")

    def selects(self, table: TableName, database: str) -> bool:
        """Return whether a table is to be read. May take as long as its patterns may: not on the event loop.

        Raises:
            SlowPatternError: A pattern takes too long.
        """
        if self.table_include_list or self.table_exclude_list:
            forms = (table.name, str(table), f"{database}.{table}")

            def listed(key: str, given: list[str]) -> bool:
                patterns = [compile_pattern(pattern, key=key) for pattern in given]
                return any(pattern.fullmatch(form) for pattern in patterns for form in forms)

            if self.table_include_list and not listed("table.include.list", self.table_include_list):
                return False
            return not listed("table.exclude.list", self.table_exclude_list)
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
