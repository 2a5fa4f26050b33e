from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import CroniterBadDateError, croniter
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError, Record, SourceTask
from connect.runtime.model import State
from connect.runtime.schedule import Schedule
from tests.support.odd_plugins import register, source
from tests.support.worker import RunningWorker, running_worker

BERLIN = ZoneInfo("Europe/Berlin")
PLAIN = ["*", "0", "1", "7", "59", "31", "*/2", "1-5", "5-1", "fri-mon", "dec-feb", "sun", "1,5", "0-59/7", "5/15"]
ODD = ["L", "?", "5#2", "7#1", "sun#2", "l5", "L0", "l7", "15W", "r", "h(0-5)", "L,15"]


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


def next_of(cron: str, now: datetime) -> datetime:
    return datetime.fromtimestamp(Schedule(cron, str(now.tzinfo)).after(now.timestamp()), now.tzinfo)


def test_the_next_time_is_one_of_the_zone() -> None:
    assert next_of("0 2 * * *", datetime(2026, 3, 1, 3, 0, tzinfo=BERLIN)) == datetime(2026, 3, 2, 2, 0, tzinfo=BERLIN)
    assert next_of("*/15 * * * * ", datetime(2026, 3, 1, 3, 1, tzinfo=BERLIN)).minute == 15
    assert next_of("@daily", datetime(2026, 3, 1, 3, 0, tzinfo=BERLIN)) == datetime(2026, 3, 2, tzinfo=BERLIN)
    assert next_of("* * * * * */10", datetime(2026, 3, 1, 3, 0, 1, tzinfo=BERLIN)).second == 10


def test_clocks_that_are_set_leave_out_no_day() -> None:
    at = datetime(2026, 3, 28, 12, 0, tzinfo=BERLIN)  # on the 29th there is no half past two
    days = []
    for _ in range(3):
        at = next_of("30 2 * * *", at)
        days.append(at.day)
    assert days == [29, 30, 31]


def test_an_hour_that_comes_twice_has_a_time_of_day_once_and_every_hour_of_those_that_come_by_hours() -> None:
    at = datetime(2026, 10, 24, 12, 0, tzinfo=BERLIN)  # on the 25th there are two of half past two
    first = next_of("30 2 * * *", at)
    second = next_of("30 2 * * *", first)
    assert (first.day, first.fold, second.day) == (25, 0, 26)
    at = datetime(2026, 10, 25, 1, 30, tzinfo=BERLIN)
    folds = []
    for _ in range(3):
        at = next_of("0 * * * *", at)
        folds.append((at.hour, at.fold))
    assert folds == [(2, 0), (2, 1), (3, 0)]


@pytest.mark.parametrize(
    ("cron", "zone", "why"),
    [
        ("0 2 * *", "UTC", "4 fields"),
        ("61 * * * *", "UTC", "minute '61' is none; expected is \\* or 0 to 59"),
        ("* * * foo *", "UTC", "month 'foo' is none; expected is \\* or 1 to 12 or jan to dec"),
        ("*/0 * * * *", "UTC", "step '0' of the minute"),
        ("1- * * * *", "UTC", "minute '1-'"),
        ("0 0 * * 6#6", "UTC", "day of the week '6#6'"),
        ("R * * * *", "UTC", "minute 'r'"),
        ("R(0-5) * * * *", "UTC", "minute 'r"),
        ("H H * * *", "UTC", "minute 'h'"),
        ("0 R(1-3) * * *", "UTC", "hour 'r"),
        ("٣ * * * *", "UTC", "minute"),
        ("1," * 900 + "1 * * * *", "UTC", "1,000 at most"),
        ("often", "UTC", "1 fields"),
        ("@often", "UTC", "often"),
        ("0 0 30 2 *", "UTC", "never comes"),
        ("0 2 * * *", "Europe/Nowhere", "no such time zone"),
        ("0 2 * * *", "../../etc/passwd", "no such time zone"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason(cron: str, zone: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Schedule(cron, zone)


@given(st.lists(st.sampled_from(PLAIN + ODD), min_size=5, max_size=6))
def test_what_the_check_lets_through_comes_or_never_does(fields: list[str]) -> None:
    cron = " ".join(fields)
    try:
        schedule = Schedule(cron, "UTC")
    except ValueError as error:
        if "never comes" not in str(error):
            return
        with pytest.raises(CroniterBadDateError):
            croniter(cron, datetime(2026, 1, 1)).get_next(datetime)
        return
    now = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert schedule.after(now) == schedule.after(now) > now


class Twos(SourceTask):
    """Two records for each time that somebody has asked for some."""

    asked = threading.Semaphore(0)
    polls = 0

    def poll(self) -> list[Record]:
        type(self).polls += 1
        if self.asked.acquire(blocking=False):
            self.context.drained = False
            return [Record("t", value=f"{n}") for n in range(2)]
        self.context.drained = True
        return []


async def create(worker: RunningWorker, **config: str) -> type:
    task: Any = type("Task", (Twos,), {"asked": threading.Semaphore(0), "polls": 0})
    plugin = source(task)
    register(worker.herder, plugin)
    named = {key.replace("_", "."): value for key, value in config.items()}
    await worker.herder.create("c", {"connector.class": plugin.class_name, **named})
    return task


async def test_a_source_polls_from_its_time_on_until_it_is_drained(worker: RunningWorker) -> None:
    task = await create(worker, schedule_cron="* * * * * *")  # each second
    await worker.until_state("c", State.RUNNING, tasks=1)
    for times in (1, 2):
        task.asked.release()
        await worker.until(lambda times=times: worker.records("c") == 2 * times)
    await worker.until(lambda: worker.herder.progress()[0].drained)
    before = task.polls
    await asyncio.sleep(0.3)
    assert task.polls - before <= 2, "it does not poll between runs"


async def test_a_source_does_nothing_before_its_time_unless_it_is_to_read_at_the_start(worker: RunningWorker) -> None:
    task = await create(worker, schedule_cron="0 0 1 1 *")
    task.asked.release()
    await worker.until_state("c", State.RUNNING, tasks=1)
    await worker.client.put("/connectors/c/pause")
    await worker.until_state("c", State.PAUSED, tasks=1)
    assert task.polls == 0
    config = {**worker.herder.info("c").config, "schedule.at.start": "true"}
    await worker.client.put("/connectors/c/config", json=config)
    await worker.client.put("/connectors/c/resume")
    await worker.until(lambda: worker.records("c") == 2)
    await worker.client.put("/connectors/c/stop")
    await worker.until_state("c", State.STOPPED, tasks=0)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"schedule.cron": "0 25 * * *"}, "schedule.cron"),
        (
            {"schedule.cron": "0 2 * * *", "schedule.timezone": "Mars/Olympus"},
            "Invalid value Mars/Olympus for configuration schedule.timezone",
        ),
    ],
)
async def test_a_wrong_schedule_is_told_at_validation(worker: RunningWorker, config: dict[str, str], why: str) -> None:
    plugin = source(Twos)
    register(worker.herder, plugin)
    with pytest.raises(ConfigError, match=why) as raised:
        await worker.herder.create("c", {"connector.class": plugin.class_name, **config})
    assert raised.value.message.count("Invalid value") == 1


async def test_an_empty_time_zone_is_the_default(worker: RunningWorker) -> None:
    await create(worker, schedule_cron="0 2 * * *", schedule_timezone="")
    await worker.until_state("c", State.RUNNING, tasks=1)


async def test_a_source_that_follows_a_stream_takes_no_schedule(worker: RunningWorker) -> None:
    plugin = type("Endless", (source(Twos),), {"ends": False})
    register(worker.herder, plugin)
    with pytest.raises(ConfigError, match="follows a stream"):
        await worker.herder.create("c", {"connector.class": plugin.class_name, "schedule.cron": "0 2 * * *"})
