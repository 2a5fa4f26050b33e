"""Where a connector is to go on from: earliest, latest, a time, so many records back or forth, or named offsets.

Theory of operation. A rewind is a change of offsets (`offsets.py`) with the connector stopped around it: what is wanted
of it becomes STOPPED, durable; once its tasks have ended the offsets are set; then what was wanted before is wanted
again, so that a paused connector stays paused and a stopped one stopped. What is wrong with the request is found before
anything stops. A failure in between brings back what was wanted, and says what became of the offsets. Where the worker
dies in between, the next one that leads brings it back, with the offsets of before or after, never of both: they are
one commit.

Of a sink the numbers are known beforehand: its offsets are those of its group. What a source's offsets mean only its
connector knows: it can be sent to its beginning by forgetting them, or to offsets that were shown for it before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from connect.api import ConfigError
from connect.api.error_codes import register_code
from connect.ports import Admin, PartitionInfo
from connect.records import TopicPartition
from connect.runtime.lag import SinkLag
from connect.runtime.offsets import OFFSETS_INVALID, Entry, group_offsets
from connect.runtime.tasks.replays import is_replay_topic

REWIND_REFUSED = register_code(
    "offsets.rewind_refused",
    "A source cannot go to the latest record, to a time or by a count: only it knows what its offsets mean.",
    "Rewind it to earliest, or to offsets as GET /connectors/{name}/offsets shows them.",
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where each partition is to stand.

    Attributes:
        value: Of timestamp ms since the epoch; of by records, back where it is negative; of offset the offset.
    """

    kind: Literal["earliest", "latest", "timestamp", "by", "offset"]
    value: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """What a rewind does to a partition.

    Attributes:
        topic: None of a source.
        partition: Its number; of a source the source partition.
        before: Where it goes on now, with what it would do where nothing is committed; of a source its offset.
        after: Where it goes on afterwards; None where that is forgotten.
        end: The log end offset; None of a source.
        again: How many offsets are read once more, those of markers and compacted records too; None where that is not
            known.
        skipped: How many are passed over.
    """

    topic: str | None
    partition: Any
    before: Any
    after: Any
    end: int | None = None
    again: int | None = None
    skipped: int | None = None

    @property
    def entry(self) -> Entry:
        """As `Offsets.alter` takes it."""
        if self.topic is None:
            return self.partition, self.after
        offset = None if self.after is None else {"kafka_offset": self.after}
        return {"kafka_topic": self.topic, "kafka_partition": self.partition}, offset


@dataclass(frozen=True, slots=True)
class Rewound:
    """A rewind.

    Attributes:
        state_before: What was wanted of the connector, and is again.
        applied: False: it was only asked for.
        looked: Whether the connector has looked at the offsets; one that has not may keep others of its own.
    """

    rows: tuple[Row, ...]
    state_before: str
    applied: bool
    looked: bool = True

    @property
    def again(self) -> int | None:
        """How many offsets are read once more, None where that is not known."""
        counts = [row.again for row in self.rows]
        return None if None in counts else sum(count or 0 for count in counts)


async def offset_of(admin: Admin, at: TopicPartition, bounds: PartitionInfo, now: int, target: Target) -> int:
    """Return the offset at which a partition is to stand: within its log, which the nearest end stands for.

    Args:
        now: Where it stands.
    """
    first, end = bounds.log_start_offset, bounds.log_end_offset
    match target.kind:
        case "earliest":
            return first
        case "latest":
            return end
        case "timestamp":
            found = await admin.offset_for_time(at, target.value)
            return end if found is None else found
        case "by":
            return min(max(now + target.value, first), end)
        case "offset":
            return min(max(target.value, first), end)


async def sink_rows(
    admin: Admin, name: str, lag: SinkLag, to: Target | Sequence[Entry], *, reset: str = "earliest"
) -> list[Row]:
    """Return what a rewind does to a sink; topics of replayed dead letters only where they are named.

    Args:
        lag: Where its group stands.
        reset: What its consumers do where nothing is committed.

    Raises:
        ConfigError: offsets.invalid: it reads no such partition, or the log has no such offset; or it reads none yet.
    """
    known = {TopicPartition(row.topic, row.partition): row for row in lag.partitions}
    if not known:
        verb = "is" if len(lag.missing) == 1 else "are"
        missing = f": {', '.join(lag.missing)} {verb} not there" if lag.missing else ""
        raise ConfigError(f"connector {name!r} reads no partition that could be rewound{missing}", code=OFFSETS_INVALID)
    if isinstance(to, Target):
        wanted: dict[TopicPartition, int | None] = {}
        for at, row in known.items():
            if not is_replay_topic(at.topic):
                bounds = PartitionInfo(at.partition, row.log_start_offset, row.log_end_offset, 0, 0)
                wanted[at] = await offset_of(admin, at, bounds, row.next_offset(reset), to)
    else:
        wanted = group_offsets(name, to)
    rows = []
    for at, offset in wanted.items():
        if (found := known.get(at)) is None:
            raise ConfigError(f"connector {name!r} does not read {at}", code=OFFSETS_INVALID)
        first, end, now = found.log_start_offset, found.log_end_offset, found.next_offset(reset)
        if offset is not None and not first <= offset <= end:
            raise ConfigError(
                f"connector {name!r}: {at} has offsets {first} to {end}, and {offset} is none of them",
                code=OFFSETS_INVALID,
            )
        goes_on = offset if offset is not None else end if reset == "latest" else first
        rows.append(Row(at.topic, at.partition, now, offset, end, max(0, now - goes_on), max(0, goes_on - now)))
    return rows


def source_rows(name: str, committed: Sequence[Entry], to: Target | Sequence[Entry]) -> list[Row]:
    """Return what a rewind does to a source.

    Raises:
        ConfigError: offsets.rewind_refused.
    """
    if not isinstance(to, Target):
        return [Row(None, partition, _committed(committed, partition), offset) for partition, offset in to]
    if to.kind != "earliest":
        what = {"latest": "the latest record", "timestamp": "a time"}.get(to.kind, "another place by a count")
        raise ConfigError(
            f"connector {name!r} is a source, and cannot be sent to {what}: only it knows what its offsets mean",
            code=REWIND_REFUSED,
        )
    return [Row(None, partition, offset, None) for partition, offset in committed]


def _committed(committed: Sequence[Entry], partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((offset for known, offset in committed if known == partition), None)
