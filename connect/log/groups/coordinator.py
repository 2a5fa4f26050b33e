"""Committed offsets of consumer groups: a map in memory, durable in `__consumer_offsets`.

A commit is refused, as Kafka's coordinator does, for a partition that is not there, and a member's for one that it does
not hold, or holds by another assignment than the one it read under. The check and the place in the log are taken in one
step, so no commit of an earlier holder comes after one of the next. A topic that is made finds no offsets of an earlier
one of its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from connect.api.errors import ConflictError, CorruptBatchError
from connect.codec.header import BatchHeader
from connect.log.appender import Appender
from connect.log.clients.admin import LogAdmin
from connect.log.clients.wakeup import Wakeup
from connect.log.groups.assignment import Member, Refusal
from connect.log.groups.membership import Coordinator, Membership, refused
from connect.log.groups.offset_records import decode_key, decode_value, encode_key, encode_value
from connect.log.inspection.scan import PassedOver, records_in, walk_batches
from connect.log.storage.producer_state import decode_marker
from connect.log.threads import Threads
from connect.log.topics import CONSUMER_OFFSETS, TOPIC_EXISTS, Topics
from connect.ports import STATE_TOPIC_CONFIGS, GroupInfo
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from connect.write_order import WriteOrder

_Offsets = dict[TopicPartition, OffsetAndMetadata]
_Pending = dict[int, list[tuple[str, _Offsets]]]  # by producer id
Names = list[str]


class LogGroups:
    """See `connect.ports.Groups` for the contract. The topic is read at first use and made at first commit."""

    def __init__(
        self, admin: LogAdmin, topics: Topics, threads: Threads, append: Appender, clock: Callable[[], int]
    ) -> None:
        self._admin = admin
        self._topics = topics
        self._threads = threads
        self._append_columns = append
        self._clock = clock
        self._groups: dict[str, _Offsets] = {}
        self._pending: _Pending = {}
        self._members = Coordinator()
        self._left_ms: dict[str, int] = {}  # when a group's last member left
        self._loading = asyncio.Lock()
        self._is_loaded = False
        self._order: WriteOrder[tuple[str, TopicPartition], OffsetAndMetadata | None] = WriteOrder(self._set)
        self._resolved = 0  # a transaction that ends while the topic is read is read again

    # -- looking -----------------------------------------------------------------------------------------------------

    async def list(self) -> Names:
        """Return the names of groups with committed offsets or members, sorted."""
        await self._load()
        return sorted({group for group, offsets in self._groups.items() if offsets} | set(self._members.groups()))

    async def members(self, group: str) -> tuple[str, ...]:
        """Return the client ids of a group's members; see the port."""
        return (await self.describe(group)).members

    async def describe(self, group: str) -> GroupInfo:
        """Return a group with its offsets and members."""
        members = self._members.clients(group)
        return GroupInfo(group, "Stable" if members else "Empty", members, await self.offsets(group))

    async def offsets(self, group: str, topics: Collection[str] | None = None) -> _Offsets:
        """Return a group's committed offsets, those of some topics or all; none for an unknown group."""
        await self._load()
        found = self._groups.get(group, {})
        return dict(found) if topics is None else {at: one for at, one in found.items() if at.topic in topics}

    # -- members -----------------------------------------------------------------------------------------------------

    def join(self, group: str, client_id: str, member: Member, wakeup: Wakeup) -> Membership:
        """Take a consumer into a group; `wakeup` is fired when its assignment may have changed."""
        return self._members.join(group, client_id, member, wakeup)

    def leave(self, group: str, membership: Membership) -> None:
        """Let a consumer go, with all it held."""
        self._members.leave(group, membership)
        if group not in self._members:
            self._left_ms[group] = self._clock()

    def _check_unused(self, group: str, doing: str) -> None:
        if group in self._members:
            members = ", ".join(sorted(set(self._members.clients(group))))
            raise ConflictError(
                f"group {group!r} is in use by {members}: its offsets cannot be {doing}", code="log.group_in_use"
            )

    # -- changing ----------------------------------------------------------------------------------------------------

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Set a group's offsets from outside; see the port."""
        self._check_unused(group, "set")
        gone: dict[TopicPartition, Refusal] = {at: "unknown partition" for at in offsets if self._topic_id(at) is None}
        if gone:
            raise refused(group, gone)
        await self.commit_as_member(group, offsets)

    async def commit_as_member(
        self,
        group: str,
        offsets: Mapping[TopicPartition, OffsetAndMetadata],
        membership: Membership | None = None,
        generations: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        """Commit durably; memory follows the disk, so that `offsets` never says more than a crash would leave.

        Args:
            generations: Of the holdings under which the member has read; a partition without one is refused.

        Raises:
            IllegalGenerationError, UnknownTopicOrPartitionError: Some were refused; the others are committed.
        """
        if not offsets:
            return
        await self._load()
        await self._create()
        reasons: dict[TopicPartition, Refusal] = {}
        for at in offsets:
            topic_id = self._topic_id(at)
            if membership is not None:
                reason = membership.refusal(at, (generations or {}).get(at, -1), topic_id)
            else:
                reason = "unknown partition" if topic_id is None else None
            if reason is not None:
                reasons[at] = reason
        now_ms = self._clock()
        kept = {at: committed for at, committed in offsets.items() if at not in reasons}
        await self._append(group, _stamped(kept, now_ms), now_ms)
        if reasons:
            raise refused(group, reasons)

    def _topic_id(self, at: TopicPartition) -> str | None:
        """Return the id of the topic of a partition that is there."""
        topic = self._topics.find(at.topic)
        return topic.topic_id if topic is not None and 0 <= at.partition < len(topic.partitions) else None

    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Forget these partitions' offsets, or all of the group's; see the port."""
        self._check_unused(group, "deleted")
        await self._forget(group, partitions)

    async def forget_topic(self, topic: str) -> None:
        """Forget every group's offsets for a topic that was deleted, or is about to be made."""
        await self._order.settled_so_far()  # a commit that waits for the disk is not in memory yet
        for group in await self.list():
            await self._forget(group, [name for name in self._groups.get(group, {}) if name.topic == topic])

    async def expire(self, retention_ms: int) -> int:
        """Forget the offsets of groups without members that were not committed for so long; return how many."""
        await self._load()
        before_ms, count = self._clock() - retention_ms, 0
        for group, offsets in list(self._groups.items()):
            if group in self._members or self._left_ms.get(group, -1) >= before_ms:
                continue
            old = [name for name, committed in offsets.items() if committed.commit_timestamp < before_ms]
            await self._forget(group, old)
            count += len(old)
        return count

    async def _forget(self, group: str, partitions: Sequence[TopicPartition] | None) -> None:
        known = await self.offsets(group)
        gone = [name for name in known if partitions is None or name in partitions]
        await self._write(group, dict.fromkeys(gone), self._clock())

    async def _write(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata | None], now_ms: int) -> None:
        if not offsets:
            return
        await self._create()
        await self._append(group, offsets, now_ms)

    async def _append(
        self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata | None], now_ms: int
    ) -> None:
        """Write, and change memory when it is on disk. Nothing is awaited before the write has its place in the log."""
        if not offsets:
            return
        append = self._append_columns(CONSUMER_OFFSETS, _columns(group, offsets, now_ms), partition=0, acks="durable")
        await self._order.write(append, {(group, name): committed for name, committed in offsets.items()})

    def _set(self, name: tuple[str, TopicPartition], committed: OffsetAndMetadata | None) -> None:
        _apply(self._groups, *name, committed)

    async def _create(self) -> None:
        if await self._admin.partitions(CONSUMER_OFFSETS) is None:
            try:
                await self._admin.create_topic(CONSUMER_OFFSETS, configs=STATE_TOPIC_CONFIGS)
            except ConflictError as error:  # made by another commit in between
                if error.code != TOPIC_EXISTS:
                    raise

    # -- in transactions ---------------------------------------------------------------------------------------------

    async def send(
        self, append: Appender, producer_id: int, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        """Append a group's offsets as part of a producer's transaction.

        Args:
            append: The producer's own, so that the batch has its id and is part of what it commits.

        Raises:
            UnknownTopicOrPartitionError: One of the partitions is not there; nothing was appended.
        """
        gone: dict[TopicPartition, Refusal] = {at: "unknown partition" for at in offsets if self._topic_id(at) is None}
        if gone:
            raise refused(group, gone)
        await self._load()
        await self._create()
        now_ms = self._clock()
        stamped = _stamped(offsets, now_ms)
        if stamped:
            await append(CONSUMER_OFFSETS, _columns(group, stamped, now_ms), partition=0)
            self._pending.setdefault(producer_id, []).append((group, stamped))

    def resolve(self, producer_id: int, *, is_commit: bool) -> None:
        """Apply, or drop, the offsets that were sent to a producer's transaction."""
        self._resolved += 1
        for group, offsets in self._pending.pop(producer_id, ()):
            if is_commit:
                self._order.set({(group, partition): committed for partition, committed in offsets.items()})

    # -- loading -----------------------------------------------------------------------------------------------------

    async def _load(self) -> None:
        if self._is_loaded:
            return
        async with self._loading:
            while not self._is_loaded:
                resolved = self._resolved
                self._groups, self._pending = await self._threads.run(self._read)
                self._is_loaded = resolved == self._resolved

    def _read(self) -> tuple[dict[str, _Offsets], _Pending]:
        """Return what is committed, and what is part of open transactions."""
        groups: dict[str, _Offsets] = {}
        pending: _Pending = {}
        topic = self._topics.find(CONSUMER_OFFSETS)
        for part in topic.partitions if topic is not None else ():
            passed_over = PassedOver(part.name)
            for batch in walk_batches(part):
                for offset, key, value in records_in(batch):
                    try:
                        _take(groups, pending, batch.header, key, value)
                    except CorruptBatchError as error:
                        passed_over.take(offset, error.message)
            passed_over.close()
        return groups, pending


def _take(
    groups: dict[str, _Offsets], pending: _Pending, header: BatchHeader, key: bytes | None, value: bytes | None
) -> None:
    """Take a stored record. Raises `CorruptBatchError`: It cannot be read; what was known before stays."""
    if header.is_control:
        marker = decode_marker(key, value)
        if marker is not None:
            for group, offsets in pending.pop(header.producer_id, []):
                if marker.is_commit:
                    groups.setdefault(group, {}).update(offsets)
        return
    if key is None:
        raise CorruptBatchError("its key is null")
    named = decode_key(key)
    if named is None:
        return
    committed = None if value is None else decode_value(value)
    if not header.is_transactional:
        _apply(groups, *named, committed)
    elif committed is not None:
        pending.setdefault(header.producer_id, []).append((named[0], {named[1]: committed}))


def _apply(
    groups: dict[str, _Offsets], group: str, partition: TopicPartition, committed: OffsetAndMetadata | None
) -> None:
    offsets = groups.setdefault(group, {})
    if committed is None:
        offsets.pop(partition, None)
    else:
        offsets[partition] = committed


def _stamped(offsets: Mapping[TopicPartition, OffsetAndMetadata], now_ms: int) -> _Offsets:
    return {
        partition: committed if committed.commit_timestamp >= 0 else replace(committed, commit_timestamp=now_ms)
        for partition, committed in offsets.items()
    }


def _columns(group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata | None], now_ms: int) -> Columns:
    keys = [encode_key(group, partition) for partition in offsets]
    values = [None if committed is None else encode_value(committed) for committed in offsets.values()]
    return Columns(values, keys, now_ms)
