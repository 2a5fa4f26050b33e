from __future__ import annotations

import httpx

from tests.support.registries import avro_text


async def test_compatibility_is_told_with_reasons_where_these_are_asked_for(client: httpx.AsyncClient) -> None:
    await client.post("/subjects/s/versions", json={"schema": avro_text("a")})
    good, bad = {"schema": avro_text("a", "b?")}, {"schema": avro_text("a", "b")}
    for path in ("/compatibility/subjects/s/versions", "/compatibility/subjects/s/versions/latest"):
        assert (await client.post(path, json=good)).json() == {"is_compatible": True}
        assert (await client.post(path, json=bad)).json() == {"is_compatible": False}
        verbose = (await client.post(path, json=bad, params={"verbose": "true"})).json()
        assert "READER_FIELD_MISSING_DEFAULT_VALUE" in verbose["messages"][0]
    invalid = {"schema": "{"}
    assert (await client.post(path, json=invalid)).json()["error_code"] == 42201
    assert (await client.post(path, json=invalid, params={"verbose": "true"})).json()["is_compatible"] is False
    missing = await client.post("/compatibility/subjects/s/versions/9", json=good)
    assert missing.json()["error_code"] == 40402
    assert (await client.post("/compatibility/subjects/none/versions/latest", json=good)).json()["is_compatible"]
