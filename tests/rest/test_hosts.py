from __future__ import annotations

import json
import socket
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from connect.rest.hosts import Authority, Names, names_of, parse_authority
from connect.runtime.worker_config import WorkerConfig
from tests.support.doors import ServedWorker, make_users, served_worker

PATHS = ("/", "/health", "/connectors", "/openapi.json", "/docs", "/v1/topics", "/admin/loggers", "/nowhere")


async def ask(
    worker: ServedWorker, *lines: str, target: str = "/connectors", version: str = "1.1", method: str = "GET"
) -> tuple[int, str]:
    """Send a request as it stands; return status and message."""
    text = "\r\n".join([f"{method} {target} HTTP/{version}", *lines, "Connection: close", "", ""])
    head, _, body = (await worker.raw(text.encode("latin-1"))).partition(b"\r\n\r\n")
    message = json.loads(body).get("message", "") if head.split(b" ")[1] >= b"400" else ""
    return int(head.split(b" ")[1]), message


async def test_a_page_that_has_its_name_resolve_to_the_worker_reaches_nothing(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        name = f"evil.example:{worker.address[1]}"
        page = [f"Host: {name}", f"Origin: http://{name}", "Sec-Fetch-Site: same-origin"]
        for path in PATHS:
            status, message = await ask(worker, *page, target=path)
            assert status == 421, path
            assert "evil.example" in message
            assert "rest.allowed.hosts" in message
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
            assert (await worker.raw(f"{method} /connectors HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())).startswith(
                b"HTTP/1.1 421 "
            )


async def test_loopback_names_are_answered_with_any_port(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        for host in [
            "127.0.0.1", "127.0.0.1:9999", "localhost", "LocalHost:80", "localhost.", "ui.localhost", "127.9.9.9",
            "[::1]", "[::1]:8083", "[::ffff:127.0.0.1]", "[::1%25lo]", "localhost:", "[0:0:0:0:0:0:0:1]",
        ]:  # fmt: skip
            assert await ask(worker, f"Host: {host}") == (200, ""), host


async def test_no_other_host_is_answered_on_loopback(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        for host in [
            "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "0.0.0.0", "192.168.1.5",
            "8.8.8.8:8083", "127.1", "2130706433", "0x7f.0.0.1", "[::]", "[2001:db8::1]", "%6cocalhost",
            "localhost,evil", "a_b",
        ]:  # fmt: skip
            assert (await ask(worker, f"Host: {host}"))[0] == 421, host


async def test_a_host_that_is_none_is_a_bad_request(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        for lines in [
            [],
            ["Host:"],
            ["Host: "],
            ["Host: localhost", "Host: localhost"],
            ["Host: localhost", "Host: evil.example"],
            ["Host: user@localhost"],
            ["Host: u:p@localhost"],
            ["Host: localhost:port"],
            ["Host: localhost:65536"],
            ["Host: http://localhost"],
            ["Host: localhost/x"],
            ["Host: local host"],
            ["Host: [::1"],
            ["Host: ::1"],
            ["Host: [::1%lo]"],
            ["Host: [1]"],
            ["Host: ."],
            ["Host: l\xf6calhost"],
            ["Host: :8083"],
            ["Host: localhost:-1"],
        ]:
            assert (await ask(worker, *lines))[0] == 400, lines


async def test_an_absolute_target_counts_and_its_host_header_does_not(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        port = worker.address[1]
        assert (await ask(worker, "Host: evil.example", target=f"http://127.0.0.1:{port}/connectors"))[0] == 200
        assert (await ask(worker, "Host: localhost", target="http://evil.example/connectors"))[0] == 421
        assert (await ask(worker, "Host: localhost", target="HTTP://evil.example/connectors"))[0] == 421
        assert (await ask(worker, "Host: localhost", target="http://localhost@evil.example/connectors"))[0] == 400
        assert (await ask(worker, target="http://localhost/connectors"))[0] == 400
        page = ["Host: evil.example", "Origin: http://evil.example"]
        assert (await ask(worker, *page, target="http://localhost/connectors/x/restart", method="POST"))[0] == 403


async def test_http_1_0_may_leave_the_host_out(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        assert (await ask(worker, version="1.0"))[0] == 200
        assert (await ask(worker, "Host: evil.example", version="1.0"))[0] == 421


async def test_an_open_listener_answers_to_addresses_and_its_own_names_and_to_no_strangers(tmp_path: Path) -> None:
    async with served_worker(tmp_path, "http://0.0.0.0:0", **{"rest.advertised.host.name": "connect-1"}) as worker:
        # Probes come by the machine's address, clients by a mapped one, and the command line by the listener's own.
        for host in ("10.1.2.3:8083", "[fe80::1%25eth0]", "0.0.0.0", socket.gethostname(), "connect-1", "localhost"):
            assert (await ask(worker, f"Host: {host}"))[0] == 200, host
        for host in ("evil.example", "connect-1.evil.example", "connect-2"):
            assert (await ask(worker, f"Host: {host}"))[0] == 421, host


async def test_listed_names_are_answered(tmp_path: Path) -> None:
    async with served_worker(tmp_path, **{"rest.allowed.hosts": "UI.example:8443, *.corp.example"}) as worker:
        for host in ("ui.example", "ui.example:1", "Ui.Example.", "a.corp.example", "a.b.corp.example"):
            assert (await ask(worker, f"Host: {host}"))[0] == 200, host
        for host in ("corp.example", "evilcorp.example", "a.ui.example"):
            assert (await ask(worker, f"Host: {host}"))[0] == 421, host


async def test_a_star_takes_any_name_and_nothing_malformed(tmp_path: Path) -> None:
    async with served_worker(tmp_path, **{"rest.allowed.hosts": "*"}) as worker:
        assert (await ask(worker, "Host: anything.example"))[0] == 200
        assert (await ask(worker, "Host: a b"))[0] == 400


async def test_the_host_is_looked_at_before_the_user_is(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{"rest.authentication.file": str(users)}) as worker:
        assert (await ask(worker, "Host: evil.example"))[0] == 421
        assert (await ask(worker, "Host: localhost"))[0] == 401


async def test_the_location_of_a_created_connector_is_under_the_name_that_was_asked(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        body = json.dumps(
            {"name": "a", "config": {"connector.class": "FileStreamSource", "topic": "t", "file": "none"}}
        )
        text = (
            "POST http://localhost:7/connectors HTTP/1.1\r\nHost: evil.example\r\n"
            f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        assert b"location: http://localhost:7/connectors/a\r\n" in await worker.raw(text.encode())


def test_a_listeners_own_host_is_a_name_of_the_worker() -> None:
    names = names_of(WorkerConfig.parse({"listeners": "http://connect.internal:8083,http://127.0.0.1:8084"}))
    assert names.holds("connect.internal")
    assert not names.holds("internal")
    assert not Names(listeners=["127.0.0.1"], own_name="laptop").holds("laptop")


@given(st.text())
def test_any_text_is_read_as_an_authority_or_refused(text: str) -> None:
    found = parse_authority(text)
    assert found is None or (found.host and found.host == found.host.lower() and "@" not in found.host)


def test_an_authority_has_a_host_in_lower_case_and_maybe_a_port() -> None:
    assert parse_authority("Ui.Example.:443") == Authority("ui.example", 443)
    assert parse_authority("[::1]") == Authority("[::1]", None)
