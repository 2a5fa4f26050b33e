"""Tasks that make related tables: a worker's view of them."""

import json
import re
from pathlib import Path

import pytest

from connect.api import ConfigError, InvalidConfigError
from connect_datagen import DatagenConnector
from connect_datagen.related_run import TASKS_KEY
from tests.support.tasks import connector, poll, source_task

SHOP = Path(__file__).parents[3] / "configs" / "models" / "shop.json"
FAST = {
    "kafka.topic": "shop.{table}",
    "model.filename": str(SHOP),
    "random.seed": "7",
    "rate": "1000",
    "time.start": "2025-01-01T00:00:00Z",
    "time.speedup": "0",
}
TYPO = {"name": "f", "type": {"type": "int", "arg.properties": {"faker": "nme"}}}
SMALL = json.dumps({"tables": {"a": {"rows": 3, "deletes": {"within": 20}}, "b": {"references": {"a_id": "a"}}}})


async def batches_of(task, polls):
    return [batch for _ in range(polls) for batch in await poll(task)]


def records(batches):
    """Return each topic's keys, values and times."""
    found = {}
    for batch in batches:
        own = found.setdefault(batch.topic, [])
        own += zip(batch.keys, batch.values, batch.timestamp_column(), strict=True)
    return found


async def test_each_table_has_a_topic_and_the_last_batch_of_a_poll_the_offset():
    task = await source_task(DatagenConnector, FAST)
    batches = await batches_of(task, 4)
    assert {batch.topic for batch in batches} == {"shop.products", "shop.customers", "shop.orders", "shop.payments"}
    polled = await poll(task)
    assert [batch.source_offset is None for batch in polled] == [True] * (len(polled) - 1) + [False]


@pytest.mark.slow
@pytest.mark.parametrize(
    "polls", [pytest.param(1, marks=pytest.mark.night), 3, pytest.param(8, marks=pytest.mark.night)]
)
async def test_a_task_goes_on_where_its_offset_says(polls):
    whole = await batches_of(await source_task(DatagenConnector, FAST), 14)
    begun = await batches_of(await source_task(DatagenConnector, FAST), polls)
    offsets = [(begun[-1].source_partition, begun[-1].source_offset)]
    # Another seed in the config, so that going on can only come from the offset's.
    resumed = await source_task(DatagenConnector, {**FAST, "random.seed": "8"}, offsets)
    rest = await batches_of(resumed, 14 - polls)
    assert records(begun + rest) == records(whole)
    assert rest[-1].source_offset == {**whole[-1].source_offset, "task.generation": 1}


async def test_tasks_share_the_keys_of_one_model():
    one = await connector(DatagenConnector, {**FAST, "kafka.topic": "{table}"})
    configs = one.task_configs(3)
    assert [config[TASKS_KEY] for config in configs] == ["3", "3", "3"]
    tasks = [await source_task(DatagenConnector, config, task=n) for n, config in enumerate(configs)]
    inserted = [{key for batch in await batches_of(task, 6) if batch.topic == "orders" for key in batch.keys}
                for task in tasks]  # fmt: skip
    assert all(inserted)
    assert not inserted[0] & inserted[1]
    assert not inserted[1] & inserted[2]


async def test_no_more_tasks_are_made_than_there_are_rows_of_a_table_that_is_there_from_the_start():
    model = json.dumps({"tables": {"a": {"count": 2}, "b": {"references": {"a_id": "a"}}}})
    one = await connector(DatagenConnector, {"kafka.topic": "{table}", "model.string": model})
    assert len(one.task_configs(5)) == 2


async def test_another_number_of_tasks_is_refused():
    config = {"kafka.topic": "{table}", "model.string": SMALL, "max.interval": "0"}
    [*_, batch] = await poll(await source_task(DatagenConnector, config))
    with pytest.raises(ConfigError, match="of a model that 1 tasks share, and now 2 do: keys would come twice"):
        await source_task(DatagenConnector, {**config, TASKS_KEY: "2"}, [(batch.source_partition, batch.source_offset)])


async def test_an_offset_of_another_kind_is_refused():
    other = {"task.generation": 0, "current.iteration": 5, "random.seed": 1}
    with pytest.raises(ConfigError, match=r"expected whole numbers for .*current\.step"):
        await source_task(DatagenConnector, FAST, [({"task.id": 0}, other)])
    one = await connector(DatagenConnector, FAST)
    with pytest.raises(ConfigError, match=r"the offset of task 0 is .*current\.step"):
        one.alter_offsets([({"task.id": 0}, other)])
    assert one.alter_offsets([({"task.id": 0}, {**other, "current.step": 3, "task.count": 1})])


async def test_iterations_come_in_few_large_polls_and_end_within_a_round():
    config = {"kafka.topic": "{table}", "model.string": SMALL, "max.interval": "0", "iterations": "20000"}
    task = await source_task(DatagenConnector, config)
    made = polls = 0
    while made < 20_000:
        made += sum(map(len, await poll(task)))
        polls += 1
    assert polls < 100
    assert made < 20_000 + 50


async def test_after_its_iterations_a_task_has_ended_the_round_and_idles(caplog):
    caplog.set_level("INFO")
    config = {"kafka.topic": "{table}", "model.string": SMALL, "max.interval": "0", "iterations": "50"}
    task = await source_task(DatagenConnector, config)
    task.context.stopping.set()  # so that idling does not wait
    made = sum(map(len, await batches_of(task, 60)))
    assert 50 <= made < 60
    assert f"all {made} records are made; task 0 idles" in caplog.text


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"kafka.topic": "shop"}, "kafka.topic", "4 tables of the model need a topic each; write {table} for"),
        ({"model.filename": "no.json"}, "model.filename", "no.json .*the file cannot be read: No such file"),
        ({"model.string": "{}"}, "quickstart", "must be set; found model.string and model.filename"),
        ({"time.start": ""}, "time.start", "time.start is not set; table 'orders' of the model has a time_field"),
        ({"rate": ""}, "time.start", "rate is not set, by which the times of later records follow"),
        ({"rate": "quick"}, "rate", "Invalid value quick for configuration rate: expected records per second"),
        ({"time.start": "noon"}, "time.start", "expected a time as 2025-01-01T00:00:00Z, or ms since 1970"),
        ({"time.start": "9999-01-01"}, "time.start", "expected a time from 1970 to 2999"),
        ({"time.speedup": "-1"}, "time.speedup", "Invalid value -1"),
        ({"late.share": "0.5", "time.start": ""}, "late.share", "time.start is not set"),
        ({"schema.keyfield": "id"}, "schema.keyfield", "is not for a model, whose tables name their keys"),
        (
            {"model.filename": "", "quickstart": "users", "kafka.topic": "x.{table}"},
            "kafka.topic",
            "{table} is for a model's tables",
        ),
        (
            {"model.filename": "", "model.string": json.dumps({"tables": {"a": {"fields": [TYPO]}}})},
            "model.string",
            "field 'f': faker has no provider 'nme'",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_key(changes, key, message):
    with pytest.raises(InvalidConfigError) as raised:
        DatagenConnector.config_class.parse({k: v for k, v in {**FAST, **changes}.items() if v})
    assert any(
        problem.key == key and re.search(message.replace("{", r"\{"), problem.message)
        for problem in raised.value.problems
    ), raised.value.problems
