"""Debezium's keys: none is passed over that would change what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError, InvalidConfigError
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.debezium_keys import ONLY, REFUSED, AcceptedKeys

PLAIN = {"database.hostname": "db", "database.dbname": "shop", "topic.prefix": "p"}
PAGE = Path(__file__).parents[4] / "docs" / "reference" / "connector-postgres-cdc.md"


@pytest.mark.parametrize(
    "key",
    [
        "column.mask.with.12.chars",
        "column.truncate.to.10.chars",
        "converters",
        "snapshot.select.statement.overrides",
        "snapshot.select.statement.overrides.public.orders",
        "replica.identity.autoset.values",
    ],
)
def test_a_key_that_would_change_records_is_refused_with_its_reason(key: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        CdcConfig.parse({**PLAIN, key: "x"})
    [problem] = caught.value.problems
    assert (problem.key, problem.message.startswith(f"{key} is not supported: ")) == (key, True)


@pytest.mark.parametrize(("key", "value"), [("flush.lsn.source", "false"), ("lsn.flush.mode", "manual")])
def test_a_value_that_cannot_be_heeded_is_refused(key: str, value: str) -> None:
    with pytest.raises(InvalidConfigError, match="the slot would never advance"):
        CdcConfig.parse({**PLAIN, key: value})


@pytest.mark.parametrize(
    ("value", "today"), [("exported", "initial"), ("EXPORTED", "initial"), ("schema_only", "no_data")]
)
def test_a_word_of_former_versions_is_answered_with_todays(value: str, today: str) -> None:
    with pytest.raises(ConfigError, match=f"write {today}"):
        CdcConfig.parse({**PLAIN, "snapshot.mode": value})


def test_a_refused_key_is_told_also_where_another_is_wrong() -> None:
    keys = {**PLAIN, "max.batch.size": "many", "column.mask.with.5.chars": "public.t.name", "database.port": "x"}
    wrong = {name for name, value in CdcConfig.values(keys).items() if value.errors}
    assert wrong == {"max.batch.size", "column.mask.with.5.chars", "database.port"}
    with pytest.raises(ConfigError, match="MaskField"):
        CdcConfig.parse(keys)


def test_keys_that_change_nothing_are_taken() -> None:
    values = dict.fromkeys(AcceptedKeys.keys(), "1")
    fine = {name: allowed.split()[0] for name, (allowed, _) in ONLY.items()}
    assert CdcConfig.parse({**PLAIN, **values, **fine}).topic_prefix == "p"


def test_every_key_is_on_the_page() -> None:
    text = PAGE.read_text()
    missing = [name for name in (*CdcConfig.keys(), *REFUSED, *ONLY) if f"`{name}" not in text]
    assert missing == []
