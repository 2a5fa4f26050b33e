from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from connect.cli.logs.formats import formatter
from connect.runtime import secrets
from connect.runtime.connector_context import of_connector


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def line(message: str, *args: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("connect.x", logging.WARNING, "f.py", 1, message, args, None)
    made.__dict__.update({"created": 1700000000.1239, **more})
    return made


def as_json(record: logging.LogRecord) -> dict[str, Any]:
    text = formatter(form="json").format(record)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_a_line_is_one_json_object_with_the_connector_and_the_task() -> None:
    assert as_json(line("away\nfor %d s", 3, **of_connector("orders", 2))) == {
        "timestamp": "2023-11-14T22:13:20.123Z",
        "level": "WARN",
        "logger": "connect.x",
        "connector": "orders",
        "task": 2,
        "message": "away\nfor 3 s",
    }


def test_a_line_of_no_connector_names_none_and_one_of_a_connector_no_task() -> None:
    assert "connector" not in as_json(line("ready"))
    assert as_json(line("failed", **of_connector("a|b] "))) | {"timestamp": ""} == {
        "timestamp": "",
        "level": "WARN",
        "logger": "connect.x",
        "connector": "a|b] ",
        "task": None,
        "message": "failed",
    }


def test_an_exception_is_apart_from_the_message_even_one_without_words() -> None:
    try:
        raise Unspeakable
    except Unspeakable:
        found = as_json(line("broken", exc_info=sys.exc_info()))
    assert found["message"] == "broken"
    assert found["exception"]["type"].endswith("test_formats.Unspeakable")
    assert found["exception"]["message"] == "its text cannot be had: RuntimeError"
    assert "raise Unspeakable" in found["exception"]["stack"]


def test_a_count_is_a_number_machines_can_add() -> None:
    assert as_json(line("12 more lines", repeated=12))["repeated"] == 12


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_form_shows_a_secret_however_it_is_written_in_json(form: str) -> None:
    secret = 'pa"ss\\wo\u00e9rd'
    secrets.add([secret])
    told = formatter(form=form).format(line("wrong password %s", secret))
    assert secret not in told
    assert json.dumps(secret)[1:-1] not in told
    assert "[hidden]" in told


def test_half_a_pair_of_surrogates_is_a_line_all_the_same() -> None:
    assert as_json(line("file \udcff", **of_connector("\udc80")))["message"] == "file \\udcff"


def test_text_has_the_words_of_kafka_and_whom_it_is_of() -> None:
    told = formatter().format(line("away", **of_connector("orders", 0)))
    assert told.endswith("] WARN [orders|task-0] away (connect.x)")
