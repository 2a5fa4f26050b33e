"""How long the tests go on that could go on for ever: kills, cuts, random calls and examples.

Each has a short length for `make test`, which has to be over in minutes, and a long one for `make test-long`, which
sets `CONNECT_LONG=1`. The variable of its name sets a length of its own. docs/explanation/testing.md lists them all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

IS_LONG: Final = os.environ.get("CONNECT_LONG", "") not in ("", "0")


@dataclass(frozen=True, slots=True)
class Length:
    """`what` says what is counted, and where."""

    short: int
    long: int
    what: str


LENGTHS: Final = {
    "CONNECT_KILLS": Length(6, 200, "kills of a process that writes to a log in every way"),
    "CONNECT_CRASH_KILLS": Length(6, 200, "kills of a worker while four clients change its connectors"),
    "CONNECT_LOOP_KILLS": Length(3, 200, "ends of a worker with every kind of connector, of several kinds"),
    "CONNECT_KIT_KILLS": Length(8, 1000, "kills at marks of progress by the crash kit, for each pair of connectors"),
    "CONNECT_KAFKA_KILLS": Length(2, 100, "kills at marks of progress of a worker on a real broker"),
    "CONNECT_BROKER_KILLS": Length(2, 20, "kills of one of three brokers under a source and a sink"),
    "CONNECT_BOUNCES": Length(3, 20, "bounces of a worker, clean and hard, in Kafka's system-test scenarios"),
    "CONNECT_PODS": Length(2, 20, "stops of a pod under load, with exactly once and without"),
    "CONNECT_WORKER_KILLS": Length(2, 20, "workers of a group that are killed or frozen in turn"),
    "CONNECT_OUTAGES": Length(
        1, 30, "rounds of a PostgreSQL server that stops, crashes and is cut off under running connectors"
    ),
    "CONNECT_AWAIT_EACH": Length(12, 1, "awaits of a task from one cancellation to the next"),
    "CONNECT_HISTORY_S": Length(4, 300, "seconds of five clients whose history is checked"),
    "CONNECT_POWER_CUTS": Length(1, 20, "random ways in which a loss of power leaves the disk, each at each step"),
    "CONNECT_POWER_CUT_EACH": Length(24, 1, "steps of a story from one loss of power to the next"),
    "CONNECT_DAMAGE_EACH": Length(8, 1, "bytes of a log from one flipped bit or cut to the next"),
    "CONNECT_ATTACK_S": Length(5, 300, "seconds of calls that schemathesis makes of the OpenAPI document"),
    "CONNECT_ATTACK_EACH": Length(18, 1, "operations, in each of two modes, of which one is so called"),
    "CONNECT_ATTACKS": Length(15, 500, "such calls at most, of each operation in each mode"),
    "CONNECT_CONNECTORS": Length(100, 1000, "connectors that are created and run at once"),
    "CONNECT_TABLES": Length(
        12, 600, "random tables that go through a topic and back, in three styles, and as many by their changes"
    ),
    "CONNECT_TRANSACTION_ROWS": Length(20_000, 1_000_000, "rows of one transaction that a reader of changes takes"),
    "CONNECT_PATTERNS": Length(
        250, 1000, "random patterns, classes, and twice as much rubbish, that Java's engine is asked of"
    ),
    "CONNECT_EXAMPLES_PERCENT": Length(20, 2000, "of the examples that Hypothesis would make of a property"),
}


def length(name: str) -> int:
    """Return one of the lengths, as it is in force."""
    known = LENGTHS[name]
    return int(os.environ.get(name) or (known.long if IS_LONG else known.short))


def examples(count: int = 100) -> int:
    """Return how many examples Hypothesis makes in place of `count`; at least five."""
    return max(5, count * length("CONNECT_EXAMPLES_PERCENT") // 100)
