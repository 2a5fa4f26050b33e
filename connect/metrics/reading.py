"""How figures are read from a look: values by labels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Final

from connect.figures import Histogram
from connect.metrics.snapshot import ConnectorLook, TaskLook, WorkerLook
from connect.runtime.tasks.meter import Times

#: What a metric has in a look: values by labels, already written as Prometheus wants them.
Samples = Iterable[tuple[str, float]]
Histograms = Iterable[tuple[str, Histogram]]
#: Labels that most metrics have.
TASK: Final = ("connector", "task")
CONNECTOR: Final = ("connector",)


class Reading:
    """A look, with the labels of its tasks and connectors written once for all metrics.

    Attributes:
        times: Of connectors that have a task here: what all of theirs took, those that have ended too.
    """

    def __init__(self, look: WorkerLook) -> None:
        self.look = look
        self.tasks = [(labels(connector=task.id.connector, task=str(task.id.task)), task) for task in look.tasks]
        self.sources = [(text, task) for text, task in self.tasks if task.type == "source"]
        self.sinks = [(text, task) for text, task in self.tasks if task.type == "sink"]
        self.connectors = [(labels(connector=one.name), one) for one in look.connectors or ()]
        self.counts = [(labels(connector=name), counts) for name, counts in look.task_counts.items()]
        self.client = labels(client_id=f"connect-{look.worker_id}")
        self.times: dict[str, Times] = {}
        for task in look.tasks:
            if (times := self.times.get(task.id.connector)) is None:
                times = self.times[task.id.connector] = Times()
                for ended in look.ended.get(task.id.connector, ()):
                    times.add(ended)
            times.add(task.meter)


@functools.lru_cache(maxsize=8192)  # each scrape has the same again: a third of what its text takes
def labels(**given: str) -> str:
    """Return labels as Prometheus writes them, in the order that is given."""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in given.items()) + "}" if given else ""


def _escaped(value: str) -> str:
    if not value.isascii():  # half a surrogate pair is no text: its escape is, and not one of the format's own
        value = value.encode("utf-8", "backslashreplace").decode()
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value


def of_tasks(value: Callable[[TaskLook, float], float]) -> Callable[[Reading], Samples]:
    """Read a figure of each task, with the monotonic clock of the look."""
    return lambda read: [(text, value(task, read.look.now_s)) for text, task in read.tasks]


def of_sources(value: Callable[[TaskLook, float], float]) -> Callable[[Reading], Samples]:
    """As `of_tasks`, of sources alone."""
    return lambda read: [(text, value(task, read.look.now_s)) for text, task in read.sources]


def of_sinks(value: Callable[[TaskLook, float], float]) -> Callable[[Reading], Samples]:
    """As `of_tasks`, of sinks alone."""
    return lambda read: [(text, value(task, read.look.now_s)) for text, task in read.sinks]


def of_connectors(value: Callable[[ConnectorLook], float]) -> Callable[[Reading], Samples]:
    """Read a figure of each connector."""
    return lambda read: [(text, value(one)) for text, one in read.connectors]


def of_worker(value: Callable[[WorkerLook], float]) -> Callable[[Reading], Samples]:
    """Read a figure of the worker, without labels."""
    return lambda read: [("", value(read.look))]


def of_all(value: Callable[[WorkerLook], float]) -> Callable[[Reading], Samples]:
    """Read a figure of all connectors together, as exporters label it."""
    return lambda read: [('{connector="aggregate"}', value(read.look))]


def of_client(value: Callable[[WorkerLook], float]) -> Callable[[Reading], Samples]:
    """Read a figure of the worker as that of one of Kafka's clients."""
    return lambda read: [(read.client, value(read.look))]
