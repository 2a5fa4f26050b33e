"""The checker of histories finds each kind of anomaly in a history that has it, and none in one that has none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.histories import Final, Records, anomalies, copies_out_of_step, interleavings, operations_of

A, B = ("t", 0), ("t", 1)


def send(client: str, value: str, offset: int | None, key: tuple[str, int] = A) -> list[dict[str, Any]]:
    return [
        {"client": client, "event": "invoke", "transaction": False, "writes": [[key, value]]},
        {"client": client, "event": "wrote", "value": value, "offset": offset},
        {"client": client, "event": "ok"},
    ]


def begin(client: str, *writes: tuple[tuple[str, int], str], serial: bool = False) -> dict[str, Any]:
    return {"client": client, "event": "invoke", "transaction": True, "serial": serial, "writes": [*map(list, writes)]}


def read(client: str, *records: tuple[int, str], key: tuple[str, int] = A, committed: bool = True) -> dict[str, Any]:
    return {"client": client, "event": "read", "key": key, "records": [*map(list, records)], "committed": committed}


def event(client: str, kind: str) -> dict[str, Any]:
    return {"client": client, "event": kind}


def committed(client: str, *writes: tuple[tuple[str, int], str], serial: bool = False) -> list[dict[str, Any]]:
    return [begin(client, *writes, serial=serial), event(client, "committing"), event(client, "ok")]


def kinds(events: list[dict[str, Any]], final: dict[tuple[str, int], Records], **more: Any) -> set[str]:
    found = anomalies(operations_of(events), Final(more.get("everything", final), final))
    return {anomaly.kind for anomaly in found}


def test_a_history_without_anomalies_has_none() -> None:
    events = [
        *send("p", "1", 0),
        begin("q", (A, "2"), (B, "3")),
        event("q", "committing"),
        read("q", (0, "1")),
        event("q", "ok"),
        begin("q", (A, "4")),
        read("q", (1, "2")),
        event("q", "fail"),
        begin("q", (A, "5")),  # killed before its commit
        *committed("r", (A, "6"), serial=True),
    ]
    final = {A: [(0, "1"), (1, "2"), (6, "6")], B: [(0, "3")]}
    everything = {A: [(0, "1"), (1, "2"), (3, "4"), (5, "5"), (6, "6")], B: [(0, "3")]}
    assert not kinds(events, final, everything=everything)


def test_an_acknowledged_value_that_is_gone_is_lost_or_unseen() -> None:
    assert kinds([*send("p", "1", 0), *send("p", "2", 1)], {A: [(1, "2")]}) == {"lost-write"}
    assert kinds([*send("p", "1", 0), *send("p", "2", 1)], {A: [(0, "1")]}) == {"unseen"}
    assert kinds(committed("p", (A, "1")), {A: []}) == {"lost-write"}, "its offset is not known"


def test_a_value_at_two_offsets_is_a_duplicate() -> None:
    assert kinds(send("p", "1", 0), {A: [(0, "1"), (1, "1")]}) == {"duplicate"}


def test_two_values_at_one_offset_are_inconsistent() -> None:
    events = [*send("p", "1", 0), *send("q", "2", 0)]
    assert "inconsistent-offset" in kinds(events, {A: [(0, "1")]})


def test_a_value_that_nobody_wrote_there_is_a_stranger() -> None:
    assert kinds([], {A: [(0, "x")]}) == {"stranger"}
    assert "stranger" in kinds(send("p", "1", 0), {B: [(0, "1")]})


def test_a_committed_reader_that_sees_an_aborted_value_shows_g1a() -> None:
    aborted = [begin("p", (A, "1")), event("p", "fail")]
    assert kinds([*aborted, *send("q", "2", 1), begin("r"), read("r", (0, "1"))], {A: [(1, "2")]}) >= {"G1a"}
    assert "G1a" in kinds(aborted, {A: [(0, "1")]})
    assert "G1a" in kinds([begin("p", (A, "1"))], {A: [(0, "1")]}), "killed before its commit was asked for"


def test_an_uncommitted_reader_may_see_an_aborted_value() -> None:
    events = [begin("p", (A, "1")), event("p", "fail"), begin("r"), read("r", (0, "1"), committed=False)]
    assert not kinds(events, {A: []}, everything={A: [(0, "1")]})


def test_a_committed_reader_that_sees_a_value_before_its_commit_shows_a_precommitted_read() -> None:
    events = [begin("p", (A, "1")), begin("r"), read("r", (0, "1")), event("p", "committing"), event("p", "ok")]
    assert kinds(events, {A: [(0, "1")]}) == {"precommitted-read"}


def test_a_transaction_of_which_a_part_is_there_is_torn() -> None:
    killed = [begin("p", (A, "1"), (B, "2")), event("p", "committing")]
    assert kinds(killed, {A: [(0, "1")], B: []}) == {"torn-transaction"}
    assert not kinds(killed, {A: [], B: []})
    assert not kinds(killed, {A: [(0, "1")], B: [(0, "2")]})


@pytest.mark.parametrize("inside", [True, False])
def test_a_poll_that_passes_over_a_record_is_found(inside) -> None:
    between = [] if inside else [event("r", "ok"), begin("r")]
    events = [*send("p", "1", 0), *send("p", "2", 1), *send("p", "3", 2), begin("r")]
    events += [read("r", (0, "1")), *between, read("r", (2, "3"))]
    final = {A: [(0, "1"), (1, "2"), (2, "3")]}
    assert kinds(events, final) == {"int-poll-skip" if inside else "poll-skip"}


def test_a_poll_within_one_answer_passes_over_nothing() -> None:
    events = [*send("p", "1", 0), *send("p", "2", 1), *send("p", "3", 2), begin("r"), read("r", (0, "1"), (2, "3"))]
    assert kinds(events, {A: [(0, "1"), (1, "2"), (2, "3")]}) == {"int-poll-skip"}


def test_a_committed_reader_passes_over_what_was_aborted() -> None:
    events = [*send("p", "1", 0), begin("q", (A, "x")), event("q", "fail"), *send("p", "3", 3), begin("r")]
    events += [read("r", (0, "1"), (3, "3"))]
    final, everything = {A: [(0, "1"), (3, "3")]}, {A: [(0, "1"), (1, "x"), (3, "3")]}
    assert not kinds(events, final, everything=everything)
    events[-1]["committed"] = False
    assert kinds(events, final, everything=everything) == {"int-poll-skip"}


@pytest.mark.parametrize("inside", [True, False])
def test_a_poll_that_goes_back_is_found_unless_the_consumer_was_moved(inside) -> None:
    between = [] if inside else [event("r", "ok"), begin("r")]
    events = [*send("p", "1", 0), *send("p", "2", 1), begin("r"), read("r", (0, "1"), (1, "2")), *between]
    final = {A: [(0, "1"), (1, "2")]}
    again = read("r", (0, "1"), (1, "2"))
    assert kinds([*events, again], final) == {"int-nonmonotonic-poll" if inside else "nonmonotonic-poll"}
    assert not kinds([*events, event("r", "moved"), again], final)


def test_sends_of_one_client_that_changed_places_are_found() -> None:
    events = [*send("p", "1", 1), *send("p", "2", 0)]
    assert kinds(events, {A: [(0, "2"), (1, "1")]}) == {"nonmonotonic-send"}


def test_serial_transactions_that_wrote_over_each_other_show_g0() -> None:
    events = [*committed("p", (A, "1"), (B, "2"), serial=True), *committed("q", (A, "3"), (B, "4"), serial=True)]
    final = {A: [(0, "1"), (1, "3")], B: [(0, "4"), (1, "2")]}
    assert kinds(events, final) == {"G0"}
    free = [dict(e, serial=False) if e["event"] == "invoke" else e for e in events]
    assert not kinds(free, final), "without a lock Kafka lets transactions lie between each other"
    assert interleavings(operations_of(free), Final(final, final)) == 1


def test_transactions_that_saw_each_other_show_g1c() -> None:
    events = [
        begin("p", (A, "1")),
        begin("q", (B, "2")),
        event("p", "committing"),
        event("q", "committing"),
        read("p", (0, "2"), key=B),
        read("q", (0, "1"), key=A),
        event("p", "ok"),
        event("q", "ok"),
    ]
    assert kinds(events, {A: [(0, "1")], B: [(0, "2")]}) == {"G1c"}


def test_a_copy_is_a_beginning_of_its_source() -> None:
    source = [(0, "1"), (2, "2"), (3, "3")]
    assert not copies_out_of_step(source, [(0, "copy 0 of 1"), (2, "copy 0 of 2")])
    twice = copies_out_of_step(source, [(0, "copy 0 of 1"), (2, "copy 0 of 1")])
    assert [anomaly.kind for anomaly in twice] == ["copy-duplicate"]
    gap = copies_out_of_step(source, [(0, "copy 0 of 1"), (2, "copy 0 of 3")])
    assert [anomaly.kind for anomaly in gap] == ["copy-gap"]
