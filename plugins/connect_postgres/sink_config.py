"""The sink connector's keys."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Final

from connect.api import Problem, config_key
from connect_postgres.catalog import TABLE_KINDS
from connect_postgres.connection import ConnectionConfig
from connect_postgres.names import TableName, check_database, folded, shortened
from connect_postgres.source_config import check_kinds
from connect_postgres.times import zone_of
from connect_postgres.unchanged import DEFAULT, Placeholder, check_placeholder

#: Columns of pk.mode=kafka where pk.fields names none.
KAFKA_COLUMNS: Final = ("__connect_topic", "__connect_partition", "__connect_offset")
_TOPIC: Final = "${topic}"
#: What a record may be written into.
_WRITABLE: Final = tuple(kind for kind in TABLE_KINDS if kind != "MATERIALIZED VIEW")
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_]")
_CREDENTIALS: Final = "jdbc.credentials.provider."
_DEFAULT_CREDENTIALS: Final = "io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider"
_DIALECTS: Final = ("", "PostgreSqlDatabaseDialect", "PostgreSqlDatabase")


def _check_zone(value: object) -> None:
    zone_of(str(value))


class SinkConfig(ConnectionConfig):
    """Write records into tables."""

    insert_mode: str = config_key(
        "insert: rows are added; upsert: a row of the same key is replaced; "
        "update: rows of known keys are changed, others left out; multi: as insert.",
        default="insert",
        one_of=("insert", "upsert", "update", "multi"),
        ignore_case=True,
        importance="high",
        group="Writes",
        order=1,
    )
    batch_size: int = config_key(
        "Accepted; a batch is what one fetch brings, and is written in one transaction.",
        default=3000,
        ge=0,
        importance="medium",
        group="Writes",
        order=2,
    )
    delete_enabled: bool = config_key(
        "Whether a tombstone deletes the row of its key; needs pk.mode=record_key.",
        default=False,
        importance="medium",
        group="Writes",
        order=3,
    )
    envelopes: str = config_key(
        "What becomes of Debezium's change events: unwrap, the row in them is written, and a deletion deletes it where "
        "delete.enabled says so; keep, they are objects as others. They are known by their schema, which is called "
        "*.Envelope, or by op, source, and before or after.",
        default="unwrap",
        one_of=("unwrap", "keep"),
        ignore_case=True,
        importance="medium",
        group="Writes",
        order=7,
    )
    truncate_enabled: bool = config_key(
        "Whether a change event of a TRUNCATE empties the table; otherwise it is left out.",
        default=False,
        importance="low",
        group="Writes",
        order=8,
    )
    unavailable_value_placeholder: str = config_key(
        "What stands for a value that a change event's source did not send, a large one that an update left as it was: "
        "the same as there. In upsert and update the column stays as it is; a row that is not there is refused. "
        "Empty: nothing does.",
        default=DEFAULT,
        importance="low",
        group="Writes",
        order=9,
        validators=[check_placeholder],
    )
    table_types: list[str] = config_key(
        "Kinds of tables that may be written to: TABLE, which means partitioned ones too, PARTITIONED TABLE, VIEW, "
        "FOREIGN TABLE. Another kind is refused.",
        default=list(_WRITABLE),
        importance="low",
        group="Writes",
        order=4,
        validators=[check_kinds],
    )
    replace_null_with_default: bool = config_key(
        "Whether a null in a field that has a default in its schema is written as the default.",
        default=True,
        importance="low",
        group="Writes",
        order=5,
    )
    table_name_format: str = config_key(
        "Table of a topic, TABLE or SCHEMA.TABLE; ${topic} stands for the topic's name.",
        default=_TOPIC,
        importance="medium",
        group="Data Mapping",
        order=1,
        non_empty=True,
    )
    pk_mode: str = config_key(
        "What makes a row's key: none; kafka: topic, partition and offset; record_key; record_value.",
        default="none",
        one_of=("none", "kafka", "record_key", "record_value"),
        ignore_case=True,
        importance="high",
        group="Data Mapping",
        order=2,
    )
    pk_fields: list[str] = config_key(
        "Columns of the key. kafka: three names, or none for __connect_topic, __connect_partition, __connect_offset. "
        "record_key: the fields of the key to use, none for all; one name where the key is no struct. "
        "record_value: the fields of the value, none for all.",
        default=[],
        importance="medium",
        group="Data Mapping",
        order=3,
        width="LONG",
    )
    table_name_normalize: bool = config_key(
        "Whether all but letters and digits of ASCII and _ in a topic's name are _ in its table's.",
        default=False,
        importance="low",
        group="Data Mapping",
        order=14,
    )
    topics_to_tables_mapping: list[str] = config_key(
        "Tables of single topics, TOPIC:TABLE or TOPIC:SCHEMA.TABLE; they go before table.name.format.",
        default=[],
        importance="low",
        group="Data Mapping",
        order=15,
    )
    handle_tombstone: bool = config_key(
        "Whether tombstones are passed over; without it, and without delete.enabled, they are bad records.",
        default=False,
        importance="low",
        group="Writes",
        order=6,
    )
    offsets_table_name: str = config_key(
        "Table, TABLE or SCHEMA.TABLE, in which the sink keeps its offsets with delivery.guarantee=exactly-once; "
        "without a schema in that of table.name.format. It is made where it is missing.",
        default="connect_offsets",
        importance="low",
        group="Data Mapping",
        order=6,
        non_empty=True,
    )
    fields_whitelist: list[str] = config_key(
        "Fields of the value to write beside the key's; empty means all.",
        default=[],
        importance="medium",
        group="Data Mapping",
        order=4,
        width="LONG",
    )
    db_timezone: str = config_key(
        "Time zone of columns without one.",
        default="UTC",
        validators=[_check_zone],
        importance="medium",
        group="Data Mapping",
        order=5,
    )
    date_timezone: str = config_key(
        "Accepted; a date has no zone, and is written as it is whatever db.timezone says.",
        default="DB_TIMEZONE",
        one_of=("DB_TIMEZONE", "UTC"),
        ignore_case=True,
        importance="low",
        group="Data Mapping",
        order=7,
    )
    date_calendar_system: str = config_key(
        "Which calendar dates and timestamps before 15 October 1582 were counted by when they were put into the topic: "
        "PROLEPTIC_GREGORIAN, as PostgreSQL and java.time count, or LEGACY, the Julian one, as java.util.Date does.",
        default="PROLEPTIC_GREGORIAN",
        one_of=("PROLEPTIC_GREGORIAN", "LEGACY"),
        ignore_case=True,
        importance="low",
        group="Data Mapping",
        order=8,
    )
    timestamp_fields_list: list[str] = config_key(
        "Fields of the value that hold a timestamp as a number, or as its digits: "
        "microseconds since the epoch, or what timestamp.precision.mode says.",
        default=[],
        importance="medium",
        group="Data Mapping",
        order=9,
    )
    timestamp_precision_mode: str = config_key(
        "What the fields of timestamp.fields.list count. PostgreSQL keeps microseconds.",
        default="microseconds",
        one_of=("microseconds", "nanoseconds"),
        ignore_case=True,
        importance="low",
        group="Data Mapping",
        order=10,
    )
    string_output_value_column_name: str = config_key(
        "Column of values that are a text, as StringConverter reads them, and no object.",
        default="record_value",
        non_empty=True,
        importance="low",
        group="Data Mapping",
        order=11,
    )
    json_value_column_name: str = config_key(
        "Column, of type jsonb or json, that takes each value whole, whatever it is, beside the columns of the key; "
        "empty: each field has its own column.",
        default="",
        importance="low",
        group="Data Mapping",
        order=12,
    )
    long_names: str = config_key(
        "What becomes of names of tables and columns over 63 bytes, which PostgreSQL would cut: refuse; "
        "shorten, to their beginning and a hash of the whole, so that two names stay two.",
        default="refuse",
        one_of=("refuse", "shorten"),
        ignore_case=True,
        importance="low",
        group="Data Mapping",
        order=13,
    )
    auto_create: bool = config_key(
        "Whether a missing table is created.", default=False, importance="medium", group="DDL Support", order=1
    )
    auto_evolve: bool = config_key(
        "Whether missing columns are added. For more, or less, see auto.evolve.policy.",
        default=False,
        importance="medium",
        group="DDL Support",
        order=2,
    )
    auto_evolve_policy: str = config_key(
        "What becomes of records that do not fit their table. "
        "evolve: missing columns are added, types are widened (integers, real, varchar, numeric) and NOT NULL dropped "
        "where a record needs it; freeze: the record is bad; discard_value: fields without a column are left out; "
        "discard_row: records with a value for such a field are left out. "
        "Empty: as auto.evolve says, missing columns are added, or as freeze.",
        default="",
        one_of=("", "evolve", "freeze", "discard_value", "discard_row"),
        ignore_case=True,
        importance="medium",
        group="DDL Support",
        order=4,
    )
    sql_quote_identifiers: bool = config_key(
        "false is quote.sql.identifiers=never.", default=True, importance="low", group="DDL Support", order=5
    )
    dialect_name: str = config_key(
        "Accepted where it names PostgreSQL's dialect; others are refused.",
        default="",
        importance="low",
        group="Database",
        order=7,
    )
    mssql_use_merge_holdlock: bool = config_key(
        "Accepted; it is for SQL Server.", default=True, importance="low", group="DML Support", order=1
    )
    trim_sensitive_log: bool = config_key(
        "Accepted; values of rows are never logged.", default=False, internal=True, importance="low"
    )
    quote_sql_identifiers: str = config_key(
        "ALWAYS: names of tables and columns are taken as they are, with case; "
        "NEVER: as PostgreSQL reads them without quotes, A to Z in small letters.",
        default="ALWAYS",
        one_of=("ALWAYS", "NEVER"),
        ignore_case=True,
        importance="medium",
        group="DDL Support",
        order=3,
    )
    max_retries: int = config_key(
        "How often a write is tried again after a lost connection, deadlock and the like, before the task fails; "
        "-1: until it succeeds.",
        default=-1,
        ge=-1,
        importance="medium",
        group="Retries",
        order=1,
    )
    retry_backoff_ms: int = config_key(
        "Wait before such a try, in ms.", default=3000, ge=0, importance="medium", group="Retries", order=2
    )

    @property
    def key_mode(self) -> str:
        """pk.mode in small letters."""
        return self.pk_mode.lower()

    @property
    def write_mode(self) -> str:
        """insert.mode in small letters: insert, upsert or update."""
        mode = self.insert_mode.lower()
        return "insert" if mode == "multi" else mode

    @property
    def zone(self) -> dt.tzinfo:
        """The zone of columns without one."""
        return zone_of(self.db_timezone)

    def table_of(self, topic: str) -> TableName:
        """Return the table of a topic. Raises `ValueError` where the topic's name makes no table's."""
        name = self.full_name_of(topic)
        if name.count(".") > 1:
            check_database(name, self.database)
        table = TableName.parse(folded(name) if self.folds else name)
        return TableName(shortened(table.name), table.schema) if self.shortens else table

    def full_name_of(self, topic: str) -> str:
        """Return what a topic's table is called before long names are shortened."""
        named = self.tables_by_topic.get(topic)
        if named is not None:
            return named
        return self.table_name_format.replace(_TOPIC, _STRANGE.sub("_", topic) if self.table_name_normalize else topic)

    @property
    def tables_by_topic(self) -> dict[str, str]:
        """The tables that topics.to.tables.mapping names."""
        if not self.topics_to_tables_mapping:
            return {}
        # A topic's name has no ':'.
        return dict(pair.strip().partition(":")[::2] for pair in self.topics_to_tables_mapping)

    @property
    def offsets_table(self) -> TableName:
        """The table of the sink's offsets: in the schema of the rows, where that is the same for all topics."""
        name, rows = self.offsets_table_name, self.table_name_format
        table = TableName.parse(folded(name) if self.folds else name)
        if table.schema is None and _TOPIC not in rows.rpartition(".")[0]:
            return TableName(table.name, self.table_of("topic").schema)
        return table

    @property
    def is_exactly_once(self) -> bool:
        """Whether the config asks for offsets that are kept in the target."""
        return str(self.originals.get("delivery.guarantee") or "").strip().lower() == "exactly-once"

    @property
    def folds(self) -> bool:
        """Whether names are read as without quotes."""
        return self.quote_sql_identifiers.upper() == "NEVER" or not self.sql_quote_identifiers

    @property
    def shortens(self) -> bool:
        """Whether names that are too long are shortened."""
        return self.long_names.lower() == "shorten"

    @property
    def policy(self) -> str:
        """auto.evolve.policy in small letters; 'add' where only auto.evolve is set."""
        return self.auto_evolve_policy.lower() or ("add" if self.auto_evolve else "freeze")

    @property
    def creates_tables(self) -> bool:
        """Whether missing tables are made."""
        return self.auto_create

    @property
    def unwraps(self) -> bool:
        """Whether change events are taken apart; not where a value goes into one column as it is."""
        return self.envelopes.lower() == "unwrap" and not self.json_value_column_name

    @property
    def placeholder(self) -> Placeholder:
        """What stands for values that did not come."""
        return Placeholder(self.unavailable_value_placeholder)

    @property
    def drops_tombstones(self) -> bool:
        """Whether tombstones that delete nothing are left out; otherwise they are errors."""
        return False

    @property
    def adds_columns(self) -> bool:
        """Whether missing columns are added."""
        return self.policy in ("add", "evolve")

    @property
    def is_legacy_calendar(self) -> bool:
        """Whether dates long ago are the Julian calendar's."""
        return self.date_calendar_system.upper() == "LEGACY"

    @property
    def kinds(self) -> tuple[str, ...]:
        """table.types in capitals, as `TABLE_KINDS` has them."""
        return tuple(kind.upper() for kind in self.table_types)

    def problems(self) -> Iterable[Problem]:
        unreachable = list(super().problems())
        yield from unreachable
        is_unreachable = bool(unreachable)
        mode, pk, count = self.write_mode, self.key_mode, len(self.pk_fields)
        if mode != "insert" and pk == "none":
            yield Problem(
                "pk.mode",
                f"insert.mode={mode} needs a key to find rows by: set pk.mode to record_key, record_value or kafka",
            )
        if self.delete_enabled and pk != "record_key":
            yield Problem(
                "delete.enabled",
                "delete.enabled=true needs pk.mode=record_key, since a tombstone has nothing but its key; "
                f"pk.mode is {pk}",
            )
        if pk == "kafka" and count not in (0, 3):
            yield Problem(
                "pk.fields",
                "pk.mode=kafka needs three names in pk.fields, for topic, partition and offset, or none; "
                f"{count} given",
            )
        if pk == "record_value" and mode == "update" and not count:
            yield Problem(
                "pk.fields",
                "insert.mode=update with pk.mode=record_value needs pk.fields: "
                "name the fields of the value that make the key, since with all of them in the key nothing is left "
                "to change",
            )
        if len(set(self.pk_fields)) != count:
            yield Problem("pk.fields", f"pk.fields names a column twice: {', '.join(self.pk_fields)}")
        if self.auto_evolve and self.policy not in ("add", "evolve"):
            yield Problem(
                "auto.evolve.policy",
                f"auto.evolve=true adds columns, and auto.evolve.policy={self.policy} does not: remove one of the two",
            )
        if self.json_value_column_name and self.fields_whitelist:
            yield Problem(
                "fields.whitelist",
                "fields.whitelist chooses fields, and json.value.column.name takes the whole value: remove one of them",
            )
        if self.handle_tombstone and self.delete_enabled:
            yield Problem(
                "handle.tombstone",
                "handle.tombstone=true passes over tombstones, and delete.enabled=true deletes by them: remove one",
            )
        for pair in self.topics_to_tables_mapping:
            topic, _, table = pair.strip().partition(":")
            try:
                if not topic:
                    raise ValueError(f"{pair!r}: TOPIC:TABLE is expected")
                TableName.parse(table)
            except ValueError as error:
                yield Problem("topics.to.tables.mapping", f"topics.to.tables.mapping: {error}")
        if self.dialect_name not in _DIALECTS:
            yield Problem(
                "dialect.name",
                f"dialect.name={self.dialect_name}: this connector speaks to PostgreSQL alone; "
                "remove it, or set PostgreSqlDatabaseDialect",
            )
        if "MATERIALIZED VIEW" in self.kinds:
            yield Problem("table.types", "table.types: nothing can be written into a MATERIALIZED VIEW")
        yield from self._credentials()
        try:
            TableName.parse(self.offsets_table_name, parts_max=2)
        except ValueError as error:
            yield Problem("offsets.table.name", f"offsets.table.name: {error}")
        if "$" in self.table_name_format.replace(_TOPIC, ""):
            yield Problem(
                "table.name.format", f"table.name.format {self.table_name_format!r}: the only placeholder is ${{topic}}"
            )
            return
        try:
            name = re.sub(re.escape(_TOPIC), "topic", self.table_name_format)
            TableName.parse(name)
            if not is_unreachable:
                check_database(name, self.database)
        except ValueError as error:
            yield Problem("table.name.format", f"table.name.format: {error}")

    def _credentials(self) -> Iterable[Problem]:
        """Give each key of a Java class that provides logins: it is not run here, and passing it over would log in as
        another."""
        for name, value in self.originals.items():
            if name.startswith(_CREDENTIALS) and not (name == f"{_CREDENTIALS}class" and value == _DEFAULT_CREDENTIALS):
                yield Problem(
                    name,
                    f"{name}: Java code that provides the login is not run here; use connection.user and "
                    "connection.password, with a config provider where they change",
                )
