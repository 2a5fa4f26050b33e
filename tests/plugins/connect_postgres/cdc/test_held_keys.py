from __future__ import annotations

from typing import Any

import pytest

from connect_postgres.cdc import held_keys
from connect_postgres.cdc.held_keys import HeldKeys
from connect_postgres.cdc.pgoutput import UNCHANGED, Change, Transaction

FIRST, SECOND = Transaction(7, 900, 0, 920), Transaction(8, 950, 0, 970)


def change(operation: str, new: Any = None, old: Any = None) -> Change:
    return Change(operation, 600, FIRST, 1, new, old, False)


def held(*rows: tuple[int, list[Any]]) -> HeldKeys:
    found = HeldKeys()
    found.begin(FIRST)
    for key, row in rows:
        found.take(key, change("c", row))
    return found


def test_a_key_that_another_row_has_taken_is_not_given_up_with_the_row_that_had_it() -> None:
    found = held((2, [b"2", b"a"]))
    assert not found.give_up(2, change("u", [b"1", b"b"], [b"2", b"b"]))
    assert not found.is_unsure
    assert found.give_up(1, change("d", None, [b"1", b"a"]))


def test_a_key_is_given_up_with_the_row_that_took_it() -> None:
    found = held((2, [b"2", b"a"]))
    assert found.give_up(2, change("u", [b"3", b"a"], [b"2", b"a"]))
    assert found.is_unsure


def test_a_row_that_is_about_to_lose_its_key_does_not_have_the_last_word_on_it() -> None:
    found = held((2, [b"2", b"a"]))
    assert not found.keep(2, change("u", [b"2", b"c"], [b"2", b"b"]))
    assert found.keep(2, change("u", [b"2", b"d"], [b"2", b"a"]))
    assert found.keep(1, change("u", [b"1", b"d"], [b"1", b"a"]))
    assert found.give_up(2, change("d", None, [b"2", b"d"]))
    assert not found.is_unsure


def test_what_was_not_sent_is_what_it_was() -> None:
    found = HeldKeys()
    found.begin(FIRST)
    found.take(2, change("u", [b"2", UNCHANGED], [b"1", b"large"]))
    assert found.give_up(2, change("u", [b"3", UNCHANGED], [b"2", b"large"]))


def test_another_transaction_and_an_empty_table_begin_anew() -> None:
    for begin in (lambda of: of.begin(SECOND), HeldKeys.empty):
        found = held((2, [b"2", b"a"]))
        begin(found)
        assert found.give_up(2, change("d", None, [b"2", b"b"]))
    found = held((2, [b"2", b"a"]))
    found.begin(FIRST)
    assert not found.give_up(2, change("d", None, [b"2", b"b"]))


def test_no_more_keys_are_remembered_than_memory_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_keys, "KEYS_MAX", 1)
    found = held((2, [b"2", b"a"]), (3, [b"3", b"a"]))
    assert not found.give_up(2, change("d", None, [b"2", b"b"]))
    assert found.give_up(3, change("d", None, [b"3", b"b"]))
