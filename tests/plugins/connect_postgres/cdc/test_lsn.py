"""Positions in the write-ahead log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_postgres.cdc.lsn import format_lsn, parse_lsn


@given(st.integers(0, (1 << 64) - 1))
def test_a_position_comes_back_from_its_text(lsn: int) -> None:
    assert parse_lsn(format_lsn(lsn)) == lsn


def test_it_is_written_as_the_server_writes_it() -> None:
    assert format_lsn(0x16_B374_D848) == "16/B374D848"
    assert format_lsn(0x1_0000_0001) == "1/1"


def test_what_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no position"):
        parse_lsn("16B374D848")
