"""ByLogicalTableRouter: change events of several tables in one topic."""

from __future__ import annotations

import pytest

from connect.api import STRING, Batch, ConfigError, DataError
from tests.support.transforms import make_transform
from tests.transforms.debezium.events import ANN, CREATE, ENVELOPE, record

SHARDS = {"topic_regex": "shop\\.(.*)", "topic_replacement": "all.$1"}


def test_the_topic_the_key_and_the_schemas_are_the_logical_tables() -> None:
    made = make_transform("ByLogicalTableRouter", **SHARDS).apply(record(CREATE))
    assert made is not None
    assert (made.topic, made.key) == ("all.orders", {"id": 1, "__dbz__physicalTableIdentifier": "shop.orders"})
    assert made.key_schema is not None
    assert made.value_schema is not None
    assert (made.key_schema.name, made.value_schema.name) == ("all.orders.Key", "all.orders.Envelope")
    assert {f.schema.name for f in made.value_schema.fields[:2]} == {"all.orders.Value"}
    assert made.value is CREATE


def test_schemas_are_named_by_the_topic_of_each_record() -> None:
    router = make_transform("ByLogicalTableRouter", **SHARDS)
    names = []
    for topic in ("shop.a", "shop.b", "shop.a"):
        made = router.apply(record(CREATE).replace(topic=topic))
        assert made is not None
        assert made.value_schema is not None
        names.append(made.value_schema.name)
    assert names == ["all.a.Envelope", "all.b.Envelope", "all.a.Envelope"]


def test_a_row_without_key_and_a_tombstone_go_the_same_way() -> None:
    router = make_transform("ByLogicalTableRouter", **SHARDS)
    batch = Batch("shop.orders", [CREATE, None], keys=[None, {"id": 1}], value_schema=ENVELOPE,
                  key_schema=record(CREATE).key_schema)  # fmt: skip
    made = router.apply_batch(batch)
    assert isinstance(made, list)
    assert [(part.topic, part.key_column()[0] is None, part.key_schema is None) for part in made] == [
        ("all.orders", True, True),
        ("all.orders", False, False),
    ]


def test_what_is_not_matched_passes_and_an_empty_name_is_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    given = record(CREATE)
    assert make_transform("ByLogicalTableRouter", topic_regex="x", topic_replacement="y").apply(given) == given
    empty = make_transform("ByLogicalTableRouter", topic_regex="(x?).*", topic_replacement="$1")
    assert empty.apply(given) == given
    assert "make an empty name of topic shop.orders: it is kept" in caplog.text


def test_configs_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"key\.field\.replacement must be non-empty if key\.field\.regex is set"):
        make_transform("ByLogicalTableRouter", **SHARDS, key_field_regex="a")
    with pytest.raises(ConfigError, match=r"Invalid value \( for configuration key\.field\.regex"):
        make_transform("ByLogicalTableRouter", **SHARDS, key_field_regex="(", key_field_replacement="x")
    with pytest.raises(DataError, match="a key without schema"):
        make_transform("ByLogicalTableRouter", **SHARDS).apply(record(CREATE, key=ANN, key_schema=None))
    with pytest.raises(DataError, match="Only Struct objects supported"):
        make_transform("ByLogicalTableRouter", **SHARDS).apply(record(CREATE, key="k", key_schema=STRING))
