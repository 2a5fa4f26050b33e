"""Against a real server that speaks S3: moto's."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from connect_s3 import S3Sink

from connect.api import ConfigError, DataError, Record, RetriableError
from connect.testing import SinkHarness, Worker

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
    return {"bucket": "bucket", "endpoint.url": server, "access.key": "a", "secret.key": "b", **keys}


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


def test_fields_of_two_types_in_one_object_are_refused(server: str, store: Any) -> None:
    with SinkHarness(S3Sink, config(server)) as sink:
        sink.put({"n": 1}, {"n": "x"})
        with pytest.raises(DataError, match="not of one type each"):
            sink.flush()
        sink.stop()


@pytest.mark.parametrize("value", ["text", None, [1]])
def test_a_value_that_is_no_object_is_a_bad_record(server: str, store: Any, value: Any) -> None:
    with SinkHarness(S3Sink, config(server)) as sink:
        with pytest.raises(DataError, match="expected an object") as raised:
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
