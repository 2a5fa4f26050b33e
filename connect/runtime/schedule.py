"""When a source connector polls, by `schedule.cron`: from each of these times on until all that there is is brought."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connect.api import Config, ConfigValue, SourceConnector, config_key

CRON: Final = "schedule.cron"
_GROUP: Final = "Schedule"
_FIELDS: Final = (5, 6)
_NAMED: Final = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")


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
        count = len(cron.split())
        if cron.startswith("@") and cron not in _NAMED:
            raise ValueError(f"{cron} is none of {', '.join(_NAMED)}")
        if not cron.startswith("@") and count not in _FIELDS:
            raise ValueError(
                f"it has {count} fields, expected are 5 (minute, hour, day of the month, month, day of the week), or 6 "
                "with seconds behind them"
            )
        try:
            self._zone = ZoneInfo(zone)
        except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            raise ValueError(f"time zone {zone!r} is not known, such as UTC or Europe/Berlin") from None
        self._cron = cron
        self._names_hours = cron != "@hourly" and (cron.startswith("@") or not cron.split()[1].startswith("*"))
        try:
            croniter(cron, datetime.now(self._zone)).get_next(datetime)
        except CroniterError as error:
            raise ValueError(str(error)) from None

    def after(self, now_s: float) -> float:
        """Return the first time after this one, both in s since the epoch."""
        from croniter import croniter

        times = croniter(self._cron, datetime.fromtimestamp(now_s, self._zone))
        found: datetime = times.get_next(datetime)
        while self._names_hours and found.fold:
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
        return Schedule(self.schedule_cron, self.schedule_timezone) if self.schedule_cron.strip() else None


def check(connector: type, config: Mapping[str, Any], values: Mapping[str, ConfigValue]) -> None:
    """Add to the value of `schedule.cron` why the connector cannot run by it."""
    value = values.get(CRON)
    if value is None or value.errors or not str(value.value or "").strip():
        return
    if issubclass(connector, SourceConnector) and not connector.ends:
        value.errors.append(
            f"Invalid value {value.value} for configuration {CRON}: {connector.plugin_name()} follows a stream, which "
            "has no end to stop at; leave the key out"
        )
        return
    try:
        Schedule(str(value.value), str(config.get("schedule.timezone") or "UTC"))
    except ValueError as error:
        value.errors.append(f"Invalid value {value.value} for configuration {CRON}: {error}")
