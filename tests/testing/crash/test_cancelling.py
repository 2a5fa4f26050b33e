"""A task is broken off at its awaits, restarted, and the sum of it told."""

from __future__ import annotations

from pathlib import Path

from connect.testing.crash import FileTarget, FileUpstream, Scenario, cancel_at_every_await
from tests.support.worker import STRING


def scenario(folder: Path) -> Scenario:
    source = {"connector.class": "FileStreamSource", "file": str(folder / "in.txt"), "topic": "t"}
    sink = {"connector.class": "FileStreamSink", "file": str(folder / "out.txt"), "topics": "t"}
    return Scenario(
        {"in": {**source, "value.converter": STRING}, "out": {**sink, "value.converter": STRING}},
        FileUpstream(folder / "in.txt"),
        FileTarget(folder / "out.txt"),
        records=5,
    )


async def test_each_await_that_is_tried_is_a_run_of_its_own(tmp_path: Path) -> None:
    report = await cancel_at_every_await(tmp_path, scenario, first=5, last=15, step=10)
    report.assert_at_least_once()
    assert (report.kills, report.missed, report.written) == (2, 0, 30)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["await-15", "await-5", "whole"]


async def test_an_await_that_never_comes_is_missed(tmp_path: Path) -> None:
    report = await cancel_at_every_await(tmp_path, scenario, first=100_000, last=100_000)
    assert (report.kills, report.missed) == (0, 1)


async def test_what_does_not_arrive_is_told_with_its_await(tmp_path: Path) -> None:
    def lame(folder: Path) -> Scenario:
        made = scenario(folder)
        return Scenario({"in": made.connectors["in"]}, made.upstream, made.target, records=1)

    report = await cancel_at_every_await(tmp_path, lame, last=0, deadline_s=0.2)
    assert report.verdict == "broken"
    assert report.trouble == "without a break: 1 did not arrive within 0.2 s; tasks are {'in': ['RUNNING']}"
