"""Requests to a registry: fail over, tries, logins, and what an answer means."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from connect.api import RetriableError
from connect_schemas.registry.settings import ClientSettings
from connect_schemas.registry.tokens import TokenSettings
from connect_schemas.registry.transport import Refusal, Transport
from tests.support.schema_registry import MemoryRegistry, memory_registry

DEAD = "http://127.0.0.1:1"
BUSY = (503, {"error_code": 50003, "message": "no leader"}, {})


def transport(*urls: str, **settings: Any) -> Transport:
    return Transport(ClientSettings(urls, **{"wait_s": 0.0, "wait_max_s": 0.0, "read_timeout_s": 20.0, **settings}))


def ask(made: Transport, path: str = "/schemas/ids/1", **more: Any) -> Any:
    try:
        return made.request("GET", path, abandoned=more.pop("abandoned", threading.Event()), **more)
    finally:
        made.close()


@pytest.fixture
def registry() -> Any:
    with memory_registry() as running:
        running.add("s", '"string"')
        yield running


def test_an_address_that_does_not_answer_is_left_for_the_next(registry: MemoryRegistry) -> None:
    made = transport(DEAD, registry.url, retries_max=0)
    assert made.request("GET", "/schemas/ids/1", abandoned=threading.Event())["schema"] == '"string"'
    assert ask(made)["schema"] == '"string"'
    assert len(registry.asked) == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_what_passes_is_asked_again(registry: MemoryRegistry, status: int) -> None:
    registry.answers += [(status, b"<html>", {})] * 2
    assert ask(transport(registry.url))["schema"] == '"string"'
    assert len(registry.asked) == 3


def test_after_so_many_tries_it_is_given_up_with_what_each_address_said(registry: MemoryRegistry) -> None:
    registry.answers += [BUSY] * 9
    with pytest.raises(RetriableError, match=r"503 no leader.*after 3 tries") as raised:
        ask(transport(registry.url, DEAD, retries_max=2))
    assert raised.value.code == "schemas.registry_unreachable"
    assert DEAD in raised.value.message
    assert len(registry.asked) == 3


def test_a_registry_that_says_how_long_to_wait_is_heeded(registry: MemoryRegistry) -> None:
    registry.answers.append((429, b"", {"Retry-After": "7"}))
    with pytest.raises(RetriableError) as raised:
        ask(transport(registry.url, retries_max=0))
    assert raised.value.retry_after_ms == 7000


def test_a_wait_between_tries_ends_when_nobody_waits_any_more(registry: MemoryRegistry) -> None:
    registry.answers += [BUSY] * 9
    abandoned = threading.Event()
    abandoned.set()
    began = time.monotonic()
    with pytest.raises(RetriableError, match="nobody waits"):
        ask(transport(registry.url, wait_s=3600.0, wait_max_s=3600.0), abandoned=abandoned)
    assert time.monotonic() - began < 600


def test_an_answer_that_takes_too_long_is_no_answer(registry: MemoryRegistry) -> None:
    registry.held.clear()
    with pytest.raises(RetriableError, match="no answer in time"):
        ask(transport(registry.url, retries_max=0, read_timeout_s=0.05))


def test_an_answer_that_drips_is_no_answer_either() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def drip() -> None:
            there, _ = server.accept()
            with there:
                there.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not over.wait(0.02):
                    try:
                        there.sendall(b" ")
                    except OSError:  # who asked has left
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            with pytest.raises(RetriableError, match="no answer in time"):
                ask(transport(f"http://127.0.0.1:{server.getsockname()[1]}", retries_max=0, read_timeout_s=0.2))
        finally:
            over.set()
            dripping.join(10)


def test_an_answer_without_end_is_no_answer(registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect_schemas.registry.transport._ANSWER_BYTES_MAX", 1000)
    registry.answers.append((200, b" " * 2000, {}))
    with pytest.raises(RetriableError, match="more than 1000 bytes"):
        ask(transport(registry.url, retries_max=0))


def test_what_the_registry_says_no_to_is_told_in_its_words(registry: MemoryRegistry) -> None:
    with pytest.raises(Refusal) as raised:
        ask(transport(registry.url), "/schemas/ids/9")
    assert (raised.value.status, raised.value.error_code) == (404, 40403)
    assert raised.value.message == "Schema 9 not found"


@pytest.mark.parametrize("answer", [(404, b"<html>", {}), (200, b"hello", {}), (404, [], {})])
def test_what_is_no_registry_is_told_as_such(registry: MemoryRegistry, answer: Any) -> None:
    registry.answers.append(answer)
    with pytest.raises(RetriableError, match="is no schema registry") as raised:
        ask(transport(registry.url))
    assert raised.value.code == "schemas.registry_refused"


def test_a_login_is_sent_and_a_refused_one_is_told_without_it(registry: MemoryRegistry) -> None:
    registry.login = "me:secret"
    assert ask(transport(registry.url, login="me:secret"))["schema"] == '"string"'
    with pytest.raises(RetriableError, match="refuses GET /schemas/ids/1: 401 Unauthorized") as raised:
        ask(transport(registry.url, login="me:wrong"))
    assert raised.value.code == "schemas.registry_refused"
    assert "wrong" not in str(raised.value)


def test_a_token_and_headers_are_sent(registry: MemoryRegistry) -> None:
    ask(transport(registry.url, token="t0ken", headers=(("X-Mine", "yes"),)))
    assert registry.headers[-1]["Authorization"] == "Bearer t0ken"
    assert registry.headers[-1]["X-Mine"] == "yes"


def test_a_token_of_an_issuer_is_asked_for_anew_where_the_registry_does_not_take_it(registry: MemoryRegistry) -> None:
    def token(text: str) -> tuple[int, Any, dict[str, str]]:
        return 200, {"access_token": text, "expires_in": 3600}, {}

    refused = (401, {"error_code": 401, "message": "Unauthorized"}, {})
    registry.answers += [token("a"), refused, token("b")]
    oauth = TokenSettings(f"{registry.url}/token", "me", "s3cret")
    made = transport(registry.url, oauth=oauth, headers=(("X-Mine", "yes"),))
    for _ in range(2):
        assert made.request("GET", "/schemas/ids/1", abandoned=threading.Event())["schema"] == '"string"'
    made.close()
    assert registry.asked == ["POST /token", "GET /schemas/ids/1"] * 2 + ["GET /schemas/ids/1"]
    sent = [one.get("Authorization") for one in registry.headers]
    assert sent == ["Basic bWU6czNjcmV0", "Bearer a", "Basic bWU6czNjcmV0", "Bearer b", "Bearer b"]
    assert "X-Mine" not in registry.headers[0]


def test_an_issuer_that_cannot_now_is_asked_again(registry: MemoryRegistry) -> None:
    registry.answers += [(503, b"", {}), (200, {"access_token": "a"}, {})]
    oauth = TokenSettings(f"{registry.url}/token", "me", "s3cret")
    assert ask(transport(registry.url, oauth=oauth))["schema"] == '"string"'


def test_an_issuer_that_refuses_is_told_at_once(registry: MemoryRegistry) -> None:
    registry.answers.append((400, {"error": "invalid_scope"}, {}))
    oauth = TokenSettings(f"{registry.url}/token", "me", "s3cret")
    with pytest.raises(RetriableError, match="400 invalid_scope") as raised:
        ask(transport(registry.url, oauth=oauth))
    assert raised.value.code == "schemas.registry_refused"


def test_a_proxy_is_asked_in_the_place_of_the_registry(registry: MemoryRegistry) -> None:
    assert ask(transport("http://registry.invalid", proxy=registry.url))["schema"] == '"string"'
    assert registry.asked == ["GET http://registry.invalid/schemas/ids/1"]


def test_a_client_that_is_closed_asks_nothing(registry: MemoryRegistry) -> None:
    made = transport(registry.url, retries_max=0)
    made.close()
    with pytest.raises(RetriableError, match="closed"):
        ask(made)
    assert not registry.asked
