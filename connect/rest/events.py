"""The stream of what changes: one look at all connectors for all who listen, and a stream for each of them.

Theory of operation. While anybody listens, the hub looks at every connector once a second, and soon after a status has
changed; what a look costs decides how long the next one waits, so that it takes a small share of the loop. A row that
changed gets the look's number, its version. A stream remembers the version that its reader has, and is sent what is
newer once the reader takes it: so nothing is queued, a reader that is slow gets many changes as one, and what a stream
holds does not grow. One whose connection takes nothing for `WRITE_S` is cut off.

What is asked of others, how far the tasks of other workers are and how far sinks are behind, is asked beside the looks,
which never wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any, Final

import connect
from connect.api import ConnectError
from connect.api.error_codes import register_code
from connect.rest.answers import Answer, encode
from connect.rest.forwarding import LeaderClient, until_gone
from connect.rest.models.events import Events, WorkerRow
from connect.rest.negotiation import HEAD
from connect.rest.progress import told_by_others
from connect.rest.protocol import ABORT
from connect.rest.rows import Figures, Moved, Rows, rounded
from connect.rest.server import asks_nobody
from connect.runtime.clock import now_ms
from connect.runtime.herder import Herder
from connect.runtime.host import Host
from connect.runtime.model import TaskId, TaskProgress, worker_id_of
from connect.runtime.secrets import redact
from connect.runtime.stopping import STOPPING
from connect.stores.fenced import REBALANCING

logger = logging.getLogger(__name__)

BUSY: Final = register_code(
    "events.busy",
    "As many streams of events are open as the worker keeps open.",
    "Close pages that nobody looks at, or ask again later.",
)
DEFECT: Final = "internal"
STREAMS_MAX: Final = 32
#: How often connectors are looked at, and how soon after a status has changed.
LOOK_S: Final = 1.0
SOON_S: Final = 0.15
#: However much a look costs, the next one comes within so long.
LOOK_MAX_S: Final = 4.0
#: A reader hears something at least so often.
BEAT_S: Final = 4.0
#: A connection that takes nothing for so long is cut off.
WRITE_S: Final = 20.0
#: Looks take at most one part in so many of the loop's time; lags and positions, less.
_SHARE: Final = 60
_ASIDE_SHARE: Final = 200
_ASIDE_S: Final = 2.0
_ASIDE_WITHIN_S: Final = 10.0
#: After so many connectors others get their turn on the loop.
_TURN: Final = 50
#: So many names that are gone are known; a reader that lags behind more gets a new snapshot.
_GONE_MAX: Final = 1000
_POSITION_CHARS_MAX: Final = 120
_PARTITIONS_MAX: Final = 20_000


def event(name: str, data: object) -> bytes:
    """Return one event as a stream has it."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode(data))


class Hub:
    """Looks while anybody listens. For the event loop.

    Attributes:
        version: Of the newest look; 0: there was none yet.
        streams: How many listen.
    """

    def __init__(self, host: Host, client: LeaderClient) -> None:
        self.version = 0
        self.streams = 0
        self._host = host
        self._client = client
        self._rows = Rows()
        self._moved = Moved()
        self._gone: deque[tuple[int, str]] = deque(maxlen=_GONE_MAX)
        self._floor = 0  # a reader with this version, or an older one, is sent all
        self._worker: WorkerRow | None = None
        self._worker_version = 0
        self._snapshot: tuple[int, bytes] = (0, b"")
        self._change: tuple[int, bytes] = (0, b"")
        self._others: list[TaskProgress] = []
        self._lags: dict[str, int] = {}
        self._positions: dict[str, str] = {}
        self._headers: Mapping[str, str] = {}
        self._turned = asyncio.Event()
        self._kicked = asyncio.Event()
        self._looking: list[asyncio.Task[None]] = []
        #: Set with `ended`.
        self.over = asyncio.Event()
        self._ended: tuple[str, str] | None = None
        self._cost_s = 0.0
        self._is_open_to_others = False

    # -- who listens -----------------------------------------------------------------------------------------------

    def enter(self, headers: Mapping[str, str]) -> int:
        """Begin to listen; `leave` ends it. Return the version that a reader without any has.

        Args:
            headers: By which other workers are asked, as the user who listens.
        """
        self.streams += 1
        self._headers = headers
        if self.streams == 1:
            self._begin()
        return self._floor

    def leave(self) -> None:
        """End listening; the last one ends the looks."""
        self.streams -= 1
        if not self.streams:
            self._end()

    def _begin(self) -> None:
        base = self._host.base
        base.on_status.append(self._on_status)
        self._ended = None
        self.over.clear()
        # What was known may be old: a stream begins with what is.
        self._rows, self._moved = Rows(), Moved()
        self._worker = None
        self._floor = self.version
        self._is_open_to_others = any(asks_nobody(one, base.config) for one in base.config.addresses)
        self._others, self._lags, self._positions = [], {}, {}
        works: list[Coroutine[Any, Any, None]] = [
            self._look_forever(),
            self._end_with(base.stopping, STOPPING, "The worker stops"),
            self._end_with(self._host.lost, REBALANCING, "The worker has lost its place in its group"),
            self._aside(self._ask_others, least_s=LOOK_S),
            self._aside(self._look_at_lags, least_s=_ASIDE_S),
            self._aside(self._look_at_positions, least_s=_ASIDE_S),
        ]
        self._looking = [asyncio.create_task(work, name="looking for streams of events") for work in works]

    def _end(self) -> None:
        base = self._host.base
        if self._on_status in base.on_status:
            base.on_status.remove(self._on_status)
        looking, self._looking = self._looking, []
        for task in looking:
            task.cancel()
        self._turn()

    async def aclose(self) -> None:
        """End all looks; streams end by themselves."""
        looking = self._looking
        self._end()
        await asyncio.gather(*looking, return_exceptions=True)

    async def news(self, version: int, timeout_s: float) -> bool:
        """Wait until there is more than a version, or the looks have ended; False where the time is over before."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.version <= version and self._ended is None:
                    await self._turned.wait()
        except TimeoutError:
            return False
        return True

    @property
    def ended(self) -> tuple[str, str] | None:
        """Why there are no more looks, as code and message; None while there are."""
        return self._ended

    def since(self, version: int) -> bytes:
        """Return what a reader with a version is to be sent now: the events of all that came since."""
        if version <= self._floor:
            return self._whole()
        if version == self.version - 1:
            return self._newest()
        return self._changes(version)

    def _whole(self) -> bytes:
        if self._snapshot[0] != self.version:
            connectors = [kept.encoded for _, kept in sorted(self._rows.kept.items())]
            data = {"at": now_ms(), "connectors": connectors, "worker": self._worker}
            self._snapshot = (self.version, event("snapshot", data))
        return self._snapshot[1]

    def _newest(self) -> bytes:
        if self._change[0] != self.version:
            self._change = (self.version, self._changes(self.version - 1))
        return self._change[1]

    def _changes(self, version: int) -> bytes:
        changed = [kept.encoded for _, kept in sorted(self._rows.kept.items()) if kept.version > version]
        gone = sorted({name for at, name in self._gone if at > version and name not in self._rows.kept})
        parts = []
        if gone:
            parts.append(event("removed", {"at": now_ms(), "names": gone}))
        more = {"worker": self._worker} if self._worker_version > version else {}
        if changed or more:
            parts.append(event("changed", {"at": now_ms(), "connectors": changed, **more}))
        return b"".join(parts)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _on_status(self, _name: str, _task: int | None) -> None:
        self._kicked.set()

    def _turn(self) -> None:
        turned, self._turned = self._turned, asyncio.Event()
        turned.set()

    async def _look_forever(self) -> None:
        is_first = True
        try:
            while True:
                self._kicked.clear()
                await self._look(self._host.leading())
                # The first look makes all rows, once; what the next ones cost says how often they are.
                wait_s = 0.0 if is_first else min(LOOK_MAX_S, _SHARE * self._cost_s)
                is_first = False
                await asyncio.sleep(max(SOON_S, wait_s))
                await _wait(self._kicked, max(0.0, LOOK_S - SOON_S))
        except ConnectError as error:  # another one leads by now
            self._end_all(error.code, error.message)
        except Exception as error:
            logger.error("the look at all connectors for streams of events failed", exc_info=error)
            self._end_all(DEFECT, f"{type(error).__name__}: {error}")

    async def _end_with(self, told: asyncio.Event, code: str, message: str) -> None:
        await told.wait()
        self._end_all(code, message)

    def _end_all(self, code: str, message: str) -> None:
        self._ended = self._ended or (code, redact(message))
        self.over.set()
        self._turn()

    async def _look(self, herder: Herder) -> None:
        """Take all rows as they are now. Others get their turn in between; a version stands once all is looked at."""
        began, now_s = time.thread_time(), time.monotonic()
        self._cost_s = 0.0
        self._moved.take(now_s, self._records(herder))
        version, changed = self.version + 1, False
        names, restarts, p99s = herder.connectors(), herder.restarts(), self._p99s(herder)
        for number, name in enumerate(names, 1):
            if number % _TURN == 0:
                self._cost_s += time.thread_time() - began
                await asyncio.sleep(0)
                began = time.thread_time()
            if herder.etag(name) is not None:  # else it was deleted in between
                changed |= self._rows.look(herder, name, self._figures(name, now_s, restarts, p99s), version)
        gone = self._rows.gone(names)
        for name in gone:
            if len(self._gone) == _GONE_MAX:
                self._floor = max(self._floor, self._gone[0][0] - 1)
            self._gone.append((version, name))
        self._moved.forget(gone)
        if (worker := self._worker_row()) != self._worker:
            self._worker, self._worker_version, changed = worker, version, True
        if changed or gone:
            self.version = version
            self._turn()
        self._cost_s += time.thread_time() - began

    def _records(self, herder: Herder) -> Iterable[tuple[TaskId, int]]:
        """Tell how much each task has moved. What another worker has told of one that runs here by now is old, and both
        counts in turn would be taken for its way."""
        here = {runner.id: runner.records for runner in herder.base.worker.runners()}
        yield from here.items()
        yield from ((progress.id, progress.records) for progress in self._others if progress.id not in here)

    def _p99s(self, herder: Herder) -> dict[str, float]:
        """Return that of the slowest task of each connector, of those that have moved something."""
        recorder, found = herder.base.recorder, dict[str, float]()
        told = [(runner.id, recorder.p99_ms(runner.id)) for runner in herder.base.worker.runners()]
        for task, took_ms in (*told, *((progress.id, progress.batch_ms_p99) for progress in self._others)):
            if took_ms is not None:
                found[task.connector] = max(found.get(task.connector, 0.0), rounded(took_ms))
        return found

    def _figures(self, name: str, now_s: float, restarts: Mapping[str, int], p99s: Mapping[str, float]) -> Figures:
        return Figures(
            records_per_second=rounded(self._moved.rate(name, now_s)),
            batch_ms_p99=p99s.get(name),
            lag=self._lags.get(name),
            position=self._positions.get(name),
            restarts=restarts.get(name, 0),
        )

    def _worker_row(self) -> WorkerRow:
        config = self._host.base.config
        return {
            "worker_id": self._host.base.worker_id,
            "version": connect.__version__,
            "group": config.group_id,
            "workers": [
                {
                    "worker_id": worker_id_of(view.url),
                    "leads": view.leads,
                    "leaving": view.leaving,
                    "tasks": len(view.tasks),
                }
                for view in self._host.workers()
            ],
            "open_to_others": self._is_open_to_others,
        }

    # -- beside the looks ------------------------------------------------------------------------------------------

    async def _aside(self, ask: Callable[[], Coroutine[Any, Any, None]], *, least_s: float) -> None:
        """Ask again and again; what cannot be had stays as it was, and the looks go on."""
        trouble = ""
        while True:
            began = time.thread_time()
            try:
                async with asyncio.timeout(_ASIDE_WITHIN_S):
                    await ask()
                trouble = ""
            except Exception as error:
                if (why := f"{type(error).__name__}: {error}") != trouble:
                    # A defect must not leave figures as they are for as long as somebody listens, without a word.
                    is_known = isinstance(error, ConnectError | OSError | TimeoutError)
                    level, trace = (logging.WARNING, None) if is_known else (logging.ERROR, error)
                    told = "a stream of events goes on with older figures: %s"
                    logger.log(level, told, redact(why), exc_info=trace)
                trouble = why
            await asyncio.sleep(max(least_s, _ASIDE_SHARE * (time.thread_time() - began)))

    async def _ask_others(self) -> None:
        self._others = await told_by_others(self._host, self._client, self._headers)

    async def _look_at_lags(self) -> None:
        self._lags = {name: found.lag for name, found in (await self._host.leading().lags()).items()}

    async def _look_at_positions(self) -> None:
        found = self._host.base.offsets.shared.positions(most=_PARTITIONS_MAX)
        self._positions = {name: _shown(value) for name, value in found.items()}


def _shown(value: bytes) -> str:
    text = redact(value.decode(errors="replace"))
    return text if len(text) <= _POSITION_CHARS_MAX else f"{text[: _POSITION_CHARS_MAX - 1]}…"


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return


class EventStream(Answer[Events]):
    """One stream, which ends with its connection, with the worker, or with its lead."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, headers: Mapping[str, str]) -> None:
        super().__init__(Events(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._hub = hub
        self._asking = headers

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        kept = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": kept})
        if not scope.get(HEAD):
            version = self._hub.enter(self._asking)
            try:
                await self._until_over(version, scope, receive, send)
            finally:
                self._hub.leave()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_over(self, version: int, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        writing = asyncio.create_task(self._write(version, send))
        others = [asyncio.create_task(until_gone(receive)), asyncio.create_task(self._late())]
        try:
            await asyncio.wait([writing, *others], return_when=asyncio.FIRST_COMPLETED)
            is_stuck = others[1].done() and not writing.done()
        finally:
            for task in (writing, *others):
                task.cancel()
            wrote, *_ = await asyncio.gather(writing, *others, return_exceptions=True)
        if isinstance(wrote, TimeoutError):
            logger.info("a stream of events is cut off: its reader took nothing for %g s", WRITE_S)
            is_stuck = True
        elif isinstance(wrote, Exception):
            raise wrote
        if is_stuck and (abort := scope.get(ABORT)) is not None:
            abort()

    async def _write(self, version: int, send: Any) -> None:
        while True:
            is_new = await self._hub.news(version, BEAT_S)
            if (ended := self._hub.ended) is not None:
                await _sent(send, event("end", {"code": ended[0], "message": ended[1]}))
                return
            newest = self._hub.version
            text = self._hub.since(version) if is_new else event("beat", {"at": now_ms()})
            version = newest
            if text:
                await _sent(send, text)

    async def _late(self) -> None:
        """Wait until the stream should have ended: a reader that takes nothing is not waited for."""
        await self._hub.over.wait()
        await asyncio.sleep(SOON_S)


async def _sent(send: Any, text: bytes) -> None:
    async with asyncio.timeout(WRITE_S):
        await send({"type": "http.response.body", "body": text, "more_body": True})
