"""A loss of power after every step that the log takes on its disk, and a model of what must be there afterwards.

Each story does one kind of work on a real log while the disk takes notes, and says at what moment it was told what:
that records are durable, that a transaction is committed, that a topic is made. Then the power goes after each step in
turn, in several ways for that which no sync covers, and a log is opened on what is left: what was said must hold, what
was never finished is there whole or not at all, and work can go on.

CONNECT_POWER_CUTS sets in how many random ways the power goes at each step, on top of the six plain ones, and
CONNECT_POWER_CUT_EACH at every which step: where it is more than 1, runs begin at different ones. See
tests/support/lengths.py.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connect.log import LogCluster
from connect.log.clients.fetched import decode_slice
from connect.log.storage.partition import Partition
from connect.log.topics import Topics
from connect.records import Columns, Isolation, OffsetAndMetadata, TopicPartition
from connect.stores.compacted import CompactedTopic
from tests.support.disk import ANY, KINDS, PowerCuts, RecordingDisk, digest, write_image
from tests.support.lengths import length

RANDOM_WAYS, EACH = length("CONNECT_POWER_CUTS"), length("CONNECT_POWER_CUT_EACH")
NOW = 1_700_000_000_000
CONFIGS = {"log.cleaner.enable": "false", "log.retention.check.interval.ms": "100000000"}

SYNC = ("sync_file", True)
ISOLATIONS: tuple[Isolation, ...] = ("read_uncommitted", "read_committed")

Marks = list[tuple[Any, ...]]


@dataclass
class Found:
    """What a log holds that was opened on an image."""

    topics: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    #: By isolation and partition: offsets, keys and values.
    records: dict[tuple[Isolation, str], list[tuple[int, bytes | None, bytes | None]]] = field(default_factory=dict)
    groups: dict[str, dict[str, int]] = field(default_factory=dict)

    def values(self, partition: str, isolation: Isolation = "read_uncommitted") -> list[bytes]:
        """All values of a partition, none where it is not there."""
        return [value for _, _, value in self.records.get((isolation, partition), []) if value is not None]


async def look(cluster: LogCluster) -> Found:
    """Read everything; in one go on one of the log's threads, since thousands of logs are looked at."""
    found = await cluster._threads.run(lambda: look_at(cluster._topics))
    for group in await cluster.groups.list() if "__consumer_offsets" in found.topics else ():
        offsets = await cluster.groups.offsets(group)
        found.groups[group] = {str(name): committed.offset for name, committed in offsets.items()}
    return found


def look_at(topics: Topics) -> Found:
    found = Found()
    for topic in topics:
        info = topic.describe()
        found.topics[topic.name] = (len(info.partitions), dict(info.configs))
        for part in info.partitions:
            place = f"{topic.name}-{part.partition}"
            found.starts[place], found.ends[place] = part.log_start_offset, part.log_end_offset
            for isolation in ISOLATIONS:
                rows = list(
                    read(topic.partition(part.partition), TopicPartition(topic.name, part.partition), isolation)
                )
                found.records[isolation, place] = rows
    return found


def read(
    part: Partition, name: TopicPartition, isolation: Isolation
) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    offset = part.log_start_offset
    while True:
        stored = part.read(offset, max_bytes=1 << 20, isolation=isolation)
        if not stored.headers:
            return
        for batch in decode_slice(part, name, stored, offset):
            yield from zip(
                batch.offsets, batch.columns.keys or itertools.repeat(None), batch.columns.values, strict=False
            )
        offset = stored.headers[-1].next_offset


# -- stories -----------------------------------------------------------------------------------------------------------


@dataclass
class Story:
    """Work on a log, and what must hold of what is found, given what was said before the power went."""

    tell: Callable[[Teller], Awaitable[None]]
    check: Callable[[Found, Marks], None]


@dataclass
class Teller:
    """What a story works with. `open` may be called again after `cluster.aclose()`."""

    data_dir: Path
    disk: RecordingDisk
    cluster: LogCluster

    async def reopen(self) -> None:
        await self.cluster.aclose()
        self.disk.mark("closed")
        self.cluster = await open_log(self.data_dir, disk=self.disk)

    async def append(self, topic: str, *values: bytes, partition: int = 0, **options: Any) -> None:
        keys = options.pop("keys", None)
        producer = self.cluster.producer(client_id="test")
        await producer.append(topic, Columns(list(values), keys, NOW), partition=partition, **options)

    def slow_down(self, part: str) -> None:
        """Let each sync of some files take a while, so that others overtake it."""
        self.disk.hooks.append(lambda step, path: time.sleep(0.004) if (step, part in str(path)) == SYNC else None)

    def say(self, *said: Any) -> None:
        self.disk.mark(*said)


async def open_log(data_dir: Path, **options: Any) -> LogCluster:
    return await LogCluster.open(data_dir, configs=CONFIGS, clock=lambda: NOW, **options)


def said(marks: Marks, what: str) -> Iterator[tuple[Any, ...]]:
    return (rest for name, *rest in marks if name == what)


def last(marks: Marks, what: str, default: int = 0) -> int:
    return max((int(number) for (number,) in said(marks, what)), default=default)


async def produce(log: Teller) -> None:
    """Batches of three, some durable, some flushed later, over rolls, a clean stop, and flushes that overlap."""
    await log.cluster.admin.create_topic("t", configs={"segment.bytes": "900"})
    count = 0

    def three() -> Columns:
        nonlocal count
        count += 3
        return Columns([b"%06d" % n + b"." * (n % 7 * 60) for n in range(count - 3, count)], timestamps=NOW)

    for turn in range(2):
        producer = log.cluster.producer(client_id="test")
        for number in range(4):
            await producer.append("t", three(), acks="durable" if number == 2 else "written")
            if number == 2:
                log.say("durable", count)
        await producer.append("t", three(), acks="none")
        first = asyncio.ensure_future(producer.flush())
        await asyncio.sleep(0)
        first.cancel()
        covered = count
        await producer.flush()
        log.say("durable", covered)
        if turn == 0:
            await log.reopen()
            log.say("durable", count)


def check_produce(found: Found, marks: Marks) -> None:
    numbers = [int(value[:6]) for value in found.values("t-0")]
    assert numbers == list(range(len(numbers))), "in order, once, no gap"
    assert len(numbers) % 3 == 0, "batches are there whole or not at all"
    assert len(numbers) >= last(marks, "durable")


async def spread(log: Teller) -> None:
    """Three partitions at once, by key, flushed together."""
    await log.cluster.admin.create_topic("t", partitions=3, configs={"segment.bytes": "1500"})
    producer = log.cluster.producer(client_id="test")
    for turn in range(8):
        keys = [b"key %d" % n for n in range(12)]
        await producer.append("t", Columns([b"%04d %s" % (turn, key) for key in keys], keys, NOW))
        if turn % 3 == 2:
            await producer.flush()
            log.say("durable", turn + 1)
    await producer.append("t", Columns([b"9999 x"] * 3, [b"a", b"b", b"c"], NOW), acks="durable")


def check_spread(found: Found, marks: Marks) -> None:
    turns: dict[bytes, list[int]] = {}
    for partition in range(3):
        for value in found.values(f"t-{partition}"):
            turn, key = value.split(b" ", 1)
            if turn != b"9999":
                turns.setdefault(key, []).append(int(turn))
    for key in [b"key %d" % n for n in range(12)] if last(marks, "durable") else turns:
        seen = turns.get(key, [])
        assert seen == list(range(len(seen)))
        assert len(seen) >= last(marks, "durable")


async def transactions(log: Teller) -> None:
    """Records in two partitions and a group's offset: as one, whoever else syncs one of the partitions in between."""
    await log.cluster.admin.create_topic("in")
    await log.cluster.admin.create_topic("tx", partitions=2, configs={"segment.bytes": "2000"})
    for half in range(2):
        producer = log.cluster.producer(client_id="tx", configs={"transactional.id": "tx"})
        await producer.init_transactions()
        for number in range(half * 3, half * 3 + 3):
            await producer.begin_transaction()
            value = b"%s %04d" % (b"no" if number % 3 == 1 else b"yes", number)
            for partition in (0, 1):
                await producer.append("tx", Columns([value, value], timestamps=NOW), partition=partition)
            if number % 2:
                await log.append("tx", b"plain", partition=number % 4 // 2, acks="durable")
            await producer.send_offsets_to_transaction("g", {TopicPartition("in", 0): OffsetAndMetadata(number)})
            if number % 3 == 1:
                await producer.abort_transaction()
            else:
                log.say("deciding", number)
                await producer.commit_transaction()
                log.say("committed", number)
        if half == 0:
            await log.reopen()


def check_transactions(found: Found, marks: Marks) -> None:
    shares = [
        [int(value[4:]) for value in found.values(f"tx-{partition}", "read_committed") if value != b"plain"]
        for partition in (0, 1)
    ]
    assert shares[0] == shares[1], "a transaction is in both partitions or in none"
    numbers = shares[0][::2]
    assert shares[0] == [number for number in numbers for _ in range(2)]
    assert numbers == sorted(set(numbers))
    committed, deciding = ({number for (number,) in said(marks, what)} for what in ("committed", "deciding"))
    assert committed <= set(numbers) <= deciding
    assert found.groups.get("g", {}).get("in-0", -1) == max(numbers, default=-1), "offsets and records as one"


async def transactions_at_once(log: Teller) -> None:
    """Several producers that decide at the same time."""
    await log.cluster.admin.create_topic("tx", partitions=2)
    producers = [log.cluster.producer(client_id=f"tx{n}", configs={"transactional.id": f"tx{n}"}) for n in range(3)]
    for producer in producers:
        await producer.init_transactions()
    log.slow_down("__transaction_state")

    async def run(n: int) -> None:
        for turn in range(2):
            await producers[n].begin_transaction()
            for partition in (0, 1):
                value = b"%d/%d" % (n, turn)
                await producers[n].append("tx", Columns([value], timestamps=NOW), partition=partition)
            await producers[n].commit_transaction()
            log.say("committed", b"%d/%d" % (n, turn))

    await asyncio.gather(*map(run, range(3)))


def check_transactions_at_once(found: Found, marks: Marks) -> None:
    # A producer whose transaction is still open holds back what follows; `look` comes after all have been taken over.
    shares = [sorted(found.values(f"tx-{partition}", "read_committed")) for partition in (0, 1)]
    assert shares[0] == shares[1]
    assert {value for (value,) in said(marks, "committed")} <= set(shares[0])
    for n in range(3):
        turns = [value for value in found.values("tx-0", "read_committed") if value.startswith(b"%d/" % n)]
        assert turns == [b"%d/%d" % (n, turn) for turn in range(len(turns))]


async def compaction(log: Teller) -> None:
    """Values and tombstones of a few keys, compacted again and again."""
    await log.cluster.admin.create_topic(
        "c", configs={"cleanup.policy": "compact", "segment.bytes": "450", "delete.retention.ms": "0"}
    )
    producer = log.cluster.producer(client_id="test")
    for number in range(18):
        key = b"k%d" % (number % 2)
        value = None if number % 7 == 6 else b"%04d" % number + b"." * 60
        is_durable = number % 3 == 0
        log.say("writing", key, number, value)
        await producer.append("c", Columns([value], [key], NOW), acks="durable" if is_durable else "written")
        if is_durable:
            log.say("durable", number)
        if number % 6 == 5:
            await log.cluster.compact("c")
            log.say("durable", number)  # compaction begins a new segment, so the one before is on disk


def check_compaction(found: Found, marks: Marks) -> None:
    newest = {key: (offset, value) for offset, key, value in found.records.get(("read_uncommitted", "c-0"), [])}
    written: dict[bytes, list[tuple[int, bytes | None]]] = {}
    for key, number, value in said(marks, "writing"):
        written.setdefault(key, []).append((number, value))
    for key, values in written.items():
        kept = [pair for pair in values if pair[0] <= last(marks, "durable", -1)]
        least = kept[-1] if kept else (-1, None)
        have = newest.get(key)
        if have is None:  # never durable, or a tombstone, which may have gone
            assert least[1] is None or any(value is None for number, value in values if number > least[0]), key
        else:
            assert have in values, "a value at the offset where it was written"
            assert have[0] >= least[0], "nothing older than what was durable"
    offsets = [offset for offset, _, _ in found.records.get(("read_uncommitted", "c-0"), [])]
    assert offsets == sorted(set(offsets))


async def retention(log: Teller) -> None:
    """Segments that go by size, records that are deleted by offset, also those at the very end."""
    await log.cluster.admin.create_topic("r", configs={"segment.bytes": "400", "retention.bytes": "900"})
    for number in range(20):
        is_durable = number % 4 == 0
        await log.append("r", b"%04d" % number + b"." * 80, acks="durable" if is_durable else "written")
        if is_durable:
            log.say("durable", number + 1)
        if number in (9, 14):
            await log.cluster._upkeep.apply_retention()
        if number in (12, 17):
            target = number - 2 if number == 12 else number + 1
            log.say("deleting", target)
            start = await log.cluster.admin.delete_records(TopicPartition("r", 0), target)
            assert start == target
            log.say("deleted", target)
        if number == 15:
            await log.reopen()


def check_retention(found: Found, marks: Marks) -> None:
    rows = found.records.get(("read_uncommitted", "r-0"), [])
    numbers = [int(value[:4]) for _, _, value in rows if value is not None]
    assert [offset for offset, _, _ in rows] == numbers, "each record at its offset"
    if not any(said(marks, "durable")):
        return
    assert numbers == list(range(found.starts["r-0"], found.ends["r-0"]))
    assert found.ends["r-0"] >= last(marks, "durable")
    assert found.starts["r-0"] >= last(marks, "deleted")


async def topics(log: Teller) -> None:
    """Topics that come, grow, change and go, one of them under a name that was used before."""
    admin = log.cluster.admin

    async def make(name: str, partitions: int) -> None:
        log.say("making", name, partitions)
        await admin.create_topic(name, partitions=partitions, configs={"retention.ms": "1"})
        log.say("made", name, partitions)

    await make("a", 1)
    await make("b", 2)
    await log.append("b", b"first life", partition=1, acks="durable")
    log.say("growing", "a", 3)
    await admin.add_partitions("a", 3)
    log.say("grown", "a", 3)
    log.say("altering", "a", "2")
    await admin.alter_topic("a", {"retention.ms": "2"})
    log.say("altered", "a", "2")
    log.say("going", "b")
    await admin.delete_topic("b")
    log.say("gone", "b")
    await make("b", 2)
    await log.append("b", b"second life", acks="durable")
    log.say("durable", 1)
    await log.reopen()


def check_topics(found: Found, marks: Marks) -> None:
    may: dict[str, set[tuple[int, str] | None]] = {"a": {None}, "b": {None}}  # what may be there of each
    for what, *rest in marks:
        if what not in ("making", "made", "growing", "grown", "altering", "altered", "going", "gone"):
            continue
        name, held = rest[0], may[rest[0]]
        if what in ("making", "made"):
            new: Any = (rest[1], "1")
        elif what in ("growing", "grown"):
            new = (rest[1], "1")
        elif what in ("altering", "altered"):
            new = (3, rest[1])
        else:
            new = None
        may[name] = {new} if what in ("made", "grown", "altered", "gone") else held | {new}
    for name, possible in may.items():
        have = found.topics.get(name)
        assert (None if have is None else (have[0], have[1]["retention.ms"])) in possible, (name, have, possible)
    lives = {value for partition in (0, 1) for value in found.values(f"b-{partition}")}
    assert lives <= ({b"second life"} if any(said(marks, "gone")) else {b"first life"})
    if any(said(marks, "durable")):
        assert lives == {b"second life"}


async def config_changes(log: Teller) -> None:
    """A worker's store: an acknowledged change is there, and deletions stay deletions."""
    store = CompactedTopic(log.cluster, "connect-configs")
    await store.open()
    for number in range(14):
        key = b"connector-%d" % (number % 3)
        value = None if number % 5 == 4 else b"%04d" % number
        log.say("putting", key, value)
        await store.put({key: value, b"twin of " + key: value}, timestamp_ms=NOW)
        log.say("put", key, value)
        if number == 8:
            await store.aclose()
            await log.reopen()
            store = CompactedTopic(log.cluster, "connect-configs")
            await store.open()
    await store.aclose()


def check_config_changes(found: Found, marks: Marks) -> None:
    rows = found.records.get(("read_uncommitted", "connect-configs-0"), [])
    newest = {key: value for _, key, value in rows}
    may: dict[bytes, set[bytes | None]] = {}
    for what, *rest in marks:
        if what == "putting":
            may[rest[0]] = may.get(rest[0], {None}) | {rest[1]}
        elif what == "put":
            may[rest[0]] = {rest[1]}
    for key, possible in may.items():
        assert newest.get(key) in possible
        assert newest.get(b"twin of " + key) == newest.get(key), "entries of one change come together"


async def source_commits(log: Teller) -> None:
    """Records, then their source's offset: it is never ahead of the records, also where flushes overlap."""
    await log.cluster.admin.create_topic("out", partitions=2, configs={"segment.bytes": "700"})
    store = CompactedTopic(log.cluster, "connect-offsets")
    await store.open()
    producer = log.cluster.producer(client_id="source")
    log.slow_down("out-1")
    count = 0

    async def commit(covered: int) -> None:
        await producer.flush()
        await store.put({b"file": b"%d" % covered}, timestamp_ms=NOW)
        log.say("committed", covered)

    for _ in range(3):
        commits = []
        for _ in range(3):
            for partition in (0, 1):
                values = [b"%06d" % n + b"." * 50 for n in range(count, count + 2)]
                await producer.append("out", Columns(values, timestamps=NOW), partition=partition)
            count += 2
            commits += [asyncio.ensure_future(commit(count)) for _ in range(2)]  # the second has nothing new to sync
            await asyncio.sleep(0)
        commits[2].cancel()
        await asyncio.gather(*commits, return_exceptions=True)
    await store.aclose()


def check_source_commits(found: Found, marks: Marks) -> None:
    rows = found.records.get(("read_uncommitted", "connect-offsets-0"), [])
    stored = int(rows[-1][2] or b"0") if rows else 0
    assert stored >= last(marks, "committed")
    for partition in (0, 1):
        numbers = [int(value[:6]) for value in found.values(f"out-{partition}")]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= stored, "an offset is never ahead of its records"


STORIES = {
    "produce": Story(produce, check_produce),
    "spread": Story(spread, check_spread),
    "transactions": Story(transactions, check_transactions),
    "transactions at once": Story(transactions_at_once, check_transactions_at_once),
    "compaction": Story(compaction, check_compaction),
    "retention": Story(retention, check_retention),
    "topics": Story(topics, check_topics),
    "config changes": Story(config_changes, check_config_changes),
    "source commits": Story(source_commits, check_source_commits),
}


# -- cuts --------------------------------------------------------------------------------------------------------------


class Images:
    """Opens a log on images; of equal ones only once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[bytes, Found] = {}
        self.opened = 0

    async def found(self, image: dict[str, bytes | None]) -> Found:
        key = digest(image)
        if key not in self._found:
            self.opened += 1
            self._found[key] = await self._open(image)
        return self._found[key]

    async def _open(self, image: dict[str, bytes | None]) -> Found:
        data_dir = self._folder / str(self.opened)
        write_image(image, data_dir)
        cluster = await open_log(data_dir)
        try:
            for name in list(cluster._transactions._entries):
                # Its producer is dead: another takes over, as it would, which ends what is open.
                await cluster.producer(client_id="next", configs={"transactional.id": name}).init_transactions()
            found = await look(cluster)
            if self.opened % 8 == 0:
                await go_on(cluster, found)
        finally:
            await cluster.aclose()
        if self.opened % 8 == 0:
            await check_again(data_dir, found)
        shutil.rmtree(data_dir)
        return found


async def go_on(cluster: LogCluster, found: Found) -> None:
    """Work goes on: each partition takes records where it ended, and every name is free that no topic has."""
    producer = cluster.producer(client_id="next")
    for topic, (partitions, _) in found.topics.items():
        if topic.startswith("__"):
            continue
        for partition in range(partitions):
            await producer.append(topic, Columns([b"more"], [b"more"], NOW), partition=partition, acks="durable")
            row = (await cluster.admin.fetch(TopicPartition(topic, partition), found.ends[f"{topic}-{partition}"]))[0]
            assert (row.columns.keys, row.columns.values) == ([b"more"], [b"more"])
    for topic in {"a", "b", "c", "r", "t", "tx", "out", "connect-configs"} - set(found.topics):
        await cluster.admin.create_topic(topic, partitions=3)


async def check_again(data_dir: Path, found: Found) -> None:
    """A second opening finds what the first one did, and what came since."""
    cluster = await open_log(data_dir)
    try:
        again = await look(cluster)
        for place, rows in found.records.items():
            if not place[1].startswith("__"):
                assert again.records[place][: len(rows)] == rows
                assert again.records[place][len(rows) :][-1:] == [(found.ends[place[1]], b"more", b"more")]
    finally:
        await cluster.aclose()


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where the system has one: thousands of small logs are opened there."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="connect-cuts-", dir=shared if os.access(shared, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * RANDOM_WAYS)
@pytest.mark.parametrize("name", STORIES)
async def test_after_a_loss_of_power_at_any_step_everything_said_holds_and_nothing_is_there_in_part(
    name, memory, record_property
):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    logging.disable(logging.CRITICAL)
    try:
        disk = RecordingDisk()
        log = Teller(memory / "data", disk, await open_log(memory / "data", disk=disk))
        await STORIES[name].tell(log)
        await log.cluster.aclose()
        began = time.monotonic()
        cuts, opened = await cut_everywhere(STORIES[name], disk, memory, dice)
    finally:
        logging.disable(logging.NOTSET)
    print(f"{name}: {cuts} cuts, {opened} different images, {time.monotonic() - began:.1f} s")
    record_property("cuts", cuts)
    assert cuts * EACH >= LEAST_CUTS[name] - len(KINDS) * EACH, "the story is as long as it was"


#: How many cuts a story makes at least, at every step and with the plain ways alone: more than 10,000 in all.
LEAST_CUTS = {
    "produce": 1_400,
    "spread": 800,
    "transactions": 1_400,
    "transactions at once": 1_000,
    "compaction": 1_800,
    "retention": 1_700,
    "topics": 900,
    "config changes": 700,
    "source commits": 1_200,
}
assert sum(LEAST_CUTS.values()) > 10_000


async def cut_everywhere(story: Story, disk: RecordingDisk, memory: Path, dice: random.Random) -> tuple[int, int]:
    images = Images(memory / "images")
    (memory / "images").mkdir()
    power = PowerCuts(memory)
    kinds = [*KINDS, *[ANY] * RANDOM_WAYS]
    cuts, first = 0, dice.randrange(EACH)
    for step, note in enumerate(disk.notes):
        power.go(note)
        if step % EACH != first:
            continue
        for kind in kinds if step % 2 or RANDOM_WAYS > 1 else KINDS:
            image = power.image(kind, dice)
            below = {path.removeprefix("data/"): content for path, content in image.items() if path.startswith("data/")}
            try:
                found = await images.found(below)
                story.check(found, power.marks)
            except BaseException as error:
                if kept := os.environ.get("CONNECT_POWER_CUT_KEPT"):
                    write_image(below, Path(kept))
                error.add_note(f"power cut behind step {step} ({note.name} {note.path}), of the rest: {kind.name}")
                raise
            cuts += 1
    return cuts, images.opened
