from __future__ import annotations

import itertools
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError
from connect.metrics.otel import attributes_of, exporting
from connect.metrics.reading import labels
from connect.metrics.snapshot import Looks
from connect.records import Columns
from connect.runtime.worker_config import WorkerConfig
from tests.support.collector import Collector, collector
from tests.support.logs import logged
from tests.support.worker import JSON, STRING, RunningWorker, running_worker


async def pipe(worker: RunningWorker, tmp_path: Path, **source: str) -> None:
    """Three lines through a source and a sink."""
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    read = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t", **source}
    put = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": "t"}
    await worker.client.put("/connectors/in/config", json={**read, "value.converter": STRING})
    await worker.client.put("/connectors/out/config", json={**put, "value.converter": STRING})
    await worker.until(lambda: worker.records("in") == 3 and worker.records("out") == 3)


def keys(found: Collector, **more: str) -> dict[str, str]:
    return {"otel_endpoint": found.url, "otel_metrics_interval_ms": "50", **more}


def attributes(one: Any) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value for a in one.attributes}


async def test_metrics_are_sent_by_our_names(tmp_path: Path) -> None:
    with collector() as found:
        async with running_worker(tmp_path, **keys(found)) as worker, exporting(worker.herder):
            await pipe(worker, tmp_path)
            await worker.until(
                lambda: (
                    any(p.as_int == 3 for p in found.metrics["connect_records"].sum.data_points)
                    if "connect_records" in found.metrics
                    else False
                )
            )
    records = found.metrics["connect_records"]
    assert records.sum.is_monotonic
    assert {p["connector"] for p in map(attributes, records.sum.data_points)} == {"in", "out"}
    stages = found.metrics["connect_stage_seconds"].histogram.data_points
    assert {attributes(p)["stage"] for p in stages} >= {"poll", "convert", "write", "put"}
    assert all(sum(p.bucket_counts) == p.count and len(p.bucket_counts) == len(p.explicit_bounds) + 1 for p in stages)
    assert not any(p.HasField("min") or p.HasField("max") for p in stages), "they are not known, and 0 is wrong"
    assert found.metrics["connect_stage_seconds"].unit == "s"
    # Prometheus's exporter of a collector ends the name of a gauge whose unit is 1 in _ratio.
    assert {metric.unit for metric in found.metrics.values()} == {"s", "By", ""}
    assert found.resources[0]["service.name"] == "connect"
    assert "kafka_connect_worker_task_count" not in found.metrics, "the names of boards are Prometheus's"


async def test_a_task_that_is_started_anew_counts_since_then(tmp_path: Path) -> None:
    def since() -> tuple[int, int] | None:
        told = found.metrics.get("connect_records")
        points = [] if told is None else [p for p in told.sum.data_points if attributes(p)["connector"] == "in"]
        return (points[0].as_int, points[0].start_time_unix_nano) if points else None

    with collector() as found:
        async with running_worker(tmp_path, **keys(found)) as worker, exporting(worker.herder):
            await pipe(worker, tmp_path)
            await worker.until(lambda: (now := since()) is not None and now[0] == 3)
            before = since()
            await worker.client.post("/connectors/in/restart", params={"includeTasks": "true"})
            await worker.until(lambda: (now := since()) is not None and now[0] == 0)
            after = since()
    assert before is not None and after is not None and after[1] > before[1]


async def test_a_batch_is_traced_from_the_source_through_the_log_into_the_sink(tmp_path: Path) -> None:
    with collector() as found:
        async with running_worker(tmp_path, **keys(found, otel_traces_ratio="1")) as worker:
            async with exporting(worker.herder):
                await pipe(worker, tmp_path)
            (batch,) = await worker.herder.cluster.admin.fetch(*at_start())
    (polled,), (put,) = ([s for s in found.spans if s.name == name] for name in ("poll in", "put out"))
    assert put.parent_span_id == polled.span_id and put.trace_id == polled.trace_id
    assert polled.end_time_unix_nano >= polled.start_time_unix_nano
    assert attributes(polled)["messaging.batch.message_count"] == 3
    assert attributes(put)["messaging.destination.name"] == "t"
    ((name, value),) = batch.columns.headers[0]
    assert batch.columns.headers == [[(name, value)]] * 3
    named, flags = value.decode().rsplit("-", 1)
    assert (name, named) == ("traceparent", f"00-{polled.trace_id.hex()}-{polled.span_id.hex()}")
    assert int(flags, 16) & 1, "it is said to be sampled"


def at_start() -> tuple[Any, int]:
    from connect.records import TopicPartition

    return TopicPartition("t", 0), 0


async def test_sources_that_write_in_transactions_are_traced_as_well(tmp_path: Path) -> None:
    with collector() as found:
        config = keys(found, otel_traces_ratio="1", exactly_once_source_support="enabled")
        async with running_worker(tmp_path, **config) as worker, exporting(worker.herder):
            await pipe(worker, tmp_path)
    assert {"poll in", "put out"} <= {span.name for span in found.spans}


async def test_a_batch_that_fails_is_a_span_that_failed_and_quotes_no_record(tmp_path: Path) -> None:
    with collector() as found:
        config = keys(found, otel_traces_ratio="1")
        async with running_worker(tmp_path, **config) as worker, exporting(worker.herder):
            await worker.herder.cluster.admin.create_topic("t")
            await worker.herder.cluster.producer(client_id="c").append("t", Columns([b"secret, no JSON"]))
            put = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": "t"}
            await worker.client.put("/connectors/out/config", json={**put, "value.converter": JSON})
            await worker.until_failed("out")
    (span,) = found.spans
    assert (span.name, span.status.code, span.status.message) == ("put out", 2, "DataError")
    assert span.parent_span_id == b""


async def test_a_transaction_that_fails_is_a_span_that_failed(tmp_path: Path) -> None:
    small = {"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
             "topic.creation.default.max.message.bytes": "1000"}  # fmt: skip
    with collector() as found:
        config = keys(found, otel_traces_ratio="1", exactly_once_source_support="enabled")
        async with running_worker(tmp_path, **config) as worker, exporting(worker.herder):
            read = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t", **small}
            (tmp_path / "in.txt").write_text("x" * 4000 + "\n")
            await worker.client.put("/connectors/in/config", json={**read, "value.converter": STRING})
            await worker.until_failed("in")
    (span,) = found.spans
    assert (span.name, span.status.code) == ("poll in", 2)


async def test_records_keep_the_span_that_they_name_themselves(tmp_path: Path) -> None:
    named = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    own = {"transforms": "h", "transforms.h.type": "InsertHeader", "transforms.h.header": "traceparent",
           "transforms.h.value.literal": named}  # fmt: skip
    with collector() as found:
        async with (
            running_worker(tmp_path, **keys(found, otel_traces_ratio="1"), header_converter=STRING) as worker,
            exporting(worker.herder),
        ):
            await pipe(worker, tmp_path, **own)
    (put,) = [span for span in found.spans if span.name == "put out"]
    assert put.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"


async def test_without_a_share_no_batch_is_traced_and_no_header_is_added(tmp_path: Path) -> None:
    with collector() as found:
        async with running_worker(tmp_path, **keys(found)) as worker, exporting(worker.herder):
            await pipe(worker, tmp_path)
            (batch,) = await worker.herder.cluster.admin.fetch(*at_start())
    assert (found.spans, batch.columns.headers) == ([], None)


async def test_a_collector_that_refuses_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with collector() as found, caplog.at_level(logging.INFO):
        found.refuses = True
        config = keys(found, otel_traces_ratio="1")
        async with running_worker(tmp_path, **config) as worker, exporting(worker.herder):
            await pipe(worker, tmp_path)
            await worker.until(lambda: len(found.refused) > 3)
            found.refuses = False
            await worker.until(lambda: found.metrics)
    told = [line for line in logged(caplog, logging.WARNING) if "otel" in line]
    assert len(told) == 1 and told[0].startswith("metrics cannot be sent to otel.endpoint now: "), told
    assert "400" in told[0]
    assert "metrics are sent to otel.endpoint again" in logged(caplog, logging.INFO)
    assert [record.name for record in caplog.records if record.name.startswith("opentelemetry")] == []


async def test_a_collector_that_is_away_is_told_of_once_for_metrics_and_once_for_spans(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"otel_endpoint": "http://127.0.0.1:1", "otel_metrics_interval_ms": "50", "otel_traces_ratio": "1"}
    async with running_worker(tmp_path, **config) as worker, exporting(worker.herder):
        await pipe(worker, tmp_path)
        await worker.until(lambda: any("otel" in line for line in logged(caplog, logging.WARNING)))
    told = sorted(line.partition(" cannot")[0] for line in logged(caplog, logging.WARNING) if "cannot be sent" in line)
    assert told == ["metrics", "spans"]
    assert any("refused" in line for line in logged(caplog, logging.WARNING))
    assert [record.name for record in caplog.records if record.name.startswith("opentelemetry")] == []


async def test_a_look_that_fails_is_told_of_and_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks, taken = itertools.count(), Looks._taken

    def fails_at_first(self: Looks, herder: Any) -> Any:
        assert next(looks) > 0, "a defect"
        return taken(self, herder)

    monkeypatch.setattr(Looks, "_taken", fails_at_first)
    with collector() as found:
        async with running_worker(tmp_path, **keys(found)) as worker, exporting(worker.herder):
            await worker.until(lambda: found.metrics)
    assert "metrics could not be gathered for otel.endpoint" in logged(caplog, logging.ERROR)


async def test_without_the_extra_a_worker_that_is_to_send_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    async with running_worker(tmp_path, otel_endpoint="http://127.0.0.1:1") as worker:
        with pytest.raises(ConfigError, match=r"otel\.endpoint") as failed:
            async with exporting(worker.herder):
                pass
    assert failed.value.code == "config.otel_extra_missing"


@pytest.mark.slow
def test_nothing_of_opentelemetry_is_imported_by_a_worker_that_sends_nothing() -> None:
    script = """
import asyncio, sys, tempfile
# FastAPI imports the API of opentelemetry by itself, where that is installed.
LATER = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "prometheus_client")
from connect.app import open_worker, serve
from connect.runtime.worker_config import WorkerConfig

async def main():
    with tempfile.TemporaryDirectory() as folder:
        config = WorkerConfig.parse({"data.dir": folder, "listeners": "http://127.0.0.1:0"})
        async with open_worker(config) as herder, serve(herder):
            print([name for name in sys.modules if name.startswith(LATER)])

asyncio.run(main())
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("text", ["", "plain", 'a "quoted" \\ one\nof two lines', "a,b={c}"])
def test_attributes_are_the_labels_as_they_were(text: str) -> None:
    given = {"connector": text, "task": "0"}
    assert attributes_of(labels(**given)) == given
    assert attributes_of(labels()) == {}


@pytest.mark.parametrize("ratio", ["1.5", "-0.1", "all"])
def test_a_share_that_is_none_is_refused(ratio: str) -> None:
    with pytest.raises(ConfigError, match=r"otel\.traces\.ratio"):
        WorkerConfig.parse({"otel.traces.ratio": ratio})
