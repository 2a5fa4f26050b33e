"""Topic names and topic configs: Kafka's rules, Kafka's keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from connect.api.errors import ConfigError, LogError
from connect.codec.compression import Codec, codec_of_name

_NAME_LENGTH_MAX: Final = 249
_NAME_PATTERN: Final = re.compile(r"[a-zA-Z0-9._-]+")

_INT_MAX: Final = (1 << 31) - 1
_LONG_MAX: Final = (1 << 63) - 1


def check_topic_name(name: str) -> None:
    """Check a name by Kafka's rules.

    Raises:
        ConfigError: log.invalid_topic.
    """
    if not name:
        why = "the empty string is not allowed"
    elif name in (".", ".."):
        why = f"{name!r} is not allowed"
    elif len(name) > _NAME_LENGTH_MAX:
        why = f"it has {len(name)} characters, {_NAME_LENGTH_MAX} are allowed"
    elif not _NAME_PATTERN.fullmatch(name):
        why = "it has other characters than ASCII letters, digits, '.', '_' and '-'"
    else:
        return
    raise ConfigError(f"topic name {name!r} is illegal: {why}", code="log.invalid_topic")


class _Number(NamedTuple):
    least: int
    most: int
    default: int


_ANY_LONG: Final = _Number(0, _LONG_MAX, _LONG_MAX)
_FREE: Final = object()

#: Kafka 4.3.1, TopicConfig.java and LogConfig.java. A `_Number` is checked, a tuple lists the words, _FREE is stored.
_KEYS: Final[dict[str, object]] = {
    "cleanup.policy": ("delete", "compact", "compact,delete", "delete,compact", ""),
    "compression.gzip.level": _FREE,
    "compression.lz4.level": _FREE,
    "compression.type": ("producer", "uncompressed", "none", "gzip", "snappy", "lz4", "zstd"),
    "compression.zstd.level": _FREE,
    "delete.retention.ms": _Number(0, _LONG_MAX, 86_400_000),
    "file.delete.delay.ms": _Number(0, _LONG_MAX, 60_000),
    "flush.messages": _Number(1, _LONG_MAX, _LONG_MAX),
    "flush.ms": _ANY_LONG,
    "follower.replication.throttled.replicas": _FREE,
    "index.interval.bytes": _Number(0, _INT_MAX, 4096),
    "leader.replication.throttled.replicas": _FREE,
    "local.retention.bytes": _Number(-2, _LONG_MAX, -2),
    "local.retention.ms": _Number(-2, _LONG_MAX, -2),
    "max.compaction.lag.ms": _Number(1, _LONG_MAX, _LONG_MAX),
    "max.message.bytes": _Number(0, _INT_MAX, 1_048_588),
    "message.timestamp.after.max.ms": _ANY_LONG,
    "message.timestamp.before.max.ms": _ANY_LONG,
    "message.timestamp.type": ("CreateTime", "LogAppendTime"),
    "min.cleanable.dirty.ratio": _FREE,
    "min.compaction.lag.ms": _Number(0, _LONG_MAX, 0),
    "min.insync.replicas": _Number(1, _INT_MAX, 1),
    "preallocate": ("true", "false"),
    "remote.log.copy.disable": ("true", "false"),
    "remote.log.delete.on.disable": ("true", "false"),
    "remote.storage.enable": ("true", "false"),
    "retention.bytes": _Number(-1, _LONG_MAX, -1),
    "retention.ms": _Number(-1, _LONG_MAX, 604_800_000),
    "segment.bytes": _Number(14, _INT_MAX, 1 << 30),
    "segment.index.bytes": _Number(4, _INT_MAX, 10 << 20),
    "segment.jitter.ms": _Number(0, _LONG_MAX, 0),
    "segment.ms": _Number(1, _LONG_MAX, 604_800_000),
    "unclean.leader.election.enable": ("true", "false"),
}


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """What the log itself heeds of a topic's configs."""

    segment_bytes: int
    segment_ms: int
    segment_index_bytes: int
    index_interval_bytes: int
    flush_messages: int
    max_message_bytes: int
    is_compacted: bool
    is_log_append_time: bool
    codec: Codec | None  # None: as the producer chose

    @classmethod
    def parse(cls, raw: Mapping[str, str]) -> TopicConfig:
        """Check Kafka's flat strings.

        Raises:
            ConfigError: A key is unknown or a value wrong; config_path names the key.
        """
        for key, value in raw.items():
            _check(key, value)

        def number(key: str) -> int:
            shape = _KEYS[key]
            assert isinstance(shape, _Number)
            return int(raw.get(key, shape.default))

        return cls(
            segment_bytes=number("segment.bytes"),
            segment_ms=number("segment.ms"),
            segment_index_bytes=number("segment.index.bytes"),
            index_interval_bytes=number("index.interval.bytes"),
            flush_messages=number("flush.messages"),
            max_message_bytes=number("max.message.bytes"),
            is_compacted="compact" in raw.get("cleanup.policy", "delete"),
            is_log_append_time=raw.get("message.timestamp.type") == "LogAppendTime",
            codec=_codec(raw.get("compression.type", "producer")),
        )


def _check(key: str, value: str) -> None:
    if key not in _KEYS:
        nearest = difflib.get_close_matches(key, _KEYS, n=1)
        known = f"; did you mean {nearest[0]}?" if nearest else ""
        raise ConfigError(f"topic config {key!r} is not known{known}", config_path=key)
    shape = _KEYS[key]
    if isinstance(shape, tuple) and not isinstance(shape, _Number):
        if value.replace(" ", "") not in shape:
            raise ConfigError(f"topic config {key}: {value!r} is not one of {', '.join(shape)}", config_path=key)
    elif isinstance(shape, _Number):
        _check_number(key, value, shape)


def _check_number(key: str, value: str, shape: _Number) -> None:
    try:
        number = int(value)
    except ValueError:
        raise ConfigError(f"topic config {key}: {value!r} is not a whole number", config_path=key) from None
    if not shape.least <= number <= shape.most:
        raise ConfigError(
            f"topic config {key}: {number} is not between {shape.least} and {shape.most}", config_path=key
        )


def _codec(name: str) -> Codec | None:
    if name == "producer":
        return None
    try:
        return codec_of_name("none" if name == "uncompressed" else name)
    except LogError as error:
        raise ConfigError(f"topic config {error}", code=error.code, config_path="compression.type") from error
