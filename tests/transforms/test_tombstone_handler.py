"""TombstoneHandler: records with a null value are dropped, or are an error."""

from __future__ import annotations

import logging

import pytest

from connect.api import Batch, DataError
from tests.support.transforms import make_transform


def test_tombstones_are_dropped_with_a_line_in_the_log_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    batch = Batch("orders", [None, 1, None])
    for behavior, level in (("warn", logging.WARNING), ("ignore", logging.DEBUG)):
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            made = make_transform("TombstoneHandler", alias="tomb", behavior=behavior).apply_batch(batch)
        assert isinstance(made, Batch) and made.values == [1]
        assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
            (level, "transform tomb dropped 2 tombstone(s) of topic orders")
        ]
    with pytest.raises(DataError, match="behavior is set to fail"):
        make_transform("TombstoneHandler", behavior="fail").apply_batch(batch)
