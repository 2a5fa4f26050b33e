"""Topic names and topic configs: Kafka's rules, Kafka's keys, Kafka's defaults."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connect.api.config_values import ConfigType, parse_type, whole_number
from connect.api.errors import ConfigError, LogError
from connect.codec.compression import CODECS, LEVELS, Codec, codec_of_configs
from connect.ports import ConfigSource, TopicConfigEntry
from connect.records import why_no_topic

#: Files beside the partitions' folders. These are called NAME-NUMBER, so that nothing would break; whoever looks into
#: the directory would not know which is which.
_TAKEN_NAMES: Final = frozenset(
    (
        ".lock", "meta.properties", ".kafka_cleanshutdown", "connect-topics.json", "connect-producer-ids.json",
        "worker.json", "log-start-offset-checkpoint", "cleaner-offset-checkpoint", "recovery-point-offset-checkpoint",
        "replication-offset-checkpoint",
    )
)  # fmt: skip

INT_MAX: Final = (1 << 31) - 1
LONG_MAX: Final = (1 << 63) - 1
#: A whole number as texts of configs give it: of longer ones Python makes none.
WHOLE: Final = re.compile(r"[0-9]{1,19}")


def check_topic_name(name: str) -> None:
    """Check a name by Kafka's rules.

    Raises:
        ConfigError: log.invalid_topic.
    """
    why = why_no_topic(name)
    if why is None and name.removesuffix(".tmp") in _TAKEN_NAMES:
        why = "it is the name of one of the log's own files"
    if why is None:
        return
    raise ConfigError(f"topic name {name!r} is illegal: {why}", code="log.invalid_topic")


@dataclass(frozen=True, slots=True)
class _Key:
    """One topic config: its default in Kafka's text, and what is allowed: a range, some words, or anything."""

    default: str
    doc: str
    least: float | None = None
    most: float | None = None
    words: tuple[str, ...] = ()
    is_ratio: bool = False
    #: Kafka knows the key; a log of one node has nothing to do for it.
    is_ignored: bool = False

    def check(self, name: str, value: str) -> None:
        """Raises `ConfigError`: The value is not one that Kafka allows."""
        if self.words and value not in self.words:
            raise ConfigError(f"topic config {name}: {value!r} is not one of {', '.join(self.words)}", config_path=name)
        if self.least is None or self.most is None:
            return
        number = _ratio(name, value) if self.is_ratio else whole_number(value)
        if number is None:
            raise ConfigError(f"topic config {name}: {value!r:.60} is not a whole number", config_path=name)
        if not self.least <= number <= self.most:
            raise ConfigError(
                f"topic config {name}: {value} is not between {self.least} and {self.most}", config_path=name
            )


def _number(default: int, doc: str, least: int = 0, most: int = LONG_MAX, *, ignored: bool = False) -> _Key:
    return _Key(str(default), doc, least, most, is_ignored=ignored)


def _words(default: str, doc: str, *words: str, ignored: bool = False) -> _Key:
    return _Key(default, doc, words=words or ("true", "false"), is_ignored=ignored)


_OTHER_NODES: Final = "About other nodes, which one directory does not have; kept and shown."
_REMOTE: Final = "About tiered storage, which there is none of; kept and shown."

#: Kafka 4.3.1, TopicConfig.java and LogConfig.java.
KEYS: Final[dict[str, _Key]] = {
    "cleanup.policy": _Key(
        "delete", "delete removes old segments, compact keeps the newest record of each key; both with a comma."
    ),
    "compression.gzip.level": _number(
        -1, "Level where this topic sets compression.type=gzip.", LEVELS["gzip"].least, LEVELS["gzip"].most
    ),
    "compression.lz4.level": _number(
        9, "Level where this topic sets compression.type=lz4.", LEVELS["lz4"].least, LEVELS["lz4"].most
    ),
    "compression.type": _words(
        "producer",
        "Codec of stored batches; producer keeps what the producer chose.",
        "producer",
        "uncompressed",
        *(codec.name for codec in CODECS.values()),
    ),
    "compression.zstd.level": _number(
        3, "Level where this topic sets compression.type=zstd.", LEVELS["zstd"].least, LEVELS["zstd"].most
    ),
    "delete.retention.ms": _number(
        86_400_000, "How long compaction keeps a tombstone, in ms, for readers that began before it."
    ),
    "file.delete.delay.ms": _number(60_000, "Files are removed at once here; kept and shown.", ignored=True),
    "flush.messages": _number(LONG_MAX, "Records after which a partition is brought to disk.", 1),
    "flush.ms": _number(LONG_MAX, "Time in ms after which an appended record is brought to disk."),
    "follower.replication.throttled.replicas": _Key("", _OTHER_NODES, is_ignored=True),
    "index.interval.bytes": _number(4096, "Bytes of records between two entries of the offset index.", 0, INT_MAX),
    "leader.replication.throttled.replicas": _Key("", _OTHER_NODES, is_ignored=True),
    "local.retention.bytes": _number(-2, _REMOTE, -2, ignored=True),
    "local.retention.ms": _number(-2, _REMOTE, -2, ignored=True),
    "max.compaction.lag.ms": _number(
        LONG_MAX, "Time in ms after which a record is compacted even where the dirty ratio is low.", 1
    ),
    "max.message.bytes": _number(1_048_588, "Largest record batch, compressed, in bytes.", 0, INT_MAX),
    "message.timestamp.after.max.ms": _number(
        3_600_000, "How far in ms a record's timestamp may lie ahead of the clock."
    ),
    "message.timestamp.before.max.ms": _number(
        LONG_MAX, "How far in ms a record's timestamp may lie behind the clock."
    ),
    "message.timestamp.type": _words(
        "CreateTime", "Who sets the timestamp: the producer, or the log.", "CreateTime", "LogAppendTime"
    ),
    "min.cleanable.dirty.ratio": _Key(
        "0.5", "Share of bytes not yet compacted from which compaction is worth while.", 0, 1, is_ratio=True
    ),
    "min.compaction.lag.ms": _number(0, "How long in ms a record stays as it is before compaction may touch it."),
    "min.insync.replicas": _number(1, _OTHER_NODES, 1, INT_MAX, ignored=True),
    "preallocate": _words("false", "Files grow as they are written; kept and shown.", ignored=True),
    "remote.log.copy.disable": _words("false", _REMOTE, ignored=True),
    "remote.log.delete.on.disable": _words("false", _REMOTE, ignored=True),
    "remote.storage.enable": _words("false", _REMOTE, ignored=True),
    "retention.bytes": _number(
        -1, "Bytes of a partition beyond which its oldest segments are removed; -1 for no limit.", -1
    ),
    "retention.ms": _number(604_800_000, "Age in ms beyond which segments are removed; -1 for no limit.", -1),
    "segment.bytes": _number(1 << 30, "Size at which a new segment is begun, in bytes.", 14, INT_MAX),
    "segment.index.bytes": _number(
        10 << 20, "Size of the offset index at which a new segment is begun, in bytes.", 4, INT_MAX
    ),
    "segment.jitter.ms": _number(0, "Partitions roll when they have records to append; kept and shown.", ignored=True),
    "segment.ms": _number(604_800_000, "Age in ms at which a new segment is begun.", 1),
    "unclean.leader.election.enable": _words("false", _OTHER_NODES, ignored=True),
}


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """What the log itself heeds of a topic's configs. Sizes in bytes, times in ms; -1 in a retention is no limit."""

    segment_bytes: int
    segment_ms: int
    segment_index_bytes: int
    index_interval_bytes: int
    flush_messages: int
    flush_ms: int
    max_message_bytes: int
    retention_ms: int
    retention_bytes: int
    delete_retention_ms: int
    min_cleanable_dirty_ratio: float
    min_compaction_lag_ms: int
    max_compaction_lag_ms: int
    timestamp_before_max_ms: int
    timestamp_after_max_ms: int
    is_compacted: bool
    is_deleted: bool
    is_log_append_time: bool
    codec: Codec | None  # None: as the producer chose

    @classmethod
    def parse(cls, raw: Mapping[str, str]) -> TopicConfig:
        """Check Kafka's flat strings.

        Raises:
            ConfigError: A key is unknown or a value wrong; config_path names the key.
        """
        for name, value in raw.items():
            _check(name, value)

        def number(name: str) -> int:
            return int(raw.get(name, KEYS[name].default))

        policies = _policies(raw.get("cleanup.policy", "delete"))
        return cls(
            segment_bytes=number("segment.bytes"),
            segment_ms=number("segment.ms"),
            segment_index_bytes=number("segment.index.bytes"),
            index_interval_bytes=number("index.interval.bytes"),
            flush_messages=number("flush.messages"),
            flush_ms=number("flush.ms"),
            max_message_bytes=number("max.message.bytes"),
            retention_ms=number("retention.ms"),
            retention_bytes=number("retention.bytes"),
            delete_retention_ms=number("delete.retention.ms"),
            min_cleanable_dirty_ratio=_ratio("min.cleanable.dirty.ratio", raw.get("min.cleanable.dirty.ratio", "0.5")),
            min_compaction_lag_ms=number("min.compaction.lag.ms"),
            max_compaction_lag_ms=number("max.compaction.lag.ms"),
            timestamp_before_max_ms=number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms=number("message.timestamp.after.max.ms"),
            is_compacted="compact" in policies,
            is_deleted="delete" in policies,
            is_log_append_time=raw.get("message.timestamp.type") == "LogAppendTime",
            codec=_codec(raw),
        )


def describe_configs(configs: Mapping[str, str], log_defaults: Mapping[str, str]) -> tuple[TopicConfigEntry, ...]:
    """Return every topic config with its value in force and where that comes from, by name."""
    entries = []
    for name, key in sorted(KEYS.items()):
        source: ConfigSource = "topic" if name in configs else "log" if name in log_defaults else "default"
        value = configs.get(name, log_defaults.get(name, key.default))
        entries.append(TopicConfigEntry(name, value, source, key.doc, is_ignored=key.is_ignored))
    return tuple(entries)


def as_stored(configs: Mapping[str, str]) -> dict[str, str]:
    """Return configs out of a stored list, with their numbers as they are written today: a list of before may hold them
    in spellings of Python's own, such as 1_000, which were taken then, and a log that opened has to open again."""
    return {name: _respelled(KEYS.get(name), value) for name, value in configs.items()}


def _respelled(key: _Key | None, value: str) -> str:
    if key is None or key.least is None or ("_" not in value and value.isascii()):
        return value
    try:
        return str(float(value) if key.is_ratio else int(value))
    except ValueError:
        return value


def check_key(name: str) -> None:
    """Raises `ConfigError`: Kafka has no such topic config; names the nearest."""
    if name not in KEYS:
        nearest = difflib.get_close_matches(name, KEYS, n=1)
        known = f"; did you mean {nearest[0]}?" if nearest else ""
        raise ConfigError(f"topic config {name!r} is not known{known}", config_path=name)


def _check(name: str, value: str) -> None:
    check_key(name)
    if not isinstance(value, str):
        raise ConfigError(f"topic config {name}: {value!r} is not text", config_path=name)
    if name == "cleanup.policy":
        _policies(value)
    else:
        KEYS[name].check(name, value)


def _ratio(name: str, value: str) -> float:
    try:
        return float(parse_type(name, value, ConfigType.DOUBLE))
    except ConfigError:
        raise ConfigError(f"topic config {name}: {value!r:.60} is not a number", config_path=name) from None


def _policies(text: str) -> set[str]:
    policies = {policy.strip() for policy in text.split(",") if policy.strip()}
    if policies - {"delete", "compact"}:
        raise ConfigError(
            f"topic config cleanup.policy: {text!r} is not one of delete, compact, or both with a comma",
            config_path="cleanup.policy",
        )
    return policies


def _codec(raw: Mapping[str, str]) -> Codec | None:
    name = raw.get("compression.type", "producer")
    if name == "producer":
        return None
    try:
        return codec_of_configs(raw, "none" if name == "uncompressed" else name)
    except LogError as error:
        raise ConfigError(f"topic config {error}", code=error.code, config_path="compression.type") from error
