from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from connect.rest.errors import error_response
from connect.rest.render import json_response


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
    nested = json_response({"\udcff": [{"a": ("\udcff", 1, None, True, "ü")}]})
    assert json.loads(nested.body) == {"\\udcff": [{"a": ["\\udcff", 1, None, True, "ü"]}]}
