"""The consumer: a member of a group, on a thread of its own; what the event loop sees of it changes in `poll`.

The thread makes all calls that move the client. What happens there, batches among it, comes to the event loop as
*news*, in order, and `poll` takes them: so nothing of the assignment changes behind the task's back.

    thread:      subscribe ── consume ── consume ── [on_revoke: wait until released] ── consume ── ...
                     │            │                       │        ▲
    news:         gained       batches                revoking     │
                     ▼            ▼                       ▼        │
    event loop:    poll ──────> poll ───────────────> poll ──> put, commit, release

- **It fetches when asked.** A poll lets the thread consume until there is something; what a cancelled poll brought is
  in hand for the next one. Between polls the thread only serves the group: after `REST_S` without a poll everything is
  paused, so that serving brings no records. A task that is slow, or paused, stays a member for as long as it likes, as
  long as nobody asks for its partitions.
- **Giving up.** librdkafka calls `on_revoke` inside `consume`; the partitions are another member's once it returns. So
  it waits there until the task has released them, at most `max.poll.interval.ms` less a margin. Other partitions are
  not read meanwhile. What is not released in time, and what the group takes without asking, leaves the assignment with
  the next poll, and commits for it are refused.
- **Positions are ours.** Where a partition begins is looked up here: the group's offset, else `auto.offset.reset`.
  Behind a transaction's markers the end of a partition is known from librdkafka's end-of-partition events.
- **Topics.** Which ones a subscription means is looked up here, by our own patterns, and again every few seconds.
  A topic that was made anew is known by its id: its partitions leave, and come again at their beginning.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as TheirPartition

from connect.api.errors import (
    ConfigError,
    ConnectError,
    CorruptBatchError,
    EnvironmentFault,
    IllegalGenerationError,
    LogError,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
)
from connect.api.patterns import Pattern, compile_pattern
from connect.kafka.clients import Told
from connect.kafka.columns import batch_of, runs
from connect.kafka.errors import UNREACHABLE, inner, is_kind, is_refusal, ours
from connect.kafka.groups import as_theirs
from connect.kafka.threads import LEADER_S, MARGIN_S, REQUEST_S, ClientThread, Threads, bounded, on_loop, tell
from connect.kafka.topics import Topics
from connect.kafka.watermarks import watermarks
from connect.ports import Subscription
from connect.records import FetchedBatch, Isolation, OffsetAndMetadata, TopicPartition
from connect.topic_names import is_hidden

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How long the thread waits for records at a time; a call waits for it at most so long.
SLICE_S: Final = 0.1
#: Without a poll for so long, the thread pauses everything, and serves the group alone, so often.
REST_S: Final = 3.0
_SERVE_S: Final = 0.5
#: How often the topics of a subscription are looked up; while one that it names is missing; and while all are.
LOOK_S: Final = 15.0
#: How long a commit may take before it is trouble.
_LATE_S: Final = 5.0
_LOOK_SOON_S: Final = 3.0
_LOOK_AT_ONCE_S: Final = 1.0
#: Messages that are taken at once.
_AT_ONCE: Final = 10_000
#: What `on_revoke` keeps back of `max.poll.interval.ms`: a share of it, and at most so much.
_MARGIN_S: Final = 5.0
#: How long a commit is tried again while the group is rebalanced.
_COMMIT_AGAIN_S: Final = 5.0
CLOSE_S: Final = 10.0
_CLOSED: Final = "the consumer is closed"
_DAMAGED: Final = (
    "Let the broker have the partition from a replica that is sound; or set the group's offset behind what is damaged."
)


@dataclass(slots=True)
class _Assigned:
    """One partition as the event loop sees it. `turn` rises with each seek: what was fetched before counts no more."""

    position: int
    turn: int = 0
    is_revoking: bool = False
    is_paused: bool = False


@dataclass(slots=True)
class _Held:
    """One partition as the thread has it: what it fetches next, for which turn."""

    position: int
    turn: int = 0
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class _Batch:
    batch: FetchedBatch
    turn: int


@dataclass(frozen=True, slots=True)
class _Gained:
    positions: Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class _Revoking:
    partitions: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class _Lost:
    partitions: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class _End:
    """Up to here there are no records."""

    at: TopicPartition
    offset: int
    turn: int


@dataclass(frozen=True, slots=True)
class _Moved:
    """The position was out of range, and was reset."""

    at: TopicPartition
    offset: int
    turn: int


@dataclass(frozen=True, slots=True)
class _Failed:
    error: ConnectError


_News = _Batch | _Gained | _Revoking | _Lost | _End | _Moved | _Failed


@dataclass(frozen=True, slots=True)
class _Commit:
    """Offsets to commit. Until `again_until` it is tried again while the group is rebalanced."""

    offsets: Mapping[TopicPartition, OffsetAndMetadata]
    done: asyncio.Future[None]
    again_until: float


@dataclass(slots=True)
class _Wishes:
    """What the event loop wants of the thread. Under the lock."""

    max_bytes: int = 0  # 0: no poll is under way
    asked_at: float = 0.0
    seeks: dict[TopicPartition, tuple[int, int]] = field(default_factory=dict)
    paused: frozenset[TopicPartition] = frozenset()
    released: set[TopicPartition] = field(default_factory=set)
    commits: list[_Commit] = field(default_factory=list)


class KafkaConsumer:
    """See `connect.ports.Consumer` for the contract. Make it with `KafkaCluster.consumer`.

    With `auto.offset.reset=latest`, a partition that was not there when the consumer was made is read from its
    beginning. One that is taken over from another member which committed nothing is read from its end, as Kafka's
    consumers do.
    """

    def __init__(
        self,
        make: Callable[[], tuple[Client, Told]],
        topics: Topics,
        threads: Threads,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        reset: str,
        isolation: Isolation,
        bound_s: float,
        end_offsets: Callable[[Collection[TopicPartition]], Awaitable[dict[TopicPartition, int]]],
    ) -> None:
        self._client, self._told = make()
        #: Why nothing is to be had. Set on any thread.
        self._trouble: str | None = None
        self._committing_since: float | None = None
        self._topics = topics
        self._threads = threads
        self._subscription = subscription
        self._pattern = _compile(subscription.pattern)
        self._group = group
        self._client_id = client_id
        self._reset = reset
        self._isolation: Isolation = isolation
        self._bound_s = bound_s
        self._end_offsets = end_offsets
        self._loop = asyncio.get_running_loop()
        # -- of the event loop
        self._assigned: dict[TopicPartition, _Assigned] = {}
        self._ready: deque[_Batch] = deque()
        self._has_news = asyncio.Event()
        # -- between both, under the lock
        self._lock = threading.Condition(threading.Lock())
        self._news: deque[_News] = deque()
        self._wishes = _Wishes()
        self._is_closing = False
        #: Held while another thread than the client's own asks it, and while it is closed.
        self._asking = threading.Lock()
        # -- of the thread
        self._held: dict[TopicPartition, _Held] = {}
        self._applied_pauses: set[TopicPartition] = set()
        self._is_resting = self._is_torn = False
        self._subscribed: tuple[str, ...] = ()
        self._ids: dict[str, str] = {}
        self._old: dict[str, int] | None = None
        self._counts: dict[str, int] = {}
        #: How often the client is still to be told to look for new partitions.
        self._to_refresh = 0
        #: When it is to be looked at the topics again, and the look that is under way.
        self._look_at = math.inf
        self._looking: Future[dict[str, Any]] | None = None
        self._record_bytes = 256.0
        self._thread: ClientThread | None = None

    async def start(self) -> None:
        """Subscribe, or, without a group, take the share."""
        self._thread = ClientThread(f"connect-kafka-consumer-{self._client_id}", self._step)
        doing = "subscribe a consumer"
        try:
            await bounded(self._thread.call(self._look_first), doing, timeout_s=2 * REQUEST_S)
        except BaseException:
            await self.aclose()
            raise
        if self._group is None:
            self._take_news()

    # -- the port ----------------------------------------------------------------------------------------------------

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions this member reads now."""
        return frozenset(self._assigned)

    @property
    def trouble(self) -> str | None:
        """Why the brokers give nothing; told some seconds after they are away, and no longer once they are back."""
        since = self._committing_since
        if since is not None and self._loop.time() - since >= _LATE_S:
            return f"commit offsets of group {self._group!r}: the Kafka cluster does not answer"
        return self._trouble

    async def member_id(self) -> str:
        """Return what the group knows this member by; see the port."""
        # Its own thread may be waiting for a broker that stands still, and who was thrown out is to hear of it soon.
        doing = f"look at the membership in group {self._group!r}"
        return await self._ask(lambda: self._client.memberid() or "", doing, is_local=True)

    @property
    def revoking(self) -> frozenset[TopicPartition]:
        """Those of the assignment that are to be released."""
        return frozenset(at for at, assigned in self._assigned.items() if assigned.is_revoking)

    async def release(self, partitions: Iterable[TopicPartition]) -> None:
        """Give partitions up; see the port."""
        given = [at for at in partitions if self._assigned.pop(at, None) is not None]
        self._drop_ready(given)
        with self._lock:
            self._wishes.released.update(given)
            self._lock.notify_all()

    async def poll(self, *, timeout_ms: int, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        """Return some batches; see the port."""
        thread = self._running()
        deadline = self._loop.time() + timeout_ms / 1000
        try:
            while True:
                self._has_news.clear()
                was_taken = self._take_news()
                batches = self._deliver(max_bytes)
                if batches or was_taken:
                    return batches
                left_s = deadline - self._loop.time()
                if left_s <= 0:
                    return []
                with self._lock:
                    self._wishes.max_bytes, self._wishes.asked_at = max(1, max_bytes), time.monotonic()
                thread.wake()
                try:
                    async with asyncio.timeout(left_s):
                        await self._has_news.wait()
                except TimeoutError:
                    continue  # a last look
        finally:
            with self._lock:
                self._wishes.max_bytes = 0

    def position(self, partition: TopicPartition) -> int:
        """Return the offset that is fetched next."""
        return self._find(partition).position

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Fetch from `offset` next."""
        assigned = self._find(partition)
        self._drop_ready([partition])
        assigned.position, assigned.turn = offset, assigned.turn + 1
        with self._lock:
            self._wishes.seeks[partition] = (offset, assigned.turn)

    def pause(self, *partitions: TopicPartition) -> None:
        """Leave these partitions out of `poll` until resumed."""
        self._set_paused(partitions, is_paused=True)

    def resume(self, *partitions: TopicPartition) -> None:
        """Take these partitions into `poll` again."""
        self._set_paused(partitions, is_paused=False)
        self._has_news.set()  # there may be some of them in hand

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Store the group's offsets durably."""
        if self._group is None:
            raise LogError("a consumer without a group cannot commit", hint="Give the consumer a group.")
        taken = sorted(at for at in offsets if at not in self._assigned)
        kept = {at: one for at, one in offsets.items() if at in self._assigned}
        if kept:
            thread = self._running()
            commit = _Commit(kept, self._loop.create_future(), time.monotonic() + _COMMIT_AGAIN_S)
            with self._lock:
                self._wishes.commits.append(commit)
                self._lock.notify_all()
            thread.wake()
            doing = f"commit offsets of group {self._group!r}"
            self._committing_since = self._loop.time()
            try:
                await bounded(commit.done, doing, timeout_s=REQUEST_S + MARGIN_S)
            except EnvironmentFault as error:
                if error.code == UNREACHABLE:  # any other is told by whoever commits, and does not pass
                    self._trouble = error.message
                raise
            finally:
                self._committing_since = None
        if taken:
            raise IllegalGenerationError(
                f"group {self._group!r}: offsets of {', '.join(map(str, taken))} were not committed: "
                "these partitions are not assigned to the consumer any more"
            )

    async def committed(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the group's offsets for the present assignment."""
        assigned = list(self._assigned)
        if self._group is None or not assigned:
            return {}
        return await self._ask(lambda: self._committed(assigned), f"look at the offsets of group {self._group!r}")

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """Return the log end offset of each assigned partition."""
        return await self._end_offsets(self._assigned)

    async def aclose(self) -> None:
        """Release, and leave the group; nothing is committed."""
        with self._lock:
            was_closing, self._is_closing = self._is_closing, True
            self._lock.notify_all()
        if was_closing:
            return
        self._assigned, thread = {}, self._thread
        self._ready.clear()
        if thread is None:
            return
        try:
            await thread.close(self._leave, "close a consumer", timeout_s=CLOSE_S)
        except EnvironmentFault as error:
            log.warning("%s: %s; it leaves its group as soon as it can", self._client_id, error.message)
        finally:
            with self._lock:
                commits, self._wishes.commits = self._wishes.commits, []
            for commit in commits:
                tell(self._loop, commit.done, error=LogError(_CLOSED))

    def _leave(self) -> None:
        """Leave the group and release. On the thread.

        librdkafka's `close` says nothing to the group where a member that shares cooperatively has no partitions: it
        would be waited for until its session is over, and so would everybody who joins.
        """
        with self._asking:
            try:
                if not self._client.assignment():
                    self._client.unsubscribe()
            finally:
                self._client.close()

    # -- on the event loop -------------------------------------------------------------------------------------------

    def _running(self) -> ClientThread:
        if self._thread is None or self._is_closing:
            raise LogError(_CLOSED)
        return self._thread

    async def _ask(self, ask: Callable[[], T], doing: str, *, is_local: bool = False) -> T:
        """Ask the client what moves nothing, on a thread of the pool: it is not closed meanwhile, and not asked once it
        is, which would end the process."""

        def asked() -> T:
            with self._asking:
                if self._is_closing:
                    raise LogError(_CLOSED)
                return ask()

        self._running()
        return await self._threads.run(asked, doing, is_local=is_local)

    def _find(self, partition: TopicPartition) -> _Assigned:
        assigned = self._assigned.get(partition)
        if assigned is None:
            raise LogError(f"partition {partition} is not assigned to this consumer")
        return assigned

    def _set_paused(self, partitions: Iterable[TopicPartition], *, is_paused: bool) -> None:
        for partition in partitions:
            self._find(partition).is_paused = is_paused
        with self._lock:
            self._wishes.paused = frozenset(at for at, assigned in self._assigned.items() if assigned.is_paused)

    def _drop_ready(self, partitions: Collection[TopicPartition]) -> None:
        gone = set(partitions)
        self._ready = deque(one for one in self._ready if (one.batch.topic, one.batch.partition) not in gone)

    def _take_news(self) -> bool:
        """Take what the thread has to tell; return whether partitions were taken, or are to be released. What comes
        behind those that were taken is for the next poll."""
        was_taken = False
        while True:
            with self._lock:
                if not self._news or (was_taken and isinstance(self._news[0], _Gained)):
                    return was_taken
                news = self._news.popleft()
            match news:
                case _Batch():
                    self._ready.append(news)
                case _Gained():
                    self._assigned |= {at: _Assigned(offset) for at, offset in news.positions.items()}
                case _Revoking():
                    for at in news.partitions & self._assigned.keys():
                        self._assigned[at].is_revoking = was_taken = True
                    self._drop_ready(news.partitions)
                case _Lost():
                    for at in news.partitions:
                        was_taken |= self._assigned.pop(at, None) is not None
                    self._drop_ready(news.partitions)
                case _End() | _Moved():
                    self._move(news)
                case _Failed():
                    if was_taken or any(map(self._may_be_had, self._ready)):  # these first
                        with self._lock:
                            self._news.appendleft(news)
                        return was_taken
                    raise news.error

    def _may_be_had(self, one: _Batch) -> bool:
        assigned = self._assigned.get(TopicPartition(one.batch.topic, one.batch.partition))
        return assigned is not None and assigned.turn == one.turn and not assigned.is_paused

    def _move(self, news: _End | _Moved) -> None:
        assigned = self._assigned.get(news.at)
        if assigned is None or assigned.turn != news.turn:
            return
        if isinstance(news, _Moved):
            assigned.position = news.offset
            return
        last = next((one for one in reversed(self._ready) if (one.batch.topic, one.batch.partition) == news.at), None)
        if last is None:
            assigned.position = max(assigned.position, news.offset)
        elif last.batch.next_offset < news.offset:
            # A marker behind the last records has nothing to wait for: who is through with them is through with it.
            self._ready[self._ready.index(last)] = replace(last, batch=replace(last.batch, next_offset=news.offset))

    def _deliver(self, max_bytes: int) -> list[FetchedBatch]:
        """Return what is in hand and may be had; the rest stays there."""
        batches: list[FetchedBatch] = []
        kept: deque[_Batch] = deque()
        size = 0
        for one in self._ready:
            batch = one.batch
            at = TopicPartition(batch.topic, batch.partition)
            assigned = self._assigned.get(at)
            if assigned is None or assigned.turn != one.turn:
                continue
            if assigned.is_paused or size >= max_bytes:
                kept.append(one)
                continue
            if len(self._ready) > 1:
                size += batch.columns.size_bytes
            assigned.position = batch.next_offset
            batches.append(batch)
        self._ready = kept
        return batches

    # -- offsets, on the thread: librdkafka answers no commit of another thread while it waits in `on_revoke` ---------

    def _serve_commits(self) -> None:
        with self._lock:
            commits, self._wishes.commits = self._wishes.commits, []
        for commit in commits:
            if commit.done.cancelled():
                continue
            try:
                self._commit(commit.offsets)
            except KafkaException as error:
                code = error.args[0].code()
                if code == KafkaError.REBALANCE_IN_PROGRESS and time.monotonic() < commit.again_until:
                    with self._lock:
                        self._wishes.commits.append(commit)
                else:
                    tell(self._loop, commit.done, error=self._ours(error, f"commit offsets of group {self._group!r}"))
            except BaseException as error:
                tell(self._loop, commit.done, error=error)
            else:
                tell(self._loop, commit.done)

    def _commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        done = self._client.commit(offsets=[as_theirs(at, one) for at, one in offsets.items()], asynchronous=False)
        gone = [each for each in done or () if each.error is not None]
        if gone:
            listed = ", ".join(f"{each.topic}-{each.partition}" for each in gone)
            raise ours(gone[0].error, f"group {self._group!r}: offsets of {listed} were not committed")

    def _committed(
        self, partitions: Collection[TopicPartition], timeout_s: float = REQUEST_S
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        found = self._client.committed([TheirPartition(*at) for at in partitions], timeout_s)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return {
            TopicPartition(each.topic, each.partition): OffsetAndMetadata(each.offset, metadata=each.metadata or "")
            for each in found
            if each.offset >= 0
        }

    # -- on the thread -----------------------------------------------------------------------------------------------

    def _tell(self, *news: _News) -> None:
        with self._lock:
            self._news.extend(news)
        on_loop(self._loop, self._has_news.set)

    def _step(self) -> float | None:
        if self._is_closing:
            return None
        try:
            wait_s = self._live()
            if (refusal := self._told.refusal(f"read as {self._client_id}")) is not None:
                self._fail(refusal)
            return wait_s
        except Exception as raised:
            self._is_torn = True
            doing = f"read as {self._client_id}"
            error = raised if isinstance(raised, ConnectError) else self._ours(raised, doing)
            if isinstance(error, EnvironmentFault) and error.code == UNREACHABLE:
                self._trouble = error.message  # it passes, and nothing was moved
            else:
                self._fail(error)
        return SLICE_S

    def _ours(self, error: Any, doing: str, topic: str | None = None) -> ConnectError:
        """Return our error; where something is not allowed, with what this member needs."""
        found, principal = inner(error), self._told.principal
        needs = principal.topic("Read", topic) if topic else None
        if self._group is not None and hasattr(found, "code") and found.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            needs = principal.member(self._group)
        return ours(found, doing, because=self._told.last, needs=needs)

    def _fail(self, error: ConnectError) -> None:
        """Let the next poll raise an error, once."""
        with self._lock:
            if any(isinstance(one, _Failed) for one in self._news):
                return
        self._tell(_Failed(error))

    def _live(self) -> float:
        self._serve_commits()
        if self._is_torn:  # what librdkafka had given out by then is nobody's: it comes again
            self._place(list(self._held))
            self._is_torn = False
        now = time.monotonic()
        self._look(now)
        with self._lock:
            max_bytes = self._wishes.max_bytes
            if any(isinstance(one, _Batch) for one in self._news):
                max_bytes = 0  # it has not seen what is there
            quiet_s = now - self._wishes.asked_at
        self._apply()
        if max_bytes:
            if self._is_resting:
                self._rest(False)
            self._fetch(max_bytes)
            return 0
        if not self._is_resting and quiet_s >= min(REST_S, self._bound_s / 3):
            self._rest(True)
        if self._is_resting or not self._held:
            self._take(self._client.consume(1, 0))
            return _SERVE_S
        with self._lock:
            is_due = bool(self._wishes.commits)
        return SLICE_S if is_due else max(0.01, min(REST_S, self._bound_s / 3) - quiet_s)

    def _rest(self, is_resting: bool) -> None:
        """Pause everything, so that serving the group brings no records; or take that back."""
        self._is_resting = is_resting
        self._set_pauses()

    def _set_pauses(self) -> None:
        with self._lock:
            has_none = self._is_resting or not self._subscription.reads
            wanted = set(self._held) if has_none else set(self._wishes.paused & self._held.keys())
        self._applied_pauses &= self._held.keys()
        if begin := wanted - self._applied_pauses:
            self._client.pause([TheirPartition(*at) for at in begin])
        if end := self._applied_pauses - wanted:
            self._client.resume([TheirPartition(*at) for at in end])
        self._applied_pauses = wanted

    def _apply(self) -> None:
        """Do what the event loop wants: seeks and pauses."""
        with self._lock:
            seeks, self._wishes.seeks = self._wishes.seeks, {}
        moved = {at: to for at, to in seeks.items() if at in self._held}
        for at, (offset, turn) in moved.items():
            self._held[at].position, self._held[at].turn = offset, turn
        self._place(moved)
        self._set_pauses()

    def _place(self, partitions: Iterable[TopicPartition]) -> None:
        """Let the client go on where these partitions are, whatever it has fetched of them."""
        listed = [at for at in partitions if at in self._held]
        if not listed:
            return
        self._client.incremental_unassign([TheirPartition(*at) for at in listed])
        self._assign({at: self._held[at].position for at in listed})

    def _assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Let the client fetch partitions from these offsets. It remembers what was paused before it went."""
        self._client.incremental_assign([TheirPartition(*at, offset) for at, offset in positions.items()])
        self._client.resume([TheirPartition(*at) for at in positions])
        self._applied_pauses.difference_update(positions)

    def _fetch(self, max_bytes: int) -> None:
        """Consume some messages: wait for the first, and take what else is there."""
        before = dict(self._held)
        messages = self._client.consume(1, SLICE_S)
        if not messages:
            return
        size = sum(map(len, messages))
        count = max(1, min(_AT_ONCE, int(max_bytes / max(self._record_bytes, size))))
        while size < max_bytes and count > 1:
            more = self._client.consume(count, 0)
            messages += more
            size += sum(map(len, more))
            if len(more) < count:
                break
            self._record_bytes = max(1.0, size / len(messages))
            count = max(1, min(_AT_ONCE, int((max_bytes - size) / self._record_bytes)))
        self._record_bytes = max(1.0, (self._record_bytes + size / len(messages)) / 2)
        stayed = {at for at, held in self._held.items() if before.get(at) is held}
        if len(stayed) < max(len(before), len(self._held)):
            messages = self._without_moved(messages, stayed)
        self._take(messages)

    def _without_moved(self, messages: list[Any], stayed: Collection[TopicPartition]) -> list[Any]:
        """Return what is to be taken of messages amid which partitions went or came. Of one that came it is not known
        which are of an assignment before: it begins where it is."""
        moved = self._held.keys() - stayed
        self._place(moved)
        kept: list[Any] = []
        for message in messages:
            at = (message.topic(), message.partition())
            if at in stayed or (message.error() is not None and at not in moved):
                kept.append(message)
        return kept

    def _take(self, messages: list[Any]) -> None:
        """Make news of messages, errors and ends of partitions that are held."""
        if not messages:
            return
        odd, good = [], messages
        if any(map(Message.error, messages)):
            odd = [message for message in messages if message.error() is not None]
            good = [message for message in messages if message.error() is None]
        only = next(iter(self._held)) if len(self._held) == 1 else None
        news: list[_News] = []
        if good:
            self._trouble = None
        for at, run in runs(good, only=only) if good else ():
            held = self._held.get(at)
            if held is not None:
                batch = batch_of(at, run)
                held.position = batch.next_offset
                news.append(_Batch(batch, held.turn))
        for message in odd:
            news += self._odd(message)
        if news:
            self._tell(*news)

    def _odd(self, message: Any) -> list[_News]:
        """Return the news of a message that has an error in place of a record."""
        error = message.error()
        at = TopicPartition(message.topic() or "", message.partition() if message.partition() is not None else -1)
        held = self._held.get(at)
        if error.code() == KafkaError._PARTITION_EOF:
            if held is None:
                return []
            held.position = max(held.position, message.offset())
            return [_End(at, held.position, held.turn)]
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            return self._reset_position(at, held) if held is not None else []
        if is_kind(error, UnknownTopicOrPartitionError):
            self._look_at = min(self._look_at, time.monotonic() + _LOOK_SOON_S)
            return []
        if self._group is None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return []  # of a name that librdkafka asks for, and nobody uses
        if error.retriable() or (is_kind(error, EnvironmentFault) and not is_refusal(error)):
            log.debug("%s: %s", self._client_id, error.str())
            return []
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:
            log.warning("%s: %s", self._client_id, error.str())
            return []
        doing = f"read {at} as {self._client_id}" if held is not None else f"read as {self._client_id}"
        found = self._ours(error, doing, message.topic())
        if isinstance(found, CorruptBatchError):
            found = CorruptBatchError(found.message, hint=_DAMAGED)
        return [_Failed(found)]  # behind the records that came with it

    def _reset_position(self, at: TopicPartition, held: _Held) -> list[_News]:
        """A position is out of range: another topic of the same name, or records that are gone."""
        self._look_at = 0.0
        if self._id(at.topic) != self._ids.get(at.topic):
            return []  # the next look shows it
        start, end = self._watermarks(at)
        if start <= held.position <= end:
            self._place([at])  # it was for another position
            return []
        before = held.position
        if self._reset == "none":
            return [
                _Failed(
                    OffsetOutOfRangeError(
                        f"offset {before} is outside {at}, which has {start} to {end}, and auto.offset.reset is none",
                        hint="Set an offset in that range for the group, or auto.offset.reset to earliest or latest.",
                    )
                )
            ]
        held.position = start if self._reset == "earliest" else end
        why = f"beyond the log's end, offset {end}" if before > end else f"before the log's start, offset {start}"
        log.warning(
            "%s: offset %d of %s is %s; as auto.offset.reset=%s says, it goes on at offset %d",
            self._client_id if self._group is None else f"group {self._group!r}",
            before,
            at,
            why,
            self._reset,
            held.position,
        )
        self._place([at])
        return [_Moved(at, held.position, held.turn)]

    # -- topics, on the thread ---------------------------------------------------------------------------------------

    def _look_first(self) -> None:
        self._look_at = time.monotonic() + LOOK_S
        self._see(self._find_topics())

    def _look(self, now: float) -> None:
        """Take in what the topics look like by now, and begin the next look in its time.

        Brokers that are away have half a minute to answer, and the group waits for a thread that waits for them.
        """
        looking = self._looking
        if looking is None and now >= self._look_at:
            self._look_at = now + LOOK_S
            self._looking = self._threads.look(self._find_topics)
            self._looking.add_done_callback(self._wake)
        elif looking is not None and looking.done():
            self._looking = None
            try:
                found = looking.result()
            except BaseException:
                self._look_at = now + _LOOK_SOON_S
                raise
            self._see(found)

    def _wake(self, _looked: Future[Any]) -> None:
        if self._thread is not None:
            self._thread.wake()

    def _find_topics(self) -> dict[str, Any]:
        """Return those of the cluster's topics that the subscription means. On any thread, and it blocks."""
        names = self._topics.names(within_s=_LOOK_AT_ONCE_S)
        return self._topics.describe([name for name in names if self._matches(name)], within_s=_LOOK_AT_ONCE_S)

    def _see(self, found: Mapping[str, Any]) -> None:
        """See which topics the subscription means, and whether one of them was made anew."""
        self._trouble = None
        if not found:
            self._look_at = min(self._look_at, time.monotonic() + _LOOK_AT_ONCE_S)
        elif set(self._subscription.topics) - found.keys():
            self._look_at = min(self._look_at, time.monotonic() + _LOOK_SOON_S)
        if self._old is None:
            self._old = {name: len(topic.partitions) for name, topic in found.items()}
        self._find_made_anew(found)
        wanted = tuple(sorted(found))
        if self._group is None:
            self._take_share({name: len(topic.partitions) for name, topic in found.items()})
            return
        self._find_grown({name: len(topic.partitions) for name, topic in found.items()})
        if wanted != self._subscribed:
            self._subscribed = wanted
            if wanted:
                self._client.subscribe(
                    list(wanted), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
                )
            else:
                self._client.unsubscribe()

    def _matches(self, name: str) -> bool:
        if name in self._subscription.topics:
            return True
        pattern = self._pattern
        return pattern is not None and not is_hidden(name) and pattern.fullmatch(name) is not None

    def _id(self, topic: str) -> str:
        found = self._topics.describe([topic])
        return str(found[topic].topic_id) if topic in found else ""

    def _find_made_anew(self, found: Mapping[str, Any]) -> None:
        ids = {name: str(topic.topic_id) for name, topic in found.items()}
        anew = {name for name, topic_id in ids.items() if self._ids.get(name, topic_id) != topic_id}
        gone = [at for at in self._held if at.topic in anew]
        come = [at for at in gone if at.partition < len(found[at.topic].partitions)]
        starts = {at: self._watermarks(at)[0] if self._subscription.reads else 0 for at in come}
        self._ids = ids
        if not gone:
            return
        self._forget_wishes(come)
        if self._group is not None:  # what does not come again is asked back, and nobody is to release it
            for at in gone:
                del self._held[at]
        self._held |= {at: _Held(start) for at, start in starts.items()}
        self._place(come)
        self._tell(_Lost(frozenset(gone)), _Gained(starts))

    def _find_grown(self, counts: Mapping[str, int]) -> None:
        """Have the client see new partitions, for which it looks by itself every few minutes alone. Twice, since the
        broker that it asks may not have heard of them yet."""
        if any(count > self._counts.get(name, count) for name, count in counts.items()):
            self._to_refresh = 2
        self._counts = dict(counts)
        if self._to_refresh:
            self._look_at = min(self._look_at, time.monotonic() + _LOOK_SOON_S)
            self._client.list_topics(timeout=LEADER_S)  # only what tells of all topics makes it join its group again
            self._to_refresh -= 1

    def _take_share(self, counts: Mapping[str, int]) -> None:
        parts = [TopicPartition(name, number) for name in sorted(counts) for number in range(counts[name])]
        mine = set(parts[self._subscription.member :: self._subscription.members])
        gone, come = self._held.keys() - mine, sorted(mine - self._held.keys())
        if gone:
            self._client.incremental_unassign([TheirPartition(*at) for at in gone])
            for at in gone:
                del self._held[at]
            self._tell(_Lost(frozenset(gone)))
        if come:
            self._hold(self._start_positions(come))

    # -- the group, on the thread, inside `consume` ------------------------------------------------------------------

    def _on_assign(self, client: Client, partitions: list[Any]) -> None:
        self._told.got_in()
        come = [TopicPartition(each.topic, each.partition) for each in partitions]
        come = [at for at in come if at not in self._held]
        if not come:
            client.incremental_assign([])
            return
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                self._hold(self._start_positions(come))
                return
            except (KafkaException, ConnectError) as error:
                found = (
                    error
                    if isinstance(error, ConnectError)
                    else self._ours(error, "take over partitions", come[0].topic)
                )
                may_pass = isinstance(found, EnvironmentFault) and found.code == UNREACHABLE
                if not may_pass or time.monotonic() >= deadline or self._is_closing:
                    self._fail(found)
                    client.incremental_assign([])
                    return
                self._wait(SLICE_S)

    def _hold(self, positions: Mapping[TopicPartition, int]) -> None:
        self._forget_wishes(positions)
        self._assign(positions)
        self._held |= {at: _Held(offset) for at, offset in positions.items()}
        self._tell(_Gained(dict(positions)))
        self._set_pauses()

    def _forget_wishes(self, partitions: Iterable[TopicPartition]) -> None:
        """What the event loop wanted of partitions that come now was meant for when it had them before."""
        with self._lock:
            for at in partitions:
                self._wishes.seeks.pop(at, None)
                self._wishes.released.discard(at)

    def _start_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where to begin: at the group's offsets, else as `auto.offset.reset` says.

        While this waits for an answer, the group waits for this member: each try is a short one.
        """
        if not self._subscription.reads:
            return dict.fromkeys(partitions, 0)
        committed = self._committed(partitions, LEADER_S) if self._group is not None else {}
        return {at: committed[at].offset if at in committed else self._first(at) for at in partitions}

    def _first(self, at: TopicPartition) -> int:
        is_old = self._old is not None and at.partition < self._old.get(at.topic, 0)
        if is_old and self._reset == "none":
            raise OffsetOutOfRangeError(
                f"group {self._group!r} has no committed offset for {at} and auto.offset.reset is none",
                hint="Set auto.offset.reset to earliest or latest, or set an offset for the group first.",
            )
        start, end = self._watermarks(at)
        return end if is_old and self._reset == "latest" else start

    def _watermarks(self, at: TopicPartition) -> tuple[int, int]:
        return watermarks(
            self._client,
            at,
            is_there=lambda: (self._topics.count(at.topic) or 0) > at.partition,
            is_over=lambda: self._is_closing,
        )

    @property
    def _patience_s(self) -> float:
        return self._bound_s - min(_MARGIN_S, self._bound_s / 10)

    def _on_revoke(self, client: Client, partitions: list[Any]) -> None:
        """Wait until the task has released what another member is to read."""
        asked = {TopicPartition(each.topic, each.partition) for each in partitions} & self._held.keys()
        if asked and not self._is_closing:
            gone = self._gone(asked) if self._subscription.reads else set()
            if gone:
                self._tell(_Lost(frozenset(gone)))
            if left := asked - gone:
                self._tell(_Revoking(frozenset(left)))
                self._await_release(left)
        for at in asked:
            self._held.pop(at, None)
            self._applied_pauses.discard(at)
        client.incremental_unassign(partitions)

    def _gone(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        """Return those that are not there any more, as far as that is to be known: their topics are gone, or were made
        anew with fewer partitions."""
        try:
            found = self._topics.describe({at.topic for at in partitions})
        except (KafkaException, ConnectError) as error:
            log.debug("%s: %s", self._client_id, error)
            return set()
        return {at for at in partitions if at.topic not in found or at.partition >= len(found[at.topic].partitions)}

    def _await_release(self, partitions: Collection[TopicPartition]) -> None:
        deadline = time.monotonic() + self._patience_s
        left = set(partitions)
        while True:
            self._serve_commits()
            with self._lock:
                left -= self._wishes.released
                left_s = deadline - time.monotonic()
                if not left or self._is_closing or left_s <= 0:
                    break
                if not self._wishes.commits:
                    self._lock.wait(left_s)
        with self._lock:
            self._wishes.released.difference_update(partitions)
        if left and not self._is_closing:
            log.warning(
                "%s: partitions %s were not released within %.0f s (max.poll.interval.ms), and are taken",
                self._client_id,
                ", ".join(map(str, sorted(left))),
                self._patience_s,
            )
            self._tell(_Lost(frozenset(left)))

    def _on_lost(self, client: Client, partitions: list[Any]) -> None:
        lost = {TopicPartition(each.topic, each.partition) for each in partitions} & self._held.keys()
        for at in lost:
            del self._held[at]
            self._applied_pauses.discard(at)
        if lost:
            self._tell(_Lost(frozenset(lost)))
        client.incremental_unassign(partitions)

    def _wait(self, seconds: float) -> None:
        with self._lock:
            if not self._is_closing:
                self._lock.wait(seconds)


def _compile(pattern: str | None) -> Pattern | None:
    if pattern is None:
        return None
    try:
        return compile_pattern(pattern, key="topics.regex")
    except ValueError as error:
        raise ConfigError(
            f"topic pattern {pattern!r} is no regular expression: {error}", config_path="topics.regex"
        ) from error
