"""Plugins that come, change or go while the worker runs: asked for by REST, or seen in the folders of `plugin.path`.

What runs keeps the code that it has, and a connector and its tasks the same (`ConnectorRunner.plugins`): decision 0076.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import connect
from connect.runtime.border.calls import PluginTimeoutError, TaskThread
from connect.runtime.border.watchdog import Notice
from connect.runtime.connector_config import ConnectorConfig
from connect.runtime.folder_watch import FolderWatch
from connect.runtime.model import PluginKind
from connect.runtime.observers import Observers
from connect.runtime.plugins import PluginHost, Refreshed
from connect.runtime.stopping import StoppingError
from connect.runtime.tasks.spec import TaskSpec
from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

#: How long who asked waits; the refresh goes on.
WAIT_S: Final = 60.0
_CONVERTERS: Final = ("key.converter", "value.converter", "header.converter")


@dataclass(frozen=True, slots=True)
class Report:
    """What a refresh has found, and which connectors have tasks in this process that run other code than a new start
    of them would."""

    found: Refreshed
    outdated: tuple[str, ...]


class PluginRefresh:
    """Refreshes the plugins of one process. Made, started and closed on the event loop.

    One refresh runs at a time; who asks meanwhile gets the next one, which all share that wait for it.

    Args:
        running: Gives the tasks that run in this process.
    """

    def __init__(
        self,
        plugins: PluginHost,
        worker: WorkerConfig,
        observers: Observers,
        cluster_id: str,
        running: Callable[[], Iterable[TaskSpec]],
    ) -> None:
        self._plugins = plugins
        self._worker = worker
        self._observers = observers
        self._cluster_id = cluster_id
        self._running = running
        self._thread = TaskThread("connect-plugin-refresh", who="plugins")
        self._watch: FolderWatch | None = None
        self._now: asyncio.Task[Report] | None = None
        self._next: asyncio.Task[Report] | None = None
        self._retries = False
        self._is_closed = False

    async def start(self) -> None:
        """Begin to watch the folders of `plugin.path`, where the worker's config wants that."""
        if not self._plugins.folders or not self._worker.plugin_path_watch:
            return
        loop = asyncio.get_running_loop()

        def changed() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._seen)

        # Aside: it looks at all that is there, on whatever disk.
        self._watch = await asyncio.to_thread(FolderWatch, self._plugins.folders, changed)
        self._watch.start()

    async def aclose(self) -> None:
        """End; who waits for a refresh is told so. An import that does not come back is left behind. Safe to call
        twice."""
        self._is_closed = True
        watch, self._watch = self._watch, None
        if watch is not None:
            await asyncio.to_thread(watch.close)
        tasks = [task for task in (self._now, self._next) if task is not None]
        self._now = self._next = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.close()

    async def refresh(self) -> Report:
        """Look for plugins that are new, have changed or are gone; see `PluginHost.refresh`.

        Raises:
            PluginTimeoutError: It is not over within `WAIT_S`; it goes on.
            StoppingError: The worker stops: it was not begun, or was cut off.
        """
        if self._is_closed:
            raise _cut_off()
        self._retries = True
        task = self._begin()
        await asyncio.wait({task}, timeout=WAIT_S)
        if not task.done():
            raise PluginTimeoutError(
                f"plugins are still being loaded after {WAIT_S:g} s; that goes on, each within "
                f"plugin.import.timeout.ms={self._worker.plugin_import_timeout_ms}"
            )
        if task.cancelled():
            raise _cut_off()
        return task.result()

    def outdated(self) -> tuple[str, ...]:
        """Return the connectors whose tasks here run other code than a new start of them would."""
        old = {spec.id.connector for spec in self._running() if any(self._differ(spec, n) for n in self._names(spec))}
        return tuple(sorted(old))

    def notices(self) -> list[Notice]:
        """Return what someone should act on."""
        told = "its tasks run code of a plugin that was replaced or removed since; restart the connector and its tasks"
        return [Notice("plugin.outdated", name, told) for name in self.outdated()]

    # -- refreshing --------------------------------------------------------------------------------------------------

    def _seen(self) -> None:
        if not self._is_closed:
            self._begin()

    def _begin(self) -> asyncio.Task[Report]:
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._now), name="plugin refresh")
            self._next.add_done_callback(_told)
        return self._next

    async def _run(self, before: asyncio.Task[Report] | None) -> Report:
        if before is not None:
            await asyncio.wait({before})
        self._now, self._next = self._next, None
        retry, self._retries = self._retries, False
        calls = self._plugins.calls
        found = await self._thread.run(lambda: self._plugins.refresh(retry=retry))
        went, came = frozenset(found.changed + found.removed), frozenset(found.added + found.changed)
        if went or came:
            logger.info(
                "plugins were refreshed: new are %s, changed %s, gone %s",
                *(", ".join(names) or "none" for names in (found.added, found.changed, found.removed)),
            )
        self._observers.tell_some(calls, went, "connect_worker_stopped", cluster_id=self._cluster_id)
        self._observers.tell_some(
            self._plugins.calls,
            came,
            "connect_worker_started",
            cluster_id=self._cluster_id,
            version=connect.__version__,
        )
        return Report(found, self.outdated())

    # -- what runs ---------------------------------------------------------------------------------------------------

    def _names(self, spec: TaskSpec) -> Iterator[str]:
        """Yield the class names that a task's config gives, and the worker's where it gives none."""
        config: ConnectorConfig = spec.config
        yield str(config.originals.get("connector.class", ""))
        for key in _CONVERTERS:
            yield str(config.originals.get(key) or getattr(self._worker, key.replace(".", "_")))
        for group, aliases in (("transforms", config.transforms), ("predicates", config.predicates)):
            yield from (str(config.originals.get(f"{group}.{alias}.type", "")) for alias in aliases)

    def _differ(self, spec: TaskSpec, name: str) -> bool:
        then, now = (host.find(name.strip(), *PluginKind) for host in (spec.plugins, self._plugins))
        return (then and then.cls) is not (now and now.cls)


def _cut_off() -> StoppingError:
    return StoppingError("the worker stops, and has not refreshed its plugins; its next start takes what there is then")


def _told(task: asyncio.Task[Report]) -> None:
    """Tell of a refresh that failed as a whole: nobody may wait for it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("plugins could not be refreshed, and stay as they were: %s", error, exc_info=error)
