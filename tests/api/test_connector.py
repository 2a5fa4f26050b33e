from __future__ import annotations

import inspect

import pytest

from connect.api import (
    Batch,
    Config,
    PluginError,
    Record,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    config_key,
)


class PartConfig(Config):
    topic: str = config_key("Topic.")


def made(cls: type[SourceConnector | SinkConnector]) -> SourceConnector | SinkConnector:
    connector = cls()
    connector.configure(PartConfig.parse({"topic": "t", "not.declared": "kept"}))
    return connector


def test_a_source_has_one_task_with_the_connectors_config_unless_it_divides_the_work() -> None:
    assert made(SourceConnector).task_configs(4) == [{"topic": "t", "not.declared": "kept"}]


def test_a_sink_has_as_many_tasks_as_it_may_each_with_the_connectors_config() -> None:
    configs = made(SinkConnector).task_configs(2)
    assert configs == [{"topic": "t", "not.declared": "kept"}] * 2
    assert configs[0] is not configs[1]


@pytest.mark.parametrize("cls", [SourceConnector, SinkConnector])
def test_a_connector_that_overrides_nothing_starts_checks_and_stops(cls: type[SourceConnector | SinkConnector]) -> None:
    connector = made(cls)
    assert connector.start() is None
    assert list(connector.check()) == []  # type: ignore[arg-type]
    assert connector.stop() is None


def test_a_source_task_may_give_single_records_and_is_asked_for_batches() -> None:
    class Ticks(SourceTask):
        def poll(self) -> list[Record]:
            return [Record("t", 1), Record("t", 2), Record("u", 3)]

    batches = Ticks().poll_batch()
    assert isinstance(batches, list)
    assert [(batch.topic, batch.values) for batch in batches] == [("t", [1, 2]), ("u", [3])]


async def test_an_async_poll_makes_the_batch_form_async() -> None:
    class Ticks(SourceTask):
        async def poll(self) -> Record:
            return Record("t", 1)

    polled = Ticks().poll_batch()
    assert inspect.isawaitable(polled)
    batches = await polled
    assert isinstance(batches, list)
    assert [batch.values for batch in batches] == [[1]]


def test_what_a_poll_may_not_return_is_named() -> None:
    class Ticks(SourceTask):
        def poll(self) -> str:  # type: ignore[override]
            return "tick"

    with pytest.raises(PluginError, match=r"Ticks\.poll returned str 'tick'; expected Record"):
        Ticks().poll_batch()


def test_a_sink_task_may_take_single_records_and_is_given_batches() -> None:
    got: list[Record] = []

    class Collect(SinkTask):
        def put(self, records: list[Record]) -> None:
            got.extend(records)

    assert Collect().put_batch(Batch("t", ["a", "b"], partition=1, offsets=[5, 6])) is None
    assert [(record.value, record.partition, record.offset) for record in got] == [("a", 1, 5), ("b", 1, 6)]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: SourceTask().poll_batch(), "SourceTask must define poll or poll_batch"),
        (lambda: SinkTask().put_batch(Batch("t", [1])), "SinkTask must define put or put_batch"),
        (lambda: SinkTask().put_batches([]), "SinkTask has no put_batches"),
    ],
)
def test_a_task_without_the_method_that_it_must_have_says_which(call: object, said: str) -> None:
    assert callable(call)
    with pytest.raises(NotImplementedError, match=said):
        call()
