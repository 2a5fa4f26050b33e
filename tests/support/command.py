"""The command `connect` for tests: inside this process, or as a process of its own where that is what is tested."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from connect.app import run
from tests.support.forks import ForkedWorker
from tests.support.worker import CONNECT

Done = subprocess.CompletedProcess[str]


def connect(*arguments: str | Path, stdin: bytes = b"") -> Done:
    """Run one command line in this process: as the command does, but for the half second that Python takes to start."""
    out, errors = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(errors):
        patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        exit_code = run([str(argument) for argument in arguments])
    texts = [stream.buffer.getvalue().decode() for stream in (out, errors)]  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(arguments, exit_code, *texts)


def connect_process(*arguments: str | Path, **environment: str) -> Done:
    """Run one command line as a process, from Python's start to its end; `forks.connect_forked` costs less."""
    return subprocess.run(
        [str(CONNECT), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


def assert_refused(done: Done, exit_code: int, code: str, *mentions: str) -> None:
    """A message, a hint and a code on standard error, and the exit code."""
    assert done.returncode == exit_code, done.stderr
    assert f"code: {code}" in done.stderr
    assert "error: " in done.stderr
    for mention in mentions:
        assert mention in done.stderr, done.stderr


def lines(*arguments: str, stdin: bytes = b"") -> list[str]:
    done = connect(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def read(topic: str, count: int, data: list[str], *options: str) -> list[str]:
    return lines(
        "consume",
        "--topic",
        topic,
        "--from-beginning",
        "--max-messages",
        str(count),
        "--timeout-ms",
        "5000",
        *options,
        *data,
    )


@contextmanager
def running(data_dir: Path, *arguments: str) -> Iterator[str]:
    """Run a worker; gives its address."""
    worker = ForkedWorker(data_dir, *arguments)
    try:
        yield worker.url()
    finally:
        worker.stop()
