"""The herder: the one service behind REST and CLI. It keeps what users want, and brings the worker to it.

Theory of operation. A request changes what is wanted (config, target state) in one durable write to the config store,
as the table in `states.py` says; `Lifecycle` then brings the worker to it. Requests for one connector are handled one
after the other, those for others are not held up. One that was overtaken while it waited, so that the connector it was
meant for is gone or has another config, gets 409. A request returns when the worker has followed or after `SETTLE_S`;
what is still under way goes on, and the status follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import connect
from connect.api import (
    ConfigError,
    ConflictError,
    Problem,
    invalid_config,
)
from connect.api.error_codes import register_code
from connect.ports import Cluster
from connect.runtime import secrets
from connect.runtime.active import Place
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.clock import now_ms
from connect.runtime.connector_locks import ConnectorLocks
from connect.runtime.dead_letters.workbench import Workbench
from connect.runtime.factory import connector_desc
from connect.runtime.failure_kinds import FailureKind
from connect.runtime.lag import Lags
from connect.runtime.lifecycle import STORED, Lifecycle, wanted
from connect.runtime.loggers import Loggers
from connect.runtime.model import (
    ConnectorInfo,
    ConnectorStateInfo,
    Health,
    State,
    TargetState,
    TaskId,
)
from connect.runtime.observers import Observers
from connect.runtime.offsets import Entry, Offsets
from connect.runtime.plugins import PluginHost
from connect.runtime.promises import Promise
from connect.runtime.providers.config_providers import ConfigProviders
from connect.runtime.restarts import RestartConfig
from connect.runtime.states import Event, Request, target_after
from connect.runtime.tasks.spec import Surroundings
from connect.runtime.tasks.transactional import tasks_max, transactional_id
from connect.runtime.validation import validator
from connect.runtime.validation.checking import Checks
from connect.runtime.validation.worker_keys import key_notices
from connect.runtime.views import ForbiddenError, Views
from connect.runtime.worker import Worker
from connect.runtime.worker_config import WorkerConfig
from connect.stores import configs, offsets, statuses
from connect.stores.compacted import CompactedTopic
from connect.stores.configs import ConfigStore, Revision
from connect.stores.offset_topics import OffsetTopics
from connect.stores.releasing import release_all
from connect.stores.statuses import StatusStore

#: How long a request waits for what it set off.
SETTLE_S = 1.0

#: How long a request waits for those before it, in seconds.
BUSY_S = 30.0

CHANGED = register_code(
    "connector.changed",
    "Another request changed or deleted the connector while this one waited.",
    "Look at the connector, and send the request again if it is still wanted.",
)


class Herder(Views):
    """The standalone herder, over the bundled log or a cluster. Use as an async context manager.

    What it can tell is in `views.py`; here is what changes something.

    Attributes:
        loggers: The process's loggers.
        dead_letters: The workbench for dead letter queues.
    """

    def __init__(
        self, config: WorkerConfig, cluster: Cluster, plugins: PluginHost, *, engine_keys: Collection[str] = ()
    ) -> None:
        self.worker_config = config
        self.key_notices = key_notices(config, engine_keys, plugins)
        self.cluster = cluster
        self.cluster_id = cluster.cluster_id
        self.plugins = plugins
        self.version = connect.KAFKA_VERSION
        self.commit = f"connect-{connect.__version__}"
        self.worker_id = "127.0.0.1:8083"
        #: The place of the active worker of a group, on a Kafka cluster.
        self.place: Place | None = None
        config_topic = CompactedTopic(
            cluster,
            config.config_storage_topic,
            problem=configs.problem_of,
            replication_factor=config.config_storage_replication_factor,
        )
        offset_topic = CompactedTopic(
            cluster,
            config.offset_storage_topic,
            partitions=config.offset_storage_partitions,
            problem=offsets.problem_of,
            remembers_deletions=True,
            replication_factor=config.offset_storage_replication_factor,
            left_open=self._task_transactions,
        )
        status_topic = CompactedTopic(
            cluster,
            config.status_storage_topic,
            partitions=config.status_storage_partitions,
            problem=statuses.problem_of,
            replication_factor=config.status_storage_replication_factor,
        )
        self._topics = (config_topic, offset_topic, status_topic)
        self._configs = ConfigStore(config_topic, now_ms)
        self._offsets = OffsetTopics(
            cluster,
            offset_topic,
            now_ms,
            reserved=[topic.topic for topic in self._topics],
            partitions=config.offset_storage_partitions,
            replication_factor=config.offset_storage_replication_factor,
            left_open=self._task_transactions,
        )
        self._statuses = StatusStore(status_topic, now_ms)
        self.loggers = Loggers(now_ms)
        self.watchdog = Watchdog()
        self.observers = Observers(plugins, self.watchdog)
        self.providers = ConfigProviders(plugins, config, self.watchdog)
        around = Surroundings(
            cluster, plugins, config, self._on_task_event, self._on_topic, self.watchdog, self.observers, self.providers
        )
        self.checks = Checks(self.watchdog, timeout_s=config.plugin_check_timeout_ms / 1000)
        self._worker = Worker(around, self._offsets)
        self._lifecycle = Lifecycle(
            plugins,
            self._worker,
            self._configs,
            self._statuses,
            worker_id=lambda: self.worker_id,
            tell=self.observers.tell,
        )
        self.dead_letters = Workbench(
            cluster,
            plugins,
            config,
            self.checks,
            self.connectors,
            self._as_it_runs,
            self._with_values,
            self._is_running,
        )
        self._connector_offsets = Offsets(cluster, plugins, config, self._offsets, watchdog=self.watchdog)
        self._lags = Lags(cluster, self._sinks)
        self._requests = ConnectorLocks()
        self._infos: dict[str, ConnectorInfo] = {}
        self._states: dict[str, tuple[tuple[str, Revision, int, int], ConnectorStateInfo]] = {}
        self._promises: dict[str, tuple[Mapping[str, str], Promise]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._ready = False

    # -- life ------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Herder:
        await self.providers.open()
        await self.cluster.reserve([topic.topic for topic in self._topics])
        for topic in self._topics:
            await topic.open()
        self._offsets.shared.load()
        await self._reserve()
        self._statuses.load()
        await self._worker.__aenter__()
        await self._lifecycle.__aenter__()
        self._writer = asyncio.create_task(self._statuses.write_forever())
        self.observers.start()
        self.observers.tell("connect_worker_started", cluster_id=self.cluster_id, version=connect.__version__)
        self._lifecycle.begin()
        self._ready = True
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        """Stop everything within the grace time and a little more, and release the stores, whatever hangs or fails."""
        self._ready = False
        try:
            await self._lifecycle.__aexit__(*exc_info)
        finally:
            try:
                await self._worker.__aexit__(*exc_info)
            finally:
                self.observers.tell("connect_worker_stopped", cluster_id=self.cluster_id)
                await self._release()

    async def _release(self) -> None:
        await release_all(
            (
                self.dead_letters.aclose,
                self._end_writer,
                self._statuses.write,
                self.observers.aclose,
                self.providers.aclose,
                self._offsets.aclose,
                *(topic.aclose for topic in self._topics),
            )
        )

    async def _end_writer(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    def _task_transactions(self) -> list[str]:
        """Return the transactional ids of all tasks that the configs ask for."""
        names = self._configs.connectors() if self.worker_config.exactly_once_sources else []
        return [
            transactional_id(self.worker_config, name, task)
            for name in names
            for task in range(max(tasks_max(self._config(name)), len(self._configs.task_configs(name))))
        ]

    def stop_soon(self) -> None:
        """Begin to stop connectors and tasks, while REST and others close; `__aexit__` waits for it.

        Safe to call twice.
        """
        self._lifecycle.stop_soon()

    def health(self) -> Health:
        """Say whether the worker can serve."""
        if not self._ready:
            return Health("starting", "Worker is still starting up.")
        if self._writer is None or self._writer.done():
            return Health("unhealthy", "Worker does not write statuses any more; see its log")
        if self._statuses.trouble is not None:
            return Health("unhealthy", f"Worker cannot write to its internal topics: {self._statuses.trouble}")
        return Health("healthy", "Worker has completed startup and is ready to handle requests.")

    # -- changing --------------------------------------------------------------------------------------------------

    async def create(
        self, name: str, config: Mapping[str, str | None], initial_state: TargetState | None = None
    ) -> ConnectorInfo:
        """Create a connector.

        Raises:
            ConfigError: The config is wrong; nothing was created.
            ConflictError: connector.exists.
        """
        checked = await self._checked(name, secrets.unmasked(self.plugins, config, {}))
        async with self._requests.take(name, "POST /connectors", timeout_s=BUSY_S):
            if self._configs.config(name) is not None:
                raise ConflictError(f"Connector {name} already exists", code="connector.exists")
            await self._configs.put_connector(name, checked, STORED[initial_state or TargetState.RUNNING])
            await self._reserve()
        await self._settle(name)
        return self._info(name, checked)

    async def put_config(self, name: str, config: Mapping[str, str | None]) -> tuple[bool, ConnectorInfo]:
        """Create a connector or change its config; return whether it is new. The target state is kept.

        Raises:
            ConfigError: The config is wrong; nothing was changed.
            ConflictError: connector.changed.
        """
        # Its secrets may be others once the config is checked: a change meanwhile is a conflict.
        seen, before = self._configs.revision(name), self._configs.config(name)
        checked = await self._checked(name, secrets.unmasked(self.plugins, config, before or {}))
        created = before is None
        async with self._change(name, "PUT config", of_config=True, may_be_new=True, seen=seen):
            await self._configs.put_connector(name, checked, "STARTED" if created else None)
            await self._reserve()
        await _settled(self._lifecycle.reconcile(name, renew=True))
        return created, self._info(name, checked)

    async def patch_config(self, name: str, patch: Mapping[str, str | None]) -> ConnectorInfo:
        """Change some keys of a config, as it is once the requests before are done; None removes one."""
        async with self._change(name, "PATCH config"):
            merged = {k: v for k, v in {**self._config(name), **patch}.items() if v is not None}
            checked = await self._checked(
                name, secrets.unmasked(self.plugins, merged, self._config(name)), patched=True
            )
            await self._configs.put_connector(name, checked)
            await self._reserve()
        await _settled(self._lifecycle.reconcile(name, renew=True))
        return self._info(name, checked)

    async def delete(self, name: str) -> None:
        """Delete a connector; its source offsets stay. Its tasks may still drain when it returns."""
        async with self._change(name, "DELETE"):
            await self._configs.delete(name)
            await self._reserve()
            self._statuses.drop_topics(name)
            self._infos.pop(name, None)
            self._states.pop(name, None)
            self._promises.pop(name, None)
        await self._settle(name)

    def failed_by(self, name: str, task: int | None) -> FailureKind | None:
        """Return whether a connector (`task` None) or task failed by an outage, a bad record, its config or a defect;
        None where it runs, or that is not known."""
        return self._lifecycle.restarts.kind(name, task)

    async def pause(self, name: str) -> None:
        """Let a connector and its tasks stand still."""
        await self._set_target(name, Request.PAUSE)

    async def resume(self, name: str) -> None:
        """Let a paused or stopped connector run."""
        await self._set_target(name, Request.RESUME)

    async def stop(self, name: str) -> None:
        """Stop a connector: its tasks finish, commit, and are gone until it is resumed."""
        await self._set_target(name, Request.STOP)

    async def restart(self, name: str, *, include_tasks: bool = False, only_failed: bool = False) -> ConnectorStateInfo:
        """Restart a connector's instance, and its tasks when asked; return the status with what is RESTARTING."""
        before = self.status(name)
        if target_after(name, Request.RESTART, wanted(self._configs, name)) is TargetState.STOPPED:
            return before
        instance = not only_failed or before.connector.state is State.FAILED
        chosen = [t.id for t in before.tasks if include_tasks and (not only_failed or t.state is State.FAILED)]
        if instance or chosen:
            self._lifecycle.restarts.forget(name, *([None] if instance else []), *chosen)
            self._lifecycle.restart(name, instance=instance, tasks=chosen)
        return self.status(name)

    async def restart_task(self, name: str, task: int) -> None:
        """Restart one task.

        Raises:
            NotFoundError: task.not_found.
            ConflictError: connector.stopped.
        """
        self._config(name)
        target_after(name, Request.RESTART_TASK, wanted(self._configs, name))
        self._task_status(name, task)
        self._lifecycle.restarts.forget(name, task)
        await _settled(self._lifecycle.restart(name, instance=False, tasks=[task]))

    async def alter_offsets(self, name: str, entries: Sequence[Entry]) -> bool:
        """Set some of a stopped connector's offsets; return whether the connector has looked at them.

        Raises:
            ConfigError: connector.not_stopped; offsets.invalid or the connector's own: nothing was changed.
            ConflictError: connector.changed: it was resumed or deleted meanwhile.
        """
        async with self._stopped(name, "PATCH offsets"):
            return await self._connector_offsets.alter(name, await self._resolved(name), entries)

    async def reset_offsets(self, name: str) -> bool:
        """Forget all of a stopped connector's offsets; raises as `alter_offsets`."""
        async with self._stopped(name, "DELETE offsets"):
            return await self._connector_offsets.reset(name, await self._resolved(name))

    async def reset_active_topics(self, name: str) -> None:
        """Forget which topics a connector has used; one comes back with its next record.

        Raises:
            ForbiddenError: topic.tracking.enable or topic.tracking.allow.reset is false.
        """
        self.active_topics(name)
        if not self.worker_config.topic_tracking_allow_reset:
            raise ForbiddenError("Topic tracking reset is disabled: topic.tracking.allow.reset is false")
        self._statuses.drop_topics(name)

    # -- one request at a time --------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _change(
        self,
        name: str,
        doing: str,
        *,
        of_config: bool = False,
        may_be_new: bool = False,
        seen: Revision | None = None,
    ) -> AsyncIterator[None]:
        """Wait until the requests before it are done; make sure that the connector is still the one it was meant for.

        Args:
            of_config: The request replaces the config, so another change of it meanwhile would be lost.
            seen: What the connector was when the request came, where that is longer ago.
        """
        if not may_be_new:
            self._config(name)
        seen = seen or self._configs.revision(name)
        async with self._requests.take(name, doing, timeout_s=BUSY_S):
            found = self._configs.revision(name)
            if found.life != seen.life or (of_config and found != seen):
                raise ConflictError(
                    f"Connector {name} was changed by another request while this one ({doing}) waited",
                    code=CHANGED,
                )
            yield

    @asynccontextmanager
    async def _stopped(self, name: str, doing: str) -> AsyncIterator[None]:
        """Hold a stopped connector as it is: no other request, and nothing under way."""
        self._config(name)
        target_after(name, Request.ALTER_OFFSETS, wanted(self._configs, name))
        async with self._change(name, doing):
            if wanted(self._configs, name) is not TargetState.STOPPED:
                raise ConflictError(
                    f"Connector {name} was resumed by another request while this one ({doing}) waited",
                    code=CHANGED,
                )
            async with self._lifecycle.locks.take(name, doing, timeout_s=BUSY_S):
                yield

    async def _set_target(self, name: str, request: Request) -> None:
        async with self._change(name, request.name):
            target = target_after(name, request, wanted(self._configs, name))
            assert target is not None, f"{request} keeps the connector"
            await self._configs.put_target(name, STORED[target])
        await self._settle(name)

    async def _settle(self, name: str) -> None:
        await _settled(self._lifecycle.reconcile(name))

    async def _reserve(self) -> None:
        """Reserve the topics that connectors keep their offsets in, as the worker's own."""
        named = (self._config(name).get("offsets.storage.topic", "").strip() for name in self._configs.connectors())
        await self._offsets.reserve([topic for topic in named if topic])

    # -- hearing ---------------------------------------------------------------------------------------------------

    def _on_task_event(self, task: TaskId, event: Event, trace: str | None) -> None:
        self._lifecycle.on_task_event(task, event, trace)

    def _on_topic(self, task: TaskId, topic: str) -> None:
        if self.worker_config.topic_tracking_enable:
            self._statuses.put_topic(task.connector, task.task, topic)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _as_it_runs(self, name: str) -> Mapping[str, str] | None:
        """Return a connector's config with the values that it runs with, as it is stored where it does not run; None
        where there is none."""
        return self._lifecycle.running_config(name) or self._configs.config(name)

    async def _with_values(self, name: str) -> Mapping[str, str] | None:
        """As `_as_it_runs`, with values also where it does not run."""
        if self._configs.config(name) is None:
            return None
        return self._lifecycle.running_config(name) or await self._resolved(name)

    def _is_running(self, name: str) -> bool:
        """Say whether a connector's tasks run, each of them."""
        states = self._statuses.tasks(name).values()
        return bool(states) and all(status.state == State.RUNNING.value for status in states)

    async def _checked(self, name: str, config: Mapping[str, str | None], *, patched: bool = False) -> dict[str, str]:
        """Return a config that passed every check, with its name."""
        given = config.get("name")
        if not patched and given is not None and given.strip() != name:
            raise ConfigError(
                f"Connector name configuration ({given}) doesn't match connector name in the URL or body ({name})",
                config_path="name",
            )
        nulls = [
            Problem(key, f"Null value can not be supplied as the configuration value of {key}.")
            for key, value in config.items()
            if value is None
        ]
        if nulls:
            raise invalid_config(nulls)
        full: dict[str, str | None] = {**config, "name": given if patched and given else name}
        with secrets.kept_out(self.plugins, full):
            desc = connector_desc(self.plugins, full)
            checked = await self.checked(desc.name, full)
            validator.raise_for_errors(checked.shown)
            with checked.look.resolved.kept_out():
                RestartConfig.parse(checked.look.resolved.config)
        return {key: value for key, value in full.items() if value is not None}


async def _settled(task: asyncio.Task[None]) -> None:
    """Wait for what a request set off, but not for long; it goes on by itself."""
    await asyncio.wait([task], timeout=SETTLE_S)
