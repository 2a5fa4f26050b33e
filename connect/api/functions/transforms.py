"""A transform as one function of a record, or of a batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, overload

from connect.api.config import Config
from connect.api.functions.parameters import CONTEXT, Parameters, falls_through
from connect.api.record import Batch, Record
from connect.api.transforms import Transform


@overload
def transform(function: Callable[..., Any], /) -> type[FunctionTransform]: ...


@overload
def transform(
    *, class_name: str | None = None, aliases: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], type[FunctionTransform]]: ...


def transform(
    function: Callable[..., Any] | None = None,
    /,
    *,
    class_name: str | None = None,
    aliases: tuple[str, ...] = (),
) -> Any:
    """Make a transform of a function: of one record, `record: Record`, or of many, `batch: Batch`, by the annotation of
    its first parameter.

    It returns what `Transform.apply` or `Transform.apply_batch` does: the changed one, the same one, or None to drop
    it. It changes nothing of what it is given. Each further parameter is a key of the config, as with `source`. It is
    a plain `def`, and runs on the task's thread.

    Args:
        class_name, aliases: As those of a transform class.

    Returns:
        The transform's class; the function is its `function`.

    Raises:
        TypeError: A parameter cannot be a key of a config, the first one is not for records, or the function is no
            plain `def`, or has no `return`.
    """
    names = {"class_name": class_name, "aliases": aliases}
    if function is None:
        return lambda taken: transform_of(taken, names)
    return transform_of(function, names)


def transform_of(function: Callable[..., Any], names: Mapping[str, Any]) -> type[FunctionTransform]:
    """Return the transform's class; see `transform`."""
    parameters = Parameters(function, "transform", given=1)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        parameters.refuse("is no plain def; expected a function that returns the changed record")
    if inspect.isasyncgenfunction(function):
        parameters.refuse("is an async generator; expected a function that returns the changed record")
    if parameters.takes_context:
        parameters.refuse(f"takes {CONTEXT}, which a transform is not given")
    if falls_through(function):
        parameters.refuse("has no return, and so would drop all it is given; write: return record.replace(...)")
    form = _OfBatches if parameters.input_types[0] is Batch else _OfRecords
    made: type[FunctionTransform] = parameters.class_of(
        form, config_class=parameters.config_class(), parameters=parameters, **names
    )
    return made


class FunctionTransform(Transform):
    """What `@transform` makes a transform of."""

    function: ClassVar[Callable[..., Any]]
    parameters: ClassVar[Parameters]

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._arguments = self.parameters.arguments(config)


class _OfRecords(FunctionTransform):
    """A function of one record."""

    def apply(self, record: Record) -> Record | None:
        changed: Record | None = type(self).parameters.function(record, **self._arguments)
        return changed


class _OfBatches(FunctionTransform):
    """A function of a batch."""

    def apply_batch(self, batch: Batch) -> Batch | list[Batch] | None:
        changed: Batch | list[Batch] | None = type(self).parameters.function(batch, **self._arguments)
        return changed
