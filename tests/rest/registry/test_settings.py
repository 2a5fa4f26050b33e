from __future__ import annotations

import httpx


async def test_configs_are_set_read_and_taken_back(client: httpx.AsyncClient) -> None:
    assert (await client.get("/config")).json() == {"compatibilityLevel": "BACKWARD"}
    assert (await client.put("/config", json={"compatibility": "FULL"})).json() == {"compatibility": "FULL"}
    assert (await client.get("/config/s")).json()["error_code"] == 40408
    assert (await client.get("/config/s", params={"defaultToGlobal": "true"})).json() == {"compatibilityLevel": "FULL"}
    put = await client.put("/config/s", json={"compatibility": "none", "normalize": True})
    assert put.json() == {"compatibility": "NONE", "normalize": True}
    assert (await client.delete("/config/s")).json() == {"compatibilityLevel": "NONE", "normalize": True}
    assert (await client.delete("/config/s")).json()["error_code"] == 40401
    assert (await client.delete("/config")).json() == {"compatibilityLevel": "FULL"}
    assert (await client.get("/config")).json() == {"compatibilityLevel": "BACKWARD"}


async def test_what_a_config_would_not_heed_is_refused(client: httpx.AsyncClient) -> None:
    refused = await client.put("/config", json={"overrideMetadata": {"properties": {}}})
    assert refused.status_code == 422 and "overrideMetadata is not known" in refused.json()["message"]
    refused = await client.put("/config", json={"compatibilityLevel": "FULL"})  # as answers call it
    assert refused.status_code == 422 and refused.json()["message"].endswith("; a request says compatibility")
    assert (await client.put("/config", json={"compatibility": "SOME"})).json()["error_code"] == 42203
    assert (await client.put("/config", json={"normalize": "x"})).status_code == 400
    assert (await client.get("/config")).json() == {"compatibilityLevel": "BACKWARD"}


async def test_the_default_context_has_the_global_settings(client: httpx.AsyncClient) -> None:
    await client.put("/config/:.:", json={"compatibility": "NONE"})
    assert (await client.get("/config")).json() == {"compatibilityLevel": "NONE"}
    assert (await client.put("/mode/:.:", json={"mode": "READONLY"})).json() == {"mode": "READONLY"}
    assert (await client.get("/mode")).json() == {"mode": "READONLY"}
    assert (await client.delete("/mode/:.:")).json() == {"mode": "READONLY"}


async def test_modes_are_set_read_and_taken_back(client: httpx.AsyncClient) -> None:
    assert (await client.get("/mode")).json() == {"mode": "READWRITE"}
    assert (await client.get("/mode/s")).json()["error_code"] == 40409
    assert (await client.put("/mode/s", json={"mode": "SOME"})).json()["error_code"] == 42204
    assert (await client.put("/mode/s", json={"mode": "IMPORT"})).json() == {"mode": "IMPORT"}
    imported = {"schema": '"int"', "id": 42, "version": 3}
    assert (await client.post("/subjects/s/versions", json=imported)).json()["id"] == 42
    assert (await client.get("/mode/s", params={"defaultToGlobal": "true"})).json() == {"mode": "IMPORT"}
    assert (await client.delete("/mode/s")).json() == {"mode": "IMPORT"}
    assert (await client.delete("/mode/s")).json()["error_code"] == 40401
    assert (await client.put("/mode", json={"mode": "IMPORT"})).json()["error_code"] == 42205
    assert (await client.put("/mode", json={"mode": "IMPORT"}, params={"force": "true"})).json() == {"mode": "IMPORT"}
    assert (await client.delete("/mode")).json() == {"mode": "IMPORT"}
