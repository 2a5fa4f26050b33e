"""Answers as a whole: those that are too large, or never end, are given up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connect_schemas.registry.answers import Answer, whole


class Parts(httpx.SyncByteStream):
    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"ab"] * self.count)


def read(count: int, **limits: Any) -> Answer:
    with (
        httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(201, stream=Parts(count)))) as client,
        client.stream("GET", "http://registry/") as coming,
    ):
        return whole(coming, **limits)


def test_an_answer_is_there_as_a_whole() -> None:
    answer = read(3, within_s=30, bytes_max=6)
    assert (answer.status_code, answer.content, answer.is_success) == (201, b"ababab", True)


def test_one_that_is_too_large_or_too_slow_is_given_up() -> None:
    with pytest.raises(httpx.ReadError, match="more than 4 bytes"):
        read(3, within_s=30, bytes_max=4)
    with pytest.raises(httpx.ReadTimeout, match="2 bytes came"):
        read(3, within_s=0, bytes_max=6)
