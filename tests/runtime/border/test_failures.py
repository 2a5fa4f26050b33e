"""Whatever a plugin raises can be told, and names what was raised first."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from connect.api import ConfigError, DataError, PluginError, RetriableError
from connect.runtime.border.failures import PLUGIN_FAILED, cause_of, fail, failure_of, is_plain, told


class Unprintable(Exception):
    def __str__(self) -> str:
        raise KeyError("no text")


class Hollow(ConfigError):
    """A subclass that left our constructor out."""

    def __init__(self) -> None:
        pass


def test_an_error_of_the_tree_crosses_as_it_is() -> None:
    for error in (ConfigError("x"), DataError("x"), RetriableError("x", retry_after_ms=5)):
        assert failure_of(error, "put", "task k-0") is error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("x"), "ValueError: x (put of task k-0)"),
        (SystemExit(3), "SystemExit: 3 (put of task k-0)"),
        (KeyboardInterrupt(), "KeyboardInterrupt (put of task k-0)"),
        (asyncio.CancelledError(), "CancelledError (put of task k-0)"),
        (Unprintable(), "Unprintable: its text cannot be had, since __str__ raised KeyError (put of task k-0)"),
    ],
)
def test_everything_else_becomes_an_error_of_the_plugin(error: BaseException, text: str) -> None:
    failure = failure_of(error, "put", "task k-0")
    assert isinstance(failure, PluginError)
    assert (failure.message, failure.code) == (text, PLUGIN_FAILED)


def test_an_error_of_the_tree_that_is_not_whole_is_no_longer_taken_for_one() -> None:
    assert isinstance(failure_of(Hollow(), "put", "x"), PluginError)
    assert not is_plain(Hollow())


def test_of_a_group_the_first_is_what_was_raised_however_deep() -> None:
    first = ValueError("first")
    group = BaseExceptionGroup("all", [ExceptionGroup("inner", [first, KeyError("x")]), SystemExit(1)])
    assert cause_of(group) is first
    assert told(cause_of(group)) == "ValueError: first"


def test_what_was_raised_is_kept_as_the_cause() -> None:
    error = SystemExit(3)
    with pytest.raises(PluginError) as raised:
        fail(error, "put", "task k-0")
    assert raised.value.__cause__ is error


def test_an_error_of_the_tree_goes_through_a_pickle() -> None:
    error = RetriableError("away", retry_after_ms=5, hint="Wait.")
    again = pickle.loads(pickle.dumps(error))
    assert (again.message, again.retry_after_ms, again.hint, again.code) == ("away", 5, "Wait.", "retriable")
