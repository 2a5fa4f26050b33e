"""Sources and sinks: connectors, which plan, and their tasks, which move records.

A connector looks at its config and says how the work is divided; each task does one share. The runtime makes both,
calls their methods one at a time in the order written here, and is the only caller.

Every method may be `def` or `async def`. A plain `def` runs on a thread of the task's own, so it may block; `async def`
runs on the event loop, so it must not: what blocks there is named in the log and in /v1/warnings. Every call but `poll`
and `put` has to return within the worker's `plugin.call.timeout.ms`; an exception that is no `ConnectError` fails the
task as `plugin.failed`, and a return that is not as written here as `plugin.broken`. For records there are two forms:
single records (`poll`, `put`) for the first version, batches (`poll_batch`, `put_batch`) for speed; override one.

What is called again, cancelled or late:

- An instance is started once and never again: a restart makes another one, maybe while a call of the old one that did
  not come back in time still runs. `start` itself is called again after a `RetriableError`, and so are `open`,
  `resume_offsets` and `close_partitions`, until the task is to stop.
- A stop cancels an `async def` `poll`, and waits for its clean-up; any other `async def` call is cancelled only once
  `plugin.call.timeout.ms` or the worker's time to stop is over. A plain `def` is never ended: it watches
  `context.stopping`. Whose call is given up is not called again, but for `stop` and `close`, which may then not come.
- `commit`, `commit_records` and `flush` are late by nature: records that they are about may lie some calls back.
- All that crosses is plain and can be pickled: records, offsets, errors.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import isawaitable
from typing import Any, ClassVar, NamedTuple, Protocol

from connect.api.config import Config
from connect.api.config_values import Problem
from connect.api.contract import records_of
from connect.api.error_codes import register_code
from connect.api.errors import ConfigError
from connect.api.plugin import ConfigT, Plugin
from connect.api.previews import Preview
from connect.api.record import Batch, Record

#: What `poll_batch` may return; None and [] mean that there is nothing now.
Batches = Batch | Iterable[Batch] | None
#: What `poll` may return; None and [] mean that there is nothing now.
Records = Record | Iterable[Record] | Batch | Iterable[Batch] | None


class ExactlyOnceSupport(StrEnum):
    """Whether a connector can deliver exactly once with the config that it was given. Kafka's ExactlyOnceSupport."""

    SUPPORTED = "SUPPORTED"
    UNSUPPORTED = "UNSUPPORTED"


SIGNAL_REFUSED = register_code(
    "connector.signal_refused",
    "A signal that the connector does not take.",
    "The connector's page lists its signals and what each one's data has to be.",
)


@dataclass(frozen=True, slots=True)
class Signal:
    """What a user wants of a connector while it runs, such as another snapshot of a table.

    Attributes:
        id: Names this signal, in the log and where its effect can be seen.
        type: What is wanted; which types there are is the connector's.
        data: What the type needs: a JSON object.
    """

    id: str
    type: str
    data: Mapping[str, Any] = field(default_factory=dict)


class ConnectorContext(Protocol):
    """What the runtime gives to a connector."""

    name: str
    log: logging.Logger | logging.LoggerAdapter[Any]
    #: Set when the connector is asked to stop; plain `def` code that waits, waits on it: `stopping.wait(seconds)`.
    stopping: threading.Event
    #: What the connector cannot divide its work without, such as a server that is away, in words for people; it sets
    #: it, and sets None once it goes on. Shown as a warning by /v1/warnings, since it is RUNNING and has no tasks
    #: meanwhile.
    waiting_for: str | None
    #: Whether it is run for a preview alone: what it does must leave nothing behind. See `SourceTask.previews`.
    is_preview: bool

    def request_task_reconfiguration(self) -> None:
        """Ask for `task_configs` to be called again, because the work divides differently now. Any thread."""

    def raise_error(self, error: Exception) -> None:
        """Fail the connector from work of its own in the background. Any thread."""


class Connector(Plugin[ConfigT]):
    """The base of `SourceConnector` and `SinkConnector`; plugins subclass those."""

    task_class: ClassVar[type[Task]]
    context: ConnectorContext

    def start(self) -> Awaitable[None] | None:
        """Begin; called once, after `configure`. Check here what only a look outside can tell.

        Any error fails the connector. After a `RetriableError`, or another outage, `errors.restart.policy` makes a new
        instance and starts that one.
        """
        return None

    def task_configs(self, max_tasks: int) -> list[dict[str, str]] | Awaitable[list[dict[str, str]]]:
        """Divide the work: one flat config a task, at most `max_tasks`. The base: the connector's own config, once."""
        return [dict(self.config.originals)]

    def check(self) -> Iterable[Problem] | Awaitable[Iterable[Problem]]:
        """Look outside, and return what would keep the tasks from their work: no such table, no right to write.

        Optional. Called when a user asks for it, on an instance of its own: after `configure`, and without `start`.
        May take some seconds, and changes nothing outside. An error that it raises is told as well.
        """
        return ()

    def stop(self) -> Awaitable[None] | None:
        """End what `start` began; called once, also when `start` failed."""
        return None


class SourceConnector(Connector[ConfigT]):
    """Brings records in.

    Attributes:
        ends: Whether its tasks come to an end of what there is. False for one that follows a stream: `schedule.cron`
            and `connect run --until drained` are refused.
        captures: Of change data capture, which database's changes it reads, in Debezium's word, such as `postgres`: its
            tasks' `context.gauges` then have Debezium's names in `/metrics` too, under its `topic.prefix`. None: it is
            no such connector.
    """

    task_class: ClassVar[type[SourceTask]]
    ends: ClassVar[bool] = True
    captures: ClassVar[str | None] = None

    def exactly_once_support(self) -> ExactlyOnceSupport | None:
        """Say whether the source delivers exactly once with this config, where the worker writes in transactions.

        It does if its records come again, the same ones, from a committed source offset on. Called on an instance that
        was configured and not started; must not look outside. The first line of an override's docstring is shown by
        `connect plugin describe`. The base: None, not known; then `exactly.once.support=required` is refused.

        Raises:
            ConfigError: Why not, in words for the user; the config is refused with them.
        """
        return None

    def can_define_transaction_boundaries(self) -> bool:
        """Say whether the tasks say where their transactions end (`context.transaction`) with this config.

        Called as `exactly_once_support`. The base: False; then `transaction.boundary=connector` is refused.
        """
        return False

    def alter_offsets(
        self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
    ) -> bool | Awaitable[bool]:
        """Check source offsets that a user wants to set, as pairs of source partition and offset; None forgets one.

        Called on an instance that was configured and not started, while no task runs; once for one request, with
        all that it would change. The runtime stores the offsets after it returned; nothing is changed if it raises.

        Returns:
            Whether the connector looked at them. The base does not, so the answer to the user warns that offsets
            kept elsewhere are not touched.

        Raises:
            ConfigError: They are no offsets of this connector; says what was expected.
        """
        return False

    def signal(self, signal: Signal) -> Awaitable[None] | None:
        """Hand a user's wish to the tasks, by way of the system that they read: so it has its place among the records.

        Called on an instance that was configured and not started, whatever state the connector is in, on any worker
        of the group: the tasks run elsewhere. Must have put the signal where they find it when it returns.

        Raises:
            ConfigError: The connector takes no signals, as the base; none of that type; or not with that data.
            RetriableError, EnvironmentFault: The system cannot be reached.
        """
        raise ConfigError(f"{type(self).__name__} takes no signals", code=SIGNAL_REFUSED)


class SinkConnector(Connector[ConfigT]):
    """Takes records out. The base gives every task the connector's config: partitions divide the work."""

    task_class: ClassVar[type[SinkTask]]

    def task_configs(self, max_tasks: int) -> list[dict[str, str]] | Awaitable[list[dict[str, str]]]:
        return [dict(self.config.originals) for _ in range(max_tasks)]

    def exactly_once_support(self) -> ExactlyOnceSupport | None:
        """Say whether each record takes effect in the target exactly once with this config: one that asks for it, as
        with `delivery.guarantee=exactly-once`, and a connector that keeps its offsets in the target.

        Called, and shown, as a source connector's. The base: None, not known, which counts as no.

        Raises:
            ConfigError: Why not, in words for the user; the config is refused with them.
        """
        return None

    def alter_offsets(self, offsets: Mapping[tuple[str, int], int | None]) -> bool | Awaitable[bool]:
        """Take group offsets that a user wants to set, by (topic, partition); None forgets one.

        For sinks that keep offsets in their target: set them there. Called, and to be answered, as a source
        connector's; the runtime has checked that topics and partitions are there.
        """
        return False


class TaskContext(Protocol):
    """What the runtime gives to every task."""

    connector: str
    task: int
    log: logging.Logger | logging.LoggerAdapter[Any]
    #: Set when the task is asked to stop; plain `def` code that waits, waits on it: `stopping.wait(seconds)`.
    stopping: threading.Event
    #: What the task cannot go on without, such as a file that is not there yet, in words for people; the task sets it,
    #: and sets None once it goes on. Shown as a warning by /v1/warnings, since the task is RUNNING all the while.
    waiting_for: str | None
    #: Figures of the task's own as they are now, such as {"slot.lag.bytes": 4096.0}: shown by /v1 and
    #: `connect connector status`, and gone with the task. The task sets and deletes items, from any thread. Names are
    #: lower-case words with dots between, of 100 characters at most; values are finite; there are 64 at most. What is
    #: otherwise is left out, with a warning in the log. "bytes.left" is how much a source knows that it has still to
    #: read: `connect run` tells by it how long that takes.
    gauges: dict[str, float]
    #: Whether it is run for a preview alone: what it does must leave nothing behind. See `SourceTask.previews`.
    is_preview: bool


class TransactionContext(Protocol):
    """How a source says where its transactions end: for use inside `poll`, before it returns.

    Kafka's TransactionContext, for `transaction.boundary=connector`. A request is for what this poll returns; a commit
    and an abort of one place fail the task. Where a poll asks for nothing, the transaction goes on with the next poll.
    It has to end within the producer's `transaction.timeout.ms`, else it is aborted and the task fails.
    """

    def commit_transaction(self, record: Record | None = None) -> None:
        """Commit behind this record of what the poll returns; behind all of it where it is left out.

        Args:
            record: The very object that `poll` will return. For tasks with `poll`: one with `poll_batch` leaves it out.
        """

    def abort_transaction(self, record: Record | None = None) -> None:
        """Abort up to this record, as `commit_transaction`: what is aborted is not delivered, and its offsets count as
        read."""


class SourceTaskContext(TaskContext, Protocol):
    """What the runtime gives to a source task.

    Attributes:
        transaction: Where the config has `transaction.boundary=connector` and the worker writes in transactions. None
            elsewhere, and a task that would use it does without: each poll's records then are committed together.
    """

    transaction: TransactionContext | None

    #: How long the next poll waits after one that brought nothing, in seconds, unless `wakeup` is called; the task sets
    #: it. None: 5 ms, and longer each time up to 1 s, for a task that cannot tell when there is something.
    poll_wait_s: float | None

    #: Whether all that there was has been polled: what `connect run --until drained` and `schedule.cron` go by. The
    #: task sets it, True in a poll that brings nothing or waits, and False as soon as there is more. None, as it is at
    #: first: it cannot tell, and a second in which polls bring nothing is taken for the end.
    drained: bool | None

    def wakeup(self) -> None:
        """End the wait for the next poll, since there may be something now. Any thread; also while a poll is under way,
        more than once, or for nothing. A poll follows one that brought nothing in no less than 5 ms all the same, so a
        task may call it for each record."""

    def request_commit(self) -> None:
        """Ask for an offset commit soon, before its time, once what this poll returns is appended: so that less comes
        again after a crash. Any thread, and as often as one likes. A source that writes in transactions commits with
        those, and not by this."""

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the committed source offset of a source partition, None where nothing was committed. Never blocks."""


class SinkTaskContext(TaskContext, Protocol):
    """What the runtime gives to a sink task. For use inside the task's methods."""

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        """The (topic, partition) pairs that this task reads now."""

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on from this offset; for sinks that keep offsets in their target, from `open`. What is in hand of the
        partition is not put."""

    def pause(self, *partitions: tuple[str, int]) -> None:
        """Deliver nothing of these partitions until resumed."""

    def resume(self, *partitions: tuple[str, int]) -> None:
        """Deliver these partitions again."""

    def request_commit(self) -> None:
        """Ask for `flush` and an offset commit soon, before their time."""

    def topic_id(self, topic: str) -> str | None:
        """Return the id of a topic that the task has partitions of: one that was deleted and made again has another.

        A sink that keeps offsets in its target stores it beside them. For tasks with `resume_offsets`, from there on;
        None where the topic is gone.
        """

    def offsets_after_put(self) -> Mapping[tuple[str, int], int]:
        """Return, within a put, which offsets a sink is to store with it that keeps them in its target.

        By (topic, partition) of the log, the offset of the first record that is not dealt with once this put is done:
        all in front of it are in the target, in this put, dropped by a transform, or skipped and on disk as dead
        letters where those are kept. Only partitions of what was fetched.

        Within a flush, those of all partitions that records were fetched of. Store there what the last put did not
        cover, since nothing was put behind it: else the next start meets again what was dropped and skipped last, and
        a bad record has one more dead letter.
        """


class Task(Plugin[ConfigT]):
    """The base of `SourceTask` and `SinkTask`. `config` is the task's config, parsed by `config_class`: the task
    class's own where it declares one, else the connector's."""

    context: TaskContext

    def start(self) -> Awaitable[None] | None:
        """Open what the task needs; called once. A `RetriableError` is tried again; any other error fails the task."""
        return None

    def stop(self) -> Awaitable[None] | None:
        """Release everything; called once, also after a failure, and never while another method runs."""
        return None


class RecordMetadata(NamedTuple):
    """Where a record is in the log. Kafka's RecordMetadata."""

    topic: str
    partition: int
    offset: int


class CommittedRecord(NamedTuple):
    """A record that a source need not give again, by the coordinates that it gave it.

    Attributes:
        metadata: Where it is; None where a transform dropped it, or it failed and was skipped. Where a transform made
            several of it, the last of them.
    """

    source_partition: Mapping[str, Any]
    source_offset: Mapping[str, Any]
    metadata: RecordMetadata | None


class SourceTask(Task[ConfigT]):
    """Polls records from outside. Order of calls: configure, start, poll…, (commit_records and commit between polls),
    stop, close.

    Records of one source partition are appended in the order in which they were returned. An offset is committed only
    when all records up to it are durable in the log, so after a crash the task starts from a committed offset and may
    return some records again.

    Attributes:
        previews: Whether a preview may run it: `connect preview` starts connector and task with `context.is_preview`,
            polls until it has some records, and stops both; nothing is committed, and `commit` and `commit_records` are
            not called. True says that all of this leaves nothing behind outside: no acknowledgement, no slot, no file,
            no row. A preview of a task that does not say so is refused, unless its user allows effects.
    """

    context: SourceTaskContext
    previews: ClassVar[bool] = False

    def poll(self) -> Records | Awaitable[Records]:
        """Return the next records; None or [] when there is nothing now.

        May wait for records up to about a second (on `context.stopping` in plain code); returning nothing at once is
        fine too, since the runtime backs off, up to a second, or until the task calls `context.wakeup`. An `async def`
        poll may be cancelled when the task stops. Every record that is to be resumable carries `source_partition` and
        `source_offset`.

        Raises:
            RetriableError: Nothing was lost; poll again later.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define poll or poll_batch")

    def poll_batch(self) -> Batches | Awaitable[Batches]:
        """Return the next batches: the fast form of `poll`, under the same terms."""
        records = self.poll()
        return _grouped_later(self, records) if isawaitable(records) else records_of(self, "poll", records)

    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Awaitable[None] | None:
        """Hear up to where records and offsets are durable, as pairs of source partition and offset: acknowledge
        upstream here.

        Called after each commit, between two polls, and once more before `stop`, also where the task failed. What it
        raises is logged, and the same pairs come again with the next commit's.
        """
        return None

    def commit_records(self, records: Sequence[CommittedRecord]) -> Awaitable[None] | None:
        """Hear of each record what became of it, once what was appended is durable: acknowledge it upstream here.

        Optional, for sources that acknowledge one by one; it costs nothing where it is not overridden. Each record that
        such a task polls needs a `source_offset` of its own, which is how it is known again behind transforms; a batch
        without `source_offsets` is refused. Called between two polls, soon after the append, with all records that were
        dealt with since, in the order in which they were polled; and once more before `stop`, also where the task
        failed; so a `poll` that waits long holds it back. A record that is never told of was not dealt with, and is
        polled again. What it raises is logged, and the same records do not come again.
        """
        return None

    def offset_within(self, batch: Batch, count: int) -> Mapping[str, Any] | Awaitable[Mapping[str, Any] | None] | None:
        """Return where the source goes on after the first `count` records of a batch that it polled; None: not known.

        Optional, for batches without `source_offsets`. Asked only where the append of the batch failed behind some of
        its records, between two polls and before `stop`, so that those are committed and do not come again.
        """
        return None


class SinkTask(Task[ConfigT]):
    """Writes records outside. Order of calls: configure, start, open, resume_offsets, put…, (flush between puts),
    close_partitions, stop, close. `open` and `close_partitions` come again whenever partitions come and go, between
    puts, the second one after a flush; where a put failed, flush and close_partitions come all the same.

    Records of one partition come in offset order. Offsets are committed after `flush` returns, for what was put
    before; after a crash some records come again, so an idempotent or transactional `put` makes delivery exact.
    """

    context: SinkTaskContext

    def open(self, partitions: Sequence[tuple[str, int]]) -> Awaitable[None] | None:
        """Hear which (topic, partition) pairs were assigned; called before their first record.

        Raises:
            RetriableError: They cannot be opened now; it is called again, unless they are taken away meanwhile. Those
                of a call that raised count as not open, and are not closed.
        """
        return None

    def resume_offsets(
        self, partitions: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], int] | Awaitable[Mapping[tuple[str, int], int] | None] | None:
        """Return where these partitions go on, for sinks that keep offsets in their target: the offset of the first
        record that is not there yet. A partition that is left out goes on at the group's committed offset. None: with
        this config it keeps none; else the letters of bad records are on disk before a put that may cover them.

        Optional. Called once for each assignment, right behind `open` and before the first record of these partitions;
        what was fetched of them is dropped, and the consumer goes on there. A `context.seek` in `open` counts more. An
        offset that the log does not hold is up to `auto.offset.reset`.

        Such a sink is given nothing behind a record of the same partition that waits, so `context.offsets_after_put`
        says exactly what is in the target. Where a transform has shared a partition's records out to several topics,
        that makes a put for each turn; `put_batches` has them all in one. It is needed by a sink that promises exactly
        once for records that a transform makes: those without a place in the log, and several of one record, have no
        offset between them.

        Raises:
            RetriableError: The target cannot tell now; it is called again, without another `open`.
        """
        return None

    def put(self, records: list[Record]) -> Awaitable[None] | None:
        """Write records; buffering is allowed until `flush`.

        Raises:
            RetriableError: Nothing of this call was kept; the same records come again.
            DataError: Records are bad, and nothing of this call was kept. With `failed`, those are up to
                `errors.tolerance`, and the others come again together; without it in pieces, down to the bad one.
            Exception: Any other one is taken apart like a `DataError` without names, and believed to be about a record
                if the sink takes another behind it; else the task fails.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define put or put_batch")

    def put_batch(self, batch: Batch) -> Awaitable[None] | None:
        """Write one batch: the fast form of `put`, under the same terms."""
        return self.put(list(batch.records()))

    def put_batches(self, batches: Sequence[Batch]) -> Awaitable[None] | None:
        """Write the batches of one fetch, all of them or nothing: for sinks whose target has transactions.

        Optional; a sink that has it has `put_batch` too, for a record that is to be put without the others. After a
        `RetriableError` the same batches come again; after a `DataError` that is tolerated, without the records that it
        names in `failed`, counted over all batches in their order; where it names none, each batch by itself.
        """
        raise NotImplementedError(f"{type(self).__qualname__} has no put_batches")

    def preview(self, batches: Sequence[Batch]) -> Preview | Awaitable[Preview]:
        """Return what a put of these batches would write, and write nothing: `connect preview` shows it.

        Optional; without it the records are shown as they would be put. Called on an instance that was configured and
        neither started nor given partitions, with `context.is_preview`; its connector was started, so that it could
        divide the work. Afterwards `close` is called, so what is opened here is to be released here. It has to leave
        the target as it was, sequences, files and locks as well; what cannot be tried so is said in the `note`.

        Raises:
            DataError: Records are bad, as from `put`; it is called again without those that `failed` names, or for each
                record alone.
            ConnectError: The target cannot be looked at.
        """
        raise NotImplementedError(f"{type(self).__qualname__} has no preview")

    def flush(
        self,
    ) -> Mapping[tuple[str, int], int] | Awaitable[Mapping[tuple[str, int], int] | None] | None:
        """Make what was put so far durable; offsets are committed when this returns. Kafka's preCommit.

        Called again every `offset.flush.interval.ms` as long as something that was put is not committed, and before
        partitions are given up, on a pause and at the end, where it should make everything durable: what is not comes
        again.

        Returns:
            None: all that was put is durable. Else how far it got, as the offset behind the last durable record by
            (topic, partition), at most what was put: exactly that is committed. Of a partition that is left out nothing
            is committed; one that is not the task's any more is passed over.

        Raises:
            RetriableError: Nothing is committed now; it is called again at its time.
        """
        return None

    def close_partitions(self, partitions: Sequence[tuple[str, int]]) -> Awaitable[None] | None:
        """Hear which pairs are taken away; after their last record was flushed and committed.

        Raises:
            RetriableError: It is called again, and the pairs are held meanwhile, unless the task is to stop.
        """
        return None


async def _grouped_later(task: SourceTask, records: Awaitable[Records]) -> list[Batch]:
    return records_of(task, "poll", await records)


def config_class_of(connector: type[Connector], task: type[Task]) -> type[Config]:
    """Return the declaration that parses a task's config: the task's own if it has one, else its connector's."""
    return task.config_class if task.config_class is not Config else connector.config_class
