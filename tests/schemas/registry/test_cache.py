"""Answers are remembered, so many and so long."""

from __future__ import annotations

from connect_schemas.registry.cache import Recent


def test_the_one_that_was_used_longest_ago_goes_first() -> None:
    recent = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(name) for name in "abc"] == [1, None, 3]
    assert len(recent) == 2


def test_an_answer_grows_too_old() -> None:
    now = [0.0]
    recent = Recent(2, 10.0, clock=lambda: now[0])
    recent.put("a", 1)
    now[0] = 9.9
    assert recent.get("a") == 1
    now[0] = 10.0
    assert recent.get("a") is None
    assert len(recent) == 0
