"""The herder: the one service behind REST and CLI. It keeps what users want, and brings the worker to it.

Theory of operation. A request changes what is wanted (config, target state) in one durable write to the config store,
as the table in `states.py` says; `Lifecycle` then brings the worker to it. Requests for one connector are handled one
after the other, those for others are not held up. One that was overtaken while it waited, so that the connector it was
meant for is gone or has another config, gets 409. A request returns when the worker has followed or after `SETTLE_S`;
what is still under way goes on, and the status follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import connect
from connect.api import (
    ConfigError,
    ConflictError,
    ConnectError,
    Problem,
    Schema,
    Signal,
    invalid_config,
)
from connect.api.connector import SIGNAL_REFUSED
from connect.api.error_codes import register_code
from connect.ports import Cluster
from connect.runtime import secrets
from connect.runtime.base import UNAUTHORIZED, Base
from connect.runtime.config_changes import Plan, hidden_values, key_changes, own_key, secrets_digest
from connect.runtime.connector_locks import BUSY, ConnectorLocks
from connect.runtime.contracts.config import ContractConfig, contract_config
from connect.runtime.contracts.desk import ContractDesk, ContractInfo
from connect.runtime.dead_letters.workbench import Workbench
from connect.runtime.factory import connector_desc
from connect.runtime.failure_kinds import FailureKind
from connect.runtime.instances import ask
from connect.runtime.lag import Lags, SinkLag
from connect.runtime.lifecycle import STORED, Lifecycle, wanted
from connect.runtime.model import (
    ConnectorInfo,
    ConnectorStateInfo,
    Health,
    PluginKind,
    State,
    TargetState,
    TaskId,
    WorkerView,
)
from connect.runtime.offsets import Entry, Offsets
from connect.runtime.plugins import PluginHost
from connect.runtime.preconditions import ANY, Precondition, check_version
from connect.runtime.preview.engine import Previews
from connect.runtime.promises import Promise
from connect.runtime.rates import is_live_change
from connect.runtime.restarts import RestartConfig
from connect.runtime.rewinds import Rewound, Row, Target, sink_rows, source_rows
from connect.runtime.secrets import redact
from connect.runtime.states import Request, target_after
from connect.runtime.task_host import TaskHost
from connect.runtime.topic_search import converter_keys
from connect.runtime.validation import validator
from connect.runtime.validation.checking import Checks
from connect.runtime.views import ForbiddenError, Views
from connect.runtime.worker_config import WorkerConfig
from connect.stores.configs import Revision
from connect.stores.contracts import Known
from connect.stores.history import NO_CONFIG
from connect.stores.statuses import Status

logger = logging.getLogger(__name__)

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
    """The herder of a worker that is alone, or of the leader of several. Use as an async context manager.

    What it can tell is in `views.py`; here is what changes something.

    Args:
        base: What it stands on, opened and closed by its owner; without it one of its own.
        tasks: Runs tasks on all workers of a group; without it they run in this process.

    Attributes:
        loggers: The process's loggers.
        dead_letters: The workbench for dead letter queues.
        previews: Runs previews of configs.
    """

    def __init__(
        self,
        config: WorkerConfig,
        cluster: Cluster,
        plugins: PluginHost,
        *,
        engine_keys: Collection[str] = (),
        base: Base | None = None,
        tasks: TaskHost | None = None,
    ) -> None:
        self._own_base = base is None
        self._is_alone = tasks is None
        #: Never set: nobody takes a worker's place that is alone.
        self.lost = asyncio.Event()
        base = self.base = base or Base(config, cluster, plugins, engine_keys=engine_keys)
        self.worker_config = config
        self.key_notices = base.key_notices
        self.cluster = cluster
        self.cluster_id = cluster.cluster_id
        self.plugins = plugins
        self.version = base.version
        self.commit = base.commit
        self._configs = base.configs
        self._offsets = base.offsets
        self._statuses = base.statuses
        self.loggers = base.loggers
        self.watchdog = base.watchdog
        self.observers = base.observers
        self.providers = base.providers
        self.checks = Checks(self.watchdog, timeout_s=config.plugin_check_timeout_ms / 1000)
        self._worker = tasks or base.worker
        self._lifecycle = Lifecycle(self._worker, self._configs, self._statuses, base.board)
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
        self.previews = Previews(
            cluster,
            plugins,
            config,
            self.watchdog,
            check=self._checked_for_preview,
            committed=lambda name, own: self._connector_offsets.read(name, own),
            known=lambda name: self._contracts.known(name),
        )
        self._connector_offsets = Offsets(cluster, plugins, config, self._offsets, watchdog=self.watchdog)
        self._contracts = ContractDesk(base.contracts)
        self._lags = Lags(cluster, self._sinks)
        self._requests = ConnectorLocks()
        self._infos: dict[str, ConnectorInfo] = {}
        self._states: dict[str, tuple[tuple[str, Revision, int, int], ConnectorStateInfo]] = {}
        self._promises: dict[str, tuple[Mapping[str, str], type, Promise]] = {}
        self._own_key: bytes | None = None
        self._rewinds: set[asyncio.Task[Rewound]] = set()
        self._ready = False

    @property
    def worker_id(self) -> str:
        """HOST:PORT of the REST listener, once that is known."""
        return self.base.worker_id

    # -- life ------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Herder:
        if self._own_base:
            self.base.on_task_event = self._lifecycle.on_task_event
            await self.base.open()
        await self._lifecycle.__aenter__()
        try:
            await self._configs.settle_history()
        except ConnectError as error:
            if error.code != UNAUTHORIZED:
                raise
            self.base.do_without_history(error)
        await self._end_rewinds()
        self._lifecycle.begin()
        self.base.recorder.lags = self._lag_counts
        self._ready = True
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        """Stop everything within the grace time and a little more, and release the stores, whatever hangs or fails.

        On a base of somebody else's the tasks go on, wherever they run.
        """
        self._ready = False
        self.base.recorder.lags = None
        try:
            await self.previews.aclose()
            await self._lifecycle.__aexit__(*exc_info)
            if self._rewinds:  # what they wanted back is written while the stores are open
                await asyncio.wait(self._rewinds, timeout=SETTLE_S)
        finally:
            for rewind in self._rewinds:
                rewind.cancel()
            if self._own_base:
                await self.base.aclose(self.dead_letters.aclose)
            else:
                await self.dead_letters.aclose()

    def on_told(self, task: TaskId, status: Status) -> None:
        """Take what a worker has told of a task that it runs."""
        self._lifecycle.on_told(task, status)

    @property
    def herder(self) -> Herder:
        """Itself."""
        return self

    @property
    def leader_url(self) -> None:
        """None: it is this worker."""

    def workers(self) -> list[WorkerView]:
        """Return itself."""
        tasks = tuple(task for name in self.connectors() for task in self._worker.tasks(name))
        return [WorkerView(self.base.url, connect.__version__, True, False, tasks)]

    def leading(self) -> Herder:
        """Return itself."""
        return self

    async def join(self, url: str) -> None:
        """There is no group to join."""

    def raise_failure(self) -> None:
        """Nothing ends a worker that is alone but its stop."""

    def stop_soon(self) -> None:
        """Begin to stop connectors and tasks, while REST and others close; `__aexit__` waits for it.

        Safe to call twice.
        """
        if self._own_base:
            self.base.is_stopping = True
        self.previews.stop()
        self._lifecycle.stop_soon()

    async def drain(self) -> None:
        """Stop connectors and tasks; `__aexit__` closes what they stand on."""
        self.stop_soon()
        await self._lifecycle.drained()

    def health(self) -> Health:
        """Say whether the worker can serve."""
        return self.base.health() if self._ready else Health("starting", "Worker is still starting up.")

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
            await self.base.reserve()
        await self._settle(name)
        return self._info(name, checked)

    async def put_config(
        self, name: str, config: Mapping[str, str | None], *, only_if: Precondition = ANY
    ) -> tuple[bool, ConnectorInfo]:
        """Create a connector or change its config; return whether it is new. The target state is kept.

        Raises:
            ConfigError: The config is wrong; nothing was changed.
            ConflictError: connector.changed; connector.precondition_failed.
        """
        only_if.check(name, self._configs.etag(name))
        # Its secrets may be others once the config is checked: a change meanwhile is a conflict.
        seen, before = self._configs.revision(name), self._configs.config(name)
        checked = await self._checked(name, secrets.unmasked(self.plugins, config, before or {}))
        created = before is None
        async with self._change(name, "PUT config", of_config=True, may_be_new=True, seen=seen, only_if=only_if):
            await self._configs.put_connector(name, checked, "STARTED" if created else None)
            await self.base.reserve()
        await _settled(self._lifecycle.reconcile(name, renew=True))
        return created, self._info(name, checked)

    async def _plan_key(self) -> bytes:
        if self._own_key is None:
            self._own_key = await asyncio.to_thread(own_key, Path(self.worker_config.data_dir))
        return self._own_key

    async def plan(self, name: str, config: Mapping[str, str | None]) -> Plan:
        """Say what `put_config` would do, and do nothing.

        Raises:
            ConfigError: The config is wrong.
        """
        etag, before = self._configs.etag(name), self._configs.config(name)
        checked = await self._checked(name, secrets.unmasked(self.plugins, config, before or {}))
        changes = key_changes(self.plugins, before, checked)
        hidden = hidden_values(changes, checked)
        digest = secrets_digest(await self._plan_key(), name, hidden) if hidden else None
        if before is None:
            return Plan("create", None, changes, None, digest)
        if not changes:
            return Plan("nothing", etag, (), None)
        is_kept = wanted(self._configs, name) is TargetState.STOPPED or is_live_change(before, checked)
        return Plan("change", etag, changes, None if is_kept else len(self._configs.task_configs(name)), digest)

    async def patch_config(self, name: str, patch: Mapping[str, str | None]) -> ConnectorInfo:
        """Change some keys of a config, as it is once the requests before are done; None removes one."""
        async with self._change(name, "PATCH config"):
            merged = {k: v for k, v in {**self._config(name), **patch}.items() if v is not None}
            checked = await self._checked(
                name, secrets.unmasked(self.plugins, merged, self._config(name)), patched=True
            )
            await self._configs.put_connector(name, checked)
            await self.base.reserve()
        await _settled(self._lifecycle.reconcile(name, renew=True))
        return self._info(name, checked)

    async def roll_back(
        self, name: str, version: int, *, newest: int | None = None, only_if: Precondition = ANY
    ) -> tuple[bool, ConnectorInfo]:
        """Bring back a config of the history with the target state that it had, as one change; return whether the
        connector was gone. Offsets stay as they are.

        Args:
            newest: The newest version that the one who asks has seen: nothing is done where there is another, as of
                somebody's pause, which leaves the config's ETag as it is. None: whatever came since.

        Raises:
            NotFoundError: connector.not_found, history.not_found.
            ConfigError: history.deleted; or the config does not pass what is checked today.
            ConflictError: connector.changed; connector.precondition_failed; history.off.
        """
        only_if.check(name, self._configs.etag(name))
        entry = self.version_of(name, version)
        if entry.config is None:
            raise ConfigError(
                f"Version {version} of connector {name} is its deletion, which has no config to go back to",
                code=NO_CONFIG,
            )
        seen, created = self._configs.revision(name), self._configs.config(name) is None
        checked = await self._checked(name, entry.config, patched=True)
        target = next(target for target, stored in STORED.items() if stored == entry.target)
        doing = f"rollback to version {version}"
        async with self._change(name, doing, of_config=True, may_be_new=True, seen=seen, only_if=only_if):
            check_version(name, newest, self.history(name)[-1].version)
            await self._configs.put_connector(name, checked, STORED[target], rolled_back_to=version)
            await self.base.reserve()
        await _settled(self._lifecycle.reconcile(name, renew=True))
        return created, self._info(name, checked)

    async def delete(self, name: str, *, only_if: Precondition = ANY) -> None:
        """Delete a connector; its source offsets stay. Its tasks may still drain when it returns.

        Raises:
            NotFoundError: connector.not_found.
            ConflictError: connector.changed; connector.precondition_failed.
        """
        async with self._change(name, "DELETE", only_if=only_if):
            await self._configs.delete(name)
            await self.base.reserve()
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

    async def rewind(self, name: str, to: Target | Sequence[Entry], *, dry_run: bool = False) -> Rewound:
        """Have a connector go on from somewhere else, and stop and resume it by itself; see `rewinds.py`.

        Goes on where the caller is cancelled.

        Args:
            to: Where to; offsets as `alter_offsets` takes them.
            dry_run: Say what would happen, and do nothing.

        Raises:
            ConfigError: offsets.invalid, offsets.rewind_refused, or the connector's own: nothing was stopped.
            ConflictError: connector.changed; connector.busy; log.group_in_use.
            ConnectError: It failed on the way; says what became of the connector and its offsets.
        """
        if dry_run:
            rows = await self._rewind_rows(name, await self._resolved(name), to)
            return Rewound(tuple(rows), wanted(self._configs, name).value, applied=False)
        self._config(name)
        work = asyncio.create_task(self._rewind(name, to), name=f"rewinding connector {name}")
        self._rewinds.add(work)
        work.add_done_callback(self._rewinds.discard)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_tell_of)  # nobody waits for it any more
            raise

    async def _rewind(self, name: str, to: Target | Sequence[Entry]) -> Rewound:
        doing = "POST rewind"
        async with self._change(name, doing):
            before = wanted(self._configs, name)
            await self._rewind_rows(name, await self._resolved(name), to)  # what is wrong with it stops nothing
            stood = await self.offsets(name)
            try:
                if before is not TargetState.STOPPED:
                    await self._configs.put_target(name, STORED[TargetState.STOPPED], again=STORED[before])
                await self._stood_still(name)
                async with self._lifecycle.locks.take(name, doing, timeout_s=BUSY_S):
                    config = await self._resolved(name)
                    stood = await self.offsets(name)
                    rows = await self._rewind_rows(name, config, to)
                    looked = await self._connector_offsets.alter(name, config, [row.entry for row in rows])
            except ConnectError as error:
                error.message += f"; {await self._what_became_of(name, before, stood)}"
                raise
            except Exception:  # a defect: it is no reason for the connector to stay STOPPED
                await self._want_again(name, before)
                raise
            else:
                await self._want_again(name, before)
            finally:
                self._lifecycle.reconcile(name)
        await self._settle(name)
        return Rewound(tuple(rows), before.value, applied=True, looked=looked)

    async def _rewind_rows(self, name: str, config: Mapping[str, str], to: Target | Sequence[Entry]) -> list[Row]:
        if connector_desc(self.plugins, config).kind is PluginKind.SOURCE:
            return source_rows(name, await self.offsets(name), to)
        lags = await self._lags.look(since_s=asyncio.get_running_loop().time())
        reset = next((sink.reset for sink in self._sinks() if sink.name == name), "earliest")
        return await sink_rows(self.cluster.admin, name, lags.get(name) or SinkLag(name, ""), to, reset=reset)

    async def _stood_still(self, name: str) -> None:
        """Wait until a connector that is to be STOPPED has stopped."""
        stopping = self._lifecycle.reconcile(name)
        await asyncio.wait([stopping], timeout=BUSY_S)
        if not stopping.done():
            raise ConflictError(f"Connector {name} did not stop within {BUSY_S:.0f} s", code=BUSY)

    async def _end_rewinds(self) -> None:
        """Want again what was wanted of connectors whose rewinds ended with the worker before; their offsets are those
        of before or after, and are shown."""
        for name in self._configs.connectors():
            if (again := self._configs.interrupted(name)) is None:
                continue
            try:
                await self._configs.put_target(name, again)
            except ConnectError as error:
                logger.warning("a rewind of connector %s ended with its worker; it stays STOPPED: %s", name, error)
            else:
                logger.warning(
                    "a rewind of connector %s ended with its worker: it goes on as before, from where its offsets are; "
                    "look at them, and rewind it again where they were not set",
                    name,
                )

    async def _want_again(self, name: str, before: TargetState) -> None:
        if wanted(self._configs, name) is not before:  # else the stop was never stored
            await self._configs.put_target(name, STORED[before])

    async def _what_became_of(self, name: str, before: TargetState, stood: list[Entry]) -> str:
        """Bring back what was wanted of a connector whose rewind failed; return what it and its offsets are now."""
        try:
            await self._want_again(name, before)
            state = f"connector {name} is to be {before} as before"
        except ConnectError as error:
            state = f"connector {name} stays STOPPED, since the change cannot be taken back: {error.message}"
        try:
            unchanged = await self.offsets(name) == stood
        except ConnectError as error:
            return f"{state}, and whether its offsets were changed cannot be told: {error.message}"
        return f"{state}, and its offsets {'are as they were' if unchanged else 'were changed'}"

    async def signal(self, name: str, signal: Signal) -> None:
        """Have a source connector pass a signal on to its tasks; done once it is where they will find it.

        Raises:
            NotFoundError: connector.not_found.
            ConfigError: connector.signal_refused: it is a sink, or takes no such signal.
            ConnectError: What the connector raised.
        """
        config = await self._resolved(name)
        if connector_desc(self.plugins, config).kind is not PluginKind.SOURCE:
            raise ConfigError(f"connector {name!r} is a sink; signals are for sources", code=SIGNAL_REFUSED)
        await ask(
            self.plugins,
            name,
            config,
            "signal",
            signal,
            answer=lambda _plugin, _result: None,
            doing=f"pass on signal {signal.id!r}",
            otherwise="it may have been passed on",
            timeout_s=self._check_limit_s,
            watchdog=self.watchdog,
        )

    async def reset_active_topics(self, name: str) -> None:
        """Forget which topics a connector has used; one comes back with its next record.

        Raises:
            ForbiddenError: topic.tracking.enable or topic.tracking.allow.reset is false.
        """
        self.active_topics(name)
        if not self.worker_config.topic_tracking_allow_reset:
            raise ForbiddenError("Topic tracking reset is disabled: topic.tracking.allow.reset is false")
        self._statuses.drop_topics(name)

    async def contract(self, name: str) -> ContractInfo:
        """Return a connector's schema contract, and what is known of its topics.

        Raises:
            NotFoundError: connector.not_found.
        """
        return await self._contracts.show(name, await self._contract_config(name))

    async def give_contract(self, name: str, topic: str, schema: Schema) -> Known:
        """Hold a topic's records against a schema from now on, in tasks that run, too.

        Raises:
            NotFoundError: connector.not_found.
            ConfigError: request.invalid: the schema is too large. log.invalid_topic: no topic has that name.
        """
        self._config(name)
        return await self._contracts.give(name, topic, schema)

    async def forget_contract(self, name: str, topic: str | None = None) -> list[str]:
        """Forget what is known of a topic of a connector, or of all; return of which.

        Raises:
            NotFoundError: connector.not_found.
        """
        self._config(name)
        return await self._contracts.forget(name, topic)

    async def _contract_config(self, name: str) -> ContractConfig:
        self._config(name)
        config = await self._with_values(name) or {}
        return contract_config(connector_desc(self.plugins, config).cls, config)

    async def set_level(self, logger: str, level: str) -> None:
        """Set the level of a logger, and of those below it, on every worker of the group.

        Raises:
            NotFoundError: logger.unknown_level.
        """
        self.loggers.set(logger, level)
        if not self._is_alone:
            await self._configs.put_level(logger, level)

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
        only_if: Precondition = ANY,
    ) -> AsyncIterator[None]:
        """Wait until the requests before it are done; make sure that the connector is still the one it was meant for.

        Args:
            of_config: The request replaces the config, so another change of it meanwhile would be lost.
            seen: What the connector was when the request came, where that is longer ago.
            only_if: What its config must be, as the request itself says.
        """
        if not may_be_new:
            self._config(name)
        seen = seen or self._configs.revision(name)
        async with self._requests.take(name, doing, timeout_s=BUSY_S):
            only_if.check(name, self._configs.etag(name))
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

    async def converters_of(self, name: str) -> dict[str, str]:
        """Return the keys of a connector's converters, with their values.

        Raises:
            NotFoundError: connector.not_found.
        """
        self._config(name)
        return converter_keys(await self._with_values(name) or {})

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
            validator.raise_for_errors(checked.shown, full)
            with checked.look.resolved.kept_out():
                RestartConfig.parse(checked.look.resolved.config)
        return {key: value for key, value in full.items() if value is not None}


def _tell_of(rewind: asyncio.Task[Rewound]) -> None:
    """Log how a rewind ended that nobody waits for."""
    if rewind.cancelled():
        logger.warning("%s was given up as the worker stopped", rewind.get_name())
    elif (error := rewind.exception()) is not None:
        logger.warning("%s failed: %s", rewind.get_name(), redact(str(error)))
    else:
        logger.info("%s is done", rewind.get_name())


async def _settled(task: asyncio.Task[None]) -> None:
    """Wait for what a request set off, but not for long; it goes on by itself."""
    await asyncio.wait([task], timeout=SETTLE_S)
