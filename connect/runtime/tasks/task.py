"""What source and sink tasks share: the life of a task around its loop.

A runner is one asyncio task. It makes the plugin's task, starts it, runs the loop until it is asked to stop or fails,
and always stops, closes and releases. What goes wrong ends in the status, cause first; nothing escapes to the worker
but cancellation. Plugin code is reached through the border (`calls.py`) alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from connect.api import ConnectError, Connector, PluginError, RetriableError, Task
from connect.api.connector import config_class_of
from connect.api.errors import ProducerFencedError
from connect.runtime.backoff import wait_ms_of
from connect.runtime.border.calls import PluginTimeoutError, TaskThread, call
from connect.runtime.border.failures import PLUGIN_FAILED, cause_of, failure_of, told
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.connector_config import DeadLetterConfig
from connect.runtime.connector_context import connector_context, context_text
from connect.runtime.contracts.config import contract_config
from connect.runtime.contracts.contract import Contract
from connect.runtime.contracts.learning import Learning
from connect.runtime.model import State, TaskProgress
from connect.runtime.providers.resolved import Resolved
from connect.runtime.rates import RateConfig
from connect.runtime.secrets import redact
from connect.runtime.states import INITIAL, Event, after
from connect.runtime.tasks.asked import Asked
from connect.runtime.tasks.context import SinkTaskContextImpl, SourceTaskContextImpl
from connect.runtime.tasks.dead_letters import DeadLetterQueue
from connect.runtime.tasks.failures import Failure, told_to_observers
from connect.runtime.tasks.gauges import Gauges
from connect.runtime.tasks.meter import TaskMeter
from connect.runtime.tasks.pacing import Pace
from connect.runtime.tasks.pipeline import Pipeline
from connect.runtime.tasks.sampling import Sampler, StageCount
from connect.runtime.tasks.spec import Surroundings, TaskSpec
from connect.runtime.tasks.tolerance import Interrupted, Tolerance

#: The least that releasing a plugin may take, however late it is.
RELEASE_S = 0.2


class TaskRunner(ABC):
    """The life of one task. `run` is awaited once; `stop`, `pause` and `resume` may come from anywhere on the loop.

    These three only ask, and never wait: what is in flight is finished first.
    """

    _plugin: Task  # made by `run`, on the thread

    def __init__(
        self, spec: TaskSpec, around: Surroundings, context: SourceTaskContextImpl | SinkTaskContextImpl
    ) -> None:
        self.spec = spec
        self.id = spec.id
        self.around = around
        self.context = context
        self.state = INITIAL
        self.failure: Exception | None = None
        self.records = 0
        self.size_bytes = 0
        self.pace = Pace(spec.limit)
        self.bytes_max = RateConfig.parse(spec.config.originals).task_max_inflight_bytes
        #: What the task does, in figures. Plain numbers that whoever asks may read from any thread.
        self.meter = TaskMeter()
        self.log = logging.getLogger("connect.runtime.tasks.task")
        self._gauges = Gauges(self.context.log)
        self.thread = TaskThread(
            f"connect-{spec.id}",
            who=f"task {spec.id}",
            plugin=spec.desc.name,
            watch=around.watchdog,
            deadline_s=around.worker.plugin_call_timeout_ms / 1000,
        )
        self.tolerance: Tolerance | None = None
        self.stop_by: float | None = None
        #: Why what is waited for has failed: '' is a call of the plugin, anything else is named by what is done.
        self._waits: dict[str, str] = {}
        #: The connector's config with the values of its references, where it has any.
        self._resolved: Resolved | None = None
        self.asked = Asked()
        self._is_made = False
        self._is_late = False
        self._pipeline: Pipeline | None = None
        self._dead_letters: DeadLetterQueue | None = None
        self._log_released = False
        self._sampler: Sampler | None = None

    # -- from outside ----------------------------------------------------------------------------------------------

    def stop(self, by: float | None = None) -> None:
        """Ask the task to finish what is in flight and end.

        Args:
            by: When it will be cancelled if it has not ended, in the event loop's time.
        """
        self.stop_by = by
        self.context.stopping.set()
        self.asked.stop()

    def pause(self) -> None:
        """Ask the task to stand still after what is in flight."""
        self.asked.pause()

    def resume(self) -> None:
        """Let the task go on."""
        self.asked.resume()

    def progress(self) -> TaskProgress:
        """How far the task has come."""
        skipped = self.tolerance.skipped if self.tolerance else 0
        told = self.context.waiting_for  # by the plugin, who may have set it to anything
        waiting_for = next(iter(self._waits.values()), None) or (told if isinstance(told, str) else None)
        waiting_for = waiting_for or self.log_trouble()
        throttled = self.state is State.RUNNING and self.pace.is_throttled
        if waiting_for is not None:
            waiting_for = self._hidden(waiting_for)
        is_ended = self.state is State.FAILED  # its figures are of a plugin that is no more
        gauges = {} if is_ended else self._gauges.read(self.context.gauges)
        return TaskProgress(
            self.id,
            self.state,
            self.records,
            self.size_bytes,
            skipped,
            waiting_for,
            throttled,
            gauges,
            drained=self.is_drained,
        )

    @property
    def is_drained(self) -> bool:
        """Whether a source task has brought all that there was; never of a sink task."""
        return False

    @property
    def partition_count(self) -> int:
        """How many partitions of topics the task reads; 0 of a source."""
        return 0

    @property
    def in_hand_bytes(self) -> int:
        """Bytes of records that the task has taken and not handed on yet; 0 where that is not known."""
        return 0

    def log_trouble(self) -> str | None:
        """Return why the log gives nothing just now; None where that is not known."""
        return None

    def sample(self) -> Sampler | None:
        """Have some records looked at from now on for `sampling.ASKED_S`; None where it has no steps to look at yet, or
        any more."""
        pipeline = self._pipeline
        if pipeline is None or self.state not in (State.RUNNING, State.PAUSED):
            return None
        if self._sampler is None:
            self._sampler = Sampler(self.id)
        self._sampler.ask()
        pipeline.sampler = self._sampler
        return self._sampler

    def stage_counts(self) -> list[StageCount]:
        """What went through each stage since the task began; empty where it has none yet."""
        if self._pipeline is None:
            return []
        is_sink = isinstance(self.context, SinkTaskContextImpl)
        taken, sent = self.meter.read_total, self.meter.sent_total
        return self._pipeline.stage_counts(taken, sent, is_sink=is_sink, plugin=self.spec.desc.name)

    # -- the life --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live until stopped or failed. One that ends in any other way is FAILED too, never left as RUNNING.

        Raises nothing of the plugin's: that ends in the status. Cancelled, it commits nothing more, and still stops the
        plugin and gives back the log's side.
        """
        connector_context.set(context_text(self.id.connector, self.id.task))
        self._event(Event.START)
        try:
            self._check_overrides()
            await self._resolve()
            await self.thread.bounded(self.thread.deadline_s, self._make)
            await self._prepare()
            self.thread.step = self._pipeline.underway if self._pipeline is not None else self.thread.step
            await self._start_plugin()
            if not self.stopping:
                self._event(Event.STARTED)
                await self._loop()
                if not self.stopping:
                    raise ConnectError(f"task {self.id} ended without being asked to", code="internal")
        except Exception as error:  # a plugin may raise anything; it ends here, in the status
            self._failed(error)
        except asyncio.CancelledError:
            if not self.stopping and not _was_cancelled():
                self._failed(ConnectError(f"task {self.id} was cancelled by nobody of the worker", code="internal"))
            else:
                raise
        finally:
            self.context.stopping.set()
            await self._release_all()

    def _check_overrides(self) -> None:
        """Refuse to start with what the worker's policy does not allow: the config may be of before that."""
        originals = self.spec.config.originals
        self.around.worker.override_policy.check(self.spec.desc.kind, originals)

    async def _resolve(self) -> None:
        """Take the values of now for the references of the configs."""
        if (origin := self.spec.origin) is not None:
            self._resolved = resolved = await self.around.providers.resolve(origin.config)
            self.spec = self.spec.with_values(resolved)

    def _make(self) -> None:
        """Make and configure the plugin's task, on the thread: constructors and configs are plugin code too."""
        connector_class = cast(type[Connector], self.spec.desc.cls)
        task_class = connector_class.task_class
        made = task_class()
        made.context = self.context
        self._plugin, self._is_made = made, True
        made.configure(config_class_of(connector_class, task_class).parse(self.spec.task_config))

    async def contract(self) -> Contract | None:
        """Make the task's schema contract, with what is known by now; None where the config holds nothing."""
        config = contract_config(self.spec.desc.cls, self.spec.config.originals)
        if not config.is_held:
            return None
        await self.around.contracts.open()
        known = Learning(
            self.around.contracts,
            self.id.connector,
            asyncio.get_running_loop(),
            self.asked.interrupted,
            by=f"task {self.id.task}",
        )
        is_sink = isinstance(self.context, SinkTaskContextImpl)
        return Contract(config, known, is_sink=is_sink, log=self.log.warning)

    async def set_up(self, make: Callable[[], tuple[Pipeline, Tolerance]]) -> Pipeline:
        """Make the pipeline's plugins on the thread, and the rules for what fails."""
        pipeline, tolerance = await self.thread.bounded(self.thread.deadline_s, make)
        tolerance.on_failed = self._tell_failed
        tolerance.meter = self.meter
        self.tolerance = tolerance
        return pipeline

    def producer_configs(self) -> dict[str, Any]:
        """Return what the worker and the connector say of the task's producers."""
        return {
            **strip_prefix(self.around.worker.originals, "producer."),
            **strip_prefix(self.spec.config.originals, "producer.override."),
        }

    async def open_dead_letters(self) -> DeadLetterQueue | None:
        """Make the way into the dead letter queue, where the config names one."""
        configs = self.producer_configs()
        configs.pop("transactional.id", None)  # letters are in no transaction
        configs["max.request.size"] = _LETTER_BYTES_MAX  # one may be a letter because it was too large
        self._dead_letters = await DeadLetterQueue.open(
            DeadLetterConfig.parse(self.spec.config.originals),
            self.id,
            self.around.cluster,
            configs,
            self.wait_for_letters,
            self.meter,
        )
        return self._dead_letters

    async def wait_for_letters(self, error: ConnectError, tries: int, doing: str) -> bool:
        """Wait before letters are sent again; return False once the task is to stop."""
        return await self.retry_wait(error, tries, doing=doing)

    async def close_dead_letters(self) -> None:
        """Give it back."""
        if self._dead_letters is not None:
            await self._dead_letters.aclose()

    @abstractmethod
    async def _prepare(self) -> None:
        """Make what the loop needs, before the plugin starts."""

    @abstractmethod
    async def _loop(self) -> None:
        """Move records until `stopping`; on a clean stop, flush and commit."""

    @abstractmethod
    async def _release(self) -> None:
        """Give back what `_prepare` made."""

    @property
    def stopping(self) -> bool:
        """Whether the task was asked to end."""
        return self.asked.is_stopping

    @property
    def pausing(self) -> bool:
        """Whether a pause was asked for."""
        return self.asked.is_pausing

    async def pause_point(self) -> None:
        """Stand still here while paused."""
        if self.pausing and not self.stopping:
            self._event(Event.PAUSE)
            await self.asked.resumed.wait()
            if not self.stopping:
                self._event(Event.RESUME)

    async def retry_wait(
        self,
        error: ConnectError,
        tries: int,
        *,
        wait_ms: int | None = None,
        doing: str = "",
        until_pause: bool = False,
        is_kept: bool = False,
    ) -> bool:
        """Wait before a call is made again; return False once the task is to stop.

        Says the first failure, then every tenth. A status shows the failure of a plugin's call until the call has
        succeeded, or is given up (`went_on`): it may take much longer to fail than it waits.

        Args:
            tries: How often the call was made again already.
            wait_ms: How long; left out, what the error asks for, or the back-off.
            doing: What is tried, where it is not a call of the plugin.
            until_pause: A pause ends the wait, too.
            is_kept: It is shown until `went_on`, as that of a plugin's call is.
        """
        if wait_ms is None:
            wait_ms = wait_ms_of(error, tries, max_ms=self.spec.config.errors_retry_delay_max_ms)
        if tries % 10 == 0:
            what = f"{doing}: " if doing else ""
            self.log.warning("%stry %d failed, next in %d ms: %s", what, tries + 1, wait_ms, error.message)
        self._waits[doing] = error.message
        try:
            if not until_pause:
                return not await self.asked.wait_stopping(wait_ms / 1000)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    await self.asked.either.wait()
            return not self.stopping
        finally:
            if doing and not is_kept:
                self._waits.pop(doing, None)

    def went_on(self, doing: str = "") -> None:
        """Take note that a call of the plugin, or what else was done, has succeeded, or was given up. What else is
        waited for goes on."""
        self._waits.pop(doing, None)

    async def all_steps(self, *steps: Callable[[], Awaitable[object]]) -> None:
        """Do each step of a loop and its end, whatever those before it raise.

        Raises what the first raised that failed; what others raise is logged. One that a stop interrupts has not
        failed: no offset covers what was in hand.
        """
        failure: Exception | None = None
        for step in steps:
            try:
                await step()
            except Interrupted:
                pass
            except Exception as error:
                if failure is not None:
                    self.log.error("and then: %s: %s", type(error).__name__, error)
                failure = failure or error
        if failure is not None:
            raise failure

    async def _start_plugin(self) -> None:
        tries = 0
        while not self.stopping:
            try:
                await call(self.thread, self._plugin.start)
                self.went_on()
                return
            except RetriableError as error:
                await self.retry_wait(error, tries)
                tries += 1

    async def _release_all(self) -> None:
        # Each step on its own: a plugin whose stop fails or hangs must not keep the log's side open.
        steps: list[Callable[[], Awaitable[Any]]] = [self.release_log]
        if self._is_made:
            steps.insert(0, lambda: call(self.thread, self._plugin.stop, limit_s=self._release_s()))
        if (pipeline := self._pipeline) is not None:
            steps.append(lambda: self.thread.bounded(self._release_s(), pipeline.close))
        if self._is_made:
            steps.append(lambda: self.thread.bounded(self._release_s(), self._plugin.close))
        try:
            for release in steps:
                try:
                    await release()
                except PluginTimeoutError as error:  # what follows waits behind it, and is done if it ever comes back
                    self._is_late = True
                    self.log.error("left behind: %s", error)
                except Exception as error:
                    self.log.error("releasing failed: %s", error, exc_info=True)
        finally:
            self.thread.close()

    async def release_log(self) -> None:
        """Give back the log's side, once; also from outside, where the plugin does not let the runner go on."""
        if not self._log_released:
            self._log_released = True
            await self._release()

    async def abandon(self, task: asyncio.Task[None]) -> None:
        """Give the log's side back where a coroutine of the plugin, though cancelled, keeps `run` from it.

        Args:
            task: What runs `run`.
        """
        underway = self.thread.underway()
        self.around.watchdog.stray(self.thread.full_name, underway.what if underway else "a call", task)
        await self.release_log()

    def _release_s(self) -> float:
        """How long the next step of releasing may take."""
        if self._is_late:
            return 0.01
        if self.thread.is_busy:  # in a call that did not come back
            return RELEASE_S
        if self.stop_by is None:
            return min(self.thread.deadline_s, self.around.worker.task_shutdown_graceful_timeout_ms / 1000)
        return max(RELEASE_S, self.stop_by - asyncio.get_running_loop().time())

    def _event(self, event: Event, trace: str | None = None) -> None:
        self.state = after(self.state, event)
        self.meter.shares.enter(self.state.value)
        # One that was told to stop is no longer what its number stands for: the next runner may be there already.
        if not self.stopping:
            self.around.on_event(self.id, event, trace)

    def ended(self, task: asyncio.Task[None]) -> None:
        """Take note of the end of `run`: one that nobody asked for is a failure, whatever it came from."""
        error = None if task.cancelled() else task.exception()
        if self.stopping or self.state is State.FAILED:
            return
        if task.cancelled():
            error = PluginError(
                f"the task was cancelled by code that is not the worker's ({self.thread.full_name})", code=PLUGIN_FAILED
            )
        cause = error if isinstance(error, Exception) else ConnectError(f"task {self.id} ended without being asked to")
        self._failed(cause)

    def tell(self, hook: str, **arguments: Any) -> None:
        """Tell observers of this task. From any thread; never waits."""
        self.around.observers.tell(hook, connector=self.id.connector, task=self.id.task, **arguments)

    def tell_delivered(self, topic: str, partition: int | None, records: int, size_bytes: int) -> None:
        """Tell observers of a batch: once a batch, so it must cost nothing where nobody hears."""
        if self.around.observers.wants("connect_batch_delivered"):
            self.tell(
                "connect_batch_delivered", topic=topic, partition=partition, records=records, size_bytes=size_bytes
            )

    def _tell_failed(self, failure: Failure, skipped: bool) -> None:
        if self.around.observers.wants("connect_record_failed"):
            told = told_to_observers(failure.error, failure.stage, failure.batch, failure.index)
            self.tell("connect_record_failed", **told, skipped=skipped)

    def _hidden(self, text: str) -> str:
        """Return a text for the status without what a config provider gave."""
        return text if self._resolved is None else self._resolved.hide_in_status(text)

    def _failed(self, error: Exception) -> None:
        cause = cause_of(error)
        self.failure = cause if isinstance(cause, Exception) else failure_of(cause, "a call", self.thread.full_name)
        trace = self._hidden(render_trace(self.failure))
        # To be shut out comes with every freeze and every cut connection: the calls that led there tell nothing more.
        is_ordinary = isinstance(self.failure, ProducerFencedError)
        self.log.error("task failed: %s", trace.partition("\nTraceback ")[0] if is_ordinary else trace)
        self._event(Event.FAIL, trace)


#: What a dead letter may take as far as its producer is concerned: the topic's `max.message.bytes` has the say.
_LETTER_BYTES_MAX: Final = str(100 << 20)


def _was_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def render_trace(error: BaseException) -> str:
    """Return a failure as a status shows it: the cause and what to do first, then the whole traceback."""
    lines = [told(error)]
    if isinstance(error, ConnectError):
        lines[0] = f"{error.message} [{error.code}]"
        if error.hint:
            lines.append(f"hint: {error.hint}")
    return redact("\n".join([*lines, "".join(traceback.format_exception(error)).rstrip()]))
