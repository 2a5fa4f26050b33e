"""Which rows are dropped from a chunk: those that were touched by what it does not show, and no others."""

from __future__ import annotations

import pytest

from connect_postgres.cdc.pgoutput import UNCHANGED, Change, Relation, RelationColumn, Row, Transaction
from connect_postgres.cdc.touched import Touched, identity_places, row_key

KEYED = Relation(1, "public", "t", "d", (RelationColumn("id", 23, -1, True), RelationColumn("note", 25, -1, False)))
#: 10 and 13 are open; 14 and above have not begun.
SNAPSHOT = "10:14:10,13"


def change(operation: str, xid: int, new: Row | None, old: Row | None = None) -> Change:
    return Change(operation, 1, Transaction(xid, 1, 1), 1, new, old, True)


def key(id_: bytes) -> bytes:
    found = row_key([id_, None], identity_places(KEYED))
    assert found is not None
    return found


def touched(*changes: Change, is_standby: bool = False) -> Touched:
    found = Touched(is_standby=is_standby)
    found.look_at("public.t")
    for one in changes:
        found.begin(one.transaction.xid)
        found.add(KEYED, [one])
    return found


def test_rows_are_dropped_that_were_touched_by_what_does_not_show() -> None:
    found = touched(
        change("u", 9, [b"1", b"x"]),
        change("u", 12, [b"2", b"x"]),
        change("u", 13, [b"3", b"x"]),
        change("d", 20, None, [b"4", None]),
    )
    assert found.unseen(SNAPSHOT, ("id",)) == {key(b"3"), key(b"4")}


def test_a_row_is_known_by_its_key_of_before() -> None:
    assert touched(change("u", 20, [b"2", b"x"], [b"1", None])).unseen(SNAPSHOT, ("id",)) == {key(b"1")}


def test_inserts_and_truncates_drop_nothing() -> None:
    assert touched(change("c", 20, [b"1", b"x"]), change("t", 21, None)).unseen(SNAPSHOT, ("id",)) == set()


def test_what_shows_is_forgotten() -> None:
    found = touched(change("u", 12, [b"2", b"x"]))
    assert found.unseen(SNAPSHOT, ("id",)) == set()
    assert found.unseen("5:6:", ("id",)) == set()


def test_nothing_is_known_of_a_transaction_that_came_before_the_table_was_looked_at() -> None:
    found = Touched(is_standby=False)
    found.begin(13)
    found.begin(9)
    found.look_at("public.t")
    assert found.unseen(SNAPSHOT, ("id",)) is None
    assert found.unseen("14:14:", ("id",)) == set()


def test_nothing_is_known_of_it_for_the_next_table_either() -> None:
    found = touched(change("u", 20, [b"1", b"x"]))
    found.look_at("public.u")
    assert found.unseen(SNAPSHOT, ("id",)) is None


def test_a_standbys_stream_has_nothing_that_its_snapshots_do_not_show_and_they_do_not_list_what_is_open() -> None:
    found = Touched(is_standby=True)
    found.begin(13)
    found.look_at("public.t")
    assert found.unseen("10:14:", ("id",)) == set()
    found.begin(12)
    found.add(KEYED, [change("u", 12, [b"1", b"x"])])
    assert found.unseen("10:14:", ("id",)) == {key(b"1")}
    assert found.unseen("13:14:", ("id",)) == set()


def test_a_transaction_of_very_many_rows_is_one_of_which_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect_postgres.cdc.touched.ROWS_MAX", 2)
    found = touched(*(change("u", 20, [b"%d" % number, b"x"]) for number in range(3)))
    assert found.unseen(SNAPSHOT, ("id",)) is None


def test_transactions_are_remembered_by_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect_postgres.cdc.touched.TRANSACTIONS_MAX", 10)
    found = Touched(is_standby=False)
    for xid in range(100):
        found.begin(xid)
    assert list(found._by_xid) == list(range(90, 100))


def test_another_replica_identity_makes_a_chunk_be_read_again() -> None:
    found = touched(change("u", 20, [b"1", b"x"]))
    assert found.unseen(SNAPSHOT, ("id", "note")) is None


def test_a_key_that_was_not_sent_is_not_known() -> None:
    assert touched(change("u", 20, [UNCHANGED, b"x"])).unseen(SNAPSHOT, ("id",)) is None


def test_keys_of_several_columns_are_not_taken_for_each_other() -> None:
    places = (0, 1)
    rows: list[Row] = [[b"a", b"bc"], [b"ab", b"c"], [None, b"-"], [b"-", None], [b"x" * 100, b""], [b"x" * 99, b"x"]]
    assert len({row_key(row, places) for row in rows}) == len(rows)
