"""What one task has done, in plain numbers: counted batch by batch, rendered by whoever reads them.

The runner, its tolerance and its dead letter queue count here; nothing here knows of a metrics library, and nothing is
done for a record alone but for one that fails. A meter lives as long as its runner: a task that is started anew begins
with zeros, as Kafka's does, and one that failed keeps its figures until then.

Units: seconds, records and bytes, but for what Kafka has in milliseconds (`*_ms`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from connect.figures import BATCH_BOUNDS_S, Histogram, Shares, Window

#: The stages that are told apart, in the order in which records of a source, then of a sink, pass them.
STAGES: Final = ("poll", "transform", "convert", "write", "put", "commit")
#: So many causes of dead letters are told apart in a task; the class of others is 'other'.
CAUSES_MAX: Final = 32
OTHER: Final = "other"
#: Of so many connectors without a task the times are kept.
IDLE_MAX: Final = 1000


class Times:
    """How long things took: of one task, or of several together.

    Attributes:
        stages: How long calls took, by stage; a stage that a task does not have is not there.
        end_to_end: Of a source: from the end of a poll until its records were in the log. Of a sink: the age of the
            oldest record of each fetch once it was put.
    """

    def __init__(self) -> None:
        self.stages: dict[str, Histogram] = {}
        self.end_to_end = Histogram()

    def took(self, stage: str, seconds: float) -> None:
        """Take the time of one call of a stage."""
        self._of(stage).observe(seconds)

    def add(self, other: Times) -> None:
        """Take all that another one has, which may go on counting."""
        for stage, histogram in list(other.stages.items()):
            self._of(stage).add(histogram)
        self.end_to_end.add(other.end_to_end)

    def _of(self, stage: str) -> Histogram:
        found = self.stages.get(stage)
        if found is None:
            found = self.stages[stage] = Histogram()
        return found


class TaskMeter(Times):
    """The figures of one task. Each method is for one thread at a time: the task's, or the event loop's.

    Attributes:
        poll_ms, put_ms, commit_ms: Times of polls, puts and commits.
        batches: How long appends of a source, or puts of a sink, took, finer than in `stages`.
        batch: Records in a batch: of a poll that brought some, or of a fetch.
        active: Records in hand: polled, or fetched, and not written, or put.
        read, sent: Records: of a source polled, and written; of a sink fetched, and put.
        commits, failed_commits: Of offsets.
        transaction: Records in a transaction; `transactions` of them were committed.
        read_bytes, sent_bytes: The bytes that a sink fetched; that a source wrote. `bytes_read` and `bytes_sent`
            are the same in the moving window.
        failures, errors, skipped, retries, logged: Kafka's counts of records that fail: each failed try; the ones that
            ended the task; those left out; what was tried again; lines of `errors.log.enable`.
        shortened: Records that went on without fields which a schema contract leaves out.
        letters, failed_letters: Dead letters that were to be written; that could not be.
        causes: Dead letters by Kafka's stage and the class of the error.
        last_error_ms: When a record failed last, ms since the epoch; 0: none did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shares = Shares("UNASSIGNED")
        self.batches = Histogram(BATCH_BOUNDS_S)
        self.poll_ms, self.put_ms, self.commit_ms = Window(), Window(), Window()
        self.batch, self.active, self.transaction = Window(), Window(), Window()
        self.read_total = self.sent_total = 0
        self.read, self.sent = Window(), Window()
        self.read_bytes = self.sent_bytes = 0
        self.bytes_read, self.bytes_sent = Window(), Window()
        self.commits_total = self.transactions = 0
        self.commits, self.failed_commits = Window(), Window()
        self.failures = self.errors = self.skipped = self.retries = self.logged = 0
        self.shortened = self.letters = self.failed_letters = 0
        self.causes: dict[tuple[str, str], int] = {}
        self.last_error_ms = 0

    # -- a source's ------------------------------------------------------------------------------------------------

    def polled(self, records: int, seconds: float) -> None:
        """Take a poll; one that brought nothing tells of the source alone, and is no batch."""
        now_s = time.monotonic()
        self.took("poll", seconds)
        self.poll_ms.record(seconds * 1000, now_s)
        if records:
            self._received(records, now_s)

    def wrote(self, records: int, size_bytes: int, seconds: float) -> None:
        """Take an append that was answered."""
        now_s = time.monotonic()
        self.took("write", seconds)
        self.batches.observe(seconds)
        self.sent_total += records
        self.sent_bytes += size_bytes
        self.sent.record(records, now_s)
        self.bytes_sent.record(size_bytes, now_s)

    # -- a sink's --------------------------------------------------------------------------------------------------

    def fetched(self, records: int, size_bytes: int) -> None:
        """Take a fetch that is to be put."""
        now_s = time.monotonic()
        self.read_bytes += size_bytes
        self.bytes_read.record(size_bytes, now_s)
        self._received(records, now_s)

    def put(self, records: int, seconds: float) -> None:
        """Take a put that the sink took."""
        now_s = time.monotonic()
        self.took("put", seconds)
        self.batches.observe(seconds)
        self.put_ms.record(seconds * 1000, now_s)
        self.sent_total += records
        self.sent.record(records, now_s)

    # -- of both ---------------------------------------------------------------------------------------------------

    def converted(self, transform_s: float, convert_s: float, *, transforms: bool) -> None:
        """Take one batch's way through the pipeline."""
        if transforms:
            self.took("transform", transform_s)
        self.took("convert", convert_s)

    def committed(self, seconds: float, *, failed: bool = False) -> None:
        """Take a commit of offsets, one that came to nothing too."""
        now_s = time.monotonic()
        self.took("commit", seconds)
        self.commit_ms.record(seconds * 1000, now_s)
        (self.failed_commits if failed else self.commits).record(1, now_s)
        self.commits_total += not failed

    def ended_transaction(self, records: int) -> None:
        """Take a transaction that was committed."""
        self.transactions += 1
        self.transaction.record(records)

    def lettered(self, step: str, error: Exception) -> None:
        """Take a dead letter that was written, by its cause."""
        cause = (step, type(error).__name__)
        if cause not in self.causes and len(self.causes) >= CAUSES_MAX:
            cause = (step, OTHER)
        self.causes[cause] = self.causes.get(cause, 0) + 1

    def _received(self, records: int, now_s: float) -> None:
        self.read_total += records
        self.read.record(records, now_s)
        self.batch.record(records, now_s)


class EndedMeters:
    """What the tasks of a worker had counted that are no more: sums over tasks do not fall when one of them ends, or
    Prometheus would count what is left of the sum once more. For the event loop.

    What it gives is not changed afterwards, but by tasks that still count: a thread may read it later.
    """

    def __init__(self) -> None:
        #: Of tasks that were told to stop: what is in flight is still delivered, and counts.
        self._leaving: dict[TaskMeter, str] = {}
        self._times: dict[str, Times] = {}
        self._read_bytes = self._sent_bytes = 0

    def leaves(self, connector: str, meter: TaskMeter) -> None:
        """Take the meter of a task that is to end."""
        self._leaving[meter] = connector

    def ended(self, meter: TaskMeter, others: Collection[str]) -> None:
        """Take note that the task has ended, or is not waited for any more.

        Args:
            others: The connectors that have tasks.
        """
        connector = self._leaving.pop(meter)
        self._read_bytes += meter.read_bytes
        self._sent_bytes += meter.sent_bytes
        whole = Times()
        for part in (self._times.pop(connector, None), meter):
            if part is not None:
                whole.add(part)
        self._times[connector] = whole
        idle = [name for name in self._times if name not in others]
        for name in idle[: max(0, len(idle) - IDLE_MAX)]:
            del self._times[name]

    @property
    def read_bytes(self) -> int:
        """Bytes that sinks had fetched."""
        return self._read_bytes + sum(meter.read_bytes for meter in self._leaving)

    @property
    def sent_bytes(self) -> int:
        """Bytes that sources had written."""
        return self._sent_bytes + sum(meter.sent_bytes for meter in self._leaving)

    def times(self) -> Mapping[str, Sequence[Times]]:
        """Return the times by connector."""
        found: dict[str, list[Times]] = {name: [times] for name, times in self._times.items()}
        for meter, connector in self._leaving.items():
            found.setdefault(connector, []).append(meter)
        return found
