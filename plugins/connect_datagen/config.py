"""The connector's keys, and the schema that they come to.

Source of the keys: confluentinc/kafka-connect-datagen, DatagenConnectorConfig.java and its README.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from connect.api import Config, ConfigError, InvalidConfigError, Problem, config_key, invalid_config, read_file
from connect_datagen import avro
from connect_datagen.avro import AvroProblem, AvroType
from connect_datagen.columns import Column
from connect_datagen.generate import Compiler

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
_SOURCES: Final = ("quickstart", "schema.string", "schema.filename")


class DatagenConfig(Config):
    """Make up records from an Avro schema."""

    kafka_topic: str = config_key("Topic to write to", importance="high", non_empty=True)
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

    def problems(self) -> Iterable[Problem]:
        given = [name for name in _SOURCES if self._text_of(name)]
        if len(given) != 1:
            found = f"found {' and '.join(given)}" if given else "found none"
            yield Problem("quickstart", f"Exactly one of {', '.join(_SOURCES)} must be set; {found}")
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

    def compile(self, rng: random.Random, pool_count: int) -> tuple[AvroType, Column]:
        """Return the record's type and the column of its values; for the arguments see `Compiler`.

        Raises:
            InvalidConfigError: The schema cannot be read, is wrong, or cannot be generated.
        """
        source = next(name for name in _SOURCES if self._text_of(name))
        try:
            record = self._record_type()
            return record, Compiler(rng, pool_count).column(record)
        except (AvroProblem, ConfigError, OSError, UnicodeDecodeError) as error:
            shown = self._text_of(source) if source != "schema.string" else "given"
            message = f"Invalid value {shown} for configuration {source}: {_reason(error)}{self._bundled(source)}"
            raise invalid_config([Problem(source, message)]) from error

    def _record_type(self) -> AvroType:
        if self.quickstart:
            name = self.quickstart.lower()
            if name not in QUICKSTARTS:
                near = difflib.get_close_matches(name, QUICKSTARTS, 1)
                hint = f"; the nearest is {near[0]}" if near else ""
                raise AvroProblem(f"quickstarts are {', '.join(QUICKSTARTS)}{hint}")
            return avro.parse(_bundled_schema(name))
        return avro.parse(self.schema_string or self._file_text())

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


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"the file cannot be read: {error.strerror or error}"
    if isinstance(error, ConfigError):
        return error.message
    return f"the file is not UTF-8 text: {error.reason}" if isinstance(error, UnicodeDecodeError) else str(error)
