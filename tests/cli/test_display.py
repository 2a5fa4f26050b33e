from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from rich.console import Console

from connect.cli.display import Display, Row
from tests.support.plain import NO_TLS
from tests.support.worker import CONNECT, STRING

LINES = 3000


class OnTerminal:
    """A worker on a terminal of 100 columns, whose screen is read or not."""

    def __init__(self, data_dir: Path, *files: Path, reads: bool) -> None:
        self.data_dir = data_dir
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        command = [
            str(CONNECT),
            "worker",
            "--data-dir",
            str(data_dir),
            "--listeners",
            "http://127.0.0.1:0",
            *map(str, files),
        ]
        environment = {**os.environ, "TERM": "xterm"}
        self.process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=environment)
        os.close(follower)
        self._seen = b""
        self._reader = threading.Thread(target=self._read, daemon=True) if reads else None
        if self._reader is not None:
            self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self._seen += os.read(self._leader, 1 << 16)
            except OSError:  # it has ended
                return

    @property
    def screen(self) -> str:
        """All that was written, without the terminal's commands."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self._seen.decode(errors="replace"))

    def url(self) -> str:
        return str(json.loads((self.data_dir / "worker.json").read_text())["url"])

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        if self._reader is not None:  # or it would read whatever gets the descriptor's number next
            self._reader.join(30)
        os.close(self._leader)


@contextmanager
def on_terminal(data_dir: Path, *files: Path, reads: bool) -> Iterator[OnTerminal]:
    worker = OnTerminal(data_dir, *files, reads=reads)
    try:
        yield worker
    finally:
        worker.close()


def until(condition: Callable[[], bool], worker: OnTerminal) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, worker.screen
        time.sleep(0.02)


def write(tmp_path: Path, name: str, **config: str) -> Path:
    path = tmp_path / f"{name}.json"
    keys = {key.replace("_", "."): value for key, value in config.items()}
    path.write_text(json.dumps({"name": name, **keys}))
    return path


def test_what_does_not_fit_on_the_screen_is_counted_and_what_fits_is_whole(capfd: pytest.CaptureFixture[str]) -> None:
    display = Display(cast(Any, None), "http://worker")
    display._console = Console(file=io.StringIO(), width=80, height=24)
    cells = ("sink", "RUNNING", "1 FAILED", "0", "0", "7")
    cause = "environment.unreachable: the server [hidden] at " + "x" * 90
    rows = [Row(f"bad-{n}", (f"bad-{n}", *cells), "red", cause) for n in range(30)]
    rows += [Row(f"good-{n}", (f"good-{n}", *cells), "green", "") for n in range(30)]
    fitting = display._fitting(rows)
    lines = display._console.render_lines(fitting, pad=False)
    assert len(lines) < 24
    text = ["".join(segment.text for segment in line).rstrip() for line in lines]
    shown = sum(line.lstrip().startswith("bad-") and "sink" in line for line in text)
    assert (
        text[-1] == f"{60 - shown} more connectors: {60 - shown} RUNNING; something of {30 - shown} of them has FAILED"
    )
    assert "".join("".join(text).split()).count("".join(cause.split())) == shown
    whole = display._console.render_lines(display.view(rows[:2]), pad=False)
    assert sum("more connectors" in segment.text for line in whole for segment in line) == 0


@pytest.mark.slow
def test_the_live_view_says_what_list_says_and_why_in_whole(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("no json\n" * 3)
    source = write(
        tmp_path,
        "src",
        connector_class="FileStreamSource",
        file=str(tmp_path / "in.txt"),
        topic="t",
        value_converter=STRING,
    )
    bad = write(tmp_path, "bad", connector_class="FileStreamSink", topics="t", file=str(tmp_path / "out.txt"))
    with on_terminal(tmp_path / "data", source, bad, reads=True) as worker:
        row = re.compile(r"bad +sink +RUNNING +1 FAILED +0 +0 +3 ")
        until(lambda: row.search(worker.screen) is not None, worker)
        whole = "".join(worker.screen.split())
        assert "[bad|task-0]taskfailed" in whole  # the log line names who speaks
        assert "bad:data.invalid:" in whole  # the code first
        assert "topict,partition0,offset0)" in whole  # nothing is cut
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0


@pytest.mark.slow
def test_a_terminal_that_stands_still_does_not_hold_the_worker_up(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("no json\n" * LINES)
    source = write(
        tmp_path,
        "src",
        connector_class="FileStreamSource",
        file=str(tmp_path / "in.txt"),
        topic="t",
        value_converter=STRING,
    )
    sink = write(
        tmp_path,
        "sink",
        connector_class="FileStreamSink",
        topics="t",
        file=str(tmp_path / "out.txt"),
        errors_tolerance="all",
        errors_log_enable="true",
        errors_log_include_messages="true",
    )
    with on_terminal(tmp_path / "data", source, sink, reads=False) as worker:

        def skipped() -> int:
            try:
                tasks = httpx.get(f"{worker.url()}/v1/worker", timeout=10, verify=NO_TLS).json()["tasks"]
            except (OSError, ValueError, httpx.HTTPError):  # it is starting
                return 0
            return sum(task["skipped"] for task in tasks)

        until(lambda: skipped() == LINES, worker)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0
