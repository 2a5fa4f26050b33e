"""What the log does by itself: retention, compaction, expiry, and the end of transactions that take too long.

One task a kind of work, each with its own interval; a failure is logged and tried again at the next look.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

from connect.api.errors import ConnectError, LogError
from connect.log.groups.coordinator import LogGroups
from connect.log.log_config import LogConfig
from connect.log.storage.partition import Partition
from connect.log.threads import Threads
from connect.log.topics import Topic, Topics
from connect.log.transactions.coordinator import Transactions
from connect.log.upkeep.compaction import CompactionResult, Dirt, Stopped, compact, measure_dirt
from connect.log.upkeep.retention import expired_count

log = logging.getLogger(__name__)


class Upkeep:
    """Made by `LogCluster`, which starts it once the log is open and closes it first."""

    def __init__(
        self,
        topics: Topics,
        threads: Threads,
        groups: LogGroups,
        transactions: Transactions,
        clock: Callable[[], int],
        config: LogConfig,
    ) -> None:
        self._topics = topics
        self._threads = threads
        self._groups = groups
        self._transactions = transactions
        self._clock = clock
        self._config = config
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = threading.Event()
        self._replacing = asyncio.Lock()  # one at a time removes or replaces files
        self._uncleanable: set[Partition] = set()

    def start(self) -> None:
        """Begin to look after the log."""
        config = self._config
        works: list[tuple[str, int, Callable[[], Awaitable[object]]]] = [
            ("retention", config.retention_check_interval_ms, self.apply_retention),
            ("recovery points", config.checkpoint_interval_ms, self.save_recovery_points),
            ("expiry of group offsets", config.offsets_check_interval_ms, self.expire_offsets),
            ("expiry of transactions", config.transaction_check_interval_ms, self._transactions.abort_timed_out),
        ]
        if config.cleaner_enable:
            works.append(("compaction", config.cleaner_backoff_ms, self.compact_dirty))
        self._tasks = [asyncio.create_task(self._repeat(*work), name=f"log-{work[0]}") for work in works]

    async def aclose(self) -> None:
        """Stop, also in the middle of a compaction: its thread ends at the next batch, by itself."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, what: str, interval_ms: int, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(interval_ms / 1000)
            try:
                await work()
            except ConnectError as error:
                log.error("%s: %s", what, error.message)
            except Exception:  # a defect of ours; the log goes on being looked after
                log.exception("%s failed", what)

    # -- retention and expiry ----------------------------------------------------------------------------------------

    async def apply_retention(self) -> int:
        """Remove the segments that no config keeps; return how many."""
        now_ms, count = self._clock(), 0
        for topic in self._topics:
            for part in topic.partitions:
                async with self._replacing:
                    count += await self._threads.run(lambda part=part: self._look_after(part, now_ms))  # type: ignore[misc]
        return count

    def _look_after(self, part: Partition, now_ms: int) -> int:
        try:
            part.expire_producers(now_ms - self._config.producer_id_expiration_ms)
            count = part.remove_oldest(lambda segments, config: expired_count(segments, config, now_ms))
        except ConnectError as error:  # the others all the same
            log.error("retention of %s: %s", part.name, error.message)
            return 0
        if count:
            log.info("%s: removed %d segment(s), it begins at offset %d now", part.name, count, part.log_start_offset)
        return count

    async def save_recovery_points(self) -> None:
        """Note up to where each partition is on disk."""
        await self._threads.run(self._topics.save_recovery_points)

    async def expire_offsets(self) -> int:
        """Forget group offsets that nobody committed for long; return how many."""
        return await self._groups.expire(self._config.offsets_retention_ms)

    # -- compaction --------------------------------------------------------------------------------------------------

    async def compact_dirty(self) -> int:
        """Compact every partition for which it is worth while, the dirtiest first; return how many."""
        done: set[Partition] = set()
        while True:
            found = await self._threads.run(lambda: self._dirtiest(done))
            if found is None:
                return len(done)
            done.add(found[0])
            async with self._replacing:
                await self._threads.run(lambda found=found: self._compact_one(*found))  # type: ignore[misc]

    async def compact_topic(self, topic: Topic) -> list[CompactionResult]:
        """Compact a topic now, however little is dirty, its newest segments too."""

        def run() -> list[CompactionResult]:
            results = []
            for part in topic.partitions:
                part.open().roll()
                results.append(
                    self._compact(part, measure_dirt(part, self._topics.cleaned.get(part.name), self._clock()))
                )
            return results

        async with self._replacing:
            return await self._threads.run(run)

    def _dirtiest(self, done: set[Partition]) -> tuple[Partition, Dirt] | None:
        now_ms, best = self._clock(), None
        for topic in self._topics:
            config = topic.config
            for part in topic.partitions if config.is_compacted else ():
                if part in done or part in self._uncleanable:
                    continue
                try:
                    part.open()
                    if part.is_due(now_ms - config.max_compaction_lag_ms):
                        part.roll()
                    dirt = measure_dirt(part, self._topics.cleaned.get(part.name), now_ms)
                except LogError as error:
                    self._give_up(part, error)
                    continue
                except ConnectError as error:
                    done.add(part)
                    _put_off(part, error)
                    continue
                late = 0 <= dirt.since_ms < now_ms - config.max_compaction_lag_ms
                worth = dirt.dirty_bytes and (dirt.ratio >= config.min_cleanable_dirty_ratio or late)
                if worth and (best is None or dirt.ratio > best[1].ratio):
                    best = part, dirt
        return best

    def _compact_one(self, part: Partition, dirt: Dirt) -> None:
        try:
            result = self._compact(part, dirt)
        except LogError as error:
            self._give_up(part, error)
            return
        except ConnectError as error:
            _put_off(part, error)
            return
        log.info(
            "compacted %s up to offset %d: %d bytes of %d are left",
            part.name,
            result.cleaned_offset,
            result.after_bytes,
            result.before_bytes,
        )

    def _compact(self, part: Partition, dirt: Dirt) -> CompactionResult:
        result = CompactionResult(cleaned_offset=dirt.first_offset)
        rounds = compact(
            part, dirt, now_ms=self._clock(), buffer_bytes=self._config.cleaner_buffer_bytes, stopping=self._stopping
        )
        try:
            for result in rounds:
                self._topics.cleaned.set(part.name, result.cleaned_offset, unless=lambda: part.is_deleted)
        except Stopped:
            log.debug("%s: compaction stopped", part.name)
        return result

    def _give_up(self, part: Partition, error: ConnectError) -> None:
        if part not in self._uncleanable and not part.is_deleted:
            self._uncleanable.add(part)
            log.error("%s is not compacted until the log is opened again: %s", part.name, error.message)


def _put_off(part: Partition, error: ConnectError) -> None:
    """Say that the disk refuses for now: at the next look it is tried again, and the others are compacted meanwhile."""
    log.error("compaction of %s: %s", part.name, error.message)
