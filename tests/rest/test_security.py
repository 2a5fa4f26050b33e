from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from connect.api import ConfigError
from tests.support.doors import PASSWORD, ServedWorker, assert_error, make_users, served_worker
from tests.support.plain import NO_TLS

ANN, BOB = ("ann", PASSWORD), ("bob", PASSWORD)
FILE = "rest.authentication.file"


async def test_a_user_with_the_right_password_is_let_in_and_no_other(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        assert (await worker.get("/connectors", auth=ANN)).status_code == 200
        assert (await worker.get("/connectors", auth=ANN)).status_code == 200
        for wrong in (None, ("ann", "wrong"), ("eve", PASSWORD), ("grafana", PASSWORD), ("ann", "")):
            refused = await worker.get("/connectors", auth=wrong)
            assert_error(refused, 401, "auth.required")
            assert 'Basic realm="Connect"' in refused.headers["www-authenticate"]
        # The word Basic has a browser ask by a dialog of its own; a page that asks itself says so.
        script = await worker.get("/connectors", headers={"X-Requested-With": "XMLHttpRequest"})
        assert_error(script, 401, "auth.required")
        assert script.headers["www-authenticate"] == 'Bearer realm="Connect"'


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
            searched = await worker.get(f"/v1/topics/{topic}/search", auth=BOB)
            assert (searched.status_code, searched.headers["x-connect-error-code"]) == (403, "auth.denied")
            path = f"/v1/topics/{topic}/partitions/0/records"
            assert (await worker.get(path, auth=BOB)).status_code == 403, path
        assert (await worker.get("/v1/topics/connect-configs/partitions/0/records", auth=ANN)).status_code == 200
        assert (await worker.get("/v1/topics/connect-status/partitions/0/records", auth=BOB)).status_code == 200


async def test_who_may_read_names_converters_and_gives_them_no_keys(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    plain = {"value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        path = "/v1/topics/connect-status/search"
        assert (await worker.get(path, params=plain, auth=BOB)).status_code == 200
        for key in ("value.converter.schema.registry.url", "key.converter.schemas.cache.size"):
            refused = await worker.get(path, params={**plain, key: "http://127.0.0.1:1"}, auth=BOB)
            assert (refused.status_code, refused.headers["x-connect-error-code"]) == (403, "auth.denied")
            assert (await worker.get(path, params={**plain, key: "x"}, auth=ANN)).status_code != 403


async def test_health_needs_no_user_and_nothing_else_does_without(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{FILE: str(users)}) as worker:
        assert (await worker.get("/health")).status_code == 200
        for path in ("/", "/connectors", "/openapi.json", "/docs", "/v1/warnings", "/health/x", "//health", "/nowhere"):
            assert (await worker.get(path)).status_code == 401, path


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
    async with served_worker(tmp_path) as worker, httpx.AsyncClient(base_url=worker.urls[0], verify=NO_TLS) as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            answer = await client.post(
                "/connectors", content=b'{"name": "x", "config": {}}', headers={"Content-Type": kind}
            )
            assert answer.status_code == 415, kind
