"""`connect run` on a real cluster: it ends by itself, goes on where it ended, and leaves no connector."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.forks import connect_forked
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import files, lines_of, write

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("support", ["disabled", "enabled"])
def test_a_run_on_a_cluster_moves_all_and_goes_on_where_it_ended(
    broker: SharedBroker, tmp_path: Path, name: str, support: str
) -> None:
    arguments = files(tmp_path, name, broker, **{"exactly.once.source.support": support})
    write(tmp_path, *map(str, range(2000)))
    run = ("run", *arguments, "--until", "drained", "--json")
    done = connect_forked(*run)
    assert done.returncode == 0, done.stderr
    assert lines_of(tmp_path / "out.txt") == list(map(str, range(2000)))
    write(tmp_path, "more")
    told = json.loads(connect_forked(*run).stdout)
    assert {row["records"] for row in told["connectors"]} == {1}
    assert lines_of(tmp_path / "out.txt") == [*map(str, range(2000)), "more"]
    # Of a run that ended there is no connector left: only what is in the files runs.
    alone = connect_forked("run", "--config", tmp_path / "worker.json", tmp_path / "source.json", *run[-3:])
    assert [row["name"] for row in json.loads(alone.stdout)["connectors"]] == [f"{name}-source"], alone.stderr
