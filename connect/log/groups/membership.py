"""The members of consumer groups: the assignment's state machine with a clock, timers and those who wait.

All of it is for the event loop's thread.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from connect.api.errors import IllegalGenerationError, LogError, UnknownTopicOrPartitionError
from connect.log.clients.wakeup import Wakeup
from connect.log.groups import assignment
from connect.log.groups.assignment import GroupState, Holding, Member
from connect.records import TopicPartition


@dataclass(slots=True)
class _Group:
    """One group: its state, and what surrounds it.

    Attributes:
        versions: By subscription: of which version of the topics its partitions are.
        old: Partitions that were there when the group began, with the ids of their topics.
        starts: Where the first reader of a partition without a committed offset began.
    """

    state: GroupState = field(default_factory=GroupState)
    clients: dict[str, str] = field(default_factory=dict)
    wakeups: dict[str, Wakeup] = field(default_factory=dict)
    versions: dict[Hashable, int] = field(default_factory=dict)
    old: set[tuple[TopicPartition, str]] = field(default_factory=set)
    starts: dict[tuple[TopicPartition, str], int] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None

    def take(self, state: GroupState) -> None:
        """Go on with a state: wake the members where it moved something, and come back when the next thing is due."""
        moved = state.generation != self.state.generation
        self.state = state
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        loop = asyncio.get_running_loop()
        deadline = assignment.next_deadline(state, loop.time())
        if deadline is not None:
            self.timer = loop.call_at(deadline, self._expire)
        if moved:
            for wakeup in self.wakeups.values():
                wakeup.fire()

    def _expire(self) -> None:
        self.timer = None
        self.take(assignment.expire(self.state, asyncio.get_running_loop().time()))


class Membership:
    """One consumer's place in its group. Made by `Coordinator.join`."""

    def __init__(self, group: _Group, name: str, member: Member) -> None:
        self._group = group
        self._name = name
        self._subscription = member.subscription

    @property
    def member_id(self) -> str:
        """What tells this member from others."""
        return self._name

    @property
    def generation(self) -> int:
        """Changes whenever `held` may have changed."""
        return self._group.state.generation

    def subscribe(self, version: int, partitions: Mapping[TopicPartition, str]) -> None:
        """Say what the subscription means as of a version of the topics; an older one than is known says nothing."""
        group = self._group
        known = group.versions.get(self._subscription)
        if known is not None and known >= version:
            return
        if known is None:
            group.old.update(partitions.items())
        group.versions[self._subscription] = version
        group.take(assignment.subscribed(group.state, self._subscription, partitions, _now()))

    def held(self) -> dict[TopicPartition, Holding]:
        """Return what this member holds; what is REVOKING is to be released."""
        return assignment.held(self._group.state, self._name)

    def release(self, partitions: Iterable[TopicPartition]) -> None:
        """Give partitions up: nothing of them is in hand any more, and what was put is committed."""
        self._group.take(assignment.release(self._group.state, self._name, partitions, _now()))

    def is_old(self, at: TopicPartition, topic_id: str) -> bool:
        """Whether a partition was there when the group began: `latest` speaks of those alone."""
        return (at, topic_id) in self._group.old

    def start(self, at: TopicPartition, topic_id: str, offset: int) -> int:
        """Return where the group began to read a partition without a committed offset: `offset`, the first time."""
        return self._group.starts.setdefault((at, topic_id), offset)

    def refusal(self, at: TopicPartition, generation: int, topic_id: str | None) -> assignment.Refusal | None:
        """Say why a commit is refused; see `assignment.check`."""
        return assignment.check(self._group.state, self._name, at, generation, topic_id)


class Coordinator:
    """Every group that has members."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._names = itertools.count(1)

    def __contains__(self, group: str) -> bool:
        return group in self._groups

    def groups(self) -> list[str]:
        """Return the names of the groups that have members."""
        return list(self._groups)

    def clients(self, group: str) -> tuple[str, ...]:
        """Return the client ids of a group's members, sorted."""
        found = self._groups.get(group)
        return tuple(sorted(found.clients.values())) if found is not None else ()

    def join(self, group: str, client_id: str, member: Member, wakeup: Wakeup) -> Membership:
        """Take a consumer in; `wakeup` is fired whenever the assignment moves."""
        found = self._groups.setdefault(group, _Group())
        name = f"{client_id}-{next(self._names)}"
        found.clients[name], found.wakeups[name] = client_id, wakeup
        found.take(assignment.join(found.state, name, member, _now()))
        return Membership(found, name, member)

    def leave(self, group: str, membership: Membership) -> None:
        """Let a consumer go, with all it held. The last one takes the group's memory along."""
        found, name = self._groups[group], membership._name
        del found.clients[name], found.wakeups[name]
        found.take(assignment.leave(found.state, name, _now()))
        wanted = {member.subscription for member in found.state.members.values()}
        for subscription in found.versions.keys() - wanted:  # the state forgot its partitions, too
            del found.versions[subscription]
        if not found.clients:
            del self._groups[group]


def refused(group: str, reasons: Mapping[TopicPartition, assignment.Refusal]) -> LogError:
    """Return the error that says which commits were refused."""
    taken = [str(at) for at, reason in sorted(reasons.items()) if reason == "illegal generation"]
    gone = [str(at) for at, reason in sorted(reasons.items()) if reason == "unknown partition"]
    if taken:
        return IllegalGenerationError(
            f"group {group!r}: offsets of {', '.join(taken + gone)} were not committed: "
            "another member reads there, or may"
        )
    return UnknownTopicOrPartitionError(
        f"group {group!r}: offsets of {', '.join(gone)} were not committed: there is no such partition, or no more"
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
