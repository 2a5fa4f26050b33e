"""The keys of change data capture: Debezium's, by its names, and a few of our own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from connect.api import Problem, Secret, compile_pattern, config_key
from connect_postgres.cdc.column_types import TypeStyle
from connect_postgres.cdc.debezium_keys import AcceptedKeys, channel_problems, refusals
from connect_postgres.connection import ConnectionConfig
from connect_postgres.names import TableName
from connect_postgres.unchanged import DEFAULT, Placeholder, check_placeholder
from connect_postgres.url import Target, parse_target

SNAPSHOT_MODES: Final = ("initial", "initial_only", "always", "when_needed", "no_data", "never")
PUBLICATION_MODES: Final = ("all_tables", "filtered", "disabled", "no_tables")
_SLOT_NAME: Final = re.compile(r"[a-z0-9_]{1,63}")
_OPERATIONS: Final = ("c", "u", "d", "t", "none")
#: What prefixes of messages begin with that connectors here send to themselves.
OWN_PREFIX: Final = "connect."
_TOPIC_PREFIX: Final = re.compile(r"[a-zA-Z0-9_.-]+")
_NO_TOPIC: Final = re.compile(r"[^a-zA-Z0-9_.-]")
_TOPIC_CHARS_MAX: Final = 249


def _patterns(value: object) -> None:
    for pattern in value if isinstance(value, list) else ():
        try:
            compile_pattern(pattern)
        except ValueError as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None


def _slot_name(value: object) -> None:
    if not _SLOT_NAME.fullmatch(str(value)):
        raise ValueError("a slot's name has up to 63 small letters, digits and underscores")


def _prefix(value: object) -> None:
    if not _TOPIC_PREFIX.fullmatch(str(value)):
        raise ValueError("letters, digits, '.', '_' and '-' are expected, since topics begin with it")


def _operations(value: object) -> None:
    unknown = [one for one in value if one not in _OPERATIONS] if isinstance(value, list) else []
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(_OPERATIONS)}")


class CdcConfig(ConnectionConfig, AcceptedKeys):
    """Read the changes of a database's tables from its write-ahead log into topics."""

    connection_url: str = config_key(
        "Database as in the JDBC source, in place of the keys database.*; takes several hosts and a URL's parameters.",
        default="",
        importance="medium",
        group="Database",
        order=20,
        width="LONG",
    )
    database_hostname: str = config_key(
        "Host of the server; several, parted by commas.", default="", importance="high", group="Database", order=7
    )
    database_port: int = config_key(
        "Port of the server.", default=5432, ge=1, le=65535, importance="high", group="Database", order=8
    )
    database_user: str | None = config_key(
        "User, who needs the right REPLICATION.", default=None, importance="high", group="Database", order=9
    )
    database_password: Secret | None = config_key(
        "Password.", default=None, importance="high", group="Database", order=10
    )
    database_dbname: str = config_key(
        "Name of the database.", default="", importance="high", group="Database", order=11
    )
    database_sslmode: str = config_key(
        "How TLS is used: disable, allow, prefer, require, verify-ca, verify-full.",
        default="prefer",
        one_of=("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
        importance="medium",
        group="Database",
        order=12,
    )
    database_sslcert: str = config_key(
        "File with the client's certificate.", default="", importance="medium", group="Database", order=13
    )
    database_sslkey: str = config_key(
        "File with the client's key.", default="", importance="medium", group="Database", order=14
    )
    database_sslpassword: Secret | None = config_key(
        "Password of the client's key.", default=None, importance="medium", group="Database", order=15
    )
    database_sslrootcert: str = config_key(
        "File with the authorities that may have signed the server's certificate.",
        default="",
        importance="medium",
        group="Database",
        order=16,
    )
    topic_prefix: str = config_key(
        "Name of this database as a source: topics are PREFIX.SCHEMA.TABLE, and offsets are kept under it.",
        importance="high",
        group="Connector",
        order=1,
        validators=[_prefix],
        formerly=["database.server.name"],
    )
    plugin_name: str = config_key(
        "The output plugin: pgoutput, which every server has.",
        default="pgoutput",
        one_of=("pgoutput",),
        importance="medium",
        group="Connector",
        order=2,
    )
    slot_name: str = config_key(
        "Replication slot; it is made where it is missing.",
        default="debezium",
        importance="medium",
        group="Connector",
        order=3,
        validators=[_slot_name],
    )
    slot_drop_on_stop: bool = config_key(
        "Whether the slot is dropped when the connector stops; changes until the next start are lost then.",
        default=False,
        importance="medium",
        group="Connector",
        order=4,
    )
    slot_failover: bool = config_key(
        "Whether the slot is made so that standbys have it too (PostgreSQL 17 and later).",
        default=False,
        importance="medium",
        group="Connector",
        order=5,
    )
    publication_name: str = config_key(
        "Publication to read.", default="dbz_publication", importance="medium", group="Connector", order=6
    )
    publication_autocreate_mode: str = config_key(
        "Where the publication is missing: all_tables makes one for all tables, filtered for those that are read, "
        "no_tables an empty one, disabled refuses to start. With filtered, tables that come to be read are added.",
        default="all_tables",
        one_of=PUBLICATION_MODES,
        importance="medium",
        group="Connector",
        order=7,
    )
    publish_via_partition_root: bool = config_key(
        "Whether a publication that is made names the changes of partitions by their partitioned table.",
        default=False,
        importance="low",
        group="Connector",
        order=8,
    )
    schema_include_list: list[str] = config_key(
        "Schemas to read, as regular expressions.",
        default=[],
        group="Tables",
        order=1,
        validators=[_patterns],
        formerly=["schema.whitelist"],
    )
    schema_exclude_list: list[str] = config_key(
        "Schemas to leave out, as regular expressions.",
        default=[],
        group="Tables",
        order=2,
        validators=[_patterns],
        formerly=["schema.blacklist"],
    )
    table_include_list: list[str] = config_key(
        "Tables to read, as regular expressions on SCHEMA.TABLE.",
        default=[],
        importance="high",
        group="Tables",
        order=3,
        validators=[_patterns],
        formerly=["table.whitelist"],
    )
    table_exclude_list: list[str] = config_key(
        "Tables to leave out, as regular expressions on SCHEMA.TABLE.",
        default=[],
        group="Tables",
        order=4,
        validators=[_patterns],
        formerly=["table.blacklist"],
    )
    column_include_list: list[str] = config_key(
        "Columns to read, as regular expressions on SCHEMA.TABLE.COLUMN; those of the key come always.",
        default=[],
        group="Tables",
        order=5,
        validators=[_patterns],
        formerly=["column.whitelist"],
    )
    column_exclude_list: list[str] = config_key(
        "Columns to leave out, as regular expressions on SCHEMA.TABLE.COLUMN.",
        default=[],
        group="Tables",
        order=6,
        validators=[_patterns],
        formerly=["column.blacklist"],
    )
    message_key_columns: str = config_key(
        "Columns that make a record's key in place of the primary key: SCHEMA.TABLE:COLUMN,COLUMN;… with regular "
        "expressions for tables.",
        default="",
        group="Tables",
        order=7,
    )
    snapshot_mode: str = config_key(
        "When rows that are there are read first. initial: where there is no offset; initial_only: then no changes; "
        "always: at each start; when_needed: also where the slot does not reach back to the offset; "
        "no_data, never: not at all.",
        default="initial",
        one_of=SNAPSHOT_MODES,
        ignore_case=True,
        importance="medium",
        group="Snapshot",
        order=1,
    )
    snapshot_include_collection_list: list[str] = config_key(
        "Of the tables that are read, those to take a snapshot of, as regular expressions on SCHEMA.TABLE.",
        default=[],
        group="Snapshot",
        order=2,
        validators=[_patterns],
    )
    snapshot_max_threads: int = config_key(
        "How many tables are read at once.", default=1, ge=1, le=64, group="Snapshot", order=3
    )
    snapshot_fetch_size: int = config_key(
        "The most rows of a snapshot in one poll.", default=10_240, ge=1, le=1_000_000, group="Snapshot", order=4
    )
    snapshot_delay_ms: int = config_key(
        "Wait before a snapshot begins, in ms.",
        type="LONG",
        default=0,
        ge=0,
        importance="low",
        group="Snapshot",
        order=5,
    )
    output_format: str = config_key(
        "envelope: Debezium's, with before, after, source and op. flat: the row alone, and null for a deleted one.",
        default="envelope",
        one_of=("envelope", "flat"),
        importance="medium",
        group="Records",
        order=1,
    )
    decimal_handling_mode: str = config_key(
        "How numeric comes: precise (Decimal), double, string.",
        default="precise",
        one_of=("precise", "double", "string"),
        ignore_case=True,
        group="Records",
        order=2,
    )
    time_precision_mode: str = config_key(
        "How date, time and timestamp come: adaptive, adaptive_time_microseconds, connect (Kafka Connect's types, in "
        "ms), isostring, microseconds, nanoseconds.",
        default="adaptive",
        one_of=("adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"),
        ignore_case=True,
        group="Records",
        order=3,
    )
    interval_handling_mode: str = config_key(
        "How interval comes: numeric (microseconds), string (ISO 8601).",
        default="numeric",
        one_of=("numeric", "string"),
        ignore_case=True,
        group="Records",
        order=4,
    )
    hstore_handling_mode: str = config_key(
        "How hstore comes: json, map.",
        default="json",
        one_of=("json", "map"),
        ignore_case=True,
        group="Records",
        order=5,
    )
    binary_handling_mode: str = config_key(
        "How bytea comes: bytes, base64, base64-url-safe, hex.",
        default="bytes",
        one_of=("bytes", "base64", "base64-url-safe", "hex"),
        ignore_case=True,
        group="Records",
        order=6,
    )
    money_fraction_digits: int = config_key(
        "Digits behind the point of money.", default=2, ge=0, le=18, importance="low", group="Records", order=7
    )
    value_handling_mode: str = config_key(
        "debezium: values have Debezium's types, by the keys beside this one. text: they come as the server prints "
        "them wherever a type of Connect's might hold less (numeric, times, intervals, arrays, ranges), so that every "
        "value arrives, and exactly; a sink of PostgreSQL reads them into the same columns.",
        default="debezium",
        one_of=("debezium", "text"),
        ignore_case=True,
        group="Records",
        order=16,
    )
    unavailable_value_placeholder: str = config_key(
        "What stands for a value that the server did not send: a large one that an update left as it was. hex: in "
        "front of hexadecimal digits stands for their bytes.",
        default=DEFAULT,
        importance="medium",
        group="Records",
        order=8,
        non_empty=True,
        validators=[check_placeholder],
    )
    tombstones_on_delete: bool = config_key(
        "Whether a delete is followed by a record of null, which log compaction needs.",
        default=True,
        group="Records",
        order=9,
    )
    skipped_operations: list[str] = config_key(
        "Kinds of changes to leave out: c (insert), u, d, t (truncate), or none.",
        default=["t"],
        group="Records",
        order=10,
        validators=[_operations],
    )
    provide_transaction_metadata: bool = config_key(
        "Whether records say which transaction they belong to, and begins and ends go to the topic PREFIX.transaction.",
        default=False,
        importance="low",
        group="Records",
        order=11,
    )
    topic_delimiter: str = config_key(
        "What parts prefix, schema and table in a topic's name.",
        default=".",
        importance="low",
        group="Records",
        order=12,
    )
    topic_transaction: str = config_key(
        "The topic of transactions is PREFIX. with this.",
        default="transaction",
        importance="low",
        group="Records",
        order=13,
    )
    message_prefix_include_list: list[str] = config_key(
        "Prefixes of logical messages to read, as regular expressions; they go to the topic PREFIX.message.",
        default=[],
        group="Records",
        order=14,
        validators=[_patterns],
    )
    message_prefix_exclude_list: list[str] = config_key(
        "Prefixes of logical messages to leave out, as regular expressions.",
        default=[],
        group="Records",
        order=15,
        validators=[_patterns],
    )
    max_batch_size: int = config_key(
        "The most changes in one poll.", default=8192, ge=1, le=1_000_000, group="Stream", order=1
    )
    status_update_interval_ms: int = config_key(
        "How often the server hears what is committed, in ms.",
        default=10_000,
        ge=10,
        importance="low",
        group="Stream",
        order=2,
    )
    heartbeat_interval_ms: int = config_key(
        "How often a record goes to the heartbeat topic, in ms; 0: never. The slot advances without it too.",
        type="LONG",
        default=0,
        ge=0,
        importance="medium",
        group="Stream",
        order=3,
    )
    heartbeat_action_query: str = config_key(
        "Statement to run with each heartbeat.", default="", importance="low", group="Stream", order=4
    )
    topic_heartbeat_prefix: str = config_key(
        "The heartbeat topic is this, a '.' and the topic prefix.",
        default="__debezium-heartbeat",
        importance="low",
        group="Stream",
        order=5,
    )
    slot_stream_params: str = config_key(
        "Further options of the output plugin: NAME=VALUE;…", default="", importance="low", group="Stream", order=6
    )
    slot_lag_warning_bytes: int = config_key(
        "How much write-ahead log the slot may hold back before a warning; 0: no warning by bytes. One comes in any "
        "case before the server gives the slot up (max_slot_wal_keep_size).",
        type="LONG",
        default=10 << 30,
        ge=0,
        importance="medium",
        group="Stream",
        order=7,
    )
    offset_mismatch_strategy: str = config_key(
        "Where the slot is ahead of the offset, so that changes in between are lost: fail, or trust_slot to go on "
        "behind them.",
        default="fail",
        one_of=("fail", "trust_slot"),
        importance="medium",
        group="Stream",
        order=8,
    )
    signal_data_collection: str = config_key(
        "Table of signals, as SCHEMA.TABLE with the columns id, type and data: a row that is inserted is a signal. It "
        "has to be in the publication; with publication.autocreate.mode=filtered it is added.",
        default="",
        importance="medium",
        group="Signals",
        order=1,
    )
    signal_enabled_channels: list[str] = config_key(
        "Ways in for signals: source is the table of signals and POST /v1/connectors/NAME/signals; without it there "
        "are no signals.",
        default=["source"],
        importance="low",
        group="Signals",
        order=2,
    )
    incremental_snapshot_chunk_size: int = config_key(
        "The most rows that an incremental snapshot reads at once.",
        default=1024,
        ge=1,
        le=1_000_000,
        importance="medium",
        group="Signals",
        order=3,
    )

    # -- reaching the database -------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The URL, from either set of keys, without user and password."""
        if self.connection_url:
            return self.connection_url
        hosts = ",".join(
            host if re.search(r":\d+$", host) else f"{host}:{self.database_port}"
            for host in (part.strip() for part in self.database_hostname.split(","))
            if host
        )
        return f"postgresql://{hosts}/{quote(self.database_dbname, safe='')}"

    @property
    def renamed(self) -> dict[str, str]:
        if self.connection_url:
            return {}
        user = {} if self.connection_user else {"connection.user": "database.user"}
        password = {} if self.connection_password else {"connection.password": "database.password"}
        return {"connection.url": "database.dbname", **user, **password}

    @property
    def reach(self) -> Target:
        if self.connection_url:
            return super().reach
        password = self.database_password or self.connection_password
        parameters = {"sslmode": self.database_sslmode}
        files = {
            "sslcert": self.database_sslcert,
            "sslkey": self.database_sslkey,
            "sslrootcert": self.database_sslrootcert,
        }
        parameters |= {name: path for name, path in files.items() if path}
        if self.database_sslpassword:
            parameters["sslpassword"] = self.database_sslpassword.get_secret_value()
        secret = password.get_secret_value() if password else None
        return parse_target(self.url, self.database_user or self.connection_user, secret, parameters)

    @property
    def target(self) -> str:
        return super().target if self.connection_url else self.url

    # -- what it comes to ------------------------------------------------------------------------------------------

    @property
    def style(self) -> TypeStyle:
        """How values come out."""
        return TypeStyle(
            decimal_mode=self.decimal_handling_mode.lower(),
            time_mode=self.time_precision_mode.lower(),
            interval_mode=self.interval_handling_mode.lower(),
            hstore_mode=self.hstore_handling_mode.lower(),
            binary_mode=self.binary_handling_mode.lower(),
            money_digits=self.money_fraction_digits,
            value_mode=self.value_handling_mode.lower(),
            placeholder=Placeholder(self.unavailable_value_placeholder),
        )

    @property
    def skipped(self) -> frozenset[str]:
        """The operations to leave out."""
        return frozenset(self.skipped_operations) - {"none"}

    def topic_of(self, schema: str, table: str) -> str:
        """Return the topic of a table: as in Debezium with an underscore for what topics cannot be named with, for
        each of its UTF-16 units, and no longer than a topic's name may be."""
        name = self.topic_delimiter.join((self.topic_prefix, schema, table))
        fit = _NO_TOPIC.sub(lambda match: "_" * (len(match[0].encode("utf-16-be")) // 2), name)
        return fit[:_TOPIC_CHARS_MAX]

    def selects_message(self, prefix: str) -> bool:
        """Return whether logical messages of a prefix are to be read. As `matches`."""
        if prefix.startswith(OWN_PREFIX):
            return False
        if self.message_prefix_include_list:
            return self.matches("message.prefix.include.list", self.message_prefix_include_list, prefix)
        return not self.matches("message.prefix.exclude.list", self.message_prefix_exclude_list, prefix)

    @property
    def reads_messages(self) -> bool:
        """Whether logical messages are asked for: where nothing is said they are, as in Debezium."""
        return self.message_prefix_exclude_list != [".*"] or self.takes_signals

    @classmethod
    def model_refusals(cls, raw: Mapping[str, Any]) -> Iterable[Problem]:
        yield from refusals(raw)

    def problems(self) -> Iterable[Problem]:
        if not self.connection_url and not self.database_hostname:
            yield Problem(
                "database.hostname",
                "database.hostname is missing: name the server, with database.dbname, or give connection.url",
            )
            return
        if not self.connection_url and not self.database_dbname:
            yield Problem("database.dbname", "database.dbname is missing: name the database whose tables are read")
        try:
            yield from super().problems()
        except ValueError as error:
            path = "connection.url" if self.connection_url else "database.hostname"
            yield Problem(path, f"Invalid value {self.target} for configuration {path}: {error}")
        yield from channel_problems(self.signal_enabled_channels)
        if self.signal_data_collection and not re.fullmatch(r"[^.]+\..+", self.signal_data_collection):
            yield Problem(
                "signal.data.collection",
                f"signal.data.collection={self.signal_data_collection}: SCHEMA.TABLE is expected, without quotes",
            )
        for kind in ("schema", "table", "column", "message_prefix"):
            if getattr(self, f"{kind}_include_list") and getattr(self, f"{kind}_exclude_list"):
                name = kind.replace("_", ".")
                yield Problem(
                    f"{name}.exclude.list",
                    f"{name}.include.list and {name}.exclude.list exclude each other: remove one",
                )
        try:
            _ = self.key_columns
        except ValueError as error:
            yield Problem("message.key.columns", f"message.key.columns: {error}")
        try:
            _ = self.stream_parameters
        except ValueError as error:
            yield Problem("slot.stream.params", f"slot.stream.params: {error}")

    @property
    def key_columns(self) -> list[tuple[str, list[str]]]:
        """Pairs of a pattern for tables and columns of keys.

        Raises:
            ValueError: It is not as it should be.
        """
        found = []
        for part in filter(None, (part.strip() for part in self.message_key_columns.split(";"))):
            table, colon, columns = part.rpartition(":")
            names = [name.strip() for name in columns.split(",") if name.strip()]
            if not colon or not table or not names:
                raise ValueError(f"SCHEMA.TABLE:COLUMN,COLUMN is expected in place of {part!r}")
            compile_pattern(table.strip())
            found.append((table.strip(), names))
        return found

    @property
    def stream_parameters(self) -> dict[str, str]:
        """Further options of the output plugin.

        Raises:
            ValueError: It is not as it should be, or names one that is ours to set.
        """
        found = {}
        for part in filter(None, (part.strip() for part in self.slot_stream_params.split(";"))):
            name, sign, value = part.partition("=")
            if not sign or not re.fullmatch(r"[a-z_]+", name.strip()):
                raise ValueError(f"NAME=VALUE is expected in place of {part!r}")
            if name.strip() in ("proto_version", "publication_names", "messages", "binary", "streaming", "two_phase"):
                raise ValueError(f"{name.strip()} is the connector's to set")
            found[name.strip()] = value.strip()
        return found

    def matches(self, key: str, patterns: Iterable[str], text: str) -> bool:
        """Return whether one of the patterns of a key matches the whole of a text, whatever its case, as in Debezium.
        May take as long as its patterns may: not on the event loop.

        Raises:
            SlowPatternError: A pattern takes too long.
        """
        return any(compile_pattern(f"(?i){pattern}", key=key).fullmatch(text) for pattern in patterns)

    def selects(self, table: TableName) -> bool:
        """Return whether a table is to be read. As `matches`."""
        assert table.schema is not None, "every table has a schema"
        if table.schema in ("pg_catalog", "information_schema") or table.schema.startswith("pg_toast"):
            return False
        if self.schema_include_list and not self.matches("schema.include.list", self.schema_include_list, table.schema):
            return False
        if self.matches("schema.exclude.list", self.schema_exclude_list, table.schema):
            return False
        if self.table_include_list:
            return self.matches("table.include.list", self.table_include_list, str(table))
        return not self.matches("table.exclude.list", self.table_exclude_list, str(table))

    def selects_column(self, table: TableName, column: str) -> bool:
        """Return whether a column is to be read. As `matches`."""
        text = f"{table}.{column}"
        if self.column_include_list:
            return self.matches("column.include.list", self.column_include_list, text)
        return not self.matches("column.exclude.list", self.column_exclude_list, text)

    @property
    def takes_signals(self) -> bool:
        """Whether signals are heeded."""
        return "source" in self.signal_enabled_channels and self.snapshot_mode.lower() != "initial_only"

    @property
    def signal_prefix(self) -> str:
        """The prefix of logical messages that are signals to this connector."""
        return f"{OWN_PREFIX}signal.{self.slot_name}"

    def is_signal_table(self, table: TableName) -> bool:
        """Return whether a table is the one that signals are inserted into."""
        return self.takes_signals and self.signal_data_collection == str(table)
