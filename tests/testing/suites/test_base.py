from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connect.api import PluginError, Record, Secret, source, transform
from connect.testing.suites import TransformSuite
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


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_check_that_fails_for_an_error_says_where_the_plugin_raised_it(wrapped: bool) -> None:
    def shout(text: str) -> str:
        return text.no_such_method()  # type: ignore[attr-defined,no-any-return]

    class ShoutSuite(Suite):
        def plugin_class(self) -> Any:
            return shout

        def test_something_odd(self) -> None:
            try:
                try:
                    shout("a")
                except AttributeError as error:
                    if wrapped:
                        raise PluginError("it failed") from error
                    raise
            except (AttributeError, PluginError) as error:
                self.broken(f"it raises {error}")

    with pytest.raises(pytest.fail.Exception) as failed:
        ShoutSuite().test_something_odd()
    raised = str(failed.value).splitlines()[1]
    assert re.fullmatch(rf"  Raised at: {re.escape(__file__)}:\d+, in shout", raised)


@pytest.mark.parametrize(
    ("salt", "found", "outcome"),
    [
        ("s", "a lesson", "skipped"),
        ("s3cret-s3cret", "a lesson", "passed"),
        ("s3cret-s3cret", "s3cret-s3cret", "failed"),
    ],
)
def test_a_secret_that_is_too_short_to_be_told_from_other_text_is_no_alarm(
    tmp_path: Path, salt: str, found: str, outcome: str
) -> None:
    @transform
    def salted(record: Record, salt: Secret) -> Record:
        """Add a word."""
        return record.replace(value=found)

    class SaltedSuite(TransformSuite):
        transform = salted
        config: ClassVar[dict[str, str]] = {"salt": salt}

    check = SaltedSuite().test_life_hides_secrets
    if outcome == "passed":
        check(tmp_path)
        return
    with pytest.raises(pytest.skip.Exception if outcome == "skipped" else pytest.fail.Exception, match="salt"):
        check(tmp_path)
