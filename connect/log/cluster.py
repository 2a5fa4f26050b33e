"""The bundled log as a whole: one data directory, opened and closed."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from connect.api.errors import ConfigError, ConnectError, EnvironmentFault, LogError
from connect.figures import Histogram
from connect.log.clients.admin import LogAdmin
from connect.log.clients.append_queue import AppendQueue
from connect.log.clients.consumer import LogConsumer, parse_bound_s, parse_isolation, parse_reset
from connect.log.clients.producer import LogProducer
from connect.log.clients.producer_config import ProducerConfig
from connect.log.clients.wakeup import Wakeups
from connect.log.groups.coordinator import LogGroups
from connect.log.log_config import LogConfig
from connect.log.owner import DataDirectory
from connect.log.storage.files import Disk, disk_faults
from connect.log.storage.open_files import OpenFiles
from connect.log.threads import Threads
from connect.log.topics import Topic, Topics
from connect.log.transactions.coordinator import Transactions
from connect.log.transactions.producer_ids import ProducerIds
from connect.log.transactions.session import Session
from connect.log.upkeep.compaction import CompactionResult
from connect.log.upkeep.upkeep import Upkeep
from connect.ports import STATE_TOPIC_CONFIGS, Subscription
from connect.topic_names import is_closed

log = logging.getLogger(__name__)

#: How long closing waits for the disk, unless it is told otherwise.
CLOSE_TIMEOUT_MS = 30_000
#: How many of what is left an error names.
_NAMED_MAX = 5
#: What is waited for, on the event loop, for threads that have nothing left to do.
_PROMPT_S = 0.05


def system_clock() -> int:
    """Return milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class LogCluster:
    """A data directory and everything in it; see `connect.ports.Cluster` for the contract.

    All of it belongs to the event loop on which it was opened.
    """

    def __init__(
        self,
        directory: DataDirectory,
        topics: Topics,
        threads: Threads,
        clock: Callable[[], int],
        config: LogConfig,
        disk: Disk,
        close_timeout_ms: int,
    ) -> None:
        self._close_timeout_s = close_timeout_ms / 1000
        self._closing: asyncio.Task[None] | None = None
        self._directory = directory
        self._topics = topics
        self._threads = threads
        self._clock = clock
        self._wakeups = Wakeups()
        self._queues: dict[str, AppendQueue] = {}
        self._is_closed = False
        self._admin = LogAdmin(topics, threads, self._forget, self._wakeups.topics_changed, self._deleted)
        own = LogProducer(topics, self._queue, threads, clock, ProducerConfig.parse({}), is_internal=True)
        self._groups = LogGroups(self._admin, topics, threads, own.append, clock)
        self._transactions = Transactions(
            topics,
            self._queue,
            threads,
            clock,
            ProducerIds(directory.path, disk),
            own.append,
            self._create_compacted,
            config,
        )
        self._transactions.offsets = self._groups
        self._admin.transactions = self._transactions
        self._upkeep = Upkeep(topics, threads, self._groups, self._transactions, clock, config)

    @classmethod
    async def open(
        cls,
        data_dir: str | Path,
        *,
        clock: Callable[[], int] = system_clock,
        configs: Mapping[str, str] | None = None,
        disk: Disk | None = None,
        close_timeout_ms: int = CLOSE_TIMEOUT_MS,
    ) -> LogCluster:
        """Take a data directory, made if it is not there, and open the log in it.

        After a clean stop this reads the list of topics alone, however much they hold; partitions open at first use.
        After any other end the newest segment of each partition is checked, and torn tails are cut off.

        Args:
            clock: Milliseconds since the epoch.
            configs: Kafka's broker keys of `connect.log.log_config`, and topic configs that hold for every topic which
                does not set its own.
            disk: What the log writes through; the file system unless a test passes another.
            close_timeout_ms: How long `aclose` waits for a disk that hangs.

        Raises:
            EnvironmentFault: log.in_use, environment.data_dir, environment.disk.
            ConfigError: A config is unknown or wrong.
        """
        config = LogConfig.parse(configs or {})
        threads, disk = Threads(), disk or Disk()
        path = Path(data_dir)
        taken: list[DataDirectory] = []

        def load() -> tuple[DataDirectory, Topics]:
            directory = DataDirectory.open(path, disk)
            taken.append(directory)
            with disk_faults("open", path):
                topics = Topics(disk, path, config.topic_defaults, OpenFiles(), was_clean=directory.was_clean)
                topics.load()
            return directory, topics

        try:
            directory, topics = await threads.run(load)
        except BaseException:  # also when cancelled
            _release_later(threads, taken)
            raise
        cluster = cls(directory, topics, threads, clock, config, disk, close_timeout_ms)
        try:
            await cluster._transactions.open(was_clean=directory.was_clean)
        except BaseException:
            cluster._give_up()
            raise
        cluster._upkeep.start()
        return cluster

    @property
    def sync_seconds(self) -> Histogram:
        """How long fsyncs of partitions took."""
        return self._threads.syncs.seconds

    @property
    def cluster_id(self) -> str:
        """The directory's id, as in its meta.properties."""
        return self._directory.cluster_id

    @property
    def admin(self) -> LogAdmin:
        """Topics, and reads without a group."""
        return self._admin

    @property
    def groups(self) -> LogGroups:
        """Committed offsets of consumer groups."""
        return self._groups

    def is_internal(self, topic: str) -> bool:
        """Tell whether a topic is closed to records of clients; see the port."""
        return self._topics.is_internal(topic)

    def holds_state(self, topic: str) -> bool:
        """Tell whether the log or the worker lives by a topic; see the port."""
        return self._topics.holds_state(topic)

    async def reserve(self, topics: Collection[str]) -> None:
        """Set the topics of a worker's state; see the port."""
        await self._threads.run(lambda: self._topics.reserve(frozenset(topics)))

    def producer(
        self,
        *,
        client_id: str,
        configs: Mapping[str, str] | None = None,
        internal: bool = False,
        places: bool = True,
    ) -> LogProducer:
        """Make a producer; heeds the keys of `connect.log.clients.producer_config`."""
        config = ProducerConfig.parse(configs or {})
        session = None
        if config.is_idempotent:
            session = Session(self._transactions, self._groups, config.transactional_id, config.transaction_timeout_ms)
        return LogProducer(
            self._topics,
            self._queue,
            self._threads,
            self._clock,
            config,
            session,
            self._transactions.check_open,
            is_internal=internal,
        )

    async def consumer(
        self,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        configs: Mapping[str, str] | None = None,
    ) -> LogConsumer:
        """Make a consumer; heeds `auto.offset.reset`, `isolation.level` and `max.poll.interval.ms`."""
        consumer = LogConsumer(
            self._topics,
            self._threads,
            self._groups,
            self._wakeups,
            subscription,
            group=group,
            client_id=client_id,
            reset=parse_reset(configs or {}),
            isolation=parse_isolation(configs or {}),
            bound_s=parse_bound_s(configs or {}),
        )
        await consumer.start()
        return consumer

    async def compact(self, topic: str) -> list[CompactionResult]:
        """Compact a topic now, however little is dirty; return what each partition's compaction did.

        Raises:
            ConfigError: The topic's cleanup.policy is not compact.
        """
        target = self._topics.get(topic)
        if not target.config.is_compacted:
            raise ConfigError(
                f"topic {topic!r} is not compacted: its cleanup.policy is delete", config_path="cleanup.policy"
            )
        return await self._upkeep.compact_topic(target)

    async def aclose(self) -> None:
        """Bring everything to disk, mark a clean shutdown, give the directory up. Safe to call twice.

        The mark and the lock come after the last thread of the log has ended. Where one hangs in a disk, this returns
        after `close_timeout_ms` all the same: without the mark, and with the lock, which is given back once that
        thread ends, at the latest with the process. A cancelled caller changes nothing: closing goes on as long as the
        event loop does, and without it ends in the same way.

        Raises:
            EnvironmentFault: log.close_incomplete, which names what is not on disk, and what still hangs.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="log-close")
            self._closing.add_done_callback(_log_failure)
        elif self._closing.done():
            return
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        deadline = time.monotonic() + self._close_timeout_s
        failures: list[str] = []
        try:
            try:
                async with asyncio.timeout(self._close_timeout_s):
                    await self._end_work()
                    await self._close_partitions(failures)
            except TimeoutError:
                failures.append(f"it took longer than {self._close_timeout_s:g} s")
        except BaseException:
            self._give_up()
            raise
        self._is_closed = True
        self._threads.close()
        hanging = await _joined(self._threads, deadline)
        if hanging or failures:
            _release_later(self._threads, [self._directory])
            named = [*failures[:_NAMED_MAX], *(["..."] if len(failures) > _NAMED_MAX else [])]
            if hanging:
                named.append(f"still at work: {', '.join(hanging)}")
            raise EnvironmentFault(
                f"the log in {self._directory.path} was not closed whole: {'; '.join(named)}",
                code="log.close_incomplete",
            )
        with disk_faults("close", self._directory.path):
            self._directory.close(clean=True)

    async def _end_work(self) -> None:
        await self._upkeep.aclose()
        await self._transactions.aclose()
        self._is_closed = True
        for queue in self._queues.values():
            await queue.aclose()

    async def _close_partitions(self, failures: list[str]) -> None:
        """Close all partitions, a few at a time of each topic: none waits for another topic's disk."""

        async def close(topic: Topic) -> None:
            for part in topic.partitions:
                try:
                    await self._threads.sync([part])
                    await self._threads.run(part.close)
                except ConnectError as error:
                    failures.append(error.message)
                finally:
                    waiting.discard(part.name)

        waiting = {part.name for part in self._topics.partitions()}
        try:
            await asyncio.gather(*(close(topic) for topic in self._topics))
        except asyncio.CancelledError:
            failures.append(f"not on disk yet: {', '.join(sorted(waiting)[:_NAMED_MAX])}")
            raise
        await self._threads.run(self._topics.save_recovery_points)

    def _give_up(self) -> None:
        """Release without the mark of a clean shutdown, at once where no thread is at work."""
        self._is_closed = True
        self._threads.close()
        _release_later(self._threads, [self._directory])

    def _queue(self, topic: str) -> AppendQueue:
        if self._is_closed:
            raise LogError("the log is closed")
        queue = self._queues.get(topic)
        if queue is None:
            queue = self._queues[topic] = AppendQueue(self._threads, functools.partial(self._wakeups.appended, topic))
        return queue

    async def _create_compacted(self, name: str) -> None:
        await self._admin.create_topic(name, configs=STATE_TOPIC_CONFIGS)

    async def _deleted(self, topic: str) -> None:
        self._queues.pop(topic, None)
        self._wakeups.topics_changed()
        await self._groups.forget_topic(topic)

    async def _forget(self, topic: str) -> None:
        # A crash between a topic's end and that of its offsets leaves these behind.
        if not is_closed(topic):
            await self._groups.forget_topic(topic)


def _log_failure(closing: asyncio.Task[None]) -> None:
    if not closing.cancelled() and closing.exception() is not None:
        log.error("closing the log: %s", closing.exception())  # its caller may have gone


async def _joined(threads: Threads, deadline: float) -> list[str]:
    """Wait, not on the event loop, until the log's threads have ended; return the names of those that have not."""
    return await asyncio.to_thread(threads.join, deadline)


def _release_later(threads: Threads, directories: Sequence[DataDirectory]) -> None:
    """Give directories up, unclean, when the last thread has ended; that may be never, and then they stay taken."""
    threads.close()

    def release() -> None:
        threads.join()
        for directory in directories:
            directory.close(clean=False)

    if threads.join(time.monotonic() + _PROMPT_S):
        log.error("a thread of the log is still at work; its directory stays locked until it ends")
        threading.Thread(target=release, name="connect-log-release", daemon=True).start()
    else:
        release()
