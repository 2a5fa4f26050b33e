"""Sends what the process logs to a stream, in the form and with the bounds that the worker's config says."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import TextIO

from connect.cli.logs.folding import ALIKE_MAX, Folding
from connect.cli.logs.formats import formatter
from connect.cli.logs.handler import (
    COLLECT_S,
    FILE_WAITING_MAX,
    WAITING_MAX,
    DescriptorWriter,
    Line,
    LineHandler,
    plain,
)

_LEVELS = {"TRACE": logging.DEBUG, "WARN": logging.WARNING}


def _own_stderr() -> TextIO:
    """Return standard error as a stream of the log's own: a plugin that closes `sys.stderr` closes another."""
    try:
        return open(sys.stderr.fileno(), "w", 1, sys.stderr.encoding, "backslashreplace", closefd=False)
    except (OSError, ValueError):  # it is no file, or closed
        return sys.stderr


def set_up(level: str, stream: TextIO | None = None, *, form: str = "text", alike_max: int = ALIKE_MAX) -> None:
    """Send log lines to a stream (standard error by default), whatever becomes of it: no line is a reason to fail.

    A terminal gets some lines of each speaker, since somebody reads along. Anything else gets all but warnings and
    errors that are alike.

    Args:
        level: As the worker's `log.level`, in any case.
        form: text or json.
        alike_max: Warnings and errors of a kind that are written in a second; 0 for all.
    """
    logging.raiseExceptions = False  # or a stream that was closed makes every call that logs raise
    stream = stream or _own_stderr()
    try:
        writer = DescriptorWriter(stream)
    except (OSError, ValueError):  # no file
        handler = LineHandler(lambda lines: _write(stream, lines), collect_s=0)
    else:
        on_terminal = stream.isatty()
        folding = Folding(alike_max) if on_terminal else Folding(alike_max, 0, below=logging.WARNING)
        handler = LineHandler(
            plain(writer),
            folding,
            waiting_max=WAITING_MAX if on_terminal else FILE_WAITING_MAX,
            collect_s=COLLECT_S if on_terminal else 0,
        )
    handler.setFormatter(formatter(form=form))
    root = logging.getLogger()
    for old in root.handlers:
        if isinstance(old, LineHandler):
            old.close()
    # What a worker keeps of its lines in memory stays where it is.
    root.handlers[:] = [handler, *(other for other in root.handlers if getattr(other, "stays", False))]
    root.setLevel(_LEVELS.get(level.upper(), level.upper()))
    for noisy in ("asyncio", "httpx", "httpcore", "faker", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _write(stream: TextIO, lines: Sequence[Line]) -> None:
    stream.write("".join(f"{line.text}\n" for line in lines))
    stream.flush()
