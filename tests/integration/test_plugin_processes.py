"""Plugins in processes of their own, in a real worker: what they do is what they would do in the worker's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connect.runtime.model import State
from tests.support import process_plugins
from tests.support.doors import assert_error
from tests.support.process_plugins import journal, processes
from tests.support.wheels import make_wheel
from tests.support.worker import STRING, RunningWorker, WorkerProcess, running_worker, until


@asynccontextmanager
async def worker(tmp_path: Path, **config: str) -> AsyncIterator[RunningWorker]:
    keys = {"offset_flush_interval_ms": "100", "task_shutdown_graceful_timeout_ms": "3000", **config}
    async with running_worker(tmp_path, **keys) as running:
        running.herder.plugins.register(process_plugins, "process_plugins")
        yield running


async def create(running: RunningWorker, name: str, cls: str, **config: Any) -> None:
    own = {key.replace("__", "."): str(value) for key, value in config.items()}
    keys = {"connector.class": cls, "key.converter": STRING, "value.converter": STRING, "plugin.isolation": "process"}
    answer = await running.client.put(f"/connectors/{name}/config", json={**keys, **own})
    assert answer.status_code in (200, 201), answer.text


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


@pytest.mark.slow
async def test_a_source_in_a_process_delivers_commits_and_goes_on_where_it_was(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.CountSource", topic="t", count=12, journal=notes)
        await running.until_state("s", State.RUNNING, tasks=1)
        await running.until(lambda: ["commit", [12]] in journal(notes))
        assert [int(value or b"") for value in await running.values("t")] == list(range(12))
        assert os.getpid() not in processes(notes)
        await running.until(lambda: [one.gauges for one in running.herder.progress()] == [{"read.to": 12}])
        await running.until(lambda: [one.drained for one in running.herder.progress()] == [True])
        await create(running, "s", "test.CountSource", topic="t", count=15, journal=notes)
        await running.until(lambda: ["start", 12, "s", 0] in journal(notes))
        await running.until(lambda: running.records("s") == 3)
    assert journal(notes).count(["stop", True]) == 2
    assert not alive(processes(notes))


async def test_a_sink_in_a_process_takes_flushes_and_closes(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.CountSource", topic="t", plugin__isolation="worker")
        await create(running, "k", "test.NoteSink", topics="t", journal=notes)
        await running.until(lambda: put(notes) == [str(n) for n in range(10)])
        await running.until(lambda: ["flush"] in journal(notes))
    found = journal(notes)
    assert found[0] == ["open", [["t", 0]], [["t", 0]]]
    assert found[-2:] == [["close", [["t", 0]]], ["stop"]]
    assert len(processes(notes)) == 1
    assert os.getpid() not in processes(notes)


def put(notes: Path) -> list[Any]:
    return [value for entry in journal(notes) if entry[0] == "put" for value in entry[1]]


@pytest.mark.slow
async def test_a_connector_in_a_process_is_asked_as_any_other(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.CountSource", topic="t", journal=notes)
        await running.until(lambda: running.records("s") == 10)
        config = (await running.client.get("/connectors/s/config")).json()
        path = "/v1/connector-plugins/test.CountSource/config/validate?check=true"
        assert "looked at t" in (await running.client.put(path, json=config)).text
        wrong = await running.client.put("/connectors/w/config", json={**config, "name": "w", "count": "1"})
        assert wrong.status_code == 400
        assert "count is less than batch.size" in wrong.json()["message"]
        answer = await running.client.post(
            "/v1/connectors/s/signals", json={"id": "1", "type": "again", "data": {"deep": [1, None]}}
        )
        assert answer.status_code < 300, answer.text
        assert ["signal", "1", "again", {"deep": [1, None]}] in journal(notes)
        await running.client.put("/connectors/s/stop")
        await running.until(lambda: not running.herder.status("s").tasks)
        at = {"partition": {"of": "t"}, "offset": {"n": "four"}}
        refused = await running.client.patch("/connectors/s/offsets", json={"offsets": [at]})
        assert "an offset is {'n': number}" in refused.text
        taken = await running.client.patch("/connectors/s/offsets", json={"offsets": [{**at, "offset": {"n": 4}}]})
        assert "have been altered" in taken.text
        await running.client.put("/connectors/s/resume")
        await running.until(lambda: ["start", 4, "s", 0] in journal(notes))


async def test_each_record_is_acknowledged_in_the_process(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.AcknowledgedSource", topic="t", journal=notes)
        told = lambda: [one for entry in journal(notes) if entry[0] == "records" for one in entry[1]]  # noqa: E731
        await running.until(lambda: told() == [[n + 1, n] for n in range(10)])


async def test_an_async_poll_in_a_process_stands_still_for_a_pause_and_is_cancelled_by_a_stop(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.PatientSource", topic="t", journal=notes)
        await running.until(lambda: ["waits"] in journal(notes))
        await running.client.put("/connectors/s/pause")
        await running.until_state("s", State.PAUSED)
        await running.client.put("/connectors/s/resume")
        await running.until_state("s", State.RUNNING)
        assert ["cancelled"] not in journal(notes)
        await running.client.put("/connectors/s/stop")
        await running.until(lambda: journal(notes)[-2:] == [["cancelled"], ["stop"]])


@pytest.mark.night
async def test_where_transactions_end_is_said_in_the_process(tmp_path: Path) -> None:
    async with worker(tmp_path, exactly_once_source_support="enabled") as running:
        keys = {"exactly__once__support": "required", "transaction__boundary": "connector"}
        await create(running, "s", "test.BoundarySource", topic="t", **keys)
        await running.until(lambda: running.herder.status("s").connector.state is State.RUNNING)
        await create(running, "k", "test.NoteSink", topics="t", journal=tmp_path / "notes")
        await running.until(lambda: put(tmp_path / "notes") == ["0", "2", "4", "5", "7", "9"])


async def test_a_sink_that_keeps_its_offsets_in_its_target_does_so_in_a_process(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.CountSource", topic="t", plugin__isolation="worker")
        await create(running, "k", "test.KeepingSink", topics="t", journal=notes)
        kept = lambda: [entry for entry in journal(notes) if entry[0] == "kept"]  # noqa: E731
        await running.until(lambda: sum(len(entry[1]) for entry in kept()) == 10)
        assert kept()[-1][2] == [["t", 0, 10]]
        assert ["resume", [["t", 0]], [True]] in journal(notes)


async def test_records_that_a_sink_names_as_bad_in_its_process_are_skipped(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.CountSource", topic="t", plugin__isolation="worker")
        await create(running, "k", "test.NoteSink", topics="t", journal=notes, how="bad", errors__tolerance="all")
        await running.until(lambda: put(notes) == ["0", "2", "4", "6", "8"])


@pytest.mark.night
async def test_a_retriable_error_of_a_process_is_tried_again(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.CountSource", topic="t", plugin__isolation="worker")
        await create(running, "k", "test.NoteSink", topics="t", journal=notes, how="retry", marker=tmp_path / "marker")
        await running.until(lambda: put(notes) == [str(n) for n in range(10)])


async def test_a_bug_in_a_process_is_told_with_its_traceback(tmp_path: Path) -> None:
    async with worker(tmp_path) as running:
        await create(running, "s", "test.CountSource", topic="t", plugin__isolation="worker")
        await create(running, "k", "test.NoteSink", topics="t", journal=tmp_path / "notes", how="bug")
        trace = await running.until_failed("k")
    assert trace.startswith("ZeroDivisionError: a bug (put_batch of k|task-0, test.NoteSink)")
    assert "[plugin.failed]" in trace
    assert "in the plugin's process:" in trace
    assert 'raise ZeroDivisionError("a bug")' in trace
    assert "swordfish" not in trace


@pytest.mark.slow
async def test_transforms_and_predicates_of_a_chain_run_in_one_process(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with worker(tmp_path) as running:
        chain = {
            "transforms": "a,b", "transforms__a__type": "test.Shout", "transforms__a__predicate": "even",
            "predicates": "even", "predicates__even__type": "test.IsEven", "transforms__a__journal": notes,
            "transforms__b__type": "test.Shout", "transforms__b__suffix": "?", "transforms__b__journal": notes,
        }  # fmt: skip
        await create(running, "s", "test.CountSource", topic="t", count=5, **chain)
        await running.until(lambda: running.records("s") == 5)
        assert await running.values("t") == [b"0!?", b"1?", b"2!?", b"3?", b"4!?"]
    assert len(processes(notes)) == 1
    assert journal(notes).count(["apply", "a", "0"]) == 1


@pytest.mark.slow
async def test_a_record_that_a_transform_refuses_in_its_process_is_skipped(tmp_path: Path) -> None:
    async with worker(tmp_path) as running:
        bad = {"transforms": "a", "transforms__a__type": "test.Shout", "transforms__a__how": "bad"}
        await create(running, "s", "test.CountSource", topic="t", count=5, errors__tolerance="all", **bad)
        await running.until(lambda: running.records("s") == 4)
        assert await running.values("t") == [b"0!", b"1!", b"2!", b"4!"]


# -- faults ------------------------------------------------------------------------------------------------------------

FAULTS = {
    "segv": ("was ended by SIGSEGV", "plugin.crashed"),
    "abort": ("was ended by SIGABRT", "plugin.crashed"),
    "exit": ("ended by itself with exit code 3", "plugin.crashed"),
    "kill": ("was ended by SIGKILL", "plugin.crashed"),
    "fork": ("ended by itself with exit code 4", "plugin.crashed"),
    "block": ("was ended, since poll did not return within 2 s", "plugin.timeout"),
    "spin": ("was ended, since poll did not return within 2 s", "plugin.timeout"),
    "flood": ("was ended, since poll did not return within 2 s", "plugin.timeout"),
    "leak": ("plugin.memory.limit is 128 MiB", "plugin.memory"),
    "rubbish": ("which is no message of the protocol", "plugin.broken"),
    "close": ("was ended, since poll did not return within 2 s", "plugin.timeout"),
}


#: Others end a process in the same ways as these, with another word for it.
FAULTS_OF_THE_NIGHT = {"abort", "exit", "kill", "fork", "block", "flood", "close"}


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=[pytest.mark.night] * (how in FAULTS_OF_THE_NIGHT)) for how in FAULTS]
)
async def test_a_fault_fails_the_task_with_its_cause_and_a_restart_goes_on(tmp_path: Path, how: str) -> None:
    notes, (told, code) = tmp_path / "notes", FAULTS[how]
    limits = {"plugin__process__timeout__ms": 2000, "plugin__memory__limit": "128m" if how == "leak" else "-1"}
    async with worker(tmp_path) as running:
        await create(
            running, "s", "test.CountSource", topic="t", journal=notes, how=how, marker=tmp_path / "marker", **limits
        )
        trace = await running.until_failed("s")
        assert told in trace.splitlines()[0]
        assert f"[{code}]" in trace
        if code != "plugin.timeout" and how != "close":
            assert f"about to {how}" in trace
        await running.client.post("/connectors/s/tasks/0/restart")
        await running.until(lambda: ["commit", [10]] in journal(notes))
        assert [int(value or b"") for value in await running.values("t")] == list(range(10))
    await until(lambda: not alive(processes(notes)))


@pytest.mark.slow
async def test_a_secret_of_a_config_is_in_no_log_line_no_trace_and_no_command(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notes = tmp_path / "notes"
    caplog.set_level(logging.DEBUG)
    async with worker(tmp_path) as running:
        own = {"password": "hunter-22", "how": "exit", "marker": tmp_path / "marker"}
        await create(running, "s", "test.CountSource", topic="t", journal=notes, **own)
        trace = await running.until_failed("s")
        await running.client.post("/connectors/s/tasks/0/restart")
        await running.until(lambda: ["commit", [10]] in journal(notes))
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in _children()]
        assert commands
        assert not any(b"hunter-22" in command for command in commands)
    assert "exit code 3" in trace
    assert "hunter-22" not in trace
    assert "hunter-22" not in caplog.text


@pytest.mark.night
async def test_a_fault_of_a_sink_and_of_a_transform_fails_its_task_too(tmp_path: Path) -> None:
    async with worker(tmp_path) as running:
        bad = {"transforms": "a", "transforms__a__type": "test.Shout", "transforms__a__how": "segv"}
        await create(running, "s", "test.CountSource", topic="t", count=5, **bad)
        assert "SIGSEGV" in await running.until_failed("s")
        await create(running, "t", "test.CountSource", topic="t")
        ends = {"how": "exit", "marker": tmp_path / "marker"}
        await create(running, "k", "test.NoteSink", topics="t", journal=tmp_path / "n", **ends)
        assert "exit code 3" in await running.until_failed("k")


async def test_a_task_that_blocks_is_ended_by_a_stop(tmp_path: Path) -> None:
    notes, ends = tmp_path / "notes", {"how": "block", "marker": tmp_path / "marker"}
    async with worker(tmp_path, task_shutdown_graceful_timeout_ms="1000") as running:
        await create(running, "s", "test.CountSource", topic="t", journal=notes, **ends)
        await running.until(lambda: (tmp_path / "marker").exists())
        await running.client.put("/connectors/s/stop")
        await running.until(lambda: not alive(processes(notes)))


@pytest.mark.slow
async def test_a_step_that_hangs_as_it_is_configured_ends_with_its_connector(tmp_path: Path) -> None:
    async with worker(tmp_path, task_shutdown_graceful_timeout_ms="1000") as running:
        hangs = {"transforms": "a", "transforms__a__type": "test.Shout", "transforms__a__how": "block"}
        await create(running, "s", "test.CountSource", topic="t", **hangs, transforms__a__where="configure")
        await running.until(lambda: len(_children()) == 3)  # the connector, its task and the step
        await running.client.delete("/connectors/s")
        await running.until(lambda: not _children(), deadline_s=15)


@pytest.mark.slow
async def test_processes_end_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    plugins, notes = tmp_path / "plugins", tmp_path / "notes"
    plugins.mkdir()
    shutil.copy(process_plugins.__file__, plugins / "process_plugins.py")
    config = {
        "name": "s", "connector.class": "test.CountSource", "topic": "t", "journal": str(notes), "how": "block",
        "plugin.isolation": "process", "value.converter": STRING, "key.converter": STRING,
        "marker": str(tmp_path / "marker"),
    }  # fmt: skip
    (tmp_path / "s.json").write_text(json.dumps({"name": "s", "config": config}))
    (tmp_path / "worker.properties").write_text(f"plugin.path={plugins}\n")
    with WorkerProcess(tmp_path / "data", "--config", tmp_path / "worker.properties", tmp_path / "s.json") as process:
        process.url()
        await until(lambda: (tmp_path / "marker").exists())
        assert alive(processes(notes))
        process.kill()
    await until(lambda: not alive(processes(notes)))


@pytest.mark.night
async def test_what_a_plugin_has_started_ends_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    plugins, notes = tmp_path / "plugins", tmp_path / "notes"
    plugins.mkdir()
    shutil.copy(process_plugins.__file__, plugins / "process_plugins.py")
    config = {
        "name": "s", "connector.class": "test.CountSource", "topic": "t", "journal": str(notes), "how": "helper",
        "plugin.isolation": "process", "value.converter": STRING, "key.converter": STRING,
        "marker": str(tmp_path / "marker"),
    }  # fmt: skip
    (tmp_path / "s.json").write_text(json.dumps({"name": "s", "config": config}))
    (tmp_path / "worker.properties").write_text(f"plugin.path={plugins}\n")
    with WorkerProcess(tmp_path / "data", "--config", tmp_path / "worker.properties", tmp_path / "s.json") as process:
        process.url()
        await until(lambda: ["commit", [10]] in journal(notes))
        (leader,) = processes(notes)
        assert len(_of_group(leader)) == 2
        process.kill()
    await until(lambda: not _of_group(leader))


def _of_group(group: int) -> set[int]:
    """The processes of a group that have not ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, own = stat.read_text().rpartition(")")[2].split()[:3]
            if int(own) == group and state != "Z":
                found.add(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("how", "told"), [("kill", "SIGKILL"), ("exit", "exit code 3")])
@pytest.mark.parametrize("where", ["its promise", "its keys"])
async def test_a_process_that_ends_while_a_config_is_checked_is_no_fault_of_the_config(
    tmp_path: Path, where: str, how: str, told: str
) -> None:
    folder = tmp_path / "plugins" / "counting"
    folder.mkdir(parents=True)
    shutil.copy(process_plugins.__file__, folder / "process_plugins.py")
    (folder / "requirements.txt").touch()
    keys = {"plugin_path": str(folder.parent), "plugin_environments_path": str(tmp_path / "environments")}
    async with running_worker(tmp_path, exactly_once_source_support="enabled", **keys) as running:
        config = {"connector.class": "test.AskedSource", "topic": "t", "how": how}
        config |= {"exactly.once.support": "required"} if where == "its promise" else {"at": "-1"}
        for answer in (
            await running.client.put("/connectors/s/config", json=config),
            await running.client.put("/connector-plugins/test.AskedSource/config/validate", json=config),
        ):
            assert_error(answer, 503, "plugin.crashed")
            assert told in answer.json()["message"]
        assert (await running.client.get("/connectors")).json() == []


# -- environments ------------------------------------------------------------------------------------------------------

COLOURED = """
import colours
from connect.api import Config, Record, SinkConnector, SourceConnector, SourceTask, config_key, hookimpl


class Config_(Config):
    topic: str = config_key("Topic.")


class Task(SourceTask):
    config_class = Config_
    has_given = False

    def poll(self):
        if self.has_given:
            return None
        self.has_given = True
        return [Record(self.config.topic, colours.NAME)]


class Coloured(SourceConnector):
    class_name = "test.NAME"
    config_class = Config_
    task_class = Task


@hookimpl
def connect_connectors():
    return [Coloured]
"""


@pytest.mark.night
async def test_two_plugins_need_two_versions_of_one_library(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    for name, version, colour in (("Red", "1.0", "red"), ("Blue", "2.0", "blue")):
        folder = plugins / name.lower()
        folder.mkdir(parents=True)
        make_wheel(folder, "colours", version, f"NAME = {colour!r}")
        (folder / f"{name.lower()}_source.py").write_text(COLOURED.replace("test.NAME", f"test.{name}"))
    # Relative to the file, as pip has it.
    (plugins / "red" / "requirements.txt").write_text("--no-index\n--find-links .\ncolours==1.0\n")
    wheel = (plugins / "blue" / "colours-2.0-py3-none-any.whl").as_uri()
    (plugins / "blue" / "pyproject.toml").write_text(
        f'[project]\nname = "blue"\ndependencies = ["colours @ {wheel}"]\n'
    )
    keys = {"plugin_path": str(plugins), "plugin_environments_path": str(tmp_path / "environments")}
    async with running_worker(tmp_path, **keys) as running:
        assert not running.herder.plugins.broken
        for name in ("Red", "Blue"):
            await create(running, name, f"test.{name}", topic=name, plugin__isolation="")
        await running.until(lambda: running.records("Red") == running.records("Blue") == 1)
        assert await running.values("Red") == [b"red"]
        assert await running.values("Blue") == [b"blue"]
        listed = (await running.client.get("/connector-plugins")).json()
        assert {"test.Red", "test.Blue"} <= {plugin["class"] for plugin in listed}
        missing = await running.client.put("/connectors/x/config", json={"connector.class": "test.Red"})
        assert 'Missing required configuration "topic"' in missing.json()["message"]


@pytest.mark.night
async def test_a_function_runs_in_a_folder_with_requirements_too(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "short"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").touch()
    (folder / "ticks.py").write_text(
        "from connect.api import source, sink, resume\n\n"
        "@source\ndef ticks(topic: str, count: int = 4):\n"
        '    """Count up."""\n'
        "    for n in range(resume(0), count):\n        yield f'tick {n}', n + 1\n\n"
        "@sink\ndef lines(records, file: str):\n"
        '    """Write lines."""\n'
        "    with open(file, 'a') as out:\n        out.writelines(f'{record.value}\\n' for record in records)\n"
    )
    keys = {"plugin_path": str(tmp_path / "plugins"), "plugin_environments_path": str(tmp_path / "environments")}
    async with running_worker(tmp_path, **keys) as running:
        await create(running, "s", "ticks", topic="t", plugin__isolation="")
        await create(running, "k", "lines", topics="t", file=tmp_path / "out", plugin__isolation="")
        wanted = [f"tick {n}" for n in range(4)]
        await running.until(
            lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text().split("\n")[:-1] == wanted
        )


@pytest.mark.slow
async def test_a_folder_that_changes_goes_and_comes_back_while_its_process_runs(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "red"
    folder.mkdir(parents=True)

    def put(version: str, colour: str) -> None:
        make_wheel(folder, "colours", version, f"NAME = {colour!r}")
        (folder / "requirements.txt").write_text(f"--no-index\n--find-links .\ncolours=={version}\n")
        code = COLOURED.replace("test.NAME", "test.Red").replace(
            "colours.NAME)", f"colours.NAME + ' by {colour} code')"
        )
        (folder / "red_source.py").write_text(code)

    put("1.0", "red")
    keys = {"plugin_path": str(folder.parent), "plugin_environments_path": str(tmp_path / "environments")}
    others = _children()  # of tests before, some of which are just ending
    async with running_worker(tmp_path, plugin_path_watch="false", **keys) as running:
        refresh = running.herder.base.plugin_refresh
        await create(running, "Red", "test.Red", topic="t", plugin__isolation="")
        await running.until(lambda: running.records("Red") == 1)
        before = _children() - others
        assert before
        put("2.0", "blue")
        report = await refresh.refresh()
        assert (report.found.changed, report.found.broken, report.outdated) == (("red",), (), ("Red",))
        assert before <= _children()
        # A task that begins anew is what its connector is, or else takes that with it: never new code on old libraries.
        await running.herder.restart_task("Red", 0)
        await running.until(lambda: refresh.outdated() == ())
        await running.until_state("Red", State.RUNNING, tasks=1)
        await running.until(lambda: running.records("Red") == 1)
        shutil.move(folder, tmp_path / "away")
        assert (await refresh.refresh()).found.removed == ("red",)
        await running.herder.restart_task("Red", 0)
        await running.until(lambda: running.herder.status("Red").connector.state is State.FAILED)
        assert "the plugin that had it is gone" in (running.herder.status("Red").connector.trace or "")
        assert running.herder.status("Red").tasks[0].state is State.RUNNING
        shutil.move(tmp_path / "away", folder)
        assert (await refresh.refresh()).found.added == ("red",)
        await running.herder.restart("Red", include_tasks=True, only_failed=False)
        await running.until_state("Red", State.RUNNING, tasks=1)
        await running.until(lambda: running.records("Red") == 1)
        assert await running.values("t") == [b"red by red code", b"blue by blue code", b"blue by blue code"]


# -- neighbours --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_process_that_ends_while_nothing_is_to_do_fails_what_it_was(tmp_path: Path) -> None:
    notes, kept = tmp_path / "notes", tmp_path / "kept"
    async with worker(tmp_path) as running:
        await create(running, "s", "test.CountSource", topic="t", journal=notes)
        await create(running, "k", "test.NoteSink", topics="t", journal=kept)
        await running.until(lambda: ["flush"] in journal(kept))
        (sink,) = processes(kept)
        os.kill(sink, signal.SIGKILL)
        assert "was ended by SIGKILL" in await running.until_failed("k")
        connectors = _children() - processes(notes) - processes(kept)
        assert connectors
        for pid in connectors:
            os.kill(pid, signal.SIGKILL)
        await running.until(lambda: running.herder.status("s").connector.state is State.FAILED)
        assert "SIGKILL" in (running.herder.status("s").connector.trace or "")


def _children() -> set[int]:
    """The processes of plugins that this one has started."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            command = stat.with_name("cmdline").read_bytes()
            if int(parent) == os.getpid() and state != "Z" and b"connect.runtime.processes.child" in command:
                found.add(int(stat.parent.name))
    return found


@pytest.mark.night
async def test_neighbours_keep_their_rate_whatever_a_process_does(tmp_path: Path) -> None:
    limits = {"plugin__process__timeout__ms": 1500, "plugin__memory__limit": "100m"}
    again = {
        "errors__restart__policy": "all",
        "errors__restart__delay__ms": 100,
        "errors__restart__delay__max__ms": 100,
    }
    async with worker(tmp_path) as running:
        healthy = {"count": 1_000_000, "batch__size": 100, "rate__limit__records__per__second": 1000}
        await create(running, "healthy", "test.CountSource", topic="h", plugin__isolation="worker", **healthy)

        async def rate() -> float:
            before, began = running.records("healthy"), time.monotonic()
            await asyncio.sleep(1.0)
            return (running.records("healthy") - before) / (time.monotonic() - began)

        async def reaches(wanted: float) -> bool:
            # In any window, since the machine's own load is no fault of the plugins.
            for _ in range(30):
                if await rate() >= wanted:
                    return True
            return False

        assert await reaches(800)
        usual = max([await rate() for _ in range(3)])
        faults = {"segv": "SIGSEGV", "spin": "did not return", "leak": "memory.limit", "flood": "did not return"}
        for how, told in faults.items():
            await create(running, how, "test.CountSource", topic=how, how=how, **limits, **again)
            assert told in await running.until_failed(how)
        assert await reaches(0.8 * usual)  # while each of them begins anew, and ends so again
