from __future__ import annotations

import httpx


async def test_a_schema_is_found_by_its_id(client: httpx.AsyncClient) -> None:
    made = (await client.post("/subjects/a/versions", json={"schema": '"int"'})).json()
    await client.post("/subjects/b/versions", json={"schema": '{"type":"int"}'})
    await client.post("/subjects/b/versions", json={"schema": '"long"'})
    assert (await client.get("/schemas/ids/1")).json() == {
        "guid": made["guid"],
        "schemaType": "AVRO",
        "schema": '"int"',
    }
    assert (await client.get("/schemas/ids/1", params={"fetchMaxId": "true"})).json()["maxId"] == 2
    assert (await client.get("/schemas/ids/1/schema")).text == '"int"'
    assert (await client.get("/schemas/ids/1/subjects")).json() == ["a", "b"]
    assert (await client.get("/schemas/ids/1/versions")).json() == [
        {"subject": "a", "version": 1},
        {"subject": "b", "version": 1},
    ]
    for path in ("/schemas/ids/9", "/schemas/ids/9/versions", "/schemas/guids/x"):
        missing = await client.get(path)
        assert missing.status_code == 404 and missing.json()["error_code"] == 40403
    assert (await client.get(f"/schemas/guids/{made['guid']}")).json()["schema"] == '"int"'
    assert (await client.get(f"/schemas/guids/{made['guid']}/ids")).json() == [{"context": ".", "id": 1}]


async def test_what_is_soft_deleted_is_still_read_by_its_id(client: httpx.AsyncClient) -> None:
    await client.post("/subjects/a/versions", json={"schema": '"int"'})
    await client.delete("/subjects/a")
    assert (await client.get("/schemas/ids/1")).json()["schema"] == '"int"'
    assert (await client.get("/schemas/ids/1/subjects")).json() == []
    assert (await client.get("/schemas/ids/1/subjects", params={"deleted": "true"})).json() == ["a"]


async def test_an_id_is_of_the_context_that_the_subject_says(client: httpx.AsyncClient) -> None:
    await client.post("/subjects/a/versions", json={"schema": '"int"'})
    await client.post("/subjects/:.t:b/versions", json={"schema": '"long"'})
    for subject, text in ((None, '"int"'), (":.t:", '"long"'), ("b", '"long"'), ("a", '"int"')):
        params = {} if subject is None else {"subject": subject}
        assert (await client.get("/schemas/ids/1", params=params)).json()["schema"] == text


async def test_all_schemas_are_listed(client: httpx.AsyncClient) -> None:
    for subject, text in (("a", '"int"'), ("a", '"long"'), ("b", '"int"')):
        await client.post(f"/subjects/{subject}/versions", json={"schema": text})
    found = (await client.get("/schemas")).json()
    assert [(one["subject"], one["version"]) for one in found] == [("a", 1), ("a", 2), ("b", 1)]
    latest = (await client.get("/schemas", params={"latestOnly": "true", "subjectPrefix": "a"})).json()
    assert [(one["subject"], one["version"]) for one in latest] == [("a", 2)]
    assert "AVRO" in (await client.get("/schemas/types")).json()


async def test_numbers_of_any_length_are_answered(client: httpx.AsyncClient) -> None:
    await client.post("/subjects/a/versions", json={"schema": '"int"'})
    for number in ("9" * 30, "9" * 5000):
        assert (await client.get(f"/schemas/ids/{number}")).json()["error_code"] == 40403
        assert (await client.get(f"/subjects/a/versions/{number}")).json()["error_code"] == 42202
        for name in ("offset", "limit"):
            listed = await client.get("/subjects", params={name: number})
            assert listed.status_code == 400 or listed.json() == ([] if name == "offset" else ["a"])
    assert (await client.get("/subjects/a/versions/1_0")).json()["error_code"] == 42202
