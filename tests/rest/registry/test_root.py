from __future__ import annotations

import httpx

import connect


async def test_the_server_says_what_it_is(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).json() == {}
    assert (await client.get("/v1/metadata/version")).json()["version"] == connect.__version__
    clusters = (await client.get("/v1/metadata/id")).json()["scope"]["clusters"]
    assert len(clusters["kafka-cluster"]) == 22


async def test_contexts_are_listed_and_deleted(client: httpx.AsyncClient) -> None:
    await client.post("/subjects/:.t:s/versions", json={"schema": '"int"'})
    assert (await client.get("/contexts")).json() == [".", ".t"]
    assert (await client.get("/contexts", params={"contextPrefix": ".t"})).json() == [".t"]
    assert (await client.delete("/contexts/:.t:")).json()["error_code"] == 42211
    for permanent in ("false", "true"):
        assert (await client.delete("/subjects/:.t:s", params={"permanent": permanent})).status_code == 200
    assert (await client.delete("/contexts/.t")).status_code == 204
    assert (await client.get("/contexts")).json() == ["."]
