"""Against a real server that speaks S3: moto's."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from connect_s3 import S3Sink, S3SinkTask

from connect.api import ConfigError, DataError, Record, RetriableError, Schema
from connect.testing import SinkHarness, Worker
from connect.testing.crash import Proxy
from connect.testing.suites import SinkSuite

moto_server = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[s3,server]'")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    started = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def store(server: str, request: pytest.FixtureRequest) -> Any:
    """The store, and an empty bucket for each test."""
    found = pafs.S3FileSystem(
        access_key="a", secret_key="b", endpoint_override=server, allow_bucket_creation=True, allow_bucket_deletion=True
    )
    if found.get_file_info("bucket").type is not pafs.FileType.NotFound:
        found.delete_dir("bucket")
    found.create_dir("bucket")
    return found


def config(server: str, **more: str) -> dict[str, str]:
    keys = {name.replace("_", "."): value for name, value in more.items()}
    return {"bucket": "bucket", "endpoint.url": server, "access.key.id": "a", "secret.key": "b", **keys}


def objects(store: Any) -> dict[str, list[dict[str, Any]]]:
    """What is in the bucket: by name, the records."""
    found = {}
    for info in sorted(store.get_file_info(pafs.FileSelector("bucket", recursive=True)), key=lambda one: one.path):
        if info.is_file:
            with store.open_input_stream(info.path) as file:
                data = file.readall()
            lines = info.path.endswith("jsonl")
            found[info.path] = (
                [json.loads(line) for line in data.splitlines()]
                if lines
                else pq.read_table(io.BytesIO(data)).to_pylist()
            )
    return found


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_records_are_in_objects_whose_names_say_which(server: str, store: Any, form: str) -> None:
    with SinkHarness(S3Sink, config(server, format=form, flush_size="2", prefix="/raw/")) as sink:
        sink.put({"n": 0}, {"n": 1})
        sink.put({"n": 2})
        assert len(objects(store)) == 1
        assert sink.flush() == {("topic", 0): 3}
    folder = "bucket/raw/topic/partition=0"
    assert objects(store) == {
        f"{folder}/{0:020}-{1:020}-id-of-topic.{form}": [{"n": 0}, {"n": 1}],
        f"{folder}/{2:020}-{2:020}-id-of-topic.{form}": [{"n": 2}],
    }


def test_a_crash_takes_nothing_and_doubles_nothing(server: str, store: Any) -> None:
    with SinkHarness(S3Sink, config(server, flush_size="2")) as sink:
        sink.put({"n": 0}, {"n": 1})
        sink.put({"n": 2})
        sink.crash()
        sink.put({"n": 3}, {"n": 4})
        sink.crash()
        sink.crash()
    found = [record["n"] for records in objects(store).values() for record in records]
    assert found == [0, 1, 2, 3, 4]


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(server: str, store: Any) -> None:
    store.create_dir("bucket/topic/partition=0")
    with store.open_output_stream(f"bucket/topic/partition=0/{0:020}-{99:020}-another-id.parquet") as out:
        out.write(b"")
    with SinkHarness(S3Sink, config(server)) as sink:
        assert sink.task.resume_offsets([("topic", 0)]) == {}


def test_a_record_that_does_not_fit_is_named_and_the_others_are_written(server: str, store: Any) -> None:
    with Worker(plugins=[S3Sink]) as worker:
        worker.write("t", '{"n": 1}', "[1]", '{"n": 2}')
        tolerant = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "refused"}
        worker.run("s3", {"connector.class": "S3Sink", "topics": "t", **config(server), **tolerant})
        assert worker.wait_for("refused", 1) == [[1]]
        worker.until(lambda: [one["n"] for records in objects(store).values() for one in records] == [1, 2])


def test_where_a_field_has_another_type_a_new_object_begins(server: str, store: Any) -> None:
    with SinkHarness(S3Sink, config(server)) as sink:
        sink.put({"n": 1}, {"n": None}, {"n": "x"}, {"n": "y"})
    assert list(objects(store).values()) == [[{"n": 1}, {"n": None}], [{"n": "x"}, {"n": "y"}]]


def test_a_field_that_not_every_record_has_is_kept(server: str, store: Any) -> None:
    with SinkHarness(S3Sink, config(server)) as sink:
        sink.put({"a": 1}, {"a": 2, "b": 3}, {"c": {"x": 1}}, {"c": {"y": 2}})
    found = [record for records in objects(store).values() for record in records]
    assert [{name: value for name, value in record.items() if value is not None} for record in found] == [
        {"a": 1}, {"a": 2, "b": 3}, {"c": {"x": 1, "y": None}}, {"c": {"x": None, "y": 2}}
    ]  # fmt: skip


def test_an_object_has_no_more_records_than_it_is_to(server: str, store: Any) -> None:
    with SinkHarness(S3Sink, config(server, flush_size="2")) as sink:
        sink.put(*({"n": n} for n in range(5)))
    assert [len(records) for records in objects(store).values()] == [2, 2, 1]


@pytest.mark.parametrize("is_there", [False, True])
def test_an_upload_that_fails_comes_again_under_its_name_and_doubles_nothing(
    server: str, store: Any, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    store_now, fails = S3SinkTask._store, [True]

    def store_or_fail(self: S3SinkTask, path: str, data: bytes) -> None:
        if not fails or is_there:
            store_now(self, path, data)
        if fails:
            fails.pop()
            raise OSError("the answer is lost")

    monkeypatch.setattr(S3SinkTask, "_store", store_or_fail)
    with SinkHarness(S3Sink, config(server, flush_size="2")) as sink:
        with pytest.raises(RetriableError, match="the answer is lost"):
            sink.put({"n": 0}, {"n": 1})
        sink.put({"n": 0}, {"n": 1}, {"n": 2})
    assert list(objects(store).values()) == [[{"n": 0}, {"n": 1}], [{"n": 2}]]


def test_a_flush_that_fails_comes_again_with_the_same_and_what_came_since_behind_it(
    server: str, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_now, fails = S3SinkTask._store, [True]

    def store_and_fail_once(self: S3SinkTask, path: str, data: bytes) -> None:
        store_now(self, path, data)
        if fails:
            fails.pop()
            raise OSError("the answer is lost")

    monkeypatch.setattr(S3SinkTask, "_store", store_and_fail_once)
    with SinkHarness(S3Sink, config(server)) as sink:
        sink.put({"n": 0})
        with pytest.raises(RetriableError):
            sink.flush()
        sink.put({"n": 1})
        assert sink.flush() == {("topic", 0): 2}
    assert list(objects(store).values()) == [[{"n": 0}], [{"n": 1}]]


def test_offsets_are_not_altered_beside_the_objects() -> None:
    sink = S3Sink()
    with pytest.raises(ConfigError, match="in the names of its objects"):
        sink.alter_offsets({("topic", 0): 0})


def test_a_key_without_its_secret_is_refused() -> None:
    with pytest.raises(ConfigError, match="belong together"):
        S3Sink.config_class.parse({"bucket": "b", "access.key.id": "a"})


@pytest.mark.parametrize("value", ["text", None, [1], {}, {"n": {}}, {"n": 1 << 70}, {"n": "\ud800"}, {1: 2}])
def test_a_value_that_is_no_object_is_a_bad_record(server: str, store: Any, value: Any) -> None:
    with SinkHarness(S3Sink, config(server)) as sink:
        with pytest.raises(DataError, match="no parquet can hold it") as raised:
            sink.put(Record("topic", {"n": 1}), Record("topic", value))
        assert [one.index for one in raised.value.failed] == [1]
        sink.stop()
    assert objects(store) == {}


def test_a_bucket_that_there_is_not_fails_the_task(server: str, store: Any) -> None:
    with SinkHarness(S3Sink, config(server) | {"bucket": "nowhere"}) as sink:
        sink.put({"n": 1})
        with pytest.raises(ConfigError, match="no bucket nowhere"):
            sink.flush()
        sink.stop()


def test_a_store_that_does_not_answer_is_waited_for() -> None:
    with pytest.raises(RetriableError), SinkHarness(S3Sink, config("http://127.0.0.1:9")):
        pytest.fail("it started")


class TestCertificate(SinkSuite):
    """Each folder has a prefix of its own; the store is behind a proxy, so that it can be away."""

    connector = S3Sink
    is_idempotent = True
    is_ordered = False
    kills = 2
    large = 1_000
    url: ClassVar[str]
    proxy: ClassVar[Proxy]

    @pytest.fixture(autouse=True)
    def _server(self, server: str, store: Any) -> Iterator[None]:
        with Proxy("127.0.0.1", int(server.rpartition(":")[2])) as proxy:
            type(self).url, type(self).proxy = server, proxy
            yield

    def make_config(self, folder: Path) -> dict[str, str]:
        return config(f"http://127.0.0.1:{self.proxy.port}", prefix=prefix_of(folder), format="parquet")

    def make_record(self, number: int) -> Record:
        return Record(self.topic, {"n": number})

    def typed_record(self, schema: Schema | None, value: Any) -> Record:
        return Record(self.topic, {"f": value})

    def bad_record(self) -> Record:
        return Record(self.topic, "text")

    def read(self, folder: Path) -> list[Any]:
        store = pafs.S3FileSystem(access_key="a", secret_key="b", endpoint_override=self.url)
        prefix = f"bucket/{prefix_of(folder)}/"
        return [plain(one) for name, records in objects(store).items() if name.startswith(prefix) for one in records]

    def as_read(self, record: Record) -> Any:
        return plain(record.value)

    @contextmanager
    def target_down(self, folder: Path) -> Iterator[None]:
        self.proxy.refuses = True
        self.proxy.cut()
        yield
        self.proxy.refuses = False


def prefix_of(folder: Path) -> str:
    return hashlib.sha256(str(folder).encode()).hexdigest()[:12]


def plain(value: Any) -> Any:
    """A value as it is compared: times without the form of their zone, structs without fields of others."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value
