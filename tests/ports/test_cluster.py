from __future__ import annotations

import base64
from pathlib import Path

from connect.app import open_cluster
from connect.ports import Cluster
from tests.support.ports import assert_log_offers


async def test_the_log_is_called_as_the_port_says(tmp_path: Path) -> None:
    await assert_log_offers(tmp_path, Cluster, lambda cluster: cluster)


async def test_the_cluster_id_has_kafka_s_form_and_stays(tmp_path: Path) -> None:
    first = await open_cluster(tmp_path)
    await first.aclose()
    second = await open_cluster(tmp_path)
    await second.aclose()
    assert first.cluster_id == second.cluster_id
    assert len(first.cluster_id) == 22
    assert len(base64.urlsafe_b64decode(first.cluster_id + "==")) == 16


async def test_what_begins_with_two_underscores_or_is_reserved_is_internal(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    await cluster.reserve(["connect-configs"])
    found = {name for name in ("__any", "connect-configs", "orders") if cluster.is_internal(name)}
    assert found == {"__any", "connect-configs"}
    await cluster.reserve(["connect-status"])
    assert not cluster.is_internal("connect-configs"), "those reserved before are given back"
    await cluster.aclose()


async def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    await cluster.aclose()
    await cluster.aclose()
    assert (await _reopened(tmp_path)) == []


async def _reopened(path: Path) -> list[str]:
    cluster = await open_cluster(path)
    names = await cluster.admin.list_topics()
    await cluster.aclose()
    return [name for name in names if not cluster.is_internal(name)]
