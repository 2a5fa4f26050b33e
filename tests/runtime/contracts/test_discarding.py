"""A record that is left out on purpose is told from one that has failed."""

from __future__ import annotations

from connect.api import DataError
from connect.runtime.contracts.discarding import DiscardedError, DiscardedValueError


def test_what_is_left_out_is_an_error_of_its_record_and_no_kind_of_the_other() -> None:
    assert issubclass(DiscardedError, DataError)
    assert issubclass(DiscardedValueError, DataError)
    assert not issubclass(DiscardedValueError, DiscardedError)
