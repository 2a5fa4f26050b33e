"""The workbench: what faces ask for. Everything is bounded: a request reads a part of a queue and says where to go on;
what takes longer is an operation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from connect.api import ConfigError
from connect.ports import Cluster
from connect.runtime.clock import now_ms
from connect.runtime.connector_config import DEAD_LETTER_TOPIC
from connect.runtime.dead_letters.causes import CauseCount, Causes
from connect.runtime.dead_letters.conditions import condition
from connect.runtime.dead_letters.converting import Converting, ResolvedOf
from connect.runtime.dead_letters.documents import Content, document_of
from connect.runtime.dead_letters.fixes import BAD_FIX, Fix, Patch, Transforms
from connect.runtime.dead_letters.letters import Letter
from connect.runtime.dead_letters.operations import Operation, Operations
from connect.runtime.dead_letters.queues import Bounds, Queue, cursor_of, cursor_text, look, one, steps
from connect.runtime.dead_letters.replaying import REPLAYS_MAX, Discard, Replay, ReplayOrder, shown
from connect.runtime.dead_letters.targets import ConfigOf, Targets, check_topic
from connect.runtime.plugins import PluginHost
from connect.runtime.secrets import redact
from connect.runtime.validation.checking import Checks
from connect.runtime.worker_config import WorkerConfig
from connect.stores.dead_letters import DeadLetterStore, Pages, Settled

#: Of one request: letters that are read, and seconds that it may take.
SCAN_LETTERS_MAX: Final = 50_000
SCAN_SECONDS: Final = 5.0
#: Letters of one page.
PAGE_LETTERS_MAX: Final = 500
#: Letters that a dry run shows at most.
PREVIEWS_MAX: Final = 200
REASON_CHARS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """A queue of connectors: who writes to it, and how many records it holds; None where it is not there yet."""

    name: str
    connectors: tuple[str, ...]
    size: int | None


@dataclass(slots=True)
class CausesReport:
    """A part of a queue, by causes.

    Attributes:
        scanned: Letters that were read; `open`, `replayed` and `discarded` say what became of them.
        causes: Of the open ones for which the condition holds; of all of them where that was asked for.
        others: Letters of further causes.
        next: Where to go on; None at the end.
    """

    queue: str
    size: int
    scanned: int = 0
    open: int = 0
    replayed: int = 0
    discarded: int = 0
    matched: int = 0
    causes: list[CauseCount] = field(default_factory=list)
    others: int = 0
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A letter with what became of it. `state` is open, replayed or discarded."""

    letter: Letter
    state: str
    operation: str | None = None


@dataclass(slots=True)
class LettersPage:
    """Letters, and where to go on; None at the end."""

    letters: list[Told] = field(default_factory=list)
    scanned: int = 0
    next: str | None = None


@dataclass(frozen=True, slots=True)
class LetterDetail:
    """All that is known of one letter.

    Attributes:
        document: Its record as a patch sees it, as JSON.
        decoded: As the connector's converters read it; else `undecoded` says why they do not.
        settled: The operation that settled it.
    """

    told: Told
    document: str
    decoded: Mapping[str, Any] | None
    undecoded: str | None
    settled: Settled | None


class Workbench:
    """Works on the dead letters of one log. For the event loop.

    Args:
        names: Returns all connectors.
        config_of: Returns a connector's config as it runs, None where there is none of that name.
        resolved_of: Returns it with all its values, which may have to be asked for.
        is_running: Says whether a connector runs, so that it comes to its next commit.
    """

    def __init__(
        self,
        cluster: Cluster,
        plugins: PluginHost,
        worker: WorkerConfig,
        checks: Checks,
        names: Callable[[], Sequence[str]],
        config_of: ConfigOf,
        resolved_of: ResolvedOf,
        is_running: Callable[[str], bool],
    ) -> None:
        self._cluster = cluster
        self._plugins = plugins
        self._worker = worker
        self._names = names
        self._config_of = config_of
        self._is_running = is_running
        self._store = DeadLetterStore(cluster, now_ms)
        self._converting = Converting(plugins, worker, checks, resolved_of)
        self.operations = Operations(now_ms)

    async def aclose(self) -> None:
        """Let operations end, and release the store."""
        try:
            await self.operations.aclose()
        finally:
            await self._store.aclose()

    # -- looking -----------------------------------------------------------------------------------------------------

    async def queues(self) -> list[QueueInfo]:
        """Return the queues that connectors write to, by name."""
        users: dict[str, list[str]] = {}
        for name in self._names():
            topic = (self._config_of(name) or {}).get(DEAD_LETTER_TOPIC, "").strip()
            if topic:
                users.setdefault(topic, []).append(name)
        found = await self._cluster.admin.describe_topics(users)
        return [
            QueueInfo(
                topic,
                tuple(sorted(users[topic])),
                sum(p.log_end_offset - p.log_start_offset for p in found[topic].partitions) if topic in found else None,
            )
            for topic in sorted(users)
        ]

    async def causes(
        self, name: str, *, where: str | None = None, start: str | None = None, every: bool = False
    ) -> CausesReport:
        """Count a part of a queue's letters by their causes.

        Args:
            start: `next` of the part before.
            every: Also those that were replayed or discarded.
        """
        matching = condition(where)
        queue, pages = await self._open(name)
        report, causes = CausesReport(name, queue.size), Causes()

        def take(told: Told) -> bool:
            report.scanned += 1
            setattr(report, told.state, getattr(report, told.state) + 1)
            if (every or told.state == "open") and matching.matches(told.letter):
                report.matched += 1
                causes.take(told.letter)
            return True

        report.next = await self._scan(queue, pages, start, take)
        report.causes, report.others = causes.counts(), causes.others
        return report

    async def letters(
        self, name: str, *, where: str | None = None, start: str | None = None, every: bool = False, limit: int = 100
    ) -> LettersPage:
        """Return some letters of a queue, in its order; raises as `causes`."""
        matching, limit = condition(where), max(1, min(limit, PAGE_LETTERS_MAX))
        queue, pages = await self._open(name)
        page = LettersPage()

        def take(told: Told) -> bool:
            page.scanned += 1
            if (every or told.state == "open") and matching.matches(told.letter):
                page.letters.append(told)
            return len(page.letters) < limit

        page.next = await self._scan(queue, pages, start, take)
        return page

    async def _open(self, name: str) -> tuple[Queue, Pages]:
        await self._store.open()
        queue = await look(self._cluster, name)
        return queue, self._store.pages(name, queue.topic_id)

    async def _scan(self, queue: Queue, pages: Pages, start: str | None, take: Callable[[Told], bool]) -> str | None:
        """Give letters to `take` until it wants no more, or the bounds of a request are reached."""
        reached = cursor_of(start)
        bounds = Bounds(SCAN_LETTERS_MAX, SCAN_SECONDS)
        bounds.begin()
        is_ended = False
        async for at, following, letters in steps(self._cluster, queue, reached):
            for letter in letters:
                bounds.letters -= 1
                reached[at.partition] = letter.offset + 1
                if not take(_told(pages, letter)):
                    is_ended = True
                    break
            else:
                reached[at.partition] = following
            if is_ended or bounds.is_reached:
                return cursor_text(queue, reached)
        return None

    async def letter(self, name: str, partition: int, offset: int) -> LetterDetail:
        """Return all that is known of one letter.

        Raises:
            NotFoundError: There is none at that place.
        """
        queue, pages = await self._open(name)
        found = await one(self._cluster, queue, partition, offset)
        told = _told(pages, found)
        decoded = await self._converting.decoded(found)
        document = document_of(Content(found.key, found.value, found.headers, found.timestamp))
        return LetterDetail(
            told,
            shown(document),
            decoded if isinstance(decoded, dict) else None,
            None if isinstance(decoded, dict) else redact(decoded),
            self._store.operation(told.operation) if told.operation is not None else None,
        )

    # -- working -------------------------------------------------------------------------------------------------------

    async def replay(
        self,
        name: str,
        *,
        where: str | None = None,
        patch: Any = None,
        transforms: Mapping[str, str] | None = None,
        to: str | None = None,
        dry_run: bool = False,
        max_replays: int = REPLAYS_MAX,
        out_of_order: bool = False,
        previews: int = 20,
    ) -> Operation:
        """Begin to replay letters of a queue; everything that can be refused is refused before.

        Raises:
            ConfigError: dlq.condition, dlq.fix, a transform that cannot be made, or `to` is the queue itself.
            ConflictError: dlq.busy.
            UnknownTopicOrPartitionError: There is no such queue, or no topic `to`.
        """
        fix = await self._fix(patch, transforms)
        previews = max(0, min(previews, PREVIEWS_MAX))
        order = ReplayOrder(condition(where), fix, to, max(1, max_replays), out_of_order, previews)
        if to is not None:
            await check_topic(self._cluster, to, queue=name)
        queue, _ = await self._open(name)
        targets = Targets(
            self._cluster,
            self._plugins,
            self._worker,
            self._names(),
            self._config_of,
            self._is_running,
            to=to,
        )

        async def work(operation: Operation) -> None:
            replay = Replay(self._cluster, self._store, targets, self._converting, queue, order, operation)
            await self._noted(operation, Settled("replayed", name, operation.started_ms, None, to), replay.run)

        operation = Operation(
            self.operations.new_id(), "replay", name, redact(order.where.text), dry_run, now_ms(), to=to
        )
        return self.operations.begin(operation, work)

    async def discard(self, name: str, *, where: str | None = None, reason: str, dry_run: bool = False) -> Operation:
        """Begin to discard letters of a queue: they are listed no more, and never replayed. Raises as `replay`."""
        if not reason.strip() or len(reason) > REASON_CHARS_MAX:
            raise ConfigError(
                f"a reason of 1 to {REASON_CHARS_MAX} characters is needed to discard letters", code="request.invalid"
            )
        matching = condition(where)
        queue, _ = await self._open(name)

        async def work(operation: Operation) -> None:
            discard = Discard(self._cluster, self._store, queue, matching, operation)
            await self._noted(operation, Settled("discarded", name, operation.started_ms, reason), discard.run)

        operation = Operation(
            self.operations.new_id(), "discard", name, redact(matching.text), dry_run, now_ms(), reason=reason
        )
        return self.operations.begin(operation, work)

    async def _noted(self, operation: Operation, told: Settled, work: Callable[[], Awaitable[None]]) -> None:
        """Do an operation's work between the notes that it begins and has ended."""
        if operation.dry_run:
            await work()
            return
        await self._store.note(operation.id, told)
        try:
            await work()
        finally:
            await self._store.note(operation.id, replace(told, until=now_ms()))

    async def _fix(self, patch: Any, transforms: Mapping[str, str] | None) -> Fix | None:
        if patch is not None and transforms is not None:
            raise ConfigError("a patch and transforms are both given; one of them is expected", code=BAD_FIX)
        if patch is not None:
            return Patch(patch)
        if transforms is None:
            return None
        fix = Transforms(transforms, self._converting)
        await fix.check()
        return fix


def _told(pages: Pages, letter: Letter) -> Told:
    verdict = pages.verdict(letter.partition, letter.offset)
    return Told(letter, "open") if verdict is None else Told(letter, verdict.kind, verdict.operation)
