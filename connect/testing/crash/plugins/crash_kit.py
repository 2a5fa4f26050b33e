"""The crash kit's plugin: `PruningSource` reads the kit's server, and `Slow` slows a task down.

Loaded by the worker under test as any plugin of `plugin.path`, so it imports `connect.api` alone.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from connect.api import (
    Batch,
    CommittedRecord,
    Config,
    ExactlyOnceSupport,
    RetriableError,
    SourceConnector,
    SourceTask,
    Transform,
    config_key,
    hookimpl,
)


class PruningConfig(Config):
    """Read the crash kit's server."""

    address: str = config_key("HOST:PORT of the server.", importance="high")
    partitions: int = config_key("How many queues the server has.", default=1, ge=1)
    topic: str = config_key("Topic to append to.", importance="high")
    batch: int = config_key("Records in one poll of one queue.", default=10, ge=1)
    shares: str = config_key("The queues of a task, set by the connector.", default="")


class PruningTask(SourceTask[PruningConfig]):
    """Takes from some queues, and acknowledges what `commit` tells. It resumes behind the committed offset."""

    def start(self) -> None:
        self.context.poll_wait_s = 0.01
        self._socket: socket.socket | None = None
        self._queues = [int(number) for number in self.config.shares.split(",") if number]
        self._reached = {number: self._resume(number) for number in self._queues}

    def _resume(self, queue: int) -> int:
        offset = self.context.offset({"queue": queue})
        return -1 if offset is None else int(offset["number"])

    def poll_batch(self) -> list[Batch]:
        taken = [(queue, batch) for queue in self._queues if (batch := self._take(queue)) is not None]
        # Once all have answered: where one is away, nothing of this poll was read.
        self._reached.update((queue, int((batch.source_offset or {})["number"])) for queue, batch in taken)
        return [batch for _, batch in taken]

    def _take(self, queue: int) -> Batch | None:
        answer = self._ask(do="take", partition=queue, after=self._reached[queue], max=self.config.batch)
        records = answer["records"]
        if not records:
            return None
        return Batch(
            self.config.topic,
            [text for _, text in records],
            keys=[f"p{queue}"] * len(records),
            source_partition={"queue": queue},
            source_offset={"number": records[-1][0]},
            source_offsets=[{"number": number} for number, _ in records],
        )

    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        for partition, offset in offsets:
            self._ask(do="acknowledge", partition=partition["queue"], up_to=offset["number"])

    def stop(self) -> None:
        self._hang_up()

    def _ask(self, **request: Any) -> Any:
        try:
            if self._socket is None:
                host, _, port = self.config.address.rpartition(":")
                self._socket = socket.create_connection((host, int(port)), timeout=10)
                self._lines = self._socket.makefile("rb")
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._lines.readline()
        except OSError as error:
            self._hang_up()
            raise RetriableError(f"the crash kit's server at {self.config.address} is away: {error}") from error
        if not line.endswith(b"\n"):
            self._hang_up()
            raise RetriableError(f"the crash kit's server at {self.config.address} hung up within an answer")
        return json.loads(line)

    def _hang_up(self) -> None:
        held, self._socket = self._socket, None
        if held is not None:
            held.close()


class PruningSource(SourceConnector[PruningConfig]):
    """Reads the crash kit's server: a batch acknowledges what it committed."""

    task_class = PruningTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """It resumes behind the committed offset, and the server has all that was not acknowledged."""
        return ExactlyOnceSupport.SUPPORTED

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        tasks = min(max_tasks, self.config.partitions)
        shares = [range(task, self.config.partitions, tasks) for task in range(tasks)]
        return [{**self.config.originals, "shares": ",".join(map(str, share))} for share in shares]


class EachTask(PruningTask):
    """Acknowledges record by record, and begins anew with all that nobody acknowledged: it keeps no offsets."""

    def _resume(self, queue: int) -> int:
        return -1

    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        """Do nothing: each record is acknowledged by itself."""

    def commit_records(self, records: Sequence[CommittedRecord]) -> None:
        for record in records:
            numbers = [record.source_offset["number"]]
            self._ask(do="acknowledge", partition=record.source_partition["queue"], numbers=numbers)


class PruningEachSource(PruningSource):
    """Reads the crash kit's server as one reads a message queue: each record is acknowledged by itself."""

    task_class = EachTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """What was delivered and not acknowledged comes again, whatever is committed."""
        return ExactlyOnceSupport.UNSUPPORTED


class SlowConfig(Config):
    """Hold a task up."""

    delay_ms: int = config_key("How long each batch waits.", default=20, ge=0)


class Slow(Transform[SlowConfig]):
    """Makes a task as slow as a slow target does: each batch waits, on the task's own thread."""

    def apply_batch(self, batch: Batch) -> Batch:
        time.sleep(self.config.delay_ms / 1000)
        return batch


@hookimpl
def connect_connectors() -> list[type[SourceConnector]]:
    return [PruningSource, PruningEachSource]


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    return [Slow]
