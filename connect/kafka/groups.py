"""What consumer groups of a Kafka cluster have committed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka import TopicPartition as TheirPartition

from connect.api.errors import (
    ConflictError,
    ConnectError,
    EnvironmentFault,
    IllegalGenerationError,
    LogError,
    NotFoundError,
    UnknownTopicOrPartitionError,
)
from connect.kafka.admin_client import WatchedAdminClient
from connect.kafka.askers import KEPT_S, Askers
from connect.kafka.errors import Access, Principal, ours
from connect.kafka.threads import MARGIN_S, REQUEST_S, Threads, answered
from connect.kafka.topics import Topics
from connect.ports import GroupInfo
from connect.records import OffsetAndMetadata, TopicPartition

T = TypeVar("T")

_Offsets = dict[TopicPartition, OffsetAndMetadata]
Names = list[str]

#: How soon a coordinator is asked again.
_LOOK_AGAIN_S: Final = 0.05
#: Partitions that one request asks for.
_AT_ONCE: Final = 10_000
_NO_COORDINATOR: Final = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)
#: A topic was deleted after it was looked at.
_GONE: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)
#: How long an answer about members may take.
_MEMBERS_S: Final = 3.0
_GIVE_UP_S: Final = 1.0
_WITHOUT_MEMBERS: Final = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)


class KafkaGroups:
    """See `connect.ports.Groups` for the contract. When an offset was committed, brokers do not tell: -1.

    The offsets of some partitions alone cannot be deleted through librdkafka: the group is deleted, and the others are
    committed again. Where that fails in between, the error names what has to be set again.

    Offsets are read by a consumer of the group that never joins it. The administrator's call for them ends the process
    (SIGSEGV, librdkafka 2.16) where a broker answers that it does not coordinate the group: so each move of a group.
    """

    def __init__(
        self,
        client: WatchedAdminClient,
        threads: Threads,
        topics: Topics,
        principal: Principal,
        *,
        consumer: Callable[[str], Consumer],
        make: Callable[[], WatchedAdminClient] | None = None,
    ) -> None:
        self._client = client
        self._askers = Askers(consumer)
        self._sweeping: asyncio.TimerHandle | None = None
        #: Makes the next one, since a client remembers for minutes who a group's coordinator was.
        self._make = make
        self._own: WatchedAdminClient | None = None
        self._threads = threads
        self._topics = topics
        self._principal = principal

    async def list(self) -> Names:
        """Return the names of groups with committed offsets or members, sorted."""
        found = await answered(self._client.list_consumer_groups(request_timeout=REQUEST_S), "list groups")
        return sorted({each.group_id for each in found.valid})

    async def describe(self, group: str) -> GroupInfo:
        """Return a group with its offsets and members."""
        members, offsets = await asyncio.gather(self._members(group), self.offsets(group))
        return GroupInfo(group, "Stable" if members else "Empty", members, offsets)

    async def members(self, group: str) -> tuple[str, ...]:
        """Return the client ids of a group's members; see the port.

        All brokers are asked, and not the coordinator through the administrator's newer calls: those end the process
        (`eonce->refcnt > 0`, librdkafka 2.16) where the coordinator's connection breaks just then.
        """
        doing, needs = f"look at group {group!r}", self._principal.look(group)
        found = await self._threads.run(
            lambda: self._client.list_groups(group, _MEMBERS_S), doing, timeout_s=_MEMBERS_S + MARGIN_S, needs=needs
        )
        told = [each for each in found if each.id == group]
        failed = next((each.error for each in told if each.error is not None), None)
        good = [each for each in told if each.error is None]
        if failed is not None and not good:  # a broker that coordinates it no longer, or not yet
            raise ours(failed, doing, needs=needs)
        return tuple(sorted(member.client_id for each in good for member in each.members))

    async def _members(self, group: str) -> tuple[str, ...]:
        try:
            found = await self._answered(
                lambda: self._client.describe_consumer_groups([group], request_timeout=REQUEST_S),
                f"look at group {group!r}",
                self._principal.look(group),
            )
        except NotFoundError:
            return ()
        if found.state in _WITHOUT_MEMBERS:
            return ()
        return tuple(sorted(each.client_id for each in found.members))

    async def offsets(self, group: str, topics: Collection[str] | None = None) -> _Offsets:
        """Return a group's committed offsets; none for an unknown group. Waits for transactions that are ending."""
        doing, needs = f"look at the offsets of group {group!r}", self._principal.look(group)
        self._sweep_later()
        try:
            return await told_by_coordinator(
                lambda: self._threads.run(lambda: self._committed(group, topics, doing), doing, needs=needs)
            )
        except NotFoundError:
            return {}

    def _committed(self, group: str, topics: Collection[str] | None, doing: str) -> _Offsets:
        """Ask as a consumer of the group; blocks."""
        found = self._topics.describe(self._topics.names() if topics is None else topics)
        asked = [TheirPartition(name, each.id) for name, told in found.items() for each in told.partitions]
        offsets: _Offsets = {}
        for start in range(0, len(asked), _AT_ONCE):
            for each in self._askers.committed(group, asked[start : start + _AT_ONCE], REQUEST_S):
                if each.error is not None and each.error.code() not in _GONE:
                    needs = self._principal.topic("Describe", each.topic)
                    raise ours(each.error, f"{doing} in {each.topic}-{each.partition}", needs=needs)
                if each.error is None and each.offset >= 0:
                    offsets[TopicPartition(each.topic, each.partition)] = _ours(each)
        return offsets

    def _sweep_later(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(KEPT_S + 1.0, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        if self._askers.count:
            self._sweep_later()
            with contextlib.suppress(LogError):  # the clients are closed, and these with them
                self._threads.look(self._askers.sweep)

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Set a group's offsets from outside; see the port."""
        await self._check_unused(group, "set")
        await self._check_there(group, offsets)
        if offsets:
            await self._alter(group, offsets)

    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Forget these partitions' offsets, or all of the group's; see the port."""
        await self._check_unused(group, "deleted")
        known = await self.offsets(group)
        kept = {} if partitions is None else {at: one for at, one in known.items() if at not in partitions}
        if partitions is not None and len(kept) == len(known):
            return
        await self._delete(group)
        if kept:
            try:
                await self._alter(group, kept)
            except ConnectError as error:
                left = ", ".join(f"{at}: {one.offset}" for at, one in kept.items())
                raise EnvironmentFault(
                    f"group {group!r}: its offsets were deleted, and those to be kept were not set again: {left}: "
                    f"{error.message}",
                    hint="Set these offsets once the cluster answers, before the group's consumers start.",
                ) from error

    async def _delete(self, group: str) -> None:
        try:
            await self._answered(
                lambda: self._client.delete_consumer_groups([group], request_timeout=REQUEST_S),
                f"delete the offsets of group {group!r}",
                Access(self._principal.name, ("Delete",), "group", (group,)),
            )
        except NotFoundError:
            return

    async def _check_unused(self, group: str, doing: str) -> None:
        if members := await self._members(group):
            raise ConflictError(
                f"group {group!r} is in use by {', '.join(sorted(set(members)))}: its offsets cannot be {doing}",
                code="log.group_in_use",
            )

    async def _check_there(self, group: str, offsets: Iterable[TopicPartition]) -> None:
        names = {at.topic for at in offsets}
        found = await self._threads.run(lambda: self._topics.describe(names), "look at topics") if names else {}
        gone = [at for at in offsets if at.topic not in found or at.partition >= len(found[at.topic].partitions)]
        if gone:
            listed = ", ".join(map(str, sorted(gone)))
            raise UnknownTopicOrPartitionError(f"group {group!r}: there is no {listed}; no offset was set")

    async def _alter(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        theirs = [as_theirs(at, one) for at, one in offsets.items()]
        asked = [ConsumerGroupTopicPartitions(group, theirs)]
        doing = f"set the offsets of group {group!r}"
        try:
            done = await self._answered(
                lambda: self._client.alter_consumer_group_offsets(asked, request_timeout=REQUEST_S),
                doing,
                self._principal.member(group),
            )
            for each in done.topic_partitions:
                if each.error is not None:
                    needs = self._principal.topic("Read", each.topic)
                    raise ours(each.error, f"{doing} for {each.topic}-{each.partition}", needs=needs)
        except IllegalGenerationError as error:  # as brokers say of a group that has members
            raise ConflictError(error.message, code="log.group_in_use") from error

    async def _answered(
        self, ask: Callable[[], Mapping[Any, Future[Any]]], doing: str, needs: Access | None = None
    ) -> Any:
        return await answered_by_coordinator(ask, doing, needs, self._renew)

    async def _renew(self) -> None:
        """Ask by a new client from now on."""
        if self._make is not None:
            self._client, old, self._own = (made := self._make()), self._own, made
            if old is not None:
                await self._threads.run(lambda: old.give_up(_GIVE_UP_S), "end requests")

    def give_up(self, timeout_s: float) -> None:
        """Close the consumers, and wait for what is under way of a client of our own; blocks."""
        self._askers.close()
        if self._own is not None:
            self._own.give_up(timeout_s)


async def answered_by_coordinator(
    ask: Callable[[], Mapping[Any, Future[Any]]],
    doing: str,
    needs: Access | None = None,
    moved: Callable[[], Awaitable[None]] | None = None,
) -> Any:
    """Ask about one group by a client of librdkafka until its coordinator answers; see `told_by_coordinator`."""

    async def asked() -> Any:
        (future,) = ask().values()
        return await answered(future, doing, needs=needs)

    return await told_by_coordinator(asked, moved)


async def told_by_coordinator(ask: Callable[[], Awaitable[T]], moved: Callable[[], Awaitable[None]] | None = None) -> T:
    """Ask about one group until its coordinator answers: after a broker's start, and as the group moves to another one,
    there is none for moments, and librdkafka asks once. Asks anew for `REQUEST_S`.

    Args:
        moved: Called where a broker is asked that it is not: librdkafka remembers for minutes who it was.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + REQUEST_S
    while True:
        try:
            answer = await ask()
        except EnvironmentFault as error:
            code = _code_of(error)
            if code not in _NO_COORDINATOR or loop.time() >= deadline:
                raise
        else:  # of offsets each partition has an error of its own
            parts = getattr(answer, "topic_partitions", None) or ()
            code = next((each.error.code() for each in parts if each.error is not None), None)
            if code not in _NO_COORDINATOR or loop.time() >= deadline:
                return answer
        if code == KafkaError.NOT_COORDINATOR and moved is not None:
            await moved()
        await asyncio.sleep(_LOOK_AGAIN_S)


def _code_of(error: EnvironmentFault) -> int | None:
    """Return which answer of a broker is behind an error."""
    cause = error.__cause__
    code: int | None = cause.args[0].code() if isinstance(cause, KafkaException) else None
    return code


def as_theirs(at: TopicPartition, committed: OffsetAndMetadata) -> TheirPartition:
    """Return an offset as librdkafka takes it."""
    more: dict[str, Any] = {}
    if committed.metadata:
        more["metadata"] = committed.metadata
    if committed.leader_epoch >= 0:
        more["leader_epoch"] = committed.leader_epoch
    return TheirPartition(at.topic, at.partition, committed.offset, **more)


def _ours(committed: Any) -> OffsetAndMetadata:
    epoch = committed.leader_epoch
    return OffsetAndMetadata(committed.offset, -1 if epoch is None else epoch, committed.metadata or "")
