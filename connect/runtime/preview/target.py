"""What a sink would write of the records that have come through: asked of its task, or the records as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connect.api import Batch, DataError, Preview, PreviewItem, SinkTask
from connect.api.contract import failed_of, preview_of
from connect.runtime.border.calls import PluginTimeoutError
from connect.runtime.plugins import PluginDesc
from connect.runtime.preview.answers import Target, TargetItem
from connect.runtime.preview.polling import made_task, task_config
from connect.runtime.preview.room import OutOfTimeError, Room
from connect.runtime.tasks.context import SinkTaskContextImpl
from connect.runtime.tasks.failures import named
from connect.runtime.tasks.shown import Shown
from connect.runtime.tasks.stages import coalesce
from connect.runtime.tasks.walks import Fault, ShownRecord, fault_of

#: A statement is shown up to here.
TEXT_CHARS_MAX: Final = 16 << 10
ITEMS_MAX: Final = 1000
#: What all items show together, in characters, roughly: at least one is shown.
ITEMS_CHARS_MAX: Final = 2 << 20

#: A record that came through, with the index of its walk, and as it is shown.
Came = tuple[int, Batch, ShownRecord]


class TargetPreview:
    """Asks one sink.

    Attributes:
        faults: What became of records that the sink refuses, by the index of their walk.
    """

    def __init__(self, room: Room, desc: PluginDesc, name: str, config: Mapping[str, Any], show: Shown) -> None:
        self.faults: dict[int, Fault] = {}
        self._room = room
        self._desc = desc
        self._name = name
        self._config = config
        self._show = show
        self._task: SinkTask | None = None

    @property
    def is_told(self) -> bool:
        """Whether the sink says what it would write."""
        return self._desc.cls.task_class.preview is not SinkTask.preview  # type: ignore[attr-defined] # a sink's

    async def written(self, came: Sequence[Came], note: str) -> Target:
        """Return what would be written of these records.

        Raises:
            ConnectError: The sink cannot tell; what single records fail on is in `faults`.
            OutOfTimeError: The time is up.
        """
        if not came:
            return {"kind": "none", "items": [], "note": note}
        if not self.is_told:
            return self._as_put(came, note)
        config = await task_config(self._room, self._desc, self._name, self._config)
        context = SinkTaskContextImpl(self._name, 0)
        self._task = await made_task(self._room, self._desc, context, config or {})
        found: list[tuple[Preview, Sequence[Came]]] = []
        await self._ask(list(came), found)
        notes = dict.fromkeys(told for told in (note, *(preview.note for preview, _ in found)) if told)
        # On the thread: a sink may tell of very many, and what it tells may be slow to look at.
        items = await self._room.run(self._items, found)
        kind = found[0][0].kind if found else "none"
        if left := sum(len(preview.items) for preview, _ in found) - len(items):
            notes[f"{left} further items are left out"] = None
        return {
            "kind": kind,
            "items": items,
            "note": self._show.text("; ".join(notes), TEXT_CHARS_MAX),
        }

    async def _ask(self, came: list[Came], found: list[tuple[Preview, Sequence[Came]]]) -> None:
        """Ask for these records; where some are bad, for the others, and where it is not said which, for each."""
        assert self._task is not None
        while came:
            try:
                answer = await self._room.call(self._task.preview, _batches(came))
                found.append((await self._room.run(preview_of, self._task, answer, len(came)), came))
                return
            except (PluginTimeoutError, OutOfTimeError):
                raise
            except DataError as error:
                failed = failed_of(self._task, "preview", error, len(came))
                if not failed and len(came) > 1:
                    for one in came:
                        await self._ask([one], found)
                    return
                if not failed:
                    self._note_fault(came[0][0], fault_of(error, self._task, self._show, method="preview"))
                    return
                for bad in failed:
                    fault = fault_of(named(error, bad), self._task, self._show, method="preview")
                    self._note_fault(came[bad.index][0], fault)
                gone = {bad.index for bad in failed}
                came = [one for number, one in enumerate(came) if number not in gone]

    def _note_fault(self, index: int, fault: Fault) -> None:
        self.faults.setdefault(index, fault)

    def _items(self, found: Sequence[tuple[Preview, Sequence[Came]]]) -> list[TargetItem]:
        items, limit = list[TargetItem](), self._show.spent_chars + ITEMS_CHARS_MAX
        for item, asked in ((item, asked) for preview, asked in found for item in preview.items):
            if len(items) < ITEMS_MAX and (not items or self._show.spent_chars < limit):
                items.append(self._item(item, asked))
            elif item.error is not None and any(asked[number][0] not in self.faults for number in item.records):
                self._item(item, asked)  # left out, but what becomes of its records is told
        return items

    def _item(self, item: PreviewItem, asked: Sequence[Came]) -> TargetItem:
        indexes = sorted({asked[number][0] for number in item.records})
        fault = None
        if item.error is not None:
            fault = fault_of(item.error, self._task, self._show, method="preview")
            for index in indexes:
                self._note_fault(index, fault)
        return {
            "text": self._show.text(item.text, TEXT_CHARS_MAX),
            "parameters": None if item.parameters is None else self._show.value(list(item.parameters)),
            "records": indexes,
            "error": fault,
        }

    def _as_put(self, came: Sequence[Came], note: str) -> Target:
        items: list[TargetItem] = [
            {
                "text": json.dumps({part: shown[part] for part in ("topic", "key", "value")}, ensure_ascii=False),
                "parameters": None,
                "records": [index],
                "error": None,
            }
            for index, _, shown in came
        ]
        own = f"{self._desc.name} does not say what it would write: these are the records as they would be put"
        return {"kind": "records", "items": items, "note": f"{note}; {own}" if note else own}


def _batches(came: Sequence[Came]) -> list[Batch]:
    return coalesce(batch for _, batch, _ in came)
