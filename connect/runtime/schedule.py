"""When a source connector polls, by `schedule.cron`: from each of these times on until all that there is is brought."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connect.api import Config, ConfigValue, SourceConnector, config_key

CRON: Final = "schedule.cron"
ZONE: Final = "schedule.timezone"
_GROUP: Final = "Schedule"
_NAMED: Final = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
#: Beyond this an expression is somebody's mistake, and takes long to read.
_CHARS_MAX: Final = 1000
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBER: Final = re.compile("[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of an expression.

    Attributes:
        low, high: What its numbers are between.
        names: What stands for numbers in it, the first for `low`.
        also: What else it may be, in words.
    """

    what: str
    low: int
    high: int
    names: Sequence[str] = ()
    also: str = ""

    def check(self, text: str) -> None:
        """Say what is wrong with a field; croniter's own words name none, and it takes fields that are another hour
        each time they are read (R, H).

        Raises:
            ValueError: What it is, and what was expected.
        """
        for part in text.lower().split(","):
            values, slash, step = part.partition("/")
            bounds = [values] if self._number(values) is not None else values.split("-")
            is_one = values == "*" or (self.also and self._is_also(values) and not slash)
            if not is_one and not (len(bounds) <= 2 and all(self._number(bound) is not None for bound in bounds)):
                raise ValueError(f"the {self.what} {part!r} is none; expected is {self._expected()}")
            if slash and not (_NUMBER.fullmatch(step) and int(step)):
                raise ValueError(f"the step {step!r} of the {self.what} {part!r} is no whole number from 1 on")

    def _number(self, text: str) -> int | None:
        """Return the number of a text, None where it is none of this field."""
        if text in self.names:
            return self.low + self.names.index(text)
        number = int(text) if _NUMBER.fullmatch(text) else -1
        return number if self.low <= number <= self.high else None

    def _is_also(self, text: str) -> bool:
        if text == "?":
            return True
        if self.names:  # the second, or the last, such day of a month
            day, _, count = text.partition("#")
            if text.startswith("l"):
                day, count = text[1:], "1"
            return self._number(day) is not None and count in ("1", "2", "3", "4", "5")
        return text == "l"

    def _expected(self) -> str:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"* or {self.low} to {self.high}{names}{self.also}, as a list (1,5), a range (1-5) or with a step (*/5)"


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31, also=" or L, the last one"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS, also=" or 5#2, the second Friday, or L5, the last one"),
    _Field("second", 0, 59),
)


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        ValueError: It is not known.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("no such time zone is known; expected is one such as UTC or Europe/Berlin") from None


class Schedule:
    """The times of a cron expression in a time zone. Where clocks are set forward, a time that the day does not have
    comes as soon as clocks go on. Where they are set back, an expression that names hours comes at the first of the two
    alone; one for every hour, or every so many, comes in both.

    Raises:
        ValueError: The expression is none, never comes, or the zone is not known.
    """

    def __init__(self, cron: str, zone: str) -> None:
        from croniter import CroniterError, croniter

        cron = " ".join(cron.split())
        _check(cron)
        self._zone = zone_of(zone)
        self._cron = cron
        #: Whether its hours are times of the day, as people mean by `0 2 * * *`, and not so many in a day.
        self.names_hours = cron != "@hourly" and (cron.startswith("@") or not cron.split()[1].startswith("*"))
        try:
            croniter(cron, datetime.now(self._zone)).get_next(datetime)
        except CroniterError:  # each field is right by itself
            raise ValueError("it never comes: no day of the calendar is what it says") from None

    def after(self, now_s: float) -> float:
        """Return the first time after this one, both in s since the epoch."""
        from croniter import croniter

        times = croniter(self._cron, datetime.fromtimestamp(now_s, self._zone))
        found: datetime = times.get_next(datetime)
        while self.names_hours and found.fold:
            found = times.get_next(datetime)
        return found.timestamp()


class ScheduleConfig(Config):
    """When a source polls."""

    schedule_cron: str = config_key(
        "When to read, as a cron expression such as '0 2 * * *': at each of these times until all that there is has "
        "been read, and not in between. Empty: always.",
        default="",
        group=_GROUP,
        display_name="Cron Expression",
    )
    schedule_timezone: str = config_key(
        "The time zone of schedule.cron, such as Europe/Berlin.",
        default="UTC",
        group=_GROUP,
        display_name="Time Zone",
    )
    schedule_at_start: bool = config_key(
        "Whether to read at each start of the task, too: what a worker missed that was down is made up for.",
        default=False,
        group=_GROUP,
        display_name="Read at Start",
    )

    @property
    def schedule(self) -> Schedule | None:
        """The times; None: it polls always."""
        zone = self.schedule_timezone.strip() or "UTC"
        return Schedule(self.schedule_cron, zone) if self.schedule_cron.strip() else None


def check(connector: type, config: Mapping[str, Any], values: Mapping[str, ConfigValue]) -> None:
    """Add to the values of `schedule.cron` and `schedule.timezone` why the connector cannot run by them."""
    cron, zone = values.get(CRON), values.get(ZONE)
    zone_name = str((zone.value if zone is not None else None) or "").strip() or "UTC"
    if zone is not None and not zone.errors:
        _add_error(zone, ZONE, lambda: zone_of(zone_name))
    if cron is None or cron.errors or not str(cron.value or "").strip():
        return
    if issubclass(connector, SourceConnector) and not connector.ends:
        cron.errors.append(
            f"Invalid value {cron.value} for configuration {CRON}: {connector.plugin_name()} follows a stream, which "
            "has no end to stop at; leave the key out"
        )
        return
    _add_error(cron, CRON, lambda: Schedule(str(cron.value), "UTC"))


def _add_error(value: ConfigValue, key: str, made: Callable[[], object]) -> None:
    try:
        made()
    except ValueError as error:
        value.errors.append(f"Invalid value {value.value} for configuration {key}: {error}")


def _check(cron: str) -> None:
    """Look at an expression as a whole, and at each field.

    Raises:
        ValueError: What is wrong with it.
    """
    if len(cron) > _CHARS_MAX:
        raise ValueError(f"it has {len(cron):,} characters; {_CHARS_MAX:,} at most are expected")
    if cron.startswith("@"):
        if cron not in _NAMED:
            raise ValueError(f"{cron} is none of {', '.join(_NAMED)}")
        return
    fields = cron.split()
    if len(fields) not in (5, 6):
        raise ValueError(
            f"it has {len(fields)} fields, expected are 5 (minute, hour, day of the month, month, day of the week), or "
            "6 with seconds behind them"
        )
    for field, text in zip(_FIELDS, fields, strict=False):
        field.check(text)
