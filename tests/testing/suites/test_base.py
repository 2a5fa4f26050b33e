from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from connect.api import source
from connect.testing.suites.base import Suite, logged, nothing_left


class Broken(Exception):
    """What a check says."""


def broken(what: str) -> Any:
    raise Broken(what)


def test_a_thread_that_is_left_over_is_named() -> None:
    end = threading.Event()
    with pytest.raises(Broken, match="thread left is left over"), nothing_left(broken):
        threading.Thread(target=end.wait, args=(10,), name="left", daemon=True).start()
    end.set()


def test_a_file_that_is_left_open_is_named(tmp_path: Path) -> None:
    opened = []
    with pytest.raises(Broken, match=r"open\.txt .* is still open"), nothing_left(broken):
        opened.append((tmp_path / "open.txt").open("w"))
    opened[0].close()


def test_nothing_left_is_nothing_to_say(tmp_path: Path) -> None:
    with nothing_left(broken), (tmp_path / "closed.txt").open("w"):
        threading.Thread(target=int).start()


def test_what_is_logged_is_collected_at_every_level() -> None:
    import logging

    with logged() as lines:
        logging.getLogger("some.where").debug("told %s", "once")
    assert "told once" in "\n".join(lines)


def test_a_check_that_fails_says_where_to_read_on() -> None:
    @source
    def ticks(topic: str) -> None:
        """Count."""

    class TicksSuite(Suite):
        def plugin_class(self) -> Any:
            return ticks

        def test_something_odd(self) -> None:
            self.broken("it is odd")

    with pytest.raises(pytest.fail.Exception, match=r"ticks: it is odd\.\n  Read on: docs/.*#something-odd"):
        TicksSuite().test_something_odd()
