"""The assignment's state machine: members that read, release, hang and leave, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connect.log.groups import assignment
from connect.log.groups.assignment import AWAITED_S, GroupState, Holding, Member
from connect.records import TopicPartition
from tests.support.lengths import examples

BOUND_S = 10.0


@dataclass
class Reader:
    """What a consumer believes: which partitions it reads, and under which holding."""

    reads: dict[TopicPartition, Holding] = field(default_factory=dict)


class Group(RuleBasedStateMachine):
    """A group whose readers look at the assignment when they like, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.state = GroupState()
        self.now = 0.0
        self.readers: dict[str, Reader] = {}
        self.topics: dict[str, tuple[str, int]] = {}
        self.count = 0
        #: The generation of the newest commit of each partition of each topic.
        self.committed: dict[tuple[TopicPartition, str], int] = {}

    def partitions(self) -> dict[TopicPartition, str]:
        return {TopicPartition(name, n): id_ for name, (id_, count) in self.topics.items() for n in range(count)}

    def look(self) -> None:
        self.state = assignment.subscribed(self.state, "all", self.partitions(), self.now)

    @initialize(topics=st.dictionaries(st.sampled_from("abc"), st.integers(1, 5)))
    def begin(self, topics: dict[str, int]) -> None:
        self.topics = {name: (f"id {name}", count) for name, count in topics.items()}
        self.look()

    @rule(expected=st.integers(1, 3), data=st.data())
    def join(self, expected: int, data: st.DataObject) -> None:
        self.count += 1
        rank = data.draw(st.integers(0, expected - 1))
        self.readers[f"m{self.count}"] = Reader()
        self.state = assignment.join(self.state, f"m{self.count}", Member("all", rank, expected, BOUND_S), self.now)
        self.look()

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        if self.readers:
            name = data.draw(st.sampled_from(sorted(self.readers)))
            del self.readers[name]
            before = {at: h for at, h in self.state.holdings.items() if h.member != name}
            self.state = assignment.leave(self.state, name, self.now)
            assert all(self.state.holdings[at].member == h.member for at, h in before.items())

    @rule(name=st.sampled_from("abcd"), count=st.integers(1, 5))
    def make_topic(self, name: str, count: int) -> None:
        id_, present = self.topics.get(name, ("", 0))
        if present == 0:
            self.count += 1
            id_ = f"id {name} {self.count}"
        before = {at: h.member for at, h in self.state.holdings.items()}
        self.topics[name] = (id_, max(count, present))
        self.look()
        moved = {at for at, member in before.items() if self.state.holdings[at].member != member}
        assert not moved, "what is new moves nothing"

    @rule(name=st.sampled_from("abcd"))
    def delete_topic(self, name: str) -> None:
        self.topics.pop(name, None)
        self.look()

    @rule(name=st.sampled_from("abcd"))
    def make_topic_anew(self, name: str) -> None:
        if name in self.topics:
            self.count += 1
            self.topics[name] = (f"id {name} {self.count}", self.topics[name][1])
            self.look()

    @rule(data=st.data(), releases=st.booleans())
    def poll(self, data: st.DataObject, releases: bool) -> None:
        if self.readers:
            self.poll_of(data.draw(st.sampled_from(sorted(self.readers))), releases=releases)

    def poll_of(self, name: str, *, releases: bool) -> None:
        held = assignment.held(self.state, name)
        reader = self.readers[name]
        asked = [at for at, holding in held.items() if holding.revoked_until is not None]
        reader.reads = {at: h for at, h in held.items() if h.revoked_until is None or at in reader.reads}
        if releases and asked:
            for at in asked:
                reader.reads.pop(at, None)
            self.state = assignment.release(self.state, name, asked, self.now)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        if not self.readers:
            return
        name = data.draw(st.sampled_from(sorted(self.readers)))
        for at, holding in self.readers[name].reads.items():
            topic_id = self.partitions().get(at)
            if assignment.check(self.state, name, at, holding.generation, topic_id) is None:
                assert holding.topic_id == topic_id
                assert self.committed.get((at, holding.topic_id), 0) <= holding.generation, (
                    "commits of one after another"
                )
                self.committed[at, holding.topic_id] = holding.generation

    @rule(seconds=st.sampled_from([0.5, AWAITED_S, BOUND_S]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.state = assignment.expire(self.state, self.now)

    @invariant()
    def no_two_may_read_one_partition(self) -> None:
        for at in self.partitions():
            may = [
                name
                for name, reader in self.readers.items()
                if at in reader.reads
                and (found := self.state.holdings.get(at)) is not None
                and (found.member, found.generation) == (name, reader.reads[at].generation)
            ]
            assert len(may) <= 1
            # Whoever reads it without holding it any more was fenced, and not just passed over.
            for name, reader in self.readers.items():
                if at in reader.reads and name not in may:
                    assert assignment.check(self.state, name, at, reader.reads[at].generation, "any") is not None

    @invariant()
    def what_is_due_is_known(self) -> None:
        revoking = [h for h in self.state.holdings.values() if h.revoked_until is not None]
        assert not revoking or assignment.next_deadline(self.state, self.now) is not None

    def teardown(self) -> None:
        """In the end every partition is read, by members with equal shares, and nothing is asked back any more."""
        for _ in range(6):
            self.now += BOUND_S
            self.state = assignment.expire(self.state, self.now)
            for name in self.readers:
                self.poll_of(name, releases=True)
        if self.readers:
            assert set(self.state.holdings) == set(self.partitions())
            sizes = [len(assignment.held(self.state, name)) for name in self.readers]
            assert max(sizes) - min(sizes) <= 1
            assert all(h.revoked_until is None for h in self.state.holdings.values())
            before = self.state.generation
            self.look()
            assert self.state.generation == before, "nothing moves without a reason"


Group.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=25, deadline=None)
TestGroup = Group.TestCase


def group(partitions: int, *, now: float = 0.0, members: int = 0, expected: int = 1) -> GroupState:
    there = {TopicPartition("t", n): "id" for n in range(partitions)}
    state = assignment.subscribed(GroupState(), "all", there, now)
    for n in range(members):
        state = assignment.join(state, f"m{n}", Member("all", n, expected, BOUND_S), now)
    return state


def shares(state: GroupState) -> dict[str, int]:
    return {name: len(assignment.held(state, name)) for name in state.members}


def test_a_share_is_kept_for_those_that_are_awaited_and_no_longer() -> None:
    state = group(6, members=1, expected=3)
    assert shares(state) == {"m0": 2}
    assert assignment.next_deadline(state, 0) == AWAITED_S
    joined = assignment.join(state, "m1", Member("all", 1, 3), 1)
    assert shares(joined) == {"m0": 2, "m1": 2}
    assert all(h.revoked_until is None for h in joined.holdings.values())
    assert shares(assignment.expire(joined, AWAITED_S)) == {"m0": 3, "m1": 3}


def test_who_leaves_and_comes_back_in_time_finds_its_partitions() -> None:
    state = group(6, members=3, expected=3)
    mine = set(assignment.held(state, "m1"))
    gone = assignment.leave(state, "m1", 5)
    assert shares(gone) == {"m0": 2, "m2": 2}
    back = assignment.join(gone, "m1 again", Member("all", 1, 3), 5 + AWAITED_S / 2)
    assert set(assignment.held(back, "m1 again")) == mine
    assert shares(assignment.expire(gone, 5 + AWAITED_S)) == {"m0": 3, "m2": 3}


def test_one_more_member_moves_what_it_gets_and_nothing_else() -> None:
    state = group(9, members=2)
    state = assignment.expire(state, BOUND_S)
    for name in list(state.members):
        asked = [at for at, h in assignment.held(state, name).items() if h.revoked_until is not None]
        state = assignment.release(state, name, asked, BOUND_S)
    before = {at: h.member for at, h in state.holdings.items()}
    state = assignment.join(state, "m2", Member("all", 2), 20)
    asked = [at for at, h in state.holdings.items() if h.revoked_until is not None]
    assert len(asked) == 3
    for name in ("m0", "m1"):
        state = assignment.release(state, name, asked, 20)
    moved = {at for at, member in before.items() if state.holdings[at].member != member}
    assert moved == set(asked)
    assert shares(state) == {"m0": 3, "m1": 3, "m2": 3}


def test_what_is_not_released_is_taken_at_its_bound_and_fenced() -> None:
    state = group(2, members=1)
    old = dict(state.holdings)
    state = assignment.join(state, "m1", Member("all", 1), 0)
    [asked] = [at for at, h in state.holdings.items() if h.revoked_until is not None]
    assert assignment.check(state, "m0", asked, old[asked].generation, "id") is None
    assert assignment.next_deadline(state, 0) == BOUND_S
    state = assignment.expire(state, BOUND_S)
    assert state.holdings[asked].member == "m1"
    assert assignment.check(state, "m0", asked, old[asked].generation, "id") == "illegal generation"


def test_a_holding_that_comes_back_is_another_one() -> None:
    state = group(1, members=1)
    old = state.holdings[TopicPartition("t", 0)].generation
    state = assignment.release(state, "m0", state.holdings, 0)
    assert assignment.check(state, "m0", TopicPartition("t", 0), old, "id") == "illegal generation"
    assert shares(state) == {"m0": 1}


@pytest.mark.parametrize("topic_id", [None, "another"])
def test_a_commit_for_a_topic_that_is_gone_or_another_one_is_refused(topic_id: str | None) -> None:
    state = group(1, members=1)
    at = TopicPartition("t", 0)
    assert assignment.check(state, "m0", at, state.holdings[at].generation, topic_id) == "unknown partition"


def test_members_with_other_subscriptions_read_what_they_alone_can() -> None:
    members = {"a": Member("x"), "b": Member("y")}
    x, both = TopicPartition("x", 0), [TopicPartition("both", n) for n in range(3)]
    partitions = {"x": {x: "1", **dict.fromkeys(both, "2")}, "y": dict.fromkeys(both, "2")}
    target = assignment.target(members, partitions, {})
    assert target[x] == "a"
    assert sorted(target.values()) == ["a", "a", "b", "b"]
