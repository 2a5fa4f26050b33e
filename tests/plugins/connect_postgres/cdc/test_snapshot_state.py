"""What of a snapshot is delivered, and which changes it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect_postgres.cdc.pgoutput import UNCHANGED, Change, Transaction
from connect_postgres.cdc.snapshot_state import KeyOrder, Part, Run, SnapshotState, without_read

BY_FIRST = KeyOrder((0,), (int,))
#: The first run showed transactions before 100 but for 95, the second all before 200.
RUNS = [Run("90:100:95", 1000), Run("200:200:", 2000)]
#: Rows up to 50 are of the first run, those behind of the second.
PARTS = [Part(0, (50,)), Part(1, None)]


def change(operation: str, xid: int, new: int | None = None, old: int | None = None, lsn: int = 500) -> Change:
    rows = [None if key is None else [b"%d" % key, b"x"] for key in (new, old)]
    return Change(operation, lsn, Transaction(xid, lsn, 0), 1, rows[0], rows[1], old is not None)


def test_a_run_shows_what_was_committed_before_its_snapshot() -> None:
    shown = [xid for xid in (89, 94, 95, 99, 100, 101) if RUNS[0].shows(Transaction(xid, 500, 0))]
    assert shown == [89, 94, 99]


def test_a_run_never_shows_what_is_committed_behind_its_end() -> None:
    assert not RUNS[0].shows(Transaction(89, 1000, 0))


def test_a_run_of_a_new_slot_shows_what_lies_before_it() -> None:
    run = Run("", 1000)
    assert run.shows(Transaction(5, 999, 0))
    assert not run.shows(Transaction(5, 1000, 0))


def test_transaction_ids_that_wrapped_around_are_compared_with_their_epoch() -> None:
    run = Run(f"{(1 << 32) + 10}:{(1 << 32) + 20}:", 1000)
    assert run.shows(Transaction(5, 500, 0))
    assert run.shows(Transaction((1 << 32) - 5, 500, 0))
    assert not run.shows(Transaction(25, 500, 0))


@pytest.mark.parametrize(
    ("made", "left"),
    [
        (change("c", 80, new=1), None),              # both runs show it
        (change("c", 150, new=1), "c"),              # the first does not, and it read the row
        (change("c", 150, new=60), None),            # the second does, and it read the row
        (change("c", 95, new=1), "c"),               # open when the first began
        (change("u", 150, new=1), "u"),
        (change("u", 150, new=60), None),
        (change("d", 150, old=1), "d"),
        (change("d", 150, old=60), None),
        (change("u", 150, new=60, old=1), "d"),      # read in its old place, and in its new one already
        (change("u", 150, new=1, old=60), "c"),      # read in neither
        (change("u", 80, new=1, old=60), None),
        (change("u", 250, new=1, old=60), "u"),      # no run shows it
        (change("t", 150), None),
    ],
)  # fmt: skip
def test_a_change_is_judged_by_the_run_that_read_its_row(made: Change, left: str | None) -> None:
    found = without_read([made], PARTS, RUNS, BY_FIRST)
    assert [one.operation for one in found] == ([] if left is None else [left])


def test_a_large_key_that_was_not_sent_is_the_one_before() -> None:
    made = change("u", 150, new=0, old=1)
    assert made.new is not None
    made.new[0] = UNCHANGED
    assert without_read([made], PARTS, RUNS, BY_FIRST) == [made]


def test_a_table_of_one_part_needs_no_keys() -> None:
    made = [change("c", 150, new=1), change("c", 250, new=2)]
    assert without_read(made, [Part(1, None)], RUNS, None) == made[1:]


@given(
    st.lists(st.tuples(st.sampled_from(["", "10:10:", "10:20:14,15"]), st.integers(0, 1 << 60)), min_size=10),
    st.dictionaries(
        st.text(),
        st.lists(st.tuples(st.integers(0, 9), st.none() | st.lists(st.integers() | st.text(), min_size=1).map(tuple))),
    ),
    st.booleans(),
)
def test_it_comes_back_from_its_text(runs: list, tables: dict, is_read: bool) -> None:  # type: ignore[type-arg]
    keys_fit = all(
        not isinstance(value, int) or -(1 << 63) <= value < 1 << 63
        for parts in tables.values()
        for _, up_to in parts
        for value in up_to or ()
    )
    if not keys_fit:
        return  # no key of PostgreSQL's is beyond 64 bits
    state = SnapshotState(
        [Run(*run) for run in runs], {name: [Part(*part) for part in parts] for name, parts in tables.items()}, is_read
    )
    assert SnapshotState.loads(state.dumps()) == state


def test_progress_is_noted_by_run() -> None:
    state = SnapshotState()
    state.note("t", 0, (5,))
    state.note("t", 0, (9,))
    assert (state.reached("t"), state.is_table_read("t")) == ((9,), False)
    state.note("t", 1, None)
    assert state.tables["t"] == [Part(0, (9,)), Part(1, None)]
    assert state.is_table_read("t")
    assert state.reached("other") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"runs": [[1]], "tables": {}, "is_read": true}',
        '{"runs": [["x", 1]], "tables": {}, "is_read": true}',
        '{"runs": [["", 1]], "tables": {"public.t": [[1, null]]}, "is_read": true}',
        None,
    ],
)
def test_what_is_none_is_refused(text: object) -> None:
    with pytest.raises(ConfigError, match="snapshot_state"):
        SnapshotState.loads(text)


def test_a_standbys_run_shows_what_was_replayed_before_it_and_what_had_ended() -> None:
    run = Run("90:100:", 1000, 500)
    shown = [
        (xid, lsn) for xid in (80, 95, 100) for lsn in (499, 500, 999, 1000) if run.shows(Transaction(xid, lsn, 0))
    ]
    assert shown == [(80, 499), (80, 500), (80, 999), (95, 499), (100, 499)]
    state = SnapshotState([run, Run("1:2:", 3)])
    assert SnapshotState.loads(state.dumps()).runs == state.runs
