"""What people ask of contracts, without a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import INT32, STRING, ConfigError, Schema
from connect.app import open_cluster
from connect.ports import Cluster
from connect.runtime.contracts.config import ContractConfig
from connect.runtime.contracts.contract import FIELDS_MAX
from connect.runtime.contracts.desk import ContractDesk
from connect.stores.compacted import CompactedTopic
from connect.stores.contracts import ContractStore
from connect.stores.history import Author, asked_by

FROZEN = ContractConfig.parse({"schema.contract": "freeze"})


@pytest.fixture
async def cluster(tmp_path: Path):
    opened = await open_cluster(tmp_path)
    yield opened
    await opened.aclose()


@pytest.fixture
async def store(cluster: Cluster):
    made = ContractStore(CompactedTopic(cluster, "contracts", is_single=True), lambda: 7)
    yield made
    await made.aclose()


async def test_looking_and_forgetting_make_no_topic(cluster: Cluster, store: ContractStore) -> None:
    desk = ContractDesk(store)
    assert (await desk.show("s", FROZEN)).topics == {}
    assert await desk.forget("s", None) == []
    assert await cluster.admin.partitions("contracts") is None


@pytest.mark.parametrize("topic", ["a/b", "", "t" * 250])
async def test_a_schema_of_what_is_no_topic_is_refused_before_anything_is_written(
    cluster: Cluster, store: ContractStore, topic: str
) -> None:
    with pytest.raises(ConfigError, match="is illegal") as raised:
        await ContractDesk(store).give("s", topic, INT32)
    assert raised.value.code == "log.invalid_topic"
    assert await cluster.admin.partitions("contracts") is None


async def test_what_a_user_gives_counts_whatever_was_known(store: ContractStore) -> None:
    desk = ContractDesk(store)
    with asked_by(Author("ann")):
        assert (await desk.give("s", "t", INT32)).version == 1
        assert (await desk.give("s", "t", STRING)).version == 2
        again = await desk.give("s", "t", STRING)
    assert (again.version, again.by) == (2, "ann")
    shown = await desk.show("s", FROZEN)
    assert shown.topics == {"t": again}
    assert shown.settings["schema.contract.types"] == "freeze"
    assert await desk.forget("s", "other") == []
    assert await desk.forget("s", "t") == ["t"]
    assert (await desk.show("s", FROZEN)).topics == {}


async def test_a_schema_that_is_too_large_is_refused_before_anything_is_written(
    cluster: Cluster, store: ContractStore
) -> None:
    wide = Schema.struct({f"f{number}": INT32 for number in range(FIELDS_MAX + 1)})
    deep = INT32
    for _ in range(101):
        deep = Schema.array(deep)
    for schema in (wide, deep):
        with pytest.raises(ConfigError, match="the schema"):
            await ContractDesk(store).give("s", "t", schema)
    assert await cluster.admin.partitions("contracts") is None
