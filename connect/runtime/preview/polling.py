"""Records of a source that is run for a preview: made, started, polled and stopped, and never told of a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from connect.api import Batch, ConfigError, Connector, RetriableError, SourceTask
from connect.api.connector import config_class_of
from connect.api.contract import task_configs_of
from connect.api.error_codes import register_code
from connect.runtime.border.calls import PluginTimeoutError, call
from connect.runtime.plugins import PluginDesc
from connect.runtime.preview.room import RELEASE_S, OutOfTimeError, Room
from connect.runtime.tasks.context import ConnectorContextImpl, SourceTaskContextImpl
from connect.runtime.tasks.source_task import listed
from connect.runtime.tasks.walks import singly

EFFECTS = register_code(
    "preview.effects",
    "The source does not say that a preview leaves nothing behind, so it is not run for one.",
    "Allow effects (--allow-effects, or allow_effects in the request) where it may acknowledge, lock or write "
    "something; or ask its author to declare `previews = True`.",
)

WAITING = register_code(
    "preview.waiting",
    "The source brings no record, and says what it waits for.",
    "Provide what it waits for, and ask again.",
)

#: How long polls that bring nothing go on before that is taken for the end, where the task cannot tell: as drains do.
QUIET_S: Final = 1.0
#: How long a poll may take that brings nothing; one that takes longer is told of.
POLL_S: Final = 2.0
_WAIT_S: Final = 0.005
_WAIT_S_MAX: Final = 0.1

#: Returns the committed offset of a source partition.
OffsetOf = Callable[[Mapping[str, Any]], dict[str, Any] | None]


def check_effects(desc: PluginDesc, *, allow_effects: bool) -> None:
    """Refuse a source whose class does not say that a preview leaves nothing behind.

    Raises:
        ConfigError: preview.effects.
    """
    task = desc.cls.task_class  # type: ignore[attr-defined] # it is a connector's
    if issubclass(task, SourceTask) and not task.previews and not allow_effects:
        raise ConfigError(f"{desc.name} does not say that a preview leaves nothing behind", code=EFFECTS)


async def task_config(room: Room, desc: PluginDesc, name: str, config: Mapping[str, Any]) -> dict[str, str] | None:
    """Make and start a connector for one task, and return that task's config; None where there is no work.

    It is stopped at the room's end.
    """
    context = ConnectorContextImpl(name, reconfigure=lambda: None, fail=lambda error: None)
    context.is_preview = True
    made: list[Connector] = []

    def make() -> None:
        connector = cast(Connector, desc.cls())
        connector.context = context
        made.append(connector)
        connector.configure(connector.config_class.parse(config))

    async def close() -> None:
        if made:
            await call(room.thread, made[0].close, limit_s=RELEASE_S)

    async def stop() -> None:
        context.stopping.set()
        if made:
            await call(room.thread, made[0].stop, limit_s=RELEASE_S)

    # Each by itself: one that fails, or is late, keeps none of the others back.
    room.later("closing the connector", close)
    room.later("stopping the connector", stop)
    await room.run(make)
    await room.call(made[0].start)
    configs = task_configs_of(made[0], await room.call(made[0].task_configs, 1))
    if not configs and isinstance(context.waiting_for, str):
        raise waiting(context.waiting_for)
    return configs[0] if configs else None


def waiting(told: str) -> RetriableError:
    """Return what is to be said of a source that brings nothing, and says why."""
    return RetriableError(f"it brings nothing: {told}", code=WAITING)


async def made_task(room: Room, desc: PluginDesc, context: Any, config: Mapping[str, str]) -> Any:
    """Make and configure a task; it is closed at the room's end."""
    connector_class = cast(type[Connector], desc.cls)
    made: list[Any] = []

    def make() -> None:
        task = connector_class.task_class()
        task.context = context
        made.append(task)
        task.configure(config_class_of(connector_class, connector_class.task_class).parse(config))

    async def close() -> None:
        context.stopping.set()
        if made:
            await call(room.thread, made[0].close, limit_s=RELEASE_S)

    room.later("closing the task", close)
    context.is_preview = True
    await room.run(make)
    return made[0]


class Polled:
    """The records of a source, one by one as they come."""

    def __init__(self, room: Room, desc: PluginDesc, name: str, config: Mapping[str, Any], offset: OffsetOf) -> None:
        self._room = room
        self._desc = desc
        self._name = name
        self._config = config
        self._awake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._context = SourceTaskContextImpl(name, 0, offset, wakeup=self._wake)

    @property
    def waiting_for(self) -> str | None:
        """What the task says that it cannot go on without."""
        told = self._context.waiting_for
        return told if isinstance(told, str) else None

    def _wake(self) -> None:
        with suppress(RuntimeError):  # a thread that was left behind, and the loop is closed
            self._loop.call_soon_threadsafe(self._awake.set)

    async def start(self) -> SourceTask | None:
        """Make and start connector and task; None where there is nothing to do."""
        config = await task_config(self._room, self._desc, self._name, self._config)
        if config is None:
            return None
        task = cast(SourceTask, await made_task(self._room, self._desc, self._context, config))

        async def stop() -> None:
            self._context.stopping.set()
            await call(self._room.thread, task.stop, limit_s=RELEASE_S)

        self._room.later("stopping the task", stop)
        await self._room.call(task.start)
        return task

    async def poll(self, task: SourceTask) -> list[Batch] | None:
        """Return some records, each as a batch of its own; None at the end.

        Raises:
            OutOfTimeError: The time is up.
            ConnectError: What the task raised.
        """
        clock = asyncio.get_running_loop().time
        began, wait_s = clock(), _WAIT_S
        while True:
            self._awake.clear()
            batches = await self._room.run(listed, task, await self._polled(task))
            found = [one for batch in batches for one in singly(batch)]
            if found:
                return found
            drained = self._context.drained
            if drained or (drained is None and clock() - began >= QUIET_S):
                return None
            asked_s = self._context.poll_wait_s
            await self._room.wait(self._awake, min(asked_s if asked_s is not None else wait_s, _WAIT_S_MAX))
            wait_s = min(2 * wait_s, _WAIT_S_MAX)

    async def _polled(self, task: SourceTask) -> Any:
        left_s = self._room.left_s
        try:
            return await self._room.call(task.poll_batch)
        except PluginTimeoutError:
            if left_s > POLL_S:
                raise
            raise OutOfTimeError from None  # it may rightly wait so long
