"""Reads without a group: a few consumers with one partition each, kept for some seconds.

Who reads a topic from its start asks again and again for what comes next, of the same partition: the consumer that was
there goes on. A read asks the broker first where the partition ends, so that none waits for records to come.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as TheirPartition

from connect.api.errors import EnvironmentFault, OffsetOutOfRangeError
from connect.kafka.columns import batch_of
from connect.kafka.errors import UNREACHABLE, Principal
from connect.kafka.threads import REQUEST_S, Threads
from connect.kafka.watermarks import watermarks
from connect.records import Columns, FetchedBatch, Isolation, TopicPartition

#: Consumers that read at once, and how long one that nobody uses is kept.
_READERS_MAX: Final = 4
KEPT_S: Final = 5.0
#: Messages that are taken at once; the bytes are looked at in between.
_AT_ONCE: Final = 500
_SLICE_S: Final = 0.2


@dataclass(slots=True, eq=False)
class _Reader:
    """A consumer, and where it is: what it gives next."""

    client: Consumer
    isolation: Isolation
    at: TopicPartition | None = None
    position: int = -1
    used_at: float = 0.0


class Readers:
    """The consumers of one cluster that read without a group.

    Args:
        make: Makes a consumer that reads as an isolation level says, with `enable.partition.eof`.
    """

    def __init__(self, make: Callable[[Isolation], Consumer], threads: Threads, principal: Principal) -> None:
        self._make = make
        self._threads = threads
        self._principal = principal
        self._free = threading.Semaphore(_READERS_MAX)
        self._lock = threading.Lock()
        self._idle: list[_Reader] = []
        self._trimming: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def read(
        self, at: TopicPartition, offset: int, *, max_bytes: int, isolation: Isolation
    ) -> list[FetchedBatch]:
        """Read a partition that is there; see `Admin.fetch`."""
        try:
            return await self._threads.run(
                lambda: self._read(at, offset, max_bytes, isolation),
                f"read {at}",
                timeout_s=2 * REQUEST_S,
                needs=self._principal.topic("Read", at.topic),
            )
        finally:
            if self._trimming is None and not self._is_closed:
                self._trimming = asyncio.get_running_loop().call_later(KEPT_S, self._trim)

    def _trim(self) -> None:
        self._trimming = None
        threading.Thread(target=self._close_old, args=(KEPT_S / 2,), name="connect-kafka-trim", daemon=True).start()
        with self._lock:
            is_left = bool(self._idle)
        if is_left and not self._is_closed:
            self._trimming = asyncio.get_running_loop().call_later(KEPT_S, self._trim)

    def close(self) -> None:
        """Release all of them, those that read just now as soon as they have. Blocks."""
        with self._lock:
            self._is_closed = True
        self._close_old(0.0)

    def _close_old(self, unused_s: float) -> None:
        since = time.monotonic() - unused_s
        with self._lock:
            old = [reader for reader in self._idle if reader.used_at <= since]
            self._idle = [reader for reader in self._idle if reader.used_at > since]
        for reader in old:
            reader.client.close()

    # -- on a thread of the pool -------------------------------------------------------------------------------------

    def _read(self, at: TopicPartition, offset: int, max_bytes: int, isolation: Isolation) -> list[FetchedBatch]:
        if not self._free.acquire(timeout=REQUEST_S):
            raise EnvironmentFault(f"read {at}: too many reads are under way", code=UNREACHABLE)
        try:
            reader = self._take(at, offset, isolation)
            try:
                return self._read_with(reader, at, offset, max_bytes)
            except BaseException:
                reader.at = None
                raise
            finally:
                self._give_back(reader)
        finally:
            self._free.release()

    def _give_back(self, reader: _Reader) -> None:
        reader.used_at = time.monotonic()
        with self._lock:
            if not self._is_closed:
                self._idle.append(reader)
                return
        reader.client.close()

    def _take(self, at: TopicPartition, offset: int, isolation: Isolation) -> _Reader:
        with self._lock:
            mine = [reader for reader in self._idle if reader.isolation == isolation]
            best = next((reader for reader in mine if (reader.at, reader.position) == (at, offset)), None)
            best = best or (mine[0] if mine else None)
            if best is not None:
                self._idle.remove(best)
                return best
        return _Reader(self._make(isolation), isolation)

    def _read_with(self, reader: _Reader, at: TopicPartition, offset: int, max_bytes: int) -> list[FetchedBatch]:
        theirs = TheirPartition(at.topic, at.partition, offset)
        start, end = watermarks(reader.client, at)
        if offset == end:
            return []
        if not start <= offset <= end:
            if start <= offset and reader.isolation == "read_committed" and offset <= self._log_end(at):
                return []  # behind the last stable offset
            raise OffsetOutOfRangeError(f"offset {offset} is outside {at}, which has {start} to {end}")
        if (reader.at, reader.position) != (at, offset):
            reader.client.assign([theirs])
            reader.at, reader.position = at, offset
        messages, reached, is_whole = _consume(reader.client, at, offset, end, max_bytes)
        if not is_whole:
            reader.at = None
        batches = [batch_of(at, messages)] if messages else []
        if batches and reached > batches[0].next_offset:
            one = batches[0]
            batches = [FetchedBatch(at.topic, at.partition, one.offsets, one.columns, reached, one.timestamp_type)]
        elif not batches and reached > offset:  # transaction markers alone, or aborted records
            batches = [FetchedBatch(at.topic, at.partition, range(0), Columns([]), reached)]
        reader.position = reached
        return batches

    def _log_end(self, at: TopicPartition) -> int:
        other = self._take(at, -1, "read_uncommitted")
        try:
            return watermarks(other.client, at)[1]
        finally:
            self._give_back(other)


def _consume(
    client: Consumer, at: TopicPartition, offset: int, end: int, max_bytes: int
) -> tuple[list[Any], int, bool]:
    """Return what comes next, at least one message if there is one before `end`; where to go on; and whether the client
    is there: it is not where it gave an error, which is told by the next read, and what lies behind.
    """
    found: list[Any] = []
    reached, size = offset, 0
    deadline = time.monotonic() + REQUEST_S
    while size < max_bytes and reached < end:
        got = client.consume(1, _SLICE_S) if not found else client.consume(_AT_ONCE, 0)
        if not got and found:
            break
        is_end = False
        # All of it, whatever is in between: what the client has handed out it does not hand out again, and behind an
        # end that was reached may be what has come since.
        for message in got:
            error = message.error()
            is_end = error is not None and error.code() == KafkaError._PARTITION_EOF
            if error is None:
                found.append(message)
                size += len(message)
                reached = message.offset() + 1
            elif is_end:
                reached = max(reached, message.offset())
            elif error.code() == KafkaError._AUTO_OFFSET_RESET or not error.retriable():
                if found:  # these are sound
                    return found, reached, False
                if error.code() == KafkaError._AUTO_OFFSET_RESET:
                    raise OffsetOutOfRangeError(f"offset {offset} of {at} is gone: {error.str()}")
                raise KafkaException(error)
        if is_end and found:
            break
        if not found and time.monotonic() >= deadline:
            raise EnvironmentFault(f"read {at}: nothing came within {REQUEST_S:g} s", code=UNREACHABLE)
    return found, reached, True
