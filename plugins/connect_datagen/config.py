"""The connector's keys, and the schema that they come to.

Source of the keys: confluentinc/kafka-connect-datagen, DatagenConnectorConfig.java and its README.
"""

from __future__ import annotations

import difflib
import json
import random
import time
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from connect.api import Config, ConfigError, InvalidConfigError, Problem, config_key, invalid_config, read_file
from connect_datagen import avro, json_schema, model
from connect_datagen.avro import AvroProblem, AvroType
from connect_datagen.clock import Clock, RateProblem, parse_instant, parse_rate
from connect_datagen.columns import Column
from connect_datagen.generate import Compiler
from connect_datagen.json_schema import JsonSchemaProblem
from connect_datagen.model import ModelProblem, Table
from connect_datagen.related import RelatedStream
from connect_datagen.timing import Times

#: The bundled schemas, and the field that is the key.
QUICKSTARTS: Final[Mapping[str, str]] = {
    "campaign_finance": "candidate_id",
    "clickstream": "ip",
    "clickstream_codes": "code",
    "clickstream_users": "user_id",
    "credit_cards": "card_id",
    "device_information": "device_ip",
    "fleet_mgmt_description": "vehicle_id",
    "fleet_mgmt_location": "vehicle_id",
    "fleet_mgmt_sensors": "vehicle_id",
    "gaming_games": "id",
    "gaming_player_activity": "player_id",
    "gaming_players": "player_id",
    "insurance_customer_activity": "activity_id",
    "insurance_customers": "customer_id",
    "insurance_offers": "offer_id",
    "inventory": "id",
    "orders": "orderid",
    "pageviews": "viewtime",
    "payroll_bonus": "employee_id",
    "payroll_employee": "employee_id",
    "payroll_employee_location": "employee_id",
    "pizza_orders": "store_id",
    "pizza_orders_cancelled": "store_id",
    "pizza_orders_completed": "store_id",
    "product": "id",
    "purchases": "id",
    "ratings": "rating_id",
    "shoe_clickstream": "product_id",
    "shoe_customers": "id",
    "shoe_orders": "order_id",
    "shoes": "id",
    "siem_logs": "hostname",
    "stock_trades": "symbol",
    "stores": "store_id",
    "syslog_logs": "host",
    "transactions": "transaction_id",
    "users": "userid",
    "users_": "userid",
}
#: The quickstarts by the names of Confluent's files, which its connector finds without a folder.
FILES: Final[Mapping[str, str]] = {
    **{f"{name}.avro": name for name in QUICKSTARTS},
    **{
        f"{name}_schema.avro": name
        for name in (
            "clickstream", "clickstream_codes", "clickstream_users", "orders", "pageviews", "ratings", "stock_trades",
            "users",
        )
    },
    "purchase.avro": "purchases",
    "users_array_map_schema.avro": "users_",
}  # fmt: skip
#: The largest schema file that is read; schemas in use have some KiB.
SCHEMA_BYTES_MAX: Final = 1 << 20
#: The year 2999, behind which not every reader of a time can count.
MS_MAX: Final = 32_503_680_000_000
_SAMPLE: Final = 200
_SOURCES: Final = ("quickstart", "schema.string", "schema.filename", "model.string", "model.filename")
#: Stands for the name of a table of a model in `kafka.topic`.
TABLE: Final = "{table}"


class DatagenConfig(Config):
    """Make up records: from an Avro schema, a JSON Schema, or a model of related tables."""

    kafka_topic: str = config_key(
        "Topic to write to; with a model {table} stands in it for the name of each table, as in shop.{table}",
        importance="high",
        non_empty=True,
    )
    max_interval: int = config_key(
        "Max interval between messages (ms): each wait is random, up to this; 0 or less means as fast as possible",
        type="LONG",
        importance="high",
        default=500,
    )
    iterations: int = config_key(
        "Number of messages to send from each task, or less than 1 for unlimited", importance="high", default=-1
    )
    schema_string: str = config_key(
        "The literal JSON-encoded Avro schema to use. Cannot be set with schema.filename or quickstart",
        importance="high",
        default="",
    )
    schema_filename: str = config_key(
        "Filename of schema to use. Cannot be set with schema.string or quickstart",
        importance="high",
        default="",
        file="read",
    )
    schema_keyfield: str = config_key(
        "Name of field to use as the message key; a quickstart has its own. Left out: no key",
        importance="high",
        default="",
    )
    quickstart: str = config_key(
        "Name of quickstart to use. Cannot be set with schema.string or schema.filename",
        importance="high",
        default="",
        recommended=tuple(QUICKSTARTS),
    )
    random_seed: int | None = config_key(
        "Numeric seed for generating random data: the same seed makes the same data; each task's differ",
        type="LONG",
        importance="low",
        default=None,
    )
    model_string: str = config_key(
        "A model of related tables, as JSON: each becomes a topic, with keys that refer to each other's",
        importance="medium",
        default="",
    )
    model_filename: str = config_key(
        "Filename of a model of related tables. Cannot be set with model.string",
        importance="medium",
        default="",
        file="read",
    )
    schema_format: str = config_key(
        "What schema.string and schema.filename hold: an Avro schema, or a JSON Schema (draft 2020-12), whose records "
        "have no schema in Connect",
        importance="medium",
        default="avro",
        one_of=("avro", "json"),
        ignore_case=True,
    )
    rate: str = config_key(
        "Records per second of each task, in place of max.interval: 1000, or phases that come again and again "
        "(100 for 50s, 5000 for 10s), or a day's curve with this mean (daily 1000)",
        importance="medium",
        default="",
    )
    time_start: str = config_key(
        "Event time of the first record, as 2025-01-01T00:00:00Z or ms since 1970: later ones follow by the rate, "
        "whatever the clock says. Left out: records have the time at which they are made",
        importance="medium",
        default="",
    )
    time_speedup: float = config_key(
        "How many seconds of the rate pass in one second of the clock; 0 for as fast as possible",
        importance="low",
        default=1.0,
        ge=0,
        le=1e9,
    )
    late_share: float = config_key(
        "Share of the records that come late: their event time is up to late.max.ms older. Needs time.start",
        importance="low",
        default=0.0,
        ge=0,
        le=1,
    )
    late_max_ms: int = config_key(
        "The most by which the event time of a late record is older (ms)",
        type="LONG",
        importance="low",
        default=60_000,
        ge=1,
        le=MS_MAX,
    )

    def problems(self) -> Iterable[Problem]:
        yield from self._time_problems()
        given = [name for name in _SOURCES if self._text_of(name)]
        if len(given) != 1:
            found = f"found {' and '.join(given)}" if given else "found none"
            yield Problem("quickstart", f"Exactly one of {', '.join(_SOURCES)} must be set; {found}")
            return
        if self.is_model:
            yield from self._model_problems()
            return
        if TABLE in self.kafka_topic:
            yield Problem(
                "kafka.topic",
                f"Invalid value {self.kafka_topic} for configuration kafka.topic: {TABLE} is for a model's tables",
            )
            return
        if self.is_json_schema:
            yield from self._json_problems()
            return
        try:
            # To be checked only, so one draw a pool is enough.
            record, _ = self.compile(random.Random(0), 1)
        except InvalidConfigError as error:
            yield from error.problems
            return
        assert record.fields is not None
        if self.schema_keyfield and self.schema_keyfield not in record.fields:
            names = ", ".join(record.fields)
            yield Problem(
                "schema.keyfield",
                f"Invalid value {self.schema_keyfield} for configuration schema.keyfield: "
                f"the schema has no such field; its fields are {names}",
            )

    def _json_problems(self) -> Iterable[Problem]:
        if self.quickstart:
            yield Problem("schema.format", "schema.format json is not for a quickstart, which has a schema of its own")
            return
        try:
            values = self.json_column()(random.Random(0), 0, _SAMPLE)
        except InvalidConfigError as error:
            yield from error.problems
            return
        if self.schema_keyfield and not all(self.schema_keyfield in value for value in values):
            yield Problem(
                "schema.keyfield",
                f"Invalid value {self.schema_keyfield} for configuration schema.keyfield: "
                f"not every value of the schema has it; say that it is required",
            )

    def json_column(self) -> Column:
        """Return the column of the values of a JSON Schema. Blocks where it is in a file.

        Raises:
            InvalidConfigError: The schema cannot be read, is wrong, or cannot be generated.
        """
        source = self._source
        try:
            return json_schema.column(self.schema_string or self._file_text())
        except (JsonSchemaProblem, ConfigError, OSError, UnicodeDecodeError) as error:
            raise invalid_config([Problem(source, self._invalid(source, error))]) from error

    @property
    def is_json_schema(self) -> bool:
        """Whether the schema is a JSON Schema."""
        return self.schema_format.lower() == "json"

    def _time_problems(self) -> Iterable[Problem]:
        try:
            parse_rate(self.rate or "1")
        except RateProblem as error:
            yield Problem("rate", f"Invalid value {self.rate} for configuration rate: {error}")
        if self.time_start:
            yield from self._start_problems()
        elif self.late_share:
            yield Problem(
                "late.share", f"Invalid value {self.late_share} for configuration late.share: time.start is not set"
            )

    def _start_problems(self) -> Iterable[Problem]:
        what = f"Invalid value {self.time_start} for configuration time.start"
        try:
            start_ms = parse_instant(self.time_start)
        except ValueError:
            yield Problem("time.start", f"{what}: expected a time as 2025-01-01T00:00:00Z, or ms since 1970")
            return
        if not 0 <= start_ms <= MS_MAX:
            yield Problem("time.start", f"{what}: expected a time from 1970 to 2999")
        elif not self.rate:
            yield Problem("time.start", f"{what}: rate is not set, by which the times of later records follow")

    def _model_problems(self) -> Iterable[Problem]:
        source = self._source
        try:
            tables = self.tables()
            # To be checked only, so one draw a pool is enough.
            RelatedStream(tables, seed=0, task=0, tasks=1, topic_of=self.topic_of, times=None, pool_count=1)
        except InvalidConfigError as error:
            yield from error.problems
            return
        except (AvroProblem, ConfigError, OSError) as error:
            yield Problem(source, self._invalid(source, error))
            return
        topics = [self.topic_of(table.topic) for table in tables]
        if len(set(topics)) < len(topics):
            hint = f"write {TABLE} for the table's name, as in {self.kafka_topic}-{TABLE}"
            if TABLE in self.kafka_topic:
                hint = "two tables have one 'topic'"
            yield Problem(
                "kafka.topic",
                f"Invalid value {self.kafka_topic} for configuration kafka.topic: "
                f"{len(tables)} tables of the model need a topic each; {hint}",
            )
        timed = [table.name for table in tables if table.time_field is not None]
        if timed and not self.time_start:
            yield Problem(
                "time.start",
                f"time.start is not set; table {timed[0]!r} of the model has a time_field, which holds event times",
            )
        if self.schema_keyfield:
            yield Problem("schema.keyfield", "schema.keyfield is not for a model, whose tables name their keys")

    @property
    def is_model(self) -> bool:
        """Whether the records are those of related tables."""
        return bool(self.model_string or self.model_filename)

    def topic_of(self, table: str) -> str:
        """Return the topic of a table."""
        return self.kafka_topic.replace(TABLE, table)

    def tables(self) -> tuple[Table, ...]:
        """Return the tables of the model. Blocks where it is in a file.

        Raises:
            InvalidConfigError: The model cannot be read, or is wrong.
        """
        source = self._source
        try:
            text = self.model_string or read_file(self.model_filename, max_bytes=SCHEMA_BYTES_MAX).decode()
            return model.parse(text)
        except (ModelProblem, ConfigError, OSError, UnicodeDecodeError) as error:
            raise invalid_config([Problem(source, self._invalid(source, error))]) from error

    @property
    def clock(self) -> Clock | None:
        """The clock of `rate`; None where it is not set."""
        if not self.rate:
            return None
        rate = parse_rate(self.rate)
        start_s = parse_instant(self.time_start) / 1000 if self.time_start else time.time()
        return Clock(rate, start_s if rate.daily else 0.0)

    @property
    def times(self) -> Times | None:
        """The event times; None where records have the time at which they are made."""
        clock = self.clock
        if not self.time_start or clock is None:
            return None
        return Times(parse_instant(self.time_start), clock, self.late_share, self.late_max_ms)

    def compile(self, rng: random.Random, pool_count: int) -> tuple[AvroType, Column]:
        """Return the record's type and the column of its values; for the arguments see `Compiler`.

        Raises:
            InvalidConfigError: The schema cannot be read, is wrong, or cannot be generated.
        """
        source = self._source
        try:
            record = self._record_type()
            return record, Compiler(rng, pool_count).column(record)
        except (AvroProblem, ConfigError, OSError, UnicodeDecodeError) as error:
            raise invalid_config([Problem(source, self._invalid(source, error))]) from error

    @property
    def _source(self) -> str:
        """The key that says what is made."""
        return next(name for name in _SOURCES if self._text_of(name))

    def _invalid(self, source: str, error: Exception) -> str:
        shown = "given" if source.endswith(".string") else self._text_of(source)
        return f"Invalid value {shown} for configuration {source}: {_reason(error)}{self._bundled(source)}"

    def _record_type(self) -> AvroType:
        if self.quickstart:
            name = self.quickstart.lower()
            if name not in QUICKSTARTS:
                near = difflib.get_close_matches(name, QUICKSTARTS, 1)
                hint = f"; the nearest is {near[0]}" if near else ""
                raise AvroProblem(f"quickstarts are {', '.join(QUICKSTARTS)}{hint}")
            return avro.parse(_bundled_schema(name))
        text = self.schema_string or self._file_text()
        try:
            return avro.parse(text)
        except AvroProblem as error:
            if not _is_json_schema(text):
                raise
            raise AvroProblem(f"{error}; is it a JSON Schema? set schema.format=json") from error

    def _file_text(self) -> str:
        try:
            return read_file(self.schema_filename, max_bytes=SCHEMA_BYTES_MAX).decode()
        except FileNotFoundError:
            if self.schema_filename not in FILES:
                raise
            return _bundled_schema(FILES[self.schema_filename])

    def _bundled(self, source: str) -> str:
        """Return a word on the bundled schema that a file's name means, where the file is not there."""
        if source != "schema.filename" or Path(self.schema_filename).exists():
            return ""
        near = difflib.get_close_matches(Path(self.schema_filename).name.lower(), FILES, 1)
        return f"; schemas that are bundled have names of their own: quickstart={FILES[near[0]]}" if near else ""

    @property
    def key_field(self) -> str | None:
        """The name of the field that is the key; None for no key."""
        return self.schema_keyfield or QUICKSTARTS.get(self.quickstart.lower())

    def _text_of(self, name: str) -> str:
        return str(getattr(self, name.replace(".", "_")))


def _bundled_schema(name: str) -> str:
    return resources.files("connect_datagen").joinpath("quickstarts", f"{name}.avsc").read_text("utf-8")


def _is_json_schema(text: str) -> bool:
    """Whether a text that is no Avro schema has the marks of a JSON Schema."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and ("$schema" in found or found.get("type") == "object")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"the file cannot be read: {error.strerror or error}"
    if isinstance(error, ConfigError):
        return error.message
    return f"the file is not UTF-8 text: {error.reason}" if isinstance(error, UnicodeDecodeError) else str(error)
