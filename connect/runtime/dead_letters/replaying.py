"""The work of a replay and of a discard: step by step through a queue.

Theory of operation. Letters are taken in the order of the queue. Those of a step that are to go are mended, appended to
their targets, and noted as replayed, all of it in one transaction of the log: so a worker that is killed in the middle
has replayed a letter and noted it, or neither, and the next replay goes on from there.

Order: of the letters of one key none goes before an earlier one that stays, whatever the reason. Doubles: a record that
its connector will read again by itself does not go; of two letters of one failure one does. Loops: a letter that was
replayed `max_replays` times does not go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from connect.api import ConnectError, DataError
from connect.api.error_codes import register_code
from connect.api.errors import (
    InternalTopicError,
    InvalidRecordError,
    RecordTooLargeError,
    UnknownTopicOrPartitionError,
)
from connect.ports import Cluster, Producer
from connect.records import Columns
from connect.runtime.dead_letters.conditions import Condition
from connect.runtime.dead_letters.converting import Converting
from connect.runtime.dead_letters.documents import Content, document_of, dumps
from connect.runtime.dead_letters.fixes import Fix
from connect.runtime.dead_letters.letters import Letter
from connect.runtime.dead_letters.operations import Operation
from connect.runtime.dead_letters.queues import Queue, steps
from connect.runtime.dead_letters.targets import Target, Targets
from connect.runtime.secrets import redact
from connect.runtime.tasks.replays import PREFIX as REPLAY_PREFIX
from connect.runtime.tasks.replays import headers_of
from connect.stores.dead_letters import TOPIC, DeadLetterStore, Pages, Verdict
from connect.stores.topics import ensure_topic

TOO_MANY = register_code(
    "dlq.too_many_letters",
    "A dead letter queue has more letters than one operation keeps track of.",
    "Delete what is settled from its front, with DELETE /v1/topics/TOPIC/partitions/P/records.",
)
#: Letters that an operation remembers, each with some 100 bytes: of settled failures, and of keys held back.
REMEMBERED_MAX: Final = 1_000_000
#: The default of how often one record is replayed.
REPLAYS_MAX: Final = 3
#: What previews of one dry run may take, in characters of JSON.
PREVIEW_CHARS_MAX: Final = 2 << 20
_PREVIEW_TEXT_MAX: Final = 32 << 10
#: What waits there for a connector that is stopped for a year is kept, and as large as it may be anywhere.
REPLAY_TOPIC_CONFIGS: Final = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": str((1 << 31) - 1),
}
_PRODUCER_CONFIGS: Final = {"max.request.size": str((1 << 31) - 1)}


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """What a replay is to do.

    Attributes:
        out_of_order: Letters go even where an earlier one of their key stays.
        previews: How many letters a dry run shows.
    """

    where: Condition
    fix: Fix | None = None
    to: str | None = None
    max_replays: int = REPLAYS_MAX
    out_of_order: bool = False
    previews: int = 20


class _Before(NamedTuple):
    """A failure that is settled: what became of it, and when that was known; None: it is now."""

    verdict: Verdict
    until_ms: int | None


@dataclass(slots=True)
class _Going:
    letter: Letter
    target: Target
    content: Content
    #: Second letters of the same failure, in this step.
    doubles: list[Letter] = field(default_factory=list)


#: Second letters of failures, and what became of the first.
_Doubles = list[tuple[Letter, Verdict]]


class Replay:
    """One replay of one queue."""

    def __init__(
        self,
        cluster: Cluster,
        store: DeadLetterStore,
        targets: Targets,
        converting: Converting,
        queue: Queue,
        order: ReplayOrder,
        operation: Operation,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._targets = targets
        self._converting = converting
        self._queue = queue
        self._order = order
        self._operation = operation
        self._pages: Pages = store.pages(queue.name, queue.topic_id)
        #: Failures that are settled, and lanes of which a letter stays.
        self._settled: dict[int, _Before] = {}
        self._held: set[int] = set()
        #: The same of the step under way: where the first one that stays is.
        self._held_here: dict[int, int] = {}
        self._ready: set[str] = set()
        self._preview_chars = 0
        self._producer: Producer | None = None
        # No task's: those begin with the worker's group.id, which may be "connect" (`exactly_once.transactional_id`).
        self._owner = f"{TOPIC}-{queue.name}"
        self._verdict = Verdict("replayed", operation.id)

    async def run(self) -> None:
        """Replay; ends early where the operation is cancelled."""
        operation = self._operation
        operation.total = self._queue.size
        try:
            if not operation.dry_run:
                configs = {**_PRODUCER_CONFIGS, "transactional.id": self._owner}
                self._producer = self._cluster.producer(client_id=self._owner, configs=configs, internal=True)
                # What an operation before has left open is aborted, and then it is known what became of it.
                await self._producer.init_transactions()
                await self._store.settle(self._owner)
            await self._know_settled()
            async for _, _, letters in steps(self._cluster, self._queue, {}):
                if operation.is_cancelled:
                    return
                await self._step(letters)
                operation.scanned += len(letters)
        finally:
            if self._producer is not None:
                await self._producer.aclose()

    async def _know_settled(self) -> None:
        """Read the identities of letters that are settled: a second letter of the same failure is, too."""
        if self._pages.is_empty:
            return
        known: dict[str, int | None] = {}
        async for at, _, letters in steps(self._cluster, self._queue, {}):
            for letter in letters:
                verdict = self._pages.verdict(at.partition, letter.offset)
                if verdict is None:
                    continue
                if verdict.operation not in known:
                    told = self._store.operation(verdict.operation)
                    known[verdict.operation] = None if told is None else told.until
                self._note(letter, _Before(verdict, known[verdict.operation]))
            if self._operation.is_cancelled:
                return

    def _note(self, letter: Letter, before: _Before) -> None:
        identity = letter.identity
        if identity is not None:
            self._settled[identity] = before
        self._bound()

    def _settled_with(self, letter: Letter) -> Verdict | None:
        """Return what became of the letter's failure by another letter of it, None where nothing did.

        A record that is read again is so before the first of its letters is replayed, since only records that their
        connectors are done with are. One that failed later has been asked for anew, by setting offsets back.
        """
        identity = letter.identity
        before = None if identity is None else self._settled.get(identity)
        if before is None or (before.until_ms is not None and letter.failed_ms > before.until_ms):
            return None
        return before.verdict

    def _hold(self, letter: Letter) -> None:
        lane = letter.lane
        if lane is not None:
            self._held_here[lane] = min(letter.offset, self._held_here.get(lane, letter.offset))

    def _bound(self) -> None:
        if len(self._settled) + len(self._held) > REMEMBERED_MAX:
            raise ConnectError(
                f"queue {self._queue.name!r} has more than {REMEMBERED_MAX} letters to be kept track of", code=TOO_MANY
            )

    # -- one step --------------------------------------------------------------------------------------------------

    async def _step(self, letters: Sequence[Letter]) -> None:
        chosen, doubles = self._chosen(letters)
        going = self._in_order(await self._fixed(chosen))
        if self._operation.dry_run:
            for one in going:
                self._preview(one)
            self._take(going)
        elif going or doubles:
            await self._send(going, doubles)
        self._held.update(self._held_here)
        self._held_here.clear()
        self._bound()

    def _chosen(self, letters: Sequence[Letter]) -> tuple[list[tuple[Letter, Target]], _Doubles]:
        """Return the letters that may go, and those that are settled with one before."""
        chosen: list[tuple[Letter, Target]] = []
        doubles: _Doubles = []
        for letter in letters:
            if self._pages.verdict(letter.partition, letter.offset) is not None:
                continue
            settled = self._settled_with(letter)
            if settled is not None:
                self._operation.duplicates += 1
                doubles.append((letter, settled))
                continue
            if not self._order.where.matches(letter):
                self._hold(letter)
                continue
            self._operation.matched += 1
            why = self._refusal(letter)
            target = self._targets.of(letter) if why is None else why
            if isinstance(target, str):
                self._operation.leave(letter.address, target)
                self._hold(letter)
            else:
                chosen.append((letter, target))
        return chosen, doubles

    def _refusal(self, letter: Letter) -> str | None:
        if letter.replays >= self._order.max_replays:
            return (
                f"it was replayed {letter.replays} times before, and at most {self._order.max_replays} are allowed: "
                f"it would only come back; mend it or its target, and raise the bound"
            )
        return None

    async def _fixed(self, chosen: Sequence[tuple[Letter, Target]]) -> list[_Going]:
        if not chosen:
            return []
        waits = await self._targets.not_passed(chosen, lambda: self._operation.is_cancelled)
        going: list[_Going] = []
        pairs = [(letter, target) for index, (letter, target) in enumerate(chosen) if index not in waits]
        for index, why in sorted(waits.items()):
            self._stay(chosen[index][0], why)
        before = [(letter, Content(letter.key, letter.value, letter.headers, letter.timestamp)) for letter, _ in pairs]
        fixed = [content for _, content in before] if self._order.fix is None else await self._order.fix.apply(before)
        for (letter, target), content in zip(pairs, fixed, strict=True):
            if isinstance(content, ConnectError):
                self._stay(letter, content.message)
                continue
            try:
                going.append(await self._converted(letter, target, content))
            except ConnectError as error:
                self._stay(letter, error.message)
        return going

    async def _converted(self, letter: Letter, target: Target, content: Content) -> _Going:
        if not target.converts:
            return _Going(letter, target, content)
        out = await self._converting.outgoing(letter, content)
        if self._cluster.is_internal(out.topic):
            raise DataError(f"the transforms send it to topic {out.topic!r}, which is internal")
        if out.topic == self._queue.name:
            raise DataError(f"the transforms send it to topic {out.topic!r}, which is the queue itself")
        columns = out.columns
        headers = (columns.headers[0] if columns.headers is not None else None) or content.headers
        made = Content(
            columns.keys[0] if columns.keys is not None else None, columns.values[0], headers, columns.stamps[0]
        )
        return _Going(letter, Target(out.topic), made)

    def _stay(self, letter: Letter, why: str) -> None:
        self._operation.leave(letter.address, why)
        self._hold(letter)

    def _in_order(self, going: Sequence[_Going]) -> list[_Going]:
        """Return what goes, in order, without what an earlier letter of its key holds back."""
        kept: list[_Going] = []
        first: dict[int, _Going] = {}
        for one in going:
            identity = one.letter.identity
            if identity is not None and identity in first:
                self._operation.duplicates += 1
                self._operation.matched -= 1
                first[identity].doubles.append(one.letter)
            elif not self._order.out_of_order and self._is_held(one.letter):
                self._operation.leave(
                    one.letter.address, "an earlier letter of its key stays, which it would overtake", held_back=True
                )
            else:
                if identity is not None:
                    first[identity] = one
                kept.append(one)
        return kept

    def _is_held(self, letter: Letter) -> bool:
        lane = letter.lane
        return lane is not None and (lane in self._held or self._held_here.get(lane, letter.offset) < letter.offset)

    def _take(self, going: Sequence[_Going]) -> None:
        """Count letters as replayed."""
        self._operation.done += len(going)
        for one in going:
            self._note(one.letter, _Before(self._verdict, None))

    # -- sending -----------------------------------------------------------------------------------------------------

    async def _send(self, going: Sequence[_Going], doubles: _Doubles) -> None:
        """Append letters and note them, in one transaction; one by one where a topic refuses a record."""
        try:
            await self._make_ready(going)
            await self._transaction(going, doubles)
        except (RecordTooLargeError, InvalidRecordError, UnknownTopicOrPartitionError, InternalTopicError) as error:
            if len(going) == 1 and not doubles:
                self._stay(going[0].letter, error.message)
                return
            for one in going:
                if not self._order.out_of_order and self._is_held(one.letter):
                    why = "an earlier letter of its key stays, which it would overtake"
                    self._operation.leave(one.letter.address, why, held_back=True)
                else:
                    await self._send([one], [])
            if doubles:
                await self._transaction([], doubles)
            return
        self._take(going)

    async def _make_ready(self, going: Sequence[_Going]) -> None:
        """Make the replay topics of connectors where they are missing, and cut off what was read of them."""
        for one in going:
            name, topic = one.target.connector, one.target.topic
            if name is None or topic in self._ready:
                continue
            await ensure_topic(self._cluster.admin, topic, configs=REPLAY_TOPIC_CONFIGS)
            consumed = await self._targets.consumed(name)
            if consumed is not None:
                at, offset = consumed
                info = (await self._cluster.admin.describe_topic(topic)).partitions[at.partition]
                if info.log_start_offset < offset <= info.log_end_offset:
                    await self._cluster.admin.delete_records(at, offset)
            self._ready.add(topic)

    async def _transaction(self, going: Sequence[_Going], doubles: _Doubles) -> None:
        assert self._producer is not None
        settled = [(letter, self._verdict) for one in going for letter in (one.letter, *one.doubles)]
        entries = self._pages.with_verdicts(
            (letter.partition, letter.offset, verdict) for letter, verdict in [*settled, *doubles]
        )
        by_topic: dict[str, list[_Going]] = {}
        for one in going:
            by_topic.setdefault(one.target.topic, []).append(one)
        await self._producer.begin_transaction()
        try:
            for topic, group in by_topic.items():
                partition = 0 if group[0].target.connector is not None else None
                await self._producer.append(topic, _columns(group), partition=partition)
            written = await self._store.put_within(self._producer, entries, owner=self._owner)
        except BaseException:
            await self._producer.abort_transaction()
            raise
        await self._producer.commit_transaction()
        written.committed()

    # -- dry runs ------------------------------------------------------------------------------------------------------

    def _preview(self, one: _Going) -> None:
        operation, letter = self._operation, one.letter
        if len(operation.previews) >= self._order.previews or self._preview_chars >= PREVIEW_CHARS_MAX:
            return
        before = document_of(Content(letter.key, letter.value, letter.headers, letter.timestamp))
        preview = {
            "letter": letter.address,
            "topic": one.target.topic,
            "connector": one.target.connector,
            "before": shown(before),
            "after": shown(document_of(one.content)),
        }
        self._preview_chars += len(preview["before"] or "") + len(preview["after"] or "")
        operation.previews.append(preview)


def shown(document: Any) -> str:
    """Return a document as it is shown: JSON, cut where it is long, without known secrets."""
    text = redact(dumps(document))
    return text if len(text) <= _PREVIEW_TEXT_MAX else f"{text[:_PREVIEW_TEXT_MAX]}… ({len(text)} characters)"


def _columns(group: Sequence[_Going]) -> Columns:
    return Columns(
        [one.content.value for one in group],
        [one.content.key for one in group],
        [one.content.timestamp for one in group],
        [
            [
                *(header for header in one.content.headers if not header[0].startswith(REPLAY_PREFIX)),
                *headers_of(one.target.place, count=one.letter.replays + 1, letter=one.letter.address),
            ]
            for one in group
        ],
    )


class Discard:
    """One discard of letters of one queue: they are settled, and nothing is sent."""

    def __init__(
        self, cluster: Cluster, store: DeadLetterStore, queue: Queue, where: Condition, operation: Operation
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._queue = queue
        self._where = where
        self._operation = operation

    async def run(self) -> None:
        """Discard; ends early where the operation is cancelled."""
        operation, pages = self._operation, self._store.pages(self._queue.name, self._queue.topic_id)
        operation.total = self._queue.size
        verdict = Verdict("discarded", operation.id)
        async for at, _, letters in steps(self._cluster, self._queue, {}):
            if operation.is_cancelled:
                return
            chosen = [
                (at.partition, letter.offset, verdict)
                for letter in letters
                if pages.verdict(at.partition, letter.offset) is None and self._where.matches(letter)
            ]
            operation.matched += len(chosen)
            if chosen and not operation.dry_run:
                await self._store.put(pages.with_verdicts(chosen))
            operation.done += len(chosen)
            operation.scanned += len(letters)
