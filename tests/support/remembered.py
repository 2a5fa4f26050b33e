"""What a test lets `secrets.redact` know, forgotten after it: it would be hidden in what other tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connect.runtime import secrets


@contextmanager
def forgetting() -> Iterator[None]:
    before = list(secrets._remembered)
    try:
        yield
    finally:
        with secrets._changing:
            secrets._remembered.clear()
            secrets._remembered.update(dict.fromkeys(before))
            secrets._pattern = None
