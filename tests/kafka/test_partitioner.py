"""Keys go to the partition where Kafka's own producer puts them."""

from __future__ import annotations

import json
import random
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from connect.codec.partitioner import murmur2, murmur2_column, partitions_of
from connect.log import LogCluster
from connect.records import Columns, TopicPartition
from tests.support.kafka import run_lab
from tests.support.segments import GOLDEN


def golden_keys() -> list[dict[str, Any]]:
    return list(json.loads((GOLDEN / "murmur2.json").read_text(encoding="utf-8"))["keys"])


def check(cases: list[dict[str, Any]]) -> None:
    keys = [b64decode(case["key"]) for case in cases]
    hashes = [case["murmur2"] & 0xFFFFFFFF for case in cases]  # Java's int is signed
    assert [murmur2(key) for key in keys] == hashes
    assert murmur2_column(keys) == hashes
    for count in cases[0]["partitions"]:
        assert partitions_of(keys, int(count)) == [case["partitions"][count] for case in cases]


def test_murmur2_and_partition_are_those_of_kafkas_producer() -> None:
    check(golden_keys())


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_random_keys_go_where_kafkas_producer_puts_them(kafka: None) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    keys = [b64encode(dice.randbytes(dice.randrange(64))).decode() for _ in range(500)]
    [cases] = run_lab([{"do": "partition", "keys": keys, "counts": [2, 3, 8, 50]}])
    check(cases)


async def test_the_log_appends_each_key_to_kafkas_partition(tmp_path: Path) -> None:
    cases = golden_keys()
    cluster = await LogCluster.open(tmp_path)
    try:
        await cluster.admin.create_topic("keys", partitions=7)
        keys = [b64decode(case["key"]) for case in cases]
        await cluster.producer(client_id="test").append("keys", Columns([b"v"] * len(keys), keys))
        for number in range(7):
            batches = await cluster.admin.fetch(TopicPartition("keys", number), 0)
            found = [key for batch in batches for key in batch.columns.keys or ()]
            assert found == [key for key, case in zip(keys, cases, strict=True) if case["partitions"]["7"] == number]
    finally:
        await cluster.aclose()
