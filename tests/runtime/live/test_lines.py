from __future__ import annotations

import logging
import threading
import time

from connect.cli import logs
from connect.runtime import secrets
from connect.runtime.connector_context import connector_context, context_text, of_connector
from connect.runtime.live.lines import LINES_MAX, LINES_PER_S, KeptLines


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        self.s += 1.0 / (LINES_PER_S - 10)
        return self.s


def told(lines: KeptLines, name: str = "c", text: str = "hello", *, task: int | None = 0, level: int = 20) -> None:
    record = logging.LogRecord("x.y", level, "f", 1, text, None, None)
    record.__dict__.update(of_connector(name, task))
    lines.handle(record)


def test_lines_are_kept_by_connector_and_those_of_none_are_not() -> None:
    lines = KeptLines()
    told(lines, "a", "one")
    told(lines, "b", "two", task=None, level=logging.ERROR)
    lines.handle(logging.LogRecord("x", 20, "f", 1, "three", None, None))
    (line,), dropped = lines.of("a")
    assert (line.text, line.task, line.logger, dropped) == ("one", 0, "x.y", 0)
    assert lines.of("b")[0][0].task is None and lines.of("b", level=logging.CRITICAL) == ([], 0)
    assert sorted(lines._lines) == ["a", "b"]


def test_the_context_of_the_running_code_counts() -> None:
    lines, logger = KeptLines(), logging.getLogger("test.lines")
    logger.addHandler(lines)
    token = connector_context.set(context_text("c", 3))
    try:
        logger.warning("here %s", "it is")
        try:
            raise ValueError("bad")
        except ValueError:
            logger.exception("and a trace")
    finally:
        connector_context.reset(token)
        logger.removeHandler(lines)
    first, second = lines.of("c")[0]
    assert (first.text, first.task, first.trace) == ("here it is", 3, None)
    assert second.trace is not None and second.trace.endswith("ValueError: bad")


def test_a_trace_within_a_message_is_told_apart() -> None:
    lines = KeptLines()
    told(lines, text="task failed: x [internal]\nTraceback (most recent call last):\n  File")
    (line,), _ = lines.of("c")
    assert (line.text, line.trace) == (
        "task failed: x [internal]",
        "Traceback (most recent call last):\n  File",
    )


def test_so_many_lines_of_a_connector_are_kept() -> None:
    lines = KeptLines(clock_s=Clock())
    for number in range(LINES_MAX + 7):
        told(lines, text=f"{number}")
    kept, dropped = lines.of("c")
    assert (len(kept), kept[0].text, dropped) == (LINES_MAX, "7", 7)
    assert [line.text for line in lines.of("c", most=2)[0]] == ["1005", "1006"]


def test_a_flood_is_counted_and_its_lines_are_not_put_into_words() -> None:
    class Costly:
        asked = 0

        def __str__(self) -> str:
            Costly.asked += 1
            return "x"

    lines = KeptLines(clock_s=lambda: 5.0)
    for _ in range(10 * LINES_PER_S):
        record = logging.LogRecord("x", 40, "f", 1, "%s", (Costly(),), None)
        record.__dict__.update(of_connector("c"))
        lines.handle(record)
    kept, dropped = lines.of("c")
    assert (len(kept), dropped, Costly.asked) == (LINES_PER_S, 9 * LINES_PER_S, LINES_PER_S)


def test_all_lines_stay_within_their_bytes_and_who_has_most_loses_first() -> None:
    lines = KeptLines(bytes_max=100_000, clock_s=Clock())
    told(lines, "quiet", "one line")
    for _ in range(500):
        told(lines, "loud", "x" * 10_000)
        assert lines._bytes <= 100_000
    assert len(lines.of("quiet")[0]) == 1
    assert all(len(line.text) < 4100 for line in lines.of("loud")[0])
    for number in range(500):
        told(lines, f"name{number}")
        assert lines._bytes <= 100_000
    for name in list(lines._lines):
        lines.forget(name)
    assert lines._bytes == 0


def test_no_secret_is_kept_not_even_one_that_a_cut_goes_through() -> None:
    secrets.add(["hunter2-secret"])
    lines = KeptLines()
    told(lines, text="the password is hunter2-secret")
    told(lines, text="x" * 3995 + "hunter2-secret" + "y" * 100)
    assert all("hunter2" not in line.text for line in lines.of("c")[0])


def test_a_line_that_cannot_be_formatted_ends_nothing() -> None:
    lines = KeptLines()
    record = logging.LogRecord("x", 40, "f", 1, "%d", ("no number",), None)
    record.__dict__.update(of_connector("c"))
    lines.handle(record)
    assert lines.of("c") == ([], 1)


def test_lines_come_from_many_threads_while_they_are_read() -> None:
    lines = KeptLines(clock_s=lambda: time.monotonic() * 1000)
    threads = [threading.Thread(target=lambda: [told(lines) for _ in range(300)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        lines.of("c")
    kept, dropped = lines.of("c")
    assert len(kept) + dropped == 1200


def test_a_log_that_is_set_up_anew_leaves_them_where_they_are() -> None:
    root, lines = logging.getLogger(), KeptLines()
    before, level = list(root.handlers), root.level
    root.addHandler(lines)
    try:
        logs.set_up("INFO")
        stay = [handler for handler in root.handlers if getattr(handler, "stays", False)]
        assert lines in stay and len(root.handlers) == 1 + len(stay)
    finally:
        for handler in root.handlers:
            if handler is not lines and handler not in before:
                handler.close()
        root.handlers[:] = before
        root.setLevel(level)
