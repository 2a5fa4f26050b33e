"""Answers of HTTP that are there as a whole, within a time and a size: a read timeout alone is for one part of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is there as a whole."""

    status_code: int
    reason_phrase: str
    headers: Any
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether its status is one of 2xx."""
        return 200 <= self.status_code < 300


def whole(coming: Any, within_s: float, *, bytes_max: int) -> Answer:
    """Return a response of httpx that is streamed once all of it is there. Blocks, by a part no longer than its client.

    Raises:
        httpx.HTTPError: It is too large, or not there within `within_s`.
    """
    import httpx

    until, content = time.monotonic() + within_s, bytearray()
    for part in coming.iter_bytes():
        content += part
        if len(content) > bytes_max:
            raise httpx.ReadError(f"an answer of more than {bytes_max} bytes")
        if time.monotonic() > until:
            raise httpx.ReadTimeout(f"{len(content)} bytes came")
    return Answer(coming.status_code, coming.reason_phrase, coming.headers, bytes(content))
