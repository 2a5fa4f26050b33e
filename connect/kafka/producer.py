"""The producer: columns -> messages -> delivery reports, on one thread.

An append is produced record by record, each with a callback that knows its row, and flushed; reports come on the same
thread. What is acknowledged of an append is known row by row, so the same columns, appended again, go on with the
others. While a cluster does not answer, librdkafka keeps what it was given: an append that waits too long fails, and
the same columns again wait for the same messages.

Where nobody asks for places, librdkafka reports failures alone, which costs half: what it has handled, as its flush
says, and not reported, is acknowledged.

    thread:  lookups, checks, partitions ── produce ... produce ── flush ── reports ──> event loop: the append's future
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import Producer as Client

from connect.api.errors import (
    ConnectError,
    EnvironmentFault,
    InternalTopicError,
    InvalidRecordError,
    LogError,
    RecordTooLargeError,
    TransactionStateError,
    UnknownTopicOrPartitionError,
)
from connect.codec.placement import Placement
from connect.kafka.clients import Told
from connect.kafka.errors import UNREACHABLE, Access, inner, is_kind, ours
from connect.kafka.groups import as_theirs
from connect.kafka.threads import MARGIN_S, REQUEST_S, ClientThread, bounded, on_loop
from connect.kafka.topics import Topics, check_request, no_partition
from connect.ports import Acks
from connect.records import Appended, Columns, OffsetAndMetadata, TopicPartition

log = logging.getLogger(__name__)

#: How long an append waits before it says that the cluster does not answer. It can be waited for again.
ANSWER_S: Final = 15.0
#: A time up to which the outcome is waited for instead: after `delivery.timeout.ms` it is known.
_KNOWN_AFTER_S: Final = 60.0
#: How long the thread flushes before it looks whether there is more to produce.
_SLICE_S: Final = 0.05
#: How long it is looked for why.
_TROUBLE_S: Final = 2.0
#: How long closing waits for what is under way.
CLOSE_S: Final = 10.0
#: Appends with acks=none that may be under way before the next one waits.
PENDING_MAX: Final = 8
#: How old the number of partitions may be by which records are placed.
_COUNT_S: Final = 5.0
#: How often one append is placed anew.
_PLACED_ANEW_MAX: Final = 40
_UNKNOWN: Final = -1
#: In place of a timestamp of 0, which librdkafka takes for 'now'.
_EARLIEST: Final = 1
#: librdkafka's `batch.size`, which `message.max.bytes` bounds.
_BATCH_BYTES: Final = 1_000_000
#: librdkafka's `message.max.bytes`, which is `max.request.size` by another name.
_REQUEST_BYTES: Final = 1_000_000
#: What an append may have at once: it waits for the brokers, and while it does the next one is not begun.
GATHERED_BYTES: Final = 4 << 20
#: How often a producer that has nothing to do looks what it is told.
_IDLE_S: Final = 5.0


class Reports:
    """What became of each record of one append. Filled on the producer's thread; used for one append after another.

    The callbacks are made once, one for each row: making one costs as much as producing a message.

    Args:
        of_all: Whether each record is reported, with its offset, or those that failed alone.
    """

    def __init__(self, *, of_all: bool) -> None:
        self._of_all = of_all
        self._callbacks: list[Callable[[Any, Any], None]] = []
        #: Of each row; of none where failures alone are reported.
        self.offsets: list[int] = []
        self.failures: dict[int, Any] = {}
        #: Produced and not reported. Where failures alone are reported, any number until all are handled.
        self.left = 0
        #: A report may have been lost: what is not known to be acknowledged is not.
        self.is_broken = False

    def begin(self, count: int) -> None:
        """Begin an append of so many records."""
        for row in range(len(self._callbacks), count):
            self._callbacks.append(functools.partial(self._report, row))
        self.offsets = [_UNKNOWN] * count if self._of_all else []
        self.begin_round()

    def begin_round(self) -> None:
        """Begin to produce what is left of the append."""
        self.failures = {}
        self.left = 0
        self.is_broken = False

    def callbacks(self, rows: Sequence[int]) -> Iterable[Callable[[Any, Any], None]]:
        """Return the callbacks of some rows."""
        return self._callbacks if isinstance(rows, range) else [self._callbacks[row] for row in rows]

    def todo(self, rows: Sequence[int], produced: int) -> list[int]:
        """Return those of a round's rows that are not acknowledged, once all is reported, in order.

        Args:
            produced: How many of the round's rows were.
        """
        if self._of_all:
            return [row for row in rows if self.offsets[row] == _UNKNOWN]
        if self.is_broken:
            return list(rows)
        return [*sorted(self.failures), *rows[produced:]]

    def _report(self, row: int, error: Any, message: Any) -> None:
        self.left -= 1
        if error is None:
            self.offsets[row] = message.offset()
        else:
            self.failures[row] = error


class Append:
    """One append: on the event loop who waits for it, on the thread how far it is.

    Attributes:
        rows: Those that are not acknowledged, in order, when it is begun.
        produced: How many of them librdkafka has.
        is_under_way: On the thread, or on its way there.
        outcome: What it returned, or raised.
    """

    def __init__(self, topic: str, columns: Columns, partition: int | None) -> None:
        self.topic = topic
        self.columns = columns
        self.partition = partition
        self.numbers: int | list[int] | None = None
        #: How many rows may go into one record batch; None: librdkafka's own limits do.
        self.at_once: int | None = None
        self.rows: Sequence[int] = range(len(columns))
        self.produced = 0
        self.reports: Reports | None = None
        self.refused: Any = None
        #: How often it was placed anew, since the client did not know a partition.
        self.placed_anew = 0
        #: A partition was not there: where what is left goes is looked up again.
        self.is_misplaced = False
        self.is_under_way = False
        self.is_given_up = False
        self.waiter: asyncio.Future[Appended] | None = None
        self.outcome: Appended | ConnectError | None = None


class KafkaProducer:
    """See `connect.ports.Producer` for the contract. 'written' and 'durable' are the same: acknowledged by the brokers
    as `acks` says, which is `all` unless the config lowers it.

    A record whose timestamp is 0 gets 1: librdkafka takes 0 for 'now'.

    Args:
        make: Makes the client; again where one has failed for good, or its transactional id is taken once more.
        metadata_of: Makes a consumer of a group that is asked for its metadata alone.
        refuses: Says whether a topic is closed to this producer.
        places: Whether appends say where their records are; the clients that are made report failures alone otherwise.
    """

    def __init__(
        self,
        make: Callable[[], tuple[Client, Told]],
        topics: Topics,
        *,
        client_id: str,
        configs: Mapping[str, str],
        refuses: Callable[[str], bool],
        metadata_of: Callable[[str], Consumer],
        places: bool = True,
    ) -> None:
        self._make = make
        self._places = places
        self._topics = topics
        self._refuses = refuses
        self._metadata_of = metadata_of
        self._loop = asyncio.get_running_loop()
        self._transactional_id = configs.get("transactional.id")
        self._is_transactional = self._transactional_id is not None
        self._is_compressed = configs.get("compression.type", "none") != "none"
        self._transact_s = max(REQUEST_S, int(configs.get("transaction.timeout.ms", 60_000)) / 1000)
        self._batch_bytes = int(configs.get("batch.size", _BATCH_BYTES))
        self._request_bytes = int(configs.get("message.max.bytes", _REQUEST_BYTES))
        delivery_s = int(configs.get("delivery.timeout.ms", (1 << 31) - 1)) / 1000
        self._answer_s = delivery_s + MARGIN_S if delivery_s <= _KNOWN_AFTER_S else ANSWER_S
        self._placement = Placement()
        self._unfinished: dict[str, Append] = {}
        self._unacknowledged: set[asyncio.Future[Appended]] = set()
        self._failure: ConnectError | None = None
        self._is_closed = False
        # -- of the thread
        self._client, self._told = make()
        self._fatal: Any = None
        self._is_initialized = self._is_open = False
        #: A commit that failed has aborted its transaction, and its caller does so, too.
        self._was_aborted = False
        #: Why the open transaction can only be aborted.
        self._spoiled: ConnectError | None = None
        self._under_way: list[Append] = []
        self._spare: list[Reports] = []
        self._metadata: dict[str, Any] = {}
        self._thread = ClientThread(f"connect-kafka-producer-{client_id}", self._step)

    # -- appending, on the event loop --------------------------------------------------------------------------------

    @property
    def gathered_bytes(self) -> int:
        """See the port. With places each append is answered by itself."""
        return 0 if self._places else GATHERED_BYTES

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> Appended | None:
        """Append n records; see the port."""
        if self._refuses(topic):
            raise InternalTopicError(
                f"topic {topic!r} is internal: it takes no records but the log's and the worker's own"
            )
        append = self._unfinished.pop(topic, None)
        if append is None or append.columns is not columns:
            if append is not None:
                append.is_given_up = True
            append = Append(topic, columns, partition)
        append.waiter = waiter = self._loop.create_future()
        if isinstance(append.outcome, Appended):  # it was done after its caller was told that nobody answers
            return _known(append, append.outcome)
        if not append.is_under_way:
            append.outcome, append.is_under_way = None, True
            self._thread.post(functools.partial(self._begin, append))
        if acks == "none":
            await self._leave(waiter)
            return None
        return await self._wait(append, waiter)

    async def _wait(self, append: Append, waiter: asyncio.Future[Appended]) -> Appended | None:
        try:
            await asyncio.wait([waiter], timeout=self._answer_s)
        except asyncio.CancelledError:
            append.is_given_up, append.waiter = True, None
            raise
        if waiter.done():
            return _known(append, waiter.result())
        append.waiter = None
        self._unfinished[append.topic] = append
        refusal = await asyncio.to_thread(self._told.refusal, f"append to topic {append.topic!r}")
        if refusal is not None:
            raise refusal
        why = await self._trouble(append.topic)
        if not why and self._told.last is not None:
            why = self._told.last.str()
        raise EnvironmentFault(
            f"append to topic {append.topic!r}: the Kafka cluster has not acknowledged all of {len(append.columns)} "
            f"records within {self._answer_s:g} s{f': {why}' if why else ''}",
            code=UNREACHABLE,
        )

    async def _trouble(self, topic: str) -> str:
        """Return why a topic takes no records now; '' where that is not known soon."""
        # Not on the producer's thread, which serves what is under way.
        thread = ClientThread("connect-kafka-look", lambda: None)
        looking = thread.call(lambda: self._topics.trouble(topic))
        thread.end()
        await asyncio.wait([looking], timeout=min(_TROUBLE_S, self._answer_s))
        return looking.result() if looking.done() else ""

    async def _leave(self, waiter: asyncio.Future[Appended]) -> None:
        self._unacknowledged.add(waiter)
        waiter.add_done_callback(self._note_unacknowledged)
        if len(self._unacknowledged) > PENDING_MAX:
            await asyncio.wait([waiter], timeout=self._answer_s)

    def _note_unacknowledged(self, waiter: asyncio.Future[Appended]) -> None:
        self._unacknowledged.discard(waiter)
        if not waiter.cancelled() and isinstance(error := waiter.exception(), ConnectError):
            self._failure = self._failure or error

    def _ended(self, append: Append, outcome: Appended | ConnectError) -> None:
        append.outcome, append.is_under_way = outcome, False
        waiter, append.waiter = append.waiter, None
        if isinstance(outcome, ConnectError) and not append.is_given_up:
            self._unfinished[append.topic] = append
        if waiter is None or waiter.done():
            return
        if isinstance(outcome, ConnectError):
            waiter.set_exception(outcome)
        else:
            waiter.set_result(outcome)

    async def append_raw(
        self, topic: str, partition: int, batches: bytes, *, acks: Acks = "written", check_records: bool = False
    ) -> int:
        """Refused: librdkafka makes its record batches itself."""
        raise LogError(
            f"record batches cannot be appended to topic {topic!r} as they are: a Kafka cluster takes records",
            code="log.unsupported",
            hint="Append their records with `append`.",
        )

    async def flush(self) -> None:
        """Return when all that this producer has appended is acknowledged; see the port."""
        if self._unacknowledged:
            _, pending = await asyncio.wait(list(self._unacknowledged), timeout=self._answer_s)
            if pending:
                raise EnvironmentFault(
                    f"flush: the Kafka cluster has not acknowledged all records within {self._answer_s:g} s",
                    code=UNREACHABLE,
                )
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def aclose(self) -> None:
        """Flush; abort a transaction that is still open, drop what nobody waits for, and release."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self.flush()
        finally:
            await self._thread.close(self._close, "close a producer", timeout_s=2 * CLOSE_S)

    # -- appending, on the thread ------------------------------------------------------------------------------------

    def _begin(self, append: Append) -> None:
        """Produce the rows that are not acknowledged; what is refused before that leaves nothing behind."""
        try:
            self._check_client()
            if self._spoiled is not None:
                raise TransactionStateError(
                    "the transaction can only be aborted, since a record of it was not delivered"
                ) from self._spoiled
            if append.is_given_up:
                raise LogError("the append was given up before it began")
            if append.reports is None:
                self._look(append)
                append.reports = self._spare.pop() if self._spare else Reports(of_all=self._places)
                append.reports.begin(len(append.columns))
            else:
                append.reports.begin_round()
                if append.is_misplaced:
                    self._place_anew(append)
            append.produced, append.refused = 0, None
            self._produce(append, append.reports)
        except ConnectError as error:
            self._end(append, error)
        except BaseException as error:
            self._end(append, ours(error, f"append to topic {append.topic!r}"))
        else:
            self._under_way.append(append)

    def _look(self, append: Append) -> None:
        topic, columns = append.topic, append.columns
        count = self._topics.count(topic, within_s=_COUNT_S)
        if count is None:
            raise self._topics.missing(topic)
        if append.partition is not None and not 0 <= append.partition < count:
            raise no_partition(TopicPartition(topic, append.partition), count)
        if not len(columns):
            return
        check_request(topic, columns, self._request_bytes)
        limits = self._topics.limits(topic)
        if limits is not None:
            limits.check(topic, columns, is_compressed=self._is_compressed)
            if limits.max_message_bytes < self._batch_bytes:
                append.at_once = max(1, limits.max_message_bytes // max(1, limits.longest(columns)))
        append.numbers = append.partition
        if append.partition is None:
            append.numbers = self._placement.partitions(topic, count, columns)

    def _place_anew(self, append: Append) -> None:
        """Look up where the rows go that are not acknowledged: the topic has other partitions than it had."""
        before, left, count = append.numbers, set(append.rows), len(append.columns)
        self._look(append)
        append.is_misplaced = False
        if before is not None and len(left) < count:
            append.numbers = [_number(append.numbers if row in left else before, row) for row in range(count)]

    def _produce(self, append: Append, reports: Reports) -> None:
        """Give librdkafka the rows, as far as it takes them; wait while its queue is full."""
        topic, produce = append.topic, self._client.produce
        messages = zip(*_columns_of(append), reports.callbacks(append.rows), strict=False)
        given = 0
        try:
            for value, key, partition, stamp, headers, report in itertools.islice(messages, append.at_once):
                while True:
                    try:
                        produce(topic, value, key, partition, report, None, stamp, headers)
                    except BufferError:
                        if append.is_given_up or self._is_closed:
                            return
                        self._serve(self._client.poll, begun=reports)
                    else:
                        break
                given += 1
        except KafkaException as error:
            append.refused = error.args[0]
        finally:
            append.produced = given
            reports.left += given

    def _step(self) -> float | None:
        if self._client is None:
            return None
        if not self._under_way:
            self._serve(self._client.poll, 0)  # what it has to tell and to log is not kept
            return _IDLE_S
        is_all_handled = self._serve(self._client.flush) == 0 and not self._places
        under_way = self._under_way
        for append in [each for each in under_way if is_all_handled or each.reports is None or not each.reports.left]:
            self._under_way.remove(append)
            self._finish(append)
        return 0 if self._under_way else _IDLE_S

    def _serve(
        self, call: Callable[[float], int], timeout_s: float = _SLICE_S, *, begun: Reports | None = None
    ) -> int | None:
        """Let librdkafka work, and call back; take note where it has failed for good. Return what the call does, None
        where it failed.

        Args:
            begun: The reports of an append that is being produced.
        """
        try:
            return call(timeout_s)
        except BaseException as error:
            # A fatal error is raised, and the callbacks that come with it fail in its way: all that is under way ends.
            found = inner(error)
            is_fatal = hasattr(found, "fatal") and found.fatal()
            for reports in (begun, *(append.reports for append in self._under_way)):
                if reports is not None:
                    reports.is_broken = True
            if not is_fatal:
                raise
            self._fatal = found
            for append in self._under_way:
                if append.reports is not None:
                    append.refused = append.refused or found
                    append.reports.left = 0
            return None

    def _finish(self, append: Append) -> None:
        reports = append.reports
        assert reports is not None
        todo: list[int] = []
        if reports.failures or append.refused or append.produced < len(append.rows) or reports.is_broken:
            todo = reports.todo(append.rows, append.produced)
        if not todo:
            self._end(append, _appended(append, reports.offsets))
            append.reports = None
            self._told.got_in()
            self._spare.append(reports)
            return
        error = reports.failures[min(reports.failures)] if reports.failures else append.refused
        append.rows, done = todo, len(append.columns) - len(todo)
        if reports.is_broken and not self._places and append.refused is None:
            self._end(append, LogError(f"append to topic {append.topic!r}: it is not known what became of its records"))
            return
        if error is None and append.at_once is not None and not append.is_given_up and not self._is_closed:
            self._go_on(append, reports)  # the next record batch
            return
        if done and len(todo) > 1 and append.at_once != 1 and error is not None and is_kind(error, RecordTooLargeError):
            # The broker judges a whole record batch: it takes smaller ones.
            append.at_once = max(1, (append.at_once or len(todo)) // 2)
            self._go_on(append, reports)
            return
        if error is not None and error.code() == KafkaError._UNKNOWN_PARTITION and self._catches_up(append, reports):
            return
        found = self._explained(append, error, done)
        if self._is_open and isinstance(found, EnvironmentFault):
            self._spoiled = found
        self._end(append, found)
        if error is not None and is_kind(error, UnknownTopicOrPartitionError):
            self._topics.forget(append.topic)
            append.is_misplaced = True

    def _catches_up(self, append: Append, reports: Reports) -> bool:
        """Have the client ask for a topic's partitions, which it does by itself every few minutes, and go on; return
        whether that is worth a try. Several, since the broker that it asks may not have heard of a new one yet."""
        if append.placed_anew >= _PLACED_ANEW_MAX or append.is_given_up or self._is_closed:
            return False
        append.placed_anew += 1
        time.sleep(_SLICE_S)
        try:
            self._topics.forget(append.topic)
            self._client.list_topics(append.topic, timeout=MARGIN_S)
            self._place_anew(append)
        except (KafkaException, ConnectError) as error:
            log.debug("partitions of topic %r: %s", append.topic, error)
            return False
        self._go_on(append, reports)
        return True

    def _explained(self, append: Append, error: Any, done: int) -> ConnectError:
        doing = f"append to topic {append.topic!r}"
        if error is None:
            return EnvironmentFault(f"{doing}: it was given up before all was sent", code=UNREACHABLE)
        needs = self._told.principal.topic("Write", append.topic)
        found = ours(error, doing, because=self._told.last, needs=needs)
        if isinstance(found, RecordTooLargeError):
            self._topics.forget(append.topic)  # its limit has changed
        if isinstance(found, InvalidRecordError):
            found = InvalidRecordError(f"{found.message} ({_clock_of(append.columns)})")
        if done and isinstance(found, RecordTooLargeError | InvalidRecordError):
            # Of what raises these, nothing was appended; whoever hears it takes the columns apart.
            return LogError(
                f"{found.message}; {done} of the append's {len(append.columns)} records are there, the others are not"
            )
        return found

    def _go_on(self, append: Append, reports: Reports) -> None:
        reports.begin_round()
        append.refused = None
        self._produce(append, reports)
        self._under_way.append(append)

    def _end(self, append: Append, outcome: Appended | ConnectError) -> None:
        on_loop(self._loop, lambda: self._ended(append, outcome))

    def _check_client(self) -> None:
        if self._client is None:
            raise LogError("the producer is closed")
        if self._fatal is None:
            return
        if self._is_transactional:
            raise ours(self._fatal, "this producer has failed for good", needs=self._needs())
        log.warning("a producer is made anew, since it failed for good: %s", self._fatal.str())
        self._renew()

    def _renew(self) -> None:
        old = self._client
        self._client, self._told = self._make()
        self._fatal, self._is_open, self._was_aborted, self._spoiled = None, False, False, None
        _drop(old)

    def _close(self) -> None:
        if self._is_open and self._fatal is None:
            try:
                self._client.abort_transaction(CLOSE_S)
            except KafkaException as error:
                log.warning("a transaction was left open, and ends by its timeout: %s", error.args[0].str())
        self._under_way.clear()
        client, self._client = self._client, None  # nothing is called after this
        _drop(client)

    # -- transactions ------------------------------------------------------------------------------------------------

    async def init_transactions(self) -> None:
        """Take the transactional id; see the port."""
        await self._transact("init_transactions", self._init)

    async def begin_transaction(self) -> None:
        """Begin a transaction; see the port."""
        self._forget_unfinished()
        await self._transact("begin_transaction", self._begin_transaction)

    async def send_offsets_to_transaction(
        self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        """Make a group's offsets part of the transaction; see the port."""
        theirs = [as_theirs(at, given) for at, given in offsets.items()]

        def send() -> None:
            if group not in self._metadata:
                consumer = self._metadata_of(group)
                try:
                    self._metadata[group] = consumer.consumer_group_metadata()
                finally:
                    consumer.close()
            self._again(
                "send_offsets_to_transaction",
                lambda left: self._client.send_offsets_to_transaction(theirs, self._metadata[group], left),
                group=group,
            )

        if theirs:
            await self._transact("send_offsets_to_transaction", send)

    async def commit_transaction(self) -> None:
        """Commit; see the port."""
        await self._transact("commit_transaction", self._commit)

    async def abort_transaction(self) -> None:
        """Abort; see the port."""
        self._forget_unfinished()
        await self._transact("abort_transaction", self._abort)

    def _forget_unfinished(self) -> None:
        """What was acknowledged of an append in a transaction that is aborted is not there in the next one."""
        for append in self._unfinished.values():
            append.is_given_up = True
        self._unfinished.clear()

    async def _transact(self, doing: str, call: Callable[[], None]) -> None:
        if not self._is_transactional:
            raise TransactionStateError(
                "this producer has no transactional.id", hint="Make it with the config transactional.id."
            )
        await bounded(self._thread.call(call), doing, timeout_s=self._transact_s + 2 * MARGIN_S)

    def _init(self) -> None:
        if self._is_initialized:  # librdkafka does this once in a client's life
            self._renew()
        self._is_initialized = False
        self._again("init_transactions", self._client.init_transactions)
        self._is_initialized = True

    def _begin_transaction(self) -> None:
        if not self._is_initialized:
            raise TransactionStateError("init_transactions was not called")
        if self._is_open:
            raise TransactionStateError("a transaction is open already", hint="Commit it or abort it first.")
        self._again("begin_transaction", lambda _: self._client.begin_transaction())
        self._is_open, self._was_aborted, self._spoiled = True, False, None

    def _commit(self) -> None:
        self._check_open()
        self._again("commit_transaction", self._client.commit_transaction)
        self._is_open = False

    def _abort(self) -> None:
        if self._was_aborted:
            self._was_aborted = False
            return
        self._check_open()
        self._again("abort_transaction", self._client.abort_transaction)
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise TransactionStateError("no transaction is open")

    def _again(self, doing: str, call: Callable[[float], None], *, group: str | None = None) -> None:
        """Make a call of a transaction until it is done, has failed, or the time is over: librdkafka goes on with one
        that it says may be made again. What can only be aborted is aborted before the error is raised.
        """
        deadline = time.monotonic() + self._transact_s
        while True:
            try:
                call(max(0.1, min(MARGIN_S, deadline - time.monotonic())))
                return
            except Exception as raised:
                error = inner(raised)
                if not hasattr(error, "retriable"):
                    raise
                self._serve(self._client.poll, 0)  # lets it tell why
                if error.retriable() and (refusal := self._told.refusal(doing)) is not None:
                    raise refusal from raised
                if error.retriable() and time.monotonic() < deadline and not self._is_closed:
                    time.sleep(0.05)
                    continue
                if error.fatal():
                    self._fatal, self._is_open = error, False
                elif error.txn_requires_abort() and doing == "commit_transaction":
                    self._is_open = False
                    self._again("abort_transaction", self._client.abort_transaction)
                    self._was_aborted = True
                raise ours(error, doing, because=self._told.last, needs=self._needs(group)) from raised

    def _needs(self, group: str | None = None) -> Access:
        """Return what a transaction needs, or a group's offsets in it."""
        if group is not None:
            return self._told.principal.member(group)
        return self._told.principal.transaction(self._transactional_id or "")


def _columns_of(append: Append) -> list[Iterable[Any]]:
    """Return values, keys, partitions, timestamps and headers of the rows that are to be produced, in their order."""
    columns, numbers, stamps = append.columns, append.numbers, append.columns.timestamps
    found: list[Iterable[Any]] = [
        columns.values,
        columns.keys or repeat(None),
        repeat(numbers) if isinstance(numbers, int) else numbers or (),
        repeat(stamps or _EARLIEST) if isinstance(stamps, int) else [stamp or _EARLIEST for stamp in stamps],
        columns.headers or repeat(None),
    ]
    if isinstance(append.rows, range):
        return found
    return [each if isinstance(each, repeat) else [each[row] for row in append.rows] for each in found]  # type: ignore[index]


def _clock_of(columns: Columns) -> str:
    """Return what tells whether a clock is wrong, where brokers refuse timestamps that are far from theirs."""
    stamps, now_ms = columns.timestamps, time.time_ns() // 1_000_000
    newest = stamps if isinstance(stamps, int) else max(stamps, default=now_ms)
    says = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds")
    return f"the newest timestamp is {newest - now_ms:+d} ms from the worker's clock, which says {says}"


def _number(numbers: int | list[int] | None, row: int) -> int:
    assert numbers is not None
    return numbers if isinstance(numbers, int) else numbers[row]


def _appended(append: Append, offsets: list[int]) -> Appended:
    """Return where the records are, in runs of what lies together."""
    if not offsets or None in offsets:  # brokers that are not to acknowledge do not say
        return Appended(())
    numbers = append.numbers
    if isinstance(numbers, int):
        first, count = offsets[0], len(offsets)
        if offsets == list(range(first, first + count)):
            return Appended(((numbers, first, count),))
        numbers = [numbers] * count
    assert numbers is not None
    rows = sorted(range(len(offsets)), key=lambda row: (numbers[row], offsets[row]))
    pieces: list[tuple[int, int, int]] = []
    for row in rows:
        number, offset = numbers[row], offsets[row]
        if pieces and pieces[-1][0] == number and sum(pieces[-1][1:]) == offset:
            pieces[-1] = (number, pieces[-1][1], pieces[-1][2] + 1)
        else:
            pieces.append((number, offset, 1))
    return Appended(pieces, None if rows == list(range(len(rows))) else rows)


def _known(append: Append, outcome: Appended) -> Appended | None:
    """Return where the records are; None where the brokers did not say, as with acks=0."""
    return outcome if outcome.pieces or not len(append.columns) else None


def _drop(client: Client) -> None:
    """Release a client with what it still has in its queues, which nobody waits for any more."""
    try:
        client.purge()
        client.flush(0)
    except BaseException as error:  # a fatal error is raised by every call
        log.debug("a producer that is dropped: %s", error)
