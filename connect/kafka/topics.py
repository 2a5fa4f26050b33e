"""What producers and consumers know of topics: number of partitions, id, and what a topic allows; kept for seconds.

All of it blocks, and is for the threads of clients.
"""

from __future__ import annotations

import difflib
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource

from connect.api.errors import (
    ConnectError,
    EnvironmentFault,
    InvalidRecordError,
    RecordTooLargeError,
    UnknownTopicOrPartitionError,
)
from connect.kafka.errors import Principal, is_kind, ours
from connect.kafka.threads import MARGIN_S
from connect.records import Columns, TopicPartition

log = logging.getLogger(__name__)

#: How long a number of partitions is believed, and what a topic allows.
COUNT_S: Final = 1.0
LIMITS_S: Final = 30.0
#: How long a client's thread waits for an answer: its calls wait meanwhile.
LOOK_UP_S: Final = 10.0
#: How soon it is asked again after a connection broke.
_AGAIN_S: Final = 0.1
#: What a record batch takes beside its only record, and a record beside key, value and headers.
_BATCH_BYTES: Final = 61
_RECORD_BYTES: Final = 32
#: What librdkafka reckons with beyond that.
_REQUEST_MARGIN_BYTES: Final = 4
#: Topics in one request.
_AT_ONCE: Final = 500
_NO_TIMESTAMP: Final = -1


@dataclass(frozen=True, slots=True)
class Limits:
    """What a topic allows of a record, and which client-side limit there is."""

    max_message_bytes: int
    is_compacted: bool = False
    is_log_append_time: bool = False
    timestamp_before_max_ms: int = 1 << 62
    timestamp_after_max_ms: int = 1 << 62

    @classmethod
    def of(cls, configs: Mapping[str, str]) -> Limits:
        """Return the limits that a topic's configs set."""
        return cls(
            int(configs.get("max.message.bytes", 1 << 30)),
            "compact" in configs.get("cleanup.policy", ""),
            configs.get("message.timestamp.type") == "LogAppendTime",
            int(configs.get("message.timestamp.before.max.ms", 1 << 62)),
            int(configs.get("message.timestamp.after.max.ms", 1 << 62)),
        )

    def check(self, topic: str, columns: Columns, *, is_compressed: bool) -> None:
        """Refuse, before any of it is sent, what the broker would refuse in the middle.

        Args:
            is_compressed: What a record takes is known only once it is compressed. One that may be too large goes alone
                then, since its producer's caller takes columns apart around it; the broker decides about it.

        Raises:
            InvalidRecordError: A key is null where keys are compacted, or a timestamp out of bounds.
            RecordTooLargeError: A record, or what it comes with, may exceed `max.message.bytes`.
        """
        if self.is_compacted and (columns.keys is None or None in columns.keys):
            raise InvalidRecordError(
                f"topic {topic!r} is compacted (cleanup.policy): a record without a key cannot be appended"
            )
        self._check_timestamps(topic, columns)
        self._check_sizes(topic, columns, is_compressed=is_compressed)

    def _check_timestamps(self, topic: str, columns: Columns) -> None:
        if self.is_log_append_time:
            return
        stamps, now_ms = columns.timestamps, time.time_ns() // 1_000_000
        oldest, newest = (stamps, stamps) if isinstance(stamps, int) else (min(stamps), max(stamps))
        if newest - now_ms > self.timestamp_after_max_ms:
            stamp, bound, key = newest, self.timestamp_after_max_ms, "message.timestamp.after.max.ms"
        elif oldest != _NO_TIMESTAMP and now_ms - oldest > self.timestamp_before_max_ms:
            stamp, bound, key = oldest, self.timestamp_before_max_ms, "message.timestamp.before.max.ms"
        else:
            return
        raise InvalidRecordError(
            f"a record's timestamp {stamp} is {abs(stamp - now_ms)} ms from the clock; "
            f"{key} of topic {topic!r} is {bound}"
        )

    def _check_sizes(self, topic: str, columns: Columns, *, is_compressed: bool) -> None:
        limit = self.max_message_bytes - _BATCH_BYTES
        if columns.headers is None and self.longest(columns) <= limit:
            return
        for row in range(len(columns)):
            size = size_of(columns, row)
            if size > limit and not (is_compressed and len(columns) == 1):
                raise RecordTooLargeError(
                    f"a record takes {size + _BATCH_BYTES} bytes as a batch; "
                    f"max.message.bytes of topic {topic!r} is {self.max_message_bytes}"
                )

    @staticmethod
    def longest(columns: Columns) -> int:
        """Return a size that no record exceeds, in bytes."""
        if columns.headers is not None:
            return max(size_of(columns, row) for row in range(len(columns)))
        return _longest(columns.values) + _longest(columns.keys or ()) + _RECORD_BYTES


def check_request(topic: str, columns: Columns, limit: int) -> None:
    """Refuse, before any of it is sent, what the client itself would refuse in the middle.

    Args:
        limit: The producer's `max.request.size`: of a record as it is before it is compressed.

    Raises:
        RecordTooLargeError: A record exceeds it.
    """
    if Limits.longest(columns) + _REQUEST_MARGIN_BYTES <= limit:
        return
    for row in range(len(columns)):
        size = size_of(columns, row) + _REQUEST_MARGIN_BYTES
        if size > limit:
            raise RecordTooLargeError(
                f"a record for topic {topic!r} takes {size} bytes; max.request.size of the producer is {limit}",
                hint="Raise producer.override.max.request.size of the connector, and max.message.bytes of the topic; "
                "or send smaller records.",
            )


def _longest(column: Collection[bytes | None]) -> int:
    try:
        return max(map(len, column), default=0)  # type: ignore[arg-type]
    except TypeError:
        return max((len(item) for item in column if item is not None), default=0)


def size_of(columns: Columns, row: int) -> int:
    """Return about how many bytes one record takes."""
    key = columns.keys[row] if columns.keys is not None else None
    headers = columns.headers[row] if columns.headers is not None else None
    size = len(columns.values[row] or b"") + len(key or b"") + _RECORD_BYTES
    return size + sum(len(name.encode()) + len(value or b"") + 8 for name, value in headers or ())


class Topics:
    """The topics of a cluster, as they were a moment ago. Any thread of a client."""

    def __init__(self, admin: AdminClient, principal: Principal) -> None:
        self._admin = admin
        self._principal = principal
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, Any]] = {}
        self._limits: dict[str, tuple[float, Limits | None]] = {}
        self._listing = threading.Lock()
        self._names: list[str] = []
        self._listed_at: float | None = None
        #: When the brokers last did not tell the names, and why.
        self._refused: tuple[float, KafkaError] | None = None

    def count(self, name: str, *, within_s: float = COUNT_S) -> int | None:
        """Return a topic's number of partitions, None where there is no such topic.

        Args:
            within_s: How old the answer may be. That a topic is missing is never remembered.
        """
        found = self.describe([name], within_s=within_s).get(name)
        return None if found is None else len(found.partitions)

    def describe(self, names: Collection[str], *, within_s: float = 0.0, with_rights: bool = False) -> dict[str, Any]:
        """Return librdkafka's descriptions of those topics that exist.

        Args:
            with_rights: Ask what this client may do with each, too.
        """
        now = time.monotonic()
        with self._lock:
            known = {name: self._found[name][1] for name in names if self._is_fresh(name, now - within_s)}
        asked = sorted(set(names) - known.keys())
        for start in range(0, len(asked), _AT_ONCE):
            for name, found in self._ask(asked[start : start + _AT_ONCE], with_rights=with_rights).items():
                known[name] = found
                with self._lock:
                    self._found[name] = (now, found)
        return known

    def _is_fresh(self, name: str, since: float) -> bool:
        return name in self._found and self._found[name][0] >= since

    def _ask(self, names: Collection[str], *, with_rights: bool) -> dict[str, Any]:
        """Ask the brokers; again where a connection broke amid that, as of a broker that dies: another one answers."""
        found: dict[str, Any] = {}
        deadline = time.monotonic() + LOOK_UP_S
        while names:
            more, broken = self._ask_once(names, with_rights=with_rights)
            found |= more
            if broken and time.monotonic() >= deadline:
                raise next(iter(broken.values()))
            names = list(broken)
            if names:
                time.sleep(_AGAIN_S)
        return found

    def _ask_once(
        self, names: Collection[str], *, with_rights: bool
    ) -> tuple[dict[str, Any], dict[str, EnvironmentFault]]:
        """Return what was answered, and of what no answer came since the connection broke."""
        self._admin.poll(0)  # what it has to tell and to log is not kept
        asked = self._admin.describe_topics(
            TopicCollection(list(names)), include_authorized_operations=with_rights, request_timeout=LOOK_UP_S
        )
        found: dict[str, Any] = {}
        broken: dict[str, EnvironmentFault] = {}
        for name, future in asked.items():
            try:
                found[name] = future.result(LOOK_UP_S + MARGIN_S)
            except KafkaException as error:
                self.forget(name)
                if is_kind(error.args[0], UnknownTopicOrPartitionError) or _is_no_name(error):
                    continue
                needs = self._principal.topic("Describe", name)
                told = ours(error, f"look at topic {name!r}", needs=needs)
                if error.args[0].code() != KafkaError._TRANSPORT or not isinstance(told, EnvironmentFault):
                    raise told from error
                broken[name] = told
        return found, broken

    def limits(self, name: str) -> Limits | None:
        """Return what a topic allows; None where its configs are not to be seen, and the broker alone judges."""
        now = time.monotonic()
        with self._lock:
            known = self._limits.get(name)
        if known is not None and known[0] >= now - LIMITS_S:
            return known[1]
        limits = None
        try:
            limits = Limits.of(self.configs(name))
        except KafkaException as error:
            log.debug("what topic %r allows is not to be seen: %s", name, error)
        with self._lock:
            self._limits[name] = (now, limits)
        return limits

    def configs(self, name: str) -> dict[str, str]:
        """Return a topic's configs as they are in force."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        (future,) = self._admin.describe_configs([resource], request_timeout=LOOK_UP_S).values()
        return {entry.name: str(entry.value) for entry in future.result(LOOK_UP_S + MARGIN_S).values()}

    def trouble(self, name: str) -> str:
        """Return why a topic takes no records now, as far as its partitions tell; '' where they do not."""
        try:
            partitions = self.describe([name])[name].partitions
            wanted = int(self.configs(name).get("min.insync.replicas", 1))
        except (KafkaException, ConnectError, KeyError, TimeoutError) as error:
            log.debug("the state of topic %r is not to be seen: %s", name, error)
            return ""
        for each in partitions:
            if each.leader is None or each.leader.id < 0:
                return f"partition {each.id} has no leader"
            if len(each.isr) < min(wanted, len(each.replicas)):
                return (
                    f"partition {each.id} has {len(each.isr)} of {len(each.replicas)} replicas in sync, and "
                    f"min.insync.replicas is {wanted}"
                )
        return ""

    def forget(self, name: str) -> None:
        """Ask anew for a topic that has changed, or seems to be gone."""
        with self._lock:
            self._found.pop(name, None)
            self._limits.pop(name, None)

    def names(self, *, within_s: float = 0.0) -> list[str]:
        """Return the names of all topics, sorted. Of those who ask within `within_s` one asks the brokers; what it is
        refused with is the answer to all who waited for it, so that none waits for one after the other.

        The list is shared: for reading only.
        """
        asked_at = time.monotonic()
        with self._listing:
            if self._refused is not None and self._refused[0] >= asked_at:
                raise KafkaException(self._refused[1])
            now = time.monotonic()
            if self._listed_at is None or self._listed_at < now - within_s:
                try:
                    self._names, self._listed_at = sorted(self._admin.list_topics(timeout=LOOK_UP_S).topics), now
                except KafkaException as error:
                    self._refused = (time.monotonic(), error.args[0])
                    raise
            return self._names

    def missing(self, name: str) -> UnknownTopicOrPartitionError:
        """Return the error for a topic that is not there; it names the nearest."""
        try:
            nearest = difflib.get_close_matches(name, self.names(), n=1)
        except KafkaException:
            nearest = []
        meant = f"; did you mean {nearest[0]!r}?" if nearest else ""
        return UnknownTopicOrPartitionError(f"there is no topic {name!r}{meant}")


class TopicsOfOneCluster(Topics):
    """The same, for a client whose config names other brokers than the worker's: they have to be of the same cluster.

    Of another one, partitions would be counted and records placed by topics that are not those of the client.

    Args:
        check: Raises where they are not; it is asked before anything else, until it has returned once. It may block.
    """

    def __init__(self, admin: AdminClient, principal: Principal, check: Callable[[], None]) -> None:
        super().__init__(admin, principal)
        self._check = check
        self._is_checked = False

    def describe(self, names: Collection[str], *, within_s: float = 0.0, with_rights: bool = False) -> dict[str, Any]:
        """See `Topics.describe`."""
        self._look_once()
        return super().describe(names, within_s=within_s, with_rights=with_rights)

    def names(self, *, within_s: float = 0.0) -> list[str]:
        """See `Topics.names`."""
        self._look_once()
        return super().names(within_s=within_s)

    def _look_once(self) -> None:
        if not self._is_checked:
            self._check()
            self._is_checked = True


def no_partition(at: TopicPartition, count: int) -> UnknownTopicOrPartitionError:
    """Return the error for a partition that a topic has not."""
    return UnknownTopicOrPartitionError(
        f"topic {at.topic!r} has no partition {at.partition}: it has {count}, numbered from 0"
    )


def _is_no_name(error: KafkaException) -> bool:
    return bool(error.args[0].name() == "TOPIC_EXCEPTION")
