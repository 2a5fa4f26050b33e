"""Records of topics for a preview: read by offset, without a group, so nobody's position moves."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connect.api import Batch, UnknownTopicOrPartitionError
from connect.api.errors import OffsetOutOfRangeError
from connect.api.patterns import compile_pattern
from connect.ports import Cluster
from connect.records import FetchedBatch, Isolation, TopicPartition
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.offsets import sink_group
from connect.runtime.preview.answers import Start
from connect.runtime.tasks.converters import raw_batch
from connect.runtime.tasks.replays import parted
from connect.runtime.tasks.walks import singly
from connect.runtime.worker_config import WorkerConfig

#: Partitions that are looked at; a preview is of a few records.
PARTITIONS_MAX: Final = 100
#: Of one fetch.
FETCH_BYTES_MAX: Final = 256 << 10
#: Of all fetches together: beyond that no further ones are made.
BYTES_MAX: Final = 64 << 20
#: How often it is looked further back where too little was found: compaction and markers leave gaps.
_TRIES: Final = 6


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: records as batches of one, and what there is to say of topics that are not there."""

    batches: list[Batch]
    note: str = ""


class Topics:
    """Reads the topics of one sink's config."""

    def __init__(self, cluster: Cluster, worker: WorkerConfig, config: SinkConnectorConfig, name: str) -> None:
        self._cluster = cluster
        self._worker = worker
        self._config = config
        self._name = name
        own = {
            "isolation.level": "read_committed",
            **strip_prefix(worker.originals, "consumer."),
            **strip_prefix(config.originals, "consumer.override."),
        }
        isolation = str(own["isolation.level"])
        self._isolation: Isolation = "read_uncommitted" if isolation == "read_uncommitted" else "read_committed"
        self._reset = str(own.get("auto.offset.reset", "earliest"))
        self._left_bytes = BYTES_MAX

    async def read(self, count: int, start: Start | None) -> Found:
        """Return up to so many records: the first of all partitions by their time, the last ones for 'latest'.

        Records of one partition keep their order.
        """
        names = await self._names()
        infos = await self._cluster.admin.describe_topics(names)
        missing = [name for name in names if name not in infos]
        committed: Mapping[TopicPartition, Any] = {}
        if start == "committed":
            group = sink_group(self._worker, self._name, self._config.originals)
            committed = await self._cluster.groups.offsets(group, names)
        columns: list[list[Batch]] = []
        places = [(name, part) for name in names if name in infos for part in infos[name].partitions]
        for name, part in places[:PARTITIONS_MAX]:
            at = TopicPartition(name, part.partition)
            first, end = part.log_start_offset, part.log_end_offset
            if start == "latest":
                columns.append(await self._last(at, first, end, count))
                continue
            if start == "committed":
                found = committed.get(at)
                first = max(first, found.offset) if found is not None else end if self._reset == "latest" else first
            columns.append(await self._first(at, first, end, count))
        merged = _merged(columns, count, last=start == "latest")
        return Found(merged, _note(names, missing, len(places), is_empty=not merged))

    async def _names(self) -> list[str]:
        if self._config.topics:
            return list(dict.fromkeys(self._config.topics))
        if not self._config.topics_regex:
            return []
        pattern = compile_pattern(str(self._config.topics_regex), key="topics.regex")
        listed = await self._cluster.admin.list_topics()
        names = [name for name in listed if not self._cluster.is_internal(name)]
        # A pattern may take a second on one name, and there may be very many.
        return await asyncio.to_thread(lambda: [name for name in names if pattern.fullmatch(name)])

    async def _first(self, at: TopicPartition, offset: int, end: int, count: int) -> list[Batch]:
        found: list[Batch] = []
        for _ in range(count):  # each brings at least a record, or is the last
            if offset >= end or len(found) >= count:
                break
            fetched = await self._fetch(at, offset)
            if not fetched:
                break
            found += [one for batch in fetched for one in _singles(batch, range(count))]
            offset = fetched[-1].next_offset
        return found[:count]

    async def _last(self, at: TopicPartition, first: int, end: int, count: int) -> list[Batch]:
        back = count
        found: list[Batch] = []
        for _ in range(_TRIES):
            begin = max(first, end - back)
            found, offset = [], begin
            while offset < end:
                fetched = await self._fetch(at, offset)
                if not fetched:
                    break
                found = [*found, *(one for batch in fetched for one in _singles(batch, range(-count, 0)))][-count:]
                offset = fetched[-1].next_offset
            if len(found) >= count or begin == first:
                break
            back *= 4
        return found

    async def _fetch(self, at: TopicPartition, offset: int) -> list[FetchedBatch]:
        if self._left_bytes <= 0:
            return []
        try:
            fetched = await self._cluster.admin.fetch(at, offset, max_bytes=FETCH_BYTES_MAX, isolation=self._isolation)
            self._left_bytes -= sum(batch.columns.size_bytes for batch in fetched)
            return fetched
        except (OffsetOutOfRangeError, UnknownTopicOrPartitionError):  # gone since it was looked at
            return []


def _singles(fetched: FetchedBatch, wanted: range) -> Iterable[Batch]:
    """Yield the first or the last records, as batches of one: there may be many more in a batch that is compressed."""
    if len(fetched):
        for topic, part in parted(fetched):
            batch = raw_batch(topic, part)
            start, stop, _ = slice(wanted.start, wanted.stop or None).indices(len(batch))
            yield from singly(batch[start:stop])


def _merged(columns: Sequence[Sequence[Batch]], count: int, *, last: bool) -> list[Batch]:
    merged = list(heapq.merge(*columns, key=_time))
    return merged[-count:] if last else merged[:count]


def _time(batch: Batch) -> int:
    return batch.timestamp_column()[0] or 0


def _note(names: Sequence[str], missing: Sequence[str], partitions: int, *, is_empty: bool) -> str:
    told = []
    if missing:
        told.append(f"not there: {', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}")
    if not names:
        told.append("no topic matches topics.regex")
    if is_empty and partitions:
        told.append("the topics have no record that a consumer would be given now")
    if partitions > PARTITIONS_MAX:
        told.append(f"{PARTITIONS_MAX} of {partitions} partitions were looked at")
    return "; ".join(told)
