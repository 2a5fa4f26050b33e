"""Where a rewind puts partitions; what it does to a connector is in tests/rest/test_v1_rewinds.py."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError
from connect.ports import PartitionInfo
from connect.records import TopicPartition
from connect.runtime.lag import PartitionLag, SinkLag
from connect.runtime.rewinds import Row, Target, offset_of, sink_rows, source_rows

AT = TopicPartition("t", 0)
#: Only times are looked up there.
NO_ADMIN: Any = None


@pytest.mark.parametrize(
    ("target", "offset"),
    [
        (Target("earliest"), 10),
        (Target("latest"), 50),
        (Target("by", -5), 25),
        (Target("by", -100), 10),
        (Target("by", 100), 50),
        (Target("offset", 12), 12),
        (Target("offset", 0), 10),
    ],
)
async def test_a_partition_is_put_within_its_log(target: Target, offset: int) -> None:
    assert await offset_of(NO_ADMIN, AT, PartitionInfo(0, 10, 50, 1, 100), 30, target) == offset


def lag(committed: int | None) -> SinkLag:
    return SinkLag("k", "connect-k", (PartitionLag("t", 0, committed, 10, 50, 50, 0, None),))


@pytest.mark.parametrize(
    ("committed", "reset", "now"),
    [(30, "earliest", 30), (None, "earliest", 10), (None, "latest", 50), (5, "latest", 50)],
)
async def test_where_nothing_is_committed_it_counts_from_where_its_consumers_would_begin(
    committed: int | None, reset: str, now: int
) -> None:
    rows = await sink_rows(NO_ADMIN, "k", lag(committed), Target("earliest"), reset=reset)
    assert rows == [Row("t", 0, now, 10, 50, now - 10, 0)]


async def test_what_is_forgotten_goes_where_its_consumers_begin() -> None:
    partition = {"kafka_topic": "t", "kafka_partition": 0}
    [row] = await sink_rows(NO_ADMIN, "k", lag(30), [(partition, None)], reset="latest")
    assert row == Row("t", 0, 30, None, 50, 0, 20)
    assert row.entry == (partition, None)


def test_a_source_forgets_all_or_takes_what_is_named() -> None:
    committed = [({"f": 1}, {"at": 5}), ({"f": 2}, {"at": 6})]
    assert source_rows("s", committed, Target("earliest")) == [
        Row(None, {"f": 1}, {"at": 5}, None),
        Row(None, {"f": 2}, {"at": 6}, None),
    ]
    assert source_rows("s", committed, [({"f": 2}, {"at": 1})]) == [Row(None, {"f": 2}, {"at": 6}, {"at": 1})]
    with pytest.raises(ConfigError, match="cannot be sent to the latest record"):
        source_rows("s", committed, Target("latest"))
