"""Where a partition begins and ends, as its leader says: also while one leader dies and another one is elected."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as TheirPartition

from connect.api.errors import EnvironmentFault, UnknownTopicOrPartitionError
from connect.kafka.errors import inner, is_kind, is_refusal
from connect.kafka.threads import LEADER_S, MARGIN_S, REQUEST_S
from connect.records import TopicPartition

log = logging.getLogger(__name__)

#: How long who asked in vain waits before it asks again.
_AGAIN_S: Final = 0.1


def watermarks(
    client: Consumer,
    at: TopicPartition,
    *,
    is_there: Callable[[], bool] = lambda: False,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[int, int]:
    """Return the first offset of a partition, and the one behind the last. Blocks, up to `REQUEST_S`.

    A client remembers who led a partition that it does not read, and waits for that one, gone or not. So it has a few
    seconds to answer, and the client is told to look anew.

    Args:
        is_there: Whether the partition exists: while a leader is elected a client may say that it is unknown.
        is_over: Whether nobody waits any more.

    Raises:
        KafkaException: It is not to be known.
    """
    deadline = time.monotonic() + REQUEST_S
    while True:
        try:
            start, end = client.get_watermark_offsets(TheirPartition(*at), LEADER_S)
            return int(start), int(end)
        except KafkaException as raised:
            error = inner(raised)
            is_unknown = is_kind(error, UnknownTopicOrPartitionError)
            passes = is_kind(error, EnvironmentFault) and not is_refusal(error)
            if not (passes or (is_unknown and is_there())) or is_over() or time.monotonic() >= deadline:
                raise
        _look_up_leader(client, at)
        time.sleep(_AGAIN_S)


def _look_up_leader(client: Consumer, at: TopicPartition) -> None:
    """Have the client ask for the leader, on another thread than this one.

    Whoever asks may be called by the client, within `consume`. There the client keeps for each thread which call it is
    in (confluent-kafka 2.16), and what `list_topics` leaves behind is that it is in none: its next callback within the
    same `consume` ends the process (`Assertion cs != NULL`).
    """

    def look() -> None:
        try:
            client.list_topics(at.topic, timeout=LEADER_S)
        except (KafkaException, RuntimeError) as error:  # the latter of a client that is closed meanwhile
            log.debug("who leads %s is not to be known just now: %s", at, error)

    looking = threading.Thread(target=look, name="connect-kafka-leader", daemon=True)
    looking.start()
    looking.join(LEADER_S + MARGIN_S)
