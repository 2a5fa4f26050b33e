"""Against a real HTTP server of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from connect_http_json import http_json

from connect.api import ConfigError, RetriableError
from connect.testing import SourceHarness
from connect.testing.suites import SourceSuite

SIZE = 10


class Api(BaseHTTPRequestHandler):
    """Pages of records with an id, behind `since`; by Link, by a name, by a number."""

    records: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[str]] = []
    is_down = False
    answers: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.is_down:
            return self.answer(503, {}, b"")
        if self.answers:
            return self.answer(*self.answers.pop(0))
        if self.headers.get("Authorization", "Bearer right") != "Bearer right":
            return self.answer(401, {}, b"{}")
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        page, since = int(query.get("page", 1)), int(query.get("since", -1))
        found = [record for record in self.records if record["id"] > since]
        part = found[(page - 1) * SIZE : page * SIZE]
        more = len(found) > page * SIZE
        following = f"/items?since={since}&page={page + 1}" if more else None
        if url.path == "/items":
            headers = {"Link": f'<{following}>; rel="next"'} if following else {}
            return self.answer(200, headers, json.dumps(part).encode())
        body = {"data": {"items": part}, "paging": {"next": following and following.replace("/items", "/named")}}
        return self.answer(200, {}, json.dumps(body).encode())

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Api)
URL = f"http://127.0.0.1:{SERVER.server_port}"
NAMED = {"url": f"{URL}/named", "records": "data.items"}
FORMS = {
    "link": {"url": f"{URL}/items"},
    "next": {**NAMED, "page": "next", "next": "paging.next"},
    "number": {**NAMED, "page": "number"},
}


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    threading.Thread(target=SERVER.serve_forever, daemon=True).start()
    yield
    SERVER.shutdown()


@pytest.fixture(autouse=True)
def thirty_records() -> None:
    Api.records[:] = [{"id": n, "name": f"name {n}"} for n in range(35)]
    Api.asked.clear()
    Api.answers.clear()


def config(form: str = "link", **more: str) -> dict[str, str]:
    keys = {name.replace("_", "."): value for name, value in more.items()}
    return {"topic": "items", "requests.per.second": "1000", **FORMS[form], **keys}


def ids(records: list[Any]) -> list[int]:
    return [record.value["id"] for record in records]


@pytest.mark.parametrize("form", FORMS)
def test_every_page_is_read_whichever_way_they_are_named(form: str) -> None:
    with SourceHarness(http_json, config(form, key_field="id")) as source:
        records = source.records(35)
    assert ids(records) == list(range(35))
    assert [record.key for record in records] == list(range(35))


@pytest.mark.parametrize("form", FORMS)
def test_it_goes_on_in_the_page_and_at_the_record_where_it_was(form: str) -> None:
    with SourceHarness(http_json, config(form)) as source:
        places = [(r.source_partition, r.source_offset) for r in source.records(35)]
    for number in (1, 9, 10, 11, 25):
        Api.asked.clear()
        with SourceHarness(http_json, config(form), offsets=[places[number - 1]]) as source:
            assert ids(source.records(35 - number)) == list(range(number, 35))
        assert len(Api.asked) <= 5 - number // 10  # no page in front of it is asked for


def test_the_next_round_asks_for_what_lies_behind_the_cursor() -> None:
    keys = {"cursor_field": "id", "poll_interval_ms": "10"}
    with SourceHarness(http_json, config(**keys)) as source:
        assert ids(source.records(35)) == list(range(35))
        Api.records.append({"id": 35})
        assert ids(source.records(1)) == [35]
        assert Api.asked[-1].endswith("since=34") or Api.asked[-1].endswith("since=35")


@pytest.mark.parametrize("count", [30, 35])
@pytest.mark.parametrize("form", FORMS)
def test_without_a_cursor_each_round_reads_everything(form: str, count: int) -> None:
    del Api.records[count:]
    with SourceHarness(http_json, config(form, poll_interval_ms="10")) as source:
        assert ids(source.records(2 * count))[: 2 * count] == [*range(count), *range(count)]


@pytest.mark.parametrize("count", [30, 35])
@pytest.mark.parametrize("form", FORMS)
def test_rounds_go_on_behind_the_cursor_whichever_way_pages_are_named(form: str, count: int) -> None:
    del Api.records[count:]
    with SourceHarness(http_json, config(form, cursor_field="id", poll_interval_ms="10")) as source:
        assert ids(source.records(count)) == list(range(count))
        Api.records.append({"id": count})
        assert ids(source.records(1)) == [count]
        source.commit()
        source.restart()
        Api.records.append({"id": count + 1})
        assert ids(source.records(1)) == [count + 1]


@pytest.mark.parametrize("form", FORMS)
def test_a_page_that_has_nothing_any_more_is_not_waited_at_for_ever(form: str) -> None:
    partition = {"source": "http_json"}
    with SourceHarness(http_json, config(form)) as source:
        partition = source.records(1)[0].source_partition
    url = {"link": f"{URL}/items?page=7", "next": f"{URL}/named?page=7", "number": f"{URL}/named?page=7"}[form]
    for done in (0, 5):
        place = {"cursor": None, "url": url, "done": done}
        with SourceHarness(http_json, config(form), offsets=[(partition, place)]) as source:
            assert ids(source.records(35)) == list(range(35))


def test_a_token_is_for_its_own_server_alone() -> None:
    page = json.dumps([{"id": 1}]).encode()
    Api.answers.append((200, {"Link": '<http://127.0.0.1:9/items>; rel="next"'}, page))
    with (
        SourceHarness(http_json, config(token="right")) as source,
        pytest.raises(ConfigError, match="another server"),
    ):
        source.records(2)


def test_a_cursor_of_two_kinds_is_told_of() -> None:
    Api.records[:] = [{"id": 1}, {"id": 2}]
    Api.answers.append((200, {}, json.dumps([{"id": 1}, {"id": "2"}]).encode()))
    with (
        SourceHarness(http_json, config(cursor_field="id")) as source,
        pytest.raises(ConfigError, match="the field id is '2' in one record and 1 in another"),
    ):
        source.records(2)


@pytest.mark.parametrize(
    ("after", "date", "wait_ms"),
    [
        ("1.5", None, 1500),
        ("99999999999999999999", None, 3_600_000),
        ("Sat, 01 Jan 2000 00:02:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", 120_000),
        ("Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:05 GMT", 0),
        ("soon", None, None),
        ("\u00b2", None, None),
    ],
)
def test_a_server_says_when_to_ask_again_in_seconds_or_by_its_own_clock(
    after: str, date: str | None, wait_ms: int | None
) -> None:
    with SourceHarness(http_json, config()) as source:
        Api.answers.append((503, {"Retry-After": after, **({"Date": date} if date else {})}, b""))
        assert polled_until_it_fails(source, []).retry_after_ms == wait_ms


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_that_asks_to_wait_is_asked_again_and_nothing_is_lost(status: int) -> None:
    with SourceHarness(http_json, config()) as source:
        found = source.poll()
        Api.answers.append((status, {"Retry-After": "2"}, b""))
        error = polled_until_it_fails(source, found)
        assert str(status) in error.message
        assert error.retry_after_ms == 2000
        assert ids(found + source.records(35 - len(found))) == list(range(35))


def polled_until_it_fails(source: SourceHarness, found: list[Any]) -> RetriableError:
    for _ in range(100):
        try:
            found += source.poll()
        except RetriableError as error:
            return error
    raise AssertionError("it does not fail")


def test_nobody_who_answers_is_waited_for() -> None:
    url = "http://127.0.0.1:9/items"
    with (
        SourceHarness(http_json, config() | {"url": url}) as source,
        pytest.raises(RetriableError, match=r"127\.0\.0\.1:9"),
    ):
        source.records(1)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"token": "wrong"}, "answers 401"),
        ({"records": "data.rows"}, "has no 'data' of records"),
        ({"url": f"{URL}/named"}, "no list at records=''"),
        ({"url": "127.0.0.1/items"}, "is no address"),
    ],
)
def test_what_is_wrong_with_the_config_is_told_and_no_secret(keys: dict[str, str], told: str) -> None:
    with SourceHarness(http_json, config() | keys) as source, pytest.raises(ConfigError, match=told) as raised:
        source.records(1)
    assert "wrong" not in raised.value.message


def test_what_is_no_json_is_told() -> None:
    Api.answers.append((200, {}, b"<html>"))
    with SourceHarness(http_json, config()) as source, pytest.raises(ConfigError, match="answers no JSON"):
        source.records(1)


def test_requests_are_paced() -> None:
    with SourceHarness(http_json, config() | {"requests.per.second": "1"}) as source:
        source.records(1)
        assert len(Api.asked) == 1


class TestCertificate(SourceSuite):
    connector = http_json
    kills = 2

    def make_config(self, folder: Path) -> dict[str, str]:
        return config("link", poll_interval_ms="3600000")

    @contextmanager
    def upstream_down(self, folder: Path) -> Iterator[None]:
        Api.is_down = True
        yield
        Api.is_down = False
