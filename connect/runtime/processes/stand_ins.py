"""Classes that stand for plugin classes of another process: to the runtime they are plugin classes as any other.

A stand-in overrides exactly what the class that it stands for overrides, so whoever looks at that sees the same. An
instance starts a process when it is configured, has one made of its kind in there, and hands every call on; transforms
and predicates of one chain share one. Methods are plain `def`, since the task's own thread waits for the process; but
for a `poll` that is `async def` there, which may wait for as long as it likes, and is so here too.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, cast

from connect.api import (
    Config,
    ConfigError,
    ConfigKey,
    ConfigValue,
    Connector,
    ExactlyOnceSupport,
    Plugin,
    PluginError,
    Predicate,
    Preview,
    PreviewItem,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    Transform,
)
from connect.api.config_values import ConfigType, Secret
from connect.runtime.border.calls import PluginTimeoutError
from connect.runtime.connector_context import connector_context
from connect.runtime.processes.declarations import METHODS, base_of, config_keys, declared, text_of
from connect.runtime.processes.errors import ProcessFailedError, restored
from connect.runtime.processes.process import BYE_S, START_S, Deaf, Hears, Launch, PluginProcess
from connect.runtime.processes.settings import ISOLATION

logger = logging.getLogger(__name__)

_BASES: Final = {base.__name__: base for base in METHODS}
#: How long a process that parses configs waits for the next one.
IDLE_S: Final = 20.0
#: And how long who comes later waits for those who came first: as long as two tries of one may take.
BUSY_S: Final = 4 * START_S
#: Whose calls end with the process where they take too long.
_BOUNDED: Final = frozenset({"poll", "poll_batch", "put_batch", "put_batches", "apply_batch", "test_batch"})
_INSTANCE: Final = 1


@dataclass(frozen=True)
class Home:
    """Where the plugin of a stand-in is, and how processes for it are started.

    Attributes:
        ref: Names the class in there, for `Child`.
        name: The plugin's class name.
        launch: How a process is started.
        desk: Parses configs, for all classes of one plugin.
    """

    ref: Mapping[str, Any]
    name: str
    launch: Launch
    desk: Desk

    @property
    def key(self) -> tuple[Any, ...]:
        """What two of one process have in common."""
        return (self.launch, self.desk.plugin)


class Desk:
    """A process in which configs are parsed: begins with the first, and ends when there was none for a while.

    For any thread; one call is made at a time, and who comes meanwhile waits, `BUSY_S` at most.
    """

    def __init__(self, launch: Launch, plugin: str) -> None:
        self._launch = launch
        self.plugin = plugin
        self._calling = threading.Lock()
        self._lock = threading.Lock()
        self._is_closed = False
        self._process: PluginProcess | None = None

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of the process; once more in another one, where the first has just ended. Blocks, twice
        `START_S` for the start and the call at most, and before that for those who came first.

        Raises:
            PluginTimeoutError: Those who came first take too long.
            ProcessFailedError: Two processes have ended, or the desk is closed.
            ConnectError: What the plugin raised.
        """
        if not self._calling.acquire(timeout=BUSY_S):
            raise PluginTimeoutError(
                f"configs of {self.plugin} are parsed one by one, and those that came first took {BUSY_S:g} s"
            )
        try:
            for is_last in (False, True):
                try:
                    return self._running().call(0, method, *args, limit_s=START_S)
                except ProcessFailedError:
                    if is_last:
                        raise
        finally:
            self._calling.release()
        raise AssertionError("the second try returns or raises")

    def close(self) -> None:
        """End the process, if there is one; calls that are under way, or come later, raise. Never waits."""
        with self._lock:
            self._is_closed = True
            process = self._process
        if process is not None:
            process.close()

    def _running(self) -> PluginProcess:
        with self._lock:
            if self._is_closed:
                raise ProcessFailedError(f"the process of configs, {self.plugin} was closed")
            process, is_new = self._process, False
            if process is None or not process.is_alive:
                is_new = True
                self._process = process = PluginProcess(
                    self._launch, who="configs", plugin=self.plugin, log=logger, idle_s=IDLE_S
                )
        if is_new:
            process.start()
        return process


# -- configs -----------------------------------------------------------------------------------------------------------


class StandInConfig(Config):
    """A config that is declared in another process, which parses it. `originals` is all that is known of it here."""

    told_keys: ClassVar[dict[str, ConfigKey]] = {}
    home: ClassVar[Home]

    @classmethod
    def keys(cls) -> dict[str, ConfigKey]:
        return dict(cls.told_keys)

    @classmethod
    def values(cls, raw: Mapping[str, Any], *, together: bool = True) -> dict[str, ConfigValue]:
        found = cls.home.desk.call("values", dict(cls.home.ref), dict(raw), together)
        values = {}
        for name, value, errors in found:
            key = cls.told_keys.get(name) or ConfigKey(str(name), ConfigType.STRING, display_name=str(name))
            if key.type is ConfigType.PASSWORD and isinstance(value, str):
                value = Secret(value)
            values[key.name] = ConfigValue(key, value, errors=[str(error) for error in errors])
        return values

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Any:
        config = cls.model_construct()
        config._originals = dict(raw)
        return config


# -- instances ---------------------------------------------------------------------------------------------------------


class _Stopping(threading.Event):
    """Tells the process too when it is set."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell_process = tell

    def set(self) -> None:
        super().set()
        self._tell_process()


class _StandIn:
    """What every stand-in has: its process, and calls into it."""

    home: ClassVar[Home]
    _process: PluginProcess | None = None

    def configure(self, config: Config) -> None:
        plugin = cast(Plugin, self)
        Plugin.configure(plugin, config)
        self._open(plugin)
        try:
            self._call("make", dict(self.home.ref), self._said(), dict(config.originals))
        except BaseException:  # nobody closes what was never made
            self._leave()
            raise

    def _leave(self) -> None:
        """Give the process up, and wait for its end a little: what it still holds, the next one may need."""
        process, self._process = self._process, None
        if process is not None:
            process.close()
            process.wait(BYE_S)

    def close(self) -> None:
        process = self._process
        try:
            if process is not None and process.is_alive:
                process.call(_INSTANCE, "close")
        finally:
            self._leave()

    def _open(self, plugin: Plugin) -> None:
        context = self._given
        connector = getattr(context, "connector", None) or getattr(context, "name", "") or ""
        log = logging.getLogger(f"connect.connector.{connector}" if connector else "connect.plugin")
        process = PluginProcess(
            self.home.launch, who=_who(), plugin=self.home.name, log=log, hears=self._hears(context), lost=self._lost
        )
        if context is not None:  # a stop that comes while it is started counts, too
            before, context.stopping = context.stopping, _Stopping(process.stopping)
            if before.is_set():
                context.stopping.set()
        process.start()
        self._process = process

    @property
    def _given(self) -> Any:
        """The context; None where it was given none, which its author does in a test of `configure`."""
        return getattr(self, "context", None)

    def _hears(self, context: Any) -> Hears:
        return Deaf()

    def _lost(self, error: ProcessFailedError) -> None:
        """Hear that the process is gone, though nobody was in a call. On its thread."""

    def _said(self) -> dict[str, Any]:
        is_preview = getattr(self._given, "is_preview", False)
        return {"whom": f"{_who()}, {self.home.name}", "role": "plain", "is_preview": is_preview}

    def _call(self, method: str, *args: Any) -> Any:
        process = self._process
        if process is None:
            if method == "stop":  # of one that was never made
                return None
            raise PluginError(f"{method} of {self.home.name} was called before it was configured")
        if method == "make":
            return process.call(0, "make", _INSTANCE, *args)
        if method == "stop" and not process.is_alive:  # why is told
            return None
        limit_s = self.home.launch.call_s if method in _BOUNDED else None
        return process.call(_INSTANCE, method, *args, limit_s=limit_s, changes=self._changes())

    def _changes(self) -> dict[str, Any] | None:
        return None


def _who() -> str:
    """Return whose code runs, by the connector context: 'x|task-0'."""
    return connector_context.get().strip(" []") or "a plugin"


class _ConnectorStandIn(_StandIn):
    def _said(self) -> dict[str, Any]:
        if (context := self._given) is None:
            return super()._said()
        return {**super()._said(), "role": "connector", "connector": context.name}

    def _hears(self, context: Any) -> Hears:
        return _ConnectorEars(context)

    def _lost(self, error: ProcessFailedError) -> None:
        if self._given is not None:
            self._given.raise_error(error)


class _ConnectorEars(Deaf):
    """Takes what a connector says."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def note(self, what: str, args: list[Any]) -> None:
        if what == "waiting_for":
            (self._context.waiting_for,) = map(_text, args)
        elif what == "request_task_reconfiguration":
            self._context.request_task_reconfiguration()
        elif what == "raise_error":
            self._context.raise_error(restored(args[0]))
        else:
            super().note(what, args)


class _TaskEars(Deaf):
    """Takes what a task says."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def note(self, what: str, args: list[Any]) -> None:
        context = self._context
        if what == "waiting_for":
            (context.waiting_for,) = map(_text, args)
        elif what == "gauges":
            (gauges,) = args
            if not isinstance(gauges, dict):
                raise ValueError("gauges are no dict")
            context.gauges = gauges  # each name and figure is looked at where they are shown
        elif what == "request_commit":
            context.request_commit()
        else:
            super().note(what, args)


class _SourceEars(_TaskEars):
    def note(self, what: str, args: list[Any]) -> None:
        if what == "wakeup":
            self._context.wakeup()
        elif what == "drained":
            (drained,) = args
            if drained is not None and not isinstance(drained, bool):
                raise ValueError("drained is neither true nor false")
            self._context.drained = drained
        elif what == "poll_wait_s":
            (wait_s,) = args
            if wait_s is not None and (isinstance(wait_s, bool) or not isinstance(wait_s, int | float)):
                raise ValueError("poll_wait_s is no number")
            self._context.poll_wait_s = wait_s
        else:
            super().note(what, args)

    def ask(self, what: str, args: list[Any]) -> Any:
        if what != "offset" or not isinstance(args[0], dict):
            return super().ask(what, args)
        return self._context.offset(args[0])


class _SinkEars(_TaskEars):
    def note(self, what: str, args: list[Any]) -> None:
        if what == "seek":
            topic, partition, offset = args
            self._context.seek(topic, partition, offset)
        elif what in ("pause", "resume"):
            getattr(self._context, what)(*[(str(topic), int(partition)) for topic, partition in args[0]])
        else:
            super().note(what, args)

    def ask(self, what: str, args: list[Any]) -> Any:
        if what == "topic_id":
            return self._context.topic_id(args[0])
        if what == "offsets_after_put":
            return [[*at, offset] for at, offset in self._context.offsets_after_put().items()]
        return super().ask(what, args)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("no text")
    return value


class _SourceStandIn(_StandIn):
    _has_told = False

    def _said(self) -> dict[str, Any]:
        if (context := self._given) is None:
            return super()._said()
        return {**super()._said(), "role": "source", "connector": context.connector, "task": context.task}

    def _changes(self) -> dict[str, Any] | None:
        # It is known when the task starts, and not yet when it is made.
        if self._has_told or self._given is None or self._given.transaction is None:
            return None
        self._has_told = True
        return {"transaction": True}

    def _hears(self, context: Any) -> Hears:
        return _SourceEars(context)

    def _lost(self, error: ProcessFailedError) -> None:
        if self._given is not None:
            self._given.wakeup()  # the next poll fails

    def _in_transaction(self, parts: Any) -> Any:
        """Hand on where transactions end to the context of here, by the very records that are returned."""
        requests = None if self._given is None else self._given.transaction
        if requests is None:
            return parts
        has_batches = cast(type[SourceTask], type(self)).poll_batch is not SourceTask.poll_batch
        if has_batches:  # and there is one end, behind all of them
            batches = [batch for part, _ in parts for batch in part]
            for _, end in parts[-1:]:
                _ask(requests, end)
            return batches
        records = []
        for number, (batches, end) in enumerate(parts):
            found = [record for batch in batches for record in batch.records()]
            records += found
            _ask(requests, end, found[-1] if found and number < len(parts) - 1 else None)
        return records


def _ask(requests: Any, end: bool | None, *record: Any) -> None:
    if end is not None:
        (requests.commit_transaction if end else requests.abort_transaction)(*record)


class _SinkStandIn(_StandIn):
    _told: frozenset[tuple[str, int]] = frozenset()

    def _said(self) -> dict[str, Any]:
        if (context := self._given) is None:
            return super()._said()
        return {**super()._said(), "role": "sink", "connector": context.connector, "task": context.task}

    def _hears(self, context: Any) -> Hears:
        return _SinkEars(context)

    def _changes(self) -> dict[str, Any] | None:
        assigned = self._told if self._given is None else self._given.assignment
        if assigned == self._told:
            return None
        self._told = assigned
        return {"assignment": [list(at) for at in sorted(assigned)]}


# -- chains ------------------------------------------------------------------------------------------------------------


class _Shared:
    """A process of several instances: ends with the last of them."""

    def __init__(self, process: PluginProcess) -> None:
        self.process = process
        self._lock = threading.Lock()
        self._made = 0
        self._open = 0

    def enter(self) -> int:
        with self._lock:
            self._made += 1
            self._open += 1
            return self._made

    def leave(self) -> None:
        with self._lock:
            self._open -= 1
            is_last = self._open == 0
        if is_last:
            self.process.close()
            self.process.wait(BYE_S)


@dataclass(frozen=True, slots=True)
class _Chain:
    """The steps of one task: their processes, and what says that the task is to stop."""

    stopping: threading.Event | None
    shared: dict[Any, _Shared] = field(default_factory=dict)


_chain: ContextVar[_Chain | None] = ContextVar("chain", default=None)


@contextmanager
def one_chain(stopping: threading.Event | None = None) -> Iterator[None]:
    """Let the transforms and predicates that are made within share one process for each plugin.

    Args:
        stopping: From when it is set on the processes have their grace time.
    """
    token = _chain.set(_Chain(stopping))
    try:
        yield
    finally:
        _chain.reset(token)


class _StepStandIn(_StandIn):
    """A transform or a predicate."""

    _shared: _Shared | None = None
    _number = 0

    def _open(self, plugin: Plugin) -> None:
        chain = _chain.get()
        shared = chain.shared.get(self.home.key) if chain is not None else None
        if shared is None or not shared.process.is_alive:
            connector = connector_context.get().strip(" []").partition("|")[0]
            log = logging.getLogger(f"connect.connector.{connector}" if connector else "connect.plugin")
            stopping = chain.stopping if chain is not None else None
            process = PluginProcess(self.home.launch, who=_who(), plugin=self.home.name, log=log, until=stopping)
            process.start()
            shared = _Shared(process)
            if chain is not None:
                chain.shared[self.home.key] = shared
        self._shared, self._number, self._process = shared, shared.enter(), shared.process

    def _said(self) -> dict[str, Any]:
        alias = {"alias": self.alias} if isinstance(self, Transform) else {}
        return {**super()._said(), **alias}

    def _call(self, method: str, *args: Any) -> Any:
        process = self._process
        if process is None:
            raise PluginError(f"{method} of {self.home.name} was called before it was configured")
        # Each of its calls has a limit, and where its task is to stop, all of them have the grace time.
        if method == "make":
            return process.call(0, "make", self._number, *args, limit_s=START_S)
        return process.call(self._number, method, *args, limit_s=self.home.launch.call_s)

    def close(self) -> None:
        process = self._process
        try:
            if process is not None and process.is_alive:
                process.call(self._number, "close", limit_s=self.home.launch.grace_s)
        finally:
            self._leave()

    def _leave(self) -> None:
        shared, self._process, self._shared = self._shared, None, None
        if shared is not None:
            shared.leave()


_KINDS: Final[dict[type[Plugin], type[_StandIn]]] = {
    SourceConnector: _ConnectorStandIn,
    SinkConnector: _ConnectorStandIn,
    SourceTask: _SourceStandIn,
    SinkTask: _SinkStandIn,
    Transform: _StepStandIn,
    Predicate: _StepStandIn,
}
#: What is called here, where a class overrides one form or the other.
_FORMS: Final = {"put": "put_batch", "apply": "apply_batch", "test": "test_batch"}


# -- making classes ----------------------------------------------------------------------------------------------------


def stand_in_of(cls: type[Plugin], launch: Launch, plugin: str) -> type[Plugin]:
    """Return a class that stands for one that is installed here, and runs elsewhere.

    Args:
        plugin: The name of the plugin that has it: transforms of one plugin share a process.

    Raises:
        ConfigError: It is of a kind, or was made in a way, that does not cross.
    """
    module, _, _ = cls.__module__.partition(":")
    found: Any = sys.modules.get(module)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not cls or base_of(cls) is None:
        raise ConfigError(
            f"{cls.plugin_name()} cannot run in a process of its own, since that could not import it as "
            f"{cls.__module__}.{cls.__qualname__}",
            hint="Have it run in the worker's process, or put it at the top of its module.",
            config_path=ISOLATION,
        )
    ref = {"module": cls.__module__, "qualname": cls.__qualname__}
    made = _class_of(cast(Mapping[str, Any], declared(cls)), ref, launch, Desk(launch, plugin))
    made.config_class = cls.config_class
    if issubclass(cls, Connector):
        cast(type[Connector], made).task_class.config_class = cls.task_class.config_class
    return made


def stand_in_for(kind: str, told: Mapping[str, Any], launch: Launch, desk: Desk) -> type[Plugin]:
    """Return a class that stands for one that a process has told of.

    Raises:
        ValueError, TypeError, KeyError: It told nonsense.
    """
    name = _text(told["class_name"]) or f"{text_of(told, 'module')}.{text_of(told, 'qualname')}"
    return _class_of(told, {"kind": kind, "name": name}, launch, desk)


def with_launch(cls: type[Plugin], launch: Launch) -> type[Plugin]:
    """Return a stand-in like another, whose processes are started otherwise."""
    assert issubclass(cls, _StandIn)
    home = replace(cls.home, launch=launch)
    made = cast(Any, type(cls.__name__, (cls,), {"home": home, "__module__": cls.__module__, "__doc__": cls.__doc__}))
    made.__qualname__ = cls.__qualname__
    if issubclass(cls, Connector):
        made.task_class = with_launch(cls.task_class, launch)
    return cast(type[Plugin], made)


def lost(plugin: Plugin) -> ProcessFailedError | None:
    """Return why the process of a plugin is gone, though nobody has asked for that; None for all others."""
    process = plugin._process if isinstance(plugin, _StandIn) else None
    return None if process is None else process.lost


def launch_of(cls: type[Plugin]) -> Launch | None:
    """Return how the processes of a stand-in are started; None for any other class."""
    return cls.home.launch if issubclass(cls, _StandIn) else None


def _class_of(told: Mapping[str, Any], ref: Mapping[str, Any], launch: Launch, desk: Desk) -> type[Plugin]:
    base = _BASES[told["base"]]
    name = _text(told["class_name"]) or f"{text_of(told, 'module')}.{text_of(told, 'qualname')}"
    home = Home(ref, name, launch, desk)
    made = _bare(told, base, home)
    made.config_class = _config_of(told, home)
    if issubclass(base, Connector):
        task_told = told["task"]
        task_home = Home({**ref, "task": True}, name, launch, desk)
        task = _bare(task_told, _BASES[task_told["base"]], task_home)
        task.config_class = _config_of(task_told, task_home) if told["task_has_keys"] else Config
        cast(Any, made).task_class = task
    if issubclass(base, Transform):
        cast(Any, made).allowed_by = _text(told.get("allowed_by"))
    return made


def _config_of(told: Mapping[str, Any], home: Home) -> type[Config]:
    keys = config_keys(told["keys"])
    made = type("StandInConfig", (StandInConfig,), {"__module__": __name__, "__doc__": "A config of another process."})
    config = cast(type[StandInConfig], made)
    config.told_keys = keys
    config.home = home
    return config


def _bare(told: Mapping[str, Any], base: type[Plugin], home: Home) -> type[Plugin]:
    methods, is_async = dict(told["methods"]), set(told["async"])
    if not set(methods) <= set(METHODS[base]):
        raise ValueError(f"methods {sorted(methods)}")
    qualname = text_of(told, "qualname")
    space: dict[str, Any] = {
        "__module__": text_of(told, "module"),
        "__qualname__": qualname,
        "__doc__": _text(told["doc"]),
        "home": home,
        "class_name": _text(told["class_name"]),
        "aliases": tuple(str(alias) for alias in told["aliases"]),
        "version": text_of(told, "version"),
    }
    for name, doc in methods.items():
        method: str = _FORMS.get(str(name), str(name))
        if method in space:
            continue
        if method in ("poll", "poll_batch"):
            has_batch = "poll_batch" in methods
            if method == "poll" and has_batch:
                continue
            makes = _polling_async if is_async & {"poll", "poll_batch"} else _polling
            space[method] = makes(method)
        else:
            space[method] = _forwarding(method)
        space[method].__doc__ = _text(doc)
    if issubclass(base, SourceTask):
        space["previews"] = told.get("previews") is True
    if issubclass(base, Transform):
        #: Whether each record is to be given once, whatever becomes of others; see `Stage`.
        space["is_single"] = "apply_batch" not in methods
    made = type(qualname.rpartition(".")[2], (_KINDS[base], base), space)
    return cast(type[Plugin], made)


def _forwarding(method: str) -> Callable[..., Any]:
    after = _AFTER.get(method)

    def forward(self: _StandIn, *args: Any) -> Any:
        result = self._call(method, *args)
        return result if after is None else after(result)

    return _named(forward, method)


def _polling(method: str) -> Callable[..., Any]:
    def poll(self: _SourceStandIn) -> Any:
        return self._in_transaction(self._call(method))

    return _named(poll, method)


def _polling_async(method: str) -> Callable[..., Any]:
    async def poll(self: _SourceStandIn) -> Any:
        if self._process is None:
            raise PluginError(f"{method} of {self.home.name} was called before it was configured")
        return self._in_transaction(await self._process.poll(_INSTANCE, method))

    return _named(poll, method)


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    return function


def _support(answer: Any) -> Any:
    return ExactlyOnceSupport(answer) if isinstance(answer, str) and answer in set(ExactlyOnceSupport) else answer


def _preview(answer: Any) -> Any:
    """Return what a sink would write, of plain values; what is none goes as it is, and is refused where it arrives."""
    if not isinstance(answer, list) or len(answer) != 3 or not isinstance(answer[1], list):
        return answer
    kind, rows, note = answer
    items = [
        PreviewItem(text, parameters, records, None if error is None else restored(error))
        for text, parameters, records, error in rows
    ]
    return Preview(kind, items, note)


#: What is made of what a process returned, where plain values are not all.
_AFTER: Final[dict[str, Callable[[Any], Any]]] = {"exactly_once_support": _support, "preview": _preview}
