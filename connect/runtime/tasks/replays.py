"""Records that come again from a dead letter queue: the topic in which they wait for one sink connector.

A replayed letter must reach the connector that failed on it and nobody else, in order, and as surely as any other
record. So it is appended to a topic that only this connector reads, beside its own topics and within its own group:
what the connector promises of records, it promises of these. The record carries in headers where it came from first,
and is given to converters, transforms and the sink as a record of that topic, without those headers.

Why it is so: decision 0048. Who appends to the topic: `connect.runtime.dead_letters`.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

from connect.records import FetchedBatch, RawHeaders

#: The topics' names begin so: closed to the records of clients, and matched by no `topics.regex`.
TOPIC_PREFIX: Final = "__connect_replay_"
#: Headers of a record that was replayed.
PREFIX: Final = "__connect.replay."
#: How often it was.
COUNT: Final = f"{PREFIX}count"
#: The letter that it was replayed from: TOPIC-PARTITION@OFFSET of the queue.
OF: Final = f"{PREFIX}of"
#: Where it came from first.
TOPIC: Final = f"{PREFIX}topic"
PARTITION: Final = f"{PREFIX}partition"
OFFSET: Final = f"{PREFIX}offset"
_NAME_CHARS_MAX: Final = 120


class Place(NamedTuple):
    """Where a record was read first; a letter without context tells of no partition and offset."""

    topic: str
    partition: int | None
    offset: int | None


def replay_topic(connector: str) -> str:
    """Return the topic in which a connector's replayed letters wait.

    A connector's name may hold what a topic's may not, and two names may differ in nothing but that.
    """
    readable = re.sub(r"[^a-zA-Z0-9._-]", "_", connector)[:_NAME_CHARS_MAX]
    return f"{TOPIC_PREFIX}{readable}-{hashlib.sha256(connector.encode()).hexdigest()[:8]}"


def is_replay_topic(topic: str) -> bool:
    """Tell whether a topic holds replayed letters."""
    return topic.startswith(TOPIC_PREFIX)


def number_of(headers: RawHeaders | None, name: str) -> int | None:
    """Return a header's number, the last of its name; None where there is none."""
    found = next((value for key, value in reversed(headers or []) if key == name), None)
    return int(found) if found is not None and len(found) < 20 and found.isdigit() else None


def place_of(topic: str, headers: RawHeaders | None) -> Place | None:
    """Return where a record of a replay topic came from first; None for a record of any other topic."""
    if not is_replay_topic(topic):
        return None
    first = next((value for key, value in reversed(headers or []) if key == TOPIC), None)
    if first is None:
        return None
    return Place(first.decode("utf-8", "backslashreplace"), number_of(headers, PARTITION), number_of(headers, OFFSET))


def headers_of(place: Place | None, *, count: int, letter: str) -> RawHeaders:
    """Return what tells of a replay, to follow a record's own headers."""
    told: dict[str, object] = {COUNT: count, OF: letter}
    if place is not None:
        told |= {TOPIC: place.topic, PARTITION: place.partition, OFFSET: place.offset}
    return [(name, str(value).encode()) for name, value in told.items() if value is not None]


def without_replay(headers: RawHeaders | None) -> RawHeaders | None:
    """Return a record's headers without those that tell of a replay."""
    return [header for header in headers or [] if not header[0].startswith(PREFIX)] or None


def parted(fetched: FetchedBatch) -> list[tuple[str, FetchedBatch]]:
    """Return a batch's runs of one first topic each, with that topic; any other batch is one run of its own topic.

    Headers that tell of a replay are left out of a run, which is for the sink.
    """
    if not is_replay_topic(fetched.topic):
        return [(fetched.topic, fetched)]
    columns = fetched.columns
    headers = columns.headers if columns.headers is not None else [None] * len(fetched)
    places = [place_of(fetched.topic, own) for own in headers]
    topics = [fetched.topic if place is None else place.topic for place in places]
    runs, start = [], 0
    for stop in range(1, len(topics) + 1):
        if stop < len(topics) and topics[stop] == topics[start]:
            continue
        cut = columns.cut(start, stop)
        own = [without_replay(one) for one in headers[start:stop]]
        part = FetchedBatch(
            fetched.topic,
            fetched.partition,
            fetched.offsets[start:stop],
            type(cut)(cut.values, cut.keys, cut.timestamps, own if any(own) else None),
            fetched.next_offset if stop == len(topics) else fetched.offsets[stop],
            fetched.timestamp_type,
        )
        runs.append((topics[start], part))
        start = stop
    return runs
