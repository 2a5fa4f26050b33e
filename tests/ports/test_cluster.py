from __future__ import annotations

import base64

from connect.ports import Cluster
from tests.support.engines import Engine
from tests.support.ports import assert_offers


async def test_the_cluster_is_called_as_the_port_says(engine: Engine) -> None:
    await assert_offers(await engine.open(), Cluster, lambda cluster: cluster)


async def test_the_cluster_id_has_kafka_s_form_and_stays(engine: Engine) -> None:
    first = await engine.open()
    await first.aclose()
    second = await engine.open()
    await second.aclose()
    assert first.cluster_id == second.cluster_id
    assert len(first.cluster_id) == 22
    assert len(base64.urlsafe_b64decode(first.cluster_id + "==")) == 16


async def test_topics_of_kafka_and_ours_are_internal_and_so_is_what_is_reserved(cluster: Cluster) -> None:
    await cluster.reserve(["connect-configs"])
    found = {
        name
        for name in ("__any", "__consumer_offsets", "__connect_x", "connect-configs", "orders")
        if cluster.is_internal(name)
    }
    assert found == {"__consumer_offsets", "__connect_x", "connect-configs"}
    assert cluster.holds_state("connect-configs")
    await cluster.reserve(["connect-status"])
    assert not cluster.is_internal("connect-configs"), "those reserved before are given back"


async def test_closing_twice_is_closing_once(engine: Engine) -> None:
    cluster = await engine.open()
    await cluster.aclose()
    await cluster.aclose()
    again = await engine.open()
    assert [name for name in await again.admin.list_topics() if name == "nothing-was-made"] == []
    await again.aclose()
