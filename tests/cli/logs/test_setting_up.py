from __future__ import annotations

import io
import json
import logging
import os
import pty
import select
import threading
import time
from collections.abc import Iterator

import pytest

from connect.cli import logs
from connect.cli.logs.handler import FILE_WAITING_MAX, LineHandler


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if isinstance(handler, LineHandler):
            handler.close()
    root.handlers[:], root.level = before


def collect(reader: int, found: list[str]) -> None:
    with os.fdopen(reader) as lines:
        found.extend(lines)


def test_a_terminal_a_pipe_and_a_stream_without_a_descriptor_are_written_to() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        logs.set_up("INFO", stream)
        logging.getLogger("connect.test").warning("hello")
        logging.getLogger().handlers[0].close()
    assert b"WARN hello (connect.test)\r\n" in os.read(leader, 1000)
    os.close(leader)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        logs.set_up("INFO", stream, form="json")
        logging.getLogger("connect.test").warning("hello")
        logging.getLogger().handlers[0].close()
    assert json.loads(os.read(reader, 1000))["message"] == "hello"
    os.close(reader)
    text = io.StringIO()
    logs.set_up("INFO", text)
    logging.getLogger("connect.test").warning("hello")
    logging.getLogger().handlers[0].flush()
    assert text.getvalue().endswith("WARN hello (connect.test)\n")


def test_a_file_has_every_line_but_errors_that_are_alike() -> None:
    reader, writer = os.pipe()
    found: list[str] = []
    taking = threading.Thread(target=collect, args=(reader, found))
    taking.start()
    with os.fdopen(writer, "w") as stream:
        logs.set_up("INFO", stream, alike_max=3)
        for number in range(200):
            logging.getLogger("connect.test").info("step %d", number)
            logging.getLogger("connect.test").error("bad %d", number)
        logging.getLogger().handlers[0].close()
    taking.join(30)
    assert sum("step" in line for line in found) == 200
    bad = [line for line in found if "bad" in line]
    assert len(bad) == 4
    assert "197 more lines like this were not shown: bad 199" in bad[-1]


def test_a_pipe_that_nobody_reads_holds_nobody_up_and_what_is_lost_is_counted() -> None:
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    logs.set_up("INFO", stream)
    wanted = 4 * FILE_WAITING_MAX
    began = time.monotonic()
    for number in range(wanted):
        logging.getLogger("connect.test").info("line %d of many that fill a pipe", number)
    assert time.monotonic() - began < 60
    found: list[str] = []
    taking = threading.Thread(target=collect, args=(reader, found))
    taking.start()
    handler = logging.getLogger().handlers[0]
    deadline = time.monotonic() + 60

    def told() -> int:
        lost = [int(line.split("WARN ")[1].split()[0].replace(",", "")) for line in found if "faster than" in line]
        return sum(lost) + sum("that fill a pipe" in line for line in found)

    while told() < wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    handler.close()
    stream.close()
    taking.join(30)
    assert told() == wanted
    assert any("faster than" in line for line in found)


def test_a_second_set_up_ends_the_thread_of_the_first() -> None:
    before = threading.active_count()
    for _ in range(5):
        logs.set_up("INFO", io.StringIO())
    assert threading.active_count() <= before + 1


def test_a_pipe_that_somebody_made_non_blocking_gets_every_byte() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream = os.fdopen(writer, "w")
    logs.set_up("INFO", stream)
    for number in range(300):
        logging.getLogger("connect.test").info("%d %s", number, "x" * 1000)
    deadline = time.monotonic() + 60
    while select.select([], [writer], [], 0)[1] and time.monotonic() < deadline:
        time.sleep(0.01)
    found: list[str] = []
    taking = threading.Thread(target=collect, args=(reader, found))
    taking.start()
    while len(found) < 300 and time.monotonic() < deadline:
        time.sleep(0.01)
    logging.getLogger().handlers[0].close()
    stream.close()
    taking.join(60)
    assert [int(line.split("INFO ")[1].split()[0]) for line in found] == list(range(300))
