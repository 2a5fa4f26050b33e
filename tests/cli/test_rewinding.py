"""`connect connector rewind`: where it goes, what comes again, and what it asks the worker for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.answers import answering

PATH = "/v1/connectors/a%20b/rewind"
SINK = {"topic": "t", "partition": 0, "from": 9, "to": 4, "end": 9, "again": 5, "skipped": 0}
SOURCE = {"topic": None, "partition": {"filename": "/in"}, "from": {"position": 5}, "to": None, "end": None}


def told(*rows: object, again: int | None = 5, note: str | None = None) -> dict[str, object]:
    return {"partitions": rows, "again": again, "state_before": "RUNNING", "applied": True, "note": note}


@pytest.mark.parametrize(
    ("options", "to"),
    [
        (["--to-earliest"], "earliest"),
        (["--to-latest"], "latest"),
        (["--shift-by", "-100"], {"by": -100}),
        (["--to-datetime", "2026-01-01T00:00:00Z"], {"timestamp": 1767225600000}),
    ],
)
def test_it_is_said_what_comes_again_and_then_done(cli: Cli, options: list[str], to: object) -> None:
    with answering({("POST", PATH): (200, told(SINK))}) as server:
        done = cli("connector", "rewind", "a b", *options, "--yes", "--url", server.url)
    assert done.out.splitlines()[0].split() == ["TOPIC", "PARTITION", "FROM", "TO", "END", "AGAIN", "SKIPPED"]
    assert done.out.splitlines()[-2:] == ["5 records come again", "rewound a b"]
    assert [body for _, _, body in server.requests] == [{"to": to, "dry_run": is_dry} for is_dry in (True, False)]


def test_a_dry_run_does_nothing(cli: Cli) -> None:
    with answering({("POST", PATH): (200, told(SINK))}) as server:
        asked = ["connector", "rewind", "a b", "--to-earliest", "--dry-run", "--url", server.url]
        done = cli(*asked)
        assert cli(*asked, "--json").json["again"] == 5
    assert done.out.splitlines()[-1] == "nothing was set: --dry-run"
    assert {body["dry_run"] for _, _, body in server.requests} == {True}


def test_a_source_goes_to_offsets_of_a_file(cli: Cli, tmp_path: Path) -> None:
    offsets = [{"partition": {"filename": "/in"}, "offset": {"position": 2}}]
    file = tmp_path / "offsets.json"
    file.write_text(json.dumps({"offsets": offsets}))
    note = "The connector has not looked at the offsets."
    with answering({("POST", PATH): (200, told(SOURCE, again=None, note=note))}) as server:
        url = ["--url", server.url]
        done = cli("connector", "rewind", "a b", "-f", file, *url)
        assert done.out.splitlines()[1].split() == ['{"filename":"/in"}', '{"position":5}', "-"]
        assert done.out.splitlines()[-1] == f"rewound a b ({note})"
        file.write_text("[]")
        cli.refused(2, "config.invalid", "connector", "rewind", "a b", "-f", file, *url, mentions="offsets")
    assert server.requests[-1][2] == {"to": {"offsets": offsets}, "dry_run": False}


def test_one_place_is_expected_and_a_refusal_is_told(cli: Cli) -> None:
    refused = {"error_code": 400, "message": "connector 'a b' is a source"}
    with answering({("POST", PATH): (400, refused)}) as server:
        url = ["--url", server.url]
        for options in ([], ["--to-earliest", "--to-latest"], ["--to-datetime", "soon"]):
            assert cli("connector", "rewind", "a b", *options, *url).code == 2
        assert server.requests == []
        assert "is a source" in cli("connector", "rewind", "a b", "--to-latest", *url).err
        assert len(server.requests) == 1


def test_a_sink_of_a_worker_reads_again(cli: Cli, worker_url: str, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out.txt"
    file = tmp_path / "sink.json"
    string = "org.apache.kafka.connect.storage.StringConverter"
    config = {"connector.class": "FileStreamSink", "topics": name, "file": str(out), "value.converter": string}
    file.write_text(json.dumps({"name": name, "config": config}))
    url = ["--url", worker_url]
    lines = tmp_path / "lines.txt"
    lines.write_text("one\ntwo\n")
    cli("topic", "create", name, *url)
    cli("produce", "--topic", name, lines, *url)
    cli("connector", "create", file, "--wait", *url)
    cli("connector", "stop", name, "--wait", *url)
    done = cli("connector", "rewind", name, "--to-earliest", *url)
    assert done.out.splitlines()[-1] == f"rewound {name}"
    assert "STOPPED" in cli("connector", "status", name, *url).out
