"""Against a real HTTP server of the test's own."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from connect_webhook import webhook

from connect.api import ConfigError, DataError, Record, RetriableError
from connect.testing import SinkHarness, Worker
from connect.testing.suites import SinkSuite

SECRET = "a secret of both sides"


class Receiver(BaseHTTPRequestHandler):
    """Checks the signature, and keeps records by their id."""

    requests: ClassVar[list[dict[str, str]]] = []
    records: ClassVar[dict[str, Any]] = {}
    #: By the path of a URL, what came there.
    paths: ClassVar[dict[str, dict[str, Any]]] = {}
    is_down = False
    #: How many records it takes before it refuses; None: all.
    left: int | None = None
    answers: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        at = self.headers["X-Connect-Timestamp"]
        signed = hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        self.requests.append(dict(self.headers))
        if self.is_down:
            return self.answer(503, {}, b"")
        if self.left is not None:
            if self.left <= 0:
                return self.answer(503, {}, b"")
            type(self).left = self.left - len(json.loads(body)["records"])
        if self.answers:
            return self.answer(*self.answers.pop(0))
        if not hmac.compare_digest(self.headers["X-Connect-Signature"], f"sha256={signed}"):
            return self.answer(401, {}, b"")
        found = json.loads(body)["records"]
        bad = [{"index": n, "reason": "no number"} for n, one in enumerate(found) if one["value"] == "bad"]
        if bad:
            return self.answer(422, {}, json.dumps({"failed": bad}).encode())
        if any(one["value"] == "worse" for one in found):
            return self.answer(400, {}, b"one of them is odd")
        self.records.update({one["id"]: one["value"] for one in found})
        self.paths.setdefault(self.path, {}).update({one["id"]: one["value"] for one in found})
        return self.answer(204, {}, b"")

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
CONFIG = {"url": f"http://127.0.0.1:{SERVER.server_port}/hook", "secret": SECRET, "records.max": "3"}


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    threading.Thread(target=SERVER.serve_forever, daemon=True).start()
    yield
    SERVER.shutdown()


@pytest.fixture(autouse=True)
def nothing_received() -> None:
    Receiver.requests.clear()
    Receiver.records.clear()
    Receiver.answers.clear()


def test_records_arrive_signed_in_requests_of_their_size() -> None:
    with SinkHarness(webhook, CONFIG) as sink:
        sink.put({"a": 1}, None, "text", 4, Record("topic", 5, key={"id": 5}))
    assert Receiver.records == {
        "topic-0-0": {"a": 1}, "topic-0-1": None, "topic-0-2": "text", "topic-0-3": 4, "topic-0-4": 5
    }  # fmt: skip
    assert [one["Idempotency-Key"] for one in Receiver.requests] == ["topic-0-0..topic-0-2", "topic-0-3..topic-0-4"]


def test_the_records_that_the_receiver_names_are_bad_and_counted_from_the_first_of_all() -> None:
    with SinkHarness(webhook, CONFIG) as sink:
        with pytest.raises(DataError, match="refuses 1 records: no number") as raised:
            sink.put(1, 2, 3, 4, "bad", 6)
        assert [(one.index, one.reason) for one in raised.value.failed] == [(4, "no number")]
        sink.stop()


def test_a_refusal_without_names_is_left_to_the_worker() -> None:
    with Worker(plugins=[webhook]) as worker:
        worker.write("t", "1", '"worse"', "3", '"bad"', "5")
        tolerant = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "refused"}
        worker.run("hook", {"connector.class": "webhook", "topics": "t", **CONFIG, **tolerant})
        assert sorted(worker.wait_for("refused", 2)) == ["bad", "worse"]
        worker.until(lambda: sorted(Receiver.records.values()) == [1, 3, 5])


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_receiver_that_asks_to_wait_is_asked_again(status: int) -> None:
    with SinkHarness(webhook, CONFIG) as sink:
        Receiver.answers.append((status, {"Retry-After": "1.5"}, b""))
        with pytest.raises(RetriableError, match=str(status)) as raised:
            sink.put(1)
        assert raised.value.retry_after_ms == 1500
        sink.put(1)
    assert Receiver.records == {"topic-0-0": 1}


def test_nobody_who_answers_is_waited_for() -> None:
    with SinkHarness(webhook, CONFIG | {"url": "http://127.0.0.1:9/"}) as sink:
        with pytest.raises(RetriableError, match="does not answer"):
            sink.put(1)
        sink.stop()


@pytest.mark.parametrize(
    ("after", "date", "wait_ms"),
    [
        ("99999999999999999999", None, 3_600_000),
        ("Sat, 01 Jan 2000 00:02:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", 120_000),
        ("soon", None, None),
        ("\u00b2", None, None),
    ],
)
def test_a_receiver_says_when_to_ask_again_in_seconds_or_by_its_own_clock(
    after: str, date: str | None, wait_ms: int | None
) -> None:
    with SinkHarness(webhook, CONFIG) as sink:
        Receiver.answers.append((503, {"Retry-After": after, **({"Date": date} if date else {})}, b""))
        with pytest.raises(RetriableError) as raised:
            sink.put(1)
        assert raised.value.retry_after_ms == wait_ms
        sink.stop()


def test_an_address_that_is_none_is_no_outage() -> None:
    with SinkHarness(webhook, CONFIG | {"url": "partner.example.com/hook"}) as sink:
        with pytest.raises(ConfigError, match="is no address"):
            sink.put(1)
        sink.stop()


@pytest.mark.parametrize("status", [301, 403, 404])
def test_a_receiver_that_would_take_nothing_fails_the_task(status: int) -> None:
    with SinkHarness(webhook, CONFIG) as sink:
        Receiver.answers.append((status, {"Location": "http://127.0.0.1:9/"}, b""))
        with pytest.raises(ConfigError, match=str(status)):
            sink.put(1)
        sink.stop()


def test_a_wrong_secret_is_refused_and_not_told() -> None:
    with SinkHarness(webhook, CONFIG | {"secret": "another one"}) as sink:
        with pytest.raises(ConfigError, match="answers 401") as raised:
            sink.put(1)
        assert "another one" not in f"{raised.value.message} {raised.value.hint}"
        sink.stop()


def nested() -> Any:
    found: Any = []
    for _ in range(100_000):
        found = [found]
    return found


@pytest.mark.parametrize("value", [b"bytes", float("nan"), nested()], ids=["bytes", "nan", "nested"])
def test_a_value_that_is_no_json_is_a_bad_record(value: Any) -> None:
    with SinkHarness(webhook, CONFIG) as sink:
        with pytest.raises(DataError, match="1 records are no JSON") as raised:
            sink.put("good", value)
        assert [one.index for one in raised.value.failed] == [1]
        sink.stop()
    assert Receiver.requests == []


class TestCertificate(SinkSuite):
    """Each folder has a path of its own. What comes twice is known by its id, as a receiver does."""

    connector = webhook
    is_idempotent = True
    kills = 2
    large = 1_000

    def make_config(self, folder: Path) -> dict[str, str]:
        return {"url": f"http://127.0.0.1:{SERVER.server_port}/{folder_name(folder)}", "secret": SECRET}

    def read(self, folder: Path) -> list[Any]:
        return list(Receiver.paths.get(f"/{folder_name(folder)}", {}).values())

    def as_read(self, record: Record) -> Any:
        return json.loads(json.dumps(record.value))

    def bad_record(self) -> Record:
        return Record(self.topic, object())

    @contextmanager
    def target_down(self, folder: Path) -> Iterator[None]:
        Receiver.is_down = True
        yield
        Receiver.is_down = False

    @contextmanager
    def target_breaks(self, folder: Path, records: int) -> Iterator[None]:
        Receiver.left = records
        yield
        Receiver.left = None


def folder_name(folder: Path) -> str:
    return hashlib.sha256(str(folder).encode()).hexdigest()[:12]
