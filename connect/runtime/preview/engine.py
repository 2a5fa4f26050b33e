"""Previews of connector configs: checked, run in a room of their own, and told; nothing of them stays.

Theory of operation. A config is checked as a create would check it; with a problem nothing is run. A source is then
made and started with `context.is_preview`, polled for as many records as were asked for, and stopped; a sink's records
are read from its topics without a group. Each record walks alone through converters and transforms
(`connect.runtime.tasks.walks`), and a sink is asked what it would write. No producer, no consumer, no group, no store
and no metric is touched.

Plugin code runs on a thread of the preview's own, behind the border, and the time is bounded: what does not come back
is left behind and named, and with `HANGING_MAX` of those no further preview is begun.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Final

import orjson

from connect.api import ConfigError, ConnectError
from connect.api.error_codes import register_code
from connect.ports import Cluster
from connect.runtime.border.calls import PluginTimeoutError, TaskThread, Underway
from connect.runtime.border.failures import failure_of
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.clock import now_ms
from connect.runtime.connector_config import ConnectorConfig, SinkConnectorConfig
from connect.runtime.connector_context import connector_context, context_text
from connect.runtime.contracts.config import contract_config
from connect.runtime.contracts.contract import Contract
from connect.runtime.contracts.learning import Remembered
from connect.runtime.factory import (
    connector_desc,
    contract_stage,
    framework_config,
    make_converter,
    make_header_converter,
    make_stages,
)
from connect.runtime.model import ConfigInfos, PluginKind
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.preview.answers import ConfigProblem, EndedBy, Order, PreviewAnswer, Target
from connect.runtime.preview.polling import Polled, check_effects, waiting
from connect.runtime.preview.reading import Topics
from connect.runtime.preview.room import OutOfTimeError, Room
from connect.runtime.preview.target import Came, TargetPreview
from connect.runtime.providers.resolved import Resolved
from connect.runtime.secrets import REMEMBERED_CHARS_MIN, quoted_forms, secret_keys, secret_pieces, shown, without
from connect.runtime.tasks.pipeline import close_all, plugins_of
from connect.runtime.tasks.shown import Shown
from connect.runtime.tasks.walks import Fault, Walk, Walks, fault_of, singly, step_of
from connect.runtime.worker_config import WorkerConfig
from connect.stores.contracts import Known

#: Previews under way at one time; further ones are refused.
AT_ONCE_MAX: Final = 4
#: Threads of previews that do not end; with so many, further previews are refused.
HANGING_MAX: Final = 8
_TELLING_CHARS_MIN: Final = 8
#: What an answer shows, in characters, roughly.
SIZE_CHARS_MAX: Final = 4 << 20

BUSY = register_code(
    "preview.busy",
    "As many previews as the worker runs at one time are under way.",
    "Ask again in some seconds.",
)
HANGING = register_code(
    "preview.hanging",
    "Previews of before hold threads that do not end, so no further one is begun.",
    "See /v1/warnings for the plugin that does not come back; mend it, and restart the worker.",
)
ENDED = register_code(
    "preview.ended",
    "The worker stopped before the preview was done.",
    "Ask again once the worker runs.",
)
NO_LOG = register_code(
    "preview.no_log",
    "A sink's records are in topics, and there is no log to read them from; or a source is to go on where a connector "
    "is, and there is no worker that knows.",
    "Name the worker with --rest, or the directory of its log with --data-dir.",
)


class TooManyPreviewsError(ConnectError):
    """As many previews as may be are under way."""

    default_code = BUSY
    status = 429


class PreviewsUnavailableError(ConnectError):
    """No preview can be begun, or this one cannot go on."""

    default_code = HANGING
    status = 503


#: Checks a resolved config: what is wrong, to be shown, and the values.
Check = Callable[[Mapping[str, str | None]], Awaitable[tuple[ConfigInfos, Resolved]]]
#: Returns what is known of the topics of a connector of this name.
KnownOf = Callable[[str], Awaitable[Mapping[str, Known]]]
#: Returns the committed source offsets of a connector of this name and config.
Committed = Callable[[str, Mapping[str, str]], Awaitable[Iterable[tuple[Mapping[str, Any], Mapping[str, Any] | None]]]]


class Previews:
    """Runs previews. For the event loop.

    Args:
        cluster: Where a sink's topics are; None: nowhere.
        check: Resolves and checks a config.
        committed: Tells where a source is; None: there is no worker that knows.
        known: Tells what a schema contract holds records against; None: nothing is known.
    """

    def __init__(
        self,
        cluster: Cluster | None,
        plugins: PluginHost,
        worker: WorkerConfig,
        watchdog: Watchdog,
        *,
        check: Check,
        committed: Committed | None,
        known: KnownOf | None = None,
    ) -> None:
        self._cluster = cluster
        self._plugins = plugins
        self._worker = worker
        self._watchdog = watchdog
        self._check = check
        self._committed = committed
        self._known = known
        self._running: set[asyncio.Task[PreviewAnswer]] = set()
        self._hanging: set[TaskThread] = set()
        self._is_stopped = False

    async def preview(self, order: Order) -> PreviewAnswer:
        """Run one preview. Cancelling ends it; plugin code that is under way then is left to end by itself.

        Raises:
            TooManyPreviewsError, PreviewsUnavailableError: It was not begun, or was ended with the worker.
            ConfigError: It cannot be told which connector is meant.
        """
        self._hanging = {thread for thread in self._hanging if thread.is_busy}
        if self._is_stopped:
            raise PreviewsUnavailableError("the worker is stopping", code=ENDED)
        if len(self._hanging) >= HANGING_MAX:
            names = ", ".join(sorted({thread.full_name for thread in self._hanging}))
            raise PreviewsUnavailableError(f"{len(self._hanging)} previews of before do not end: {names}")
        if len(self._running) >= AT_ONCE_MAX:
            raise TooManyPreviewsError(f"{AT_ONCE_MAX} previews are under way")
        task = asyncio.create_task(self._preview(order))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and self._is_stopped:
                raise PreviewsUnavailableError("the preview was ended, since the worker stops", code=ENDED) from None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise

    def stop(self) -> None:
        """End the previews that are under way, and begin none any more. Never waits."""
        self._is_stopped = True
        for task in self._running:
            task.cancel()

    async def aclose(self) -> None:
        """As `stop`, and wait until they have released what they held: bounded by the rooms' own time."""
        self.stop()
        await asyncio.gather(*self._running, return_exceptions=True)

    # -- one preview ---------------------------------------------------------------------------------------------------

    async def _preview(self, order: Order) -> PreviewAnswer:
        began_s = time.monotonic()
        config = {"name": order.name or "preview", **order.config}
        name = str(config["name"] or order.name or "preview")
        connector_context.set(context_text(f"preview of {name}"))
        desc = connector_desc(self._plugins, config)  # raises where no class is named
        infos, resolved = await self._check(config)
        # What comes from a provider, and is no secret by its key, is hidden where it cannot be there by chance.
        values = [value for value in resolved.values.values() if len(value) >= _TELLING_CHARS_MIN]
        given = [form for value in values for form in quoted_forms(value)]
        secrets = [*given, *secret_pieces(self._plugins, resolved.written)]
        secrets += secret_pieces(self._plugins, resolved.config)
        answer: PreviewAnswer = {
            "type": "sink" if desc.kind is PluginKind.SINK else "source",
            "class": desc.name,
            "walks": [],
            "target": None,
            "problems": _problems(infos, config, secret_keys(self._plugins, config), secrets),
            "error": None,
            "ended_by": "end",
            "took_ms": 0,
        }
        if not answer["problems"]:
            show = Shown(sorted({s for s in secrets if len(s) >= REMEMBERED_CHARS_MIN}, key=len, reverse=True))
            run = _Run(self, order, name, desc, resolved.texts, show, answer)
            await run.run()
        answer["took_ms"] = round((time.monotonic() - began_s) * 1000)
        return answer

    def _left_behind(self, thread: TaskThread) -> None:
        if thread.is_busy:
            self._hanging.add(thread)


class _Run:
    """One preview's run, once its config is known to be right."""

    def __init__(
        self,
        owner: Previews,
        order: Order,
        name: str,
        desc: PluginDesc,
        config: Mapping[str, str],
        show: Shown,
        answer: PreviewAnswer,
    ) -> None:
        self._owner = owner
        self._order = order
        self._name = name
        self._desc = desc
        self._config = config
        self._show = show
        self._answer = answer
        self._at: Underway | None = None

    async def run(self) -> None:
        """Fill the answer. Raises nothing of a plugin's."""
        answer, owner = self._answer, self._owner
        room = Room(self._name, self._desc.name, owner._watchdog, self._order.timeout_ms / 1000)
        try:
            await (self._source(room) if answer["type"] == "source" else self._sink(room))
        except (OutOfTimeError, TimeoutError):
            answer["ended_by"] = "time"
        except Exception as error:
            if isinstance(error, PluginTimeoutError):
                answer["ended_by"] = "time"
            answer["error"] = self._fault(error)
        finally:
            try:
                await room.release()
            finally:
                owner._left_behind(room.thread)

    def _fault(self, error: Exception) -> Fault:
        own = error if isinstance(error, ConnectError) else failure_of(error, "a call", self._desc.name)
        fault = fault_of(own, None, self._show, method="preview")
        fault["exception"] = type(error.__cause__ or error).__name__
        return fault

    async def _contract(self) -> Contract | None:
        """Return the connector's schema contract, which learns nothing that stays."""
        config = contract_config(self._desc.cls, self._config)
        if not config.is_held:
            return None
        known = {} if self._owner._known is None else await self._owner._known(self._name)
        return Contract(config, Remembered(known), is_sink=self._desc.kind is PluginKind.SINK)

    async def _walks(self, room: Room) -> Walks:
        """Make what lies between the connector and the log, on the thread."""
        plugins, worker = self._owner._plugins, self._owner._worker
        contract = await self._contract()

        def make() -> Walks:
            framework: ConnectorConfig = framework_config(self._desc, self._config)
            stages = make_stages(plugins, framework, worker, room.stopping)
            made.extend(plugins_of(stages))
            if contract is not None:
                stages.append(contract_stage(contract))
            key, value = (
                make_converter(plugins, worker, framework, which) for which in ("key.converter", "value.converter")
            )
            made.extend((key, value))
            header = make_header_converter(plugins, worker, framework)
            made.append(header)
            return Walks(stages, key, value, header, self._show, now_ms)

        made: list[Any] = []

        async def close() -> None:
            await room.thread.run(close_all, made)

        room.later("closing the steps", close)
        walks = await room.run(make)
        room.step = walks.underway
        return walks

    def _is_full(self) -> EndedBy | None:
        if len(self._answer["walks"]) >= self._order.records:
            return "records"
        return "size" if self._show.spent_chars >= SIZE_CHARS_MAX else None

    # -- sources -------------------------------------------------------------------------------------------------------

    async def _source(self, room: Room) -> None:
        check_effects(self._desc, allow_effects=self._order.allow_effects)
        offsets: dict[str, dict[str, Any]] = {}
        if self._order.start == "committed":
            if self._owner._committed is None:
                raise ConfigError("there is no worker that knows where the connector is", code=NO_LOG)
            async with asyncio.timeout(room.left_s):
                found = await self._owner._committed(self._name, self._config)
            offsets = {_key(partition): dict(offset) for partition, offset in found if offset is not None}
        polled = Polled(room, self._desc, self._name, self._config, lambda partition: offsets.get(_key(partition)))
        walks = await self._walks(room)
        task = await polled.start()
        answer = self._answer
        while task is not None and (ended := self._is_full()) is None:
            records = await polled.poll(task)
            if records is None:
                if not answer["walks"] and (told := polled.waiting_for):
                    raise waiting(told)
                return
            for batch in records:
                if self._is_full() is not None:
                    break
                number = len(answer["walks"])
                walk, _ = await room.run(walks.of_source, number, batch)
                answer["walks"].append(walk)
        if task is not None and ended is not None:
            answer["ended_by"] = ended

    # -- sinks ---------------------------------------------------------------------------------------------------------

    async def _sink(self, room: Room) -> None:
        if self._owner._cluster is None:
            raise ConfigError("a sink's records are in topics, and there is no log to read them from", code=NO_LOG)
        framework = framework_config(self._desc, self._config)
        assert isinstance(framework, SinkConnectorConfig)
        answer, came = self._answer, list[Came]()
        walks = await self._walks(room)
        topics = Topics(self._owner._cluster, self._owner._worker, framework, self._name)
        async with asyncio.timeout(room.left_s):
            found = await topics.read(self._order.records, self._order.start)
        target = TargetPreview(room, self._desc, self._name, self._config, self._show)
        try:
            for batch in found.batches:
                if self._is_full() == "size":
                    break
                number = len(answer["walks"])
                walk, parts = await room.run(walks.of_sink, number, batch)
                answer["walks"].append(walk)
                singles = [one for part in parts for one in singly(part)]
                came += zip([number] * len(singles), singles, walk["steps"][-1]["records"], strict=True)
            answer["ended_by"] = self._is_full() or "end"
            answer["target"] = await target.written(came, found.note)
        finally:
            self._told(answer["walks"], target)
            if answer["target"] is None:
                answer["target"] = Target(kind="none", items=[], note=found.note)

    def _told(self, walks: list[Walk], target: TargetPreview) -> None:
        """Put what the sink refuses at the end of the walks of its records."""
        for index, fault in target.faults.items():
            step = step_of("task", [], plugin=self._desc.name)
            step["error"] = fault
            walks[index]["steps"].append(step)


def _key(partition: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(partition), option=orjson.OPT_SORT_KEYS, default=str).decode()


def _problems(
    infos: ConfigInfos, given: Mapping[str, str | None], secret: Collection[str], secrets: Collection[str]
) -> list[ConfigProblem]:
    """Return what is wrong, with the values at fault, as they were given, where they are no secrets."""
    found = list[ConfigProblem]()
    for info in infos.configs:
        name = info.value.name
        for message in info.value.errors[:1]:  # the others follow from it: what is no number is null, too
            problem: ConfigProblem = {"name": name, "message": without(message, secrets)}
            if (value := given.get(name)) is not None:
                problem["value"] = shown(value, secret=name in secret)
            found.append(problem)
    return found
