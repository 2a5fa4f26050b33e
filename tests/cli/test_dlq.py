"""`connect dlq`: against a worker, and against answers where long work is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.cli.dlq import _print_operation
from connect.rest.models import dlq as models
from tests.cli.conftest import Cli
from tests.support.answers import answering
from tests.support.command import lines
from tests.support.dead_letters import file_sink
from tests.support.forks import ForkedWorker

MEND = '[{"op": "replace", "path": "/value", "value": {"n": 2}}]'


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A worker with a sink `s` that failed on two of three records."""
    config = {**file_sink(tmp_path), "name": "s"}
    (tmp_path / "s.json").write_text(json.dumps({"name": "s", "config": config}))
    flush = {"CONNECT_OFFSET_FLUSH_INTERVAL_MS": "50"}
    with ForkedWorker(tmp_path / "data", tmp_path / "s.json", **flush) as worker:
        url = worker.url()
        lines("topic", "create", "orders", "--url", url)
        lines("produce", "--topic", "orders", "--url", url, stdin=b'{"n": 1}\n{n: 2\n{n: 3\n')
        yield url
        assert worker.stop() == 0


def listed(cli: Cli, url: str, *options: str) -> Any:
    return cli("dlq", "list", "--json", "--url", url, *options).json


def test_letters_are_listed_shown_mended_and_discarded(cli: Cli, url: str, tmp_path: Path) -> None:
    for _ in range(600):
        found = listed(cli, url)
        if found and found[0]["open"] == 2:
            break
    (report,) = found
    assert (report["topic"], report["causes"][0]["count"], report["causes"][0]["code"]) == ("dead", 2, "data.invalid")
    text = cli("dlq", "list", "--connector", "s", "--url", url).out
    assert "dead: 2 open, 0 replayed, 0 discarded" in text
    assert "data.invalid" in text
    assert "VALUE_CONVERTER" in text
    rows = cli("dlq", "list", "dead", "--letters", "--where", "offset = 2", "--url", url).out
    assert "dead-0@1" in rows and "orders-0@2" in rows and "dead-0@0" not in rows
    shown = cli("dlq", "show", "dead-0@0", "--url", url).out
    assert "connector:   s, task 0" in shown
    assert '"value": "{n: 2"' in shown
    (tmp_path / "patch.json").write_text(MEND)
    patch = f"@{tmp_path / 'patch.json'}"
    dry = cli("dlq", "replay", "dead", "--fix", patch, "--dry-run", "--url", url)
    assert dry.code == 0
    assert 'dead-0@0 -> connector s\n  before: {"key":null,"value":"{n: 2"' in dry.out
    assert "done: of 2 letters 2 would be replayed" in dry.out
    done = cli("dlq", "replay", "dead", "--fix", MEND, "--where", "offset = 1", "--url", url)
    assert (done.code, "done: of 1 letters 1 replayed" in done.out) == (0, True), done
    cli.refused(2, "config.invalid", "dlq", "discard", "dead", "--reason", "x", "--url", url, mentions="--yes")
    gone = cli("dlq", "discard", "dead", "--reason", "a test", "--yes", "--url", url)
    assert "1 discarded" in gone.out
    assert listed(cli, url, "dead")[0]["open"] == 0
    assert "discarded" in cli("dlq", "list", "dead", "--letters", "--all", "--url", url).out
    assert "a test" in cli("dlq", "show", "dead-0@1", "--url", url).out
    assert "replay (dry run)" in cli("dlq", "status", "--url", url).out
    cli.refused(2, "dlq.condition", "dlq", "list", "dead", "--where", "x", "--url", url, mentions="no field 'x'")
    cli.refused(1, "connector.not_found", "dlq", "list", "--connector", "none", "--url", url)


@pytest.mark.parametrize(
    ("fixes", "mentions"),
    [
        (["[", MEND], "one JSON patch is expected"),
        (["[{]"], "the patch is not JSON"),
        (["@/none/such"], "cannot be read"),
        (["upper"], "no KEY=VALUE of transforms"),
    ],
)
def test_a_fix_that_cannot_be_read_is_refused_here(cli: Cli, fixes: list[str], mentions: str) -> None:
    options = [option for fix in fixes for option in ("--fix", fix)]
    cli.refused(
        2, "config.invalid", "dlq", "replay", "dead", "--url", "http://127.0.0.1:1", *options, mentions=mentions
    )


def test_what_is_no_letter_is_refused(cli: Cli) -> None:
    for bad in ("dead", "dead-x@1", "dead@1"):
        cli.refused(2, "config.invalid", "dlq", "show", bad, mentions="TOPIC-PARTITION@OFFSET is expected")


def operation(**more: Any) -> dict[str, Any]:
    return {**models._OPERATION, "problems": [], "refused": 0, **more}


def test_transforms_are_keys_and_the_exit_code_tells_of_letters_that_stayed(cli: Cli) -> None:
    path = f"/v1/dlq-operations/{models._ID}"
    left = operation(refused=1, problems=[{"letter": "dead-0@2", "reason": "no"}])
    with answering(
        {
            ("POST", "/v1/dlq/dead/replay"): (202, operation(state="running")),
            ("GET", f"{path}?wait_ms=1000"): (200, left),
        }
    ) as server:
        keys = ["--fix", "transforms=t", "--fix", "transforms.t.type=A$Value"]
        done = cli("dlq", "replay", "dead", *keys, "--url", server.url)
        assert (done.code, "left dead-0@2: no" in done.out) == (1, True), done
        assert cli("dlq", "replay", "dead", "--no-wait", "--url", server.url).out == f"{models._ID}\n"
    bodies = [body for method, _, body in server.requests if method == "POST"]
    assert bodies[0]["transforms"] == {"transforms": "t", "transforms.t.type": "A$Value"}


def test_an_operation_that_failed_is_an_error(cli: Cli) -> None:
    path = f"/v1/dlq-operations/{models._ID}"
    failed = operation(state="failed", error={"error_code": 503, "message": "the disk is full"})
    with answering(
        {
            ("POST", "/v1/dlq/dead/replay"): (202, operation(state="running")),
            ("GET", f"{path}?wait_ms=1000"): (200, failed),
            ("DELETE", path): (200, operation(state="running", cancelled=True)),
            ("GET", f"{path}?wait_ms=10000"): (200, operation(state="cancelled", cancelled=True)),
        }
    ) as server:
        cli.refused(1, "log.failed", "dlq", "replay", "dead", "--url", server.url, mentions="the disk is full")
        assert "cancelled: of 2 letters" in cli("dlq", "cancel", models._ID, "--url", server.url).out


def test_a_queue_that_comes_in_parts_is_put_together(cli: Cli) -> None:
    part = {**models.Causes.__pydantic_config__["json_schema_extra"]["examples"][0]}  # type: ignore[attr-defined]
    with answering(
        {
            ("GET", "/v1/dlq"): (200, {"queues": []}),
            ("GET", "/v1/dlq/dead?all=false"): (200, {**part, "next": "0:3"}),
            ("GET", "/v1/dlq/dead?all=false&from=0%3A3"): (200, part),
        }
    ) as server:
        (found,) = cli("dlq", "list", "dead", "--json", "--url", server.url).json
    assert (found["scanned"], found["open"], found["causes"][0]["count"]) == (6, 4, 4)


def test_letters_that_are_left_for_one_reason_are_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [{"letter": f"dead-0@{n}", "reason": "no fit" if n != 2 else "too old"} for n in range(6)]
    counts = {"matched": 9, "done": 0, "refused": 8, "held_back": 1, "duplicates": 0}
    operation = {"kind": "replay", "state": "done", "dry_run": False, "previews": [], "problems": problems, **counts}
    _print_operation(operation, as_json=False)
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "left dead-0@0, dead-0@1, dead-0@3 and 2 more: no fit",
        "left dead-0@2: too old",
        "left 3 further letters, whose reasons were not kept",
    ]
