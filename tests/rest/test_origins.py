from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.doors import assert_error, make_users, served_worker
from tests.support.plain import NO_TLS

FILE = "rest.authentication.file"


PAGE = {"Origin": "https://ui.example"}


async def test_listed_origins_may_ask_and_others_see_nothing(tmp_path: Path) -> None:
    keys = {
        "access.control.allow.origin": "https://ui.example,https://*.corp.example",
        "access.control.allow.methods": "GET,PUT",
    }
    async with served_worker(tmp_path, **keys) as worker:
        for origin, allowed in [
            ("https://ui.example", True),
            ("https://a.corp.example", True),
            ("https://ui.example.evil", False),
            ("http://ui.example", False),
        ]:
            found = (await worker.get(headers={"Origin": origin})).headers.get("access-control-allow-origin")
            assert found == (origin if allowed else None)
        ask = {**PAGE, "Access-Control-Request-Method": "PUT"}
        preflight = await worker.request("OPTIONS", "/connectors/x/pause", headers=ask)
        assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (200, "GET, PUT")
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        assert "access-control-allow-origin" not in (await worker.get()).headers


async def test_without_the_key_no_origin_is_allowed(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        assert "access-control-allow-origin" not in (await worker.get(headers=PAGE)).headers


async def test_a_page_asks_before_it_shows_its_user(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users), "access.control.allow.origin": "*"}) as worker:
        ask = {**PAGE, "Access-Control-Request-Method": "GET"}
        assert (await worker.request("OPTIONS", "/connectors", headers=ask)).status_code == 200
        refused = await worker.get("/connectors", headers=PAGE)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE["Origin"])


CHANGES = (
    ("POST", "/connectors/x/restart"),
    ("PUT", "/connectors/x/pause"),
    ("DELETE", "/connectors/x"),
    ("PATCH", "/connectors/x/config"),
)
FOREIGN = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},  # an older browser
    {"Origin": "http://127.0.0.1:1"},  # another port of this machine
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "Same-Origin, cross-site"},
    {"Referer": "https://evil.example/page"},
    {"Referer": "http://127.0.0.1.evil.example/"},
    {"Referer": "file:///home/ann/page.html"},
]  # fmt: skip


async def test_a_page_of_another_origin_changes_nothing(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker, httpx.AsyncClient(base_url=worker.urls[0], verify=NO_TLS) as client:
        for headers in FOREIGN:
            for method, path in CHANGES:
                refused = await client.request(method, path, headers=headers)
                assert_error(refused, 403, "auth.denied")
                assert "access.control.allow.origin" in refused.json()["message"]
            assert (await client.get("/connectors", headers=headers)).status_code == 200


async def test_the_own_origin_and_what_is_no_browser_may_change(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        own = worker.urls[0]
        for headers in (
            {"Origin": own, "Sec-Fetch-Site": "same-origin"},
            {"Origin": own},
            {"Referer": own + "/ui/x"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": own.upper()},
            {},
        ):
            for method, path in CHANGES[:3]:
                assert (await worker.request(method, path, headers=headers)).status_code == 404, headers


async def test_an_origin_of_two_is_no_own_one(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        own = worker.urls[0]
        headers = [("Origin", own), ("Origin", "https://evil.example")]
        assert_error(await worker.request("POST", "/connectors/x/restart", headers=headers), 403, "auth.denied")


async def test_behind_a_proxy_that_ends_tls_the_page_of_the_proxys_name_is_the_own_one(tmp_path: Path) -> None:
    async with served_worker(tmp_path, **{"rest.allowed.hosts": "ui.example"}) as worker:
        for origin, host, status in [
            ("https://ui.example", "ui.example", 404),
            ("https://ui.example:8443", "ui.example:8443", 404),
            ("https://ui.example", "ui.example:443", 404),
            ("https://ui.example:8443", "ui.example", 403),
            ("https://other.example", "ui.example", 403),
        ]:
            answer = await worker.request("POST", "/connectors/x/restart", headers={"Origin": origin, "Host": host})
            assert answer.status_code == status, (origin, host)


async def test_a_listed_origin_may_change_and_a_private_network_is_no_hindrance(tmp_path: Path) -> None:
    keys = {"access.control.allow.origin": "https://UI.example", "access.control.allow.methods": "POST"}
    async with served_worker(tmp_path, **keys) as worker:
        page = {**PAGE, "Sec-Fetch-Site": "cross-site"}
        assert (await worker.request("POST", "/connectors/x/restart", headers=page)).status_code == 404
        ask = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}
        allowed = await worker.request("OPTIONS", "/connectors/x/restart", headers=ask)
        assert allowed.headers["access-control-allow-private-network"] == "true"
        stranger = await worker.request(
            "OPTIONS", "/connectors/x/restart", headers={**ask, "Origin": "https://evil.example"}
        )
        assert not [name for name in stranger.headers if name.startswith("access-control-")]


async def test_a_star_lists_every_origin_but_that_of_nobody(tmp_path: Path) -> None:
    async with served_worker(tmp_path, **{"access.control.allow.origin": "*"}) as worker:
        assert (await worker.request("POST", "/connectors/x/restart", headers=PAGE)).status_code == 404
        assert_error(
            await worker.request("POST", "/connectors/x/restart", headers={"Origin": "null"}), 403, "auth.denied"
        )


async def test_a_listed_page_learns_what_it_may_not_ask_and_others_learn_nothing(tmp_path: Path) -> None:
    async with served_worker(tmp_path, **{"access.control.allow.origin": "https://ui.example"}) as worker:
        ask = {"Access-Control-Request-Method": "DELETE"}
        refused = await worker.request("OPTIONS", "/connectors/x", headers={**PAGE, **ask})
        assert (refused.status_code, "method" in refused.text) == (400, True)
        assert "DELETE" not in refused.headers["access-control-allow-methods"]
        stranger = await worker.request("OPTIONS", "/connectors/x", headers={"Origin": "https://evil.example", **ask})
        assert (stranger.status_code, stranger.headers["allow"]) == (200, "DELETE,GET,HEAD,OPTIONS")
        assert not [name for name in stranger.headers if name.startswith("access-control-")]


async def test_an_answer_to_a_listed_page_is_not_kept_for_another(tmp_path: Path) -> None:
    async with served_worker(tmp_path, **{"access.control.allow.origin": "https://ui.example"}) as worker:
        assert "Origin" in (await worker.get(headers=PAGE)).headers["vary"]
