"""Connectors that tell what they did, and that fail on demand: as those of Kafka's system tests.

Read by workers as a module of `plugin.path`, so it imports `connect.api` alone. What a task tells is a line of JSON in
`<folder>/<connector>-<task>.jsonl`. A connector or task whose `mode` says so fails while `<folder>/fail` is there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connect.api import (
    CommittedRecord,
    Config,
    ConnectError,
    ExactlyOnceSupport,
    Record,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    config_key,
    hookimpl,
)


class TellingConfig(Config):
    """Tell what is done."""

    folder: str = config_key("Where to tell it.")
    topic: str = config_key("Topic to append to.", default="")
    throughput: int = config_key("Records in a second, of each task.", default=500, ge=1)
    share: int = config_key("The task's number, set by the connector.", default=0)
    mode: str = config_key("What fails: 'connector-failure' or 'task-failure'.", default="")


class Telling:
    """What source and sink tasks share: they tell, and fail on demand."""

    config: TellingConfig
    context: Any

    def begin(self) -> None:
        path = Path(self.config.folder, f"{self.context.connector}-{self.context.task}.jsonl")
        self._file = path.open("a", buffering=1)

    def tell(self, what: str, numbers: Sequence[tuple[int, int]]) -> None:
        self._file.write("".join(f'{{"what": "{what}", "task": {task}, "seqno": {n}}}\n' for task, n in numbers))

    def fail_on_demand(self) -> None:
        if self.config.mode == "task-failure" and Path(self.config.folder, "fail").exists():
            raise ConnectError("the task fails as it was told to")

    def end(self) -> None:
        self._file.close()


class VerifiableSourceTask(Telling, SourceTask[TellingConfig]):
    """Counts up, and says which records were sent, and which are committed."""

    def start(self) -> None:
        self.begin()
        self._partition = {"id": self.config.share}
        offset = self.context.offset(self._partition)
        self._next = 0 if offset is None else offset["seqno"] + 1

    def poll(self) -> list[Record] | None:
        self.fail_on_demand()
        if self.context.stopping.wait(0.02):
            return None
        numbers = range(self._next, self._next + max(1, self.config.throughput // 50))
        self._next = numbers.stop
        self.tell("sent", [(self.config.share, number) for number in numbers])
        return [
            Record(
                self.config.topic,
                json.dumps({"task": self.config.share, "seqno": number}),
                key=str(self.config.share),
                source_partition=self._partition,
                source_offset={"seqno": number},
            )
            for number in numbers
        ]

    def commit_records(self, records: Sequence[CommittedRecord]) -> None:
        self.tell("committed", [(self.config.share, record.source_offset["seqno"]) for record in records])

    def stop(self) -> None:
        self.end()


class FailingConnector:
    """Fails while it is told to: as a connector, from a thread of its own."""

    config: TellingConfig
    context: Any

    def start(self) -> None:
        if self.config.mode == "connector-failure":
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.context.stopping.wait(0.02):
            if Path(self.config.folder, "fail").exists():
                self.context.raise_error(ConnectError("the connector fails as it was told to"))
                return


class VerifiableSource(FailingConnector, SourceConnector[TellingConfig]):
    """Numbers that count up, in each task."""

    task_class = VerifiableSourceTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        return ExactlyOnceSupport.SUPPORTED

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        return [{**self.config.originals, "share": str(share)} for share in range(max_tasks)]


class VerifiableSinkTask(Telling, SinkTask[TellingConfig]):
    """Says which records were put, and which are flushed."""

    def start(self) -> None:
        self.begin()
        self._put: list[tuple[int, int]] = []

    def put(self, records: list[Record]) -> None:
        self.fail_on_demand()
        values = [json.loads(record.value) for record in records]
        numbers = [(value["task"], value["seqno"]) for value in values]
        self.tell("received", numbers)
        self._put += numbers

    def flush(self) -> None:
        self.tell("flushed", self._put)
        self._put = []

    def stop(self) -> None:
        self.end()


class VerifiableSink(FailingConnector, SinkConnector[TellingConfig]):
    """Takes what `VerifiableSource` sends."""

    task_class = VerifiableSinkTask


@hookimpl
def connect_connectors() -> list[type[SourceConnector] | type[SinkConnector]]:
    return [VerifiableSource, VerifiableSink]
