"""Filter: drops every record that reaches it."""

from __future__ import annotations

from connect.api import Batch, Record
from tests.support.transforms import make_transform


def test_every_record_is_dropped_alone_and_in_a_batch() -> None:
    transform = make_transform("Filter")
    assert transform.apply(Record("t", 1)) is None
    assert transform.apply_batch(Batch("t", [1, None, 2])) is None
