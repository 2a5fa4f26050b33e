from __future__ import annotations

import pytest
from fastapi import Request

from connect.api import ConfigError
from connect.rest.preconditions import precondition_of, shown
from connect.runtime.preconditions import ANY, Precondition


def request(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": named})


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({}, ANY),
        ({"if_match": '"1"'}, Precondition(etags=("1",))),
        ({"if_match": '"1", "2,3" ,W/"4"'}, Precondition(etags=("1", "2,3"))),
        ({"if_match": "*"}, Precondition(exists=True)),
        ({"if_none_match": "*"}, Precondition(exists=False)),
        ({"if_none_match": '"1", W/"2"'}, Precondition(but_not=("1", "2"))),
        ({"if_match": "*", "if_none_match": '"1"'}, Precondition(exists=True, but_not=("1",))),
        ({"if_match": '""'}, Precondition(etags=("",))),
    ],
)
def test_headers_are_read_as_http_has_them(headers: dict[str, str], asked: Precondition) -> None:
    assert precondition_of(request(**headers)) == asked


@pytest.mark.parametrize("text", ["1", '"1', '"1" "2"', '*, "1"', "", ",", '"\x7f"'])
def test_what_is_no_list_of_etags_is_refused_and_not_passed_over(text: str) -> None:
    with pytest.raises(ConfigError, match="if-match"):
        precondition_of(request(if_match=text))


def test_opposites_are_refused() -> None:
    with pytest.raises(ConfigError, match="opposite"):
        precondition_of(request(if_match="*", if_none_match="*"))


def test_an_etag_is_in_quotes_and_a_config_that_is_not_there_has_none() -> None:
    assert (shown("1f"), shown(None)) == ({"ETag": '"1f"'}, {})
