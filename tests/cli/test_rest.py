"""The way to a worker: its failures as errors of the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import EnvironmentFault
from connect.cli.rest import RestClient
from tests.cli.conftest import Cli
from tests.support.answers import answering
from tests.support.command import assert_refused, connect


def test_a_worker_that_is_not_there_is_an_environment_fault() -> None:
    assert_refused(
        connect("connector", "list", "--url", "http://127.0.0.1:1"), 3, "environment.unreachable", "127.0.0.1:1"
    )


def test_an_http_address_needs_no_certificate_of_the_system(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "not-there.pem"))
    with answering({("GET", "/connectors?expand=status"): (200, {})}) as server:
        assert cli("connector", "list", "--json", "--url", server.url).out == "{}\n"


def test_what_is_no_worker_is_told_so(cli: Cli) -> None:
    with answering({("GET", "/connectors?expand=status"): (200, b"<html>")}) as server:
        cli.refused(3, "environment.unreachable", "connector", "list", "--url", server.url, mentions="not JSON")
    cli.refused(3, "environment.unreachable", "connector", "list", "--url", "http://127.0.0.1:1")
    done = cli("connector", "list", "--url", "http://u:hunter2@127.0.0.1:1")
    assert "hunter2" not in done.err


def test_the_code_of_the_answer_is_printed_with_its_hint_once(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    told = cli.refused(2, "connector.not_stopped", "connector", "offsets", "reset", name, "--yes", *url)
    assert told.count("hint:") == 1
    assert "connect connector stop" in told
    told = cli.refused(1, "connector.exists", "connector", "create", file, *url)
    assert told.count("Choose another name") == 1
    told = cli.refused(1, "connector.not_found", "connector", "status", "something-else", *url)
    assert told.count("connect connector list") == 1
    assert told.count("hint:") == 1


def test_a_config_with_its_etag_that_is_no_json_is_of_no_worker() -> None:
    with (
        answering({("GET", "/v1/connectors/c/config"): (200, b"<html>")}) as server,
        RestClient(server.url) as rest,
        pytest.raises(EnvironmentFault, match="not JSON"),
    ):
        rest.config_and_etag("c")


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "from.tomorrow", 2),
        (404, "thing.not_found", 1),
        (409, "connector.busy", 1),
        (500, "plugin.failed", 1),
        (503, "log.disk", 3),
        (413, "request.too_large", 1),
    ],
)
def test_a_code_that_is_new_to_the_command_is_printed_as_it_came(
    cli: Cli, status: int, code: str, exit_code: int
) -> None:
    headers = {"X-Connect-Error-Code": code, "X-Connect-Error-Hint": "Bitte%20%C3%BCben."}
    body = {"error_code": status, "message": "it (broke) (Bitte üben.)"}
    with answering({("GET", "/connectors?expand=status"): (status, body)}, headers) as server:
        told = cli.refused(exit_code, code, "connector", "list", "--url", server.url)
    assert told.splitlines() == ["error: it (broke)", "hint: Bitte üben.", f"code: {code}"]


def test_a_kafka_connect_worker_s_errors_have_a_code_by_their_status(cli: Cli) -> None:
    body = {"error_code": 409, "message": "rebalancing"}
    with answering({("GET", "/connectors?expand=status"): (409, body)}) as server:
        assert cli.refused(1, "conflict", "connector", "list", "--url", server.url).startswith("error: rebalancing\n")


def test_a_worker_that_is_not_there_is_told_once_for_all_names(cli: Cli) -> None:
    told = cli.refused(3, "environment.unreachable", "connector", "pause", "a", "b", "c", "--url", "http://127.0.0.1:1")
    assert told.count("error:") == 1
