from __future__ import annotations

import pytest

from connect.registry import pairs
from connect.registry.pairs import FOUND_MAX, Pairs, TooLargeError


def test_a_pair_is_compared_once() -> None:
    compared: list[str] = []
    known: Pairs[str] = Pairs()
    for _ in range(2):
        assert known.found("p", lambda: compared.append("p") or ["no"]) == ["no"]  # type: ignore[func-returns-value]
    assert compared == ["p"]


def test_what_was_built_on_a_pair_that_does_not_fit_is_compared_anew() -> None:
    known: Pairs[str] = Pairs()

    def inner() -> list[str]:
        return known.found("outer", lambda: ["never called: it is under way"])

    assert known.found("outer", lambda: [*known.found("inner", inner), "no"]) == ["no"]
    assert known.found("inner", lambda: known.found("outer", list)) == ["no"]


def test_what_is_found_twice_is_told_once_and_not_without_end() -> None:
    known: Pairs[int] = Pairs()

    def nested(depth: int) -> list[int]:
        if not depth:
            return list(range(1000))
        return known.found(depth, lambda: [*nested(depth - 1), *nested(depth - 1)])

    assert nested(50) == list(range(FOUND_MAX))


def test_many_that_do_not_fit_are_compared_in_time() -> None:
    known: Pairs[str] = Pairs()
    for number in range(20_000):
        own = ("own", number)
        known.found(("fits", number), list)
        assert known.found(own, lambda own=own: [*known.found(own, list), "no"]) == ["no"]  # type: ignore[misc]


def test_there_is_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "STEPS_MAX", 2)
    known: Pairs[str] = Pairs()
    for number in range(2):
        known.found(number, list)
    with pytest.raises(TooLargeError, match="more than 2 steps"):
        known.found(2, list)
