"""Plugins for tests of processes: what they hear and where they run, they write down in a file; some of them end badly.

All of them are at the top of this module, so that a process of their own can import them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connect.api import (
    Batch,
    CommittedRecord,
    Config,
    ConfigError,
    Connector,
    DataError,
    FailedRecord,
    Predicate,
    Problem,
    Record,
    RetriableError,
    Secret,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    Transform,
    config_key,
    hookimpl,
)
from connect.api.connector import ExactlyOnceSupport, Signal


def write(path: str, *entry: Any) -> None:
    """Add a line to a journal."""
    with Path(path).open("a") as file:
        file.write(json.dumps([os.getpid(), *entry]) + "\n")


def journal(path: Path) -> list[list[Any]]:
    """Return the entries of a journal, without the processes."""
    return [entry[1:] for entry in _entries(path)]


def processes(path: Path) -> set[int]:
    """Return which processes wrote a journal."""
    return {entry[0] for entry in _entries(path)}


def _entries(path: Path) -> Iterator[list[Any]]:
    if path.exists():
        for line in path.read_text().splitlines():
            with contextlib.suppress(ValueError):  # the last one is being written
                yield json.loads(line)


# -- faults ------------------------------------------------------------------------------------------------------------

_kept: list[bytes] = []


def misbehave(how: str) -> None:
    """End badly, or not at all."""
    if not how:
        return
    sys.stderr.write(f"about to {how}\n")
    if how == "segv":
        ctypes.string_at(0)
    elif how == "abort":
        os.abort()
    elif how == "exit":
        os._exit(3)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "block":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
    elif how == "spin":
        while True:
            pass
    elif how == "leak":
        while True:
            _kept.append(bytes(1 << 20))
            time.sleep(0.001)
    elif how == "flood":
        os.set_blocking(2, True)
        while True:
            os.write(2, b"flood " * 10_000 + b"\n")
    elif how == "lines":
        os.set_blocking(2, True)
        while True:
            os.write(2, b"x\n" * 30_000)
    elif how == "replies":
        while True:
            _socket().sendall(b"\0\0\0\1\2\0\1\2\3\xc0" * 1000)
    elif how == "log":
        logging.getLogger("connect.connector.x").error("the last word")
        os._exit(3)
    elif how == "alarm":
        log = logging.getLogger("connect.connector.x")
        signal.signal(signal.SIGALRM, lambda *_: log.error("from a signal's handler"))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            log.error("y" * 10_000)
        signal.setitimer(signal.ITIMER_REAL, 0)
    elif how == "opaque":
        raise DataError("odd", details={"why": object()})  # type: ignore[dict-item]
    elif how == "helper":
        subprocess.Popen(["sleep", "600"])
    elif how == "rubbish":
        _socket().sendall(os.urandom(100_000))
        time.sleep(3600)
    elif how == "close":
        os.closerange(0, 64)
        time.sleep(3600)
    elif how == "fork":
        if os.fork() == 0 and os.fork() == 0:
            time.sleep(3600)
        os._exit(4)
    else:
        raise AssertionError(how)


def _socket() -> socket.socket:
    """Return the socket to the worker, as hostile code would find it."""
    for descriptor in sorted(map(int, os.listdir("/proc/self/fd"))):  # noqa: PTH208
        with contextlib.suppress(OSError):
            found = socket.socket(fileno=os.dup(descriptor))
            if found.family is socket.AF_UNIX:
                return found
            found.close()
    raise AssertionError("no socket")


# -- sources -----------------------------------------------------------------------------------------------------------


class CountConfig(Config):
    """Count up."""

    topic: str = config_key("Topic.")
    count: int = config_key("How many records.", default=10, ge=1)
    batch_size: int = config_key("Records in a poll.", default=5)
    journal: str = config_key("Journal.", default="")
    password: Secret = config_key("Never shown.", default=Secret("swordfish"))
    how: str = config_key("How it ends.", default="")
    at: int = config_key("Behind which record; -1: as its config is checked.", default=5)
    marker: str = config_key("A file that says that it has ended so already.", default="")

    def problems(self) -> Iterable[Problem]:
        if self.at < 0:
            misbehave(self.how)
        if self.count < self.batch_size:
            yield Problem("count", "count is less than batch.size")


class CountTask(SourceTask[CountConfig]):
    def start(self) -> None:
        offset = self.context.offset({"of": self.config.topic})
        self.next = offset["n"] if offset else 0
        self.context.log.info("begins at %d", self.next)
        self.context.poll_wait_s = 0.05
        self.note("start", self.next, self.context.connector, self.context.task)

    def note(self, *entry: Any) -> None:
        if self.config.journal:
            write(self.config.journal, *entry)

    def poll(self) -> list[Record] | None:
        config = self.config
        if config.how and self.next >= config.at and not (config.marker and Path(config.marker).exists()):
            if config.marker:
                Path(config.marker).touch()
            misbehave(config.how)
        ends = min(self.next + config.batch_size, config.count)
        numbers, self.next = range(self.next, ends), ends
        self.context.gauges["read.to"] = ends
        self.context.drained = not numbers
        if not numbers:
            self.context.waiting_for = "nothing more"
            return None
        partition = {"of": config.topic}
        self.context.request_commit()
        return [
            Record(config.topic, f"{n}", source_partition=partition, source_offset={"n": n + 1}, key=None)
            for n in numbers
        ]

    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        self.note("commit", [offset["n"] for _, offset in offsets])

    def stop(self) -> None:
        self.note("stop", self.context.stopping.is_set())


class CountSource(SourceConnector[CountConfig]):
    """Counts up."""

    class_name = "test.CountSource"
    task_class = CountTask

    def check(self) -> Iterable[Problem]:
        yield Problem("topic", f"looked at {self.config.topic}")

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """It counts again."""
        return ExactlyOnceSupport.SUPPORTED

    def alter_offsets(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> bool:
        for _, offset in offsets:
            if offset is not None and type(offset.get("n")) is not int:
                raise ConfigError("an offset is {'n': number}")
        return True

    def signal(self, signal: Signal) -> None:
        write(self.config.journal, "signal", signal.id, signal.type, dict(signal.data))


class AskedSource(CountSource):
    """Ends badly where it is asked what it can promise, and where its config is checked."""

    class_name = "test.AskedSource"

    def exactly_once_support(self) -> ExactlyOnceSupport:
        misbehave(self.config.how)
        return super().exactly_once_support()


class AcknowledgedTask(CountTask):
    def commit_records(self, records: Sequence[CommittedRecord]) -> None:
        self.note("records", [[r.source_offset["n"], r.metadata.offset if r.metadata else None] for r in records])


class AcknowledgedSource(CountSource):
    class_name = "test.AcknowledgedSource"
    task_class = AcknowledgedTask


class PatientTask(SourceTask[CountConfig]):
    """Its async poll waits for as long as it is let."""

    async def start(self) -> None:
        self.is_first = True

    async def poll(self) -> list[Record] | None:
        if self.is_first:
            self.is_first = False
            return [Record(self.config.topic, "first")]
        write(self.config.journal, "waits")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep({"slow": 0.5, "stubborn": 3600}.get(self.config.how, 0.0))
            write(self.config.journal, "cancelled")
            raise
        return None

    async def stop(self) -> None:
        write(self.config.journal, "stop")


class PatientSource(SourceConnector[CountConfig]):
    class_name = "test.PatientSource"
    task_class = PatientTask


class BoundaryTask(CountTask):
    """Ends transactions behind records: commits every second one, aborts the others."""

    def poll(self) -> list[Record] | None:
        records = super().poll()
        transaction = self.context.transaction
        if records is not None and transaction is not None:
            for number, record in enumerate(records):
                ends = transaction.abort_transaction if number % 2 else transaction.commit_transaction
                ends(record)
        return records


class BoundarySource(CountSource):
    class_name = "test.BoundarySource"
    task_class = BoundaryTask

    def can_define_transaction_boundaries(self) -> bool:
        return True


# -- sinks -------------------------------------------------------------------------------------------------------------


class NoteConfig(Config):
    """Write down what comes."""

    journal: str = config_key("Journal.")
    how: str = config_key("How it fails.", default="")
    marker: str = config_key("A file that says that it has failed so already.", default="")


class NoteTask(SinkTask[NoteConfig]):
    def note(self, *entry: Any) -> None:
        write(self.config.journal, *entry)

    def open(self, partitions: Sequence[tuple[str, int]]) -> None:
        self.note("open", sorted(partitions), sorted(self.context.assignment))

    def put(self, records: list[Record]) -> None:
        how = self.config.how
        if how == "retry" and not Path(self.config.marker).exists():
            Path(self.config.marker).touch()
            raise RetriableError("not now", retry_after_ms=1)
        if how == "bad":
            bad = [FailedRecord(n, "odd", {"why": "odd"}) for n, r in enumerate(records) if int(r.value) % 2]
            if bad:
                raise DataError("odd ones", failed=bad)
        if how not in ("", "retry", "bad", "bug") and not Path(self.config.marker).exists():
            Path(self.config.marker).touch()
            misbehave(how)
        if how == "bug":
            raise ZeroDivisionError("a bug")
        self.note("put", [record.value for record in records])

    def flush(self) -> None:
        self.note("flush")

    def close_partitions(self, partitions: Sequence[tuple[str, int]]) -> None:
        self.note("close", sorted(partitions))

    def stop(self) -> None:
        self.note("stop")


class NoteSink(SinkConnector[NoteConfig]):
    """Writes down what comes."""

    class_name = "test.NoteSink"
    task_class = NoteTask


class KeepingTask(SinkTask[NoteConfig]):
    """Keeps its offsets in its target, which is the journal."""

    def resume_offsets(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        kept: dict[tuple[str, int], int] = {}
        for entry in journal(Path(self.config.journal)):
            if entry[0] == "kept":
                kept.update({(topic, partition): offset for topic, partition, offset in entry[2]})
        ids = [self.context.topic_id(topic) is not None for topic, _ in partitions]
        write(self.config.journal, "resume", sorted(partitions), ids)
        return {at: kept[at] for at in partitions if at in kept}

    def put_batch(self, batch: Batch) -> None:
        self.put_batches([batch])

    def put_batches(self, batches: Sequence[Batch]) -> None:
        offsets = [[*at, offset] for at, offset in self.context.offsets_after_put().items()]
        write(self.config.journal, "kept", [value for batch in batches for value in batch.values], offsets)


class KeepingSink(SinkConnector[NoteConfig]):
    class_name = "test.KeepingSink"
    task_class = KeepingTask


# -- transforms --------------------------------------------------------------------------------------------------------


class ShoutConfig(Config):
    """Shout."""

    suffix: str = config_key("What comes behind.", default="!")
    journal: str = config_key("Journal.", default="")
    how: str = config_key("How it fails.", default="")
    where: str = config_key("In which method.", default="apply")


class Shout(Transform[ShoutConfig]):
    """Puts something behind each value."""

    class_name = "test.Shout"

    def configure(self, config: ShoutConfig) -> None:
        super().configure(config)
        self._misbehaves_in("configure")

    def close(self) -> None:
        self._misbehaves_in("close")

    def _misbehaves_in(self, where: str) -> None:
        if self.config.where == where:
            misbehave(self.config.how)

    def apply(self, record: Record) -> Record | None:
        if self.config.journal:
            write(self.config.journal, "apply", self.alias, record.value)
        if self.config.how == "bad" and record.value == "3":
            raise DataError("no three")
        if self.config.how != "bad":
            self._misbehaves_in("apply")
        return record.replace(value=f"{record.value}{self.config.suffix}")


class SlowToParseConfig(Config):
    """Its check does not come back."""

    marker: str = config_key("A file that says that it was begun, once for each time.")

    def problems(self) -> Iterable[Problem]:
        with Path(self.marker).open("a") as file:
            file.write("x")
        misbehave("block")
        return ()


class SlowToParse(Transform[SlowToParseConfig]):
    """Is in no list."""


class IsEven(Predicate[ShoutConfig]):
    class_name = "test.IsEven"

    def test(self, record: Record) -> bool:
        return str(record.value).rstrip("!").isdecimal() and int(str(record.value).rstrip("!")) % 2 == 0


@hookimpl
def connect_connectors() -> list[type[Connector]]:
    return [
        CountSource,
        AskedSource,
        AcknowledgedSource,
        PatientSource,
        BoundarySource,
        NoteSink,
        KeepingSink,
    ]


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    return [Shout]


@hookimpl
def connect_predicates() -> list[type[Predicate]]:
    return [IsEven]
