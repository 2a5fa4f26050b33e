from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect import credentials
from connect.api import ConfigError
from connect.rest.security import HeldBackError, Users
from connect.rest.server import exposure, parse_listener
from connect.runtime.config import WorkerConfig
from tests.support.doors import PASSWORD, ServedWorker, make_users, served_worker

ANN, BOB = ("ann", PASSWORD), ("bob", PASSWORD)
FILE = "rest.authentication.file"


def assert_error(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["x-connect-error-code"]) == (status, code), answer.text
    assert set(answer.json()) == {"error_code", "message"}


async def test_a_user_with_the_right_password_is_let_in_and_no_other(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        assert (await worker.get("/connectors", auth=ANN)).status_code == 200
        assert (await worker.get("/connectors", auth=ANN)).status_code == 200
        for wrong in (None, ("ann", "wrong"), ("eve", PASSWORD), ("grafana", PASSWORD), ("ann", "")):
            refused = await worker.get("/connectors", auth=wrong)
            assert_error(refused, 401, "auth.required")
            assert 'Basic realm="Connect"' in refused.headers["www-authenticate"]


async def test_a_token_is_let_in_with_its_role(tmp_path: Path) -> None:
    users, token = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await worker.get("/connectors", headers=bearer)).status_code == 200
        assert_error(await worker.request("PUT", "/connectors/x/pause", headers=bearer), 403, "auth.denied")
        for header in (f"Bearer {token}x", "Bearer", "Basic !!!", "Digest x", "Basic YQ==", ""):
            assert_error(await worker.get("/connectors", headers={"Authorization": header}), 401, "auth.required")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/connectors"),
        ("DELETE", "/connectors/x"),
        ("PUT", "/connectors/x/config"),
        ("PATCH", "/connectors/x/config"),
        ("POST", "/v1/topics"),
    ],
)
async def test_the_role_read_changes_nothing(tmp_path: Path, method: str, path: str) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        assert_error(await worker.request(method, path, auth=BOB, json={}), 403, "auth.denied")
        assert (await worker.request(method, path, auth=ANN, json={})).status_code not in (401, 403)


async def test_the_role_read_does_not_see_configs_in_clear_by_way_of_their_topic(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        for topic in ("connect-configs", "connect%2Dconfigs", "connect-configs;x", "%63onnect-configs"):
            path = f"/v1/topics/{topic}/partitions/0/records"
            assert (await worker.get(path, auth=BOB)).status_code == 403, path
        assert (await worker.get("/v1/topics/connect-configs/partitions/0/records", auth=ANN)).status_code == 200
        assert (await worker.get("/v1/topics/connect-status/partitions/0/records", auth=BOB)).status_code == 200


async def test_health_needs_no_user_and_nothing_else_does_without(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        assert (await worker.get("/health")).status_code == 200
        for path in ("/", "/connectors", "/openapi.json", "/docs", "/v1/warnings", "/health/x", "//health", "/nowhere"):
            assert (await worker.get(path)).status_code == 401, path


class MovingClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


async def test_a_changed_file_counts_within_a_second_and_a_broken_one_does_not(tmp_path: Path) -> None:
    path, _ = make_users(tmp_path)
    clock = MovingClock()
    users = Users(path, clock=clock)
    assert await users.find(basic(*ANN))
    path.write_text("nonsense\n")
    clock.now += 1.1
    assert await users.find(basic(*ANN))
    credentials.write(path, {"eve": credentials.Entry("eve", credentials.Role.READ, credentials.hash_password("x"))})
    clock.now += 0.5
    assert await users.find(basic(*ANN))
    clock.now += 0.6
    assert await users.find(basic(*ANN)) is None
    assert await users.find(basic("eve", "x"))


async def held_back_s(users: Users, authorization: str, address: str) -> float | None:
    try:
        assert await users.find(authorization, address) is None
    except HeldBackError as held_back:
        return held_back.retry_after_s
    return None


async def test_wrong_guesses_wait_longer_and_longer_and_hold_up_nobody_else(tmp_path: Path) -> None:
    path, token = make_users(tmp_path)
    clock = MovingClock()
    users = Users(path, clock=clock)
    assert await users.find(basic(*BOB), "10.0.0.1")
    for name in ("ann", "nobody"):  # no telling which of them there is
        waits = [await held_back_s(users, basic(name, f"wrong {n}"), "10.0.0.1") for n in range(7)]
        assert waits == [None] * 5 + [1.0, 1.0]
    clock.now += 1.0
    assert await held_back_s(users, basic("ann", "wrong"), "10.0.0.1") is None
    assert await held_back_s(users, basic("ann", "wrong"), "10.0.0.1") == 2.0
    # Neither who was let in before, nor a right token, nor another user or address has to wait.
    assert await users.find(basic(*BOB), "10.0.0.1")
    assert await users.find(f"Bearer {token}", "10.0.0.1")
    assert await users.find(basic(*ANN), "10.0.0.2")
    # Ann was let in there, and so is known here too.
    assert await users.find(basic(*ANN), "10.0.0.1")


async def test_a_right_password_after_the_wait_ends_the_count(tmp_path: Path) -> None:
    path, _ = make_users(tmp_path)
    clock = MovingClock()
    users = Users(path, clock=clock)
    for n in range(5):
        assert await held_back_s(users, basic("ann", f"wrong {n}"), "10.0.0.1") is None
    assert await held_back_s(users, basic(*ANN), "10.0.0.1") == 1.0
    clock.now += 1.0
    assert await users.find(basic(*ANN), "10.0.0.1")
    assert await held_back_s(users, basic("ann", "wrong"), "10.0.0.1") is None


async def test_wrong_tokens_are_held_back_and_right_ones_are_not(tmp_path: Path) -> None:
    path, token = make_users(tmp_path)
    users = Users(path, clock=MovingClock())
    waits = [await held_back_s(users, f"Bearer {token}{n}", "10.0.0.1") for n in range(6)]
    assert waits == [None] * 5 + [1.0]
    assert await users.find(f"Bearer {token}", "10.0.0.1")


async def test_behind_many_wrong_guesses_a_new_client_gets_in_at_once(tmp_path: Path) -> None:
    path, _ = make_users(tmp_path)
    async with (
        served_worker(tmp_path, **{FILE: str(path)}) as worker,
        httpx.AsyncClient(base_url=worker.urls[0]) as stranger,
    ):
        guesses = [asyncio.create_task(stranger.get("/connectors", auth=("ann", f"wrong {n}"))) for n in range(60)]
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(base_url=worker.urls[0], transport=elsewhere, auth=ANN) as client:
            assert (await client.get("/connectors")).status_code == 200
        answers = await asyncio.gather(*guesses)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 8  # so many were looked at, and the new client waited for no more
    held_back = next(answer for answer in answers if answer.status_code == 429)
    assert_error(held_back, 429, "auth.held_back")
    assert int(held_back.headers["retry-after"]) >= 1


async def test_requests_with_one_password_at_once_are_one_guess(tmp_path: Path) -> None:
    path, _ = make_users(tmp_path)
    users = Users(path, clock=MovingClock())
    found = await asyncio.gather(*(users.find(basic(*ANN), "10.0.0.1") for _ in range(50)))
    assert all(entry is not None and entry.name == "ann" for entry in found)


async def test_guesses_at_many_names_wait_for_a_check_a_few_of_one_address_and_so_many_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = make_users(tmp_path)
    monkeypatch.setattr(credentials, "check_password", lambda password, hashed: password == PASSWORD)

    async def answers(*guesses: tuple[str, tuple[str, str]]) -> list[str]:
        users = Users(path, clock=MovingClock())
        asked = (users.find(basic(*user), address) for address, user in guesses)
        return [type(found).__name__ for found in await asyncio.gather(*asked, return_exceptions=True)]

    of_one = [("10.0.0.1", (f"name {number}", "wrong")) for number in range(20)]
    found = await answers(*of_one, ("10.0.0.2", ANN))
    assert found == ["NoneType"] * 4 + ["HeldBackError"] * 16 + ["Entry"]
    found = await answers(*((f"10.0.1.{number}", ("ann", f"wrong {number}")) for number in range(100)))
    assert found == ["NoneType"] * 64 + ["HeldBackError"] * 36


async def test_only_the_first_request_of_a_client_pays_for_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, _ = make_users(tmp_path)
    checked: list[str] = []
    check = credentials.check_password

    def counted(password: str, hashed: str) -> bool:
        checked.append(password)
        return check(password, hashed)

    monkeypatch.setattr(credentials, "check_password", counted)
    async with (
        served_worker(tmp_path, **{FILE: str(users)}) as worker,
        httpx.AsyncClient(base_url=worker.urls[0], auth=ANN) as client,
    ):
        for _ in range(50):
            assert (await client.get("/")).status_code == 200
    assert checked == [ANN[1]]


@pytest.mark.parametrize(
    "text",
    [
        "ann",
        "ann:write",
        "ann:admin:$sha256$" + "0" * 64,
        "ann:write:hunter2",
        "ann:write:$scrypt$1$2$3$x$y",
        "ann:write:$scrypt$1073741824$8$1$AAAA$" + "A" * 43 + "=",
        ":read:x",
        "ann:read:$sha256$zz",
    ],
)
async def test_a_wrong_credentials_file_ends_the_start_and_shows_no_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "users"
    path.write_text(f"# users\n\n{text}\n")
    with pytest.raises(ConfigError) as refused:
        async with served_worker(tmp_path, **{FILE: str(path)}):
            raise AssertionError("it listens")
    assert "line 3" in refused.value.message
    assert "hunter2" not in refused.value.message


# -- origins -------------------------------------------------------------------------------------------------------

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
        assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (200, "GET,PUT")
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
    async with served_worker(tmp_path) as worker, httpx.AsyncClient(base_url=worker.urls[0]) as client:
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


# -- exposure ------------------------------------------------------------------------------------------------------


def config(**keys: str) -> WorkerConfig:
    return WorkerConfig.parse({name.replace("_", "."): value for name, value in keys.items()})


def test_loopback_is_the_default() -> None:
    assert config().listeners == ["http://127.0.0.1:8083"]


@pytest.mark.parametrize(
    ("listener", "address", "keys", "mentions"),
    [
        ("http://localhost:1", "127.0.0.1", {}, None),
        ("http://[::1]:1", "::1", {}, None),
        ("http://0.0.0.0:1", "0.0.0.0", {}, "no password"),
        ("http://0.0.0.0:1", "0.0.0.0", {"rest_authentication_file": "f"}, "readable"),
        ("https://0.0.0.0:1", "0.0.0.0", {"rest_authentication_file": "f"}, None),
        ("https://0.0.0.0:1", "0.0.0.0", {}, "no password"),
    ],
)
def test_a_listener_that_others_reach_is_warned_about(
    listener: str, address: str, keys: dict[str, str], mentions: str | None
) -> None:
    keys["ssl_keystore_location"] = "x"
    found = exposure(parse_listener(listener), address, config(**keys))
    assert (found is None) if mentions is None else (found is not None and mentions in found)


async def test_the_warning_is_logged_and_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with served_worker(tmp_path, "http://0.0.0.0:0") as worker:
            url = f"http://127.0.0.1:{worker.address[1]}/v1/warnings"
            async with httpx.AsyncClient(trust_env=False) as client:
                listed: list[dict[str, Any]] = (await client.get(url)).json()["warnings"]
    assert "asks for no password" in caplog.text
    assert [warning["code"] for warning in listed] == ["listener.open"]


# -- no way around the user ----------------------------------------------------------------------------------------

_TARGETS = (
    "/connectors", "/CONNECTORS", "//connectors", "/connectors/", "/connectors;x", "/%63onnectors", "/connectors%00",
    "/health/../connectors", "/health%2f..%2fconnectors", "/health;/connectors", "/Health", "/health/", "/./health/x",
    "/connectors?x=/health", "/connectors#/health", "http://localhost/connectors", "/docs", "/openapi.json",
    "/metrics", "/admin/loggers", "/v1/worker", "/nowhere",
)  # fmt: skip
_TRICKS = (
    "X-Original-URL: /health",
    "X-Rewrite-URL: /health",
    "X-HTTP-Method-Override: GET",
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-User: ann",
    "Forwarded: for=127.0.0.1",
    "Authorization:",
    "Authorization: Basic",
    "Authorization: Basic Og==",
    "Authorization: Bearer null",
    "Authorization: None x",
    "Upgrade: h2c\r\nConnection: Upgrade",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Cookie: session=ann",
)
_SMUGGLED = (
    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc",
    "Content-Length: +5\r\n\r\nabcde",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Content-Length : 0\r\n\r\n",
    "X: a\r\n b\r\n\r\n",
    "X: a\0b\r\n\r\n",
)


async def status_of(worker: ServedWorker, text: str) -> int:
    """Return the status of what must be the only answer."""
    answer = await worker.raw(text.encode("latin-1"))
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    return int(answer.split(b" ")[1])


async def test_neither_spellings_of_paths_nor_headers_nor_smuggled_requests_get_around_the_user(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        end = "Host: localhost\r\nConnection: close\r\n"
        for target in _TARGETS:
            open_ = target in ("/health/", "/health;/connectors")
            wanted = (200, 401, 404) if open_ else (401,)
            assert await status_of(worker, f"GET {target} HTTP/1.1\r\n{end}\r\n") in wanted, target
        for trick in _TRICKS:
            assert await status_of(worker, f"GET /connectors HTTP/1.1\r\n{trick}\r\n{end}\r\n") == 401, trick
        for method in ("HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE"):
            assert await status_of(worker, f"{method} /connectors HTTP/1.1\r\n{end}\r\n") == 401, method
        inner = "GET /connectors HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for smuggled in _SMUGGLED:
            assert await status_of(worker, f"POST /connectors HTTP/1.1\r\nHost: localhost\r\n{smuggled}{inner}") in (
                400,
                401,
            ), smuggled


async def test_forms_and_texts_that_a_page_may_send_unasked_are_no_requests(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker, httpx.AsyncClient(base_url=worker.urls[0]) as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            answer = await client.post(
                "/connectors", content=b'{"name": "x", "config": {}}', headers={"Content-Type": kind}
            )
            assert answer.status_code == 415, kind
