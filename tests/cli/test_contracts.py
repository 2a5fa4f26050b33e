"""`connect connector contract`: what it prints, and what it asks the worker for."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli
from tests.support.answers import answering

PATH = "/v1/connectors/a%20b/contract"
SCHEMA = {
    "type": "struct",
    "fields": [
        {"type": "int32", "optional": False, "field": "id"},
        {"type": "string", "optional": True, "field": "note"},
    ],
    "optional": False,
}
KNOWN = {"topic": "t", "version": 2, "at": 1767225600000, "by": "task 0", "schema": SCHEMA}
OTHER = {**KNOWN, "topic": "u", "schema": {"type": "string", "optional": False}}
SHOWN = {"settings": {"schema.contract.fields": "freeze"}, "topics": [KNOWN, OTHER]}


def test_what_is_held_and_known_is_shown(cli: Cli) -> None:
    with answering({("GET", PATH): (200, SHOWN)}) as server:
        asked = ["connector", "contract", "show", "a b"]
        done = cli(*asked, "--url", server.url)
        assert cli(*asked, "--json", "--url", server.url).json == SHOWN
        assert json.loads(cli(*asked, "t", "--url", server.url).out) == SCHEMA
        unknown = cli(*asked, "none", "--url", server.url)
    assert (unknown.code, unknown.out) == (1, "")
    assert "nothing is known of topic 'none' of connector 'a b'" in unknown.err and "Name one of t, u." in unknown.err
    assert done.out.splitlines()[1].split() == ["schema.contract.fields", "freeze"]
    assert "2026-01-01T00:00:00+00:00" in done.out
    assert "id int32, required; note string" in done.out


def test_a_schema_is_given_as_it_is_shown(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA))
    with answering({("PUT", f"{PATH}/t%2Fx"): (200, KNOWN)}) as server:
        asked = ["connector", "contract", "set", "a b", "t/x", "-f", file, "--url", server.url]
        assert cli(*asked).out == "t/x: version 2\n"
        assert cli(*asked, "--json").json == KNOWN
    assert server.requests[0][2] == {"schema": SCHEMA}


def test_what_is_known_is_forgotten_of_one_topic_or_all(cli: Cli) -> None:
    answers = {("DELETE", PATH): (200, {"forgotten": []}), ("DELETE", f"{PATH}/t"): (200, {"forgotten": ["t"]})}
    with answering(answers) as server:
        asked = ["connector", "contract", "reset", "a b"]
        assert cli(*asked, "t", "--yes", "--url", server.url).out == "forgot t\n"
        assert cli(*asked, "--yes", "--url", server.url).out == "forgot nothing\n"
        assert cli(*asked, "--yes", "--json", "--url", server.url).json == {"forgotten": []}
