"""The watchdog over plugin code: what takes long, what was left behind, and who holds the event loop.

One thread of the worker looks once a second. It costs a wake-up of the loop each time, and nothing a batch: calls only
note when they begin. What it finds is logged, louder as time passes, and listed in /v1/warnings:

- plugin.slow: a call has been under way for longer than it should;
- plugin.left_behind: what was to end and has not, for as long as it lives;
- loop.held: `async def` code that blocked, so that everything on the event loop stood still.

Time in which the whole process stood, as on a machine that is suspended or has no memory left, is nobody's: it is
logged, and neither held against who was on the event loop just then nor against the worker's liveness.

A thread that only computes (`while True: pass`) takes its share of the interpreter from all others. While one does,
threads are switched fifty times as often, so that the others wait less for their turn. One that was left behind is
asked to end: an exception is raised in it, from outside, where its own code runs (decision 0010 says when, and what
that cannot end).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from connect.figures import FINE_BOUNDS_S, Histogram
from connect.runtime.border.calls import MAY_BLOCK, TaskThread, Underway

logger = logging.getLogger(__name__)

#: How often the watchdog looks, in seconds.
TICK_S: Final = 1.0
#: How often it leaves out the threads that have ended.
ALIVE_EACH_S: Final = 30.0
#: A call that takes longer is told of in /v1/warnings.
SLOW_S: Final = 5.0
#: When the log tells of it: first as a warning, then as an error, then each time that it has doubled.
LOUD_S: Final = 60.0
#: The loop is said to stand after this time.
HELD_S: Final = 2.0
#: How long /v1/warnings remembers that the loop stood.
REMEMBER_S: Final = 600.0
#: How many of those are kept.
HELD_KEPT: Final = 20
#: The worker is hung where its loop stood for so much of the last while.
HUNG_SHARE: Final = 0.5
HUNG_WINDOW_S: Final = 60.0
#: The process stood where the watchdog itself woke so much too late, and used less of a CPU meanwhile: code that keeps
#: the interpreter from all threads uses one.
STOOD_S: Final = 1.0
STOOD_SHARE: Final = 0.1
#: A thread that uses more of a CPU than this, within a call that takes long, computes and does not wait.
SPINS: Final = 0.1
#: The same of one that was left behind: several share a CPU, and with whatever else the machine does.
SPINS_LEFT: Final = 0.02
#: How often threads are switched while one computes; the interpreter's usual is 5 ms.
SWITCH_S: Final = 0.0001

_STDLIB: Final = sysconfig.get_paths()["stdlib"]
_OURS: Final = str(Path(__file__).resolve().parents[2]) + os.sep
_SITE: Final = "site-packages"
#: Libraries of ours that run on the event loop, and the command's own script.
_LIBRARIES: Final = tuple(
    f"{_SITE}/{name}/" for name in ("click", "uvicorn", "uvloop", "starlette", "fastapi", "connect")
)


class Abandoned(BaseException):
    """Raised in a plugin's thread that was left behind and computes: nobody waits for what it does."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: a warning's code, its subject and the whole sentence."""

    code: str
    subject: str
    message: str


@dataclass(slots=True, eq=False)
class _Watched:
    """What is known of one thread: how its CPU time went on, and how loud its call was told of."""

    thread: TaskThread
    cpu_s: float = 0.0
    looked_at: float = 0.0
    share: float = 0.0
    call: Underway | None = None
    told: Underway | None = None
    next_s: float = SLOW_S


@dataclass(frozen=True, slots=True)
class _Stray:
    """A coroutine of a plugin that was cancelled and goes on."""

    who: str
    what: str
    task: asyncio.Task[Any]
    since: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class _Hold:
    """One time that the loop stands: since when, and who was seen there and where, as often as they were."""

    since: float
    seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def see(self, who: str, where: str) -> None:
        self.seen[who, where] = self.seen.get((who, where), 0) + 1

    @property
    def blamed(self) -> tuple[str, str]:
        """Who was seen most often, of equals the first: what comes behind it may be seen once before the beat."""
        return max(self.seen, key=self.seen.__getitem__)


class Watchdog:
    """Looks after the threads of one worker. `start` and `close` are called on the loop, the rest from anywhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: list[_Watched] = []
        self._strays: list[_Stray] = []
        #: Who held the loop and where: the last time of each, so that one that does it again and again is one warning.
        self._held: dict[tuple[str, str], tuple[float, Notice]] = {}
        self._holding: _Hold | None = None
        #: From when to when it stood, of the last while.
        self._stood: deque[tuple[float, float]] = deque()
        #: How long the loop kept each beat waiting.
        self.loop_delay = Histogram(FINE_BOUNDS_S)
        #: Called on the loop with each beat: once a second.
        self.on_beat: Callable[[], None] = _nothing
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._beat = 0.0
        self._asked = 0.0
        #: When those that have ended were left out last.
        self._asked_alive_at = 0.0

    def start(self) -> None:
        """Begin to look, from the running loop."""
        loop, ident = asyncio.get_running_loop(), threading.get_ident()
        self._beat = self._asked = time.monotonic()
        self._thread = threading.Thread(target=self._look, args=(loop, ident), name="connect-watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more; threads that were left behind are looked after as long as they compute."""
        self._stop.set()

    def add(self, thread: TaskThread) -> None:
        """Look after a thread, from its start to its end."""
        with self._lock:
            self._watched.append(_Watched(thread))

    def stray(self, who: str, what: str, task: asyncio.Task[Any]) -> None:
        """Take note of a coroutine that does not end."""
        with self._lock:
            self._strays.append(_Stray(who, what, task))
        logger.error("%s of %s does not end, though it was cancelled; it is left behind", what, who)

    # -- what is told ----------------------------------------------------------------------------------------------

    def notices(self) -> list[Notice]:
        """Return what someone should act on now."""
        now = time.monotonic()
        found = [notice for watched in self._all() if (notice := _notice(watched, now)) is not None]
        found += [_stray_notice(stray, now) for stray in self._all_strays()]
        return found + [notice for at, notice in list(self._held.values()) if now - at < REMEMBER_S]

    def hung(self) -> str | None:
        """Say why nobody should wait for the worker any more: its event loop stands most of the time. None where it
        goes on."""
        now = time.monotonic()
        holding = self._holding
        spans = [*list(self._stood), *([(holding.since, now)] if holding is not None else [])]
        stood_s = sum(max(0.0, end - max(begin, now - HUNG_WINDOW_S)) for begin, end in spans)
        if stood_s < HUNG_SHARE * HUNG_WINDOW_S:
            return None
        return (
            f"Worker's event loop stood for {stood_s:.0f} of the last {HUNG_WINDOW_S:.0f} s; "
            "its log and /v1/warnings say by what (loop.held)"
        )

    def underway(self) -> list[str]:
        """Name everything of plugins that runs now, for the log of a stop that takes too long."""
        now = time.monotonic()
        found = [
            f"{call.what} of {watched.thread.who}, {call.whom or watched.thread.plugin}, for {now - call.since:.0f} s"
            for watched in self._all()
            if (call := watched.thread.underway()) is not None
        ]
        if self._holding is not None:
            who, where = self._holding.blamed
            found.append(f"{who}, which holds the event loop for {now - self._holding.since:.0f} s ({where})")
        return found + [f"{stray.what} of {stray.who}" for stray in self._all_strays()]

    def left_behind(self) -> list[str]:
        """Name what was to end and has not."""
        now = time.monotonic()
        found = [
            n.message for w in self._all() if w.thread.closed_at is not None and (n := _notice(w, now)) is not None
        ]
        return found + [_stray_notice(stray, now).message for stray in self._all_strays()]

    def _all(self) -> list[_Watched]:
        with self._lock:
            self._watched = [w for w in self._watched if w.thread.is_alive]
            return list(self._watched)

    def _looked_at(self, now: float) -> list[_Watched]:
        """Return what to look at in this tick: all, some of which may have ended. Asking each costs an idle worker more
        than the look."""
        if now - self._asked_alive_at >= ALIVE_EACH_S:
            self._asked_alive_at = now
            return self._all()
        with self._lock:
            return list(self._watched)

    def _all_strays(self) -> list[_Stray]:
        with self._lock:
            self._strays = [stray for stray in self._strays if not stray.task.done()]
            return list(self._strays)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _look(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        usual_s = sys.getswitchinterval()
        looks_at_loop, looked = True, (time.monotonic(), time.process_time())
        while not self._stop.wait(TICK_S) or self._has_left_behind():
            looked = self._note_standstill(*looked)
            try:
                if looks_at_loop and not self._stop.is_set():
                    self._look_at_loop(loop, ident)
            except RuntimeError:  # the loop was closed
                looks_at_loop = False
            try:
                now = time.monotonic()
                spins = [self._look_at(watched, now) for watched in self._looked_at(now)]
                sys.setswitchinterval(SWITCH_S if any(spins) else usual_s)
            except Exception:  # the watchdog is no reason to fail, and must go on
                logger.exception("the watchdog over plugins failed")
            if self._stop.is_set():
                time.sleep(TICK_S)
        sys.setswitchinterval(usual_s)

    def _note_standstill(self, looked_s: float, used_s: float) -> tuple[float, float]:
        """Take the time that the whole process stood since the last look out of that for which the loop is waited for.

        Args:
            looked_s, used_s: The clock, and the CPU that the process had used, at that look.

        Returns:
            The same now.
        """
        now_s, now_used_s = time.monotonic(), time.process_time()
        late_s = now_s - looked_s - TICK_S
        if late_s >= STOOD_S and now_used_s - used_s < STOOD_SHARE * late_s:
            self._asked += late_s
            if self._holding is not None:
                self._holding.since += late_s
            logger.warning(
                "the whole process stood still for %.0f s: its machine was suspended, or has no time or memory for it",
                late_s,
            )
        return now_s, now_used_s

    def _has_left_behind(self) -> bool:
        return any(watched.thread.is_busy and watched.thread.closed_at is not None for watched in self._all())

    def _look_at_loop(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        now = time.monotonic()
        if self._beat >= self._asked:
            if self._holding is not None:
                self._released(now)
            self._asked = now
            loop.call_soon_threadsafe(self._answer)
        elif now - self._asked >= HELD_S:
            who, where = _holder(ident)
            if self._holding is None:
                logger.error("the event loop stands for %.0f s: %s blocks it (%s)", now - self._asked, who, where)
            elif int((now - self._asked) / LOUD_S) != int((now - self._asked - TICK_S) / LOUD_S):
                logger.error(
                    "the event loop still stands, for %.0f s: %s blocks it (%s)", now - self._asked, who, where
                )
            self._holding = self._holding or _Hold(self._asked)
            self._holding.see(who, where)

    def _answer(self) -> None:
        self._beat = time.monotonic()
        self.loop_delay.observe(self._beat - self._asked)
        self.on_beat()

    def _released(self, now: float) -> None:
        assert self._holding is not None
        (who, where), since = self._holding.blamed, self._holding.since
        self._holding = None
        self._stood.append((since, self._beat))
        while self._stood[0][1] < now - HUNG_WINDOW_S:
            self._stood.popleft()
        message = (
            f"{who} held the event loop for {self._beat - since:.0f} s, "
            f"so that everything else stood still ({where}); `async def` must not block"
        )
        logger.error("%s", message)
        self._held.pop((who, where), None)
        self._held[who, where] = (now, Notice("loop.held", who, message))
        while len(self._held) > HELD_KEPT:
            del self._held[next(iter(self._held))]

    def _look_at(self, watched: _Watched, now: float) -> bool:
        """Look at one thread; return whether it computes within a call that takes long."""
        thread, call = watched.thread, watched.thread.underway()
        if watched.call != call:
            watched.call, watched.share, watched.looked_at = call, 0.0, 0.0
        if call is None:
            return False
        _measure(watched, now)  # of a call that has just begun too: the next look then knows what it uses
        if now - call.since < TICK_S:
            return False
        spins = watched.share > SPINS
        if thread.closed_at is not None:
            if watched.share > SPINS_LEFT and now - thread.closed_at > TICK_S:
                _end(thread)
        elif now - call.since >= thread.deadline_s and call.what not in MAY_BLOCK:
            thread.expire(call, thread.deadline_s)
        self._tell(watched, call, now)
        return spins

    def _tell(self, watched: _Watched, call: Underway, now: float) -> None:
        if watched.told != call:
            watched.told, watched.next_s = call, 2 * SLOW_S
        spent_s = now - call.since
        if spent_s >= watched.next_s:
            watched.next_s = max(2 * watched.next_s, spent_s)
            notice = _notice(watched, now)
            if notice is not None:
                logger.log(logging.ERROR if spent_s >= LOUD_S else logging.WARNING, "%s", notice.message)


def _notice(watched: _Watched, now: float) -> Notice | None:
    thread = watched.thread
    call = thread.underway()
    busy = f"; it uses {watched.share:.0%} of a CPU and slows everything else" if watched.share > SPINS else ""
    if thread.closed_at is not None:
        if call is None and not thread.is_busy:
            return None
        what = call.what if call is not None else "a call"
        return Notice(
            "plugin.left_behind",
            thread.subject,
            f"{thread.who} was to end {now - thread.closed_at:.0f} s ago, and "
            f"{what} of {call.whom if call is not None and call.whom else thread.plugin or thread.who} "
            f"still runs{busy}; only a restart of the worker is sure to end it",
        )
    if call is None or now - call.since < SLOW_S:
        return None
    whom = call.whom or thread.plugin
    return Notice(
        "plugin.slow",
        thread.subject,
        f"{thread.who} has been in {call.what} for {now - call.since:.0f} s{f' ({whom})' if whom else ''}{busy}",
    )


def _stray_notice(stray: _Stray, now: float) -> Notice:
    return Notice(
        "plugin.left_behind",
        stray.who,
        f"{stray.what} of {stray.who} was cancelled {now - stray.since:.0f} s ago and goes on; "
        "only a restart of the worker is sure to end it",
    )


def _measure(watched: _Watched, now: float) -> None:
    clock = watched.thread.cpu_clock
    if clock is None:
        return
    try:
        spent_s = time.clock_gettime(clock)
    except OSError:  # it has just ended
        return
    if watched.looked_at and now > watched.looked_at:
        watched.share = (spent_s - watched.cpu_s) / (now - watched.looked_at)
    watched.cpu_s, watched.looked_at = spent_s, now


def _end(thread: TaskThread) -> None:
    """Raise `Abandoned` in a thread, unless it is just now in code that others share locks with."""
    with thread.ending:  # an identity is given to the next thread as soon as its thread has ended
        ident = thread.ident
        frame = sys._current_frames().get(ident) if ident is not None and not thread.has_ended else None
        if frame is None or ident is None or not _is_foreign(frame):
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Abandoned))
    logger.warning("%s computes though it was to end: it is interrupted", thread.full_name)


def _nothing() -> None:
    return None


# -- the loop's stack ----------------------------------------------------------------------------------------------

_BORDER: Final[CodeType] = TaskThread._awaited.__code__


def _holder(ident: int) -> tuple[str, str]:
    """Say who is on a thread's stack, and where: the plugin's call if there is one, else the code that runs."""
    frame = sys._current_frames().get(ident)
    at = next((each for each in _outward(frame) if _is_foreign(each)), frame)
    where = "unknown" if at is None else f"{at.f_code.co_filename}:{at.f_lineno} in {at.f_code.co_name}"
    return (holder_of(frame) or "code outside any plugin's call"), where


def holder_of(frame: FrameType | None) -> str | None:
    """Return whose call is on a stack of frames, None where there is no plugin's."""
    for each in _outward(frame):
        if each.f_code is _BORDER:
            with contextlib.suppress(Exception):
                variables = each.f_locals
                return f"{variables['method'].__name__} of {variables['self'].full_name}"
    return None


def is_foreign(frame: FrameType | None) -> bool:
    """Whether code that is neither ours nor the interpreter's is on a stack."""
    return any(_is_foreign(each) for each in _outward(frame))


def meddler(frame: FrameType | None) -> FrameType | None:
    """Return the frame of a plugin that called what is on top of a stack, itself or through the standard library."""
    for each in _outward(frame):
        if _is_foreign(each):
            return each
        if is_ours(each.f_code.co_filename):
            break
    return None


def is_ours(file: str) -> bool:
    """Whether a file of code is the worker's own, or of a library that runs its event loop."""
    return file.startswith(_OURS) or any(part in file for part in _LIBRARIES)


def _is_foreign(frame: FrameType) -> bool:
    # The command's own script is at the bottom of the main thread.
    return frame.f_globals.get("__name__") != "__main__" and is_plugins(frame.f_code.co_filename)


def is_plugins(file: str) -> bool:
    """Whether a file of code is neither ours nor the interpreter's."""
    if _SITE in file:
        return not any(part in file for part in _LIBRARIES)
    return not file.startswith((_STDLIB, _OURS, "<frozen"))


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
