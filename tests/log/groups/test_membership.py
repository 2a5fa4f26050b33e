"""Members of groups: who is woken, what a commit is checked by, what a group remembers."""

from __future__ import annotations

import pytest

from connect.api.errors import IllegalGenerationError, UnknownTopicOrPartitionError
from connect.log.clients.wakeup import Wakeup
from connect.log.groups.assignment import Member
from connect.log.groups.membership import Coordinator, Membership, refused
from connect.records import TopicPartition
from tests.log.conftest import until

PARTITIONS = [TopicPartition("t", number) for number in range(4)]
IDS = dict.fromkeys(PARTITIONS, "id")


@pytest.fixture
def coordinator() -> Coordinator:
    return Coordinator()


def join(coordinator: Coordinator, rank: int, *, expected: int = 2, bound_s: float = 300) -> tuple[Membership, Wakeup]:
    wakeup = Wakeup()
    membership = coordinator.join("g", f"client-{rank}", Member("all", rank, expected, bound_s), wakeup)
    return membership, wakeup


async def test_partitions_are_shared_by_those_who_are_expected(coordinator):
    first, _ = join(coordinator, 0)
    first.subscribe(1, IDS)
    assert len(first.held()) == 2  # the other share is kept for the one that is missing
    second, _ = join(coordinator, 1)
    assert len(second.held()) == 2
    assert first.held().keys() | second.held().keys() == set(PARTITIONS)


async def test_members_are_woken_where_an_assignment_may_have_moved_and_not_otherwise(coordinator):
    first, wakeup = join(coordinator, 0, expected=1)
    first.subscribe(1, IDS)
    woken = wakeup.count
    first.subscribe(1, IDS)
    first.release([TopicPartition("other", 0)])
    assert wakeup.count == woken
    second, _ = join(coordinator, 1)
    assert wakeup.count > woken
    assert first.generation == second.generation


async def test_an_older_look_at_the_topics_says_nothing(coordinator):
    member, _ = join(coordinator, 0, expected=1)
    member.subscribe(5, IDS)
    member.subscribe(4, {})
    assert member.held().keys() == set(PARTITIONS)
    member.subscribe(6, {})
    assert member.held() == {}


async def test_what_is_not_released_within_its_bound_goes_to_the_other_by_itself(coordinator):
    first, _ = join(coordinator, 0, expected=1, bound_s=0.01)
    first.subscribe(1, IDS)
    second, wakeup = join(coordinator, 1, expected=2)
    assert second.held() == {}
    await until(lambda: len(second.held()) == 2)
    assert len(first.held()) == 2
    assert wakeup.count


async def test_a_commit_under_a_holding_that_ended_is_refused(coordinator):
    first, _ = join(coordinator, 0, expected=1)
    first.subscribe(1, IDS)
    held = first.held()
    generations = {at: holding.generation for at, holding in held.items()}
    assert [first.refusal(at, generations[at], "id") for at in PARTITIONS] == [None] * 4
    second, _ = join(coordinator, 1, expected=2)
    moved = [at for at, holding in first.held().items() if holding.revoked_until is not None]
    assert len(moved) == 2
    assert first.refusal(moved[0], generations[moved[0]], "id") is None  # not released yet
    first.release(moved)
    assert first.refusal(moved[0], generations[moved[0]], "id") == "illegal generation"
    assert second.refusal(moved[0], second.held()[moved[0]].generation, "id") is None
    assert second.refusal(moved[0], second.held()[moved[0]].generation, "another topic of its name") == (
        "unknown partition"
    )


async def test_a_group_remembers_what_was_there_when_it_began_until_its_last_member_goes(coordinator):
    first, _ = join(coordinator, 0, expected=1)
    first.subscribe(1, dict.fromkeys(PARTITIONS[:2], "id"))
    first.subscribe(2, IDS)
    assert [first.is_old(at, "id") for at in PARTITIONS] == [True, True, False, False]
    assert not first.is_old(PARTITIONS[0], "made anew")
    assert (first.start(PARTITIONS[0], "id", 7), first.start(PARTITIONS[0], "id", 9)) == (7, 7)
    assert (coordinator.groups(), coordinator.clients("g")) == (["g"], ("client-0",))
    coordinator.leave("g", first)
    assert "g" not in coordinator
    assert coordinator.clients("g") == ()
    again, _ = join(coordinator, 0, expected=1)
    again.subscribe(2, IDS)
    assert again.start(PARTITIONS[0], "id", 9) == 9


def test_a_refusal_names_what_was_not_committed_and_why():
    taken, gone = TopicPartition("t", 1), TopicPartition("u", 0)
    error = refused("g", {taken: "illegal generation", gone: "unknown partition"})
    assert isinstance(error, IllegalGenerationError)
    assert "offsets of t-1, u-0 were not committed" in error.message
    assert isinstance(refused("g", {gone: "unknown partition"}), UnknownTopicOrPartitionError)
