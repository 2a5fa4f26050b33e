"""A source as one function: called for each poll, or gone through where it is a generator."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, overload

from connect.api.config import config_key
from connect.api.connector import ExactlyOnceSupport, SourceConnector
from connect.api.functions.flows import ThreadFlow
from connect.api.functions.parameters import Parameters
from connect.api.functions.source_tasks import FlowTask, FunctionSourceTask, listed
from connect.api.record import Batch


@overload
def source(function: Callable[..., Any], /) -> type[FunctionSource]: ...


@overload
def source(
    *,
    interval_s: float | None = None,
    names_topics: bool = False,
    exactly_once: bool = False,
    previews: bool = False,
    class_name: str | None = None,
    aliases: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], type[FunctionSource]]: ...


def source(
    function: Callable[..., Any] | None = None,
    /,
    *,
    interval_s: float | None = None,
    names_topics: bool = False,
    exactly_once: bool = False,
    previews: bool = False,
    class_name: str | None = None,
    aliases: tuple[str, ...] = (),
) -> Any:
    """Make a source connector of a function.

    A plain function, `def` or `async def`, is called for each poll, and returns what there is now: None, an item, or a
    list of items. A generator, plain or async, yields items as they come, and may wait between them wherever it likes;
    it is gone through once, and again where `interval_s` says so or after an error that is tried again. An item is a
    record, or a tuple of a record and the offset at which the source goes on behind it, or of these and the source's
    partition. A record is a value for the topic, a `Record`, or a `Batch`. An offset is what JSON can hold; `resume`
    returns it.

    Each parameter is a key of the config: `batch_size: int = 100` is `batch.size`, and `from_` is `from`. One that is
    called `context` is given the task's `SourceTaskContext`. The key `topic` is there without being a parameter.

    `def` runs on a thread of its own and may block; what waits long waits on `context.stopping`. The source has one
    task.

    Args:
        interval_s: How long after the function's end it is begun again, in seconds; it declares the key
            `poll.interval.ms` with that default. None: a plain function is called for every poll, and a generator that
            ends is the end of the source.
        names_topics: Every record names its topic itself, so there is no key `topic`.
        exactly_once: The source gives the same records again from an offset on, so it can be delivered exactly once.
        previews: Reading leaves nothing behind outside, so `connect preview` may run it; see `SourceTask.previews`.
        class_name, aliases: As those of a connector class.

    Returns:
        The connector's class; the function is its `function`.

    Raises:
        TypeError: A parameter cannot be a key of a config.
    """
    names = {"class_name": class_name, "aliases": aliases}
    if function is None:
        return lambda taken: source_of(taken, interval_s, names_topics, exactly_once, names, previews=previews)
    return source_of(function, interval_s, names_topics, exactly_once, names, previews=previews)


def source_of(
    function: Callable[..., Any],
    interval_s: float | None,
    names_topics: bool,
    exactly_once: bool,
    names: Mapping[str, Any],
    *,
    previews: bool = False,
) -> type[FunctionSource]:
    """Return the connector's class; see `source`."""
    parameters = Parameters(function, "source")
    more: dict[str, tuple[Any, Any]] = {}
    if not names_topics:
        more["topic"] = (str, config_key("Topic to write to.", importance="high", non_empty=True))
    if interval_s is not None:
        more["poll_interval_ms"] = (
            int,
            config_key("How long to wait before reading again, in ms.", default=round(interval_s * 1000), ge=0),
        )
    config_class = parameters.config_class(**more)
    if inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function):
        from connect.api.functions import async_sources  # late: it is what needs asyncio

        form = async_sources.form_of(function)
    else:
        form = _GeneratorTask if inspect.isgeneratorfunction(function) else _CalledTask
    of_both = {"config_class": config_class, "parameters": parameters}
    of_task = {"has_topic": not names_topics, "has_interval": interval_s is not None, "previews": previews}
    task_class = parameters.class_of(form, **of_task, **of_both)
    connector_class: type[FunctionSource] = parameters.class_of(
        ExactlyOnceSource if exactly_once else FunctionSource, task_class=task_class, **of_both, **names
    )
    return connector_class


class FunctionSource(SourceConnector):
    """What `@source` makes a connector of."""

    function: ClassVar[Callable[..., Any]]
    parameters: ClassVar[Parameters]

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        return [dict(self.config.originals)]


class ExactlyOnceSource(FunctionSource):
    """The same, of a function that gives the same records again. The base says nothing of that, and is not asked."""

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """The function gives the same records again from an offset on, as its author says."""
        return ExactlyOnceSupport.SUPPORTED


class _CalledTask(FunctionSourceTask):
    """A plain function."""

    def poll_batch(self) -> list[Batch] | None:
        if pause_s := self.pause_s:
            self.context.stopping.wait(pause_s)
            return None
        given = listed(self.make())
        self.rest()
        return self.batches(given)


class _GeneratorTask(FlowTask):
    """A plain generator."""

    def poll_batch(self) -> list[Batch] | None:
        if idle_s := self.idle_s:
            self.context.stopping.wait(idle_s)
            return None
        if self._flow is None:
            self._flow = ThreadFlow(self.make, self.context.stopping, self.flow_name)
        try:
            items = self._flow.take()
        except BaseException:
            self._flow = None
            raise
        return self.taken(items)

    def stop(self) -> None:
        if self._flow is not None:
            self._flow.close()
