"""What a worker remembers: offsets, and levels of loggers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli
from tests.support.answers import answering

OFFSETS = {"offsets": [{"partition": {"filename": "/in"}, "offset": {"position": 5}}]}


def test_offsets_are_shown_altered_and_reset(cli: Cli, tmp_path: Path) -> None:
    path = "/connectors/a%20b/offsets"
    altered, reset = {"message": "altered"}, {"message": "reset"}
    (tmp_path / "offsets.json").write_text(json.dumps(OFFSETS))
    with answering(
        {("GET", path): (200, OFFSETS), ("PATCH", path): (200, altered), ("DELETE", path): (200, reset)}
    ) as server:
        url = ["--url", server.url]
        assert '{"filename":"/in"}  {"position":5}' in cli("connector", "offsets", "get", "a b", *url).out
        assert cli("connector", "offsets", "get", "a b", "--json", *url).json == OFFSETS
        assert cli("connector", "offsets", "alter", "a b", "-f", tmp_path / "offsets.json", *url).out == "altered\n"
        cli("connector", "offsets", "alter", "a b", "--set", "t:0=42", "--set", "t:1=null", *url)
        assert cli("connector", "offsets", "reset", "a b", "--yes", *url).out == "reset\n"
        assert cli("connector", "offsets", "alter", "a b", "--set", "t=42", *url).code == 2
        for wrong in ("t:0=" + "9" * 5000, f"t:{'9' * 5000}=1", "t:0=\u0664"):
            assert cli("connector", "offsets", "alter", "a b", "--set", wrong, *url).code == 2
    t0 = {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 42}}
    t1 = {"partition": {"kafka_topic": "t", "kafka_partition": 1}, "offset": None}
    patches = [body for method, _, body in server.requests if method == "PATCH"]
    assert patches == [OFFSETS, {"offsets": [t0, t1]}]


def test_levels_of_loggers_are_shown_and_set(cli: Cli) -> None:
    loggers = {"root": {"level": "INFO", "last_modified": None}, "connect.log": {"level": "WARN", "last_modified": 1}}
    one = "/admin/loggers/connect.log"
    with answering(
        {
            ("GET", "/admin/loggers"): (200, loggers),
            ("GET", one): (200, loggers["connect.log"]),
            ("PUT", one): (200, ["connect.log"]),
            ("PUT", one + "?scope=cluster"): (204, None),
        }
    ) as server:
        url = ["--url", server.url]
        assert "connect.log  WARN" in cli("connector", "loggers", "list", *url).out
        assert cli("connector", "loggers", "level", "connect.log", *url).out == "connect.log: WARN\n"
        assert (
            cli("connector", "loggers", "level", "connect.log", "debug", *url).out
            == "connect.log: DEBUG (1 loggers changed)\n"
        )
        assert cli("connector", "loggers", "level", "connect.log", "debug", "--cluster", *url).code == 0
        cli.refused(1, "not_found", "connector", "loggers", "level", "connect.lgo", *url, mentions="'connect.log'")


def test_a_signal_is_sent_with_its_data(cli: Cli) -> None:
    sent = {"id": "again", "type": "execute-snapshot"}
    with answering({("POST", "/v1/connectors/a%20b/signals"): (202, sent)}) as server:
        url = ["--url", server.url]
        told = cli("connector", "signal", "a b", "execute-snapshot", "--data", '{"x": 1}', "--id", "again", *url)
        assert told.out == "sent execute-snapshot as again\n"
        assert cli("connector", "signal", "a b", "log", "--json", *url).json == sent
        cli.refused(2, "config.unreadable", "connector", "signal", "a b", "log", "--data", "{", *url, mentions="--data")
    assert [body for _, _, body in server.requests] == [
        {"type": "execute-snapshot", "data": {"x": 1}, "id": "again"},
        {"type": "log"},
    ]
