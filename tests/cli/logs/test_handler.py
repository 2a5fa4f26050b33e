from __future__ import annotations

import io
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from connect.cli.logs import folding
from connect.cli.logs.folding import ALIKE_MAX, FROM_ONE_MAX, Folding
from connect.cli.logs.formats import formatter
from connect.cli.logs.handler import WAITING_MAX, Line, LineHandler
from connect.runtime.connector_context import connector_context


class Terminal:
    """Takes lines, or stands still until it is let go."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.going = threading.Event()
        self.going.set()

    def write(self, lines: Sequence[Line]) -> None:
        self.going.wait(30)
        self.lines += [line.text for line in lines]


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def log(terminal: Terminal) -> Iterator[logging.Logger]:
    handler = LineHandler(terminal.write)
    handler.setFormatter(formatter("%(kafka_level)s %(connector_context)s%(message)s"))
    logger = logging.getLogger("test.terminal")
    logger.handlers[:], logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    yield logger
    terminal.going.set()
    handler.close()
    logger.handlers[:] = []


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_waits_is_bounded_in_memory_too_and_one_long_line_is_written(terminal: Terminal) -> None:
    handler = LineHandler(terminal.write, Folding(0, 0))
    log = logging.Logger("test.long")
    log.addHandler(handler)
    terminal.going.clear()
    log.info("first")
    until(lambda: not handler._waiting)
    for _ in range(100):
        log.info("x" * (1 << 20))
    waiting = sum(sys.getsizeof(line.text) for line in handler._waiting)
    assert 7 << 20 < waiting <= 8 << 20
    terminal.going.set()
    until(lambda: any(line.startswith("93 lines were not shown") for line in terminal.lines))
    assert len(terminal.lines) == 1 + 7 + 1
    log.info("y" * (20 << 20))
    until(lambda: len(terminal.lines[-1]) == 20 << 20)
    handler.close()


def test_lines_are_shown_in_order_with_who_speaks(terminal: Terminal, log: logging.Logger) -> None:
    token = connector_context.set("[k|task-0] ")
    try:
        for number in range(3):
            log.warning("line %d", number)
    finally:
        connector_context.reset(token)
    log.info("another")
    log.handlers[0].flush()
    assert terminal.lines == [
        "WARN [k|task-0] line 0",
        "WARN [k|task-0] line 1",
        "WARN [k|task-0] line 2",
        "INFO another",
    ]


def test_lines_that_are_alike_are_folded_into_a_count(
    terminal: Terminal, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "WINDOW_S", 60.0)  # however busy the machine is
    for number in range(5000):
        log.error("bad record %d", number)
    log.error("something else")
    log.handlers[0].close()
    assert terminal.lines[:ALIKE_MAX] == [f"ERROR bad record {n}" for n in range(ALIKE_MAX)]
    assert terminal.lines[ALIKE_MAX:] == [
        "ERROR something else",
        f"ERROR {5000 - ALIKE_MAX:,} more lines like this were not shown: bad record 4999",
    ]


def test_lines_of_one_speaker_are_bounded_though_each_is_another(terminal: Terminal, log: logging.Logger) -> None:
    for number in range(5000):
        log.error(f"bad record {number}")
    log.handlers[0].close()
    assert len(terminal.lines) == FROM_ONE_MAX + 1
    assert terminal.lines[-1] == f"ERROR {5000 - FROM_ONE_MAX:,} more lines like this were not shown: bad record 4999"


def test_a_count_is_told_within_a_moment_without_another_line(terminal: Terminal, log: logging.Logger) -> None:
    for _ in range(ALIKE_MAX + 1):
        log.error("again")
    until(lambda: len(terminal.lines) == ALIKE_MAX + 1)
    assert terminal.lines[-1] == "ERROR 1 more line like this was not shown: again"


def test_a_terminal_that_stands_still_holds_nobody_up_and_what_is_lost_is_counted(
    terminal: Terminal, log: logging.Logger
) -> None:
    terminal.going.clear()
    began = time.monotonic()
    for number in range(3 * WAITING_MAX):
        token = connector_context.set(f"[k{number}|task-0] ")
        log.error("lost")
        connector_context.reset(token)
    log.handlers[0].flush()
    assert time.monotonic() - began < 10
    terminal.going.set()

    def told() -> int:
        counts = [int(line.split()[1].replace(",", "")) for line in terminal.lines if "not shown" in line]
        return sum(counts) + sum(line.endswith("lost") for line in terminal.lines)

    until(lambda: told() == 3 * WAITING_MAX)


def test_a_line_cannot_steer_the_terminal(terminal: Terminal, log: logging.Logger) -> None:
    log.error("\x1b]0;title\x07")
    log.handlers[0].flush()
    assert terminal.lines[0].startswith("ERROR \\x1b]0;title")


def test_a_log_line_cannot_steer_a_terminal_or_turn_the_reading_order_around() -> None:
    stream = io.StringIO()
    record = logging.LogRecord("x", logging.INFO, "f", 1, "connector %s\nnext\tline", ("a\u202eb\x1b[2J\x9bc\r",), None)
    stream.write(formatter("%(message)s").format(record))
    assert stream.getvalue() == "connector a\\u202eb\\x1b[2J\\x9bc\\r\nnext\tline"
