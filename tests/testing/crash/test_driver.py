"""The kit sees what breaks its promise: plugins that lose, double and reorder, each found out by a few kills."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connect.testing.crash import (
    CallTarget,
    CrashTest,
    Fault,
    FileTarget,
    FileUpstream,
    LogTarget,
    Mark,
    PruningServer,
    Seen,
    arrived,
    at_call,
    clean_stop,
    log_line,
)
from tests.support.worker import STRING

BROKEN = '''
import sys
from pathlib import Path

from connect.api import Config, SinkConnector, SinkTask, SourceConnector, config_key, hookimpl
from connect.testing.crash.plugins.crash_kit import PruningSource, PruningTask


class EagerTask(PruningTask):
    """Acknowledges what it has polled, before anybody has it."""

    def poll_batch(self):
        batches = super().poll_batch()
        for batch in batches:
            queue, number = batch.source_partition["queue"], batch.source_offset["number"]
            self._ask(do="acknowledge", partition=queue, up_to=number)
        return batches


class Eager(PruningSource):
    task_class = EagerTask


class OutConfig(Config):
    file: str = config_key("Where to.")
    how: str = config_key("What is wrong.")


class OutTask(SinkTask[OutConfig]):
    held = ()

    def put(self, records):
        values = [record.value for record in records]
        if self.config.how == "forgets":  # it says that all is durable, and holds it
            values, self.held = [*self.held, *values][:-7], [*self.held, *values][-7:]
        elif self.config.how == "turns":
            values.reverse()
        with Path(self.config.file).open("a") as file:
            file.writelines(f"{value}\\n" for value in values)


class Out(SinkConnector[OutConfig]):
    task_class = OutTask


@hookimpl
def connect_connectors():
    return [Eager, Out]
'''


def crash(
    folder: Path, upstream: PruningServer, *marks: Mark, source: str = "", how: str = "", **more: object
) -> CrashTest:
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "broken.py").write_text(BROKEN)
    out = {"connector.class": "FileStreamSink", "file": str(folder / "out.txt"), "topics": "t"}
    if how:
        out.update({"connector.class": "Out", "how": how})
    into = {**upstream.source("t"), **({"connector.class": source} if source else {})}
    connectors = {"in": into, "out": {**out, "key.converter": STRING, "value.converter": STRING}}
    target = FileTarget(folder / "out.txt")
    return CrashTest(folder, connectors, upstream, target, marks=marks, plugin_path=[plugins], deadline_s=5, **more)


def test_a_source_that_acknowledges_too_early_loses_and_that_is_seen(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        report = crash(tmp_path, upstream, at_call("append", 2), source="Eager", kills=2).run()
    assert report.lost > 0
    assert report.verdict == "broken"
    assert "nothing arrived for 5 s" in report.trouble


def test_a_sink_that_says_flushed_and_holds_it_loses_and_that_is_seen(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        report = crash(tmp_path, upstream, at_call("commit", 1, "after"), how="forgets", kills=2).run()
    assert report.lost > 0
    with pytest.raises(AssertionError, match="promised: at least once"):
        report.assert_at_least_once()


def test_a_sink_that_turns_its_records_round_is_seen(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        report = crash(tmp_path, upstream, arrived(5), how="turns", kills=1).run()
    assert (report.lost, report.verdict) == (0, "broken")
    assert report.reordered > 0


def test_what_comes_again_after_a_kill_between_put_and_commit_is_doubled(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        report = crash(tmp_path, upstream, at_call("commit"), kills=2).run()
    assert report.doubled > 0
    assert report.verdict == "at least once"
    assert report.marks == {"before commit": 2}


def test_clean_stops_repeat_nothing(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        report = crash(tmp_path, upstream, clean_stop(10), kills=3).run()
    report.assert_exactly_once()
    assert report.marks == {"clean stop": 3}


def test_a_kill_at_a_call_that_is_to_fail_as_well_comes_first(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        faults = [Fault("append", 1, count=3)]
        report = crash(tmp_path, upstream, at_call("append", 2), kills=1, faults=faults).run()
    report.assert_at_least_once()
    assert report.marks == {"before append": 1}


def test_marks_in_order_are_taken_one_after_the_other_and_what_is_done_at_one_is_counted(tmp_path: Path) -> None:
    done: list[int] = []

    def noted() -> None:
        done.append(1)

    with PruningServer() as upstream:
        marks = [log_line("REST is ready"), arrived(3, noted), arrived(3, noted), arrived(2)]
        report = crash(tmp_path, upstream, *marks, in_order=True, kills=6).run()
    report.assert_at_least_once()
    assert (len(done), report.marks) == (3, {"log": 2, "noted": 3, "arrived": 1})


def test_a_mark_that_never_comes_is_missed(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        test = crash(tmp_path, upstream, log_line("no such line"), kills=1)
        test.deadline_s = 1.0
        report = test.run()
    assert (report.kills, report.missed, report.marks) == (0, 1, {"log (missed)": 1})


class Leftover(FileTarget):
    """Shows all that was written at the first look, as what a killed worker has left; from then on what is there."""

    upstream: PruningServer | None = None

    def seen(self) -> Sequence[Seen]:
        upstream, self.upstream = self.upstream, None
        return super().seen() if upstream is None else upstream.written()


def test_what_a_killed_worker_left_and_the_last_one_cuts_off_is_waited_for_again(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        test = crash(tmp_path, upstream, kills=0)
        upstream.write(200)
        test._target = target = Leftover(tmp_path / "out.txt")
        target.upstream = upstream
        report = test.run()
    report.assert_at_least_once()
    assert report.written == 200


def test_a_worker_that_ends_by_itself_is_trouble(tmp_path: Path) -> None:
    with PruningServer() as upstream:
        test = crash(tmp_path, upstream, arrived(1), kills=2)
        test.connectors = {"in": {"connector.class": "NoSuchConnector"}}
        report = test.run()
    assert report.trouble == "the worker ended by itself, with 2"
    assert "NoSuchConnector" in report.log


def test_a_seed_chooses_the_same_marks_again(tmp_path: Path) -> None:
    (tmp_path / "in.txt").touch()
    tests = [
        CrashTest(tmp_path, {}, FileUpstream(tmp_path / "in.txt"), FileTarget(tmp_path / "o"), seed=9) for _ in "ab"
    ]
    first, second = ([test._mark(number) for number in range(20)] for test in tests)
    assert first == second


class OnceUpstream(FileUpstream):
    """Comes to an end with its first lines."""

    def write(self, count: int) -> None:
        if not self.written():
            super().write(count)


def test_a_mark_that_is_never_reached_is_given_up_once_everything_is_there_and_quiet(tmp_path: Path) -> None:
    source = {"connector.class": "FileStreamSource", "file": f"{tmp_path}/in", "topic": "t", "value.converter": STRING}
    report = CrashTest(
        tmp_path,
        connectors={"in": source},
        upstream=OnceUpstream(tmp_path / "in"),
        target=LogTarget(tmp_path / "data", "t"),
        kills=1,
        marks=[at_call("append", 1000)],
        deadline_s=120,
        quiet_s=0.5,
    ).run()
    report.assert_exactly_once()
    assert report.missed == 1
    assert report.seconds < 100


def test_records_that_come_again_and_again_are_no_progress(tmp_path: Path) -> None:
    counts = iter(range(1_000_000))
    upstream = FileUpstream(tmp_path / "in.txt")
    upstream.write(2)
    target = CallTarget(lambda: upstream.written()[:1], lambda: next(counts))
    test = CrashTest(tmp_path, connectors={}, upstream=upstream, target=target, deadline_s=0.2)
    worker: Any = SimpleNamespace(status=lambda: None, log=lambda: "")
    assert "more and more, and 1 are missing" in test._arrival(worker, set())
