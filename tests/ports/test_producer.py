from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from connect.app import open_cluster
from connect.ports import Acks, Producer
from connect.records import Columns, TopicPartition
from tests.support.ports import assert_log_offers


async def test_the_log_s_producer_is_called_as_the_port_says(tmp_path: Path) -> None:
    await assert_log_offers(tmp_path, Producer, lambda cluster: cluster.producer(client_id="test"))


@pytest.mark.parametrize("acks", get_args(Acks))
async def test_what_was_appended_is_there_after_a_flush_whatever_was_waited_for(tmp_path: Path, acks: Acks) -> None:
    cluster = await open_cluster(tmp_path)
    await cluster.admin.create_topic("orders")
    producer = cluster.producer(client_id="test")
    await producer.append("orders", Columns([b"a", b"b"], timestamps=1), acks=acks)
    await producer.flush()
    (batch,) = await cluster.admin.fetch(TopicPartition("orders", 0), 0)
    assert batch.columns.values == [b"a", b"b"]
    await cluster.aclose()
