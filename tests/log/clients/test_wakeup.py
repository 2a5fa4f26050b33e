"""Who is woken by what."""

from __future__ import annotations

from connect.log.clients.wakeup import Wakeup, Wakeups


async def test_a_change_between_look_and_wait_is_not_missed():
    wakeup = Wakeup()
    seen = wakeup.count
    wakeup.fire()
    assert await wakeup.wait(seen, 0)
    assert not await wakeup.wait(wakeup.count, 0.001)


async def test_an_append_wakes_those_who_watch_its_topic_alone():
    wakeups, orders, users = Wakeups(), Wakeup(), Wakeup()
    wakeups.watch(orders, ["orders"])
    wakeups.watch(users, ["users", "orders"])
    wakeups.watch(users, ["users"])
    wakeups.appended("orders")
    assert (orders.count, users.count) == (1, 0)
    wakeups.topics_changed()
    wakeups.forget(orders)
    wakeups.forget(orders)
    wakeups.appended("orders")
    assert (orders.count, users.count) == (2, 1)
