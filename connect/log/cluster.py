"""The bundled log as a whole: one data directory, opened and closed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from connect.api.errors import ConfigError, LogError
from connect.log.admin import LogAdmin
from connect.log.append_queue import AppendQueue
from connect.log.compaction import CompactionResult
from connect.log.consumer import LogConsumer, parse_isolation, parse_reset
from connect.log.files import disk_faults
from connect.log.groups import LogGroups
from connect.log.log_config import LogConfig
from connect.log.open_files import OpenFiles
from connect.log.owner import DataDirectory
from connect.log.producer import LogProducer
from connect.log.producer_config import ProducerConfig
from connect.log.producer_ids import ProducerIds
from connect.log.session import Session
from connect.log.threads import Threads
from connect.log.topics import INTERNAL_CONFIGS, Topics
from connect.log.transactions import Transactions
from connect.log.upkeep import Upkeep
from connect.log.wakeup import Wakeups
from connect.ports import Subscription


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
    ) -> None:
        self._directory = directory
        self._topics = topics
        self._threads = threads
        self._clock = clock
        self._wakeups = Wakeups()
        self._queues: dict[str, AppendQueue] = {}
        self._is_closing = self._is_closed = False
        self._admin = LogAdmin(topics, threads, self._wakeups.topics_changed, self._deleted)
        own = LogProducer(topics, self._queue, threads, clock, ProducerConfig.parse({}), is_internal=True)
        self._groups = LogGroups(self._admin, topics, threads, own, clock)
        self._transactions = Transactions(
            topics, self._queue, threads, clock, ProducerIds(directory.path),
            LogProducer(topics, self._queue, threads, clock, ProducerConfig.parse({}), is_internal=True),
            self._create_compacted, config,
        )  # fmt: skip
        self._transactions.offsets = self._groups
        self._upkeep = Upkeep(topics, threads, self._groups, self._transactions, clock, config)

    @classmethod
    async def open(
        cls,
        data_dir: str | Path,
        *,
        clock: Callable[[], int] = system_clock,
        configs: Mapping[str, str] | None = None,
    ) -> LogCluster:
        """Take a data directory, made if it is not there, and open the log in it.

        After a clean stop this reads the list of topics alone, however much they hold; partitions open at first use.
        After any other end the newest segment of each partition is checked, and torn tails are cut off.

        Args:
            clock: Milliseconds since the epoch.
            configs: Kafka's broker keys of `connect.log.log_config`, and topic configs that hold for every topic which
                does not set its own.

        Raises:
            EnvironmentFault: log.in_use, environment.data_dir, environment.disk.
            ConfigError: A config is unknown or wrong.
        """
        config = LogConfig.parse(configs or {})
        threads = Threads()
        path = Path(data_dir)
        taken: list[DataDirectory] = []

        def load() -> tuple[DataDirectory, Topics]:
            directory = DataDirectory.open(path)
            taken.append(directory)
            topics = Topics(path, config.topic_defaults, OpenFiles(), was_clean=directory.was_clean)
            with disk_faults("open", path):
                topics.load()
            return directory, topics

        try:
            directory, topics = await threads.run(load)
        except BaseException:  # also when cancelled: the thread has ended before the lock is given back
            await threads.aclose()
            for directory in taken:
                directory.close(clean=False)
            raise
        cluster = cls(directory, topics, threads, clock, config)
        try:
            await cluster._transactions.open(was_clean=directory.was_clean)
        except BaseException:
            await cluster._release(clean=False)
            raise
        cluster._upkeep.start()
        return cluster

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
        self, *, client_id: str, configs: Mapping[str, str] | None = None, internal: bool = False
    ) -> LogProducer:
        """Make a producer; heeds the keys of `connect.log.producer_config`."""
        config = ProducerConfig.parse(configs or {})
        session = None
        if config.is_idempotent:
            session = Session(self._transactions, self._groups, config.transactional_id, config.transaction_timeout_ms)
        return LogProducer(
            self._topics, self._queue, self._threads, self._clock, config, session, self._transactions.check_open,
            is_internal=internal,
        )  # fmt: skip

    async def consumer(
        self,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        configs: Mapping[str, str] | None = None,
    ) -> LogConsumer:
        """Make a consumer; heeds `auto.offset.reset` and `isolation.level`."""
        consumer = LogConsumer(
            self._topics, self._threads, self._groups, self._wakeups, subscription, group=group, client_id=client_id,
            reset=parse_reset(configs or {}), isolation=parse_isolation(configs or {}),
        )  # fmt: skip
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
        """Flush everything, mark a clean shutdown, give the directory up. Safe to call twice."""
        if self._is_closing:
            return
        self._is_closing = True
        is_clean = False
        try:
            await self._upkeep.aclose()
            await self._transactions.aclose()
            self._is_closed = True
            for queue in self._queues.values():
                await queue.aclose()
            await self._threads.run(self._topics.close)
            is_clean = True
        finally:
            await self._release(clean=is_clean)

    async def _release(self, *, clean: bool) -> None:
        try:
            with disk_faults("close", self._directory.path):
                self._directory.close(clean=clean)
        finally:
            await self._threads.aclose()

    def _queue(self, topic: str) -> AppendQueue:
        if self._is_closed:
            raise LogError("the log is closed")
        queue = self._queues.get(topic)
        if queue is None:
            queue = self._queues[topic] = AppendQueue(
                self._threads.executor, functools.partial(self._wakeups.appended, topic)
            )
        return queue

    async def _create_compacted(self, name: str) -> None:
        await self._admin.create_topic(name, configs=INTERNAL_CONFIGS)

    async def _deleted(self, topic: str) -> None:
        self._queues.pop(topic, None)
        self._wakeups.topics_changed()
        await self._groups.forget_topic(topic)
