"""The sink connector's keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

from connect.api import Problem, config_key
from connect_postgres.connection import ConnectionConfig
from connect_postgres.names import TableName, check_database, folded
from connect_postgres.source_config import check_zone

#: Columns of pk.mode=kafka where pk.fields names none.
KAFKA_COLUMNS: Final = ("__connect_topic", "__connect_partition", "__connect_offset")
_TOPIC: Final = "${topic}"


class SinkConfig(ConnectionConfig):
    """Write records into tables."""

    insert_mode: str = config_key(
        "insert: rows are added; upsert: a row of the same key is replaced; "
        "update: rows of known keys are changed, others left out.",
        default="insert",
        one_of=("insert", "upsert", "update"),
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
        validators=[check_zone],
        importance="medium",
        group="Data Mapping",
        order=5,
    )
    auto_create: bool = config_key(
        "Whether a missing table is created.", default=False, importance="medium", group="DDL Support", order=1
    )
    auto_evolve: bool = config_key(
        "Whether missing columns are added; nothing else of a table is ever changed.",
        default=False,
        importance="medium",
        group="DDL Support",
        order=2,
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
        """insert.mode in small letters."""
        return self.insert_mode.lower()

    @property
    def zone(self) -> ZoneInfo:
        """The zone of columns without one."""
        return ZoneInfo(self.db_timezone)

    def table_of(self, topic: str) -> TableName:
        """Return the table of a topic. Raises `ValueError` where the topic's name makes no table's."""
        name = self.table_name_format.replace(_TOPIC, topic)
        if name.count(".") > 1:
            check_database(name, self.database)
        return TableName.parse(folded(name) if self.folds else name)

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
        return self.quote_sql_identifiers.upper() == "NEVER"

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
        if pk == "record_value" and mode != "insert" and not count:
            yield Problem(
                "pk.fields",
                f"insert.mode={mode} with pk.mode=record_value needs pk.fields: "
                "name the fields of the value that make the key, since with all of them in the key nothing is left "
                "to change",
            )
        if pk == "none" and count:
            yield Problem(
                "pk.fields",
                "pk.fields has no meaning with pk.mode=none: "
                "set pk.mode to record_key, record_value or kafka, or remove pk.fields",
            )
        if len(set(self.pk_fields)) != count:
            yield Problem("pk.fields", f"pk.fields names a column twice: {', '.join(self.pk_fields)}")
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
