"""Against a real Redis."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import redis
from connect_redis import _told, redis_sink

from connect.api import ConfigError, DataError, Record, RetriableError, Schema
from connect.testing import SinkHarness
from connect.testing.crash import Proxy
from connect.testing.suites import SinkSuite

PROGRAM = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of the tests' own."""
    if PROGRAM is None:
        pytest.skip("there is no redis-server; install it, or name one by REDIS_SERVER")
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--requirepass", "right"]
    process = subprocess.Popen([PROGRAM, *options], stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port, password="right")
    deadline = time.monotonic() + 20
    while True:
        try:
            client.ping()
            break
        except redis.exceptions.ConnectionError:
            assert time.monotonic() < deadline, "redis does not answer"
            time.sleep(0.02)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(20)


@pytest.fixture
def client(server: str) -> redis.Redis:
    client = redis.Redis.from_url(server, password="right")
    client.flushall()
    client.config_set("maxmemory", 0)
    return client


def put(server: str, *records: Record, **more: str) -> None:
    with SinkHarness(redis_sink, config(server, **more)) as sink:
        sink.put(*records)


def config(server: str, **more: str) -> dict[str, str]:
    return {"url": server, "password": "right", **{name.replace("_", "."): value for name, value in more.items()}}


def test_a_record_sets_its_key_and_one_without_value_deletes_it(server: str, client: redis.Redis) -> None:
    put(
        server,
        Record("topic", {"a": 1}, key="object"),
        Record("topic", "text", key="text"),
        Record("topic", b"\x00\xff", key=b"raw"),
        Record("topic", 4, key={"id": 4}),
        Record("topic", "gone", key="gone"),
        Record("topic", None, key="gone"),
        key_prefix="p:",
    )
    found = {key: client.get(key) for key in client.scan_iter()}
    assert found == {b"p:object": b'{"a": 1}', b"p:text": b"text", b"p:raw": b"\x00\xff", b'p:{"id": 4}': b"4"}


def test_the_fields_of_a_value_are_those_of_a_hash_and_no_others(server: str, client: redis.Redis) -> None:
    first = Record("topic", {"name": "a", "old": 1, "none": None}, key="k")
    put(server, first, Record("topic", {"name": "b", "tags": ["x"]}, key="k"), form="hash")
    assert client.hgetall("k") == {b"name": b"b", b"tags": b'["x"]'}


def test_records_are_entries_of_their_topics_stream(server: str, client: redis.Redis) -> None:
    put(server, Record("topic", {"a": 1}, key="k"), Record("topic", "text"), form="stream")
    assert [fields for _, fields in client.xrange("topic")] == [{b"key": b"k", b"a": b"1"}, {b"value": b"text"}]


def test_keys_live_as_long_as_they_are_to(server: str, client: redis.Redis) -> None:
    put(server, Record("topic", 1, key="k"), expire_ms="60000")
    assert 50_000 < client.pttl("k") <= 60_000


def test_what_is_put_again_after_a_crash_changes_nothing(server: str, client: redis.Redis) -> None:
    with SinkHarness(redis_sink, config(server, form="hash")) as sink:
        sink.put(Record("topic", {"n": 1}, key="a"), Record("topic", {"n": 2}, key="b"))
        sink.crash()
    assert {key: client.hgetall(key) for key in client.scan_iter()} == {b"a": {b"n": b"1"}, b"b": {b"n": b"2"}}


@pytest.mark.parametrize(
    ("record", "form", "told"),
    [
        (Record("topic", 1), "string", "its key is null"),
        (Record("topic", 1, key="k"), "hash", "its value is int; expected an object"),
        (Record("topic", float("nan"), key="k"), "string", "it is no JSON"),
        (Record("topic", "\ud800", key="k"), "string", "it is no text"),
        (Record("topic", "x", key="\ud800"), "string", "it is no text"),
        (Record("topic", {"a": None}, key="k"), "hash", "expected an object with fields"),
        (Record("topic", {1: "a"}, key="k"), "hash", "the field 1 has no text for its name"),
        (Record("topic", {}), "stream", "has no fields, and it has no key"),
    ],
)
def test_a_record_that_does_not_fit_is_named_and_nothing_is_written(
    server: str, client: redis.Redis, record: Record, form: str, told: str
) -> None:
    with SinkHarness(redis_sink, config(server, form=form)) as sink:
        with pytest.raises(DataError, match=told) as raised:
            sink.put(Record("topic", {"n": 1}, key="good"), record)
        assert [one.index for one in raised.value.failed] == [1]
        sink.stop()
    assert client.keys() == []


def test_a_key_of_another_kind_is_a_bad_record(server: str, client: redis.Redis) -> None:
    client.set("topic", "no stream")
    with SinkHarness(redis_sink, config(server, form="stream")) as sink:
        with pytest.raises(DataError, match="WRONGTYPE"):
            sink.put(Record("topic", "x"))
        sink.stop()


def test_the_record_that_the_server_refuses_is_named(server: str, client: redis.Redis) -> None:
    client.set("other", "no stream")
    with SinkHarness(redis_sink, config(server, form="stream"), partitions=[("topic", 0), ("other", 0)]) as sink:
        with pytest.raises(DataError, match="WRONGTYPE") as raised:
            sink.put_together(Record("other", "x"))
        assert [one.index for one in raised.value.failed] == [0]
        sink.stop()


def test_a_server_that_takes_no_writes_has_no_bad_records(server: str, client: redis.Redis) -> None:
    client.config_set("min-replicas-to-write", 1)
    try:
        with SinkHarness(redis_sink, config(server)) as sink:
            with pytest.raises(RetriableError, match="NOREPLICAS"):
                sink.put(Record("topic", "x", key="k"))
            client.config_set("min-replicas-to-write", 0)
            sink.put(Record("topic", "x", key="k"))
    finally:
        client.config_set("min-replicas-to-write", 0)
    assert client.get("k") == b"x"


@pytest.mark.parametrize("word", ["MISCONF", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS", "LOADING"])
def test_what_a_server_says_of_itself_is_about_no_record(word: str) -> None:
    error = redis.exceptions.ResponseError(f"{word} not now")
    assert isinstance(_told(error, "there"), RetriableError)


def test_an_address_that_is_none_is_told_of() -> None:
    with (
        pytest.raises(ConfigError, match="the address is wrong") as raised,
        SinkHarness(redis_sink, {"url": "http://x"}),
    ):
        pytest.fail("it started")
    assert raised.value.config_path == "url"


def test_a_server_that_is_out_of_memory_is_waited_for(server: str, client: redis.Redis) -> None:
    client.config_set("maxmemory", 1)
    with SinkHarness(redis_sink, config(server)) as sink:
        with pytest.raises(RetriableError, match="maxmemory"):
            sink.put(Record("topic", "x", key="k"))
        client.config_set("maxmemory", 0)
        sink.put(Record("topic", "x", key="k"))
    assert client.get("k") == b"x"


def test_a_wrong_password_fails_the_task_and_is_not_told(server: str) -> None:
    with SinkHarness(redis_sink, config(server) | {"password": "wr0ng"}) as sink:
        with pytest.raises(ConfigError, match="refuses the login") as raised:
            sink.put(Record("topic", "x", key="k"))
        assert "wr0ng" not in raised.value.message
        sink.stop()


def test_nobody_who_answers_is_waited_for() -> None:
    with SinkHarness(redis_sink, config(f"redis://127.0.0.1:{free_port()}/0")) as sink:
        with pytest.raises(RetriableError):
            sink.put(Record("topic", "x", key="k"))
        sink.stop()


class TestCertificate(SinkSuite):
    """Each folder has a prefix of its own; the server is behind a proxy, so that it can be away."""

    connector = redis_sink
    is_idempotent = True
    kills = 2
    url: ClassVar[str]
    proxy: ClassVar[Proxy]

    @pytest.fixture(autouse=True)
    def _server(self, server: str) -> Iterator[None]:
        host, port = server.removeprefix("redis://").removesuffix("/0").split(":")
        with Proxy(host, int(port)) as proxy:
            type(self).url, type(self).proxy = server, proxy
            yield

    def make_config(self, folder: Path) -> dict[str, str]:
        return config(f"redis://127.0.0.1:{self.proxy.port}/0", key_prefix=f"{prefix_of(folder)}:") | {
            "password": "right"
        }

    def make_record(self, number: int) -> Record:
        return Record(self.topic, f"value {number}", key=f"{number:06}")

    def typed_record(self, schema: Schema | None, value: Any) -> Record:
        return Record(self.topic, {"f": value}, key="key")

    def bad_record(self) -> Record:
        return Record(self.topic, float("nan"), key="bad")

    def read(self, folder: Path) -> list[Any]:
        with closing(redis.Redis.from_url(self.url, password="right")) as client:
            found = sorted(client.scan_iter(f"{prefix_of(folder)}:*", count=10_000))
            return [value.decode() for value in client.mget(found)] if found else []

    def as_read(self, record: Record) -> Any:
        return record.value if isinstance(record.value, str) else json.dumps(record.value)

    @contextmanager
    def target_down(self, folder: Path) -> Iterator[None]:
        self.proxy.refuses = True
        self.proxy.cut()
        yield
        self.proxy.refuses = False


def prefix_of(folder: Path) -> str:
    return hashlib.sha256(str(folder).encode()).hexdigest()[:12]
