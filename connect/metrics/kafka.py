"""The same figures by the names that Kafka Connect's have where an exporter, or a reporter, makes them of JMX's.

Source: Kafka 4.3.1, ConnectMetricsRegistry.java; the dashboards and the rules of confluentinc/jmx-monitoring-stacks,
strimzi/strimzi-kafka-operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from connect.metrics.metric import CONFLUENT, REPORTER, STRIMZI, Kind, Metric, names_of
from connect.metrics.reading import (
    CONNECTOR,
    TASK,
    Reading,
    Samples,
    labels,
    of_all,
    of_client,
    of_sinks,
    of_sources,
    of_tasks,
    of_worker,
)
from connect.metrics.snapshot import ConnectorLook, TaskLook, WorkerLook
from connect.runtime.model import State


def of_transactions(value: Callable[[TaskLook, float], float]) -> Callable[[Reading], Samples]:
    """Read of tasks that write in transactions, once they have written one."""
    return lambda read: [(text, value(task, read.look.now_s)) for text, task in read.sources if task.meter.transactions]


def _info(of: Callable[[ConnectorLook], Mapping[str, str]]) -> Callable[[Reading], Samples]:
    """Read one series of a connector whose value is 1 and whose labels tell."""
    return lambda read: [(labels(connector=one.name, **of(one)), 1) for _, one in read.connectors]


def _task_state(read: Reading) -> Samples:
    return [
        (labels(connector=one.id.connector, task=str(one.id.task), status=one.state.lower()), 1)
        for one in read.look.tasks
    ]


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
    return Metric(names_of(spelt), kind, TASK, meaning, samples, f"{group.replace('_', '-')}-metrics, {attribute}")


def _percentage(part: float, other: float) -> float:
    return part / (part + other) if part + other else 0.0


def _put_or_poll(is_max: bool) -> Callable[[TaskLook, float], float]:
    return lambda task, now: task.meter.batch.max(now) if is_max else task.meter.batch.avg(now)


_OF_TASKS: Final = (
    *(_of_tasks("connector_task", *row) for row in (
        ("running-ratio", "gauge", "Share of its life in which the task ran, 0 to 1.",
         of_tasks(lambda task, now: task.meter.shares.of(State.RUNNING, now))),
        ("pause-ratio", "gauge", "Share of its life in which the task was paused, 0 to 1.",
         of_tasks(lambda task, now: task.meter.shares.of(State.PAUSED, now))),
        ("offset-commit-avg-time-ms", "gauge", "Average time of a commit of offsets, ms.",
         of_tasks(lambda task, now: task.meter.commit_ms.avg(now))),
        ("offset-commit-max-time-ms", "gauge", "Longest time of a commit of offsets, ms.",
         of_tasks(lambda task, now: task.meter.commit_ms.max(now))),
        ("offset-commit-success-percentage", "gauge", "Share of commits of offsets that succeeded, 0 to 1.",
         of_tasks(lambda task, now: _percentage(task.meter.commits.sum(now), task.meter.failed_commits.sum(now)))),
        ("batch-size-avg", "gauge", "Average number of records in a batch.", of_tasks(_put_or_poll(False))),
        ("batch-size-max", "gauge", "Largest number of records in a batch.", of_tasks(_put_or_poll(True))),
    )),
    *(_of_tasks("source_task", *row) for row in (
        ("source-record-poll-rate", "gauge", "Records polled a second, before transforms.",
         of_sources(lambda task, now: task.meter.read.rate(now))),
        ("source-record-poll-total", "counter", "Records polled, before transforms.",
         of_sources(lambda task, _: task.meter.read_total)),
        ("source-record-write-rate", "gauge", "Records written a second, after transforms.",
         of_sources(lambda task, now: task.meter.sent.rate(now))),
        ("source-record-write-total", "counter", "Records written, after transforms.",
         of_sources(lambda task, _: task.meter.sent_total)),
        ("source-record-active-count-avg", "gauge", "Average number of records on their way into the log, of a poll.",
         of_sources(lambda task, now: task.meter.active.avg(now))),
        ("source-record-active-count-max", "gauge", "Largest number of records on their way into the log, of a poll.",
         of_sources(lambda task, now: task.meter.active.max(now))),
        ("poll-batch-avg-time-ms", "gauge", "Average time of a poll, ms.",
         of_sources(lambda task, now: task.meter.poll_ms.avg(now))),
        ("poll-batch-max-time-ms", "gauge", "Longest time of a poll, ms.",
         of_sources(lambda task, now: task.meter.poll_ms.max(now))),
        ("transaction-size-avg", "gauge", "Average number of records in a transaction.",
         of_transactions(lambda task, now: task.meter.transaction.avg(now))),
        ("transaction-size-max", "gauge", "Largest number of records in a transaction.",
         of_transactions(lambda task, now: task.meter.transaction.max(now))),
        ("transaction-size-min", "gauge", "Smallest number of records in a transaction.",
         of_transactions(lambda task, now: task.meter.transaction.min(now))),
    )),
    *(_of_tasks("sink_task", *row) for row in (
        ("sink-record-read-rate", "gauge", "Records read a second, before transforms.",
         of_sinks(lambda task, now: task.meter.read.rate(now))),
        ("sink-record-read-total", "counter", "Records read, before transforms.",
         of_sinks(lambda task, _: task.meter.read_total)),
        ("sink-record-send-rate", "gauge", "Records put a second, after transforms.",
         of_sinks(lambda task, now: task.meter.sent.rate(now))),
        ("sink-record-send-total", "counter", "Records put, after transforms.",
         of_sinks(lambda task, _: task.meter.sent_total)),
        ("sink-record-active-count-avg", "gauge", "Average number of records of a fetch on their way into the sink.",
         of_sinks(lambda task, now: task.meter.active.avg(now))),
        ("sink-record-active-count-max", "gauge", "Largest number of records of a fetch on their way into the sink.",
         of_sinks(lambda task, now: task.meter.active.max(now))),
        ("partition-count", "gauge", "Partitions that the task reads.", of_sinks(lambda task, _: task.partitions)),
        ("offset-commit-completion-rate", "gauge", "Commits of offsets a second that succeeded.",
         of_sinks(lambda task, now: task.meter.commits.rate(now))),
        ("offset-commit-completion-total", "counter", "Commits of offsets that succeeded.",
         of_sinks(lambda task, _: task.meter.commits_total)),
        ("offset-commit-skip-rate", "gauge", "Always 0: a commit is never given up for one that came after it.",
         of_sinks(lambda task, _: 0)),
        ("put-batch-avg-time-ms", "gauge", "Average time of a put, ms.",
         of_sinks(lambda task, now: task.meter.put_ms.avg(now))),
        ("put-batch-max-time-ms", "gauge", "Longest time of a put, ms.",
         of_sinks(lambda task, now: task.meter.put_ms.max(now))),
    )),
    *(_of_tasks("task_error", *row) for row in (
        ("total-record-failures", "unknown", "Failures of records, each try that failed too.",
         of_tasks(lambda task, _: task.meter.failures)),
        ("total-record-errors", "unknown", "Failures of records that ended the task.",
         of_tasks(lambda task, _: task.meter.errors)),
        ("total-records-skipped", "unknown", "Records that errors.tolerance=all left out.",
         of_tasks(lambda task, _: task.meter.skipped)),
        ("total-retries", "unknown", "Tries that were made again for errors.retry.timeout.",
         of_tasks(lambda task, _: task.meter.retries)),
        ("total-errors-logged", "unknown", "Lines of errors.log.enable.",
         of_tasks(lambda task, _: task.meter.logged)),
        ("deadletterqueue-produce-requests", "unknown", "Dead letters that were to be written.",
         of_tasks(lambda task, _: task.meter.letters)),
        ("deadletterqueue-produce-failures", "unknown", "Dead letters that could not be written.",
         of_tasks(lambda task, _: task.meter.failed_letters)),
        ("last-error-timestamp", "gauge", "When a record failed last, ms since the epoch; 0: none did.",
         of_tasks(lambda task, _: task.meter.last_error_ms)),
    )),
)  # fmt: skip


def _of_workers(attribute: str, kind: Kind, meaning: str, value: Callable[[WorkerLook], float]) -> Metric:
    """Declare an attribute of the worker: one name that says `aggregate`, and one that says nothing."""
    ending = attribute.replace("-", "_")
    shared = f"kafka_connect_connect_worker_metrics_{ending}"
    source = f"connect-worker-metrics, {attribute}"
    return Metric(names_of({CONFLUENT: [shared], REPORTER: [shared]}), kind, CONNECTOR, meaning, of_all(value), source)


def _of_workers_strimzi(attribute: str, kind: Kind, meaning: str, value: Callable[[WorkerLook], float]) -> Metric:
    ending = attribute.replace("-", "_")
    source = f"connect-worker-metrics, {attribute}"
    return Metric(names_of({STRIMZI: [f"kafka_connect_worker_{ending}"]}), kind, (), meaning, of_worker(value), source)


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
        names_of(spelt), "gauge", CONNECTOR, meaning, samples, f"connect-worker-metrics, {name.replace('_', '-')}"
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
    return Metric(names_of(spelt), kind, (), meaning, of_worker(value), source)


_NO_NETWORK: Final = "Not measured by connection: librdkafka's own, and the bundled log has none."


def _network(attribute: str, meaning: str, value: Callable[[WorkerLook], float], *, also: Sequence[str] = ()) -> Metric:
    shared = f"kafka_connect_connect_metrics_{attribute.replace('-', '_')}"
    names = names_of({CONFLUENT: [shared, *also]})
    return Metric(names, "unknown", ("client_id",), meaning, of_client(value), _NO_NETWORK)


def _clients(name: str, reporter: str, kind: Kind, meaning: str, value: Callable[[WorkerLook], float]) -> Metric:
    return Metric(names_of({STRIMZI: [name], REPORTER: [reporter]}), kind, (), meaning, of_worker(value))


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
    Metric(names_of({STRIMZI: ["kafka_connect_coordinator_assigned_connectors"],
                   REPORTER: ["kafka_connect_connect_coordinator_metrics_assigned_connectors"]}),
           "gauge", (), "Connectors on this worker: all where it leads or is alone, else 0.",
           of_worker(lambda look: len(look.connectors or ()))),
    Metric(names_of({STRIMZI: ["kafka_connect_coordinator_assigned_tasks"],
                   REPORTER: ["kafka_connect_connect_coordinator_metrics_assigned_tasks"]}),
           "gauge", (), "Tasks on this worker.", of_worker(lambda look: len(look.tasks))),
    Metric(names_of({CONFLUENT: ["kafka_connect_app", "kafka_connect_app_info"]}), "unknown",
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
    Metric(names_of({STRIMZI: ["kafka_producer_outgoing_byte_total"]}), "counter", (),
           "Bytes that tasks of this worker have written to the log.", of_worker(lambda look: look.written_bytes)),
    Metric(names_of({REPORTER: ["kafka_producer_producer_metrics_outgoing_byte"]}), "unknown", (),
           "Bytes that tasks of this worker have written to the log.", of_worker(lambda look: look.written_bytes)),
    Metric(names_of({STRIMZI: ["kafka_consumer_incoming_byte_total"]}), "counter", (),
           "Bytes that tasks of this worker have read from the log.", of_worker(lambda look: look.read_bytes)),
    Metric(names_of({REPORTER: ["kafka_producer_producer_node_metrics_incoming_byte"]}), "unknown", (),
           "Bytes that tasks of this worker have read from the log: so the board's panel says, whatever the name.",
           of_worker(lambda look: look.read_bytes)),
)  # fmt: skip


def _info_of(what: str, label: str, of: Callable[[ConnectorLook], str]) -> Metric:
    """Declare what a connector is: one series for each connector, to be joined to by `on (connector)`."""
    return Metric(
        names_of({
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
    Metric(names_of({CONFLUENT: ["kafka_connect_connector_metrics"]}), "unknown",
           ("connector", "status", "connector_class", "connector_type", "connector_version"),
           "1, with what the connector is as labels: one series each.", _connector_metrics, "connector-metrics"),
    _info_of("status", "status", lambda one: one.state.lower()),
    _info_of("connector_class", "connector_class", lambda one: one.class_name),
    _info_of("connector_type", "connector_type", lambda one: one.type),
    _info_of("connector_version", "connector_version", lambda one: one.version),
    Metric(names_of({STRIMZI: ["kafka_connect_connector_task_status"],
                   REPORTER: ["kafka_connect_connector_task_metrics_status_info"]}),
           "gauge", ("connector", "task", "status"), "1, with the task's status as a label.", _task_state,
           "connector-task-metrics, status"),
)  # fmt: skip

KAFKA_METRICS: Final = (*_OF_TASKS, *_OF_WORKERS, *_OF_CONNECTORS)
