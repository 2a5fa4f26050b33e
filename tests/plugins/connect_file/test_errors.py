"""The plugin's error codes, and the system's errors in words."""

from __future__ import annotations

import errno

import pytest

from connect.api import ConnectError
from connect_file.errors import LINE_TOO_LONG, UNREADABLE, UNWRITABLE, reason


def test_a_system_error_is_told_in_its_words_without_number_and_path() -> None:
    assert reason(OSError(errno.EACCES, "whatever", "/secret/path")) == "Permission denied"
    assert reason(FileNotFoundError(errno.ENOENT, "no", "x")) == "No such file or directory"


def test_an_error_without_a_number_tells_what_it_has() -> None:
    assert reason(OSError("the pipe is odd")) == "the pipe is odd"


@pytest.mark.parametrize("code", [LINE_TOO_LONG, UNREADABLE, UNWRITABLE])
def test_each_code_is_registered_with_what_to_do(code: str) -> None:
    error = ConnectError("file 'x'", code=code)
    assert error.code.startswith("file.")
    assert error.hint.endswith(".")
