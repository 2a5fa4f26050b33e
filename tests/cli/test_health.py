from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.doors import make_certificates
from tests.support.forks import ForkedWorker


def test_a_worker_that_does_well_is_0_and_one_line(cli: Cli, log_worker_url: str) -> None:
    for options in ((), ("--live",), ("--ready",), ("--failed", "100%")):
        done = cli("health", "--url", log_worker_url, *options)
        assert (done.code, done.out.count("\n"), done.err) == (0, 1, ""), options
    assert cli("health", "--ready", "--url", log_worker_url).out.startswith("ready: ")
    assert cli("health", "--json", "--url", log_worker_url).json["status"] == "healthy"


def test_a_worker_is_found_by_its_directory_and_failures_are_named(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.json"
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "no" / "out")}
    bad.write_text(json.dumps({"name": "bad", **config}))
    with ForkedWorker(tmp_path / "data", bad) as worker:
        worker.url()
        monkeypatch.setenv("CONNECT_DATA_DIR", str(tmp_path / "data"))
        deadline = time.monotonic() + 30
        while (done := cli("health", "--failed", "1")).code == 0:
            assert time.monotonic() < deadline
        assert done.code == 1
        assert "bad-0: file.unwritable" in done.out and done.out.startswith("unhealthy: ")
        assert cli("health").code == 0
        assert cli("health", "--data-dir", str(tmp_path / "data"), "--failed", "0%").code == 2


def test_a_worker_with_tls_of_its_own_is_asked_without_its_authority(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_certificates(tmp_path).server_file
    keys = {"CONNECT_SSL_KEYSTORE_LOCATION": str(server)}
    with ForkedWorker(tmp_path / "data", "--listeners", "https://127.0.0.1:0", **keys) as worker:
        worker.url()
        assert cli("health", "--data-dir", str(tmp_path / "data")).code == 0


def test_nobody_and_one_who_says_nothing_in_time_is_3(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began = time.monotonic()
        url = f"http://127.0.0.1:{port}"
        cli.refused(3, "environment.unreachable", "health", "--url", url, "--timeout", "0.2", mentions=url)
        assert time.monotonic() - began < 5
    cli.refused(3, "environment.unreachable", "health", "--url", url)


def test_who_answers_and_is_no_worker_is_3(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

        thread = threading.Thread(target=answer)
        thread.start()
        cli.refused(3, "environment.unreachable", "health", "--url", f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join(10)


@pytest.mark.parametrize(
    ("options", "mentions"),
    [(("--live", "--failed", "1"), "--failed"), (("--url", "ftp://x"), "ftp://x"), (("--url", "x"), "x")],
)
def test_a_wrong_command_line_is_refused(cli: Cli, options: tuple[str, ...], mentions: str) -> None:
    done = cli("health", *options)
    assert done.code == 2 and mentions in done.err
