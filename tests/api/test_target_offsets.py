"""Which records a sink that keeps its offsets in its target has to write."""

from __future__ import annotations

import pytest

from connect.api import Batch, ConfigError, new_records

KNOWN = {("t", 0): 12}


def read(*offsets: int, partition: int = 0) -> Batch:
    return Batch(
        "renamed",
        [f"v{offset}" for offset in offsets],
        offsets=list(offsets),
        original_topic="t",
        original_partition=partition,
    )


def test_records_in_front_of_what_the_target_has_are_not_new() -> None:
    batch = read(10, 11, 12, 13)
    mask = new_records(batch, KNOWN)
    assert mask == [False, False, True, True]
    assert batch.select(mask).values == ["v12", "v13"]


def test_a_batch_of_new_records_costs_no_mask() -> None:
    assert new_records(read(12, 13), KNOWN) is None
    assert new_records(read(0, partition=1), KNOWN) is None
    assert new_records(read(), KNOWN) is None


def test_records_whose_origin_nobody_knows_are_refused() -> None:
    with pytest.raises(ConfigError, match="topic t were made by a transform that does not say") as caught:
        new_records(Batch("t", ["made"]), KNOWN)
    assert caught.value.config_path == "delivery.guarantee"
