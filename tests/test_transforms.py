from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connect import transforms
from connect.api import ConfigError, DataError, Headers, Record, Schema, Transform, hookimpl
from connect.runtime.plugins import PluginHost
from connect.transforms import Chain

MASK = {"transforms": "mask", "transforms.mask.type": "MaskField$Value", "transforms.mask.fields": "card"}
TOMBSTONES = {
    "transforms": "drop",
    "transforms.drop.type": "org.apache.kafka.connect.transforms.Filter",
    "transforms.drop.predicate": "deleted",
    "predicates": "deleted",
    "predicates.deleted.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
}


def test_a_whole_connectors_config_makes_a_chain_and_what_is_given_stays_as_it_was() -> None:
    chain = Chain({"name": "orders", "connector.class": "JdbcSink", "tasks.max": "2", "topics": "o", **MASK})
    given = {"id": 1, "card": "4111"}
    assert (chain.value(given), given) == ({"id": 1, "card": ""}, {"id": 1, "card": "4111"})


def test_transforms_come_one_after_the_other() -> None:
    more = {**MASK, "transforms": "mask,hoist", "transforms.hoist.type": "HoistField$Value"}
    assert Chain({**more, "transforms.hoist.field": "order"}).value({"card": "4111"}) == {"order": {"card": ""}}


def test_one_transform_is_made_of_its_own_keys() -> None:
    route = Chain.of("RegexRouter", {"regex": "shop_(.*)", "replacement": "$1"})
    assert route.record(Record("shop_orders", 1)) == Record("orders", 1)


def test_a_record_that_a_predicate_chooses_is_dropped_and_the_others_keep_their_order() -> None:
    given = [Record("t", n if n % 3 else None, key=n) for n in range(10)]
    with Chain(TOMBSTONES) as chain:
        assert chain.value(None, key=1) is None
        assert [record.key for record in chain.records(given, batch_size=4)] == [1, 2, 4, 5, 7, 8]


def test_what_a_transform_looks_at_beside_the_value_is_given_by_name() -> None:
    insert = Chain.of("InsertField$Value", {"topic.field": "topic", "timestamp.field": "at"})
    made = insert.value({"id": 1}, topic="orders", timestamp=1_706_704_200_000)
    assert made["topic"] == "orders"
    header = Chain.of("HeaderFrom$Value", {"fields": "id", "headers": "id", "operation": "copy"})
    changed = header.record(Record("t", {"id": 7}, headers=Headers()))
    assert changed is not None
    assert changed.headers is not None
    assert changed.headers.last("id") == ("id", 7, None)
    cast = Chain.of("Cast$Value", {"spec": "int32"})
    assert cast.value("12", schema=Schema("string")) == 12


def test_a_bad_record_is_an_error_behind_those_before_it() -> None:
    chain = Chain.of("Cast$Value", {"spec": "id:int32"})
    records: Iterator[Record] = chain.records([Record("t", {"id": text}) for text in ("1", "2", "x", "4")])
    assert [next(records).value, next(records).value] == [{"id": 1}, {"id": 2}]
    with pytest.raises(DataError, match="x"):
        next(records)


@pytest.mark.parametrize(
    ("config", "at"),
    [
        ({"transforms": "mask"}, "transforms.mask.type"),
        ({**MASK, "transforms.mask.type": "MaskFeld$Value"}, "transforms.mask.type"),
        ({**MASK, "transforms.mask.fields": ""}, "transforms.mask.fields"),
        ({**TOMBSTONES, "predicates": ""}, "transforms.drop.predicate"),
        ({"transforms": "p", "transforms.p.type": "connect.transforms.Python"}, "transforms.p.type"),
    ],
)
def test_a_config_that_is_wrong_is_refused_with_the_key(config: dict[str, str], at: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Chain(config)
    assert at in f"{raised.value.config_path} {raised.value.message}"


def test_functions_of_files_run_where_that_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "fix.py").write_text("def fix(record):\n    return record.replace(value=record.value + 1)\n")
    chain = Chain.of("connect.transforms.Python", {"function": f"{tmp_path}/fix.py:fix"}, allow_python=True)
    assert chain.value(1) == 2


def test_a_transform_of_an_installed_plugin_is_found_and_closed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []

    class Loud(Transform):
        class_name = "org.example.Loud"

        def apply(self, record: Record) -> Record:
            return record.replace(value=f"{record.value}!")

        def close(self) -> None:
            closed.append(1)

    class Plugin:
        @hookimpl
        def connect_transforms(self) -> list[type[Transform]]:
            return [Loud]

    host = PluginHost()
    host.register(Plugin(), "loud")
    monkeypatch.setattr(transforms, "_installed", lambda: host)
    with Chain.of("Loud") as chain:
        assert chain.value("hey") == "hey!"
        chain.close()
    assert closed == [1]


def test_a_chain_of_bundled_transforms_loads_no_connector() -> None:
    code = (
        "import sys; from connect.transforms import Chain; Chain.of('MaskField$Value', {'fields': 'a'}); "
        "print([m for m in ('connect_postgres', 'connect_file', 'asyncpg', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
