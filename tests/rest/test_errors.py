from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from connect.rest.errors import error_response
from tests.support.worker import running_worker


def test_a_hint_ends_the_message_and_stands_alone_in_a_header() -> None:
    answer = error_response(400, "it broke", "config.invalid", "Bitte üben (2x).\nOr not.")
    assert json.loads(answer.body) == {"error_code": 400, "message": "it broke (Bitte üben (2x).\nOr not.)"}
    assert unquote(answer.headers["x-connect-error-hint"]) == "Bitte üben (2x).\nOr not."


@pytest.mark.parametrize("hint", ["", "x" * 5000])
def test_no_hint_and_a_very_long_one_are_in_no_header(hint: str) -> None:
    answer = error_response(400, "it broke", "config.invalid", hint)
    assert "x-connect-error-hint" not in answer.headers
    assert json.loads(answer.body)["message"].count("x") == len(hint)


def test_half_a_surrogate_pair_is_written_out_wherever_it_stands() -> None:
    answer = error_response(400, "half a \udcff pair", "config.invalid", "or \ud800")
    assert json.loads(answer.body)["message"] == "half a \\udcff pair (or \\ud800)"
    assert unquote(answer.headers["x-connect-error-hint"]) == "or \\ud800"


async def test_a_wrong_query_is_told_with_its_name_and_what_was_given(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        answer = await worker.client.get("/v1/throughput?window_ms=10001")
        assert (answer.status_code, answer.headers["x-connect-error-code"]) == (400, "request.invalid")
        assert "window_ms is '10001'" in answer.json()["message"]
        assert "less than or equal to" in answer.json()["message"]
        answer = await worker.client.get("/v1/topics/t/partitions/0/offset")
        assert (answer.status_code, "timestamp: " in answer.json()["message"]) == (400, True)
        answer = await worker.client.get(f"/v1/topics/t/partitions/0/offset?timestamp={'x' * 5000}")
        assert (answer.status_code, len(answer.json()["message"]) < 300) == (400, True)
