"""The herder: the one service behind REST and CLI. It keeps what users want, and brings the worker to it.

Theory of operation. What is wanted (config, target state) is durable in the config store before anything runs;
`_reconcile` then compares it with what the worker runs, under a lock for each connector, and makes the difference.
Requests for one connector are so done one after another, and requests for others are not held up. A request returns
when its reconciliation is done or has taken `SETTLE_S`; what is still under way goes on, and the status follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, cast

import connect
from connect.api import (
    HIDDEN,
    ConfigError,
    ConfigKey,
    ConfigType,
    ConflictError,
    Connector,
    NotFoundError,
    Problem,
    invalid_config,
)
from connect.ports import Cluster
from connect.runtime import validation
from connect.runtime.config import WorkerConfig
from connect.runtime.factory import connector_desc, now_ms
from connect.runtime.model import (
    ConfigInfos,
    ConnectorInfo,
    ConnectorState,
    ConnectorStateInfo,
    Health,
    State,
    TargetState,
    TaskId,
    TaskInfo,
    TaskProgress,
    TaskState,
)
from connect.runtime.plugins import CONNECTOR_KINDS, PluginHost
from connect.runtime.task import Surroundings
from connect.runtime.worker import ConnectorRunner, Worker
from connect.stores.compacted import CompactedTopic
from connect.stores.configs import ConfigStore, StoredTarget
from connect.stores.offsets import OffsetStore
from connect.stores.statuses import Status, StatusStore

logger = logging.getLogger(__name__)

#: How long a request waits for what it set off.
SETTLE_S = 5.0

_STORED: dict[TargetState, StoredTarget] = {
    TargetState.RUNNING: "STARTED",
    TargetState.PAUSED: "PAUSED",
    TargetState.STOPPED: "STOPPED",
}


class Herder:
    """The standalone herder, over the bundled log or a cluster. Use as an async context manager.

    Attributes:
        worker_id: HOST:PORT of the REST listener, once that is known.
    """

    def __init__(self, config: WorkerConfig, cluster: Cluster, plugins: PluginHost) -> None:
        self.worker_config = config
        self.cluster = cluster
        self.cluster_id = cluster.cluster_id
        self.plugins = plugins
        self.version = connect.KAFKA_VERSION
        self.commit = f"connect-{connect.__version__}"
        self.worker_id = "127.0.0.1:8083"
        config_topic = CompactedTopic(cluster, config.config_storage_topic)
        offset_topic = CompactedTopic(cluster, config.offset_storage_topic, partitions=config.offset_storage_partitions)
        status_topic = CompactedTopic(cluster, config.status_storage_topic, partitions=config.status_storage_partitions)
        self._topics = (config_topic, offset_topic, status_topic)
        self._configs = ConfigStore(config_topic, now_ms)
        self._offsets = OffsetStore(offset_topic, now_ms)
        self._statuses = StatusStore(status_topic, now_ms)
        around = Surroundings(cluster, plugins, config, self._on_task_state, self._on_topic)
        self._worker = Worker(around, self._offsets)
        self._runners: dict[str, ConnectorRunner] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._creating = asyncio.Lock()
        self._group = asyncio.TaskGroup()
        self._writer: asyncio.Task[None] | None = None
        self._ready = False

    # -- life ------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Herder:
        for topic in self._topics:
            await topic.open()
        self._offsets.load()
        self._statuses.load()
        await self._worker.__aenter__()
        await self._group.__aenter__()
        self._writer = self._group.create_task(self._statuses.write_forever())
        known = self._configs.connectors()
        for name in self._statuses.connectors():
            if name not in known:
                self._statuses.drop(name)
        for name in known:
            self._group.create_task(self._reconcile(name))
        self._ready = True
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        self._ready = False
        for name in list(self._runners):
            async with self._locks[name]:
                await self._take_down(name)
        if self._writer is not None:
            self._writer.cancel()
        await self._group.__aexit__(None, None, None)
        await self._worker.__aexit__(*exc_info)
        await self._statuses.write()
        for topic in self._topics:
            await topic.aclose()

    def health(self) -> Health:
        """Say whether the worker can serve."""
        if not self._ready:
            return Health("starting", "Worker is still starting up.")
        return Health("healthy", "Worker has completed startup and is ready to handle requests.")

    # -- looking ---------------------------------------------------------------------------------------------------

    def connectors(self) -> list[str]:
        """Return every connector's name."""
        return self._configs.connectors()

    def info(self, name: str) -> ConnectorInfo:
        """Return a connector's config and tasks; secrets are in clear, as given."""
        config = self._config(name)
        tasks = tuple(TaskId(name, number) for number in range(len(self._configs.task_configs(name))))
        return ConnectorInfo(name, config, tasks, self._type(config))

    def status(self, name: str) -> ConnectorStateInfo:
        """Return the states of a connector and its tasks."""
        config = self._config(name)
        own = self._statuses.connector(name) or Status("UNASSIGNED", self.worker_id)
        connector = ConnectorState(State(own.state), own.worker_id, own.version, own.trace)
        tasks = tuple(_task_state(number, status) for number, status in self._statuses.tasks(name).items())
        return ConnectorStateInfo(name, connector, tasks, self._type(config))

    def tasks(self, name: str) -> list[TaskInfo]:
        """Return the tasks' configs; values of secret keys are masked."""
        config = self._config(name)
        desc = self.plugins.find(config.get("connector.class", ""), *CONNECTOR_KINDS)
        secret = (
            {k for k, v in desc.cls.config_class.keys().items() if v.type is ConfigType.PASSWORD} if desc else set()
        )
        task_class = {} if desc is None else {"task.class": _class_name(cast(type[Connector], desc.cls))}
        return [
            TaskInfo(TaskId(name, number), {**{k: HIDDEN if k in secret else v for k, v in task.items()}, **task_class})
            for number, task in enumerate(self._configs.task_configs(name))
        ]

    def task_status(self, name: str, task: int) -> TaskState:
        """Return one task's state."""
        self._config(name)
        return _task_state(task, self._task_status(name, task))

    def progress(self) -> list[TaskProgress]:
        """How far every task has come."""
        return self._worker.progress()

    def active_topics(self, name: str) -> list[str]:
        """Return the topics that a connector has used; of an unknown connector none."""
        return self._statuses.topics(name)

    async def reset_active_topics(self, name: str) -> None:
        """Forget which topics a connector has used."""
        self._statuses.drop_topics(name)

    async def validate(self, plugin: str, config: Mapping[str, str | None]) -> ConfigInfos:
        """Check a config and say everything about every key."""
        return validation.validate(self.plugins, self.worker_config, plugin, config)

    def plugin_config(self, plugin: str) -> list[ConfigKey]:
        """Return the keys that a plugin declares."""
        return validation.plugin_config(self.plugins, plugin)

    # -- changing --------------------------------------------------------------------------------------------------

    async def create(
        self, name: str, config: Mapping[str, str | None], initial_state: TargetState | None = None
    ) -> ConnectorInfo:
        """Create a connector.

        Raises:
            ConfigError: The config is wrong; nothing was created.
            ConflictError: connector.exists.
        """
        checked = self._checked(name, config)
        async with self._creating:
            if self._configs.config(name) is not None:
                raise ConflictError(f"Connector {name} already exists", code="connector.exists")
            await self._configs.put_connector(name, checked, _STORED[initial_state or TargetState.RUNNING])
        await self._settle(name)
        return self.info(name)

    async def put_config(self, name: str, config: Mapping[str, str | None]) -> tuple[bool, ConnectorInfo]:
        """Create a connector or change its config; return whether it is new. The target state is kept."""
        checked = self._checked(name, config)
        async with self._creating:
            created = self._configs.config(name) is None
            await self._configs.put_connector(name, checked, "STARTED" if created else None)
        await self._settle(name)
        return created, self.info(name)

    async def patch_config(self, name: str, patch: Mapping[str, str | None]) -> ConnectorInfo:
        """Change some keys of a config; None removes one."""
        merged: dict[str, str | None] = {**self._config(name), **patch}
        checked = self._checked(name, {k: v for k, v in merged.items() if v is not None}, patched=True)
        async with self._creating:
            self._config(name)
            await self._configs.put_connector(name, checked)
        await self._settle(name)
        return self.info(name)

    async def delete(self, name: str) -> None:
        """Delete a connector; its source offsets stay."""
        async with self._creating:
            self._config(name)
            await self._configs.delete(name)
        await self._settle(name)

    async def pause(self, name: str) -> None:
        """Let a connector and its tasks stand still."""
        await self._target(name, "PAUSED")

    async def resume(self, name: str) -> None:
        """Let a paused or stopped connector run."""
        await self._target(name, "STARTED")

    async def stop(self, name: str) -> None:
        """Stop a connector: its tasks are gone until it is resumed."""
        await self._target(name, "STOPPED", drop_tasks=True)

    async def restart(self, name: str, *, include_tasks: bool = False, only_failed: bool = False) -> ConnectorStateInfo:
        """Restart a connector's instance, and its tasks when asked; return the status with what is RESTARTING."""
        before = self.status(name)
        if before.connector.state is State.STOPPED:
            return before
        instance = not only_failed or before.connector.state is State.FAILED
        chosen = [t.id for t in before.tasks if include_tasks and (not only_failed or t.state is State.FAILED)]
        if instance:
            self._statuses.put_connector(
                name, self._status(State.RESTARTING, self._version(name), before.connector.trace)
            )
        for task in before.tasks:
            if task.id in chosen:
                self._statuses.put_task(name, task.id, self._status(State.RESTARTING, task.version, task.trace))
        marked = self.status(name)
        if instance or chosen:
            self._spawn(self._restart(name, instance=instance, tasks=chosen))
        return marked

    async def restart_task(self, name: str, task: int) -> None:
        """Restart one task."""
        self._config(name)
        status = self._task_status(name, task)
        self._statuses.put_task(name, task, self._status(State.RESTARTING, status.version, status.trace))
        await self._await_settled(self._spawn(self._restart(name, instance=False, tasks=[task])))

    # -- reconciling -----------------------------------------------------------------------------------------------

    async def _target(self, name: str, target: StoredTarget, *, drop_tasks: bool = False) -> None:
        async with self._creating:
            self._config(name)
            await self._configs.put_target(name, target, drop_tasks=drop_tasks)
        await self._settle(name)

    async def _settle(self, name: str) -> None:
        await self._await_settled(self._spawn(self._reconcile(name)))

    async def _await_settled(self, task: asyncio.Task[None]) -> None:
        await asyncio.wait([task], timeout=SETTLE_S)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        return self._group.create_task(work)

    async def _reconcile(self, name: str) -> None:
        """Bring what runs to what is wanted."""
        async with self._locks[name]:
            try:
                await self._bring(name)
            except Exception as error:  # one connector's trouble must not reach the others
                logger.error("connector %s could not be brought to what is wanted: %s", name, error, exc_info=True)
                trace = f"{error}"
                self._statuses.put_connector(name, self._status(State.FAILED, self._version(name), trace))

    async def _bring(self, name: str) -> None:
        config, target = self._configs.config(name), self._configs.target(name)
        runner = self._runners.get(name)
        if config is None:
            await self._take_down(name)
            self._statuses.drop(name)
            return
        if target == "STOPPED":
            await self._take_down(name)
            self._statuses.drop_tasks(name)
            self._statuses.put_connector(name, self._status(State.STOPPED, self._version(name)))
            return
        paused = target == "PAUSED"
        if runner is not None and runner.raw == config and runner.state is not State.FAILED:
            await self._turn(runner, paused=paused)
            return
        changed = runner is not None and runner.raw != config
        if changed or runner is None:
            await self._take_down(name)
            await self._bring_up(name, config, paused=paused, divide_anew=changed)

    async def _turn(self, runner: ConnectorRunner, *, paused: bool) -> None:
        """Pause or resume what runs. A connector that never had tasks gets them with its first resume."""
        if paused:
            runner.pause()
        else:
            runner.resume()
            if not self._worker.tasks(runner.name):
                await self._start_tasks(runner, paused=False, divide_anew=True)
        for task in self._worker.tasks(runner.name):
            found = self._worker.runner(task)
            if found is not None:
                (found.pause if paused else found.resume)()

    async def _bring_up(self, name: str, config: Mapping[str, str], *, paused: bool, divide_anew: bool) -> None:
        runner = ConnectorRunner(name, config, self.plugins, self._on_connector_state, self._on_reconfigure)
        self._runners[name] = runner
        if await runner.start(paused=paused):
            known = self._configs.task_configs(name)
            if not paused or (known and not divide_anew):
                await self._start_tasks(runner, paused=paused, divide_anew=not paused)

    async def _start_tasks(self, runner: ConnectorRunner, *, paused: bool, divide_anew: bool) -> None:
        name = runner.name
        if divide_anew:
            try:
                configs = await runner.task_configs()
            except Exception as error:  # the plugin's planning failed: the connector is what failed
                runner.fail(error)
                return
            if configs != self._configs.task_configs(name):
                await self._configs.put_tasks(name, configs)
        configs = self._configs.task_configs(name)
        self._statuses.drop_tasks(name, keep=len(configs))
        self._worker.start_tasks(runner, configs, paused=paused)

    async def _take_down(self, name: str) -> None:
        runner = self._runners.pop(name, None)
        await self._worker.stop_tasks(self._worker.tasks(name))
        if runner is not None:
            await runner.stop(self._worker.grace_s)

    async def _restart(self, name: str, *, instance: bool, tasks: list[int]) -> None:
        async with self._locks[name]:
            config, paused = self._configs.config(name), self._configs.target(name) == "PAUSED"
            runner = self._runners.get(name)
            if config is None:
                return
            if instance or runner is None:
                if runner is not None:
                    await runner.stop(self._worker.grace_s)
                try:
                    runner = ConnectorRunner(name, config, self.plugins, self._on_connector_state, self._on_reconfigure)
                except ConfigError as error:
                    self._statuses.put_connector(name, self._status(State.FAILED, None, str(error)))
                    return
                self._runners[name] = runner
                if not await runner.start(paused=paused):
                    return
                await self._redivide(runner, paused=paused)
            if tasks:
                await self._worker.stop_tasks([TaskId(name, task) for task in tasks])
                self._worker.start_tasks(runner, self._configs.task_configs(name), paused=paused, only=tasks)

    async def _redivide(self, runner: ConnectorRunner, *, paused: bool) -> None:
        """Ask for task configs again; the tasks are made anew only where they differ, or none run."""
        if paused:
            return
        try:
            configs = await runner.task_configs()
        except Exception as error:  # the plugin's planning failed: the connector is what failed
            runner.fail(error)
            return
        if configs == self._configs.task_configs(runner.name) and self._worker.tasks(runner.name):
            return
        await self._worker.stop_tasks(self._worker.tasks(runner.name))
        await self._configs.put_tasks(runner.name, configs)
        self._statuses.drop_tasks(runner.name, keep=len(configs))
        self._worker.start_tasks(runner, configs, paused=paused)

    # -- hearing ---------------------------------------------------------------------------------------------------

    def _on_reconfigure(self, name: str) -> None:
        self._spawn(self._reconfigure(name))

    async def _reconfigure(self, name: str) -> None:
        async with self._locks[name]:
            runner = self._runners.get(name)
            if runner is not None:
                await self._redivide(runner, paused=self._configs.target(name) == "PAUSED")

    def _on_connector_state(self, name: str, state: State, trace: str | None) -> None:
        self._statuses.put_connector(name, self._status(state, self._version(name), trace))

    def _on_task_state(self, task: TaskId, state: State, trace: str | None) -> None:
        self._statuses.put_task(task.connector, task.task, self._status(state, self._version(task.connector), trace))

    def _on_topic(self, task: TaskId, topic: str) -> None:
        if self.worker_config.topic_tracking_enable:
            self._statuses.put_topic(task.connector, task.task, topic)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _checked(self, name: str, config: Mapping[str, str | None], *, patched: bool = False) -> dict[str, str]:
        """Return a config that passed every check, with its name."""
        given = config.get("name")
        if not patched and given is not None and given.strip() != name:
            raise ConfigError(f"Connector name configuration ({given}) doesn't match connector name in the URL or body ({name})", config_path="name")  # fmt: skip
        nulls = [
            Problem(key, f"Null value can not be supplied as the configuration value of {key}.")
            for key, value in config.items()
            if value is None
        ]
        if nulls:
            raise invalid_config(nulls)
        full: dict[str, str | None] = {**config, "name": given if patched and given else name}
        desc = connector_desc(self.plugins, full)
        infos = validation.validate(self.plugins, self.worker_config, desc.name, full)
        validation.raise_for_errors(infos)
        return {key: value for key, value in full.items() if value is not None}

    def _config(self, name: str) -> dict[str, str]:
        config = self._configs.config(name)
        if config is None:
            raise NotFoundError(f"Connector {name} not found", code="connector.not_found")
        return config

    def _task_status(self, name: str, task: int) -> Status:
        status = self._statuses.tasks(name).get(task)
        if status is None:
            raise NotFoundError(f"No status found for task {name}-{task}", code="task.not_found")
        return status

    def _type(self, config: Mapping[str, str]) -> str:
        desc = self.plugins.find(config.get("connector.class", ""), *CONNECTOR_KINDS)
        return desc.kind.value if desc else "unknown"

    def _version(self, name: str) -> str | None:
        runner = self._runners.get(name)
        return runner.desc.cls.version if runner else None

    def _status(self, state: State, version: str | None, trace: str | None = None) -> Status:
        return Status(state.value, self.worker_id, trace, version)


def _task_state(number: int, status: Status) -> TaskState:
    return TaskState(number, State(status.state), status.worker_id, status.version, status.trace)


def _class_name(connector: type[Connector]) -> str:
    """Name a connector's task class, as Kafka Connect would: FileStreamSourceConnector's is FileStreamSourceTask."""
    task = connector.task_class
    if task.class_name is None and connector.class_name is not None:
        return connector.class_name.removesuffix("Connector") + "Task"
    return task.plugin_name()
