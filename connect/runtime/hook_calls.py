"""Calls of plugins' hooks: through pluggy, and across the border.

Theory of operation. pluggy decides who is called, in which order, and what wraps what. It is given functions of ours
around the plugins' own, which take each step into a plugin under a deadline and under its name, and never raise: so one
plugin that fails spoils no call of the others, nor what wraps them. A hook that returns classes runs each step on a
thread of its own, since it may never come back; one that observes runs on the thread of `Observers`, which is watched.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import logging
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import pluggy

from connect.api import Connector, PluginError, Transform, hooks
from connect.runtime.border.calls import aside, within
from connect.runtime.border.failures import told

logger = logging.getLogger(__name__)

_MARK: Final = f"{hooks.PROJECT}_impl"
#: Every hook there is.
HOOKS: Final = tuple(name for name, found in vars(hooks).items() if hasattr(found, f"{hooks.PROJECT}_spec"))
#: Those that return classes; the others observe.
CLASS_HOOKS: Final = tuple(
    name for name in HOOKS if inspect.signature(getattr(hooks, name)).return_annotation != "None"
)
OBSERVING_HOOKS: Final = tuple(name for name in HOOKS if name not in CLASS_HOOKS)

#: Runs one step of a plugin's code and returns what it returned; raises an Exception for whatever was raised.
Step = Callable[..., Any]
#: Looks at what a plugin returned. There is none for a hook that observes: nobody asks what it returns.
Look = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin that was imported, and its hooks: functions with @hookimpl by the names that they have in it."""

    name: str
    origin: str
    functions: Mapping[str, Callable[..., Any]]
    version: str | None = None


def functions_of(name: str, plugin: object) -> dict[str, Callable[..., Any]]:
    """Return a plugin's functions with @hookimpl, each of them sound. Reads attributes, which runs its code.

    A hook's function that has no @hookimpl is not taken; the log tells of it, where the plugin has others that are.

    Raises:
        PluginError: There is no such hook; a function is `async def`, or takes what the hook does not give.
    """
    found: dict[str, Callable[..., Any]] = {}
    unmarked: list[str] = []
    for attribute in dir(plugin):
        function = getattr(plugin, attribute, None) if not attribute.startswith("__") else None
        if not inspect.isroutine(function):
            continue
        if isinstance(getattr(function, _MARK, None), dict):
            _check(name, attribute, function)
            found[attribute] = function
        elif attribute in HOOKS:
            unmarked.append(attribute)
    for hook in unmarked if found else ():  # a plugin without any is left out, and told of for that
        logger.warning(
            "plugin %s defines %s without @hookimpl, so it is not called: write @hookimpl above it", name, hook
        )
    return found


def short_forms_of(name: str, plugin: object) -> dict[str, Callable[..., Any]]:
    """Return hooks that give a module's short forms: what it made by `@source`, `@sink` or `@transform`, itself or in
    a module of its own package. Where it has hooks that return them too, they count once."""
    home = getattr(plugin, "__name__", None)
    if not isinstance(plugin, ModuleType) or not isinstance(home, str):
        return {}
    classes = [
        found
        for found in vars(plugin).values()
        if isinstance(found, type)
        and vars(found).get("is_short_form") is True
        and (found.__module__ == home or found.__module__.startswith(f"{home}."))
    ]
    bases = {"connect_connectors": Connector, "connect_transforms": Transform}
    given = {hook: [cls for cls in classes if issubclass(cls, base)] for hook, base in bases.items()}
    return {f"short_forms_{hook}": giving(hook, found) for hook, found in given.items() if found}


def giving(hook: str, classes: list[type]) -> Callable[[], list[type]]:
    """Return a function of a hook that gives these classes."""

    @hooks.hookimpl(specname=hook)
    def give() -> list[type]:
        return classes

    return give


def unmarked_of(plugin: object) -> list[str]:
    """Return the hooks that a plugin defines and has not marked."""
    return [hook for hook in HOOKS if not hasattr(getattr(plugin, hook, None), _MARK) and hasattr(plugin, hook)]


def _check(name: str, attribute: str, function: Callable[..., Any]) -> None:
    hook = _hook_of(attribute, function)
    if hook not in HOOKS:
        near = difflib.get_close_matches(hook, HOOKS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(HOOKS)}"
        raise PluginError(f"plugin {name} has @hookimpl above {hook}, which is no hook; {meant}")
    if inspect.iscoroutinefunction(function):
        raise PluginError(f"plugin {name}: {hook} is `async def`; a hook is a plain `def`, since nobody awaits it")
    if _is_wrapper(function) and not inspect.isgeneratorfunction(function):
        raise PluginError(f"plugin {name}: {hook} wraps others, so it must `yield` once; it does not")
    given = list(inspect.signature(getattr(hooks, hook)).parameters)
    odd = [taken for taken in _taken_of(function) if taken not in given]
    if odd:
        known = f"some of {', '.join(given)}" if given else "no argument"
        raise PluginError(f"plugin {name}: {hook} takes {odd[0]!r}, which the hook does not give; expected {known}")


class _Manager(pluggy.PluginManager):
    """Looks at hooks alone, and at nothing else that a module or an object has: that is most of what it takes."""

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> pluggy.HookspecOpts | None:
        return super().parse_hookspec_opts(module_or_class, name) if name in HOOKS else None

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        return None if name.startswith("__") else super().parse_hookimpl_opts(plugin, name)


class HookCalls:
    """The hooks of some plugins, in the order in which these were loaded. Does not change once it is made.

    Attributes:
        broken: Of hooks that return classes: what failed, by the plugin's name.
        observing: The observing hooks that somebody has.

    Args:
        timeout_s: How long a step of a hook that returns classes may take.
        take: Looks at what a plugin returned, a list of classes. Raises `PluginError` for anything else.
    """

    def __init__(
        self, plugins: Sequence[Loaded], *, timeout_s: float, take: Callable[[Loaded, str, Any], None]
    ) -> None:
        self.broken: dict[str, Exception] = {}
        self._local = threading.local()
        self._timeout_s = timeout_s
        self._take = take
        self._complained: set[tuple[str, str]] = set()
        self._manager = _Manager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        for plugin in reversed(plugins):  # pluggy calls the last one first
            functions = {attribute: self._ours(plugin, attribute) for attribute in plugin.functions}
            self._manager.register(SimpleNamespace(**functions), plugin.name)
        self.observing = frozenset(name for name in OBSERVING_HOOKS if self._caller(name).get_hookimpls())

    def classes(self, hook: str) -> list[type]:
        """Call a hook that returns classes; return them in the order of the calls, each once."""
        found = [cls for classes in self._caller(hook)() for cls in classes]
        return list(dict.fromkeys(found))

    def tell(self, hook: str, arguments: Mapping[str, Any], hears: Callable[[str], bool]) -> None:
        """Call an observing hook, on the thread of the observers. What an observer raises is logged.

        Args:
            hears: Whether a plugin of this name is called; asked right before each is.
        """
        self._local.hears = hears
        self._caller(hook)(**arguments)

    def _caller(self, hook: str) -> pluggy.HookCaller:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return caller

    # -- around the plugins' functions -----------------------------------------------------------------------------

    def _ours(self, plugin: Loaded, attribute: str) -> Callable[..., Any]:
        function = plugin.functions[attribute]
        hook = _hook_of(attribute, function)
        ours = self._observing(plugin, hook) if hook in OBSERVING_HOOKS else self._returning(plugin, hook)
        return _wrapping(function, *ours) if _is_wrapper(function) else _called(function, *ours)

    def _returning(self, plugin: Loaded, hook: str) -> tuple[Step, Look, Callable[[Exception], None]]:
        def step(function: Callable[..., Any], *args: Any) -> Any:
            return aside(functools.partial(function, *args), self._timeout_s, f"{hook}-{plugin.name}")

        def look(result: Any) -> None:
            step(self._take, plugin, hook, result)

        def failed(error: Exception) -> None:
            self.broken.setdefault(plugin.name, error)

        return step, look, failed

    def _observing(self, plugin: Loaded, hook: str) -> tuple[Step, None, Callable[[Exception], None]]:
        def step(function: Callable[..., Any], *args: Any) -> Any:
            if not self._local.hears(plugin.name):
                raise _Silent
            return within(plugin.name, hook, function, *args)

        def failed(error: Exception) -> None:
            if not isinstance(error, _Silent) and (plugin.name, hook) not in self._complained:
                self._complained.add((plugin.name, hook))
                logger.error(
                    "plugin %s failed to take %s; told once: %s", plugin.name, hook, told(error), exc_info=error
                )

        return step, None, failed


class _Silent(Exception):
    """The plugin is called no more."""


def _called(
    function: Callable[..., Any], step: Step, look: Look | None, failed: Callable[[Exception], None]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(*args: Any) -> Any:
        try:
            result = step(function, *args)
            if look is not None:
                look(result)
        except Exception as error:
            failed(error)
            return None  # which pluggy leaves out
        return result

    return called


def _wrapping(
    function: Callable[..., Any], step: Step, look: Look | None, failed: Callable[[Exception], None]
) -> Callable[..., Any]:
    """Go around a wrapper, of pluggy's new form or of the old one: one that fails changes nothing."""
    is_old = getattr(function, _MARK)["hookwrapper"]

    @functools.wraps(function)
    def around(*args: Any) -> Generator[None, Any, Any]:
        try:
            generator = step(function, *args)
            step(next, generator)
        except Exception as error:
            failed(error)
            return (yield)
        outcome = yield
        given = outcome.get_result() if is_old else outcome
        try:
            result = step(_finish, generator, outcome)
            if is_old:
                result = step(outcome.get_result)  # which may be an exception
            if look is None:
                return given
            for one in _listed(result):
                look(one)
        except Exception as error:
            failed(error)
            if is_old:
                outcome.force_result(given)
            return given
        return result

    return around


def _finish(generator: Any, outcome: Any) -> Any:
    try:
        generator.send(outcome)
    except StopIteration as stop:
        return stop.value
    raise PluginError("the wrapper yields twice")


def _listed(results: Any) -> list[Any]:
    if not isinstance(results, list):
        raise PluginError(
            f"the wrapper returned {type(results).__name__}; expected the list that it was given, or another"
        )
    return results


def _taken_of(function: Callable[..., Any]) -> list[str]:
    """Return the arguments that pluggy will give by name: those without a default."""
    found = inspect.signature(function).parameters.values()
    return [p.name for p in found if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _hook_of(attribute: str, function: Callable[..., Any]) -> str:
    return getattr(function, _MARK).get("specname") or attribute


def _is_wrapper(function: Callable[..., Any]) -> bool:
    options = getattr(function, _MARK)
    return bool(options["wrapper"] or options["hookwrapper"])
