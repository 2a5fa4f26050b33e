"""Debezium's JDBC sink by its class name and keys: the sink of this package, told in Debezium's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from connect.api import Problem, config_key
from connect_postgres.sink import JdbcSinkConnector, JdbcSinkTask
from connect_postgres.sink_config import SinkConfig
from connect_postgres.source_config import check_zone
from connect_postgres.version import VERSION

#: What takes the place of a key in what is said of the config.
_WORDS: Final = {
    "pk.mode": "primary.key.mode",
    "pk.fields": "primary.key.fields",
    "table.name.format": "collection.name.format",
    "fields.whitelist": "field.include.list",
    "db.timezone": "use.time.zone",
    "connection.user": "connection.username",
    "max.retries": "flush.max.retries",
    "retry.backoff.ms": "flush.retry.delay.ms",
}
_WORD: Final = re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, _WORDS)) + r")(?![\w.])")
#: Keys `connection.NAME` that are no parameters of the driver.
_NO_PARAMETERS: Final = (
    "username", "provider", "pool.min_size", "pool.max_size", "pool.timeout", "restart.on.errors",
)  # fmt: skip
#: Java code that names tables and columns: none is run here but what Debezium does where nothing is set.
_STRATEGIES: Final = ("collection.naming.strategy", "table.naming.strategy", "column.naming.strategy")
_DEFAULT_STRATEGY: Final = re.compile(r"(.*\.)?Default(Collection|Table|Column)NamingStrategy")


class DebeziumSinkConfig(SinkConfig):
    """Write change events, or rows, into tables."""

    connection_user: str | None = config_key(
        "User.", name="connection.username", default=None, importance="high", group="Connection"
    )
    pk_mode: str = config_key(
        "What makes a row's key: none; kafka: topic, partition and offset; record_key; record_value.",
        name="primary.key.mode",
        default="none",
        one_of=("none", "kafka", "record_key", "record_value"),
        ignore_case=True,
        importance="high",
        group="Data Mapping",
    )
    pk_fields: list[str] = config_key(
        "Columns of the key: three names for kafka; for record_key and record_value the fields to use, none for all.",
        name="primary.key.fields",
        default=[],
        group="Data Mapping",
        width="LONG",
    )
    table_name_format: str = config_key(
        "Table of a topic, TABLE or SCHEMA.TABLE; ${topic} stands for the topic's name, with underscores for its "
        "points.",
        name="collection.name.format",
        formerly=["table.name.format"],
        default="${topic}",
        group="Data Mapping",
        non_empty=True,
    )
    fields_whitelist: list[str] = config_key(
        "Fields of the row to write beside the key's; empty means all.",
        name="field.include.list",
        default=[],
        group="Data Mapping",
        width="LONG",
    )
    field_exclude_list: list[str] = config_key(
        "Refused: the transform ReplaceField$Value with exclude leaves fields out, behind ExtractNewRecordState.",
        default=[],
        importance="low",
        group="Data Mapping",
    )
    db_timezone: str = config_key(
        "Time zone of columns without one.",
        name="use.time.zone",
        formerly=["database.time_zone"],
        default="UTC",
        validators=[check_zone],
        group="Data Mapping",
    )
    schema_evolution: str = config_key(
        "none: tables stay as they are; basic: missing tables and columns are added.",
        default="none",
        one_of=("none", "basic"),
        ignore_case=True,
        group="DDL Support",
    )
    quote_identifiers: bool = config_key(
        "Whether names of tables and columns are taken as they are, with case; "
        "otherwise as PostgreSQL reads them without quotes, A to Z in small letters.",
        default=False,
        group="DDL Support",
    )
    max_retries: int = config_key(
        "How often a write is tried again after a lost connection, deadlock and the like; -1: until it succeeds.",
        name="flush.max.retries",
        default=5,
        ge=-1,
        importance="low",
        group="Retries",
    )
    retry_backoff_ms: int = config_key(
        "Wait before such a try, in ms.",
        name="flush.retry.delay.ms",
        default=1000,
        ge=0,
        importance="low",
        group="Retries",
    )
    use_reduction_buffer: bool = config_key(
        "Accepted; of equal keys in a batch the last counts anyway.", default=False, importance="low", group="Writes"
    )
    connection_restart_on_errors: bool = config_key(
        "Accepted; a lost connection is always made anew.", default=False, importance="low", group="Connection"
    )
    connection_pool_min_size: int = config_key(
        "Accepted; each task has one connection.", name="connection.pool.min_size", default=5, importance="low"
    )
    connection_pool_max_size: int = config_key(
        "Accepted; each task has one connection.", name="connection.pool.max_size", default=32, importance="low"
    )
    connection_pool_timeout: int = config_key("Accepted; each task has one connection.", default=1800, importance="low")

    @property
    def driver_parameters(self) -> dict[str, str]:
        return {name: value for name, value in super().driver_parameters.items() if name not in _NO_PARAMETERS}

    @property
    def folds(self) -> bool:
        return not self.quote_identifiers

    @property
    def creates_tables(self) -> bool:
        return self.auto_create or self.schema_evolution.lower() == "basic"

    @property
    def policy(self) -> str:
        policy = super().policy
        return "add" if policy == "freeze" and self.schema_evolution.lower() == "basic" else policy

    @property
    def drops_tombstones(self) -> bool:
        return not self.delete_enabled

    def full_name_of(self, topic: str) -> str:
        return super().full_name_of(topic.replace(".", "_"))

    def problems(self) -> Iterable[Problem]:
        for problem in super().problems():
            yield Problem(_in_debeziums_words(problem.key), _in_debeziums_words(problem.message))
        if self.field_exclude_list:
            yield Problem(
                "field.exclude.list",
                "field.exclude.list is not read here: leave fields out with the transforms ExtractNewRecordState and, "
                "behind it, ReplaceField$Value with exclude",
            )
        for name in self.fields_whitelist:
            if ":" in name:
                yield Problem(
                    "field.include.list",
                    f"field.include.list {name!r}: fields of one topic alone are not told apart here; "
                    "give each topic a connector of its own, or name the fields without topic",
                )
        for key in _STRATEGIES:
            given = self.originals.get(key)
            if given and _DEFAULT_STRATEGY.fullmatch(str(given)) is None:
                yield Problem(
                    key,
                    f"{key}={given}: Java code that names tables and columns is not run here; name tables with "
                    "collection.name.format, topics with RegexRouter, and columns with ReplaceField$Value",
                )


def _in_debeziums_words(text: str) -> str:
    return _WORD.sub(lambda match: _WORDS[match[0]], text)


class DebeziumSinkTask(JdbcSinkTask):
    """The task of Debezium's keys."""

    config_class = DebeziumSinkConfig


class DebeziumSinkConnector(JdbcSinkConnector):
    """Write topics into PostgreSQL tables: the keys of Debezium's JDBC sink."""

    config_class = DebeziumSinkConfig
    class_name = "io.debezium.connector.jdbc.JdbcSinkConnector"
    aliases = ()
    version = VERSION
    task_class = DebeziumSinkTask
