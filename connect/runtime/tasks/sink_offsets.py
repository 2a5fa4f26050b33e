"""Which of the records that a sink has in hand lie in front of which, partition by partition.

A sink that keeps its offsets in its target stores one offset a partition with each put: all in front of it is there.
That is true only where nothing is put behind a record that waits; transforms may part the records of a partition, so
what is put first has to be chosen.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from connect.api import Batch
from connect.records import FetchedBatch, TopicPartition


def firsts(fetched: Iterable[FetchedBatch]) -> dict[TopicPartition, int]:
    """Return the offset of the first record of each partition."""
    found: dict[TopicPartition, int] = {}
    for batch in fetched:
        found.setdefault(TopicPartition(batch.topic, batch.partition), batch.offsets[0])
    return found


def nearest(left: Mapping[TopicPartition, int], right: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Return the lower offset of each partition that is in one of the two, or in both."""
    return {**left, **{at: min(offset, left.get(at, offset)) for at, offset in right.items()}}


def lowest(batches: Iterable[Batch]) -> dict[TopicPartition, int] | None:
    """Return the lowest offset of each partition; None where records are made by a transform: nobody knows where they
    belong."""
    found: dict[TopicPartition, int] = {}
    for batch in batches:
        at = _at(batch)
        if at is None or not batch.offsets:
            return None
        found[at] = min(found.get(at, batch.offsets[0]), *batch.offsets)
    return found


def in_front(batches: Iterable[Batch], behind: Sequence[Batch]) -> tuple[list[Batch], list[Batch]]:
    """Return the records whose offsets are in front of all those that are to wait, and the others.

    They differ where a transform has shared one partition's records out to several topics, batch by batch.
    """
    limits = lowest(behind)
    front, others = list[Batch](), list[Batch]()
    for batch in batches:
        at = TopicPartition(batch.original_topic or "", batch.original_partition or 0)
        limit = None if limits is None else limits.get(at)
        if limit is None or not batch.offsets or max(batch.offsets) < limit:
            front.append(batch)
            continue
        mask = [offset < limit for offset in batch.offsets]
        front += [batch.select(mask)] if any(mask) else []
        others.append(batch.select([not one for one in mask]))
    return front, others


def in_order(batches: Sequence[Batch]) -> list[Batch]:
    """Return the same records in batches of which each is in front of all that follow of its partition.

    Where a transform has shared a partition's records out in turns that is a batch for each turn. As they were where a
    transform has made records, whose place nobody knows. Records with one and the same offset stay one behind the
    other, though no offset lies between them.
    """
    groups: dict[TopicPartition, list[Batch]] = {}
    for batch in batches:
        at = _at(batch)
        if at is None or not batch.offsets:
            return list(batches)
        groups.setdefault(at, []).append(batch)
    return [batch for group in groups.values() for batch in (_merged(group) if _overlap(group) else group)]


def _overlap(batches: Sequence[Batch]) -> bool:
    return any(max(left.offsets or ()) >= min(right.offsets or ()) for left, right in pairwise(batches))


def _merged(batches: Sequence[Batch]) -> Iterator[Batch]:
    """Yield the records of one partition's batches in the order of their offsets, as long slices as there are."""
    heads = [(batch.offsets[0], number, 0) for number, batch in enumerate(batches) if batch.offsets]
    heapq.heapify(heads)
    while heads:
        _, number, start = heapq.heappop(heads)
        batch = batches[number]
        assert batch.offsets is not None
        end = max(start + 1, bisect_left(batch.offsets, heads[0][0], start)) if heads else len(batch)
        yield batch[start:end]
        if end < len(batch):
            heapq.heappush(heads, (batch.offsets[end], number, end))


def parted(batches: Iterable[Batch], index: int) -> tuple[list[Batch], list[Batch]]:
    """Return what is in front of a record, counted over all batches, and the rest."""
    front, behind = list[Batch](), list[Batch]()
    for batch in batches:
        if index > 0:
            front.append(batch[:index])
        if index < len(batch):
            behind.append(batch[max(index, 0) :])
        index -= len(batch)
    return front, behind


def _at(batch: Batch) -> TopicPartition | None:
    if batch.original_topic is None or batch.original_partition is None:
        return None
    return TopicPartition(batch.original_topic, batch.original_partition)
