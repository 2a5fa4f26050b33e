from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.groups import GroupOffset, GroupPartitions, SetGroupOffset, SetGroupOffsets
from connect.runtime.lag import GroupRow
from tests.support.recorded import members


def test_digits_are_taken_for_numbers() -> None:
    row = SetGroupOffsets.model_validate({"offsets": [{"topic": "t", "partition": "1", "offset": "7"}]}).offsets[0]
    assert row == SetGroupOffset(topic="t", partition=1, offset=7)
    assert GroupPartitions.model_validate({"partitions": [["t", "1"], ["u", 2]]}).partitions == [("t", 1), ("u", 2)]


@pytest.mark.parametrize("partition", ["9" * 5000, "2147483648", 2147483648, -1, "-1", "+1", "\u0664", "", "1_0", True])
def test_what_is_no_partition_is_refused_as_one_whatever_its_digits(partition: object) -> None:
    with pytest.raises(ValidationError, match=r"\[topic, partition\] is expected"):
        GroupPartitions.model_validate({"partitions": [["t", partition]]})


def test_what_is_shown_of_a_group_can_be_set_again() -> None:
    shown = {
        "topic": "t",
        "partition": 1,
        "offset": 7,
        "metadata": "m",
        "commit_timestamp": 1,
        "log_end_offset": 9,
        "lag": 2,
    }
    assert list(shown) == members(GroupOffset) == list(GroupRow.__dataclass_fields__)
    assert SetGroupOffsets.model_validate({"offsets": [shown]}).offsets[0].metadata == "m"
