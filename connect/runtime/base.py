"""What a worker's process stands on: the stores of its state, what it lends to plugins, and the tasks that run in it.

A herder stands on one. Of several workers that share the work of a group each has one, and the leader's herder stands
on that of its process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any, Final

import connect
from connect.api import ConnectError
from connect.ports import Cluster
from connect.runtime.board import StatusBoard
from connect.runtime.border.watchdog import Notice, Watchdog
from connect.runtime.clock import now_ms
from connect.runtime.live.failures import Failures
from connect.runtime.live.lines import KeptLines
from connect.runtime.live.rings import Recorder
from connect.runtime.loggers import Loggers
from connect.runtime.model import Health, State, TaskId, TaskProgress, worker_id_of
from connect.runtime.observers import Observers
from connect.runtime.plugin_refresh import PluginRefresh
from connect.runtime.plugins import PluginHost
from connect.runtime.providers.config_providers import ConfigProviders
from connect.runtime.states import Event
from connect.runtime.tasks.spec import Surroundings
from connect.runtime.tasks.traces import Traces
from connect.runtime.tasks.transactional import tasks_max, transactional_id
from connect.runtime.validation.worker_keys import key_notices
from connect.runtime.worker import Worker
from connect.runtime.worker_config import WorkerConfig
from connect.stores import configs, contracts, history, offsets, statuses
from connect.stores.compacted import CompactedTopic
from connect.stores.configs import ConfigStore
from connect.stores.contracts import ContractStore
from connect.stores.history import ConfigHistory
from connect.stores.offset_topics import OffsetTopics
from connect.stores.releasing import release_all
from connect.stores.statuses import Status, StatusStore

logger = logging.getLogger(__name__)

#: What the brokers refuse to the worker's user; the code is the engine's.
UNAUTHORIZED: Final = "kafka.authorization"
#: Where a worker answers as long as nobody has said otherwise.
DEFAULT_WORKER_ID: Final = "127.0.0.1:8083"


class Base:
    """See the module. Use `open` and `aclose`; all of it belongs to the event loop.

    Args:
        engine_keys: The worker's keys that the log reads.
        follows: Other workers write the same topics.
        more: Topics of the worker's state beside configs, offsets and statuses: opened and closed with these.

    Attributes:
        stopping: Set once it was told to end; `is_stopping` says and sets the same.
        more_notices: Give more of what someone should act on.
        url: Where REST answers, once that is known.
        on_task_event: Hears what happens to the tasks of this process.
        check_placed: See `Surroundings`.
        worker: Runs them.
    """

    def __init__(
        self,
        config: WorkerConfig,
        cluster: Cluster,
        plugins: PluginHost,
        *,
        engine_keys: Collection[str] = (),
        follows: bool = False,
        more: Collection[CompactedTopic] = (),
    ) -> None:
        self.config = config
        self._follows = follows
        self.stopping = asyncio.Event()
        self.more_notices: list[Callable[[], list[Notice]]] = []
        self.cluster = cluster
        self.plugins = plugins
        self.key_notices = key_notices(config, engine_keys, plugins)
        self.version = connect.KAFKA_VERSION
        self.commit = f"connect-{connect.__version__}"
        self.url = f"http://{DEFAULT_WORKER_ID}"
        #: Where the schema registry of this process answers; empty without one.
        self.registry_urls: list[str] = []
        topic = partial(CompactedTopic, cluster, follows=follows)
        self.config_topic = topic(
            config.config_storage_topic,
            problem=configs.problem_of,
            is_single=True,
            remembers_deletions=True,  # for the history: when one was deleted
            replication_factor=config.config_storage_replication_factor,
            # What the leader of a Java cluster writes with, where that has exactly-once sources.
            left_open=lambda: [f"connect-cluster-{config.group_id}"],
        )
        self.history_topic = topic(
            config.history_topic,
            problem=history.problem_of,
            is_single=True,
            replication_factor=config.config_storage_replication_factor,
            left_open=lambda: [f"connect-cluster-{config.group_id}"],
        )
        self.offset_topic = topic(
            config.offset_storage_topic,
            partitions=config.offset_storage_partitions,
            problem=offsets.problem_of,
            remembers_deletions=True,
            replication_factor=config.offset_storage_replication_factor,
            left_open=self._task_transactions,
        )
        self.status_topic = topic(
            config.status_storage_topic,
            partitions=config.status_storage_partitions,
            problem=statuses.problem_of,
            replication_factor=config.status_storage_replication_factor,
        )
        versions = config.config_history_versions
        kept = (self.history_topic,) if versions else ()
        self.topics = (self.config_topic, self.offset_topic, self.status_topic, *kept, *more)
        self.configs = ConfigStore(
            self.config_topic,
            now_ms,
            ConfigHistory(self.history_topic, now_ms, versions=versions) if versions else None,
        )
        self.offsets = OffsetTopics(
            cluster,
            self.offset_topic,
            now_ms,
            reserved=self._own_topics(),
            partitions=config.offset_storage_partitions,
            replication_factor=config.offset_storage_replication_factor,
            left_open=self._task_transactions,
            follows=follows,
        )
        #: Opened with the first task that has a contract.
        self.contracts = ContractStore(
            topic(
                config.contract_topic,
                problem=contracts.problem_of,
                is_single=True,
                replication_factor=config.config_storage_replication_factor,
            ),
            now_ms,
        )
        self.statuses = StatusStore(self.status_topic, now_ms)
        #: The last failures of each connector, since this worker began.
        self.failures = Failures(now_ms)
        #: The last log lines of each connector.
        self.lines = KeptLines()
        #: Hear of each change of a status: a connector's name, a task's number or None.
        self.on_status: list[Callable[[str, int | None], None]] = []
        self.loggers = Loggers(now_ms)
        self.watchdog = Watchdog()
        self.observers = Observers(plugins, self.watchdog)
        self.providers = ConfigProviders(plugins, config, self.watchdog)
        self.board = StatusBoard(
            self.statuses, worker_id=lambda: self.worker_id, tell=self.observers.tell, failures=self.failures
        )
        self.on_task_event: Callable[[TaskId, Event, str | None], None] = lambda _task, _event, _trace: None
        self.check_placed: Callable[[TaskId], Awaitable[None]] = _nowhere_else
        #: Who traces batches: set by who exports traces.
        self.traces = Traces()
        self.around = Surroundings(
            cluster,
            plugins,
            config,
            lambda task, event, trace: self.on_task_event(task, event, trace),
            self._on_topic,
            self.watchdog,
            self.observers,
            self.providers,
            lambda task: self.check_placed(task),
            self.contracts,
            self.traces,
        )
        self.worker = Worker(self.around, self.offsets)
        #: Rates and times of the last hour of what runs here.
        self.recorder = Recorder(
            lambda: ((runner.id, runner.meter) for runner in self.worker.runners()),
            lambda name: self.configs.config(name) is not None,
            now_ms,
        )
        self.plugin_refresh = PluginRefresh(plugins, config, self.observers, cluster.cluster_id, self.worker.specs)
        self._writer: asyncio.Task[None] | None = None

    @property
    def worker_id(self) -> str:
        """HOST:PORT of REST."""
        return worker_id_of(self.url)

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end; once set, it stays so."""
        return self.stopping.is_set()

    @is_stopping.setter
    def is_stopping(self, told: bool) -> None:
        assert told, "a stop is not taken back"
        self.stopping.set()

    def progress(self) -> list[TaskProgress]:
        """How far the tasks of this process have come; in the state that the status shows, RESTARTING for one."""
        found = []
        for progress in self.worker.progress():
            status = self.statuses.tasks(progress.id.connector).get(progress.id.task)
            state = progress.state if status is None else State(status.state)
            found.append(replace(progress, state=state, batch_ms_p99=self.recorder.p99_ms(progress.id)))
        return found

    async def open(self) -> None:
        """Open providers and stores, and be ready to run tasks.

        Raises:
            ConfigError, EnvironmentFault, CorruptBatchError: A store cannot be opened; call `aclose` all the same.
        """
        logging.getLogger().addHandler(self.lines)
        await self.providers.open()
        await self.cluster.reserve(self._own_topics())
        for topic in self.topics:
            await (self._open_history() if topic is self.history_topic else topic.open())
        self.offsets.shared.load()
        await self.reserve()
        if self._follows:  # what others run has failed before this one came; of one alone, that is a life that is over
            self.statuses.on_shown = self._on_shown
        self.statuses.load()
        if not self._follows:
            self.statuses.forget_unreadable()
        self.statuses.on_shown = self._on_shown
        await self.worker.__aenter__()
        self._writer = asyncio.create_task(self.statuses.write_forever())
        self.observers.start()
        self.observers.tell("connect_worker_started", cluster_id=self.cluster.cluster_id, version=connect.__version__)
        await self.plugin_refresh.start()
        self.recorder.start()

    async def _open_history(self) -> None:
        """Open the history, or do without where the worker may not use its topic: a cluster whose ACLs are those of
        Kafka Connect's workers knows none."""
        try:
            await self.history_topic.open()
        except ConnectError as error:
            if error.code != UNAUTHORIZED:
                raise
            await self.history_topic.aclose()
            self.topics = tuple(topic for topic in self.topics if topic is not self.history_topic)
            self.do_without_history(error)

    def do_without_history(self, error: ConnectError) -> None:
        """Keep no history of configs, since the worker may not."""
        self.configs.history = None
        logger.warning(
            "no history of connector configs is kept: %s; allow it, or set config.history.versions=0", error.message
        )

    async def aclose(self, *before: Callable[[], Any]) -> None:
        """Stop the tasks that are left, and release everything, whatever hangs or fails.

        Args:
            before: What else is released first, once no task runs.
        """
        try:
            await self.worker.__aexit__()
        finally:
            logging.getLogger().removeHandler(self.lines)
            self.observers.tell("connect_worker_stopped", cluster_id=self.cluster.cluster_id)
            await release_all(
                (
                    *before,
                    self.recorder.aclose,
                    self._end_writer,
                    self.statuses.write,
                    self.plugin_refresh.aclose,
                    self.observers.aclose,
                    self.providers.aclose,
                    self.offsets.aclose,
                    self.contracts.aclose,
                    *(topic.aclose for topic in self.topics),
                )
            )

    def is_here(self, status: Status) -> bool:
        """Say whether a status is of what runs in this process: of a worker that is alone each is, even if it was set
        before REST had a port."""
        return not self._follows or status.worker_id == self.worker_id

    def defect(self) -> str | None:
        """Say what of the process has ended that only a new one has again; None where all goes on, once it is open."""
        if self._writer is None or self._writer.done():
            return "Worker does not write statuses any more; see its log"
        return None

    def health(self) -> Health:
        """Say whether the process can serve, once it is open."""
        if (defect := self.defect()) is not None:
            return Health("unhealthy", defect)
        if self.statuses.trouble is not None:
            return Health("unhealthy", f"Worker cannot write to its internal topics: {self.statuses.trouble}")
        if unread := next((topic for topic in self.topics if topic.trouble is not None), None):
            return Health("unhealthy", f"Worker cannot read topic {unread.topic}: {unread.trouble}")
        return Health("healthy", "Worker has completed startup and is ready to handle requests.")

    def _own_topics(self) -> list[str]:
        """Return the topics that are the worker's alone: its state, and that of the schema registry that it serves."""
        registry = [self.config.registry_storage_topic] if self.config.registry_addresses else []
        return [*(topic.topic for topic in self.topics), self.config.contract_topic, *registry]

    async def reserve(self) -> None:
        """Reserve the topics that connectors keep their offsets in, as the worker's own."""
        found = (self.configs.config(name) or {} for name in self.configs.connectors())
        named = (config.get("offsets.storage.topic", "").strip() for config in found)
        await self.offsets.reserve([topic for topic in named if topic])

    async def _end_writer(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    def _task_transactions(self) -> list[str]:
        """Return the transactional ids of all tasks that the configs ask for."""
        names = self.configs.connectors() if self.config.exactly_once_sources else []
        return [
            transactional_id(self.config, name, task)
            for name in names
            for task in range(
                max(
                    tasks_max(self.configs.config(name) or {}),
                    len(self.configs.task_configs(name)),
                    self.configs.fenced_tasks(name),
                )
            )
        ]

    def _on_shown(self, name: str, task: int | None, before: Status | None, now: Status | None) -> None:
        self.failures.heed(name, task, before, now)
        if task is None and now is None and self.configs.config(name) is None:
            self.failures.forget(name)
            self.recorder.forget(name)
            self.lines.forget(name)
        for heard in tuple(self.on_status):
            heard(name, task)

    def _on_topic(self, task: TaskId, topic: str) -> None:
        if self.config.topic_tracking_enable:
            self.statuses.put_topic(task.connector, task.task, topic)


async def _nowhere_else(_task: TaskId) -> None:
    """Of a worker that is alone nobody else runs a task."""
