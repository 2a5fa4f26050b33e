"""The datagen source: its stream, its pace, and how it goes on."""

import itertools
import json
import time

import pytest

from connect.api import INT32, INT64, STRING, ConfigError
from connect_datagen import DatagenConnector
from connect_datagen.connector import BLOCK_RECORDS
from tests.support.tasks import call, connector, poll, source_task

FAST = {"kafka.topic": "made", "max.interval": "0", "random.seed": "7"}
COUNTER = {
    "type": "record",
    "name": "counter",
    "fields": [
        {"name": "n", "type": {"type": "long", "arg.properties": {"iteration": {"start": 0}}}},
        {"name": "r", "type": "double"},
    ],
}


async def stream(task, count):
    """Return the first records of a task, at least `count`."""
    values = []
    while len(values) < count:
        for batch in await poll(task):
            values += batch.values
    return values


@pytest.mark.parametrize(
    ("quickstart", "key", "key_schema", "fields"),
    [
        ("users", "userid", STRING, ["registertime", "userid", "regionid", "gender"]),
        ("pageviews", "viewtime", INT64, ["viewtime", "userid", "pageid"]),
        ("orders", "orderid", INT32, ["ordertime", "orderid", "itemid", "orderunits", "address"]),
    ],
)
async def test_a_quickstart_makes_structs_with_its_own_key(quickstart, key, key_schema, fields):
    [batch] = await poll(await source_task(DatagenConnector, {**FAST, "quickstart": quickstart}))
    assert [field.name for field in batch.value_schema.fields] == fields
    assert batch.value_schema.name == f"ksql.{quickstart}"
    assert batch.topic == "made"
    assert batch.key_schema == key_schema
    assert batch.keys == [value[key] for value in batch.values]
    for value in batch.values:
        batch.value_schema.validate(value)


async def test_counting_fields_count_across_batches():
    task = await source_task(DatagenConnector, {**FAST, "schema.string": json.dumps(COUNTER)})
    values = await stream(task, 3 * BLOCK_RECORDS)
    assert [value["n"] for value in values] == list(range(len(values)))


async def test_the_same_seed_makes_the_same_stream_and_another_task_another():
    config = {**FAST, "quickstart": "users"}
    one, again, other = [await source_task(DatagenConnector, config, task=n) for n in (0, 0, 1)]
    values = await stream(one, 5000)
    assert await stream(again, 5000) == values
    assert await stream(other, 5000) != values


async def test_the_stream_does_not_depend_on_how_it_is_cut_into_batches():
    config = {**FAST, "schema.string": json.dumps(COUNTER)}
    slow = await source_task(DatagenConnector, {**config, "max.interval": "1"})
    values = await stream(slow, 30)
    assert len(values) < BLOCK_RECORDS
    assert values == (await stream(await source_task(DatagenConnector, config), 1))[: len(values)]


@pytest.mark.parametrize("made", [10, BLOCK_RECORDS, BLOCK_RECORDS + 10])
async def test_a_task_goes_on_where_its_offset_says(made):
    config = {**FAST, "schema.string": json.dumps(COUNTER)}
    first = await source_task(DatagenConnector, {**config, "iterations": str(made)})
    batches = [batch for _ in range(made // BLOCK_RECORDS + bool(made % BLOCK_RECORDS)) for batch in await poll(first)]
    assert batches[-1].source_offset["current.iteration"] == made
    offsets = [(batches[-1].source_partition, batches[-1].source_offset)]
    # Another seed in the config, so that going on can only come from the offset's.
    resumed = await source_task(DatagenConnector, {**config, "random.seed": "8"}, offsets)
    values = [value for batch in batches for value in batch.values] + await stream(resumed, BLOCK_RECORDS)
    whole = await stream(await source_task(DatagenConnector, config), len(values))
    assert values == whole[: len(values)]


async def test_the_offset_has_confluents_shape_and_a_restart_is_a_new_generation():
    config = {**FAST, "quickstart": "users"}
    [batch] = await poll(await source_task(DatagenConnector, config, task=3))
    assert batch.source_partition == {"task.id": 3}
    assert batch.source_offset.keys() == {"task.generation", "current.iteration", "random.seed"}
    offsets = [(batch.source_partition, batch.source_offset)]
    [after] = await poll(await source_task(DatagenConnector, config, offsets, task=3))
    assert (batch.source_offset["task.generation"], after.source_offset["task.generation"]) == (0, 1)


async def test_a_stored_offset_of_another_shape_is_refused():
    with pytest.raises(ConfigError, match=r"expected whole numbers for task\.generation"):
        await source_task(DatagenConnector, {**FAST, "quickstart": "users"}, [({"task.id": 0}, {"position": 3})])


async def test_a_task_says_that_it_is_drained_once_its_iterations_are_made_and_not_before():
    task = await source_task(DatagenConnector, {**FAST, "quickstart": "users", "iterations": "5"})
    assert task.context.drained is False
    assert len((await poll(task))[0].values) == 5
    assert task.context.drained is False
    await poll(task)
    assert task.context.drained is True


async def test_after_its_iterations_a_task_idles(caplog):
    caplog.set_level("INFO")
    task = await source_task(DatagenConnector, {**FAST, "quickstart": "users", "iterations": "3"})
    [batch] = await poll(task)
    task.context.stopping.set()  # so that idling does not wait
    assert len(batch) == 3
    assert await poll(task) == await poll(task) == []
    assert caplog.text.count("all 3 records are made; task 0 idles") == 1


async def test_max_interval_is_twice_the_mean_time_between_records():
    task = await source_task(DatagenConnector, {**FAST, "quickstart": "users", "max.interval": "4"})
    started = time.monotonic()
    values = await stream(task, 100)
    elapsed_s = time.monotonic() - started
    # 100 waits of 2 ms in the mean; the upper bound is lax, since a busy machine may be late.
    assert 0.1 < elapsed_s < 3
    assert len(values) < 130


async def test_a_long_wait_ends_at_once_when_the_task_stops():
    task = await source_task(DatagenConnector, {**FAST, "quickstart": "users", "max.interval": "100000000"})
    task.context.stopping.set()
    started = time.monotonic()
    assert await poll(task) == []
    assert time.monotonic() - started < 30


async def test_each_task_gets_the_connectors_config():
    config = {**FAST, "quickstart": "users"}
    made = await connector(DatagenConnector, config)
    assert await call(made.task_configs, 2) == [config, config]


async def test_a_key_field_may_be_chosen_and_keeps_its_type():
    task = await source_task(DatagenConnector, {**FAST, "quickstart": "users", "schema.keyfield": "registertime"})
    [batch] = await poll(task)
    assert batch.key_schema == INT64
    assert batch.keys[0] == batch.values[0]["registertime"]


async def test_without_a_key_field_there_is_no_key():
    [batch] = await poll(await source_task(DatagenConnector, {**FAST, "schema.string": json.dumps(COUNTER)}))
    assert (batch.keys, batch.key_schema) == (None, None)


async def test_keys_values_and_batches_stay_aligned():
    task = await source_task(DatagenConnector, {**FAST, "quickstart": "orders"})
    for batch in itertools.chain.from_iterable([await poll(task) for _ in range(3)]):
        assert len(batch.keys) == len(batch.values) == BLOCK_RECORDS


async def test_records_have_event_times_that_follow_from_their_numbers_also_after_a_restart():
    config = {**FAST, "quickstart": "users", "time.start": "2025-01-01T00:00:00Z", "rate": "4", "time.speedup": "0"}
    config |= {"late.share": "0.1", "late.max.ms": "1000"}
    task = await source_task(DatagenConnector, config)
    [first], [second] = await poll(task), await poll(task)
    times = first.timestamps + second.timestamps
    behind = [1_735_689_600_000 + 250 * number - time for number, time in enumerate(times)]
    assert all(0 <= ms <= 1000 for ms in behind)
    assert 300 < sum(ms > 0 for ms in behind) < 500
    [again] = await poll(await source_task(DatagenConnector, config, [(first.source_partition, first.source_offset)]))
    assert (again.timestamps, again.values) == (second.timestamps, second.values)


async def test_a_rate_takes_the_place_of_max_interval():
    task = await source_task(DatagenConnector, {**FAST, "quickstart": "users", "max.interval": "60000", "rate": "400"})
    started = time.monotonic()
    count = len(await stream(task, 200))
    # No sooner than the rate has it; the upper bound is lax, since a busy machine may be late.
    assert count / 400 - 0.1 < time.monotonic() - started < 10


async def test_a_json_schema_makes_records_without_a_schema_that_go_on_after_a_restart():
    declared = {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"}}, "required": ["id"]}
    config = {**FAST, "schema.string": json.dumps(declared), "schema.format": "json", "schema.keyfield": "id"}
    task = await source_task(DatagenConnector, config)
    [first], [second] = await poll(task), await poll(task)
    assert (first.key_schema, first.value_schema) == (None, None)
    assert first.keys == [value["id"] for value in first.values]
    [again] = await poll(await source_task(DatagenConnector, config, [(first.source_partition, first.source_offset)]))
    assert again.values == second.values


async def test_without_a_seed_faker_fields_go_on_with_the_same_pools_after_a_restart():
    name = {"name": "name", "type": {"type": "string", "arg.properties": {"faker": "name"}}}
    schema = json.dumps({"type": "record", "name": "person", "fields": [name]})
    config = {"kafka.topic": "made", "max.interval": "0", "schema.string": schema}
    task = await source_task(DatagenConnector, config)
    [first], [second] = await poll(task), await poll(task)
    [again] = await poll(await source_task(DatagenConnector, config, [(first.source_partition, first.source_offset)]))
    assert again.values == second.values
