from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, EnvironmentFault
from connect.kafka.errors import GROUP_PROTOCOL
from connect.ports import Consumer
from connect.runtime.distributed.membership import Membership
from tests.support.groups import Group
from tests.support.worker import until


async def test_a_membership_knows_who_is_alive_and_leads_once_nobody_else_does(group: Group) -> None:
    node = await group.start("a")
    other = Membership(group.cluster, node.base.config)
    await other.join()
    assert await other.alive() == {node._membership.id, other.id}
    assert not other.leads.is_set()
    await group.stop("a")
    await until(other.leads.is_set)
    assert await other.alive() == {other.id}
    await other.aclose()
    assert not other.leads.is_set()


async def test_beside_a_living_worker_of_kafka_connect_nothing_starts(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, make = await group.start("a"), group.cluster.consumer
    failure = ConfigError("read as connect-g: Inconsistent group protocol", code=GROUP_PROTOCOL)

    async def poll(**_: Any) -> None:
        raise failure

    async def consumer(*arguments: Any, **options: Any) -> Consumer:
        made = await make(*arguments, **options)
        monkeypatch.setattr(made, "poll", poll)
        return made

    monkeypatch.setattr(group.cluster, "consumer", consumer)
    refused = Membership(group.cluster, node.base.config)
    with pytest.raises(EnvironmentFault, match="'connect-cluster' has members of another kind: a worker of Kafka"):
        await refused.join()
    await refused.aclose()
    # Later on it is the end of this life, and not of its membership's watch alone.
    monkeypatch.setattr(node._membership._consumer, "poll", poll)
    await until(node.lost.is_set)


@pytest.mark.parametrize("kind", ["config", "offset", "status", "workers"])
async def test_beside_a_worker_that_keeps_the_state_of_the_group_in_other_topics_none_starts(
    group: Group, kind: str
) -> None:
    first = await group.start("a")
    with pytest.raises(ConfigError, match=r"state of the group in other topics than .*'elsewhere'") as caught:
        await group.start("b", **{f"{kind}.storage.topic": "elsewhere"})
    assert caught.value.code == "worker.state_elsewhere"
    assert await first._membership.alive() == {first._membership.id}, "it has left"
    await group.leader()
    await group.start("c")


async def test_whether_the_state_is_elsewhere_is_asked_until_the_brokers_tell(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, ask, answers = await group.start("a"), group.cluster.groups.members, list[tuple[str, ...]]()

    async def at_last(name: str) -> tuple[str, ...]:
        answers.append(await ask(name) if len(answers) > 1 else ())
        return answers[-1]

    other = Membership(group.cluster, node.base.config)
    await group.stop("a")
    monkeypatch.setattr(group.cluster.groups, "members", at_last)
    await other.join()
    assert len(answers) == 3 and len(answers[-1]) == 1
    await other.aclose()


async def test_an_answer_in_which_who_asks_is_no_member_is_not_believed(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a broker takes over the group it may be unknown: nobody is gone for that."""
    node = await group.start("a")

    async def nobody(_group: str) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(group.cluster.groups, "members", nobody)
    with pytest.raises(EnvironmentFault, match="do not know this worker as a member"):
        await node._membership.alive()
