"""Groups of a real cluster: offsets that are half deleted. For the rest see tests/ports."""

from __future__ import annotations

import pytest

from connect.api.errors import EnvironmentFault
from connect.kafka.groups import as_theirs
from connect.ports import Cluster
from connect.records import OffsetAndMetadata, TopicPartition

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


async def test_offsets_that_were_to_be_kept_are_named_where_they_cannot_be_set_again(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=2)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    await kafka_cluster.groups.commit(name, {first: OffsetAndMetadata(3), second: OffsetAndMetadata(5)})

    async def refuse(*_: object) -> None:
        raise EnvironmentFault("no broker answers")

    monkeypatch.setattr(kafka_cluster.groups, "_alter", refuse)
    with pytest.raises(EnvironmentFault, match=f"{name}-1: 5"):
        await kafka_cluster.groups.delete_offsets(name, [first])


def test_an_offset_has_what_it_came_with() -> None:
    plain = as_theirs(TopicPartition("t", 1), OffsetAndMetadata(4))
    assert (plain.topic, plain.partition, plain.offset, plain.metadata) == ("t", 1, 4, None)
    whole = as_theirs(TopicPartition("t", 1), OffsetAndMetadata(4, leader_epoch=2, metadata="m"))
    assert (whole.leader_epoch, whole.metadata) == (2, "m")
