"""The bundled log as a whole: one data directory, opened and closed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from connect.api.errors import LogError
from connect.log.admin import LogAdmin
from connect.log.append_queue import AppendQueue
from connect.log.consumer import LogConsumer, parse_reset
from connect.log.files import disk_faults
from connect.log.groups import LogGroups
from connect.log.open_files import OpenFiles
from connect.log.owner import DataDirectory
from connect.log.producer import LogProducer, ProducerConfig
from connect.log.threads import Threads
from connect.log.topic_config import TopicConfig
from connect.log.topics import Topics
from connect.log.wakeup import Wakeups
from connect.ports import Subscription


def system_clock() -> int:
    """Return milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class LogCluster:
    """A data directory and everything in it; see `connect.ports.Cluster` for the contract.

    All of it belongs to the event loop on which it was opened.
    """

    def __init__(self, directory: DataDirectory, topics: Topics, threads: Threads, clock: Callable[[], int]) -> None:
        self._directory = directory
        self._topics = topics
        self._threads = threads
        self._clock = clock
        self._wakeups = Wakeups()
        self._queues: dict[str, AppendQueue] = {}
        self._is_closed = False
        self._admin = LogAdmin(topics, threads, self._wakeups.topics_changed, self._deleted)
        self._groups = LogGroups(self._admin, self.producer(client_id="connect-groups"), clock)

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
            configs: Topic configs that hold for every topic which does not set its own.

        Raises:
            EnvironmentFault: log.in_use, environment.data_dir, environment.disk.
            ConfigError: A config is unknown or wrong.
        """
        threads = Threads()
        path = Path(data_dir)

        taken: list[DataDirectory] = []

        def load() -> tuple[DataDirectory, Topics]:
            TopicConfig.parse(configs or {})
            directory = DataDirectory.open(path)
            taken.append(directory)
            topics = Topics(path, configs or {}, OpenFiles(), was_clean=directory.was_clean)
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
        return cls(directory, topics, threads, clock)

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

    def producer(self, *, client_id: str, configs: Mapping[str, str] | None = None) -> LogProducer:
        """Make a producer; heeds `compression.type` and `batch.size`."""
        config = ProducerConfig.parse(configs or {})
        return LogProducer(self._topics, self._queue, self._threads, self._clock, config)

    async def consumer(
        self,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        configs: Mapping[str, str] | None = None,
    ) -> LogConsumer:
        """Make a consumer; heeds `auto.offset.reset`."""
        consumer = LogConsumer(
            self._topics, self._threads, self._groups, self._wakeups, subscription,
            group=group, reset=parse_reset(configs or {}),
        )  # fmt: skip
        await consumer.start()
        return consumer

    async def aclose(self) -> None:
        """Flush everything, mark a clean shutdown, give the directory up. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        is_clean = False
        try:
            for queue in self._queues.values():
                await queue.aclose()
            await self._threads.run(self._topics.close)
            is_clean = True
        finally:
            try:
                with disk_faults("close", self._directory.path):
                    self._directory.close(clean=is_clean)
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

    async def _deleted(self, topic: str) -> None:
        self._queues.pop(topic, None)
        self._wakeups.topics_changed()
        await self._groups.forget_topic(topic)
