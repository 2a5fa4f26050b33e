"""A worker as a process with TLS, users and certificates, and the command line that reaches it by a context."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support import command
from tests.support.command import Done
from tests.support.doors import PASSWORD, make_certificates, make_users
from tests.support.forks import ForkedWorker
from tests.support.worker import STRING


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The worker's keys as a container gets them."""
    certificates = make_certificates(tmp_path)
    users, token = make_users(tmp_path)
    (tmp_path / "token").write_text(token)
    certificates.client_file()
    return {
        "CONNECT_LISTENERS_HTTPS_SSL_KEYSTORE_LOCATION": str(certificates.server_file),
        "CONNECT_LISTENERS_HTTPS_SSL_TRUSTSTORE_LOCATION": str(certificates.ca_file),
        "CONNECT_LISTENERS_HTTPS_SSL_CLIENT_AUTH": "required",
        "CONNECT_REST_AUTHENTICATION_FILE": str(users),
        "CONNECT_CONTEXTS_FILE": str(tmp_path / "contexts.json"),
    }


def connect(environment: dict[str, str], *arguments: str | Path, stdin: str = "") -> Done:
    """Run a command line with variables of its own."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        return command.connect(*arguments, stdin=stdin.encode())


def test_the_command_line_reaches_a_secured_worker_by_its_contexts(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "certificates"
    config = {
        "name": "s",
        "connector.class": "FileStreamSource",
        "file": "/nowhere",
        "topic": "t",
        "value.converter": STRING,
    }
    (tmp_path / "s.json").write_text(json.dumps(config))
    with ForkedWorker(
        tmp_path / "data", "--listeners", "https://127.0.0.1:0,http://127.0.0.1:0", **environment
    ) as worker:
        url = worker.url()
        assert url.startswith("https://127.0.0.1:")
        common = ["--url", url, "--cacert", folder / "ca.pem", "--cert", folder / "client.pem"]
        connect(environment, "context", "set", "ann", *common, "--username", "ann", stdin=f"{PASSWORD}\n")
        connect(environment, "context", "set", "grafana", *common, "--token-file", tmp_path / "token")
        connect(environment, "context", "set", "wrong", *common, "--username", "ann", stdin="wrong\n")
        assert connect(environment, "connector", "create", tmp_path / "s.json").stdout == "created s\n"
        assert "s" in connect(environment, "connector", "list", "--context", "grafana").stdout
        denied = connect(environment, "connector", "pause", "s", "--context", "grafana")
        assert (denied.returncode, denied.stderr.splitlines()[-1]) == (1, "code: auth.denied")
        refused = connect(environment, "connector", "list", "--context", "wrong")
        assert (refused.returncode, refused.stderr.splitlines()[-1]) == (1, "code: auth.required")
        # The log of a directory that this worker owns is reached through its REST, with what the context keeps.
        made = connect(environment, "topic", "create", "u", "--data-dir", tmp_path / "data")
        assert made.returncode == 0, made.stderr
        connect(environment, "context", "set", "ann", "--cert", tmp_path / "none.pem")
        assert "code: config.unreadable" in connect(environment, "connector", "list", "--context", "ann").stderr
        # Without a context, variables say how to reach an address.
        plain = re.search(r"http://127\.0\.0\.1:\d+", worker.log)
        assert plain is not None
        token = {**environment, "CONNECT_URL": plain[0], "CONNECT_TOKEN": (tmp_path / "token").read_text()}
        assert connect(token, "connector", "status", "s").returncode == 0
        assert connect({**token, "CONNECT_TOKEN": "x"}, "connector", "status", "s").returncode == 1
        assert worker.stop() == 0
        assert PASSWORD not in worker.log
