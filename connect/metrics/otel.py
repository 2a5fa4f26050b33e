"""OpenTelemetry: metrics, and traces of batches, sent to a collector by OTLP over HTTP.

Off unless `otel.endpoint` is set; nothing of it is imported before. The libraries are an extra, `otel`. What a
collector needs beside its address (headers, certificates, a service's name) is read by them from the environment, by
the names that OpenTelemetry gives: `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, ...

A collector that is away holds nothing up: metrics are sent anew the next time, spans are dropped where too many wait,
and the log says once that it is so, and once that it is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, cast

import connect
from connect.api import ConfigError
from connect.api.error_codes import register_code
from connect.metrics.declarations import wanted
from connect.metrics.metric import OWN, Metric
from connect.metrics.reading import Histograms, Reading, Samples
from connect.metrics.snapshot import Looks, WorkerLook
from connect.records import Columns, FetchedBatch
from connect.runtime.host import Host
from connect.runtime.model import TaskId
from connect.runtime.secrets import redact
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.traces import TRACEPARENT, Span

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter as SdkSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.trace import Tracer as SdkTracer

logger = logging.getLogger(__name__)

EXTRA_MISSING: Final = register_code(
    "config.otel_extra_missing",
    "otel.endpoint is set, and OpenTelemetry's libraries are not installed.",
    "Install them with: pip install 'connect-runtime[otel]'.",
)
#: How long one request to the collector may take.
_REQUEST_S: Final = 5.0
#: How long the end waits for what is left to be sent.
_LAST_S: Final = 3.0
#: So many other batches a sink's span is linked to, where a fetch is of several.
_LINKS_MAX: Final = 16
_NAME: Final = "connect"
#: So much of what the libraries say of a failure is told.
_TOLD_MAX: Final = 300
_LIBRARY_METRICS: Final = "opentelemetry.exporter.otlp.proto.http.metric_exporter"
_LIBRARY_SPANS: Final = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal")


@asynccontextmanager
async def exporting(host: Host) -> AsyncIterator[None]:
    """Send a worker's metrics and traces while it serves, as its config says; do nothing where it says nothing.

    Raises:
        ConfigError: config.otel_extra_missing.
    """
    config = host.base.config
    if not config.otel_endpoint:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "opentelemetry":
            raise
        raise ConfigError(
            "otel.endpoint: OpenTelemetry's libraries are not installed",
            code=EXTRA_MISSING,
            config_path="otel.endpoint",
        ) from error
    with Telling("metrics", _LIBRARY_METRICS) as of_metrics, Telling("spans", *_LIBRARY_SPANS) as of_spans:
        endpoint = config.otel_endpoint.rstrip("/")
        resource = Resource.create(
            {
                "service.version": connect.__version__,
                "service.instance.id": host.base.worker_id,
                "connect.group": config.group_id,
                **({} if _has_name() else {"service.name": _NAME}),
            }
        )
        sending: asyncio.Task[None] | None = None
        provider: TracerProvider | None = None
        exporter = OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics", timeout=_REQUEST_S)
        metrics = MetricsSender(Looks(host), exporter, resource, of_metrics)
        if config.otel_metrics_interval_ms:
            sending = asyncio.create_task(metrics.send_forever(config.otel_metrics_interval_ms / 1000), name="otel")
        if config.otel_traces_ratio:
            provider = TracerProvider(
                sampler=ParentBased(TraceIdRatioBased(config.otel_traces_ratio)),
                resource=resource,
                shutdown_on_exit=False,
            )
            spans = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=_REQUEST_S)
            provider.add_span_processor(BatchSpanProcessor(cast(SpanExporter, _ToldSpans(spans, of_spans))))
            host.base.traces.tracer = BatchTracer(provider.get_tracer(_NAME, connect.__version__))
        try:
            yield
        finally:
            host.base.traces.tracer = None
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                await _in_time(metrics.send())
                await _in_time(metrics.aclose())
            if provider is not None:
                await _in_time(asyncio.to_thread(provider.shutdown))


def _has_name() -> bool:
    import os

    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")


async def _in_time(last: Any) -> None:
    try:
        async with asyncio.timeout(_LAST_S):
            await last
    except TimeoutError:
        logger.warning("not all that was left was sent to otel.endpoint within %g s", _LAST_S)


class Telling(logging.Filter):
    """Says once that something cannot be sent, and once that it can again, in the place of the libraries.

    These write two lines for each try, and again for each span that is dropped. As a context manager it takes what
    their loggers say meanwhile. For any thread.

    Args:
        what: What is sent, for people.
        loggers: The libraries', by name.
    """

    def __init__(self, what: str, *loggers: str) -> None:
        super().__init__()
        self._what = what
        self._loggers = loggers
        self._why = ""
        self._is_failing = False

    def __enter__(self) -> Self:
        for name in self._loggers:
            logging.getLogger(name).addFilter(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for name in self._loggers:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the first thing that is said of a try, which tells the cause; none of it is logged."""
        if record.levelno >= logging.WARNING and not self._why:
            self._why = record.getMessage()
        return False

    def tried(self, *, sent: bool, why: str = "") -> None:
        """Take the end of a try; `why` is known of one that the libraries say nothing of."""
        told, self._why = why or self._why, ""
        if not sent and not self._is_failing:
            logger.warning("%s cannot be sent to otel.endpoint now: %s", self._what, redact(told[:_TOLD_MAX]))
        elif sent and self._is_failing:
            logger.info("%s are sent to otel.endpoint again", self._what)
        self._is_failing = not sent


class _ToldSpans:
    """An exporter of spans whose failures are told of once."""

    def __init__(self, exporter: SdkSpanExporter, telling: Telling) -> None:
        self._exporter = exporter
        self._telling = telling
        self.shutdown, self.force_flush = exporter.shutdown, exporter.force_flush

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        from opentelemetry.sdk.trace.export import SpanExportResult

        result = self._exporter.export(spans)
        self._telling.tried(sent=result is SpanExportResult.SUCCESS)
        return result


# -- metrics -------------------------------------------------------------------------------------------------------


class MetricsSender:
    """Sends our own family of metrics. For the event loop; what is slow is done on a thread."""

    def __init__(self, looks: Looks, exporter: Any, resource: Resource, telling: Telling) -> None:
        self._looks = looks
        self._exporter = exporter
        self._resource = resource
        self._telling = telling
        self._beginnings = Beginnings()

    async def send_forever(self, interval_s: float) -> None:
        """Send now and then, from the first interval's end on."""
        while True:
            await asyncio.sleep(interval_s)
            await self.send()

    async def send(self) -> None:
        """Send what there is to tell now; where that fails, say so once."""
        try:
            look = await self._looks.look()
        except Exception:  # a defect of ours in one figure is no reason to send none any more, or to end otherwise
            logger.exception("metrics could not be gathered for otel.endpoint")
            return
        await asyncio.to_thread(self._send, look)

    async def aclose(self) -> None:
        """End what is under way, a request that is to be made again too."""
        await self._looks.aclose()
        await asyncio.to_thread(self._exporter.shutdown)

    def _send(self, look: WorkerLook) -> None:
        from opentelemetry.sdk.metrics.export import MetricExportResult

        data = metrics_data(look, self._resource, self._beginnings)
        try:
            result = self._exporter.export(data, timeout_millis=_REQUEST_S * 1000)
        except Exception as error:  # whatever the libraries raise of a network is no reason to fail
            self._telling.tried(sent=False, why=f"{type(error).__name__}: {error}")
        else:
            self._telling.tried(sent=result is MetricExportResult.SUCCESS)


class Beginnings:
    """Since when each series has been counting: the worker's start, or the last look at which it was not there yet, or
    told more than it does now.

    A task that is started anew begins with 0, and backends refuse a sum that falls without another beginning. For one
    thread at a time.
    """

    def __init__(self) -> None:
        #: What each series told last, and since when, in ns since the epoch.
        self._known: dict[tuple[str, str], tuple[float, int]] = {}
        self._found: dict[tuple[str, str], tuple[float, int]] = {}
        self._before_ns: int | None = None

    def of(self, name: str, text: str, value: float, began_ns: int) -> int:
        """Return since when a series counts, by a metric's name and its labels as text.

        Args:
            value: What it tells now, in a look; of a histogram its count.
            began_ns: The worker's start.
        """
        before_ns = began_ns if self._before_ns is None else self._before_ns
        last, since_ns = self._known.get((name, text), (0.0, before_ns))
        if value < last:
            since_ns = before_ns
        self._found[name, text] = value, since_ns
        return since_ns

    def looked(self, now_ns: int) -> None:
        """Take note that a look has been told in whole; what was not in it is forgotten."""
        self._known, self._found, self._before_ns = self._found, {}, now_ns


def metrics_data(look: WorkerLook, resource: Resource, beginnings: Beginnings) -> MetricsData:
    """Return our own family as OpenTelemetry has it: sums for counters, gauges, histograms; with the same names."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    read = Reading(look)
    found = [_metric(metric, read, beginnings) for metric, _ in wanted([OWN])]
    beginnings.looked(look.now_ms * 1_000_000)
    scope = ScopeMetrics(InstrumentationScope(_NAME, connect.__version__), found, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(metric: Metric, read: Reading, beginnings: Beginnings) -> Any:
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        Gauge,
        Histogram,
        HistogramDataPoint,
        NumberDataPoint,
        Sum,
    )
    from opentelemetry.sdk.metrics.export import Metric as SdkMetric

    began_ns, now_ns = read.look.started_ms * 1_000_000, read.look.now_ms * 1_000_000
    cumulative = AggregationTemporality.CUMULATIVE
    # Of what has no unit none is told: behind a collector "1" would make Prometheus's name end in _ratio.
    unit = "s" if metric.name.endswith("_seconds") else "By" if "bytes" in metric.name else ""
    data: Any
    if metric.kind == "histogram":
        histograms = []
        for text, one in cast(Histograms, metric.samples(read)):
            counts = list(one.counts)
            since_ns = beginnings.of(metric.name, text, sum(counts), began_ns)
            # The least and the largest are not kept: None leaves them out.
            point: Any = (attributes_of(text), since_ns, now_ns, sum(counts), one.sum_s, counts, one.bounds, None, None)
            histograms.append(HistogramDataPoint(*point))
        data = Histogram(histograms, cumulative)
    else:
        is_sum, points = metric.kind == "counter", []
        for text, value in cast(Samples, metric.samples(read)):
            since_ns = beginnings.of(metric.name, text, value, began_ns) if is_sum else began_ns
            points.append(NumberDataPoint(attributes_of(text), since_ns, now_ns, value))
        data = Sum(points, cumulative, is_monotonic=True) if is_sum else Gauge(points)
    return SdkMetric(metric.name.removesuffix("_total"), metric.meaning, unit, data)


def attributes_of(text: str) -> dict[str, str]:
    """Return labels as they were before they were written for Prometheus."""
    found, at = dict[str, str](), 1
    while at < len(text) - 1:
        name, _, rest = text[at:].partition('="')
        value, end = "", 0
        while rest[end] != '"':
            if rest[end] == "\\":
                end += 1
                value += "\n" if rest[end] == "n" else rest[end]
            else:
                value += rest[end]
            end += 1
        found[name] = value
        at += len(name) + 2 + end + 2
    return found


# -- traces --------------------------------------------------------------------------------------------------------


class BatchTracer:
    """Begins spans of batches; see `connect.runtime.tasks.traces.Tracer`."""

    def __init__(self, tracer: SdkTracer) -> None:
        self._tracer = tracer

    def polled(self, task: TaskId, outgoing: Sequence[Outgoing], took_s: float) -> tuple[list[Outgoing], Span] | None:
        from opentelemetry.trace import SpanKind

        span = self._tracer.start_span(
            f"poll {task.connector}",
            kind=SpanKind.PRODUCER,
            attributes=_attributes(task, sum(map(len, outgoing)), {out.topic for out in outgoing}),
            start_time=time.time_ns() - int(took_s * 1e9),
        )
        if not span.is_recording():
            return None
        at = span.get_span_context()
        header = (TRACEPARENT, f"00-{at.trace_id:032x}-{at.span_id:016x}-{int(at.trace_flags):02x}".encode())
        return [_with_header(out, header) for out in outgoing], _Batch(span)

    def fetched(self, task: TaskId, batches: Sequence[FetchedBatch]) -> Span | None:
        from opentelemetry.trace import Link, SpanKind, get_current_span

        parents = [context for batch in batches if (context := _parent_of(batch)) is not None]
        span = self._tracer.start_span(
            f"put {task.connector}",
            context=parents[0] if parents else None,
            kind=SpanKind.CONSUMER,
            attributes=_attributes(task, sum(map(len, batches)), {batch.topic for batch in batches}),
            links=[Link(get_current_span(one).get_span_context()) for one in parents[1 : 1 + _LINKS_MAX]],
        )
        return _Batch(span) if span.is_recording() else None


class _Batch:
    """A span of the libraries as the runtime ends it."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, error: BaseException | None = None) -> None:
        from opentelemetry.trace import StatusCode

        if error is not None:
            # The class alone: a message may quote a record.
            self._span.set_status(StatusCode.ERROR, type(error).__name__)
        self._span.end()


def _attributes(task: TaskId, records: int, topics: set[str]) -> dict[str, Any]:
    return {
        "connect.connector": task.connector,
        "connect.task": task.task,
        "messaging.batch.message_count": records,
        "messaging.destination.name": ",".join(sorted(topics)[:10]),
    }


def _with_header(out: Outgoing, header: tuple[str, bytes]) -> Outgoing:
    """Return records with a header more; those that name a span of their own keep it."""
    columns = out.columns
    if columns.headers is None:
        headers: list[Any] = [[header]] * len(columns)
    else:
        headers = [
            given if given and any(name == TRACEPARENT for name, _ in given) else [*(given or ()), header]
            for given in columns.headers
        ]
    return Outgoing(
        out.topic,
        out.partition,
        Columns(columns.values, columns.keys, columns.timestamps, headers),
        out.source_partition,
        out.source_offset,
        out.source_offsets,
        out.source_end,
        out.is_in_order,
        out.size_bytes,
    )


def _parent_of(batch: FetchedBatch) -> Context | None:
    """Return the span that the first record of a batch names; None where it names none that makes sense."""
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    headers = batch.columns.headers
    first = headers[0] if headers else None
    given = next((value for name, value in first or () if name == TRACEPARENT and value), None)
    if given is None:
        return None
    try:
        version, trace_id, span_id, flags = given.decode("ascii").split("-")[:4]
        at = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    except ValueError:  # of somebody who writes it in another way
        return None
    return set_span_in_context(NonRecordingSpan(at)) if at.is_valid and version != "ff" else None
