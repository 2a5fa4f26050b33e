"""Asking a sink what it would write: with all records, without the bad ones, or one by one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from connect.api import Batch, DataError, FailedRecord, Preview, PreviewItem, SinkConnector, SinkTask
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.preview.room import Room
from connect.runtime.preview.target import TargetPreview
from connect.runtime.tasks.shown import Shown
from connect.runtime.tasks.walks import record_of
from tests.support.factories import make_sink_batch

ASKED: list[list[Any]] = []
LOOKED_ON: set[str] = set()


class Noted:
    """Notes on which thread it is looked at."""

    def __repr__(self) -> str:
        LOOKED_ON.add(threading.current_thread().name)
        return "noted"


class Task(SinkTask):
    async def preview(self, batches: Sequence[Batch]) -> Preview:
        values = [value for batch in batches for value in batch.values]
        ASKED.append(values)
        if "named" in values:
            raise DataError("named is bad", failed=[FailedRecord(values.index("named"), "it is named")])
        if "unnamed" in values:
            raise DataError("something is bad")
        if "many" in values:
            parameters = [Noted(), *range(100_000)]
            long = [PreviewItem("x" * 10_000, parameters, [0]) for _ in range(3000)]
            return Preview("rows", [*long, PreviewItem("late", records=[1], error=DataError("refused"))])
        items = [PreviewItem(str(value), records=[n]) for n, value in enumerate(values)]
        return Preview("rows", [*items, PreviewItem("late", records=[0], error=DataError("refused"))], "note")


class Sink(SinkConnector):
    task_class = Task


async def written(*values: str) -> tuple[Any, dict[int, str]]:
    ASKED.clear()
    show = Shown()
    room = Room("k", "test.Sink", Watchdog(), 5)
    target = TargetPreview(room, PluginDesc(Sink, PluginKind.SINK, "test"), "k", {"name": "k"}, show)
    batches = [make_sink_batch([value], base_offset=n) for n, value in enumerate(values)]
    try:
        found = await target.written([(n + 10, b, record_of(b, 0, show)) for n, b in enumerate(batches)], "")
    finally:
        await room.release()
    return found, {index: fault["message"] for index, fault in target.faults.items()}


async def test_records_are_asked_about_together_and_items_are_of_their_walks() -> None:
    found, faults = await written("a", "b")
    assert ASKED == [["a", "b"]]
    assert [(item["text"], item["records"]) for item in found["items"]] == [("a", [10]), ("b", [11]), ("late", [10])]
    assert faults == {10: "refused"}


async def test_without_the_named_ones_it_is_asked_again() -> None:
    _, faults = await written("a", "named", "b")
    assert ASKED == [["a", "named", "b"], ["a", "b"]]
    assert faults[11] == "it is named"


async def test_where_none_is_named_each_is_asked_about_alone() -> None:
    found, faults = await written("a", "unnamed")
    assert ASKED == [["a", "unnamed"], ["a"], ["unnamed"]]
    assert (faults[11], found["note"]) == ("something is bad", "note")


async def test_of_no_records_nothing_is_asked() -> None:
    found, _ = await written()
    assert (found["kind"], ASKED) == ("none", [])


async def test_very_many_items_are_cut_off_the_event_loop_and_what_fails_among_the_others_is_told() -> None:
    found, faults = await written("many", "b")
    assert {"connect-preview"} == LOOKED_ON
    shown = len(found["items"])
    assert 1 < shown < 1000
    assert len(str(found)) < 4 << 20
    assert found["items"][0]["parameters"][:3] == ["noted", 0, 1]
    assert found["note"] == f"{3001 - shown} further items are left out"
    assert faults == {11: "refused"}
