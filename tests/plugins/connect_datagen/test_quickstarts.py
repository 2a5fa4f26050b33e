"""The bundled schemas: each makes records that it admits, the same ones for a seed, and goes on after a restart."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, Schema
from connect_converters import JsonConverter
from connect_datagen import DatagenConnector
from connect_datagen.config import QUICKSTARTS, DatagenConfig
from tests.support.converters import make_converter
from tests.support.tasks import poll, source_task

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connector-datagen.md"
SCHEMAS = resources.files("connect_datagen").joinpath("quickstarts")

#: Records that show most options; that nothing depends on where blocks and batches end is test_connector.py's.
SOME = 150

each = pytest.mark.parametrize("name", QUICKSTARTS)


def config(name: str, **more: str) -> dict[str, str]:
    return {"kafka.topic": "made", "max.interval": "0", "random.seed": "7", "quickstart": name, **more}


def declared(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMAS.joinpath(f"{name}.avsc").read_text("utf-8"))
    return schema


def in_bytes(batches: list[Batch]) -> list[bytes | None]:
    """Return keys and values as they come into a topic."""
    converter = make_converter(JsonConverter)
    written: list[bytes | None] = []
    for batch in batches:
        assert batch.keys is not None
        keys = converter.encode(batch.topic, batch.key_schema, batch.keys)
        values = converter.encode(batch.topic, batch.value_schema, batch.values)
        written += [part for pair in zip(keys, values, strict=True) for part in pair]
    return written


async def batches(name: str, *, records: int, offsets: Any = (), **more: str) -> list[Batch]:
    """Return what a task makes until it has made so many records in all."""
    task = await source_task(DatagenConnector, config(name, iterations=str(records), **more), offsets)
    made: list[Batch] = []
    while not made or made[-1].source_offset["current.iteration"] < records:  # type: ignore[index]
        made += await poll(task)
    return made


def test_there_is_a_schema_for_each_name_and_none_besides() -> None:
    assert {file.name for file in SCHEMAS.iterdir()} == {f"{name}.avsc" for name in QUICKSTARTS}
    assert len(QUICKSTARTS) == 38


@each
async def test_its_records_are_such_as_its_schema_admits(name: str) -> None:
    (batch,) = await batches(name, records=SOME)
    assert isinstance(batch.value_schema, Schema)
    assert isinstance(batch.key_schema, Schema)
    assert batch.keys == [value[QUICKSTARTS[name]] for value in batch.values]
    for key, value in zip(batch.keys, batch.values, strict=True):
        batch.key_schema.validate(key)
        batch.value_schema.validate(value)
        assert list(value) == [member["name"] for member in declared(name)["fields"]]


@each
async def test_the_same_seed_makes_the_same_bytes_and_a_restart_goes_on_in_them(name: str) -> None:
    whole = in_bytes(await batches(name, records=SOME))
    first = await batches(name, records=SOME // 3)
    offsets = [(first[-1].source_partition, first[-1].source_offset)]
    # Another seed in the config, so that going on can only come from the offset's.
    rest = await batches(name, records=SOME, offsets=offsets, **{"random.seed": "8"})
    assert in_bytes(first) + in_bytes(rest) == whole


@each
def test_it_stands_on_the_page_with_its_key_and_fields(name: str) -> None:
    (line,) = re.findall(rf"^\| `{name}` \| `(\w+)` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert line[0] == QUICKSTARTS[name]
    named = re.findall(r"`(\w+)`", line[1])
    assert [field["name"] for field in declared(name)["fields"] if field["name"] not in named] == []


@each
def test_it_runs_as_a_schema_of_ones_own_too(name: str) -> None:
    text = SCHEMAS.joinpath(f"{name}.avsc").read_text("utf-8")
    assert DatagenConfig.parse({"kafka.topic": "t", "schema.string": text}).key_field is None


def values_of(name: str, field: str) -> set[Any]:
    """Return the values that a quickstart may give a field, which its options list."""
    schema = declared(name)
    whole = schema.get("arg.properties", {}).get("options")
    if whole is not None:
        return {record[field] for record in whole}
    (found,) = [member["type"] for member in schema["fields"] if member["name"] == field]
    if "range" in found["arg.properties"]:
        bounds = found["arg.properties"]["range"]
        return set(range(bounds["min"], bounds["max"]))
    return set(found["arg.properties"]["options"])


@pytest.mark.parametrize(
    ("name", "field", "other", "key"),
    [
        ("gaming_player_activity", "player_id", "gaming_players", "player_id"),
        ("gaming_player_activity", "game_room_id", "gaming_games", "id"),
        ("insurance_customer_activity", "customer_id", "insurance_customers", "customer_id"),
        ("payroll_bonus", "employee_id", "payroll_employee", "employee_id"),
        ("payroll_employee_location", "employee_id", "payroll_employee", "employee_id"),
        ("shoe_clickstream", "product_id", "shoes", "id"),
        ("shoe_clickstream", "user_id", "shoe_customers", "id"),
        ("shoe_orders", "customer_id", "shoe_customers", "id"),
        ("shoe_orders", "product_id", "shoes", "id"),
        ("siem_logs", "hostname", "device_information", "device_ip"),
        ("transactions", "card_id", "credit_cards", "card_id"),
        ("transactions", "store_id", "stores", "store_id"),
    ],
)
def test_what_people_join_has_its_other_side(name: str, field: str, other: str, key: str) -> None:
    assert values_of(name, field) <= values_of(other, key)


def test_the_codes_of_the_clickstream_have_their_words() -> None:
    assert {int(status) for status in values_of("clickstream", "status")} == values_of("clickstream_codes", "code")
