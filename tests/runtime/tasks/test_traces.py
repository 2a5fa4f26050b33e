from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from connect.records import FetchedBatch
from connect.runtime.model import TaskId
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.traces import Span, end_all
from tests.support.worker import STRING, running_worker


class Noted:
    """Notes what becomes of each batch."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, BaseException | None]] = []

    def polled(self, task: TaskId, outgoing: Sequence[Outgoing], took_s: float) -> tuple[list[Outgoing], Span] | None:
        return list(outgoing), NotedSpan(self, f"polled {task}")

    def fetched(self, task: TaskId, batches: Sequence[FetchedBatch]) -> Span | None:
        return NotedSpan(self, f"fetched {task}")


class NotedSpan:
    def __init__(self, noted: Noted, what: str) -> None:
        self._noted, self._what = noted, what

    def end(self, error: BaseException | None = None) -> None:
        self._noted.ended.append((self._what, error))


async def test_each_batch_is_ended_once_it_has_arrived(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\n")
    noted = Noted()
    async with running_worker(tmp_path) as worker:
        worker.herder.base.traces.tracer = noted
        read = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        put = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": "t"}
        await worker.client.put("/connectors/in/config", json={**read, "value.converter": STRING})
        await worker.client.put("/connectors/out/config", json={**put, "value.converter": STRING})
        await worker.until(lambda: len(noted.ended) == 2)
    assert noted.ended == [("polled in-0", None), ("fetched out-0", None)]


def test_spans_of_batches_that_went_together_end_together() -> None:
    noted, error = Noted(), RuntimeError("no")
    end_all([NotedSpan(noted, "a"), NotedSpan(noted, "b")], error)
    assert noted.ended == [("a", error), ("b", error)]
