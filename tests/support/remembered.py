"""What a test lets `secrets.redact` know, forgotten after it: it would be hidden in what other tests look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from connect.runtime import secrets


@contextmanager
def forgetting() -> Iterator[None]:
    before = list(secrets._remembered)
    try:
        yield
    finally:
        forget(but=before)


def forget(*, but: Iterable[str] = ()) -> None:
    with secrets._changing:
        secrets._remembered.clear()
        secrets._remembered.update(dict.fromkeys(but))
        secrets._pattern = None
