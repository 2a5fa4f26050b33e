from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import httpx
import pytest

from connect.rest.ui import FOLDER, KINDS, POLICY, names
from tests.support.doors import make_users, served_worker
from tests.support.worker import running_worker

TRANSFERRED_MAX = 150_000


async def test_the_page_and_its_files_are_served_with_a_policy_that_lets_nothing_in(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        page = await worker.client.get("/ui/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        for name in names():
            answer = await worker.client.get(f"/ui/{name}")
            assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
            assert answer.headers["content-type"] == KINDS[Path(name).suffix]
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.content == (FOLDER / name).read_bytes()
    assert "unsafe" not in POLICY
    assert "*" not in POLICY


async def test_the_address_without_a_slash_leads_to_the_one_with_it(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        answer = await worker.client.get("/ui")
        assert (answer.status_code, answer.headers["location"]) == (307, "ui/")
        assert (await worker.client.get("/ui", follow_redirects=True)).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_browser_that_has_a_file_is_told_so(tmp_path: Path, encoding: str) -> None:
    async with running_worker(tmp_path) as worker:
        accept = {"Accept-Encoding": encoding}
        first = await worker.client.get("/ui/app.css", headers=accept)
        again = await worker.client.get("/ui/app.css", headers={**accept, "If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        other = await worker.client.get("/ui/app.css", headers={**accept, "If-None-Match": '"other"'})
        assert other.status_code == 200


@pytest.mark.parametrize("name", ["../rest/ui.py", "..%2frest%2fui.py", "__init__.py", "js", "", "js/nothing.js"])
async def test_nothing_but_the_files_of_the_page_is_served(tmp_path: Path, name: str) -> None:
    async with running_worker(tmp_path) as worker:
        request = httpx.Request("GET", "http://worker/ui/x")
        request.url = request.url.copy_with(raw_path=f"/ui/{name}".encode())
        answer = await worker.client.send(request, follow_redirects=True)
    assert answer.status_code == 404 or (name == "" and b"<!doctype html>" in answer.content)


async def test_the_page_is_there_without_a_user_and_nothing_else_is(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{"rest.authentication.file": str(users)}) as worker:
        for path in ("/ui", "/ui/", "/ui/js/app.js"):
            assert (await worker.get(path, follow_redirects=True)).status_code == 200
        assert (await worker.get("/ui/nothing")).status_code == 404
        for path in ("/uix", "/ui/../connectors", "//ui/", "/connectors"):
            assert (await worker.get(path)).status_code == 401, path
        assert (await worker.request("PUT", "/ui/js/app.js", json={})).status_code == 401


def test_all_of_it_is_a_small_page() -> None:
    sizes = {name: len(gzip.compress((FOLDER / name).read_bytes(), mtime=0)) for name in names()}
    assert sum(sizes.values()) < TRANSFERRED_MAX, sizes


def test_nothing_is_fetched_from_elsewhere_and_no_text_becomes_markup() -> None:
    for name in names():
        text = (FOLDER / name).read_text()
        if "vendor" in name:
            continue
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1)[^\s`\"']+", text), name
        assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), name
        assert ' style="' not in text, f"{name}: the policy lets no inline style in"


def test_each_module_of_the_first_view_is_fetched_at_once() -> None:
    """What a module imports is otherwise found only when it has come, one round after the other."""
    told = set(
        re.findall(r'(?:modulepreload" href|script type="module" src)="([^"]+)"', (FOLDER / "index.html").read_text())
    )
    wanted, seen = ["js/app.js", "js/views/overview.js"], set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        found = re.findall(r'^(?:import|export) .*from "([^"]+)"', (FOLDER / name).read_text(), re.M)
        wanted += [str((FOLDER / name).parent.joinpath(one).resolve().relative_to(FOLDER)) for one in found]
    assert told == seen


def test_the_library_is_the_one_that_its_note_names() -> None:
    vendor = FOLDER / "js" / "vendor"
    digest = hashlib.sha256((vendor / "htm-preact.js").read_bytes()).hexdigest()
    assert digest in (vendor / "THIRD-PARTY.txt").read_text()
