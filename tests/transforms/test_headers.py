"""InsertHeader and DropHeaders: a fixed header is added, named ones are taken away."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import Batch, ConfigError, Headers, Record
from tests.support.transforms import make_transform


@pytest.mark.parametrize(
    ("literal", "value"), [("5", 5), ("1.5", 1.5), ("[1,2]", [1, 2]), ("abc", "abc"), ("true", True)]
)
def test_the_type_of_an_inserted_header_is_read_from_its_text(literal: str, value: Any) -> None:
    made = make_transform("InsertHeader", header="h", value_literal=literal).apply(Record("t", 1))
    assert made is not None and made.headers is not None
    (header,) = made.headers
    assert (header.name, header.value, type(header.value)) == ("h", value, type(value))
    assert header.schema is not None


def test_an_inserted_header_comes_behind_those_that_are_there() -> None:
    batch = Batch("t", [1, 2], headers=[Headers().add("h", "old"), None])
    made = make_transform("InsertHeader", header="h", value_literal="new").apply_batch(batch)
    assert isinstance(made, Batch) and made.headers is not None
    assert [[h.value for h in headers or ()] for headers in made.headers] == [["old", "new"], ["new"]]
    assert [h.value for h in batch.headers[0] or ()] == ["old"]  # type: ignore[index]


def test_every_header_of_the_names_is_dropped() -> None:
    headers = Headers().add("a", 1).add("b", 2).add("a", 3).add("c", 4)
    made = make_transform("DropHeaders", headers="a,c").apply_batch(Batch("t", [1, 2], headers=[headers, None]))
    assert isinstance(made, Batch) and made.headers is not None
    assert [[(h.name, h.value) for h in own or ()] for own in made.headers] == [[("b", 2)], []]


def test_a_batch_whose_headers_are_all_dropped_has_none() -> None:
    made = make_transform("DropHeaders", headers="a").apply_batch(Batch("t", [1], headers=[Headers().add("a", 1)]))
    assert isinstance(made, Batch) and made.headers is None


def test_drop_headers_needs_a_name() -> None:
    with pytest.raises(ConfigError):
        make_transform("DropHeaders", headers="")
