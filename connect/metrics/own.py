"""Our own metrics, with the board's panels and the alert rules that are made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connect.metrics.metric import OWN, Alert, Kind, Metric, Panel
from connect.metrics.reading import CONNECTOR, TASK, Histograms, Reading, Samples, labels, of_connectors, of_tasks
from connect.metrics.snapshot import STATES


def _own(
    name: str,
    kind: Kind,
    told: tuple[str, ...],
    meaning: str,
    samples: Callable[[Reading], Samples | Histograms],
    source: str = "",
    panel: Panel | None = None,
    *alerts: Alert,
) -> Metric:
    return Metric(((f"connect_{name}", frozenset({OWN})),), kind, told, meaning, samples, source, panel, alerts)


def _connectors_in(read: Reading) -> Samples:
    states = [one.state for _, one in read.connectors]
    return [(labels(state=state.lower()), states.count(state)) for state in STATES] if read.connectors else []


def _tasks_in(read: Reading) -> Samples:
    states = [task.state for task in read.look.tasks]
    return [(labels(state=state.lower()), states.count(state)) for state in STATES]


def _lags(read: Reading) -> Samples:
    return [
        (labels(connector=name) if task is None else labels(connector=name, task=str(task)), lag)
        for (name, task), lag in read.look.lags.items()
    ]


def _stages(read: Reading) -> Histograms:
    return [
        (labels(connector=name, stage=stage), histogram)
        for name, times in read.times.items()
        for stage, histogram in times.stages.items()
    ]


def _end_to_end(read: Reading) -> Histograms:
    return [(labels(connector=name), times.end_to_end) for name, times in read.times.items()]


def _restarts(read: Reading) -> Samples:
    return [
        (labels(connector=task.connector, task=str(task.task)), count) for task, count in read.look.restarts.items()
    ]


def _letters(read: Reading) -> Samples:
    return [
        (labels(connector=task.id.connector, task=str(task.id.task), stage=stage, error=error), count)
        for _, task in read.tasks
        for (stage, error), count in list(task.meter.causes.items())
    ]


def _gauges(read: Reading) -> Samples:
    return [
        (labels(connector=task.id.connector, task=str(task.id.task), gauge=name), value)
        for _, task in read.tasks
        for name, value in task.gauges.items()
    ]


OWN_METRICS: Final = (
    _own("worker_info", "gauge", ("worker_id", "version", "kafka_version", "cluster_id", "group"),
         "1, with what the worker is as labels.",
         lambda read: [(labels(worker_id=read.look.worker_id, version=read.look.version,
                               kafka_version=read.look.kafka_version, cluster_id=read.look.cluster_id,
                               group=read.look.group), 1)],
         "", None,
         Alert("ConnectWorkerDown", "up == 0 and on (job, instance) last_over_time({metric}[6h])", "2m", "page",
               "Worker {{ $labels.instance }} does not answer Prometheus",
               "Look whether it runs, and at the end of its log; one that refuses to start says why")),
    _own("connectors", "gauge", ("state",), "Connectors in each state, on the worker that leads or is alone.",
         _connectors_in, "", Panel("Overview", "Connectors", ("state",))),
    _own("tasks", "gauge", ("state",), "Tasks of this worker in each state.", _tasks_in, "",
         Panel("Overview", "Tasks", ("state",))),
    _own("connector_info", "gauge", ("connector", "type", "class", "version"),
         "1, with what the connector is as labels.",
         lambda read: [(labels(**{"connector": one.name, "type": one.type, "class": one.class_name,
                                  "version": one.version}), 1) for _, one in read.connectors]),
    _own("connector_state", "gauge", ("connector", "state"), "1, with the state that the connector is in.",
         lambda read: [(labels(connector=one.name, state=one.state.lower()), 1) for _, one in read.connectors],
         "", Panel("Overview", "Connectors that failed", CONNECTOR, where='state="failed"'),
         Alert("ConnectConnectorFailed", '{metric}{{state="failed"}} == 1', "2m", "page",
               "Connector {{ $labels.connector }} has failed",
               "See why with: connect connector status {{ $labels.connector }}, and --trace for all of it")),
    _own("task_state", "gauge", ("connector", "task", "state"), "1, with the state that the task is in.",
         lambda read: [(labels(connector=task.id.connector, task=str(task.id.task), state=task.state.lower()), 1)
                       for _, task in read.tasks],
         "", Panel("Overview", "Tasks that failed", TASK, where='state="failed"'),
         Alert("ConnectTaskFailed", '{metric}{{state="failed"}} == 1', "2m", "page",
               "Task {{ $labels.connector }}-{{ $labels.task }} has failed",
               "See why with: connect connector status {{ $labels.connector }}, and --trace for all of it"),
         Alert("ConnectTaskUnassigned", '{metric}{{state="unassigned"}} == 1', "10m", "ticket",
               "Task {{ $labels.connector }}-{{ $labels.task }} runs nowhere",
               "Look whether workers are missing, and what the worker that leads logs")),
    _own("records_total", "counter", TASK, "Records that a source has written, or a sink has put.",
         of_tasks(lambda task, _: task.records), "",
         Panel("Throughput", "Records a second", CONNECTOR, "rps")),
    _own("bytes_total", "counter", TASK, "Bytes of keys and values of those records.",
         of_tasks(lambda task, _: task.size_bytes), "", Panel("Throughput", "Bytes a second", CONNECTOR, "Bps")),
    _own("lag_records", "gauge", TASK,
         "Records that wait for a task of a sink, wherever it runs: the log's end minus what is committed, as /v1/lag. "
         "Without a task where the connector has none.",
         _lags, "",
         Panel("Lag", "Records that wait", CONNECTOR)),
    _own("lag_seconds", "gauge", CONNECTOR,
         "How long the oldest record that waits for a sink has, since its timestamp; 0 where none waits.",
         lambda read: [(text, one.lag_s) for text, one in read.connectors if one.lag_s is not None],
         "The record behind the committed offset is read, once for each such offset.",
         Panel("Lag", "Age of what waits", CONNECTOR, "s", "max"),
         # A sink that somebody has paused or stopped is behind because of that.
         Alert("ConnectSinkBehind",
               '{metric} > 600 unless on (connector) connect_connector_state{{state=~"paused|stopped"}} == 1',
               "15m", "ticket",
               "Sink {{ $labels.connector }} is {{ $value | humanizeDuration }} behind",
               "See which partitions wait with: connect connector describe {{ $labels.connector }}")),
    _own("stage_seconds", "histogram", ("connector", "stage"),
         "How long a batch took in a stage: poll, transform, convert, write (source), put (sink), commit.",
         _stages, "All tasks of the connector on this worker, those that have ended too; only stages that one has had.",
         Panel("Latency", "Stages, 99th percentile", ("connector", "stage"), "s")),
    _own("end_to_end_seconds", "histogram", CONNECTOR,
         "Of a source, from a poll's end until its records were in the log; of a sink, the age of the first record of "
         "a fetch, by its timestamp, once it was put.",
         _end_to_end, "",
         Panel("Latency", "End to end, 99th percentile", CONNECTOR, "s")),
    _own("queue_bytes", "gauge", TASK, "Bytes of records in hand, which task.max.inflight.bytes bounds.",
         of_tasks(lambda task, _: task.in_hand_bytes), "", Panel("Throughput", "Bytes in hand", CONNECTOR, "bytes")),
    _own("task_throttled", "gauge", TASK, "1 while rate.limit.* holds the task up.",
         of_tasks(lambda task, _: int(task.throttled))),
    _own("task_waiting", "gauge", TASK, "1 while the task cannot go on without something, such as a server.",
         of_tasks(lambda task, _: int(task.waits)), "What it is tells 'connect connector status', and /v1/warnings.",
         Panel("Overview", "Tasks that wait for something", ("connector", "task")),
         Alert("ConnectTaskWaiting", "{metric} == 1", "10m", "ticket",
               "Task {{ $labels.connector }}-{{ $labels.task }} waits for something that is away",
               "See what it is with: connect connector status {{ $labels.connector }}")),
    _own("records_skipped_total", "counter", TASK, "Records that errors.tolerance=all, or schema.contract, left out.",
         of_tasks(lambda task, _: task.meter.skipped), "", Panel("Errors", "Records left out", CONNECTOR),
         Alert("ConnectRecordsSkipped", "increase({metric}[10m]) > 0", "0m", "ticket",
               "{{ $value | humanize }} records of {{ $labels.connector }} were left out within 10 minutes",
               "See why with: connect dlq list, or in the worker's log with errors.log.enable=true")),
    _own("records_shortened_total", "counter", TASK, "Records that went on without fields, by schema.contract.",
         of_tasks(lambda task, _: task.meter.shortened), "Each has a dead letter where there is a queue.",
         Panel("Errors", "Records without some of their fields", CONNECTOR)),
    _own("dead_letters_total", "counter", ("connector", "task", "stage", "error"),
         "Dead letters that were written, by what failed: Kafka's name of the stage, and the class of the error; "
         "'other' behind 32 of these in one task.",
         _letters, "",
         Panel("Errors", "Dead letters since the task's start", ("connector", "stage", "error"), as_total=True)),
    _own("connector_restarts_total", "counter", CONNECTOR,
         "How often the connector was to be started anew, by itself or by request.",
         of_connectors(lambda one: one.restarts)),
    _own("task_restarts_total", "counter", TASK,
         "How often the task was to be started anew, by itself or by request, wherever it runs; on the worker that "
         "leads or is alone.",
         _restarts, "", Panel("Errors", "Restarts of tasks", CONNECTOR),
         Alert("ConnectTaskRestarts", "increase({metric}[15m]) > 3", "0m", "ticket",
               "Task {{ $labels.connector }}-{{ $labels.task }} was restarted {{ $value | humanize }} times in 15 "
               "minutes", "See why with: connect connector status {{ $labels.connector }}")),
    _own("plugin_late_calls_total", "counter", TASK, "Calls into the task's plugin that did not return in time.",
         of_tasks(lambda task, _: task.late_calls), "", Panel("Errors", "Calls over their deadline", CONNECTOR)),
    _own("connector_late_calls_total", "counter", CONNECTOR,
         "Calls into the connector's own instance that did not return in time.",
         of_connectors(lambda one: one.late_calls)),
    _own("plugin_gauge", "gauge", ("connector", "task", "gauge"),
         "The plugin's own figures by name, such as slot.lag.bytes.", _gauges, "`context.gauges` of a task.",
         Panel("Plugins", "Figures of plugins", ("connector", "task", "gauge")),
         Alert("ConnectSlotHoldsLog", '{metric}{{gauge="slot.lag.bytes"}} > 10737418240', "15m", "page",
               "The replication slot of {{ $labels.connector }} makes PostgreSQL keep {{ $value | humanize1024 }}B of "
               "its log", "Look for a long transaction, and whether the connector runs")),
    _own("log_bytes", "gauge", ("topic",), "Bytes of a topic in the bundled log.",
         lambda read: [(labels(topic=topic), size) for topic, size in read.look.topic_bytes.items()],
         "Of the first 1000 topics; none on a Kafka cluster, whose brokers tell.",
         Panel("Worker", "Bytes of topics", ("topic",), "bytes")),
    _own("log_sync_seconds", "histogram", (), "How long fsyncs of the bundled log took.",
         lambda read: [] if read.look.sync_seconds is None else [("", read.look.sync_seconds)], "",
         Panel("Worker", "fsync, 99th percentile", (), "s"),
         Alert("ConnectSlowDisk", "histogram_quantile(0.99, sum by (le, instance) (rate({metric}_bucket[10m]))) > 1",
               "10m", "ticket", "fsyncs of the log on {{ $labels.instance }} take {{ $value | humanizeDuration }}",
               "Look what else uses the disk of data.dir")),
    _own("event_loop_delay_seconds", "histogram", (),
         "How long the event loop let a beat wait, once a second: what holds it up holds REST and all tasks up.",
         lambda read: [("", read.look.loop_delay)], "",
         Panel("Worker", "Event loop delay, 99th percentile", (), "s"),
         Alert("ConnectEventLoopHeld",
               "histogram_quantile(0.9, sum by (le, instance) (rate({metric}_bucket[5m]))) > 0.5", "5m", "ticket",
               "Something holds the event loop of {{ $labels.instance }} up",
               "See what it is in /v1/warnings: loop.held, plugin.slow")),
)  # fmt: skip
