"""PartitionRouting: the partition by fields of a change event."""

from __future__ import annotations

import pytest

from connect.api import Batch, ConfigError, DataError
from tests.support.transforms import make_transform
from tests.transforms.debezium.events import ANN, BEN, CREATE, DELETE, ENVELOPE, TRUNCATE, event, record

ID = {"partition_payload_fields": "change.id", "partition_topic_num": "12"}


def test_a_row_chooses_its_partition_also_the_one_that_is_deleted() -> None:
    routing = make_transform("PartitionRouting", **ID)
    values = [CREATE, DELETE, event("u", ANN, {**BEN, "id": 14})]
    made = routing.apply_batch(Batch("t", values, value_schema=ENVELOPE, partition=9))
    assert isinstance(made, list)
    assert [(part.partition, len(part)) for part in made] == [(1, 2), (2, 1)]


def test_the_sum_of_the_hashes_is_taken_without_its_sign() -> None:
    by_two = make_transform("PartitionRouting", partition_payload_fields="after.id,op", partition_topic_num="1000")
    made = by_two.apply(record(event("c", after={**ANN, "id": -1000})))
    assert made is not None
    assert made.partition == ((ord("c") - 1000) & 0x7FFFFFFF) % 1000


@pytest.mark.parametrize("value", [TRUNCATE, None, event("c", after={**ANN, "id": None})])
def test_what_chooses_nothing_keeps_its_partition(value: object) -> None:
    given = record(value, partition=4)
    assert make_transform("PartitionRouting", **ID).apply(given) == given


def test_what_cannot_be_hashed_is_an_error() -> None:
    with pytest.raises(DataError, match="name a field that holds a text, number or date"):
        make_transform("PartitionRouting", partition_payload_fields="after", partition_topic_num="3").apply(
            record(CREATE)
        )


def test_configs_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"partition\.topic\.num: Value must be at least 1"):
        make_transform("PartitionRouting", partition_payload_fields="a", partition_topic_num="0")
    with pytest.raises(ConfigError, match="a name or a step is empty"):
        make_transform("PartitionRouting", partition_payload_fields="a..b", partition_topic_num="1")
