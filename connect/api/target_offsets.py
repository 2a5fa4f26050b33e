"""For sinks that keep their offsets in their target: which records of a batch are there already."""

from __future__ import annotations

from collections.abc import Mapping

from connect.api.errors import ConfigError
from connect.api.record import Batch


def new_records(batch: Batch, known: Mapping[tuple[str, int], int]) -> list[bool] | None:
    """Return which records of a batch are not in the target yet, as `Batch.select` takes it; None for all
    of them.

    Args:
        known: By (topic, partition) of the log, the offset of the first record that is not in the target; a partition
            that it has nothing of may be left out.

    Raises:
        ConfigError: A transform made the records and does not say of which ones, so nobody can tell.
    """
    if batch.original_topic is None or batch.original_partition is None or batch.offsets is None:
        raise ConfigError(
            f"records of topic {batch.topic} were made by a transform that does not say of which record, "
            "so it cannot be told whether they are written already",
            config_path="delivery.guarantee",
            hint="Leave the transform out, or set delivery.guarantee=at-least-once.",
        )
    first = known.get((batch.original_topic, batch.original_partition), 0)
    if min(batch.offsets, default=first) >= first:
        return None
    return [offset >= first for offset in batch.offsets]
