from __future__ import annotations

import logging
import uuid

import pytest

from connect.api import NotFoundError
from connect.runtime.loggers import Loggers


@pytest.fixture
def name() -> str:
    return f"test.{uuid.uuid4().hex}"


@pytest.fixture
def loggers():
    root = logging.getLogger().level
    logging.getLogger().setLevel(17)  # none of the levels below, so that each of them is a change
    yield Loggers(lambda: 42)
    logging.getLogger().setLevel(root)


@pytest.mark.parametrize("level", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"])
def test_a_level_is_shown_as_it_was_set(loggers: Loggers, name: str, level: str) -> None:
    assert loggers.set(name, level.lower()) == [name]
    assert (loggers.get(name).level, loggers.get(name).last_modified) == (level, 42)


def test_setting_a_parent_sets_the_children_and_names_what_changed(loggers: Loggers, name: str) -> None:
    loggers.set(f"{name}.child", "ERROR")
    loggers.set(f"{name}.alike", "DEBUG")
    assert loggers.set(name, "DEBUG") == [name, f"{name}.child"]
    assert loggers.set(name, "DEBUG") == []
    assert not logging.getLogger(f"{name}.child").isEnabledFor(5)
    assert logging.getLogger(f"{name}.child").isEnabledFor(logging.DEBUG)


def test_off_silences_even_critical_lines(loggers: Loggers, name: str) -> None:
    loggers.set(name, "OFF")
    assert not logging.getLogger(name).isEnabledFor(logging.CRITICAL)


def test_root_is_found_in_any_case_and_listed(loggers: Loggers) -> None:
    assert loggers.get("ROOT") == loggers.all()["root"]


def test_unknown_loggers_and_levels_are_not_found(loggers: Loggers, name: str) -> None:
    with pytest.raises(NotFoundError, match=name):
        loggers.get(name)
    with pytest.raises(NotFoundError, match="LOUD"):
        loggers.set(name, "LOUD")
    assert name not in loggers.all()
