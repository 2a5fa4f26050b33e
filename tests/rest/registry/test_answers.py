from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize("subject", ["a/b", "a b", "ä", "a%2Fb", "a;b", "a?b"])
async def test_any_name_is_a_subject_where_it_is_encoded(client: httpx.AsyncClient, subject: str) -> None:
    from urllib.parse import quote

    path = f"/subjects/{quote(subject, safe='')}/versions"
    assert (await client.post(path, json={"schema": '"int"'})).status_code == 200
    assert (await client.get("/subjects")).json() == [subject]
    assert (await client.get(f"{path}/1")).json()["subject"] == subject


async def test_listings_come_in_pages(client: httpx.AsyncClient) -> None:
    for subject in "abcde":
        await client.post(f"/subjects/{subject}/versions", json={"schema": '"int"'})
    assert (await client.get("/subjects", params={"offset": 1, "limit": 2})).json() == ["b", "c"]
    assert (await client.get("/subjects", params={"limit": 0})).json() == []
    assert len((await client.get("/schemas", params={"offset": 3})).json()) == 2
    assert (await client.get("/subjects", params={"limit": "x"})).status_code == 400


async def test_a_flag_is_true_as_java_reads_it(client: httpx.AsyncClient) -> None:
    await client.post("/subjects/a/versions", json={"schema": '"int"'})
    await client.delete("/subjects/a")
    assert (await client.get("/subjects", params={"deleted": "TRUE"})).json() == ["a"]
    assert (await client.get("/subjects", params={"deleted": "1"})).json() == []
