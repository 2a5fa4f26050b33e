"""Which segments are no longer to be kept. A function of segments, configs and the clock.

Source: Kafka, UnifiedLog.java, deleteOldSegments: by time and by size; always a prefix of the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from connect.log.topic_config import TopicConfig


class Kept(Protocol):
    """What is asked of a segment."""

    size_bytes: int

    def newest_timestamp(self) -> int:
        """In ms since the epoch; -1 where no record has one."""


def expired_count(segments: Sequence[Kept], config: TopicConfig, now_ms: int) -> int:
    """Return how many of the oldest segments are to be removed; may be all of them.

    By time a segment goes when its newest record is older than `retention.ms`. By size the oldest go as long as what
    is left has at least `retention.bytes`, so a partition keeps that much and up to a segment more.
    """
    if not config.is_deleted:
        return 0
    surplus = sum(segment.size_bytes for segment in segments) - config.retention_bytes
    for count, segment in enumerate(segments):
        surplus -= segment.size_bytes
        is_too_much = config.retention_bytes >= 0 and surplus >= 0
        if not is_too_much and not _is_old(segment, config.retention_ms, now_ms):
            return count
    return len(segments)


def _is_old(segment: Kept, retention_ms: int, now_ms: int) -> bool:
    # Kafka takes the file's time where no record has a timestamp; here such segments stay, as nothing says their age.
    newest = segment.newest_timestamp() if retention_ms >= 0 else -1
    return newest >= 0 and now_ms - newest > retention_ms
