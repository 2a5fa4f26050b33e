"""Which message of its schema a record is of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import DataError
from connect_schemas.protobuf.indexes import read, written


@pytest.mark.parametrize(
    ("indexes", "data"),
    [((0,), b"\0"), ((1,), b"\2\2"), ((1, 0), b"\4\2\0"), ((0, 0), b"\4\0\0"), ((100,), b"\2\xc8\1")],
)
def test_indexes_are_varints_and_the_first_message_is_short(indexes: tuple[int, ...], data: bytes) -> None:
    assert written(indexes) == data
    assert read(b"xx" + data + b"rest", 2) == (indexes, 2 + len(data))


@given(st.lists(st.integers(0, 1 << 20), min_size=1, max_size=10).map(tuple))
def test_what_is_written_is_read(indexes: tuple[int, ...]) -> None:
    assert read(written(indexes), 0) == (indexes, len(written(indexes)))


@pytest.mark.parametrize("data", [b"", b"\2", b"\xff" * 10, b"\xff\xff\x01", b"\1", b"\4\0"])
def test_what_is_no_index_is_told(data: bytes) -> None:
    with pytest.raises(DataError, match="not written with a Protobuf schema") as raised:
        read(data, 0)
    assert raised.value.code == "schemas.wire_format"
