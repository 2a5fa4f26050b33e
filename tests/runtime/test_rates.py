"""A connector's limit: how much it lets through in which time, and to which task."""

from __future__ import annotations

import asyncio
import itertools
import math

import pytest

from connect.api import ConfigError
from connect.runtime.rates import BURST_S, Limit, RateConfig, Rates, Share, is_live_change

RECORDS, BYTES = "rate.limit.records.per.second", "rate.limit.bytes.per.second"


class Time:
    """A clock that stands still but while everybody waits: then it goes on to the first who is done."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._ends: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def wait(self, first: asyncio.Event, second: asyncio.Event, timeout_s: float) -> None:
        end = self.now + timeout_s
        self._ends.append(end)
        try:
            for _ in range(10):  # others may come to wait, or set an event
                await asyncio.sleep(0)
            while not (first.is_set() or second.is_set()) and self.now < end:
                if end == min(self._ends):
                    assert end < math.inf, "everybody waits for ever"
                    self.now = end
                await asyncio.sleep(0)
        finally:
            self._ends.remove(end)


def limit(records: float | None = None, size_bytes: float | None = None) -> tuple[Limit, Time]:
    time = Time()
    made = Limit(time, time.wait)
    made.set(records, size_bytes)
    return made, time


async def take(made: Limit, records: int, size_bytes: int = 0, share: Share | None = None) -> None:
    assert await made.take(share or Share(), records, size_bytes, until=asyncio.Event())


async def test_a_hundred_records_a_second_come_ten_in_each_tenth_of_a_second() -> None:
    made, time = limit(100)
    began, at = time.now, []
    assert made.turn() == (10, None)
    for _ in range(50):
        await take(made, 10)
        at.append(time.now - began)
    assert at == [pytest.approx(n / 10) for n in range(50)]


async def test_half_a_record_a_second_is_one_every_two_seconds() -> None:
    made, time = limit(0.5)
    at = []
    assert made.turn() == (1, None)
    for _ in range(4):
        await take(made, 1)
        at.append(time.now)
    assert [after - before for before, after in itertools.pairwise(at)] == [pytest.approx(2.0)] * 3


async def test_what_is_saved_up_is_a_seconds_worth_at_most() -> None:
    made, time = limit(100)
    time.now += 3600
    began, passed = time.now, 0
    while time.now == began:
        await take(made, 10)
        passed += 10 if time.now == began else 0
    assert passed == 100 * BURST_S


async def test_a_record_larger_than_a_seconds_worth_passes_and_its_debt_is_waited_off() -> None:
    made, time = limit(None, 100_000)
    began = time.now
    for _ in range(5):
        await take(made, 1, 1_000_000)
    assert time.now - began == pytest.approx(40.9, abs=0.1)  # four debts of ten seconds, and the first second


async def test_both_limits_hold_together() -> None:
    made, time = limit(1000, 100)
    began = time.now
    for _ in range(10):
        await take(made, 1, 50)
    assert time.now - began == pytest.approx(4.9, abs=0.2)


async def test_tasks_share_a_limit_whatever_the_size_of_their_turns() -> None:
    made, time = limit(100)
    passed = {10: 0, 1: 0}
    end = time.now + 20

    async def move(count: int) -> None:
        share = Share()
        while time.now < end:
            await take(made, count, share=share)
            passed[count] += count

    await asyncio.gather(*(move(count) for count in passed))
    assert sum(passed.values()) == pytest.approx(2000, rel=0.02)
    assert passed[1] == pytest.approx(passed[10], rel=0.05)


async def test_a_task_that_had_nothing_to_do_has_saved_nothing_up_against_the_others() -> None:
    made, time = limit(100)
    busy, late = Share(), Share()
    for _ in range(100):
        await take(made, 10, share=busy)
    order = []

    async def move(name: str, share: Share) -> None:
        for _ in range(4):
            await take(made, 10, share=share)
            order.append(name)

    await asyncio.gather(move("busy", busy), move("late", late))
    assert sorted(order[:4]) == ["busy", "busy", "late", "late"]
    assert time.now > 1000


@pytest.mark.parametrize("slow", [0.001, 1e-300])
async def test_after_a_change_no_task_pays_for_a_turn_at_the_rate_before(slow: float) -> None:
    made, time = limit(slow)
    first, second = Share(), Share()
    time.now += 2e3
    await take(made, 1, share=first)  # a thousand seconds of that rate, or more than there are
    made.set(100, None)
    had = {"first": 0, "second": 0}

    async def run(name: str, share: Share) -> None:
        while had["first"] + had["second"] < 40:
            await take(made, 10, share=share)
            had[name] += 1

    await asyncio.gather(run("first", first), run("second", second))
    assert abs(had["first"] - had["second"]) <= 2


async def test_a_wait_ends_at_once_by_its_event_and_costs_nothing() -> None:
    made, time = limit(1)
    await take(made, 1)
    until = asyncio.Event()
    waiting = asyncio.create_task(Limit.take(made, Share(), 1, 0, until=until))
    until.set()
    assert await waiting is False
    await take(made, 1)
    assert time.now < 1002


async def test_a_wait_that_is_cancelled_lets_the_next_one_pass() -> None:
    made, _ = limit(10)
    await take(made, 10)
    first = asyncio.create_task(take(made, 10))
    second = asyncio.create_task(take(made, 1))
    await asyncio.sleep(0)
    first.cancel()
    await second


async def test_a_change_is_heeded_by_who_waits_and_debts_shrink_to_a_second_of_the_new_rate() -> None:
    made, time = limit(1000)
    await take(made, 500_000)  # a slice of former times
    share = Share()
    waiting = asyncio.create_task(made.take(share, 100, 0, until=asyncio.Event()))
    await asyncio.sleep(0)
    assert made.is_throttled(share)
    made.set(10, None)
    assert await waiting is False, "the slice is to be cut anew"
    began = time.now
    await take(made, 1, share=share)
    assert time.now - began <= 1.2
    made.set(None, None)
    assert made.turn() == (None, None)
    assert not made.is_throttled(share)
    began = time.now
    await take(made, 10**9)
    assert time.now == began


async def test_a_task_is_shown_as_throttled_a_moment_longer_than_it_waits() -> None:
    made, time = limit(10)
    share = Share()
    assert not made.is_throttled(share)
    await take(made, 1, share=share)
    await take(made, 1, share=share)
    assert made.is_throttled(share)
    time.now += 1.1
    assert not made.is_throttled(share)


@pytest.mark.parametrize("text", ["0", "-2", "NaN", "Infinity", "-0.5"])
def test_a_rate_that_is_none_is_refused_and_says_what_to_do(text: str) -> None:
    for name in (RECORDS, BYTES):
        with pytest.raises(ConfigError, match=r"more than 0, or -1 for no limit; .*pause the connector") as caught:
            RateConfig.parse({name: text})
        assert name in caught.value.message


@pytest.mark.parametrize(("text", "rate"), [("-1", None), ("", None), (" ", None), ("0.5", 0.5), ("1e6", 1e6)])
def test_a_rate_is_a_number_or_none(text: str, rate: float | None) -> None:
    parsed = RateConfig.parse({RECORDS: text, BYTES: text})
    assert (parsed.records_per_s, parsed.bytes_per_s) == (rate, rate)
    assert not RateConfig.values({RECORDS: text})[RECORDS].errors


def test_bytes_in_flight_are_32_mib_where_nothing_is_said_and_one_at_least() -> None:
    assert RateConfig.parse({}).task_max_inflight_bytes == 32 << 20
    with pytest.raises(ConfigError, match=r"task\.max\.inflight\.bytes: Value must be at least 1"):
        RateConfig.parse({"task.max.inflight.bytes": "0"})


def test_a_change_of_rates_alone_needs_no_restart() -> None:
    before = {"name": "a", RECORDS: "5"}
    assert is_live_change(before, {"name": "a", RECORDS: "6"})
    assert is_live_change(before, {"name": "a"})
    assert not is_live_change(before, before)
    assert not is_live_change(before, {"name": "a", RECORDS: "6", "file": "x"})
    assert not is_live_change(before, {**before, "task.max.inflight.bytes": "5"})
    assert not is_live_change(before, {"name": "a", RECORDS: "${file:/etc/rates:orders}"})
    beside = {"name": "a", RECORDS: "${file:/etc/rates:orders}"}
    assert not is_live_change(beside, {**beside, BYTES: "6"}), "the other limit would be taken as text"
    in_flight = {"name": "a", "task.max.inflight.bytes": "${file:/etc/rates:bytes}"}
    assert not is_live_change(in_flight, {**in_flight, BYTES: "6"})


def test_a_connectors_limit_outlives_its_tasks_until_it_is_deleted() -> None:
    rates = Rates()
    made = rates.set("a", {RECORDS: "5"})
    assert rates.set("a", {RECORDS: "7"}) is made
    assert (made.records_per_s, made.bytes_per_s, made.is_limited) == (7.0, None, True)
    rates.forget("a")
    assert not rates.of("a").is_limited
