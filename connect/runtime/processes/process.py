"""One process of a plugin, seen from the worker: its start, calls into it, its end, and what becomes of all that if it
crashes, hangs, floods or talks nonsense.

Theory of operation. A call is made on the task's own thread, which sends it and waits. A thread for each process starts
it, reads what comes from it, hands replies to who waits, and looks at the clock and at the process: so whoever waits
gets an answer, if only that the process is gone, and why. Nothing that a plugin's process does can block the event
loop. The kernel ends a process with the *thread* that has started it, where it is told to end it with its parent: this
one is there for as long as the process is.

    STARTED ── call, reply ──> STARTED ── stopping() ──> has grace ── close() ──> ENDED
       │                                                    │
       └── it died, or was killed: too long in a call, over its memory, nonsense, no end in time ──> ENDED, with a cause

A process that is to end and does not gets SIGTERM, and SIGKILL a second later; then its whole group, which holds what
it has started by itself, gets SIGKILL. One that not even this ends, since it waits in the kernel, is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from connect.api import ConnectError, DataError, PluginError
from connect.api.files import FileRules
from connect.runtime.border.calls import PLUGIN_TIMEOUT
from connect.runtime.connector_context import connector_context
from connect.runtime.processes import frames
from connect.runtime.processes.codec import pack, unpack
from connect.runtime.processes.environments import stamp_of
from connect.runtime.processes.errors import (
    OUTDATED,
    PLUGIN_CRASHED,
    PLUGIN_MEMORY,
    ProcessFailedError,
    restored,
    take_codes,
)
from connect.runtime.processes.frames import FrameError, Frames, Kind
from connect.runtime.processes.guardian import guardian

logger = logging.getLogger(__name__)

#: How often a process is looked at that gives no sign; and one that is to end.
TICK_S: Final = 1.0
ENDING_TICK_S: Final = 0.1
#: Between SIGTERM and SIGKILL.
TERM_S: Final = 1.0
#: And from SIGKILL until nobody waits for a process any more, which waits in the kernel itself.
KILLED_S: Final = 5.0
#: What a process has, once its plugin is closed, to end by itself.
BYE_S: Final = 2.0
#: Beyond the grace time of a stop: then whatever still runs in there is ended.
LATE_S: Final = 1.5
#: How long the interpreter may take to start, and the plugin to be imported.
START_S: Final = 60.0
#: Notes and lines, and bytes of its standard error, that a process may send in a second: then it waits.
NOTES_PER_S: Final = 5_000
STDERR_BYTES_PER_S: Final = 1 << 20
#: And the part of a core that hearing them may cost the worker.
HEARING_SHARE: Final = 0.15
#: Notes count once for each of so many bytes.
_NOTE_BYTES: Final = 16_384
#: Read of standard error at once: so many lines at most are taken before it waits.
_STDERR_BYTES: Final = 4096
#: Answers that a process may leave unread: it asks one thing at a time.
_UNREAD_MAX: Final = 16
#: How long the end of a process may come behind that of its socket.
_GONE_S: Final = 0.5
#: What is kept of standard error, to be told when it dies.
_LINES: Final = 20
_LINE_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Source:
    """Where a process finds plugins that are not installed.

    Attributes:
        modules: The files of their modules, of a process that is asked what there is.
        path: Folders for the end of `sys.path`.
        folder: The folder with requirements that it is of; None where there is none.
        stamp: What that was when its plugins were described: one that has changed is another plugin.
    """

    modules: tuple[str, ...]
    path: tuple[str, ...]
    folder: str | None = None
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a process is started, and what it may take.

    Attributes:
        python: The interpreter.
        path: Folders in which it finds modules, beside its own.
        source: Where it finds its plugins; None where they are installed.
        memory_bytes: Its limit of memory; None for none.
        call_s: How long a poll, a put or a transform may take.
        grace_s: How long it may take from `stopping` to its end.
        files: What its plugin may touch.
    """

    python: str = sys.executable
    path: tuple[str, ...] = ()
    source: Source | None = None
    memory_bytes: int | None = None
    call_s: float = 300.0
    grace_s: float = 5.0
    files: FileRules | None = None


class Hears(Protocol):
    """Takes what a plugin says between replies. Called on the process's thread: must not block."""

    def note(self, what: str, args: list[Any]) -> None:
        """Take a wish. Raises for nonsense."""

    def ask(self, what: str, args: list[Any]) -> Any:
        """Answer a question. Raises for nonsense."""


class Deaf:
    """Hears nothing: of plugins that have no context."""

    def note(self, what: str, args: list[Any]) -> None:
        raise ValueError(f"a note {what!r:.40} of a plugin without a context")

    def ask(self, what: str, args: list[Any]) -> Any:
        raise ValueError(f"a question {what!r:.40} of a plugin without a context")


Deliver = Callable[[Kind, Any], None]


@dataclass(slots=True)
class _Waiting:
    """Who waits for a reply, for which method, and until when."""

    deliver: Deliver
    method: str
    limit_s: float | None
    since: float = field(default_factory=time.monotonic)


class PluginProcess:
    """One process. `start`, `call` and `close` block, and are for one thread at a time; the rest is for any.

    Args:
        who: Whose it is, for people: 'task x-0'.
        plugin: The plugin's class name.
        log: Where lines of its standard error go, and those of its loggers.
        hears: Takes what the plugin says.
        idle_s: Ends by itself when nothing was called for so long.
        lost: Hears that it has ended though nobody has asked for that and nobody waits. On the process's thread.
        until: Is as `stopping` once it is set, which is looked at from time to time.
    """

    def __init__(
        self,
        launch: Launch,
        *,
        who: str,
        plugin: str,
        log: logging.Logger,
        hears: Hears | None = None,
        idle_s: float | None = None,
        lost: Callable[[ProcessFailedError], None] | None = None,
        until: threading.Event | None = None,
    ) -> None:
        self.launch = launch
        self._who = who
        self._plugin = plugin
        self._log = log
        self._hears = hears or Deaf()
        self._idle_s = idle_s
        self._lost = lost
        self._until = until
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._number = 0
        self._called_at = time.monotonic()
        #: Why it is gone; set once, when it is.
        self._failure: tuple[str, str] | None = None
        #: What it was killed for.
        self._killed_for: tuple[str, str] | None = None
        self._term_at: float | None = None
        self._end_by: float | None = None
        self._is_closing = False
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._rest = b""
        #: What it has said beyond what may be heard by now, in seconds; and when that was reckoned.
        self._excess_s = 0.0
        self._reckoned_at = time.monotonic()
        self._hearing_s = 0.0
        #: What is left of the first of the outbox; while there is some, the sending lock is held.
        self._unsent = memoryview(b"")
        self._is_full = False
        self._outbox: deque[tuple[Kind, int, bytes]] = deque()
        self._level = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._wake_in: socket.socket | None = None
        self._wake_out: socket.socket | None = None
        self._control: int | None = None
        self._ended = threading.Event()

    # -- from outside --------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """Its process id, None before the start."""
        return self._process.pid if self._process is not None else None

    @property
    def is_alive(self) -> bool:
        """Whether calls may still be answered."""
        return self._process is not None and self._failure is None and not self._is_closing

    @property
    def lost(self) -> ProcessFailedError | None:
        """Why it is gone, though nobody has asked for that; None where it is not."""
        return None if self._failure is None or self._is_closing else self._error()

    def start(self) -> None:
        """Start it, and wait until it answers: `START_S` at most.

        Raises:
            ProcessFailedError: It cannot be started.
            PluginError: plugin.outdated: the folder that it is of is another one now.
        """
        source = self.launch.source
        if source is not None and source.folder is not None and stamp_of(Path(source.folder)) != source.stamp:
            raise PluginError(
                f"the process of {self._full_name} cannot be started: {source.folder} is gone, or has changed since "
                "its plugins were looked at, and what it was is no more",
                code=OUTDATED,
            )
        begun: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        try:
            theirs, ends = self._open()
            args = (theirs, ends, begun, connector_context.get())
            try:
                threading.Thread(target=self._live, args=args, name="connect-process", daemon=True).start()
            except BaseException:
                ends.close()
                raise
        except (OSError, RuntimeError) as error:  # the latter: there is no thread to be had
            raise self._not_started(error) from error
        try:
            failure = begun.get(timeout=START_S)
        except queue.Empty:
            self.close()
            self.kill("came too late")
            raise self._not_started(f"the system has not started it within {START_S:g} s") from None
        if failure is not None:
            raise self._not_started(failure) from failure
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def _open(self) -> tuple[socket.socket, contextlib.ExitStack]:
        """Make the sockets; return the process's own end, and what closes all of them."""
        with contextlib.ExitStack() as ends:
            self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            for each in (self._sock, theirs):
                ends.enter_context(each)
            for each in (self._sock, theirs):
                for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                    each.setsockopt(socket.SOL_SOCKET, option, frames.BUFFER_BYTES)
            self._wake_in, self._wake_out = socket.socketpair()
            for end in (self._wake_in, self._wake_out):
                ends.enter_context(end).setblocking(False)
            return theirs, ends.pop_all()

    def _greet(self) -> None:
        """Have the process take what it is to know before all else."""
        rules = self.launch.files
        told = None if rules is None else [rules.allowed, rules.closed, rules.closed_to_writing, rules.key]
        self._level, source = self._log.getEffectiveLevel(), self.launch.source
        said = self.call(
            0,
            "hello",
            {
                "source": None if source is None else {"modules": source.modules, "path": source.path},
                "files": told,
                "level": self._level,
                "memory_bytes": self.launch.memory_bytes,
            },
            limit_s=START_S,
        )
        if not isinstance(said, dict) or said.get("protocol") != frames.PROTOCOL:
            why = f"speaks another version of the worker's protocol than {frames.PROTOCOL}"
            self.kill(why)
            raise ProcessFailedError(f"the process of {self._full_name} {why}")

    def _not_started(self, why: Exception | str) -> ProcessFailedError:
        return ProcessFailedError(f"the process of {self._full_name} cannot be started: {why} ({self.launch.python})")

    def call(
        self,
        target: int,
        method: str,
        *args: Any,
        limit_s: float | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a method in the process, wait for it, and return what it returned.

        Args:
            target: The number of the instance; 0 for the process itself.
            limit_s: How long it may take before the process is killed.
            changes: What has changed of the context.

        Raises:
            ProcessFailedError: The process is gone, and the message says why.
            ConnectError: What the plugin raised.
        """
        box: queue.SimpleQueue[tuple[Kind, Any]] = queue.SimpleQueue()
        payload = pack([target, method, list(args), self._changes(changes)])
        number = self._expect(lambda kind, value: box.put((kind, value)), method, limit_s)
        with self._sending:
            try:
                assert self._sock is not None
                frames.send(self._sock, Kind.CALL, number, payload)
            except OSError:
                self._wake()  # it is gone, and who looks after it says why
            except BaseException as error:
                with self._lock:
                    self._waiting.pop(number, None)
                if isinstance(error, FrameError):
                    raise DataError(f"{method} of {self._plugin}: {error}") from None
                self.kill(f"was ended, since {method} was cut off while it was sent")
                raise
        return self._result(*box.get())  # whoever looks after the process always answers

    async def poll(self, target: int, method: str) -> Any:
        """Call an `async def` method without arguments, which may wait for as long as it likes; as `call`, for the
        event loop. Cancelled, it has the plugin's call cancelled, and waits until that has cleaned up, for as long as a
        stop may take: then the process is killed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def deliver(kind: Kind, value: Any) -> None:
            try:
                result, error = self._result(kind, value), None
            except ConnectError as raised:
                result, error = None, raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_settle, future, result, error)

        number = self._expect(deliver, method, None)
        self._outbox.append((Kind.CALL, number, pack([target, method, [], self._changes(None)])))
        self._wake()
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # What it is cancelled in is nobody's.
            future.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception())
            self._tell(frames.CANCEL)
            await asyncio.wait({future}, timeout=self.launch.grace_s + LATE_S)
            if not future.done():
                self.kill(f"was ended, since {method} did not end when it was cancelled", PLUGIN_TIMEOUT)
            raise

    def stopping(self, grace_s: float | None = None) -> None:
        """Tell the plugin that it is to stop; from now on the process has its grace time. Never blocks."""
        with self._lock:
            if self._end_by is not None:
                return
            self._end_by = time.monotonic() + (self.launch.grace_s if grace_s is None else grace_s) + LATE_S
        self._tell(frames.STOP)
        self._wake()

    def close(self, *, if_idle: bool = False) -> None:
        """Say goodbye: it ends by itself, or is ended. Does not wait for that. One that is being started is ended then;
        calls that are under way, or come later, raise that it was closed.

        Args:
            if_idle: Only where nobody waits for a reply.
        """
        with self._lock:
            if self._is_closing or (if_idle and self._waiting):
                return
            self._is_closing = True
            self._end_by = min(self._end_by or float("inf"), time.monotonic() + BYE_S)
        self._outbox.append((Kind.CALL, 0, pack([0, "bye", [], {}])))
        self._wake()

    def kill(self, why: str, code: str = PLUGIN_CRASHED) -> None:
        """End it now, and let who waits for it hear why. Does not wait for that."""
        with self._lock:
            if self._killed_for is None:
                self._killed_for = (why, code)
        self._wake()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is gone and cleaned up after; return whether it is."""
        return self._ended.wait(timeout_s)

    # -- calls ---------------------------------------------------------------------------------------------------------

    @property
    def _full_name(self) -> str:
        return f"{self._who}, {self._plugin}" if self._plugin else self._who

    def _popen(self, descriptor: int) -> subprocess.Popen[bytes]:
        path = [*self.launch.path]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}
        if not path:
            del env["PYTHONPATH"]
        process = subprocess.Popen(  # noqa: S603 - the interpreter, and a module of ours
            [self.launch.python, "-P", "-m", "connect.runtime.processes.child", str(descriptor), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(descriptor,),
            env=env,
            start_new_session=True,
        )
        try:
            guardian.begun(process.pid)
        except BaseException:
            self._end(process)
            raise
        return process

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        """End a process that nobody looks after, and what it holds open."""
        process.kill()
        for each in (process.stdin, process.stderr):
            if each is not None:
                each.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILLED_S)

    def _changes(self, changes: Mapping[str, Any] | None) -> dict[str, Any]:
        found = dict(changes or {})
        if self._end_by is not None:  # which comes by another way, and may be heard behind this call
            found["stopping"] = True
        level = self._log.getEffectiveLevel()
        if level != self._level:
            self._level = found["level"] = level
        return found

    def _expect(self, deliver: Deliver, method: str, limit_s: float | None) -> int:
        with self._lock:
            if self._failure is not None or self._is_closing or self._process is None:
                raise self._error()
            self._number = number = (self._number + 1) & 0xFFFFFFFF or 1
            self._waiting[number] = waiting = _Waiting(deliver, method, limit_s)
            self._called_at = waiting.since
        return number

    def _error(self) -> ProcessFailedError:
        why, code = self._failure or ("was closed", PLUGIN_CRASHED)
        return ProcessFailedError(f"the process of {self._full_name} {why}", code=code)

    def _result(self, kind: Kind, value: Any) -> Any:
        """Return what came of a call, or raise it. For who called, who decodes it: not for who looks after it."""
        if isinstance(value, ConnectError):
            raise value
        try:
            found = unpack(value)
            if kind is Kind.REPLY:
                return found
            error = restored(found)
            take_codes(found.get("codes"))
            if found["code"] != error.code:
                error = restored(found)
        except (ValueError, TypeError, KeyError) as nonsense:
            self.kill(f"sent an answer that is none: {nonsense}", "plugin.broken")
            raise PluginError(f"the process of {self._full_name} sent an answer that is none: {nonsense}") from nonsense
        raise error

    def _wake(self) -> None:
        with self._lock, contextlib.suppress(OSError):  # it is woken already
            if self._wake_out is not None:
                self._wake_out.send(b"w")

    def _tell(self, said: bytes) -> None:
        with self._lock:
            if self._control is not None:
                with contextlib.suppress(OSError):  # it is gone, or has more to read than it will
                    os.write(self._control, said)

    # -- the thread that looks after it --------------------------------------------------------------------------------

    def _live(
        self,
        theirs: socket.socket,
        ends: contextlib.ExitStack,
        begun: queue.SimpleQueue[Exception | None],
        context: str,
    ) -> None:
        """Start the process, tell of that, and look after it to its end.

        Args:
            theirs: Its end of the socket.
            ends: Closes all ends, where it cannot be started.
            begun: Is told that it was started, or why it was not.
        """
        connector_context.set(context)
        try:
            process = self._popen(theirs.fileno())
        except Exception as error:
            with self._lock:
                self._wake_out = None
            ends.close()
            begun.put(error)
            return
        theirs.close()
        threading.current_thread().name = f"connect-process-{process.pid}"
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        with self._lock:
            self._process = process
            self._control = process.stdin.fileno()
        begun.put(None)
        self._run()

    def _run(self) -> None:
        assert self._process is not None
        assert self._sock is not None
        assert self._process.stderr is not None
        reading = Frames(self._sock)
        pidfd: int | None = None
        with contextlib.suppress(OSError, AttributeError):  # where there is none, each tick looks
            pidfd = os.pidfd_open(self._process.pid)
        is_open, is_told, wants_room = True, True, False
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._sock, selectors.EVENT_READ, "frames")
                selector.register(self._process.stderr, selectors.EVENT_READ, "stderr")
                selector.register(self._wake_in, selectors.EVENT_READ, "wake")  # type: ignore[arg-type]
                if pidfd is not None:
                    selector.register(pidfd, selectors.EVENT_READ, "end")
                while True:
                    tick_s = ENDING_TICK_S if self._is_ending else TICK_S
                    if is_open and wants_room is not self._is_full:
                        wants_room = self._is_full
                        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants_room else 0)
                        selector.modify(self._sock, events, "frames")
                    for key, events in selector.select(tick_s):
                        if key.data == "frames" and is_open and events & selectors.EVENT_READ:
                            is_open = self._take(reading)
                            if not is_open:
                                selector.unregister(self._sock)
                        elif key.data == "stderr" and is_told:
                            is_told = self._take_lines()
                            if not is_told:
                                selector.unregister(self._process.stderr)
                        elif key.data == "wake":
                            with contextlib.suppress(BlockingIOError):
                                self._wake_in.recv(4096)  # type: ignore[union-attr]
                    now = time.monotonic()
                    if self._has_ended() or self._is_given_up(now):
                        break
                    self._send_outbox()
                    self._look(now)
                self._drain(reading, is_open=is_open, is_told=is_told)
        except Exception:  # of ours: whoever waits must hear of it all the same
            logger.exception("looking after the process of %s failed", self._full_name)
        finally:
            self._bury()
            if pidfd is not None:
                os.close(pidfd)

    @property
    def _is_ending(self) -> bool:
        return self._end_by is not None or self._killed_for is not None

    def _take(self, reading: Frames) -> bool:
        """Read of the socket what is there; return whether there may be more."""
        try:
            found = reading.read()
        except EOFError:
            self._gone("closed its connection to the worker and lived on")
            return False
        except OSError as error:
            self._gone(f"lost its connection to the worker: {error}")
            return False
        except FrameError as error:
            self.kill(f"sent {error}, which is no message of the protocol", "plugin.broken")
            return False
        if reading.crumbs:
            self._throttle(notes=reading.crumbs)
            reading.crumbs = 0
        if found is not None:
            self._heard(*found)
        return True

    def _gone(self, why: str) -> None:
        """Take the end of the socket: it comes with the process's own, in a moment, or else is a fault."""
        deadline = time.monotonic() + _GONE_S
        while not self._has_ended():
            if time.monotonic() >= deadline:
                self.kill(why)
                return
            time.sleep(0.01)

    def _heard(self, kind: Kind, number: int, payload: bytearray) -> None:
        if kind in (Kind.REPLY, Kind.ERROR):
            with self._lock:
                waiting = self._waiting.pop(number, None)
            if waiting is not None:
                waiting.deliver(kind, payload)
            else:  # of a copy that the plugin forked, say
                self._throttle(notes=1)
            return
        self._throttle(notes=1 + len(payload) // _NOTE_BYTES)
        began = time.thread_time()
        try:
            what, args = unpack(payload)
            if not isinstance(what, str) or not isinstance(args, list):
                raise ValueError("no note")
            if kind is Kind.NOTE and what == "log":
                self._logged(*args)
            elif kind is Kind.NOTE:
                self._hears.note(what, args)
            elif kind is Kind.ASK:
                self._outbox.append((Kind.ANSWER, number, pack(self._hears.ask(what, args))))
                self._send_outbox()
            else:
                raise ValueError(f"a {kind.name} of a plugin")
        except Exception as error:  # whatever nonsense leads to
            logger.warning("the process of %s sent nonsense", self._full_name, exc_info=True)
            self.kill(f"sent what makes no sense: {error}", "plugin.broken")
        finally:
            self._hearing_s += time.thread_time() - began

    def _logged(self, name: str, level: int, text: str) -> None:
        if not (isinstance(name, str) and type(level) is int and isinstance(text, str)):
            raise ValueError("no log line")
        own = self._log if name == self._log.name else self._log.getChild("process")
        own.log(min(max(level, 1), 50), "%s", text if own is self._log else f"{name:.100}: {text}")

    def _take_lines(self) -> bool:
        assert self._process is not None
        assert self._process.stderr is not None
        data = os.read(self._process.stderr.fileno(), _STDERR_BYTES)
        if not data:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._throttle(notes=len(lines), stderr_bytes=len(data))
        self._rest = self._rest[-65536:]
        began = time.thread_time()
        for line in lines:
            self._line(line)
        self._hearing_s += time.thread_time() - began
        return True

    def _line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        if text:
            self._lines.append(text[:_LINE_CHARS])
            self._log.info("%s", text)

    def _throttle(self, *, notes: int = 0, stderr_bytes: int = 0) -> None:
        """Let a process wait that says more than can be heard, but for a second's worth: it slows itself down, and
        nobody else."""
        now = time.monotonic()
        passed, self._reckoned_at = now - self._reckoned_at, now
        spent_s, self._hearing_s = self._hearing_s, 0.0
        said_s = max(notes / NOTES_PER_S, stderr_bytes / STDERR_BYTES_PER_S, spent_s / HEARING_SHARE)
        self._excess_s = max(-1.0, self._excess_s - passed) + said_s
        if self._excess_s > 0:
            time.sleep(min(TICK_S, self._excess_s))

    def _send_outbox(self) -> None:
        """Send what is to be sent from here, without ever waiting for the process to read it."""
        if len(self._outbox) > _UNREAD_MAX:
            self.kill("does not read what it is sent")
            return
        self._is_full = False
        while (self._unsent or self._outbox) and (self._unsent or self._sending.acquire(blocking=False)):
            try:
                if not self._unsent:
                    kind, number, payload = self._outbox.popleft()
                    self._unsent = memoryview(frames.head(kind, number, payload) + payload)
                assert self._sock is not None
                self._unsent = self._unsent[self._sock.send(self._unsent, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._is_full = True
                return
            except OSError:
                self._outbox.clear()
                self._unsent = memoryview(b"")
            finally:
                if not self._unsent:
                    self._sending.release()

    def _look(self, now: float) -> None:
        """Look at the clock and at the process's memory, and do what has to be done."""
        assert self._process is not None
        if self._killed_for is None:
            self._judge(now)
        if self._killed_for is None:
            return
        if self._term_at is None:
            self._term_at = now
            self._signal(signal.SIGTERM)
        elif now - self._term_at >= TERM_S:
            self._signal(signal.SIGKILL)

    def _is_given_up(self, now: float) -> bool:
        """Whether the process has not ended though it was killed a while ago. The guardian still knows its group."""
        return self._term_at is not None and now - self._term_at >= TERM_S + KILLED_S

    def _has_ended(self) -> bool:
        """Whether the process has ended; what it left in its group is then ended too, while its number is its own."""
        assert self._process is not None
        if hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):
                if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    return False
        elif self._process.poll() is None:
            return False
        self._signal(signal.SIGKILL)
        guardian.ended(self._process.pid)
        return self._process.poll() is not None

    def _judge(self, now: float) -> None:
        assert self._process is not None
        with self._lock:
            waiting = list(self._waiting.values())
        for one in waiting:
            if one.limit_s is not None and now - one.since >= one.limit_s:
                self.kill(f"was ended, since {one.method} did not return within {one.limit_s:g} s", PLUGIN_TIMEOUT)
                return
        if self._until is not None and self._until.is_set():
            self.stopping()
        if self._end_by is not None and now >= self._end_by:
            held = f": {waiting[0].method} did not return" if waiting else ""
            self.kill(f"was ended, since it did not stop in time{held}", PLUGIN_TIMEOUT)
        elif self._idle_s is not None and not waiting and now - self._called_at >= self._idle_s:
            self.close(if_idle=True)
        elif (limit := self.launch.memory_bytes) is not None and (used := _resident_bytes(self._process)) > limit:
            self.kill(
                f"was ended, since it used {used >> 20} MiB of memory: plugin.memory.limit is {limit >> 20} MiB",
                PLUGIN_MEMORY,
            )

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _drain(self, reading: Frames, *, is_open: bool, is_told: bool) -> None:
        """Take what it had sent before it died: what it left running may hold the ends open, so nothing is waited
        for."""
        assert self._process is not None
        assert self._process.stderr is not None
        deadline = time.monotonic() + 1.0
        assert self._sock is not None
        self._sock.setblocking(False)
        os.set_blocking(self._process.stderr.fileno(), False)
        with contextlib.suppress(OSError, EOFError, FrameError):
            while is_open and time.monotonic() < deadline:
                found = reading.read()
                if found is not None and found[0] is not Kind.ASK:
                    self._heard(*found)
        with contextlib.suppress(OSError):
            while is_told and time.monotonic() < deadline and self._take_lines():
                pass
        if self._rest:
            self._line(self._rest)

    def _bury(self) -> None:
        """Clean up after it, and tell who waits."""
        assert self._process is not None
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.0 if self._is_given_up(time.monotonic()) else KILLED_S)
        with self._lock:
            self._failure = self._cause(self._process.returncode)
            waiting, self._waiting = list(self._waiting.values()), {}
            self._control = None
            wake_out, self._wake_out = self._wake_out, None
        if self._unsent:
            self._unsent = memoryview(b"")
            self._sending.release()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr] # who still sends hears of it
        # Nobody sends any more when its number may become another's.
        is_quiet = self._sending.acquire(timeout=KILLED_S)
        for each in (self._process.stdin, self._process.stderr, self._sock, self._wake_in, wake_out):
            with contextlib.suppress(OSError):
                each.close()  # type: ignore[union-attr]
        if is_quiet:
            self._sending.release()
        for one in waiting:
            one.deliver(Kind.ERROR, self._error())
        self._ended.set()
        if not waiting and not self._is_closing and self._end_by is None:
            logger.error("%s", self._error().message)
            if self._lost is not None:
                with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody is there to hear
                    self._lost(self._error())

    def _cause(self, code: int | None) -> tuple[str, str]:
        """Return how it ended, in words, and the code of that."""
        limit = self.launch.memory_bytes
        known, kind = "", PLUGIN_CRASHED
        if self._killed_for is not None:
            known, kind = self._killed_for
            if code is None:
                known += "; and it does not end, though it was killed"
        elif code is None:
            known = "does not end, though it was killed"
        elif code == frames.EXIT_MEMORY and limit is not None:
            known, kind = f"met its limit of memory: plugin.memory.limit is {limit >> 20} MiB", PLUGIN_MEMORY
        elif code == 0 and self._is_closing:
            return "was closed", kind
        elif code < 0:
            known = f"was ended by {_signal_name(-code)}"
            if -code == signal.SIGKILL:
                known += ", which the system sends where memory is short"
            elif limit is not None and -code in (signal.SIGSEGV, signal.SIGABRT):
                known += f"; it may have met plugin.memory.limit={limit >> 20}m"
        else:
            known = f"ended by itself with exit code {code}"
        if self._lines and kind != PLUGIN_TIMEOUT:
            known += "; it wrote last: " + " | ".join(self._lines)
        return known, kind


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _resident_bytes(process: subprocess.Popen[bytes]) -> int:
    """Return the memory that a process uses; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
