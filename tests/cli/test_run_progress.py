from __future__ import annotations

import io
import os
import threading
from contextlib import suppress

import pytest

from connect.cli.logs.handler import DescriptorWriter, LineHandler
from connect.cli.run_progress import Figures, Progress, bytes_text, time_text


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_it_is_a_line_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    progress.show([Figures("source", 1, 1)])
    assert stream.getvalue() == ""
    clock.now_s = 5.0
    progress.show([Figures("source", 10_000, 1_500_000), Figures("sink", 5_000, 750_000, 5_000)])
    progress.end()
    assert stream.getvalue() == (
        "source: 10,000 records, 1.5 MB, 2,000/s\nsink: 5,000 records, 750.0 kB, 1,000/s, 5,000 left, about 5 s\n"
    )


def test_a_source_that_knows_its_size_has_an_end_in_sight() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    clock.now_s = 5.0
    progress.show([Figures("c", 1_000, 1_000_000, left_bytes=2_000_000)])
    assert stream.getvalue() == "c: 1,000 records, 1.0 MB, 200/s, 2.0 MB left, about 10 s\n"


def test_a_rate_is_of_the_last_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    for second, records in ((5, 5_000), (10, 5_000), (15, 5_500)):
        clock.now_s = second
        progress.show([Figures("c", records, 0, waiting_for="the server")])
    assert [line.split(", ")[2] for line in stream.getvalue().splitlines()] == ["1,000/s", "0/s", "100/s"]
    assert stream.getvalue().splitlines()[-1].endswith("waits: the server")


def test_on_a_terminal_one_line_is_rewritten_and_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock)
    for second in (1, 2):
        clock.now_s = second
        progress.show([Figures("a-connector-with-a-long-name", second, second), Figures("b", 0, 0)])
    progress.end()
    lines = stream.getvalue().split("\r\x1b[K")
    assert len(lines) == 4 and lines[-1] == ""
    assert all(len(line) < 40 and "\n" not in line for line in lines)


def test_signs_that_steer_a_terminal_are_spelt_out() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    clock.now_s = 5.0
    progress.show([Figures("c", 1, 1, waiting_for="\x1b]0;title\x07the server")])
    assert "waits: \\x1b]0;title\\x07the server\n" in stream.getvalue()


def test_a_pipe_that_nobody_reads_holds_nobody_up() -> None:
    out, into = os.pipe()
    os.set_blocking(into, False)
    with suppress(BlockingIOError):
        while True:
            os.write(into, b"x" * 4096)
    os.set_blocking(into, True)
    clock, handler = Clock(), LineHandler(lambda lines: None)
    with os.fdopen(into, "w") as stream:
        progress = Progress(DescriptorWriter(stream), clock=clock, draw=handler.show)

        def show() -> None:
            for second in (5, 10, 15):
                clock.now_s = second
                progress.show([Figures("c", second, 1)])

        showing = threading.Thread(target=show, daemon=True)
        showing.start()
        showing.join(10)
        is_held_up = showing.is_alive()
        read = b""
        while b"c: 15 records" not in read:  # as soon as somebody reads, the newest is told
            read += os.read(out, 1 << 16)
        handler.close()
    os.close(out)
    assert not is_held_up


def test_sizes_and_times_are_for_people() -> None:
    assert [bytes_text(n) for n in (0, 999, 1_500, 2_000_000, 3 * 10**12)] == [
        "0 B", "999 B", "1.5 kB", "2.0 MB", "3.0 TB",
    ]  # fmt: skip
    assert [time_text(s) for s in (1.4, 59, 90, 5400)] == ["1 s", "59 s", "2 min", "1.5 h"]
