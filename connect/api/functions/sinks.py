"""A sink as one function: called with records, or sent them where it is a generator."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, overload

from connect.api.connector import SinkConnector, SinkTask
from connect.api.contract import refuse
from connect.api.errors import PluginError
from connect.api.functions.parameters import CONTEXT, Parameters
from connect.api.record import Batch, Record


@overload
def sink(function: Callable[..., Any], /) -> type[FunctionSink]: ...


@overload
def sink(
    *, class_name: str | None = None, aliases: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], type[FunctionSink]]: ...


def sink(
    function: Callable[..., Any] | None = None,
    /,
    *,
    class_name: str | None = None,
    aliases: tuple[str, ...] = (),
) -> Any:
    """Make a sink connector of a function.

    A function, `def` or `async def`, is called with records, and what it wrote is there when it returns. Its first
    parameter says in which form: `records: list[Record]`, or `batch: Batch`, by its annotation. A generator, plain or
    async, opens what it needs, and is then sent records by each of its `yield`s: `records = yield`. What it was sent is
    there when it comes to the next one. It is closed at its `yield`, so `with` and `finally` clean up; after an error
    the next records begin it anew. `Generator[None, Batch, None]` and `AsyncGenerator[None, Batch]` as what it returns
    say that it is sent batches.

    Each further parameter is a key of the config, as with `source`; one that is called `context` is given the task's
    `SinkTaskContext`. As with `SinkTask.put`, a `RetriableError` has the same records come again, and a `DataError` is
    up to `errors.tolerance`; nothing of a call that raises may stay.

    Args:
        class_name, aliases: As those of a connector class.

    Returns:
        The connector's class; the function is its `function`.

    Raises:
        TypeError: A parameter cannot be a key of a config.
    """
    names = {"class_name": class_name, "aliases": aliases}
    if function is None:
        return lambda taken: sink_of(taken, names)
    return sink_of(function, names)


def sink_of(function: Callable[..., Any], names: Mapping[str, Any]) -> type[FunctionSink]:
    """Return the connector's class; see `sink`."""
    is_generator = inspect.isgeneratorfunction(function)
    is_async_generator = inspect.isasyncgenfunction(function)
    parameters = Parameters(function, "sink", given=0 if is_generator or is_async_generator else 1)
    if is_generator:
        form: type[FunctionSinkTask] = _GeneratorTask
    elif is_async_generator:
        form = _AsyncGeneratorTask
    elif inspect.iscoroutinefunction(function):
        form = _AwaitedTask
    else:
        form = _CalledTask
    sent = (*typing.get_args(parameters.returned), None, None)[1]
    wanted = parameters.input_types[0] if parameters.inputs else sent
    if wanted is Record:
        parameters.refuse("takes one record; expected all that come together: records: list[Record], or batch: Batch")
    of_both = {"config_class": parameters.config_class(), "parameters": parameters}
    task_class = parameters.class_of(form, takes_batches=wanted is Batch, **of_both)
    made: type[FunctionSink] = parameters.class_of(FunctionSink, task_class=task_class, **of_both, **names)
    return made


class FunctionSink(SinkConnector):
    """What `@sink` makes a connector of."""

    function: ClassVar[Callable[..., Any]]
    parameters: ClassVar[Parameters]


class FunctionSinkTask(SinkTask):
    """What the forms of a function have in common: its arguments, and the form of what it is given."""

    parameters: ClassVar[Parameters]
    takes_batches: ClassVar[bool]

    def arguments(self) -> dict[str, Any]:
        """Return what the function is called with beside the records."""
        arguments = self.parameters.arguments(self.config)
        if self.parameters.takes_context:
            arguments[CONTEXT] = self.context
        return arguments

    def form_of(self, batch: Batch) -> Any:
        """Return a batch in the form that the function takes."""
        return batch if self.takes_batches else list(batch.records())


class _CalledTask(FunctionSinkTask):
    """A plain function."""

    def put_batch(self, batch: Batch) -> None:
        _nothing(self, type(self).parameters.function(self.form_of(batch), **self.arguments()))


class _AwaitedTask(FunctionSinkTask):
    """An `async def` function."""

    async def put_batch(self, batch: Batch) -> None:
        _nothing(self, await type(self).parameters.function(self.form_of(batch), **self.arguments()))


class _GeneratorTask(FunctionSinkTask):
    """A plain generator."""

    _generator: Any = None

    def start(self) -> None:
        self._open()

    def put_batch(self, batch: Batch) -> None:
        if self._generator is None:
            self._open()
        try:
            _nothing(self, self._generator.send(self.form_of(batch)))
        except StopIteration:
            self._generator = None
            raise _ended(self, "came to its end within a put") from None
        except BaseException:
            self._generator = None
            raise

    def stop(self) -> None:
        if self._generator is not None:
            self._generator.close()

    def _open(self) -> None:
        generator = type(self).parameters.function(**self.arguments())
        try:
            _nothing(self, next(generator))
        except StopIteration:
            raise _ended(self, "ended without a yield") from None
        self._generator = generator


class _AsyncGeneratorTask(FunctionSinkTask):
    """An async generator."""

    _generator: Any = None

    async def start(self) -> None:
        await self._open()

    async def put_batch(self, batch: Batch) -> None:
        if self._generator is None:
            await self._open()
        try:
            _nothing(self, await self._generator.asend(self.form_of(batch)))
        except StopAsyncIteration:
            self._generator = None
            raise _ended(self, "came to its end within a put") from None
        except BaseException:
            self._generator = None
            raise

    async def stop(self) -> None:
        if self._generator is not None:
            await self._generator.aclose()

    async def _open(self) -> None:
        generator = type(self).parameters.function(**self.arguments())
        try:
            _nothing(self, await anext(generator))
        except StopAsyncIteration:
            raise _ended(self, "ended without a yield") from None
        self._generator = generator


def _ended(task: FunctionSinkTask, how: str) -> PluginError:
    return PluginError(f"{type(task).__qualname__} {how}; expected a loop around its yield: while True: … = yield")


def _nothing(task: FunctionSinkTask, given: Any) -> None:
    if given is not None:
        refuse(task, "function", given, "nothing: what it was given is written when it comes back")
