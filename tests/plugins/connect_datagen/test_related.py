"""Streams of related tables: each key that is referred to is there, and a stream goes on where it was."""

import functools
import itertools
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect_datagen import model
from connect_datagen.clock import Clock, parse_rate
from connect_datagen.related import RelatedStream
from connect_datagen.timing import Times

SHOP = {
    "products": {
        "count": 2500,
        "updates": {"per_row": 1.5, "within": 40},
        "fields": [{"name": "price", "type": "int"}],
    },
    "customers": {
        "key": {"field": "id", "start": 100, "prefix": "C"},
        "fields": [{"name": "city", "type": "string"}, {"name": "n", "type": "int"}],
        "updates": {"per_row": 0.5, "within": 300, "fields": ["city"]},
        "deletes": {"share": 0.3, "within": 500},
    },
    "orders": {
        "rows": 5,
        "references": {"customer_id": {"table": "customers", "pick": "zipf"}, "product_id": "products"},
        "fields": [{"name": "status", "type": "string"}],
        "updates": {"per_row": 2, "within": 60},
        "time_field": "at",
        "operation_field": "op",
    },
    "payments": {"rows": 4.5, "references": {"order_id": "orders"}, "deletes": {"share": 0.1, "within": 9}},
}


TIMES = Times(1_700_000_000_000, Clock(parse_rate("1000")))


def stream(declared=SHOP, *, seed=7, task=0, tasks=1, times=TIMES):
    tables = model.parse(json.dumps({"tables": declared}))
    return RelatedStream(tables, seed=seed, task=task, tasks=tasks, topic_of=str, times=times, pool_count=5)


def records(stream, until, *, step=0, cut=lambda: 10_000):
    """Return topic, key, value and time of each record from one step up to another."""
    found = []
    while step < until:
        batches, step = stream.batches(step, min(cut(), until - step))
        for batch in batches:
            if batch.value_schema is not None:
                for value in batch.values:
                    batch.value_schema.validate(value)
            times = batch.timestamps or [None] * len(batch)
            found += zip([batch.topic] * len(batch), batch.keys, batch.values, times, strict=True)
    return found


def by_topic(found):
    return {topic: [record for record in found if record[0] == topic] for topic in SHOP}


def replay(found):
    """Play records into tables in the order of their times; every reference must hold after each of them."""
    tables = {name: {} for name in SHOP}
    refer = {"orders": {"customer_id": "customers", "product_id": "products"}, "payments": {"order_id": "orders"}}
    children = {name: {} for name in SHOP}
    for topic, key, value, _ in found:
        table = tables[topic]
        old = table.get(key)
        if value is None or value.get("op") == "d":
            assert old is not None or topic == "orders", "a row is deleted that is not there"
            assert not children[topic].get(key), "a row is deleted that others refer to"
            table.pop(key, None)
        else:
            table[key] = value
        for field, parent in refer.get(topic, {}).items():
            if old is not None:
                children[parent][old[field]] -= 1
            if key in table:
                assert table[key][field] in tables[parent], "a row refers to one that is not there"
                children[parent][table[key][field]] = children[parent].get(table[key][field], 0) + 1
    return tables


@pytest.mark.slow
def test_each_reference_holds_after_each_record():
    # In a step rows come parents first and deletes children first; slow enough that no two have one time.
    slow = Times(1_700_000_000_000, Clock(parse_rate("1")))
    in_order = sorted(records(stream(times=slow), 1500), key=lambda record: record[3])
    tables = replay(in_order)
    assert len(tables["products"]) == 2500
    assert 800 < len(tables["customers"]) < 1400
    assert any(record[2] is None for record in in_order if record[0] == "payments")


def test_an_update_changes_the_fields_it_names_and_no_others():
    rows = {}
    updates = 0
    for topic, key, value, _ in records(stream(), 1000):
        if topic == "customers" and value is not None:
            if key in rows:
                updates += 1
                assert value["n"] == rows[key]["n"]
                assert value["city"] != rows[key]["city"]
            rows[key] = value
    assert updates > 200


def test_an_operation_field_says_what_happened_and_a_delete_is_a_record_and_a_tombstone():
    orders = by_topic(records(stream(), 800))["orders"]
    assert {value["op"] for _, _, value, _ in orders if value is not None} == {"c", "u", "d"}
    for before, after in itertools.pairwise(orders):
        if before[2] is not None and before[2]["op"] == "d":
            assert after[1:3] == (before[1], None)


@functools.cache
def whole_stream(until):
    return by_topic(records(stream(), until))


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000), start=st.integers(0, 600))
def test_a_stream_is_the_same_however_it_is_cut_and_wherever_it_is_begun(seed, start):
    rng = random.Random(seed)
    first = records(stream(), start, cut=lambda: rng.randint(1, 50))
    rest = records(stream(), 650, step=start, cut=lambda: rng.randint(1, 300))
    assert by_topic(first + rest) == whole_stream(650)


def test_another_seed_makes_another_stream():
    assert records(stream(seed=8), 50) != records(stream(), 50)


@pytest.mark.slow
def test_tasks_share_the_keys_and_refer_to_rows_of_their_own():
    shares = [by_topic(records(stream(task=task, tasks=3), 400)) for task in range(3)]
    for topic in SHOP:
        keys = [{key for _, key, _, _ in share[topic]} for share in shares]
        assert not keys[0] & keys[1] | keys[0] & keys[2] | keys[1] & keys[2]
    assert set().union(*({key for _, key, _, _ in share["products"]} for share in shares)) == set(range(1, 2501))
    for share in shares:
        own = {key for _, key, _, _ in share["customers"]}
        assert {value["customer_id"] for _, _, value, _ in share["orders"] if value} <= own


def test_event_times_advance_with_the_records_and_the_field_holds_them():
    found = records(stream(), 1000)
    times = [time for _, _, _, time in found]
    assert min(times) == 1_700_000_000_000
    # 1000 a second, in the mean
    assert (max(times) - min(times)) / 1000 == pytest.approx(len(found) / 1000, rel=0.2)
    for _, _, value, time in by_topic(found)["orders"]:
        if value is not None:
            assert int(value["at"].timestamp() * 1000) == time
    for own in by_topic(found).values():
        assert [record[3] for record in own] == sorted(record[3] for record in own)


def test_late_records_are_older_than_their_neighbours():
    late = Times(1_700_000_000_000, Clock(parse_rate("1000")), 0.1, 60_000)
    pairs = list(zip(records(stream(), 300), records(stream(times=late), 300), strict=True))
    behind = [plain[3] - later[3] for plain, later in pairs]
    assert all(0 <= ms <= 60_000 for ms in behind)
    assert sum(ms > 0 for ms in behind) == pytest.approx(0.1 * len(pairs), rel=0.2)


def test_tables_that_are_there_from_the_start_alone_come_to_an_end():
    plain = stream({"a": {"count": 2500}})
    assert plain.steps == 3
    assert [key for _, key, _, _ in records_of(plain)] == list(range(1, 2501))


def records_of(stream):
    found, step = [], 0
    while step < stream.steps:
        batches, step = stream.batches(step, 10)
        found += [(b.topic, k, v, None) for b in batches for k, v in zip(b.keys, b.values, strict=True)]
    return found


@pytest.mark.slow
def test_what_waits_is_bounded_by_the_window_of_the_model():
    made = stream()
    records(made, 3000)
    assert max(made._due) - min(made._due) <= 500
    assert sum(map(len, made._due.values())) < 20_000


def test_loading_takes_as_long_as_its_rows():
    made = stream({"a": {"count": 1100}, "b": {"count": 30}, "c": {}})
    assert [made.records_before(step) for step in range(5)] == [0, 1000, 1100, 1130, 1131]
