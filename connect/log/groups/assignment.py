"""Who of a consumer group reads which partition: one state machine, without clock, threads or files.

Theory of operation. A group has members; each subscribes to something, and of every subscription it is known which
partitions that is now, each with the id of its topic. A partition is *held* by one member at most. A holding is

    HELD      its member reads the partition and may commit for it.
    REVOKING  the group has asked for it back. The member reads nothing more, puts what is in hand, commits, and
              releases it; until then it may still commit. This is the barrier: the next holding begins after the last
              commit.

and these events move it:

    event                  none           HELD                                   REVOKING
    join, partitions,      -> HELD, for   -> REVOKING when the target is         -> none when the partition is gone, or
      leave of another        the target     another member; -> none when it        is another topic's of the same name
                                             is gone, or another topic's
    release by its member  -              -> none                                -> none -> HELD by the target
    leave of its member    -              -> none -> HELD by the target          -> none -> HELD by the target
    time: its bound        -              -                                      -> none -> HELD by the target

The *target* is computed anew after each event: balanced, and sticky, so that what moves is what must. Each holding
carries the generation at which it began. Whoever commits says which generation it means: the commit of one that was
taken away, or given back and got again since, is refused (Kafka's ILLEGAL_GENERATION), so a member that hangs in a
`put` past the bound can neither block the others nor move the offset back later.

A member may say how many it belongs with (a connector's tasks). For `awaited_s` after the first of them came, or one
left, the share of those that are missing is kept for them, so that tasks which start one after another do not hand
everything round, and one that restarts finds its partitions. Kafka has group.initial.rebalance.delay.ms for this.

How a real cluster's protocol maps onto it: assign, revoke and lost of a rebalance listener are the difference between
two looks at `held`. A wire listener answers JoinGroup with `join`, SyncGroup with `held`, a heartbeat with
REBALANCE_IN_PROGRESS while something is REVOKING, and OffsetCommit by `check`.

Functions take a state and return the next one. Times are seconds of any steady clock, given by the caller, who calls
`expire` no later than `next_deadline` says.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from connect.records import TopicPartition

#: For how long the shares of members that are missing are kept for them, in seconds.
AWAITED_S: Final = 3.0

#: Why a commit is refused: the partition is gone (or another topic has its name), or another holding has begun.
Refusal = Literal["unknown partition", "illegal generation"]


@dataclass(frozen=True, slots=True)
class Member:
    """One consumer of a group.

    Attributes:
        subscription: What it reads; members of equal subscriptions share everything.
        rank, expected: It is number `rank` of `expected` that belong together.
        bound_s: How long it may take to release what is revoked.
    """

    subscription: Hashable
    rank: int = 0
    expected: int = 1
    bound_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Holding:
    """A partition in a member's hands. `revoked_until` is None while it is HELD, a time while REVOKING."""

    member: str
    topic_id: str
    generation: int
    revoked_until: float | None = None


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group between two events.

    Attributes:
        generation: Rises whenever a holding begins, ends or is revoked.
        partitions: By subscription: the partitions it means now, with the ids of their topics.
        awaited_until: Until when missing members are awaited.
    """

    generation: int = 0
    members: Mapping[str, Member] = field(default_factory=dict)
    partitions: Mapping[Hashable, Mapping[TopicPartition, str]] = field(default_factory=dict)
    holdings: Mapping[TopicPartition, Holding] = field(default_factory=dict)
    awaited_until: float = float("-inf")


# -- events --------------------------------------------------------------------------------------------------------


def join(state: GroupState, name: str, member: Member, now: float) -> GroupState:
    """Take a member in. `name` is new."""
    assert name not in state.members, f"member {name} joins once"
    awaited_until = state.awaited_until if state.members else now + AWAITED_S
    members = {**state.members, name: member}
    return _settled(replace(state, members=members, awaited_until=awaited_until), now)


def leave(state: GroupState, name: str, now: float) -> GroupState:
    """Let a member go, with all it held. An unknown one is no error."""
    if name not in state.members:
        return state
    members = {other: member for other, member in state.members.items() if other != name}
    wanted = {member.subscription for member in members.values()}
    partitions = {subscription: found for subscription, found in state.partitions.items() if subscription in wanted}
    return _settled(replace(state, members=members, partitions=partitions, awaited_until=now + AWAITED_S), now)


def subscribed(
    state: GroupState, subscription: Hashable, partitions: Mapping[TopicPartition, str], now: float
) -> GroupState:
    """Take note of what a subscription means now: topics came, went, were made anew or got partitions."""
    return _settled(replace(state, partitions={**state.partitions, subscription: dict(partitions)}), now)


def release(state: GroupState, name: str, partitions: Iterable[TopicPartition], now: float) -> GroupState:
    """Take back what a member gives up; what it does not hold is passed over."""
    given = {at for at in partitions if (found := state.holdings.get(at)) is not None and found.member == name}
    holdings = {at: holding for at, holding in state.holdings.items() if at not in given}
    return _settled(replace(state, holdings=holdings), now, changed=bool(given))


def expire(state: GroupState, now: float) -> GroupState:
    """Do what is due: take what was not released within its bound, and await nobody any more."""
    return _settled(state, now)


# -- looking -------------------------------------------------------------------------------------------------------


def held(state: GroupState, name: str) -> dict[TopicPartition, Holding]:
    """Return what a member holds, REVOKING included."""
    return {at: holding for at, holding in state.holdings.items() if holding.member == name}


def next_deadline(state: GroupState, now: float) -> float | None:
    """Return when `expire` is due next; None for never."""
    times = [h.revoked_until for h in state.holdings.values() if h.revoked_until is not None]
    if _missing(state, now):
        times.append(state.awaited_until)
    return min(times, default=None)


def check(state: GroupState, name: str, at: TopicPartition, generation: int, topic_id: str | None) -> Refusal | None:
    """Say why a member's commit is refused, None where it is not.

    Args:
        generation: Of the holding under which the records were read.
        topic_id: Of the topic that is there now; None where there is none.
    """
    holding = state.holdings.get(at)
    if topic_id is None or (holding is not None and holding.generation == generation and holding.topic_id != topic_id):
        return "unknown partition"
    if holding is None or holding.member != name or holding.generation != generation:
        return "illegal generation"
    return None


def target(
    members: Mapping[str, Member],
    partitions: Mapping[Hashable, Mapping[TopicPartition, str]],
    keeps: Mapping[TopicPartition, str],
) -> dict[TopicPartition, str]:
    """Return which member is to read which partition.

    Every partition that somebody subscribes to has one reader. Of members with equal subscriptions none has two more
    than another. `keeps` says who reads what now: it moves only where that is needed.
    """
    order = {name: place for place, name in enumerate(sorted(members, key=lambda m: (members[m].rank, m)))}
    readers: dict[TopicPartition, list[str]] = {}
    for name in order:
        for at in partitions.get(members[name].subscription, ()):
            readers.setdefault(at, []).append(name)
    chosen = {at: keeps[at] for at, names in readers.items() if keeps.get(at) in names}
    shares: dict[str, list[TopicPartition]] = {name: [] for name in order}
    for at in sorted(chosen):
        shares[chosen[at]].append(at)
    for at in sorted(readers.keys() - chosen.keys()):
        name = min(readers[at], key=lambda n: (len(shares[n]), order[n]))
        shares[name].append(at)
    _balance(shares, readers, order)
    return {at: name for name, share in shares.items() for at in share}


def _balance(
    shares: dict[str, list[TopicPartition]], readers: Mapping[TopicPartition, list[str]], order: Mapping[str, int]
) -> None:
    """Move partitions, the last ones first, from members with many to those with two fewer at least."""
    heap = [(-len(share), order[name], name) for name, share in shares.items()]
    heapq.heapify(heap)
    while heap:
        size, place, name = heapq.heappop(heap)
        share = shares[name]
        if -size != len(share):
            heapq.heappush(heap, (-len(share), place, name))
            continue
        for index in range(len(share) - 1, -1, -1):
            other = min(readers[share[index]], key=lambda n: (len(shares[n]), order[n]))
            if len(shares[other]) + 1 < len(share):
                shares[other].append(share.pop(index))
                heapq.heappush(heap, (-len(share), place, name))
                break
        # Else nobody can take anything from it, and its share shrinks no more.


# -- the one step --------------------------------------------------------------------------------------------------


def _settled(state: GroupState, now: float, *, changed: bool = False) -> GroupState:
    """Return the state with everything done that follows: holdings ended, revoked and begun, in this order."""
    there: dict[TopicPartition, str] = {}
    for found in state.partitions.values():
        there |= found
    holdings = {
        at: holding
        for at, holding in state.holdings.items()
        if holding.member in state.members
        and there.get(at) == holding.topic_id
        and (holding.revoked_until is None or now < holding.revoked_until)
    }
    changed = changed or len(holdings) != len(state.holdings)
    missing = _missing(state, now)
    keeps = {at: holding.member for at, holding in holdings.items() if holding.revoked_until is None}
    wanted = target({**state.members, **missing}, state.partitions, keeps)
    begun = state.generation + 1
    for at, name in wanted.items():
        holding = holdings.get(at)
        if holding is None and name in state.members:
            holdings[at] = Holding(name, there[at], begun)
            changed = True
        elif holding is not None and holding.revoked_until is None and holding.member != name:
            until = now + state.members[holding.member].bound_s
            holdings[at] = replace(holding, revoked_until=until)
            changed = True
    for at in holdings.keys() - wanted.keys():  # nobody subscribes to it any more
        if holdings[at].revoked_until is None:
            holdings[at] = replace(holdings[at], revoked_until=now + state.members[holdings[at].member].bound_s)
            changed = True
    if not changed:
        return replace(state, holdings=holdings)
    return replace(state, generation=begun, holdings=holdings)


def _missing(state: GroupState, now: float) -> dict[str, Member]:
    """Return stand-ins for the members that are awaited: of each subscription, the ranks that nobody has."""
    if now >= state.awaited_until:
        return {}
    missing: dict[str, Member] = {}
    for subscription in {member.subscription for member in state.members.values()}:
        group = [member for member in state.members.values() if member.subscription == subscription]
        expected = max(member.expected for member in group)
        ranks = {member.rank for member in group}
        for rank in sorted(set(range(expected)) - ranks)[: max(0, expected - len(group))]:
            missing[f"\0awaited {len(missing)}"] = Member(subscription, rank, expected)
    return missing
