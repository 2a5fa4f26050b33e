from __future__ import annotations

import inspect
import logging
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connect.api import (
    Batch,
    ConfigError,
    ExactlyOnceSupport,
    PluginError,
    SinkTask,
    SourceConnector,
    SourceTask,
    Transform,
)
from connect.runtime.processes import stand_ins
from connect.runtime.processes.declarations import declared
from connect.runtime.processes.placing import python_path
from connect.runtime.processes.process import Launch, PluginProcess
from connect.runtime.processes.stand_ins import (
    Desk,
    launch_of,
    one_chain,
    stand_in_for,
    stand_in_of,
    with_launch,
)
from connect.runtime.tasks.context import ConnectorContextImpl
from tests.support import process_plugins
from tests.support.process_plugins import CountSource, KeepingSink, NoteSink, PatientSource, Shout, processes

LAUNCH = Launch(path=python_path(), grace_s=1.0)


def test_a_stand_in_looks_like_the_class_that_it_stands_for() -> None:
    cls = cast(type[SourceConnector], stand_in_of(CountSource, LAUNCH, "p"))
    assert (cls.plugin_name(), cls.__doc__, cls.config_class) == (
        "test.CountSource",
        "Counts up.",
        CountSource.config_class,
    )
    assert cls.exactly_once_support.__doc__ == "It counts again."
    assert cls.can_define_transaction_boundaries is SourceConnector.can_define_transaction_boundaries
    task = cls.task_class
    assert task.commit_records is SourceTask.commit_records
    assert task.poll is not SourceTask.poll
    assert task.poll_batch is SourceTask.poll_batch
    assert not inspect.iscoroutinefunction(task.poll)


def test_only_a_poll_is_async_where_it_is_there() -> None:
    task = cast(type[SourceConnector], stand_in_of(PatientSource, LAUNCH, "p")).task_class
    assert inspect.iscoroutinefunction(task.poll)
    assert not inspect.iscoroutinefunction(task.start)


def test_a_sink_has_the_batch_form_and_what_is_optional_where_it_is_there() -> None:
    note: Any = stand_in_of(NoteSink, LAUNCH, "p")
    keeping: Any = stand_in_of(KeepingSink, LAUNCH, "p")
    assert note.task_class.put is SinkTask.put
    assert note.task_class.put_batch is not SinkTask.put_batch
    assert note.task_class.put_batches is SinkTask.put_batches
    assert keeping.task_class.put_batches is not SinkTask.put_batches
    assert keeping.task_class.resume_offsets is not SinkTask.resume_offsets


def test_a_class_that_another_process_could_not_import_is_refused() -> None:
    class Local(Transform):
        pass

    with pytest.raises(ConfigError, match="could not import it as"):
        stand_in_of(Local, LAUNCH, "p")


def test_a_stand_in_with_another_launch_is_one_too() -> None:
    cls = stand_in_of(CountSource, LAUNCH, "p")
    other = with_launch(cls, Launch(memory_bytes=1 << 30))
    assert (launch_of(cls), launch_of(other), launch_of(CountSource)) == (LAUNCH, Launch(memory_bytes=1 << 30), None)
    assert launch_of(cast(Any, other).task_class) == launch_of(other)
    assert other.plugin_name() == "test.CountSource"


@pytest.mark.parametrize(
    "change",
    [{"base": "Moon"}, {"methods": {"fly": None}}, {"qualname": 7}, {"keys": [1]}, {"version": None}, {"task": {}}],
)
def test_nonsense_that_a_process_tells_of_its_classes_is_refused(change: dict[str, Any]) -> None:
    told = {**cast(dict[str, Any], declared(CountSource)), **change}
    with pytest.raises((ValueError, TypeError, KeyError)):
        stand_in_for("source", told, LAUNCH, Desk(LAUNCH, "p"))


def test_a_connector_answers_from_its_process() -> None:
    connector = cast(Any, stand_in_of(CountSource, LAUNCH, "p")())
    connector.context = ConnectorContextImpl("x", reconfigure=lambda: None, fail=lambda error: None)
    try:
        connector.configure(connector.config_class.parse({"topic": "t"}))
        assert connector.exactly_once_support() is ExactlyOnceSupport.SUPPORTED
        assert [problem.message for problem in connector.check()] == ["looked at t"]
        assert connector.task_configs(3) == [{"topic": "t"}]
        with pytest.raises(ConfigError, match="an offset is"):
            connector.alter_offsets([({"of": "t"}, {"n": "x"})])
    finally:
        connector.context.stopping.set()
        connector.close()


def test_a_class_that_was_told_of_has_its_configs_parsed_in_the_process() -> None:
    told = cast(dict[str, Any], declared(Shout))
    desk = Desk(LAUNCH, "p")
    cls = stand_in_for("transformation", told, LAUNCH, desk)
    cast(Any, cls).home.ref.update(module=process_plugins.__name__, qualname="Shout")  # it is in no folder here
    try:
        assert cls.config_class.keys()["suffix"].default == "!"
        assert cls.config_class.values({"suffix": "?"})["suffix"].value == "?"
        assert dict(cls.config_class.parse({"suffix": "?"}).originals) == {"suffix": "?"}
    finally:
        desk.close()


@pytest.mark.slow
def test_transforms_of_one_chain_share_a_process_until_the_last_is_closed(tmp_path: Path) -> None:
    notes = str(tmp_path / "notes")
    cls: Any = stand_in_of(Shout, LAUNCH, "p")
    first, second, other = cls(), cls(), cls()
    with one_chain():
        for number, step in enumerate((first, second)):
            step.alias = f"transforms.{number}"
            step.configure(cls.config_class.parse({"journal": notes}))
    other.configure(cls.config_class.parse({"journal": notes, "suffix": "?"}))
    try:
        (once,) = first.apply_batch(Batch("t", ["a", "b"]))
        assert once.values == ["a!", "b!"]
        first.close()
        assert second.apply_batch(once)[0].values == ["a!!", "b!!"]
        assert other.apply_batch(once)[0].values == ["a!?", "b!?"]
        assert len(processes(tmp_path / "notes")) == 2
    finally:
        second.close()
        other.close()


@pytest.mark.parametrize(("where", "how"), [("configure", "block"), ("configure", "opaque"), ("close", "block")])
def test_the_process_of_a_step_that_cannot_be_made_or_closed_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch, where: str, how: str
) -> None:
    monkeypatch.setattr(stand_ins, "START_S", 3.0)
    made: list[PluginProcess] = []

    class Kept(PluginProcess):
        def start(self) -> None:
            made.append(self)
            super().start()

    monkeypatch.setattr(stand_ins, "PluginProcess", Kept)
    cls: Any = stand_in_of(Shout, LAUNCH, "p")
    step = cls()
    step.alias = "transforms.a"
    config = cls.config_class.parse({"where": where, "how": how})
    if where == "close":
        step.configure(config)
    with pytest.raises(PluginError):
        step.close() if where == "close" else step.configure(config)
    (process,) = made
    assert process.wait(20)
    step.close()


def test_the_process_of_a_task_that_cannot_be_made_ends_though_nobody_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[PluginProcess] = []

    class Kept(PluginProcess):
        def start(self) -> None:
            made.append(self)
            super().start()

    monkeypatch.setattr(stand_ins, "PluginProcess", Kept)
    cls: Any = stand_in_of(CountSource, LAUNCH, "p")
    task = cls.task_class()
    task.context = SimpleNamespace(connector="x", task=0, stopping=threading.Event(), log=logging.getLogger("x"))
    monkeypatch.setitem(task.home.ref, "module", "no_such_module")
    with pytest.raises(PluginError):
        task.configure(cls.task_class.config_class.parse({"topic": "t"}))
    (process,) = made
    assert process.wait(20)


def test_an_instance_that_was_never_configured_stops_and_closes() -> None:
    task: Any = cast(Any, stand_in_of(CountSource, LAUNCH, "p")).task_class()
    task.context = SimpleNamespace(stopping=threading.Event(), log=logging.getLogger("x"))
    assert task.stop() is None
    task.close()
    with pytest.raises(PluginError, match="before it was configured"):
        task.start()


def test_a_desk_that_is_closed_ends_the_call_that_is_under_way_and_begins_no_other_process(tmp_path: Path) -> None:
    desk = Desk(LAUNCH, "p")
    ref = {"module": process_plugins.__name__, "qualname": "SlowToParse"}
    marker = tmp_path / "marker"
    ended: list[BaseException] = []

    def parse() -> None:
        try:
            desk.call("values", ref, {"marker": str(marker)}, True)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=parse)
    thread.start()
    deadline = time.monotonic() + 30
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    desk.close()
    thread.join(30)
    (error,) = ended
    assert str(error) == "the process of configs, p was closed"
    assert len(marker.read_text()) == 1
    with pytest.raises(PluginError, match="was closed"):
        desk.call("values", ref, {"marker": str(marker)}, True)


def test_who_waits_for_a_desk_is_told_of_those_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_ins, "BUSY_S", 0.1)
    desk = Desk(LAUNCH, "p")
    assert desk._calling.acquire(timeout=1)
    with pytest.raises(PluginError, match="those that came first") as raised:
        desk.call("describe")
    assert raised.value.code == "plugin.timeout"


def test_the_steps_of_a_task_that_is_to_stop_have_their_grace_time_wherever_they_are() -> None:
    cls: Any = stand_in_of(Shout, LAUNCH, "p")
    stopping = threading.Event()
    step = cls()
    step.alias = "transforms.a"
    threading.Timer(1.0, stopping.set).start()
    began = time.monotonic()
    with one_chain(stopping), pytest.raises(PluginError, match="did not stop in time: make did not return"):
        step.configure(cls.config_class.parse({"where": "configure", "how": "block"}))
    assert time.monotonic() - began < 30


def test_a_task_that_is_to_stop_while_its_process_is_started_has_its_grace_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cls: Any = stand_in_of(CountSource, LAUNCH, "p")
    task = cls.task_class()
    task.context = SimpleNamespace(connector="x", task=0, stopping=threading.Event(), log=logging.getLogger("x"))
    seen: list[Any] = []

    def start(self: PluginProcess) -> None:
        task.context.stopping.set()
        seen.append(self._end_by)
        raise PluginError("no start")

    monkeypatch.setattr(PluginProcess, "start", start)
    with pytest.raises(PluginError, match="no start"):
        task.configure(cls.task_class.config_class.parse({"topic": "t"}))
    assert seen != [None]


@pytest.mark.parametrize("of", [CountSource, NoteSink])
def test_an_instance_without_a_context_is_configured_and_ended_as_its_author_does_it(of: Any, tmp_path: Path) -> None:
    cls: Any = stand_in_of(of, LAUNCH, "p")
    for made, declared_by in ((cls(), cls), (cls.task_class(), cls.task_class)):
        config = {"topic": "t", "journal": str(tmp_path / "notes")}
        made.configure(declared_by.config_class.parse(config))
        process = made._process
        made.close()
        assert process.wait(15)
