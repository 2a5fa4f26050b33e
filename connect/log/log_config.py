"""Configs of the log as a whole: Kafka's broker keys for what it does by itself, and topic configs for all topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connect.api.errors import ConfigError
from connect.log.topic_config import LONG_MAX, WHOLE, TopicConfig

#: Kafka 4.3.1, ServerLogConfigs.java, CleanerConfig.java, GroupCoordinatorConfig.java, TransactionLogConfig.java: the
#: default, the least and what it means.
LOG_KEYS: Final[dict[str, tuple[int, int, str]]] = {
    "log.cleaner.backoff.ms": (15_000, 1, "Time in ms between two looks for something to compact."),
    "log.cleaner.dedupe.buffer.size": (
        64 << 20,
        1 << 20,
        "Memory in bytes that compaction may take for keys. Kafka's default is 128 MiB.",
    ),
    "log.flush.offset.checkpoint.interval.ms": (
        60_000,
        1,
        (
            "Time in ms between two notes of up to where each partition is on disk. "
            "What lies before is never cut at the next start."
        ),
    ),
    "log.retention.check.interval.ms": (300_000, 1, "Time in ms between two looks for segments to remove."),
    "offsets.retention.minutes": (10_080, 1, "How long a group's offsets are kept without a commit or a member."),
    "offsets.retention.check.interval.ms": (600_000, 1, "Time in ms between two looks for offsets to expire."),
    "producer.id.expiration.ms": (86_400_000, 1, "How long a partition knows a producer without a batch of its own."),
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": (
        10_000,
        1,
        "Time in ms between two looks for transactions to abort.",
    ),
    "transactional.id.expiration.ms": (604_800_000, 1, "How long a transactional id is known without a transaction."),
    "transaction.max.timeout.ms": (900_000, 1, "The longest transaction.timeout.ms that a producer may ask for."),
}
_CLEANER_ENABLE: Final = "log.cleaner.enable"
#: What a broker calls the default of a topic config.
SYNONYMS: Final[dict[str, str]] = {
    "log.cleaner.delete.retention.ms": "delete.retention.ms",
    "log.cleaner.max.compaction.lag.ms": "max.compaction.lag.ms",
    "log.cleaner.min.cleanable.ratio": "min.cleanable.dirty.ratio",
    "log.cleaner.min.compaction.lag.ms": "min.compaction.lag.ms",
    "log.cleanup.policy": "cleanup.policy",
    "log.flush.interval.messages": "flush.messages",
    "log.flush.interval.ms": "flush.ms",
    "log.index.interval.bytes": "index.interval.bytes",
    "log.index.size.max.bytes": "segment.index.bytes",
    "log.message.timestamp.after.max.ms": "message.timestamp.after.max.ms",
    "log.message.timestamp.before.max.ms": "message.timestamp.before.max.ms",
    "log.message.timestamp.type": "message.timestamp.type",
    "log.retention.bytes": "retention.bytes",
    "log.retention.ms": "retention.ms",
    "log.roll.ms": "segment.ms",
    "log.segment.bytes": "segment.bytes",
    "message.max.bytes": "max.message.bytes",
}
#: The worker's keys that are the log's: a broker's names, not those of topics.
WORKER_KEYS: Final = frozenset((*LOG_KEYS, _CLEANER_ENABLE, *SYNONYMS))


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What the log heeds. Times in ms, sizes in bytes.

    Attributes:
        topic_defaults: Topic configs that hold for every topic which does not set its own.
    """

    cleaner_enable: bool
    cleaner_backoff_ms: int
    cleaner_buffer_bytes: int
    retention_check_interval_ms: int
    checkpoint_interval_ms: int
    offsets_retention_ms: int
    offsets_check_interval_ms: int
    producer_id_expiration_ms: int
    transaction_check_interval_ms: int
    transaction_max_timeout_ms: int
    transactional_id_expiration_ms: int
    topic_defaults: Mapping[str, str]

    @classmethod
    def parse(cls, raw: Mapping[str, str]) -> LogConfig:
        """Check flat strings.

        Raises:
            ConfigError: A key is neither one of the log's nor a topic config, or a value is wrong.
        """
        topic_defaults = {
            SYNONYMS.get(name, name): value
            for name, value in raw.items()
            if name not in LOG_KEYS and name != _CLEANER_ENABLE
        }
        TopicConfig.parse(topic_defaults)
        enable = raw.get(_CLEANER_ENABLE, "true")
        if enable not in ("true", "false"):
            raise ConfigError(f"{_CLEANER_ENABLE}: {enable!r} is not true or false", config_path=_CLEANER_ENABLE)

        def number(name: str) -> int:
            default, least, _ = LOG_KEYS[name]
            text = raw.get(name, str(default))
            if not WHOLE.fullmatch(text) or not least <= int(text) <= LONG_MAX:
                raise ConfigError(f"{name}: {text!r} is not a whole number of at least {least}", config_path=name)
            return int(text)

        return cls(
            cleaner_enable=enable == "true",
            cleaner_backoff_ms=number("log.cleaner.backoff.ms"),
            cleaner_buffer_bytes=number("log.cleaner.dedupe.buffer.size"),
            retention_check_interval_ms=number("log.retention.check.interval.ms"),
            checkpoint_interval_ms=number("log.flush.offset.checkpoint.interval.ms"),
            offsets_retention_ms=number("offsets.retention.minutes") * 60_000,
            offsets_check_interval_ms=number("offsets.retention.check.interval.ms"),
            producer_id_expiration_ms=number("producer.id.expiration.ms"),
            transaction_check_interval_ms=number("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
            transaction_max_timeout_ms=number("transaction.max.timeout.ms"),
            transactional_id_expiration_ms=number("transactional.id.expiration.ms"),
            topic_defaults=topic_defaults,
        )


def is_log_key(name: str) -> bool:
    """Tell whether a worker's key configures the log."""
    return name in WORKER_KEYS
