"""What is left of incremental snapshots goes through an offset as it is."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_postgres.cdc.incremental_state import OFFSET_KEY, IncrementalState, Target
from connect_postgres.names import TableName


def test_it_comes_back_as_it_was() -> None:
    target = Target(TableName("a.b", "odd"), "s", "x = 'y'", "id", ("id",), ("1",), ("9\u00e9",), 3)
    state = IncrementalState([target, Target(TableName("t", "public"), "s")], is_paused=True)
    assert IncrementalState.of_offset({OFFSET_KEY: state.text}) == state


def test_nothing_to_read_leaves_nothing_in_the_offset() -> None:
    assert IncrementalState(is_paused=True).text == ""
    assert IncrementalState.of_offset(None) == IncrementalState.of_offset({"lsn": 1}) == IncrementalState()


@pytest.mark.parametrize("text", ["{", "[]", '{"tables": [], "pause": 1}', '{"tables": [[1]], "paused": false}', 7])
def test_what_is_none_is_refused(text: object) -> None:
    with pytest.raises(ConfigError, match="the offset's incremental_state cannot be read"):
        IncrementalState.of_offset({OFFSET_KEY: text})
