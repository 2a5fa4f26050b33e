"""What a preview is asked and answers, as REST declares it."""

from __future__ import annotations

from typing import get_args, get_type_hints

from connect.rest.models.previews import EXAMPLE, AskPreview
from connect.runtime.preview.answers import Order, PreviewAnswer, Start


def test_an_order_has_the_defaults_of_a_request() -> None:
    asked, order = AskPreview(config={}), Order({})
    assert (asked.records, asked.timeout_ms, asked.start, asked.allow_effects) == (
        order.records,
        order.timeout_ms,
        order.start,
        order.allow_effects,
    )
    assert set(get_args(Start)) == {"earliest", "latest", "committed"}


def test_the_example_has_all_that_an_answer_has() -> None:
    assert EXAMPLE.keys() == get_type_hints(PreviewAnswer).keys()
