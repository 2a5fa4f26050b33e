"""The plugin's own error codes, and operating system errors in its words."""

from __future__ import annotations

import os
from typing import Final

from connect.api import register_code

UNREADABLE: Final = register_code(
    "file.unreadable",
    "A source's file cannot be read.",
    "Give the worker's user the right to read it, or name another file.",
)
UNWRITABLE: Final = register_code(
    "file.unwritable",
    "A sink's file cannot be written.",
    "Create its folder and let the worker's user write there, or name another file.",
)
LINE_TOO_LONG: Final = register_code(
    "file.line_too_long",
    "A file has a line that is too long to be held in memory.",
    "Check that the file is text with line ends.",
)


def reason(error: OSError) -> str:
    """Return what the operating system says, without its number and path: 'Permission denied'."""
    return os.strerror(error.errno) if error.errno is not None else str(error)
