"""What addresses and numbers clients of a Kafka cluster here take, of those that Java's clients take.

For who checks a config before it is used, and for who makes clients of it: both say the same.
Source: librdkafka's CONFIGURATION.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_PREFIXES: Final = ("", "producer.", "consumer.", "admin.")
_MAX_INT: Final = (1 << 31) - 1
#: librdkafka's bounds of numbers that are handed on as they are. What only Java lets be larger is cut to its most
#: where a client is made (`connect.kafka.client_config`), since that changes nothing anybody waits for.
BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "session.timeout.ms": (1, 3_600_000),
    "heartbeat.interval.ms": (1, 3_600_000),
    "max.poll.interval.ms": (1, 86_400_000),
    "transaction.timeout.ms": (1_000, _MAX_INT),
    "delivery.timeout.ms": (0, 1 << 62),
    "request.timeout.ms": (10, 1 << 62),
    "fetch.max.wait.ms": (0, 300_000),
    "linger.ms": (0, 900_000),
    "retry.backoff.ms": (1, 300_000),
    "retry.backoff.max.ms": (1, 300_000),
    "reconnect.backoff.ms": (0, 3_600_000),
    "reconnect.backoff.max.ms": (0, 3_600_000),
    "connections.max.idle.ms": (-1, _MAX_INT),
    "metadata.max.age.ms": (1, 1 << 62),
    "socket.connection.setup.timeout.ms": (1_000, _MAX_INT),
    # Of the worker's membership in its group, which hands it on as max.poll.interval.ms.
    "rebalance.timeout.ms": (1, 86_400_000),
}
#: The brokers' own bounds, which they alone know.
_OF_BROKERS: Final[Mapping[str, str]] = {
    "session.timeout.ms": "brokers take group.min.session.timeout.ms (6000) to group.max.session.timeout.ms (1800000)",
    "transaction.timeout.ms": "brokers take at most transaction.max.timeout.ms (900000)",
}
#: A reference to a config provider may be anything.
_REFERENCE: Final = "${"
_WHOLE: Final = re.compile(r"-?[0-9]{1,19}")
SERVERS: Final = "bootstrap.servers"
#: Java's clients take what stands before :// and pass it over.
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*://")
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[0-9A-Za-z._%-]+):[0-9]{1,5}")


def plain_addresses(servers: str) -> str:
    """Return brokers' addresses, which stand with commas, without the PROTOCOL:// that may be before each."""
    return ",".join(_SCHEME.sub("", each.strip(), count=1) for each in servers.split(",") if each.strip())


def not_addresses(name: str, value: Any) -> str | None:
    """Say which of the addresses of `bootstrap.servers` is none; None where all are, or where it is another key.

    librdkafka takes one without a port for one at 9092, where Java's clients refuse it.
    """
    if name != SERVERS or value is None:
        return None
    given = value if isinstance(value, list | tuple) else str(value).split(",")
    for each in given:
        address = plain_addresses(str(each))
        if address and _REFERENCE not in address and not _ADDRESS.fullmatch(address):
            return f"Invalid value {each.strip()} for configuration {name}: HOST:PORT is expected, with commas between"
    return None


def out_of_bounds(name: str, value: Any) -> str | None:
    """Say what is wrong with a client's number; None where nothing is, or where it is none of those with bounds."""
    if name not in BOUNDS or value is None:
        return None
    text, (least, most) = str(value).strip(), BOUNDS[name]
    if _REFERENCE in text:
        return None
    if not _WHOLE.fullmatch(text):
        return f"{name}: {text!r} is not a whole number"
    if least <= int(text) <= most:
        return None
    wanted = f"at least {least}" if most > _MAX_INT else f"{least} to {most}"
    also = f"; {_OF_BROKERS[name]}" if name in _OF_BROKERS else ""
    return f"Invalid value {text} for configuration {name}: clients of a Kafka cluster take {wanted}{also}"


def numbers_out_of_bounds(worker: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return which numbers of a worker's config its clients would not take, as key and message."""
    found = []
    for prefix in _PREFIXES:
        for key, value in worker.items():
            if key.startswith(prefix) and (problem := out_of_bounds(key.removeprefix(prefix), value)) is not None:
                found.append((key, problem))
    return found
