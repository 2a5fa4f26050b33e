"""Guessing made slow: after some wrong passwords, who guesses has to wait before the next one is looked at.

Theory of operation. *Who* is a source address together with the user's name that it tries, so that a stranger who
guesses holds up neither the other users of his address nor the user himself at another one. The first `FREE_COUNT`
wrong guesses cost nothing but their own time; each further one doubles the wait, from `WAIT_S` to `WAIT_MAX_S`. Asking
while one has to wait neither counts nor prolongs it. A right guess ends the count, and `FORGET_S` of quiet does.
Whether there is a user of the name makes no difference.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

#: Seconds that never go back.
Clock = Callable[[], float]

FREE_COUNT: Final = 5
WAIT_S: Final = 1.0
WAIT_MAX_S: Final = 60.0
FORGET_S: Final = 900.0
#: Of whom failures are kept; beyond, those whose last one is longest ago are forgotten.
_KEPT_COUNT: Final = 10_000
#: Who has a whole network of 64 bits has one network.
_IPV6_PREFIX: Final = 64


@dataclass(slots=True)
class _Failures:
    count: int
    last: float
    until: float


class Attempts:
    """Wrong guesses by who made them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()

    def wait_s(self, who: Hashable) -> float:
        """Return how long someone has to wait before the next guess; 0 for not at all."""
        found = self._failures.get(who)
        return 0.0 if found is None else max(0.0, found.until - self._clock())

    def failed(self, who: Hashable) -> float:
        """Note a wrong guess; return how long the next one has to wait."""
        now = self._clock()
        found = self._failures.get(who)
        if found is None or now - found.last > FORGET_S:
            found = self._failures[who] = _Failures(0, now, now)
        found.count, found.last = found.count + 1, now
        over = found.count - FREE_COUNT
        wait = 0.0 if over < 0 else min(WAIT_MAX_S, WAIT_S * 2 ** min(over, 30))
        found.until = now + wait
        self._failures.move_to_end(who)
        if len(self._failures) > _KEPT_COUNT:
            self._failures.popitem(last=False)
        return wait

    def succeeded(self, who: Hashable) -> None:
        """Forget someone's wrong guesses."""
        self._failures.pop(who, None)


def source_of(address: str) -> str:
    """Return what counts as one source: an IPv4 address, an IPv6 network of 64 bits, any other text as it is."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4 or (mapped := parsed.ipv4_mapped) is not None:
        return str(parsed if parsed.version == 4 else mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
