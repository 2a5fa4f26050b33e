from __future__ import annotations

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
