"""Documents: their dialect, and where references lead."""

from __future__ import annotations

import socket

import pytest

from connect.api import DataError
from connect_schemas.json_schema.documents import DIALECTS, Document


@pytest.mark.parametrize(("name", "uri"), DIALECTS.items())
def test_the_dialect_is_what_the_schema_says_or_the_given_one(name: str, uri: str) -> None:
    assert Document(f'{{"$schema":"{uri}"}}', {}).dialect == name
    assert Document(f'{{"$schema":"{uri.rstrip("#")}"}}', {}).dialect == name
    assert Document("{}", {}, name).dialect == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nope", "it is not JSON"),
        ("[]", "an object is expected"),
        ('{"$schema":"http://a/b"}', "its \\$schema 'http://a/b' is none of"),
        ('{"$schema":4}', "is none of"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_schema_is_told(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        Document(text, {})
    assert caught.value.code == "schemas.invalid"


def test_nothing_is_ever_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        uri = f"http://127.0.0.1:{server.getsockname()[1]}/x.json"
        with pytest.raises(DataError, match="leads to nothing in it"):
            Document("{}", {}).at().found(uri)
        with pytest.raises(TimeoutError):
            server.accept()


def test_the_title_is_what_a_record_is_called() -> None:
    assert Document('{"title":"Order"}', {}).title == "Order"
    assert Document('{"title":5}', {}).title is None
    assert Document("true", {}).title is None
