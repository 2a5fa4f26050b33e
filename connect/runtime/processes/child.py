"""What runs in a plugin's own process: `python -m connect.runtime.processes.child SOCKET PARENT`.

Theory of operation. The main thread takes the worker's calls one by one, in order, as a task's thread in the worker
would; `async def` methods run on an event loop, on a thread of its own, which the main thread waits for. One thread
reads the socket, another the standard input, which says when to stop. Nothing of the plugin can hold these two up but
code that never lets go of the interpreter.

The process lives as long as the worker: it ends when the socket does, and by the kernel's hand where that is possible.
What the plugin prints goes to standard error, which the worker reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import functools
import importlib
import inspect
import logging
import os
import queue
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from connect.api import Config, Connector, DataError, Plugin, PluginError
from connect.api.config_values import Secret
from connect.api.connector import config_class_of
from connect.api.contract import batches_of, preview_of, records_of
from connect.api.error_codes import CODES
from connect.api.files import FileRules, in_force
from connect.runtime.border.failures import cause_of
from connect.runtime.processes import frames
from connect.runtime.processes.codec import pack, unpack
from connect.runtime.processes.contexts import ConnectorThere, SinkThere, SourceThere
from connect.runtime.processes.declarations import declared
from connect.runtime.processes.errors import codes, described, without_details
from connect.runtime.processes.frames import FrameError, Frames, Kind
from connect.runtime.tasks.boundaries import parts_of
from connect.runtime.tuning import tune_process

#: Memory that is let go of to tell that there is none.
_BALLAST_BYTES: Final = 2 << 20
_LINE_CHARS_MAX: Final = 16_000
#: Of the threads of ours.
_STACK_BYTES: Final = 1 << 20
_PR_SET_PDEATHSIG: Final = 1
_CONTEXTS: Final = {"source": SourceThere, "sink": SinkThere}


@dataclass(slots=True)
class _Instance:
    plugin: Plugin
    whom: str
    context: Any = None


class _Channel:
    """The socket, for all threads of this process."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sending = threading.RLock()
        self._is_sending = False
        self._later: deque[tuple[Kind, int, bytes]] = deque()
        self._asking = threading.Lock()
        self._answers: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._asked = 0

    def send(self, kind: Kind, number: int, value: Any) -> None:
        payload = pack(value)
        with self._sending:
            self._later.append((kind, number, payload))
            if self._is_sending:  # a signal's handler, or a finalizer, of the plugin that logs while this thread sends
                return
            self._is_sending = True
            try:
                while self._later:
                    frames.send(self._sock, *self._later.popleft())
            except OSError:
                _leave()
            finally:
                self._is_sending = False

    def note(self, what: str, *args: Any) -> None:
        self.send(Kind.NOTE, 0, [what, list(args)])

    def ask(self, what: str, *args: Any) -> Any:
        with self._asking:
            self._asked += 1
            self.send(Kind.ASK, self._asked, [what, list(args)])
            _, answer = self._answers.get()
        return answer

    def answered(self, number: int, payload: bytearray) -> None:
        self._answers.put((number, unpack(payload)))


class _Notes(logging.Handler):
    """Sends log lines to the worker."""

    def __init__(self, channel: _Channel) -> None:
        super().__init__()
        self._channel = channel
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._channel.note("log", record.name, record.levelno, self._formatter.format(record)[:_LINE_CHARS_MAX])
        except Exception:
            self.handleError(record)


class _Loop:
    """The event loop of `async def` methods; begins with the first of them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._now: asyncio.Task[Any] | None = None
        self._is_cancelled = False

    def run(self, awaitable: Any, *, may_cancel: bool) -> Any:
        """Await something, and wait for its end, also where it is cancelled meanwhile: it may clean up."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="plugin-loop", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(self._awaited(awaitable, may_cancel), self._loop).result()

    def cancel(self) -> None:
        """Cancel the call that is under way, and those that follow, if they are such as may be cancelled."""
        with self._lock:
            self._is_cancelled = True
            if self._now is not None:
                self._now.get_loop().call_soon_threadsafe(self._now.cancel)

    async def _awaited(self, awaitable: Any, may_cancel: bool) -> Any:
        task = asyncio.current_task()
        assert task is not None
        with self._lock:
            self._now = task if may_cancel else None
            if may_cancel and self._is_cancelled:
                task.cancel()
        try:
            return await awaitable
        finally:
            with self._lock:
                self._now = None


class Child:
    """The process's own side of the calls. All but `heard` and `stop` is for the main thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._channel = _Channel(sock)
        self._calls: queue.SimpleQueue[tuple[int, bytearray]] = queue.SimpleQueue()
        self._instances: dict[int, _Instance] = {}
        self._stopping = threading.Event()
        self._loop = _Loop()
        self._root = logging.getLogger()
        self._host: Any = None
        self._source: dict[str, Any] = {}
        self._rules = contextlib.ExitStack()
        self._ballast: bytearray | None = None
        self._known_codes = len(CODES)
        self._root.addHandler(_Notes(self._channel))

    # -- other threads -------------------------------------------------------------------------------------------------

    def heard(self, kind: Kind, number: int, payload: bytearray) -> None:
        """Take a frame of the worker's."""
        if kind is Kind.CALL:
            self._calls.put((number, payload))
        elif kind is Kind.ANSWER:
            self._channel.answered(number, payload)

    def stop(self) -> None:
        """Tell the plugin that it is to stop."""
        self._stopping.set()

    def cancel(self) -> None:
        """Cancel an `async def` poll."""
        self._loop.cancel()

    # -- the main thread -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Do what the worker calls for, until it says goodbye."""
        while True:
            number, payload = self._calls.get()
            target, method, args, changes = unpack(payload)
            del payload
            try:
                if method == "bye":
                    return
                result = self._do(target, method, args, changes)
                self._channel.send(Kind.REPLY, number, result)
            except BaseException as error:
                self._failed(number, target, method, error)
            finally:
                result = args = None  # a batch is not kept while nothing is called

    def _failed(self, number: int, target: int, method: str, error: BaseException) -> None:
        if isinstance(cause_of(error), MemoryError) and self._ballast is not None:
            self._ballast = None
            _leave(frames.EXIT_MEMORY)
        instance = self._instances.get(target)
        plain = described(error, method, instance.whom if instance is not None else "the plugin")
        plain["codes"] = codes() if len(CODES) > self._known_codes else None
        try:
            self._channel.send(Kind.ERROR, number, plain)
        except (DataError, FrameError) as nonsense:
            self._channel.send(Kind.ERROR, number, without_details(plain, f"{nonsense}"))

    def _do(self, target: int, method: str, args: list[Any], changes: Mapping[str, Any]) -> Any:
        if "stopping" in changes:
            self._stopping.set()
        if "level" in changes:
            self._root.setLevel(changes["level"])
        if target == 0:
            return getattr(self, f"_{method}")(*args)
        instance = self._instances[target]
        context = instance.context
        if isinstance(context, SourceThere | SinkThere):
            context.heard(changes)
        try:
            return self._called(target, instance, method, args)
        finally:
            if isinstance(context, SourceThere | SinkThere):
                context.tell_gauges()

    def _called(self, target: int, instance: _Instance, method: str, args: list[Any]) -> Any:
        if method == "close":
            instance.plugin.close()
            del self._instances[target]
            return None
        result = getattr(instance.plugin, method)(*args)
        if inspect.isawaitable(result):
            result = self._loop.run(result, may_cancel=method in ("poll", "poll_batch"))
        shape = _SHAPES.get(method)
        return result if shape is None else shape(instance, method, args, result)

    # -- what is asked of the process itself -----------------------------------------------------------------------

    def _hello(self, said: Mapping[str, Any]) -> dict[str, Any]:
        self._source = said["source"] or {}
        for folder in self._source.get("path", ()):
            if folder not in sys.path:
                sys.path.append(folder)
        rules = said["files"]
        if rules is not None:
            allowed, closed, closed_to_writing, key = rules
            listed = None if allowed is None else tuple(allowed)
            self._rules.enter_context(in_force(FileRules(listed, tuple(closed), tuple(closed_to_writing), key)))
        self._root.setLevel(said["level"])
        if said["memory_bytes"]:
            self._ballast = bytearray(_BALLAST_BYTES)
            _limit_memory(said["memory_bytes"])
        return {"protocol": frames.PROTOCOL, "pid": os.getpid()}

    def _describe(self) -> dict[str, Any]:
        """Tell of every plugin class of the folder."""
        host = self._found()
        return {
            "classes": [[desc.kind.value, declared(desc.cls)] for desc in host.list()],
            "broken": [[one.name, one.cause] for one in host.broken],
            "observing": sorted(host.calls.observing),
            "codes": codes(),
        }

    def _values(self, ref: Mapping[str, Any], raw: dict[str, Any], together: bool) -> list[Any]:
        """Parse each key of a config, as `Config.values`."""
        found = self._config_class(ref).values(raw, together=together).values()
        return [[value.key.name, _plain(value.value), value.errors] for value in found]

    def _make(self, number: int, ref: Mapping[str, Any], said: Mapping[str, Any], raw: dict[str, Any]) -> None:
        """Make an instance, give it its context, and configure it."""
        cls = self._class(ref)
        made = cls()
        instance = _Instance(made, said["whom"])
        role = said["role"]
        if role == "connector":
            of = functools.partial(described, whom=instance.whom)
            instance.context = ConnectorThere(said, self._channel.note, self._channel.ask, self._stopping, of)
        elif role in _CONTEXTS:
            instance.context = _CONTEXTS[role](said, self._channel.note, self._channel.ask, self._stopping)
        if instance.context is not None:
            made.context = instance.context  # type: ignore[attr-defined] # connectors and tasks have one
        if "alias" in said:
            made.alias = said["alias"]  # type: ignore[attr-defined] # transforms have one
        self._instances[number] = instance
        made.configure(self._config_class(ref).parse(raw))

    # -- classes -------------------------------------------------------------------------------------------------------

    def _class(self, ref: Mapping[str, Any]) -> type[Plugin]:
        cls = self._own_class(ref)
        if ref.get("task"):
            assert issubclass(cls, Connector)
            return cls.task_class
        return cls

    def _config_class(self, ref: Mapping[str, Any]) -> type[Config]:
        cls = self._own_class(ref)
        if ref.get("task"):
            assert issubclass(cls, Connector)
            return config_class_of(cls, cls.task_class)
        return cls.config_class

    def _own_class(self, ref: Mapping[str, Any]) -> type[Plugin]:
        if "module" in ref:
            found: Any = importlib.import_module(ref["module"])
            for name in ref["qualname"].split("."):
                found = getattr(found, name)
            if not isinstance(found, type) or not issubclass(found, Plugin):
                raise PluginError(f"{ref['module']}.{ref['qualname']} is no plugin class in a process of its own")
            return found
        host = self._found()
        desc = next((one for one in host.list() if one.kind.value == ref["kind"] and one.name == ref["name"]), None)
        if desc is None:
            broken = "".join(f"; {one.name} could not be loaded: {one.cause}" for one in host.broken)
            raise PluginError(f"the plugin's process finds no {ref['kind']} {ref['name']}{broken}")
        found_class: type[Plugin] = desc.cls
        return found_class

    def _found(self) -> Any:
        """Load the plugins of the folder, once."""
        if self._host is None:
            from connect.runtime.plugins import PluginHost  # which a plugin that is installed does without

            self._host = PluginHost.of_modules([Path(module) for module in self._source["modules"]])
        return self._host


# -- what methods return -----------------------------------------------------------------------------------------------


def _polled(instance: _Instance, method: str, args: Sequence[Any], result: Any) -> Any:
    plugin = instance.plugin
    requests = getattr(instance.context, "transaction", None)
    listed = functools.partial(records_of if method == "poll" else batches_of, plugin, method)
    if requests is None:
        return listed(result)
    return [[batches, end] for batches, end in parts_of(plugin, result, requests, listed)]


def _transformed(instance: _Instance, method: str, args: Sequence[Any], result: Any) -> Any:
    return batches_of(instance.plugin, method, result, given=args[0])


def _pairs(instance: _Instance, method: str, args: Sequence[Any], result: Any) -> Any:
    """Return offsets by partition as they can be told from nonsense at the worker: a mapping stays one."""
    return dict(result) if isinstance(result, Mapping) else result


def _iterated(instance: _Instance, method: str, args: Sequence[Any], result: Any) -> Any:
    return list(result) if not isinstance(result, str | bytes | Mapping) and hasattr(result, "__iter__") else result


def _answers(instance: _Instance, method: str, args: Sequence[Any], result: Any) -> Any:
    return result if isinstance(result, bool | str | bytes) or result is None else list(result)


def _listed(items: Sequence[Any] | None) -> list[Any] | None:
    return None if items is None else list(items)


def _previewed(instance: _Instance, method: str, args: Sequence[Any], result: Any) -> Any:
    """Return what a sink would write, as plain values."""
    found = preview_of(instance.plugin, result, sum(map(len, args[0])))
    told = functools.partial(described, what=method, whom=instance.whom)
    items = [
        [
            one.text,
            None if one.parameters is None else list(one.parameters),
            list(one.records),
            None if one.error is None else told(one.error),
        ]
        for one in found.items
    ]
    return [found.kind, items, found.note]


_SHAPES: Final[dict[str, Callable[[_Instance, str, Sequence[Any], Any], Any]]] = {
    "preview": _previewed,
    "poll_batch": _polled,
    "poll": _polled,
    "apply_batch": _transformed,
    "resume_offsets": _pairs,
    "flush": _pairs,
    "check": _iterated,
    "test_batch": _answers,
}


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, Secret) else value


# -- the process -------------------------------------------------------------------------------------------------------


def _leave(code: int = 1) -> NoReturn:
    os._exit(code)


def _limit_memory(limit_bytes: int) -> None:
    """Have the kernel refuse more memory than this."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # where there is no such limit, the worker looks alone
        import resource

        limit_bytes = min(limit_bytes, sys.maxsize)  # which is no limit at all
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def _die_with(parent: int) -> None:
    """Have the kernel end this process with the worker's, whatever the plugin's code does then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            _leave()


def _read(sock: socket.socket, child: Child) -> None:
    reading = Frames(sock)
    with contextlib.suppress(EOFError, OSError):
        while True:
            found = reading.read()
            if found is not None:
                child.heard(*found)
    _leave()


def _listen(control: int, child: Child) -> None:
    while said := os.read(control, 1):
        if said == frames.CANCEL:
            child.cancel()
        elif said == frames.STOP:
            child.stop()
    child.stop()
    child.cancel()


def main(descriptor: int, parent: int) -> None:
    """Serve the worker at the other end of a socket until it says goodbye."""
    _die_with(parent)
    control = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    faulthandler.enable(all_threads=False)
    tune_process()
    logging.captureWarnings(True)
    sock = socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)
    child = Child(sock)
    threading.stack_size(_STACK_BYTES)  # which count as memory that is used, 8 MiB each by default
    threading.Thread(target=_read, args=(sock, child), name="connect-reader", daemon=True).start()
    threading.Thread(target=_listen, args=(control, child), name="connect-control", daemon=True).start()
    threading.stack_size(0)
    child.run()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    _leave(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
