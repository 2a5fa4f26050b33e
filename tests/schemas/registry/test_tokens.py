"""Tokens by OAuth's client credentials, from an issuer that answers what the test says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connect.api import RetriableError
from connect_schemas.registry.tokens import TokenSettings, TokenSource

SETTINGS = TokenSettings("https://idp/token", "me", "s3cret", "registry", buffer_s=10)


class Issuer:
    """Answers with `answers`, one after the other."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.now_s = 0.0

    def source(self, settings: TokenSettings = SETTINGS) -> TokenSource:
        return TokenSource(
            settings, lambda: httpx.Client(transport=httpx.MockTransport(self._answer)), clock=lambda: self.now_s
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def given(token: str, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "token_type": "Bearer", **more})


def test_a_token_is_asked_for_as_kafka_asks_and_kept_until_shortly_before_its_end() -> None:
    issuer = Issuer(given("a", expires_in=60), given("b", expires_in=60))
    source = issuer.source()
    assert [source.token(), source.token()] == ["a", "a"]
    (request,) = issuer.asked
    assert request.headers["Authorization"] == "Basic bWU6czNjcmV0"
    assert request.content == b"grant_type=client_credentials&scope=registry"
    issuer.now_s = 49.9
    assert source.token() == "a"
    issuer.now_s = 50
    assert source.token() == "b"
    source.close()


def test_a_token_of_a_short_life_is_kept_to_its_end() -> None:
    issuer = Issuer(given("a", expires_in=5), given("b", expires_in="soon"))
    source = issuer.source()
    issuer_tokens = [source.token()]
    issuer.now_s = 4.9
    issuer_tokens.append(source.token())
    issuer.now_s = 5
    issuer_tokens.append(source.token())
    assert issuer_tokens == ["a", "a", "b"]
    source.close()


def test_a_token_that_is_not_taken_is_dropped_once() -> None:
    issuer = Issuer(given("a"), given("b"))
    source = issuer.source()
    assert source.token() == "a"
    source.forget("a")
    assert source.token() == "b"
    source.forget("a")  # another thread was slower
    assert source.token() == "b"
    source.close()


@pytest.mark.parametrize(
    ("answer", "code", "mentions"),
    [
        (
            httpx.Response(401, json={"error": "invalid_client", "error_description": "who?"}),
            "refused",
            "invalid_client",
        ),
        (httpx.Response(503), "unreachable", "503 Service Unavailable"),
        (httpx.Response(200, json={"id_token": "x"}), "refused", "no access_token"),
        (httpx.Response(200, content=b"<html>"), "refused", "no access_token"),
        (httpx.ConnectError("nobody"), "unreachable", "nobody"),
        (given("t0ken\r\nX: y"), "refused", "characters that no token has"),
        (given("t0k\u00e9n"), "refused", "characters that no token has"),
        (httpx.Response(400, json={"error": "s3cret of Basic bWU6czNjcmV0"}), "refused", "hidden"),
        (httpx.Response(200, content=b" " * (1 << 21)), "unreachable", "more than 1048576 bytes"),
    ],
)
def test_an_issuer_that_gives_none_is_told_without_the_secret(answer: Any, code: str, mentions: str) -> None:
    issuer = Issuer(answer, given("a"))
    source = issuer.source()
    with pytest.raises(RetriableError, match="https://idp/token") as raised:
        source.token()
    assert raised.value.code == f"schemas.registry_{code}"
    assert mentions in raised.value.message
    for secret in ("s3cret", "bWU6", "t0k"):
        assert secret not in raised.value.message + repr(SETTINGS)
    assert source.token() == "a"
    source.close()


def test_an_issuer_that_never_comes_to_an_end_is_left() -> None:
    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" "

    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless())))
    source = TokenSource(SETTINGS, lambda: client, within_s=0.01)
    with pytest.raises(RetriableError, match="bytes came"):
        source.token()
    source.close()


def test_a_source_that_is_closed_asks_nobody() -> None:
    issuer = Issuer(given("a"))
    source = issuer.source()
    source.close()
    with pytest.raises(RetriableError, match="the client is closed"):
        source.token()
    assert not issuer.asked


def test_closing_waits_for_no_issuer() -> None:
    asked, answered = threading.Event(), threading.Event()

    def slow(request: httpx.Request) -> httpx.Response:
        asked.set()
        assert answered.wait(30)
        return given("a")

    source = TokenSource(SETTINGS, lambda: httpx.Client(transport=httpx.MockTransport(slow)))
    thread = threading.Thread(target=source.token)
    thread.start()
    assert asked.wait(30)
    source.close()
    answered.set()
    thread.join(30)
    assert not thread.is_alive()
