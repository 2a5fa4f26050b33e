"""Which files records would go to, and what these would hold: planned as a put plans, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connect.api import Batch, ConfigError, DataError, FailedRecord, Preview, PreviewItem
from connect_file.folder.config import FolderSinkConfig
from connect_file.folder.encoding import Body, Encoder
from connect_file.folder.journal import At
from connect_file.folder.planning import FileState, Planner, Segment
from connect_file.folder.templates import Template


class _File:
    """A file that would be written."""

    def __init__(self, path: str, state: FileState, body: Body | None) -> None:
        self.path, self.state = path, state
        self.records: list[int] = []
        self._body = body
        self._data = bytearray()

    def add(self, number: int, segment: Segment) -> None:
        self.records.append(number)
        self.state = FileState(
            segment.texts,
            segment.layout,
            self.state.records + segment.records,
            segment.end_offset,
            segment.first_ms,
        )
        if self._body is not None:
            self._data += self._body.add(segment.chunk)

    def item(self) -> PreviewItem:
        text = self.path
        if self._body is not None:
            text += "\n" + (self._data + self._body.end()).decode("utf-8", "replace").rstrip("\n")
        return PreviewItem(text, records=self.records)


def preview(
    batches: Sequence[Batch], config: FolderSinkConfig, planner: Planner, template: Template, encoder: Encoder
) -> Preview:
    """Return the files that a task without files would write of these batches. Blocks for a look at the folder.

    Args:
        encoder: Of what the files hold, not packed.

    Raises:
        DataError: Names the records that have no place in a file.
        ConfigError: There is no such folder, or it cannot be written.
    """
    folder = Path(config.folder)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        what = "cannot be written: Permission denied" if folder.is_dir() else "is not there, or is none"
        raise ConfigError(f"folder {str(folder)!r} {what}", config_path="folder")
    files: list[_File] = []
    opened: dict[tuple[At, str], _File] = {}
    failed: list[FailedRecord] = []
    first: DataError | None = None

    def state_of(at: At, identity: str) -> FileState | None:
        file = opened.get((at, identity))
        return None if file is None else file.state

    numbers = ((batch, row) for batch in batches for row in range(len(batch)))
    for number, (batch, row) in enumerate(numbers):
        try:
            segments = planner.plan([batch[row : row + 1]], state_of, lambda at, identity: 0)
        except DataError as error:
            first = first or error
            failed.append(FailedRecord(number, error.message))
            continue
        for segment in segments:
            key = (segment.at, segment.identity)
            if segment.is_new or key not in opened:
                opened[key] = _begun(folder, segment, template, encoder)
                files.append(opened[key])
            opened[key].add(number, segment)
    if first is not None:
        raise DataError(first.message, failed=failed, code=first.code, hint=first.hint)
    notes = ["files that are there, or are open in a running task, are not looked at: names and contents begin anew"]
    if config.format == "parquet":
        notes.append("Parquet files are shown by their names alone")
    elif config.compression_type != "none":
        notes.append(f"contents are shown as they are in front of {config.compression_type}")
    return Preview("files", [file.item() for file in files], "; ".join(notes))


def _begun(folder: Path, segment: Segment, template: Template, encoder: Encoder) -> _File:
    where, name = template.path(segment.texts, segment.first_offset)
    state = FileState(segment.texts, segment.layout, 0, segment.first_offset, segment.first_ms)
    body: Any = encoder.body(segment.layout) if isinstance(segment.chunk, bytes) else None
    return _File(str(folder / where / f"{name}{template.extension}"), state, body)
