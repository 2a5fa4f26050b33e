"""Every metric, declared once: its names, its type, its labels, what it means, and how it is read from a look.

The route, the reference page, the board and the alert rules are all made from this table. A family is a set of names
that some board or alert rule reads: `connect` are our own; the others carry the same figures under the names that
Kafka Connect's have where an exporter, or a reporter, made Prometheus's out of JMX's.

What the families share has one series: a name is there once, however many families have it, and a figure of all
connectors together (`connector="aggregate"`) is there only where there is none for each, so that no sum counts twice.

Source: Kafka 4.3.1, ConnectMetricsRegistry.java; the dashboards and the rules of confluentinc/jmx-monitoring-stacks,
strimzi/strimzi-kafka-operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from connect.figures import Histogram
from connect.metrics.snapshot import STATES, ConnectorLook, TaskLook, WorkerLook
from connect.runtime.model import State
from connect.runtime.tasks.meter import Times

Kind = Literal["gauge", "counter", "unknown", "histogram"]
#: What a metric has in a look: values by labels, already written as Prometheus wants them.
Samples = Iterable[tuple[str, float]]
Histograms = Iterable[tuple[str, Histogram]]

OWN: Final = "connect"
CONFLUENT: Final = "confluent"
STRIMZI: Final = "strimzi"
REPORTER: Final = "strimzi-reporter"
DEBEZIUM: Final = "debezium"
#: What `metrics.families` may name, and what each is for.
FAMILIES: Final[Mapping[str, str]] = {
    OWN: "Connect's own: all that is there, with labels that are the same everywhere.",
    CONFLUENT: "What Confluent's boards read, by the names of the present exporter and of the one before.",
    STRIMZI: "What Strimzi's board and alert rules read where its exporter for JMX runs.",
    REPORTER: "What Strimzi's board reads where its metrics reporter runs.",
    DEBEZIUM: "What Debezium's board reads, of change data capture from PostgreSQL.",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """Where a metric stands on our board.

    Attributes:
        row: The heading that it is below.
        title: The panel's.
        by: The labels that are told apart.
        unit: Grafana's name of it.
        over: How series are put together: sum, or max.
        where: A matcher of labels, to look at some series alone.
        as_total: A counter is shown as it stands. Of a series that is not there before it counts something, a rate
            misses the first, which of what is rare is all.
    """

    row: str
    title: str
    by: tuple[str, ...]
    unit: str = "short"
    over: str = "sum"
    where: str = ""
    as_total: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert rule about a metric.

    Attributes:
        condition: A PromQL expression; `{metric}` is the metric's name.
        summary: One line, with Prometheus's own places for labels and the value.
    """

    name: str
    condition: str
    duration: str
    severity: str
    summary: str
    action: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        names: Its names, each with the families that have it.
        labels: In the order in which they are written.
        source: Where the figure comes from, for people, where its help does not say so.
        samples: Reads it; a histogram's gives histograms.
    """

    names: tuple[tuple[str, frozenset[str]], ...]
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    samples: Callable[[Reading], Samples | Histograms]
    source: str = ""
    panel: Panel | None = None
    alerts: tuple[Alert, ...] = ()

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.names[0][0]


class Reading:
    """A look, with the labels of its tasks and connectors written once for all metrics."""

    def __init__(self, look: WorkerLook) -> None:
        self.look = look
        self.tasks = [(labels(connector=task.id.connector, task=str(task.id.task)), task) for task in look.tasks]
        self.sources = [(text, task) for text, task in self.tasks if task.type == "source"]
        self.sinks = [(text, task) for text, task in self.tasks if task.type == "sink"]
        self.connectors = [(labels(connector=one.name), one) for one in look.connectors or ()]
        self.counts = [(labels(connector=name), counts) for name, counts in look.task_counts.items()]
        self.client = labels(client_id=f"connect-{look.worker_id}")
        #: Of connectors that have a task here: what all of theirs took, those that have ended too.
        self.times: dict[str, Times] = {}
        for task in look.tasks:
            if (times := self.times.get(task.id.connector)) is None:
                times = self.times[task.id.connector] = Times()
                for ended in look.ended.get(task.id.connector, ()):
                    times.add(ended)
            times.add(task.meter)


def labels(**given: str) -> str:
    """Return labels as Prometheus writes them, in the order that is given."""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in given.items()) + "}" if given else ""


def _escaped(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value


def wanted(families: Iterable[str]) -> list[tuple[Metric, tuple[str, ...]]]:
    """Return the metrics of some families, each with the names that it has there."""
    chosen, found = frozenset(families), []
    for metric in METRICS:
        names = tuple(name for name, of in metric.names if of & chosen)
        if names:
            found.append((metric, names))
    return found


# -- how metrics are read ------------------------------------------------------------------------------------------


def _task(value: Callable[[TaskLook, float], float]) -> Callable[[Reading], Samples]:
    return lambda read: [(text, value(task, read.look.now_s)) for text, task in read.tasks]


def _source(value: Callable[[TaskLook, float], float]) -> Callable[[Reading], Samples]:
    return lambda read: [(text, value(task, read.look.now_s)) for text, task in read.sources]


def _sink(value: Callable[[TaskLook, float], float]) -> Callable[[Reading], Samples]:
    return lambda read: [(text, value(task, read.look.now_s)) for text, task in read.sinks]


def _transactional(value: Callable[[TaskLook, float], float]) -> Callable[[Reading], Samples]:
    """Read of tasks that write in transactions, once they have written one."""
    return lambda read: [(text, value(task, read.look.now_s)) for text, task in read.sources if task.meter.transactions]


def _connector(value: Callable[[ConnectorLook], float]) -> Callable[[Reading], Samples]:
    return lambda read: [(text, value(one)) for text, one in read.connectors]


def _worker(value: Callable[[WorkerLook], float]) -> Callable[[Reading], Samples]:
    return lambda read: [("", value(read.look))]


def _aggregate(value: Callable[[WorkerLook], float]) -> Callable[[Reading], Samples]:
    return lambda read: [('{connector="aggregate"}', value(read.look))]


def _client(value: Callable[[WorkerLook], float]) -> Callable[[Reading], Samples]:
    return lambda read: [(read.client, value(read.look))]


def _info(of: Callable[[ConnectorLook], Mapping[str, str]]) -> Callable[[Reading], Samples]:
    """Read one series of a connector whose value is 1 and whose labels tell."""
    return lambda read: [(labels(connector=one.name, **of(one)), 1) for _, one in read.connectors]


def _task_state(read: Reading) -> Samples:
    return [
        (labels(connector=one.id.connector, task=str(one.id.task), status=one.state.lower()), 1)
        for one in read.look.tasks
    ]


def _names(families: Mapping[str, Sequence[str]]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return names with their families, of names by families."""
    every: dict[str, set[str]] = {}
    for family, names in families.items():
        for name in names:
            every.setdefault(name, set()).add(family)
    return tuple((name, frozenset(of)) for name, of in every.items())


# -- our own -------------------------------------------------------------------------------------------------------


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


_TASK: Final = ("connector", "task")
_CONNECTOR: Final = ("connector",)


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


_OWN_METRICS: Final = (
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
         "", Panel("Overview", "Connectors that failed", _CONNECTOR, where='state="failed"'),
         Alert("ConnectConnectorFailed", '{metric}{{state="failed"}} == 1', "2m", "page",
               "Connector {{ $labels.connector }} has failed",
               "See why with: connect connector status {{ $labels.connector }}, and --trace for all of it")),
    _own("task_state", "gauge", ("connector", "task", "state"), "1, with the state that the task is in.",
         lambda read: [(labels(connector=task.id.connector, task=str(task.id.task), state=task.state.lower()), 1)
                       for _, task in read.tasks],
         "", Panel("Overview", "Tasks that failed", _TASK, where='state="failed"'),
         Alert("ConnectTaskFailed", '{metric}{{state="failed"}} == 1', "2m", "page",
               "Task {{ $labels.connector }}-{{ $labels.task }} has failed",
               "See why with: connect connector status {{ $labels.connector }}, and --trace for all of it"),
         Alert("ConnectTaskUnassigned", '{metric}{{state="unassigned"}} == 1', "10m", "ticket",
               "Task {{ $labels.connector }}-{{ $labels.task }} runs nowhere",
               "Look whether workers are missing, and what the worker that leads logs")),
    _own("records_total", "counter", _TASK, "Records that a source has written, or a sink has put.",
         _task(lambda task, _: task.records), "",
         Panel("Throughput", "Records a second", _CONNECTOR, "rps")),
    _own("bytes_total", "counter", _TASK, "Bytes of keys and values of those records.",
         _task(lambda task, _: task.size_bytes), "", Panel("Throughput", "Bytes a second", _CONNECTOR, "Bps")),
    _own("lag_records", "gauge", _TASK,
         "Records that wait for a task of a sink, wherever it runs: the log's end minus what is committed, as /v1/lag. "
         "Without a task where the connector has none.",
         _lags, "",
         Panel("Lag", "Records that wait", _CONNECTOR)),
    _own("lag_seconds", "gauge", _CONNECTOR,
         "How long the oldest record that waits for a sink has, since its timestamp; 0 where none waits.",
         lambda read: [(text, one.lag_s) for text, one in read.connectors if one.lag_s is not None],
         "The record behind the committed offset is read, once for each such offset.",
         Panel("Lag", "Age of what waits", _CONNECTOR, "s", "max"),
         Alert("ConnectSinkBehind", "{metric} > 600", "15m", "ticket",
               "Sink {{ $labels.connector }} is {{ $value | humanizeDuration }} behind",
               "See which partitions wait with: connect connector describe {{ $labels.connector }}")),
    _own("stage_seconds", "histogram", ("connector", "stage"),
         "How long a batch took in a stage: poll, transform, convert, write (source), put (sink), commit.",
         _stages, "All tasks of the connector on this worker, those that have ended too; only stages that one has had.",
         Panel("Latency", "Stages, 99th percentile", ("connector", "stage"), "s")),
    _own("end_to_end_seconds", "histogram", _CONNECTOR,
         "Of a source, from a poll's end until its records were in the log; of a sink, the age of the first record of "
         "a fetch, by its timestamp, once it was put.",
         _end_to_end, "",
         Panel("Latency", "End to end, 99th percentile", _CONNECTOR, "s")),
    _own("queue_bytes", "gauge", _TASK, "Bytes of records in hand, which task.max.inflight.bytes bounds.",
         _task(lambda task, _: task.in_hand_bytes), "", Panel("Throughput", "Bytes in hand", _CONNECTOR, "bytes")),
    _own("task_throttled", "gauge", _TASK, "1 while rate.limit.* holds the task up.",
         _task(lambda task, _: int(task.throttled))),
    _own("task_waiting", "gauge", _TASK, "1 while the task cannot go on without something, such as a server.",
         _task(lambda task, _: int(task.waits)), "What it is tells 'connect connector status', and /v1/warnings.",
         Panel("Overview", "Tasks that wait for something", ("connector", "task")),
         Alert("ConnectTaskWaiting", "{metric} == 1", "10m", "ticket",
               "Task {{ $labels.connector }}-{{ $labels.task }} waits for something that is away",
               "See what it is with: connect connector status {{ $labels.connector }}")),
    _own("records_skipped_total", "counter", _TASK, "Records that errors.tolerance=all left out.",
         _task(lambda task, _: task.meter.skipped), "", Panel("Errors", "Records left out", _CONNECTOR),
         Alert("ConnectRecordsSkipped", "increase({metric}[10m]) > 0", "0m", "ticket",
               "{{ $value | humanize }} records of {{ $labels.connector }} were left out within 10 minutes",
               "See why with: connect dlq list, or in the worker's log with errors.log.enable=true")),
    _own("dead_letters_total", "counter", ("connector", "task", "stage", "error"),
         "Dead letters that were written, by what failed: Kafka's name of the stage, and the class of the error; "
         "'other' behind 32 of these in one task.",
         _letters, "",
         Panel("Errors", "Dead letters since the task's start", ("connector", "stage", "error"), as_total=True)),
    _own("connector_restarts_total", "counter", _CONNECTOR,
         "How often the connector was to be started anew, by itself or by request.",
         _connector(lambda one: one.restarts)),
    _own("task_restarts_total", "counter", _TASK,
         "How often the task was to be started anew, by itself or by request, wherever it runs; on the worker that "
         "leads or is alone.",
         _restarts, "", Panel("Errors", "Restarts of tasks", _CONNECTOR),
         Alert("ConnectTaskRestarts", "increase({metric}[15m]) > 3", "0m", "ticket",
               "Task {{ $labels.connector }}-{{ $labels.task }} was restarted {{ $value | humanize }} times in 15 "
               "minutes", "See why with: connect connector status {{ $labels.connector }}")),
    _own("plugin_late_calls_total", "counter", _TASK, "Calls into the task's plugin that did not return in time.",
         _task(lambda task, _: task.late_calls), "", Panel("Errors", "Calls over their deadline", _CONNECTOR)),
    _own("connector_late_calls_total", "counter", _CONNECTOR,
         "Calls into the connector's own instance that did not return in time.",
         _connector(lambda one: one.late_calls)),
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

# -- Kafka Connect's attributes ------------------------------------------------------------------------------------


#: How attributes end that have a name of the second spelling.
_SECOND: Final = (
    "-total", "-count", "-ms", "-ratio", "-avg", "-failures", "-requests", "-timestamp", "-logged", "-errors",
    "-retries", "-skipped",
)  # fmt: skip


def _of_tasks(group: str, attribute: str, kind: Kind, meaning: str, samples: Callable[[Reading], Samples]) -> Metric:
    """Declare an attribute of tasks: `source-task-metrics` goes by two spellings of its group.

    By the second one, Strimzi's and that of jmx_exporter's example, only what ends as these let pass: no rates.
    """
    ending = attribute.replace("-", "_")
    shared = f"kafka_connect_{group}_metrics_{ending}"
    second = [f"kafka_connect_{group}_{ending}"] if attribute.endswith(_SECOND) else []
    spelt = {CONFLUENT: [shared], REPORTER: [shared], STRIMZI: second}
    return Metric(_names(spelt), kind, _TASK, meaning, samples, f"{group.replace('_', '-')}-metrics, {attribute}")


def _percentage(part: float, other: float) -> float:
    return part / (part + other) if part + other else 0.0


def _put_or_poll(is_max: bool) -> Callable[[TaskLook, float], float]:
    return lambda task, now: task.meter.batch.max(now) if is_max else task.meter.batch.avg(now)


_OF_TASKS: Final = (
    *(_of_tasks("connector_task", *row) for row in (
        ("running-ratio", "gauge", "Share of its life in which the task ran, 0 to 1.",
         _task(lambda task, now: task.meter.shares.of(State.RUNNING, now))),
        ("pause-ratio", "gauge", "Share of its life in which the task was paused, 0 to 1.",
         _task(lambda task, now: task.meter.shares.of(State.PAUSED, now))),
        ("offset-commit-avg-time-ms", "gauge", "Average time of a commit of offsets, ms.",
         _task(lambda task, now: task.meter.commit_ms.avg(now))),
        ("offset-commit-max-time-ms", "gauge", "Longest time of a commit of offsets, ms.",
         _task(lambda task, now: task.meter.commit_ms.max(now))),
        ("offset-commit-success-percentage", "gauge", "Share of commits of offsets that succeeded, 0 to 1.",
         _task(lambda task, now: _percentage(task.meter.commits.sum(now), task.meter.failed_commits.sum(now)))),
        ("batch-size-avg", "gauge", "Average number of records in a batch.", _task(_put_or_poll(False))),
        ("batch-size-max", "gauge", "Largest number of records in a batch.", _task(_put_or_poll(True))),
    )),
    *(_of_tasks("source_task", *row) for row in (
        ("source-record-poll-rate", "gauge", "Records polled a second, before transforms.",
         _source(lambda task, now: task.meter.read.rate(now))),
        ("source-record-poll-total", "counter", "Records polled, before transforms.",
         _source(lambda task, _: task.meter.read_total)),
        ("source-record-write-rate", "gauge", "Records written a second, after transforms.",
         _source(lambda task, now: task.meter.sent.rate(now))),
        ("source-record-write-total", "counter", "Records written, after transforms.",
         _source(lambda task, _: task.meter.sent_total)),
        ("source-record-active-count-avg", "gauge", "Average number of records on their way into the log, of a poll.",
         _source(lambda task, now: task.meter.active.avg(now))),
        ("source-record-active-count-max", "gauge", "Largest number of records on their way into the log, of a poll.",
         _source(lambda task, now: task.meter.active.max(now))),
        ("poll-batch-avg-time-ms", "gauge", "Average time of a poll, ms.",
         _source(lambda task, now: task.meter.poll_ms.avg(now))),
        ("poll-batch-max-time-ms", "gauge", "Longest time of a poll, ms.",
         _source(lambda task, now: task.meter.poll_ms.max(now))),
        ("transaction-size-avg", "gauge", "Average number of records in a transaction.",
         _transactional(lambda task, now: task.meter.transaction.avg(now))),
        ("transaction-size-max", "gauge", "Largest number of records in a transaction.",
         _transactional(lambda task, now: task.meter.transaction.max(now))),
        ("transaction-size-min", "gauge", "Smallest number of records in a transaction.",
         _transactional(lambda task, now: task.meter.transaction.min(now))),
    )),
    *(_of_tasks("sink_task", *row) for row in (
        ("sink-record-read-rate", "gauge", "Records read a second, before transforms.",
         _sink(lambda task, now: task.meter.read.rate(now))),
        ("sink-record-read-total", "counter", "Records read, before transforms.",
         _sink(lambda task, _: task.meter.read_total)),
        ("sink-record-send-rate", "gauge", "Records put a second, after transforms.",
         _sink(lambda task, now: task.meter.sent.rate(now))),
        ("sink-record-send-total", "counter", "Records put, after transforms.",
         _sink(lambda task, _: task.meter.sent_total)),
        ("sink-record-active-count-avg", "gauge", "Average number of records of a fetch on their way into the sink.",
         _sink(lambda task, now: task.meter.active.avg(now))),
        ("sink-record-active-count-max", "gauge", "Largest number of records of a fetch on their way into the sink.",
         _sink(lambda task, now: task.meter.active.max(now))),
        ("partition-count", "gauge", "Partitions that the task reads.", _sink(lambda task, _: task.partitions)),
        ("offset-commit-completion-rate", "gauge", "Commits of offsets a second that succeeded.",
         _sink(lambda task, now: task.meter.commits.rate(now))),
        ("offset-commit-completion-total", "counter", "Commits of offsets that succeeded.",
         _sink(lambda task, _: task.meter.commits_total)),
        ("offset-commit-skip-rate", "gauge", "Always 0: a commit is never given up for one that came after it.",
         _sink(lambda task, _: 0)),
        ("put-batch-avg-time-ms", "gauge", "Average time of a put, ms.",
         _sink(lambda task, now: task.meter.put_ms.avg(now))),
        ("put-batch-max-time-ms", "gauge", "Longest time of a put, ms.",
         _sink(lambda task, now: task.meter.put_ms.max(now))),
    )),
    *(_of_tasks("task_error", *row) for row in (
        ("total-record-failures", "unknown", "Failures of records, each try that failed too.",
         _task(lambda task, _: task.meter.failures)),
        ("total-record-errors", "unknown", "Failures of records that ended the task.",
         _task(lambda task, _: task.meter.errors)),
        ("total-records-skipped", "unknown", "Records that errors.tolerance=all left out.",
         _task(lambda task, _: task.meter.skipped)),
        ("total-retries", "unknown", "Tries that were made again for errors.retry.timeout.",
         _task(lambda task, _: task.meter.retries)),
        ("total-errors-logged", "unknown", "Lines of errors.log.enable.",
         _task(lambda task, _: task.meter.logged)),
        ("deadletterqueue-produce-requests", "unknown", "Dead letters that were to be written.",
         _task(lambda task, _: task.meter.letters)),
        ("deadletterqueue-produce-failures", "unknown", "Dead letters that could not be written.",
         _task(lambda task, _: task.meter.failed_letters)),
        ("last-error-timestamp", "gauge", "When a record failed last, ms since the epoch; 0: none did.",
         _task(lambda task, _: task.meter.last_error_ms)),
    )),
)  # fmt: skip


def _of_workers(attribute: str, kind: Kind, meaning: str, value: Callable[[WorkerLook], float]) -> Metric:
    """Declare an attribute of the worker: one name that says `aggregate`, and one that says nothing."""
    ending = attribute.replace("-", "_")
    shared = f"kafka_connect_connect_worker_metrics_{ending}"
    source = f"connect-worker-metrics, {attribute}"
    return Metric(
        _names({CONFLUENT: [shared], REPORTER: [shared]}), kind, _CONNECTOR, meaning, _aggregate(value), source
    )


def _of_workers_strimzi(attribute: str, kind: Kind, meaning: str, value: Callable[[WorkerLook], float]) -> Metric:
    ending = attribute.replace("-", "_")
    source = f"connect-worker-metrics, {attribute}"
    return Metric(_names({STRIMZI: [f"kafka_connect_worker_{ending}"]}), kind, (), meaning, _worker(value), source)


_WORKER_ATTRIBUTES: Final[tuple[tuple[str, Kind, str, Callable[[WorkerLook], float]], ...]] = (
    ("connector-count", "gauge", "Connectors on this worker: all where it leads or is alone, else 0.",
     lambda look: len(look.connectors or ())),
    ("task-count", "gauge", "Tasks on this worker, those that failed too.", lambda look: len(look.tasks)),
    ("connector-startup-attempts-total", "counter", "Starts of connectors.",
     lambda look: look.connector_starts.succeeded + look.connector_starts.failed),
    ("connector-startup-success-total", "counter", "Starts of connectors that succeeded.",
     lambda look: look.connector_starts.succeeded),
    ("connector-startup-failure-total", "counter", "Starts of connectors that failed.",
     lambda look: look.connector_starts.failed),
    ("connector-startup-success-percentage", "gauge", "Share of starts of connectors that succeeded, 0 to 1.",
     lambda look: _percentage(look.connector_starts.succeeded, look.connector_starts.failed)),
    ("connector-startup-failure-percentage", "gauge", "Share of starts of connectors that failed, 0 to 1.",
     lambda look: _percentage(look.connector_starts.failed, look.connector_starts.succeeded)),
    ("task-startup-attempts-total", "counter", "Starts of tasks.",
     lambda look: look.task_starts.succeeded + look.task_starts.failed),
    ("task-startup-success-total", "counter", "Starts of tasks that succeeded.",
     lambda look: look.task_starts.succeeded),
    ("task-startup-failure-total", "counter", "Starts of tasks that failed.", lambda look: look.task_starts.failed),
    ("task-startup-success-percentage", "gauge", "Share of starts of tasks that succeeded, 0 to 1.",
     lambda look: _percentage(look.task_starts.succeeded, look.task_starts.failed)),
    ("task-startup-failure-percentage", "gauge", "Share of starts of tasks that failed, 0 to 1.",
     lambda look: _percentage(look.task_starts.failed, look.task_starts.succeeded)),
)  # fmt: skip


def _task_count(state: str) -> Metric:
    """Declare the count of a connector's tasks on this worker in a state."""
    name = f"connector_{state}_task_count"
    shared = f"kafka_connect_connect_worker_metrics_{name}"
    meaning = (
        "Tasks of the connector on this worker."
        if state == "total"
        else f"Tasks of the connector on this worker that are {state}."
    )

    def samples(read: Reading) -> Samples:
        if state == "total":
            return [(text, sum(counts.values())) for text, counts in read.counts]
        return [(text, counts.get(state.upper(), 0)) for text, counts in read.counts]

    spelt = {CONFLUENT: [shared], REPORTER: [shared], STRIMZI: [f"kafka_connect_worker_{name}"]}
    return Metric(
        _names(spelt), "gauge", _CONNECTOR, meaning, samples, f"connect-worker-metrics, {name.replace('_', '-')}"
    )


def _since_rebalance_ms(look: WorkerLook) -> float:
    return look.now_ms - look.rebalanced_ms


def _rebalance(
    attribute: str, kind: Kind, meaning: str, value: Callable[[WorkerLook], float], *, also: Sequence[str] = ()
) -> Metric:
    ending = attribute.replace("-", "_")
    shared = f"kafka_connect_connect_worker_rebalance_metrics_{ending}"
    spelt = {
        CONFLUENT: [shared, *also],
        REPORTER: [shared],
        STRIMZI: [f"kafka_connect_worker_rebalance_{ending}"],
    }
    source = f"connect-worker-rebalance-metrics, {attribute}"
    return Metric(_names(spelt), kind, (), meaning, _worker(value), source)


_NO_NETWORK: Final = "Not measured by connection: librdkafka's own, and the bundled log has none."


def _network(attribute: str, meaning: str, value: Callable[[WorkerLook], float], *, also: Sequence[str] = ()) -> Metric:
    shared = f"kafka_connect_connect_metrics_{attribute.replace('-', '_')}"
    return Metric(_names({CONFLUENT: [shared, *also]}), "unknown", ("client_id",), meaning, _client(value), _NO_NETWORK)


def _clients(name: str, reporter: str, kind: Kind, meaning: str, value: Callable[[WorkerLook], float]) -> Metric:
    return Metric(_names({STRIMZI: [name], REPORTER: [reporter]}), kind, (), meaning, _worker(value))


def _count(look: WorkerLook, kind: str) -> int:
    return sum(task.type == kind and task.state in (State.RUNNING, State.PAUSED) for task in look.tasks)


_OF_WORKERS: Final = (
    *(_of_workers(*row) for row in _WORKER_ATTRIBUTES),
    *(_of_workers_strimzi(*row) for row in _WORKER_ATTRIBUTES),
    *map(_task_count, ("total", "running", "paused", "failed", "unassigned", "destroyed", "restarting")),
    _rebalance("completed-rebalances", "unknown", "How often the workers of the group were seen to change.",
               lambda look: look.rebalances,
               also=["kafka_connect_connect_worker_rebalance_metrics_completed_rebalances_total"]),
    _rebalance("rebalancing", "gauge", "1 while nobody is known to lead the group.",
               lambda look: int(not look.has_leader)),
    _rebalance("rebalance-avg-time-ms", "gauge", "Always 0: tasks that need not move go on while workers change.",
               lambda look: 0),
    _rebalance("rebalance-max-time-ms", "gauge", "Always 0, as the average.", lambda look: 0),
    _rebalance("time-since-last-rebalance-ms", "gauge",
               "Time since the workers of the group were seen to change, ms; else since the worker's start.",
               _since_rebalance_ms),
    Metric(_names({STRIMZI: ["kafka_connect_coordinator_assigned_connectors"],
                   REPORTER: ["kafka_connect_connect_coordinator_metrics_assigned_connectors"]}),
           "gauge", (), "Connectors on this worker: all where it leads or is alone, else 0.",
           _worker(lambda look: len(look.connectors or ()))),
    Metric(_names({STRIMZI: ["kafka_connect_coordinator_assigned_tasks"],
                   REPORTER: ["kafka_connect_connect_coordinator_metrics_assigned_tasks"]}),
           "gauge", (), "Tasks on this worker.", _worker(lambda look: len(look.tasks))),
    Metric(_names({CONFLUENT: ["kafka_connect_app", "kafka_connect_app_info"]}), "unknown",
           ("client_id", "version", "start_time_ms"), "1, with what the worker is as labels: one series each.",
           lambda read: [
               (labels(client_id=f"connect-{read.look.worker_id}", version=read.look.kafka_version), 1),
               (labels(client_id=f"connect-{read.look.worker_id}", start_time_ms=str(read.look.started_ms)), 1),
           ]),
    _network("connection-count", "Always 0.", lambda look: 0),
    _network("failed-authentication", "Always 0.", lambda look: 0,
             also=["kafka_connect_connect_metrics_failed_authentication_total"]),
    _network("successful-authentication-rate", "Always 0.", lambda look: 0),
    _network("incoming-byte-rate", "Bytes a second that the tasks read from the log.",
             lambda look: sum(task.meter.bytes_read.rate(look.now_s) for task in look.tasks)),
    _network("outgoing-byte-rate", "Bytes a second that the tasks write to the log.",
             lambda look: sum(task.meter.bytes_sent.rate(look.now_s) for task in look.tasks)),
    _network("network-io-rate", "Always 0.", lambda look: 0),
    _network("io-ratio", "Always 0.", lambda look: 0),
    _network("request-rate", "Always 0.", lambda look: 0),
    _network("response-rate", "Always 0.", lambda look: 0),
    _clients("kafka_consumer_connection_count", "kafka_consumer_consumer_metrics_connection_count", "gauge",
             "Consumers of tasks on this worker.", lambda look: _count(look, "sink")),
    _clients("kafka_producer_connection_count", "kafka_producer_producer_metrics_connection_count", "gauge",
             "Producers of tasks on this worker.", lambda look: _count(look, "source")),
    _clients("kafka_admin_client_connection_count", "kafka_admin_client_admin_client_metrics_connection_count",
             "gauge", "Always 1: the worker has one administrator for all tasks.", lambda look: 1),
    Metric(_names({STRIMZI: ["kafka_producer_outgoing_byte_total"]}), "counter", (),
           "Bytes that tasks of this worker have written to the log.", _worker(lambda look: look.written_bytes)),
    Metric(_names({REPORTER: ["kafka_producer_producer_metrics_outgoing_byte"]}), "unknown", (),
           "Bytes that tasks of this worker have written to the log.", _worker(lambda look: look.written_bytes)),
    Metric(_names({STRIMZI: ["kafka_consumer_incoming_byte_total"]}), "counter", (),
           "Bytes that tasks of this worker have read from the log.", _worker(lambda look: look.read_bytes)),
    Metric(_names({REPORTER: ["kafka_producer_producer_node_metrics_incoming_byte"]}), "unknown", (),
           "Bytes that tasks of this worker have read from the log: so the board's panel says, whatever the name.",
           _worker(lambda look: look.read_bytes)),
)  # fmt: skip


def _info_of(what: str, label: str, of: Callable[[ConnectorLook], str]) -> Metric:
    """Declare what a connector is: one series for each connector, to be joined to by `on (connector)`."""
    return Metric(
        _names({
            STRIMZI: [f"kafka_connect_connector_{what}"],
            REPORTER: [f"kafka_connect_connector_metrics_{what}_info"],
        }),
        "gauge",
        ("connector", label),
        f"1, with the connector's {label.replace('connector_', '')} as a label.",
        _info(lambda one: {label: of(one)}),
        f"connector-metrics, {what.replace('_', '-')}",
    )  # fmt: skip


def _connector_metrics(read: Reading) -> Samples:
    found: list[tuple[str, float]] = []
    for _, one in read.connectors:
        found += [
            (labels(connector=one.name, status=one.state.lower()), 1),
            (labels(connector=one.name, connector_class=one.class_name), 1),
            (labels(connector=one.name, connector_type=one.type), 1),
            (labels(connector=one.name, connector_version=one.version), 1),
        ]
    return found


_OF_CONNECTORS: Final = (
    Metric(_names({CONFLUENT: ["kafka_connect_connector_metrics"]}), "unknown",
           ("connector", "status", "connector_class", "connector_type", "connector_version"),
           "1, with what the connector is as labels: one series each.", _connector_metrics, "connector-metrics"),
    _info_of("status", "status", lambda one: one.state.lower()),
    _info_of("connector_class", "connector_class", lambda one: one.class_name),
    _info_of("connector_type", "connector_type", lambda one: one.type),
    _info_of("connector_version", "connector_version", lambda one: one.version),
    Metric(_names({STRIMZI: ["kafka_connect_connector_task_status"],
                   REPORTER: ["kafka_connect_connector_task_metrics_status_info"]}),
           "gauge", ("connector", "task", "status"), "1, with the task's status as a label.", _task_state,
           "connector-task-metrics, status"),
)  # fmt: skip

# -- Debezium's ----------------------------------------------------------------------------------------------------


def _debezium(
    attribute: str, contexts: Sequence[str], meaning: str, value: Callable[[TaskLook, str, int], float]
) -> Metric:
    def samples(read: Reading) -> Samples:
        return [
            (
                labels(plugin=task.server[0], name=task.server[1], task=str(task.id.task), context=context),
                value(task, context, read.look.now_ms),
            )
            for _, task in read.tasks
            if task.server is not None
            for context in contexts
        ]

    return Metric(
        _names({DEBEZIUM: [f"debezium_metrics_{attribute}"]}),
        "unknown",
        ("plugin", "name", "task", "context"),
        meaning,
        samples,
    )


def _gauge(name: str, otherwise: float = 0) -> Callable[[TaskLook, str, int], float]:
    return lambda task, context, _: task.gauges.get(f"{context}.{name}", otherwise)


def _since_last_event(task: TaskLook, context: str, now_ms: int) -> float:
    last_ms = task.gauges.get(f"{context}.last.event.ms")
    return -1 if last_ms is None else max(0.0, now_ms - last_ms)


_BOTH: Final = ("streaming", "snapshot")
_OF_DEBEZIUM: Final = (
    _debezium("Connected", ("streaming",), "1 while the connector reads the server's changes.", _gauge("connected")),
    _debezium("MilliSecondsBehindSource", ("streaming",),
              "How long after its commit the last change was read, ms; -1 before the first.", _gauge("behind.ms", -1)),
    _debezium("MilliSecondsSinceLastEvent", _BOTH, "Time since the last change, or row, was read, ms; -1: none was.",
              _since_last_event),
    _debezium("TotalNumberOfEventsSeen", _BOTH, "Changes, or rows, read since the task's start.", _gauge("events")),
    _debezium("NumberOfEventsFiltered", _BOTH, "Always 0: what is not wanted is not read.", lambda *_: 0),
    _debezium("NumberOfErroneousEvents", _BOTH, "Failures of records, each try that failed too.",
              lambda task, *_: task.meter.failures),
    _debezium("NumberOfCommittedTransactions", ("streaming",), "Transactions read since the task's start.",
              _gauge("transactions")),
    _debezium("QueueTotalCapacity", _BOTH, "Bytes that the task takes from the server ahead of its polls.",
              _gauge("queue.bytes.max")),
    _debezium("QueueRemainingCapacity", _BOTH, "Bytes of these that are free.", _gauge("queue.bytes.free")),
    _debezium("SnapshotRunning", ("snapshot",), "1 while the snapshot is read.", _gauge("running")),
    _debezium("SnapshotCompleted", ("snapshot",), "1 once the snapshot is read.", _gauge("completed")),
    _debezium("SnapshotAborted", ("snapshot",), "Always 0: a snapshot that fails goes on where it was.",
              lambda *_: 0),
    _debezium("SnapshotDurationInSeconds", ("snapshot",), "How long the snapshot has taken since the task's start.",
              _gauge("seconds")),
    _debezium("TotalTableCount", ("snapshot",), "Tables that the snapshot reads.", _gauge("tables")),
    _debezium("RemainingTableCount", ("snapshot",), "Tables of these that are left.", _gauge("tables.left")),
)  # fmt: skip

METRICS: Final[tuple[Metric, ...]] = (*_OWN_METRICS, *_OF_TASKS, *_OF_WORKERS, *_OF_CONNECTORS, *_OF_DEBEZIUM)
