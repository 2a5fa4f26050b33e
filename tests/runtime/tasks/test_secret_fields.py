from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import Batch, DataError, Headers
from connect.runtime.tasks.secret_fields import hide_fields
from tests.support.worker import STRING, running_worker


def batch(value: object, headers: Headers | None = None) -> Batch:
    return Batch(topic="t", values=["other", value], headers=None if headers is None else [None, headers])


def raised(text: str, cause: Exception | None = None) -> DataError:
    try:
        raise DataError(text, details={"column": "c", "quoted": text}, hint=f"do without {text}") from cause
    except DataError as error:
        return error


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ({"password": "hunter2"}, "hunter2"),
        ({"user": {"logins": [{"apiToken": "hunter2"}]}}, "hunter2"),
        ({"password": b"hunter2"}, "b'hunter2'"),
        ({"password": "hun'\"ter\n2"}, repr("hun'\"ter\n2")),
    ],
)
def test_what_a_field_of_such_a_name_holds_is_in_no_text_of_an_error(value: object, quoted: str) -> None:
    error = raised(f"{quoted} is no number", ValueError(f"invalid literal: {quoted}"))
    hide_fields(error, batch(value), 1)
    cause = error.__cause__
    texts = [str(error), error.message, error.hint, *error.details.values(), str(cause), repr(cause)]
    assert not any("hun" in text for text in texts), texts
    assert "[hidden]" in error.message
    assert (error.code, error.details["column"]) == ("data.invalid", "c")


@pytest.mark.parametrize("headers", [Headers().add("password", "hunter2"), [("password", b"hunter2"), ("empty", None)]])
def test_a_header_of_such_a_name_is_hidden_and_all_else_stays(headers: Headers) -> None:
    error = raised("hunter2 of ann, other")
    hide_fields(error, batch({"name": "ann", "password": None, "pin": {"password": "ann"}}, headers), 1)
    assert error.message == "[hidden] of ann, other"  # three characters are too likely to be a word


def test_an_error_that_leads_to_itself_and_a_value_that_holds_itself_come_to_an_end() -> None:
    error, value = raised("hunter2"), dict[str, object](password="hunter2")
    value["self"] = [value]
    error.__context__ = ValueError("hunter2")
    error.__context__.__context__ = error
    hide_fields(error, batch(value), 1)
    assert (error.message, str(error.__context__)) == ("[hidden]", "[hidden]")


async def test_a_cast_that_fails_quotes_no_password_in_status_log_or_warnings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in").write_text("hunter2\n")
    config = {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in"),
        "topic": "t",
        "value.converter": STRING,
        "transforms": "hoist,cast",
        "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.hoist.field": "password",
        "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
        "transforms.cast.spec": "password:int32",
    }
    async with running_worker(tmp_path / "worker") as worker:
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until_failed("c")
        told = [
            (await worker.client.get(path)).text
            for path in ("/connectors/c/status", "/v1/warnings", "/v1/connectors/c/failures", "/v1/connectors/c/logs")
        ]
    assert "[hidden]" in told[0]
    assert not any("hunter2" in text for text in [*told, caplog.text])
