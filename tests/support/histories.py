"""What concurrent clients of a log did and saw, and what of it a log must never show.

A history is a list of events in real time, written by clients of which each does one operation after another:

    invoke      an operation begins; the values it means to write are known from here on
    wrote       one append was answered, with its offset where the client learns it
    read        one poll was answered
    moved       the client's consumer was made or sought: what it reads next need not follow what it read before
    committing  the client asks for its transaction to be committed
    ok, fail    the operation has happened; it has not (its transaction was aborted)

One that has neither ok nor fail was under way when its process was killed: it has happened or not, as a whole.
The kinds of anomalies are those of Jepsen's workload for Kafka. Each value is written once in a history.
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

Outcome = Literal["ok", "fail", "unknown"]
#: A partition, as topic and number.
Key = tuple[str, int]
#: Records of one partition, in the order in which they were read: offset and value.
Records = Sequence[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Poll:
    """One answer to one poll, for one partition."""

    at: int
    key: Key
    records: Records
    is_committed_only: bool
    follows: bool  # whether the client's consumer was not moved since its last poll of the partition


@dataclass(slots=True)
class Operation:
    """One operation of one client. `at` counts events.

    Attributes:
        is_serial: Its client held a lock against every other serial transaction from before its beginning to after
            its end, so that they must look as if one followed the other.
    """

    client: str
    number: int
    invoked_at: int
    is_transaction: bool = False
    is_serial: bool = False
    writes: list[tuple[Key, str]] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    polls: list[Poll] = field(default_factory=list)
    committing_at: int | None = None
    outcome: Outcome = "unknown"

    def __str__(self) -> str:
        return f"{self.client}#{self.number}"

    @property
    def may_have_happened(self) -> bool:
        """False for what was aborted, and for a transaction whose commit nobody had asked for."""
        if self.outcome == "unknown" and self.is_transaction:
            return self.committing_at is not None
        return self.outcome != "fail"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing that must not be."""

    kind: str
    told: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.told}"


@dataclass(frozen=True, slots=True)
class Final:
    """What the log holds when all is over and nothing is open: everything, and what read_committed shows."""

    everything: Mapping[Key, Records]
    committed: Mapping[Key, Records]


def operations_of(events: Iterable[Mapping[str, Any]]) -> list[Operation]:
    """Make operations of a history's events: mappings with `client`, `event`, and what belongs to it."""
    done: list[Operation] = []
    current: dict[str, Operation] = {}
    followed: set[tuple[str, Key]] = set()
    for at, event in enumerate(events):
        client, kind = event["client"], event["event"]
        if kind == "moved":
            followed = {(who, key) for who, key in followed if who != client}
            continue
        if kind == "invoke":
            writes = [(_key(key), value) for key, value in event["writes"]]
            operation = Operation(client, len(done), at, event["transaction"], event.get("serial", False), writes)
            done.append(operation)
            current[client] = operation
            continue
        operation = current[client]
        if kind == "wrote":
            if event.get("offset") is not None:
                operation.offsets[event["value"]] = event["offset"]
        elif kind == "read":
            key = _key(event["key"])
            records = [(offset, value) for offset, value in event["records"]]
            operation.polls.append(Poll(at, key, records, event["committed"], (client, key) in followed))
            followed.add((client, key))
        elif kind == "committing":
            operation.committing_at = at
        else:
            assert kind in ("ok", "fail"), f"an event of an unknown kind: {kind}"
            operation.outcome = kind
    return done


def _key(key: Sequence[Any]) -> Key:
    return str(key[0]), int(key[1])


def anomalies(operations: Sequence[Operation], final: Final) -> list[Anomaly]:
    """Return all that a log must not show, and that this history shows."""
    seen = _Seen(operations, final)
    return [
        *seen.strangers(),
        *seen.inconsistent_offsets(),
        *seen.duplicates(),
        *seen.missing_writes(),
        *seen.aborted_reads(),
        *seen.precommitted_reads(),
        *seen.torn_transactions(),
        *seen.polls_out_of_step(),
        *seen.nonmonotonic_sends(),
        *seen.cycles(),
    ]


def interleavings(operations: Sequence[Operation], final: Final) -> int:
    """Return 1 where transactions that took no lock wrote over each other in a cycle, as Kafka allows, else 0."""
    edges = _Seen(operations, final).write_order(serial_only=False)
    return int(_cycle(edges) is not None)


class _Seen:
    """A history, looked at from several sides. Each check yields what it finds."""

    def __init__(self, operations: Sequence[Operation], final: Final) -> None:
        self.operations = operations
        self.final = final
        self.writer = {value: operation for operation in operations for _, value in operation.writes}
        self.places: dict[str, set[tuple[Key, int]]] = defaultdict(set)
        self.values: dict[tuple[Key, int], set[str]] = defaultdict(set)
        self.highest: dict[Key, int] = defaultdict(lambda: -1)
        for operation in operations:
            for key, value in operation.writes:
                if value in operation.offsets:
                    self._note(key, operation.offsets[value], value)
            for poll in operation.polls:
                self._note_all(poll.key, poll.records)
        for key, records in itertools.chain(final.everything.items(), final.committed.items()):
            self._note_all(key, records)
        self.everything = {key: {value for _, value in records} for key, records in final.everything.items()}
        self.committed = {key: {value for _, value in records} for key, records in final.committed.items()}

    def _note_all(self, key: Key, records: Records) -> None:
        for offset, value in records:
            self._note(key, offset, value)
            self.highest[key] = max(self.highest[key], offset)

    def _note(self, key: Key, offset: int, value: str) -> None:
        self.places[value].add((key, offset))
        self.values[key, offset].add(value)

    def strangers(self) -> Iterator[Anomaly]:
        """Values that nobody wrote, or wrote elsewhere."""
        for value, places in self.places.items():
            writer = self.writer.get(value)
            keys = {key for key, written in writer.writes if written == value} if writer else set()
            if odd := [key for key, _ in places if key not in keys]:
                yield Anomaly("stranger", f"{value} is in {odd[0]}, and was never written there")

    def inconsistent_offsets(self) -> Iterator[Anomaly]:
        for (key, offset), values in self.values.items():
            if len(values) > 1:
                yield Anomaly("inconsistent-offset", f"offset {offset} of {key} held {sorted(values)}")

    def duplicates(self) -> Iterator[Anomaly]:
        for value, places in self.places.items():
            if len(places) > 1:
                yield Anomaly("duplicate", f"{value} is at {sorted(places)}")

    def missing_writes(self) -> Iterator[Anomaly]:
        """What was acknowledged and cannot be read: lost where something after it was read, else unseen."""
        for operation in self.operations:
            for key, value in operation.writes if operation.outcome == "ok" else ():
                if value in self.committed.get(key, ()):
                    continue
                offset = operation.offsets.get(value, -1)
                kind = "lost-write" if offset <= self.highest[key] else "unseen"
                yield Anomaly(
                    kind, f"{value} of {operation} in {key} at offset {offset}; read up to {self.highest[key]}"
                )

    def aborted_reads(self) -> Iterator[Anomaly]:
        """G1a: what was aborted is seen by a reader of committed records."""
        for reader, key, value, _ in self._committed_reads():
            writer = self.writer.get(value)
            if writer is not None and not writer.may_have_happened:
                yield Anomaly("G1a", f"{reader} read {value} in {key}, which {writer} wrote and never committed")

    def precommitted_reads(self) -> Iterator[Anomaly]:
        """What was seen by a reader of committed records before anybody asked for its commit."""
        for reader, key, value, at in self._committed_reads():
            writer = self.writer.get(value)
            if at is None or writer is None or not writer.is_transaction or writer.committing_at is None:
                continue
            if at < writer.committing_at:
                yield Anomaly(
                    "precommitted-read", f"{reader} read {value} in {key} before {writer} was to be committed"
                )

    def _committed_reads(self) -> Iterator[tuple[str, Key, str, int | None]]:
        for operation in self.operations:
            for poll in operation.polls:
                if poll.is_committed_only:
                    for _, value in poll.records:
                        yield str(operation), poll.key, value, poll.at
        for key, records in self.final.committed.items():
            for _, value in records:
                yield "the last reader", key, value, None

    def torn_transactions(self) -> Iterator[Anomaly]:
        for operation in self.operations:
            if operation.is_transaction:
                there = [value in self.committed.get(key, ()) for key, value in operation.writes]
                if any(there) and not all(there):
                    yield Anomaly("torn-transaction", f"{operation}: {sum(there)} of {len(there)} records are there")

    def polls_out_of_step(self) -> Iterator[Anomaly]:
        """Polls that go back, or pass over what they had to bring; `int-` where it is within one operation."""
        visible = {
            is_committed: {key: [offset for offset, _ in records] for key, records in final.items()}
            for is_committed, final in ((False, self.final.everything), (True, self.final.committed))
        }
        last: dict[tuple[str, Key], tuple[int, Operation]] = {}
        for operation in self.operations:
            for poll in operation.polls:
                who = (operation.client, poll.key)
                offsets = [offset for offset, _ in poll.records]
                if poll.follows and who in last:
                    before, at = last[who]
                    inside = at is operation
                    offsets = [before, *offsets]
                else:
                    inside = True
                offered = visible[poll.is_committed_only].get(poll.key, [])
                yield from _steps(operation, poll.key, offsets, offered, "int-" if inside else "")
                if poll.records:
                    last[who] = (poll.records[-1][0], operation)

    def nonmonotonic_sends(self) -> Iterator[Anomaly]:
        """Appends of one client to one partition that do not stand in the order in which they were answered."""
        last: dict[tuple[str, Key], int] = {}
        for operation in self.operations:
            for key, value in operation.writes if operation.outcome == "ok" else ():
                offset = min((at for where, at in self.places.get(value, ()) if where == key), default=None)
                if offset is None:
                    continue
                before = last.get((operation.client, key), -1)
                if offset <= before:
                    yield Anomaly("nonmonotonic-send", f"{value} of {operation} in {key}: {offset} after {before}")
                last[operation.client, key] = offset

    def cycles(self) -> Iterator[Anomaly]:
        """G0: transactions that held a lock wrote over each other; G1c: each saw what the other wrote."""
        writes = self.write_order(serial_only=True)
        if cycle := _cycle(writes):
            yield Anomaly("G0", " -> ".join(map(str, cycle)))
        elif cycle := _cycle(_joined(writes, self._read_order())):
            yield Anomaly("G1c", " -> ".join(map(str, cycle)))

    def write_order(self, *, serial_only: bool) -> dict[int, set[int]]:
        """Return, of each operation, those that wrote before it into a partition: the next before it of each."""
        edges: dict[int, set[int]] = defaultdict(set)
        for records in self.final.committed.values():
            before: Operation | None = None
            for _, value in sorted(records):
                writer = self.writer.get(value)
                if writer is None or (serial_only and not writer.is_serial):
                    continue
                if before is not None and before is not writer:
                    edges[writer.number].add(before.number)
                before = writer
        return edges

    def _read_order(self) -> dict[int, set[int]]:
        edges: dict[int, set[int]] = defaultdict(set)
        for operation in self.operations:
            for poll in operation.polls:
                for _, value in poll.records if poll.is_committed_only else ():
                    writer = self.writer.get(value)
                    if writer is not None and writer is not operation:
                        edges[operation.number].add(writer.number)
        return edges


def _steps(operation: Operation, key: Key, offsets: list[int], offered: list[int], prefix: str) -> Iterator[Anomaly]:
    if len(offsets) < 2:
        return
    low = _place(offered, offsets[0])
    for before, after in itertools.pairwise(offsets):
        if after <= before:
            yield Anomaly(f"{prefix}nonmonotonic-poll", f"{operation} read {key} at {after} after {before}")
            low = _place(offered, after)
            continue
        high = _place(offered, after)
        # What lies between the two, both ends left out.
        between = offered[low + (low < len(offered) and offered[low] == before) : high]
        if between:
            yield Anomaly(f"{prefix}poll-skip", f"{operation} read {key} at {before}, then {after}, not {between[:5]}")
        low = high


def _place(offsets: list[int], offset: int) -> int:
    return bisect.bisect_left(offsets, offset)


def _joined(*graphs: Mapping[int, set[int]]) -> dict[int, set[int]]:
    edges: dict[int, set[int]] = defaultdict(set)
    for graph in graphs:
        for node, before in graph.items():
            edges[node] |= before
    return edges


def _cycle(edges: Mapping[int, set[int]]) -> list[int] | None:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def copies_out_of_step(source: Records, copy: Records) -> list[Anomaly]:
    """Check a copy that was made in transactions, offsets and records as one: a beginning of its source, each once."""
    wanted = [value for _, value in source]
    found = [value.partition(" of ")[2] for _, value in copy]
    if found == wanted[: len(found)]:
        return []
    at = next(n for n, value in enumerate(found) if n >= len(wanted) or wanted[n] != value)
    kind = "copy-duplicate" if found[at] in found[:at] else "copy-gap"
    return [Anomaly(kind, f"record {at} of the copy is {found[at]}, the source has {wanted[at : at + 1]}")]
