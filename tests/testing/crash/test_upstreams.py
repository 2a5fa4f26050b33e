"""What upstreams write, and what they say that they wrote."""

from __future__ import annotations

from pathlib import Path

import httpx

from connect.app import open_cluster
from connect.records import Columns
from connect.testing.crash import EndlessSource, FileTarget, FileUpstream, LogTarget, Seen
from connect.testing.crash.targets import text_of
from tests.support.forks import ForkedWorker
from tests.support.plain import NO_TLS
from tests.support.worker import STRING


def test_the_lines_of_a_file_are_the_model(tmp_path: Path) -> None:
    upstream = FileUpstream(tmp_path / "in.txt", keys=2)
    upstream.write(3)
    upstream.write(2)
    assert list(upstream.written()) == [Seen("k0", 0), Seen("k1", 0), Seen("k0", 1), Seen("k1", 1), Seen("k0", 2)]
    assert FileTarget(tmp_path / "in.txt").seen() == upstream.written()


async def test_an_endless_source_has_written_all_numbers_up_to_the_highest(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path / "data")
    await cluster.admin.create_topic("t")
    values = [text_of(seen).encode() for seen in (Seen("a", 0), Seen("a", 3), Seen("b", 1))]
    await cluster.producer(client_id="p").append("t", Columns(values, timestamps=1))
    await cluster.aclose()
    written = EndlessSource("in", LogTarget(tmp_path / "data", "t")).written()
    assert sorted(written) == [*(Seen("a", number) for number in range(4)), Seen("b", 0), Seen("b", 1)]


def test_an_endless_source_is_stopped_in_the_end(tmp_path: Path) -> None:
    with ForkedWorker(tmp_path / "data") as worker:
        url = worker.url()
        config = {"connector.class": "FileStreamSource", "topic": "t", "file": "x", "value.converter": STRING}
        httpx.put(f"{url}/connectors/in/config", json=config, verify=NO_TLS).raise_for_status()
        EndlessSource("in", LogTarget(tmp_path / "data", "t")).finish(url)
        assert httpx.get(f"{url}/connectors/in/status", verify=NO_TLS).json()["connector"]["state"] == "STOPPED"
