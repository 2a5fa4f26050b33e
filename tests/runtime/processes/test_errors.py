from __future__ import annotations

from typing import Any

import pytest

from connect.api import (
    ConfigError,
    ConnectError,
    DataError,
    EnvironmentFault,
    FailedRecord,
    PluginError,
    Problem,
    RetriableError,
    invalid_config,
)
from connect.api.error_codes import CODES
from connect.api.errors import SchemaError
from connect.runtime.failure_kinds import kind_of
from connect.runtime.processes.codec import pack, unpack
from connect.runtime.processes.errors import described, restored, take_codes


def crossed(error: BaseException) -> ConnectError:
    try:
        raise error
    except BaseException as raised:
        return restored(unpack(pack(described(raised, "put", "task x-0, Sink"))))


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("wrong", config_path="a.b", hint="Mend it."),
        RetriableError("later", retry_after_ms=70),
        EnvironmentFault("away", code="environment.unreachable"),
        SchemaError("no schema"),
        PluginError("broken"),
    ],
)
def test_an_error_keeps_its_class_and_all_that_it_says(error: ConnectError) -> None:
    found = crossed(error)
    assert type(found) is type(error)
    for name in ("message", "code", "hint", "config_path", "retry_after_ms"):
        assert getattr(found, name, None) == getattr(error, name, None)
    assert "in the plugin's process:" in str(found.__cause__)
    assert "test_errors.py" in str(found.__cause__)


def test_an_error_keeps_the_records_that_it_names_with_their_details() -> None:
    found = crossed(DataError("bad", failed=[FailedRecord(1, "odd", {"a": "b"}), (2, "also")], details={"table": "t"}))
    assert isinstance(found, DataError)
    assert found.details == {"table": "t"}
    assert found.failed == (FailedRecord(1, "odd", {"a": "b"}), FailedRecord(2, "also"))


def test_every_problem_of_a_config_crosses() -> None:
    problems = (Problem("a", "wrong a"), Problem("b", "wrong b"))
    assert crossed(invalid_config(problems)).problems == problems  # type: ignore[attr-defined]


def test_any_other_exception_is_the_plugins_failure_with_its_text() -> None:
    found = crossed(ZeroDivisionError("a bug"))
    assert (type(found), found.code) == (PluginError, "plugin.failed")
    assert found.message == "ZeroDivisionError: a bug (put of task x-0, Sink)"


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ConnectionResetError("cut"), "outage"), (FileNotFoundError("gone"), "defect"), (KeyError(1), "defect")],
)
def test_an_outage_is_told_from_a_defect_as_in_the_workers_process(error: Exception, kind: str) -> None:
    assert kind_of(crossed(error)) == kind


@pytest.mark.parametrize(
    "found", [None, [], {}, {"message": 1}, {"class": "ConfigError", "message": "m", "code": "c", "hint": "h"}]
)
def test_nonsense_in_place_of_an_error_is_a_value_error(found: Any) -> None:
    with pytest.raises(ValueError, match="no error"):
        restored(found)


def test_a_class_or_a_code_that_is_not_known_is_a_failure_of_the_plugin() -> None:
    told = {"class": "SystemExit", "message": "m", "code": "no.code", "hint": "h", "trace": ""}
    found = restored(told)
    assert (type(found), found.code, found.hint) == (PluginError, "plugin.broken", "h")


def test_codes_of_a_plugin_are_taken_and_those_of_the_worker_are_kept() -> None:
    before = CODES["config.invalid"]
    try:
        take_codes([["config.invalid", "mine", "mine"], ["test.crossed", "meaning", "hint"], [1, 2], "x"])
        assert CODES["config.invalid"] is before
        assert CODES["test.crossed"].hint == "hint"
    finally:
        CODES.pop("test.crossed", None)
