"""Lines of standard input: what cannot be read again, and so has no offsets."""

from __future__ import annotations

import io
import select
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connect.api import Batch, SourceTaskContext
from connect_file.line_batches import LineBatches
from connect_file.lines import CHUNK_BYTES
from connect_file.source_config import FileStreamSourceConfig

#: How long one poll waits; a stop waits no longer than that.
STDIN_WAIT_S: Final = 0.5
_STDIN: Final = 0


class StandardInput:
    """The standard input of one task. All calls block, and are for the task's thread."""

    def __init__(self, config: FileStreamSourceConfig, context: SourceTaskContext) -> None:
        self._context = context
        self._lines = LineBatches(config, context.log, "standard input")
        self._stream: io.FileIO | None = io.FileIO(_STDIN, closefd=False)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def poll(self) -> list[Batch]:
        """Return the next batches; empty where nothing comes for `STDIN_WAIT_S`, or it has ended."""
        self._context.poll_wait_s = None
        if self._lines.failure is not None:
            raise self._lines.failure
        if self._stream is None:
            self._context.stopping.wait(STDIN_WAIT_S)
            return []
        if not select.select([self._stream], [], [], STDIN_WAIT_S)[0]:
            return []
        data = self._stream.read(CHUNK_BYTES)
        if data:
            return self._lines.take(data)
        self._context.log.info("standard input has ended")
        last, self._lines.held, self._stream = self._lines.held, b"", None
        return self._lines.last(last.removesuffix(b"\r") + b"\n") if last else []

    def take_news(self) -> bool:
        """Whether a file was begun: none ever is."""
        return False

    def committed(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        """Hear up to where records are durable, on which nothing hangs."""

    def offset_within(self, batch: Batch, count: int) -> None:
        """There are no offsets."""
