"""How fast a connector may go: `rate.limit.*`, changed while it runs, and what a task may hold in hand.

Theory of operation. A connector has one `Limit`, a pair of token buckets (records and bytes) which its tasks share. A
task asks for a turn before it moves a slice of what it has in hand: a tenth of a second's worth, so that a large batch
flows evenly. Tokens come with time, and a bucket holds no more than a second's. A slice that is larger than that, such
as one record of 1 MiB at 100 KiB/s, has its turn once the bucket is full, and leaves a debt that is waited off.

Fair among tasks is who has had less: each turn moves its task's mark on by what the turn costs, and the lowest mark is
next; a task that had nothing to do begins where the others are, and has saved up nothing. Marks stay between two
attempts, so who waits in short steps, to look around in between, loses no place.

For the event loop's thread; nothing here knows what a record is.

Source of the order: P. Goyal, H. Vin, H. Cheng, Start-time Fair Queuing (1996).
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from connect.api import Config, ConfigValue, config_key
from connect.runtime import ownership

#: What a bucket holds at most, and what one turn takes, in seconds of the rate.
BURST_S: Final = 1.0
TURN_S: Final = 0.1
#: For so long after its last wait a task is shown as throttled: waits of a tenth of a second would flicker.
SHOWN_S: Final = 1.0
#: Sums of floats miss by less than this share of a token.
_EPSILON: Final = 1e-6

#: The keys that are changed while the connector runs.
LIVE_KEYS: Final = frozenset({"rate.limit.records.per.second", "rate.limit.bytes.per.second", ownership.KEY})


def _rate(value: Any) -> None:
    if value is not None and value != -1 and not 0 < value < math.inf:  # None: what was given is no number, as is told
        raise ValueError("Value must be more than 0, or -1 for no limit; to let nothing through, pause the connector")


class RateConfig(Config):
    """How fast a connector may go, and how much each of its tasks may hold in hand."""

    rate_limit_records_per_second: float = config_key(
        "Records a second that the connector may move, all tasks together; -1 or empty: no limit. "
        "A change is heeded at once, without a restart.",
        default=-1.0,
        group="Flow",
        display_name="Records per Second",
        validators=[_rate],
    )
    rate_limit_bytes_per_second: float = config_key(
        "Bytes of keys and values a second that the connector may move, all tasks together; -1 or empty: no limit. "
        "A change is heeded at once, without a restart.",
        default=-1.0,
        group="Flow",
        display_name="Bytes per Second",
        validators=[_rate],
    )
    task_max_inflight_bytes: int = config_key(
        "Bytes of keys and values that a task may have in hand: while it has more, nothing further is polled.",
        type="LONG",
        default=32 << 20,
        ge=1,
        group="Flow",
        display_name="Bytes in Flight",
    )

    @classmethod
    def values(cls, raw: Mapping[str, Any], *, together: bool = True) -> dict[str, ConfigValue]:
        return super().values(_given(raw), together=together)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        return super().parse(_given(raw))

    @property
    def records_per_s(self) -> float | None:
        """Records a second; None for no limit."""
        return None if self.rate_limit_records_per_second == -1 else self.rate_limit_records_per_second

    @property
    def bytes_per_s(self) -> float | None:
        """Bytes a second; None for no limit."""
        return None if self.rate_limit_bytes_per_second == -1 else self.rate_limit_bytes_per_second


def _given(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a config without limits that are left empty."""
    empty = [name for name in LIVE_KEYS if isinstance(text := raw.get(name), str) and not text.strip()]
    return {name: value for name, value in raw.items() if name not in empty} if empty else raw


def is_live_change(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether two configs differ, and in nothing but what is changed while the connector runs.

    What refers to a config provider is resolved at a start, and where one key of `RateConfig` does, all of them are.
    """
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return bool(changed) and changed <= LIVE_KEYS and not (has_references(before) or has_references(after))


def without_live(config: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return what of a config, a connector's or a task's, nothing but a restart brings into force."""
    return {name: value for name, value in config.items() if name not in LIVE_KEYS}


def has_references(config: Mapping[str, str]) -> bool:
    """Whether a key of `RateConfig` may refer to a config provider: its values are those that are in force."""
    return any("${" in config.get(name, "") for name in RateConfig.keys())  # noqa: SIM118 - a method of its own


class _Bucket:
    """Tokens of one kind. `rate` None: there is no limit."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._tokens = self._at = 0.0

    def set(self, rate: float | None, now: float) -> None:
        """Go on at another rate: with what was saved up or is owed, a second's at most."""
        self.fill(now)
        if rate is not None:
            burst = rate * BURST_S
            self._tokens = rate * TURN_S if self.rate is None else min(max(self._tokens, -burst), burst)
        self.rate, self._at = rate, now

    def fill(self, now: float) -> None:
        """Take in what came since the last time."""
        if self.rate is not None:
            self._tokens = min(self.rate * BURST_S, self._tokens + (now - self._at) * self.rate)
        self._at = now

    def wait_s(self, cost: float) -> float:
        """Return how long until a turn of this cost may be had."""
        if self.rate is None:
            return 0.0
        missing = min(cost, self.rate * BURST_S) - self._tokens
        return missing / self.rate if missing > _EPSILON * self.rate else 0.0

    def pay(self, cost: float) -> None:
        """Take tokens out; there may be a debt afterwards."""
        if self.rate is not None:
            self._tokens -= cost

    def seconds(self, cost: float) -> float:
        """Return what a cost is in seconds of the rate."""
        return 0.0 if self.rate is None else cost / self.rate


@dataclass(slots=True)
class Share:
    """One task's part in a limit."""

    #: In seconds of the limit: where the task's last turn has ended, and of which rates that is.
    mark: float = 0.0
    revision: int = 0
    is_waiting: bool = False
    waited_at: float = -math.inf


@dataclass(slots=True, order=True)
class _Waiter:
    mark: float
    number: int
    changed: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


Wait = Callable[[asyncio.Event, asyncio.Event, float], Awaitable[None]]


class Limit:
    """A connector's limit. Its tasks call `take`; `set` may come at any time.

    Args:
        clock: Seconds of a clock that never goes back.
        wait: Waits until one of two events is set, so many seconds at most.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, wait: Wait | None = None) -> None:
        self.is_limited = False
        self._clock = clock
        self._wait = wait or either
        self._records, self._bytes = _Bucket(), _Bucket()
        #: The mark of the last turn: where one that comes now begins.
        self._now = 0.0
        self._waiters: list[_Waiter] = []
        self._numbers = itertools.count()
        self._revision = 0

    @property
    def records_per_s(self) -> float | None:
        """Records a second; None for no limit."""
        return self._records.rate

    @property
    def bytes_per_s(self) -> float | None:
        """Bytes a second; None for no limit."""
        return self._bytes.rate

    def set(self, records_per_s: float | None, bytes_per_s: float | None) -> None:
        """Go on at these rates. Who waits begins anew with them."""
        if (records_per_s, bytes_per_s) == (self._records.rate, self._bytes.rate):
            return
        now = self._clock()
        self._records.set(records_per_s, now)
        self._bytes.set(bytes_per_s, now)
        self.is_limited = records_per_s is not None or bytes_per_s is not None
        # Marks are in seconds of the rate before: a task that had one long turn would be the last for as long.
        self._revision += 1
        self._now = 0.0
        for waiter in self._waiters:
            waiter.changed.set()

    def turn(self) -> tuple[int | None, int | None]:
        """Return how many records and bytes one turn takes at most; None: as many as there are. A turn takes a record
        at least, however large."""
        records, size = self._records.rate, self._bytes.rate
        return (
            None if records is None else max(1, int(records * TURN_S)),
            None if size is None else max(1, int(size * TURN_S)),
        )

    async def take(
        self, share: Share, records: int, size_bytes: int, *, until: asyncio.Event, within_s: float = math.inf
    ) -> bool:
        """Wait for a turn; return whether it was had.

        It was not where `until` was set, `within_s` is over, or the limit was changed: the turn is to be cut anew.
        """
        mark = share.mark if share.revision == self._revision else 0.0
        waiter = _Waiter(max(self._now, mark), next(self._numbers))
        deadline, revision = self._clock() + within_s, self._revision
        self._waiters.append(waiter)
        try:
            while True:
                if not self.is_limited:
                    return True
                if revision != self._revision:
                    return False
                now, wait_s = self._clock(), math.inf
                if min(self._waiters) is waiter:
                    wait_s = self._wait_s(records, size_bytes, now)
                    if wait_s <= 0.0:
                        self._pay(share, waiter, records, size_bytes)
                        return True
                if until.is_set() or now >= deadline:
                    return False
                share.is_waiting = True
                waiter.changed.clear()
                await self._wait(waiter.changed, until, min(wait_s, deadline - now))
        finally:
            if share.is_waiting:
                share.is_waiting, share.waited_at = False, self._clock()
            self._waiters.remove(waiter)
            if self._waiters:
                min(self._waiters).changed.set()

    def is_throttled(self, share: Share) -> bool:
        """Whether a task waits for its turn, or did a moment ago."""
        return self.is_limited and (share.is_waiting or self._clock() - share.waited_at < SHOWN_S)

    def _wait_s(self, records: int, size_bytes: int, now: float) -> float:
        self._records.fill(now)
        self._bytes.fill(now)
        return max(self._records.wait_s(records), self._bytes.wait_s(size_bytes))

    def _pay(self, share: Share, waiter: _Waiter, records: int, size_bytes: int) -> None:
        self._records.pay(records)
        self._bytes.pay(size_bytes)
        self._now = waiter.mark
        share.revision = self._revision
        share.mark = waiter.mark + max(self._records.seconds(records), self._bytes.seconds(size_bytes))


class Rates:
    """The limits of a worker's connectors, by name. A limit outlives the tasks: a restart saves nothing up."""

    def __init__(self) -> None:
        self._limits: dict[str, Limit] = {}

    def of(self, name: str) -> Limit:
        """Return a connector's limit; one that nobody has set is none."""
        return self._limits.setdefault(name, Limit())

    def set(self, name: str, config: Mapping[str, Any], *, share: float = 1.0) -> Limit:
        """Heed a connector's config, from now on.

        Args:
            share: Which part of the connector's tasks runs in this process.

        Raises:
            ConfigError: A rate is none.
        """
        limit, rates = self.of(name), RateConfig.parse(config)
        records, size = rates.records_per_s, rates.bytes_per_s
        limit.set(None if records is None else records * share, None if size is None else size * share)
        return limit

    def forget(self, name: str) -> None:
        """Drop what is known of a connector that is gone."""
        self._limits.pop(name, None)


async def either(first: asyncio.Event, second: asyncio.Event, timeout_s: float) -> None:
    """Return when one of two events is set, or after so many seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in (first, second)]
    try:
        timeout = None if math.isinf(timeout_s) else timeout_s
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
