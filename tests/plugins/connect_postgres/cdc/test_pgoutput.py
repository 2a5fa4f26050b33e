"""The decoder: what pgoutput sends, however it is cut, and what it never sends."""

from __future__ import annotations

import time
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect.api import EnvironmentFault
from connect_postgres.cdc.pgoutput import UNCHANGED, Change, Decoder, Resume
from tests.support.lengths import examples

from .pgoutput_bytes import RELATION, begin, commit, delete, insert, keepalive, message, relation, truncate, update

#: What a text column may hold: no NUL. Letters that mean something to the decoder come more often than others.
TEXTS = st.lists(st.sampled_from([b"t", b"n", b"u", b"\x01", b"ab", b"\xc3\xa9"]), max_size=6).map(b"".join)
LONG = st.sampled_from([b"x" * 65_535, b"n" * 65_536, b"u" * 70_000, b"t" * 131_072, b"x" * 29_696, b"y" * 116])
VALUES = st.one_of(st.none(), TEXTS, st.just(UNCHANGED), LONG)


def decoded(data: bytes, *, cut: int | None = None, resume: Resume | None = None, **keys: Any) -> list[Change]:
    """Decode a stream, fed in pieces of `cut` bytes, with all relations wanted."""
    decoder = Decoder(1, resume, **keys)
    found: list[Change] = []
    for start in range(0, len(data), cut or len(data)):
        decoder.feed(data[start : start + (cut or len(data))])
        while True:
            got = decoder.decode(1000)
            for changes in got.changes.values():
                found += changes
            if decoder.wanted is not None:
                decoder.judge(decoder.wanted, is_wanted=True)
            elif not got.count:
                break
    return found


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(VALUES, min_size=0, max_size=9))
def test_a_row_comes_out_as_it_was_sent(values: list[Any]) -> None:
    names = [f"c{number}" for number in range(len(values))]
    [change] = decoded(begin(7) + relation(*names) + insert(*values) + commit(100, 120))
    assert change.new == values


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=4), st.integers(1, 80))
def test_a_stream_may_be_cut_anywhere(rows: list[list[Any]], cut: int) -> None:
    data = begin(7) + relation("a", "b") + b"".join(insert(*values) for values in rows) + commit(100, 120)
    assert [change.new for change in decoded(data, cut=cut)] == rows


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_garbage_is_refused_in_our_words_or_waited_for(garbage: bytes, at: int) -> None:
    data = begin(7) + relation("a", "b") + insert(b"1", b"x") + commit(100, 120)
    try:
        decoded(data[:at] + garbage + data[at:])
    except EnvironmentFault as error:
        assert error.code == "postgres.stream"
    except asyncpg.PostgresError:
        pass  # an E in the place of a message's kind is an error of the server's


def test_changes_have_their_operation_rows_and_number() -> None:
    data = begin(7) + relation("a", "b") + insert(b"1", b"x", lsn=10) + update([b"1", UNCHANGED], lsn=20)
    data += update([b"2", b"x"], [b"1", None], lsn=30) + delete([b"2", b"x"], b"O", lsn=40)
    data += truncate(RELATION, lsn=50) + commit(100, 120)
    found = decoded(data)
    assert [(c.operation, c.lsn, c.number) for c in found] == [
        ("c", 10, 1),
        ("u", 20, 2),
        ("u", 30, 3),
        ("d", 40, 4),
        ("t", 50, 5),
    ]
    assert [(c.new, c.old, c.old_is_key) for c in found[1:4]] == [
        ([b"1", UNCHANGED], None, False),
        ([b"2", b"x"], [b"1", None], True),
        (None, [b"2", b"x"], False),
    ]
    assert {c.transaction.xid for c in found} == {7}
    assert found[0].transaction.commit_us == 1_700_000_000_000_000


def test_a_resume_passes_over_what_was_delivered_of_its_transaction_alone() -> None:
    data = begin(7) + relation("a") + b"".join(insert(b"%d" % n, lsn=10) for n in range(5)) + commit(100, 120)
    data += begin(8, 130) + insert(b"9", lsn=125) + commit(130, 140)
    assert [c.new for c in decoded(data, resume=Resume(7, 3, 10))] == [[b"3"], [b"4"], [b"9"]]
    assert len(decoded(data, resume=Resume(6, 3, 10))) == 6


def test_a_keepalive_in_front_of_the_transaction_ends_no_resume() -> None:
    data = keepalive(60) + begin(7) + relation("a") + insert(b"0", lsn=10) + insert(b"1", lsn=70) + commit(100, 120)
    assert [c.new for c in decoded(data, resume=Resume(7, 1, 10))] == [[b"1"]]


def test_debeziums_resume_repeats_rows_of_one_position_rather_than_lose_one() -> None:
    data = begin(7) + relation("a") + insert(b"0", lsn=5) + insert(b"1", lsn=10) + insert(b"2", lsn=10)
    data += insert(b"3", lsn=20) + commit(100, 120)
    assert [c.new for c in decoded(data, resume=Resume(7, None, 10))] == [[b"2"], [b"3"]]


def test_a_decoder_says_where_it_stands() -> None:
    decoder = Decoder(50)
    decoder.feed(begin(7) + relation("a") + insert(b"1", lsn=60))
    decoder.decode(10)
    assert decoder.wanted is not None
    decoder.judge(decoder.wanted, is_wanted=True)
    decoder.decode(10)
    assert (decoder.committed_lsn, decoder.last_lsn) == (50, 60)
    assert decoder.transaction is not None
    assert decoder.transaction.changes == 1
    decoder.feed(keepalive(110) + commit(100, 120) + keepalive(200, answer=True))
    decoder.decode(10)
    assert (decoder.committed_lsn, decoder.transaction, decoder.wants_answer) == (200, None, True)


def test_a_relation_that_is_described_again_is_judged_where_it_was_altered() -> None:
    decoder = Decoder(1)
    decoder.feed(begin(7) + relation("a"))
    decoder.decode(10)
    assert decoder.wanted is not None
    decoder.judge(decoder.wanted, is_wanted=True)
    decoder.feed(relation("a") + insert(b"1") + relation("a", "b") + insert(b"2", b"x"))
    assert decoder.decode(10).count == 1
    assert [column.name for column in decoder.wanted.columns] == ["a", "b"]


def test_tables_that_nobody_wants_are_counted_and_passed_over() -> None:
    decoder = Decoder(1)
    decoder.feed(begin(7) + relation("a") + insert(b"1") + relation("a", oid=5, name="other") + insert(b"2", oid=5))
    decoder.decode(10)
    assert decoder.wanted is not None
    decoder.judge(decoder.wanted, is_wanted=False)
    assert not decoder.decode(10).changes
    assert decoder.wanted is not None
    decoder.judge(decoder.wanted, is_wanted=True)
    [[change]] = decoder.decode(10).changes.values()
    assert (change.new, change.number) == ([b"2"], 2)


def test_operations_that_are_skipped_are_not_delivered() -> None:
    data = begin(7) + relation("a") + insert(b"1") + delete([b"1"]) + truncate(RELATION) + commit(100, 120)
    assert [c.operation for c in decoded(data, skipped=frozenset("ct"))] == ["d"]


def test_changes_are_counted_by_table_where_that_is_asked_for() -> None:
    decoder = Decoder(1, with_orders=True)
    decoder.feed(begin(7) + relation("a") + relation("a", oid=5, name="other") + insert(b"1"))
    for _ in range(2):
        decoder.decode(10)
        assert decoder.wanted is not None
        decoder.judge(decoder.wanted, is_wanted=True)
    decoder.feed(insert(b"2", oid=5) + insert(b"3") + commit(100, 120))
    found = decoder.decode(10)
    assert sorted(found.orders.values()) == [[(1, 1), (3, 2)], [(2, 1)]]
    assert found.boundaries[-1].transaction.counts == {"public.t": 2, "public.other": 1}


def test_logical_messages_come_with_or_without_a_transaction() -> None:
    decoder = Decoder(1)
    decoder.feed(message("p", b"alone", is_transactional=False) + begin(7) + message("p", b"in", is_transactional=True))
    first, second = decoder.decode(10).messages
    assert (first.content, first.transaction) == (b"alone", None)
    assert second.transaction is not None
    assert (second.prefix, second.content, second.transaction.xid) == ("p", b"in", 7)


def test_an_error_of_the_server_comes_behind_what_it_sent_before() -> None:
    fields = b"SFATAL\0C57P01\0Mterminating connection\0\0"
    error = b"E" + (len(fields) + 4).to_bytes(4, "big") + fields
    decoder = Decoder(1)
    decoder.feed(begin(7) + relation("a"))
    decoder.decode(10)
    assert decoder.wanted is not None
    decoder.judge(decoder.wanted, is_wanted=True)
    decoder.feed(insert(b"1") + error)
    assert decoder.decode(10).count == 1
    with pytest.raises(asyncpg.PostgresError, match="terminating"):
        decoder.decode(10)


def test_a_large_message_in_many_pieces_takes_no_longer_than_its_bytes() -> None:
    large = b"x" * (32 << 20)
    began = time.monotonic()
    [change] = decoded(begin(7) + relation("a") + insert(large) + commit(100, 120), cut=4096)
    assert change.new == [large]
    assert time.monotonic() - began < 10, "put together anew with each piece it takes minutes"


def test_what_the_server_says_beside_comes_through() -> None:
    fields = b"SWARNING\0C55000\0Mskipped loading publication\0DIt does not exist.\0HCreate it.\0\0"
    decoder = Decoder(1)
    decoder.feed(b"N" + (len(fields) + 4).to_bytes(4, "big") + fields + keepalive(50))
    assert decoder.decode(10).notices == ["skipped loading publication. It does not exist. Create it"]
    assert decoder.committed_lsn == 50


@pytest.mark.parametrize(
    "data",
    [
        insert(b"1"),
        begin(7) + insert(b"1"),
        begin(7) + begin(8),
        commit(1, 2),
    ],
)
def test_what_the_protocol_never_sends_is_refused(data: bytes) -> None:
    with pytest.raises(EnvironmentFault, match="not as PostgreSQL's protocol"):
        decoded(data)


def test_a_decoder_stops_between_two_transactions_at_its_fence() -> None:
    first = begin(1, final_lsn=100) + relation("id") + insert(b"1") + commit(100, 110)
    second = begin(2, final_lsn=200) + insert(b"2") + commit(200, 210)
    decoder = Decoder(0)
    decoder.fence = 150
    decoder.feed(first + second)
    decoder.decode(10)
    assert decoder.wanted is not None
    decoder.judge(decoder.wanted, is_wanted=True)
    [changes] = decoder.decode(10).changes.values()
    assert [change.new for change in changes] == [[b"1"]]
    assert decoder.is_at_fence
    decoder.fence = 150  # the same one: it stays where it is
    assert decoder.is_at_fence
    assert not decoder.decode(10).changes
    decoder.fence = None
    [changes] = decoder.decode(10).changes.values()
    assert [change.new for change in changes] == [[b"2"]]


@pytest.mark.parametrize(
    "behind", [commit(100, 150), commit(100, 110) + keepalive(150)], ids=["a commit", "a keepalive"]
)
def test_a_fence_is_reached_by_what_ends_at_it(behind: bytes) -> None:
    decoder = Decoder(0)
    decoder.fence = 150
    decoder.feed(begin(1) + behind + begin(2, final_lsn=160))
    decoder.decode(10)
    assert decoder.is_at_fence
    assert decoder.transaction is None


def test_skipped_changes_of_a_table_that_is_noted_are_told_once() -> None:
    data = begin(1) + relation("id") + insert(b"1") + delete([b"1"]) + insert(b"2") + commit(100, 110)

    def noted(resume: Resume | None) -> list[tuple[str, int]]:
        decoder = Decoder(0, resume, skipped=frozenset("cd"))
        decoder.noted = frozenset({"public.t"})
        decoder.feed(data)
        decoder.decode(10)
        assert decoder.wanted is not None
        decoder.judge(decoder.wanted, is_wanted=True)
        return [(change.operation, change.number) for _, change in decoder.decode(10).noted]

    assert noted(None) == [("c", 1), ("d", 2), ("c", 3)]
    assert noted(Resume(1, 2, 0)) == [("c", 3)]
