from __future__ import annotations

import pytest

from connect.rest import budget
from connect.rest.budget import Budget, Share
from tests.support.worker import until


async def test_the_first_bytes_of_each_request_are_free_and_the_others_shared() -> None:
    whole = Budget(100)
    shares = [whole.share() for _ in range(3)]
    assert all(share.grow(Share.FREE_BYTES) for share in shares)
    assert whole.held_bytes == 0
    assert shares[0].grow(60)
    assert not shares[1].grow(41)
    assert shares[1].grow(40)
    shares[0].release()
    shares[0].release()
    assert whole.held_bytes == 40
    assert shares[2].grow(60)


async def test_memory_is_given_back_once_after_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[None] = []
    monkeypatch.setattr(budget, "give_back_memory", lambda: trimmed.append(None))
    monkeypatch.setattr(budget, "_QUIET_S", 0.01)
    whole = Budget(100 << 20)
    small = whole.share()
    small.grow(1000)
    small.release()
    for _ in range(5):
        share = whole.share()
        share.grow(20 << 20)
        share.release()
    await until(lambda: trimmed)
    assert len(trimmed) == 1
