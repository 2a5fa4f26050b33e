"""What stands in front of a record's data: written, and taken apart again."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from connect_schemas.wire import Framing


def test_an_id_stands_in_four_bytes_behind_a_zero_byte() -> None:
    assert Framing().head(258) == b"\0\0\0\1\2"
    assert Framing(8).head(258) == b"\0\0\0\0\0\0\0\1\2"


def test_records_are_parted_by_their_schema_in_order() -> None:
    parted = Framing().parted([b"\0\0\0\0\1a", b"\0\0\0\0\2b", None, b"\0\0\0\0\1"])
    assert parted.indexes == {1: [0, 3], 2: [1]}
    assert parted.nulls == [2]
    assert parted.sizes == {1: 5, 2: 5}
    assert not parted.odd


def test_a_guid_stands_in_sixteen_bytes_behind_a_one() -> None:
    guid = UUID("12345678-1234-5678-1234-567812345678")
    parted = Framing().parted([b"\1" + guid.bytes + b"a", b"\0\0\0\0\1a", b"\1" + guid.bytes])
    assert parted.indexes == {guid: [0, 2], 1: [1]}
    assert parted.sizes == {guid: 17, 1: 5}


def test_what_names_no_schema_is_told_with_the_reason() -> None:
    parted = Framing().parted([b"{}", b"", b"\0\0\0\1", b"\0\0\0\0\7x"])
    assert parted.indexes == {7: [3]}
    assert "byte 123" in parted.odd[0]
    assert "empty" in parted.odd[1]
    assert "too few" in parted.odd[2]


@given(st.lists(st.none() | st.tuples(st.integers(0, (1 << 32) - 1), st.binary(max_size=4)) | st.binary(max_size=20)))
def test_each_record_is_somewhere_once(items: list[tuple[int, bytes] | bytes | None]) -> None:
    framing = Framing()
    data = [framing.head(item[0]) + item[1] if isinstance(item, tuple) else item for item in items]
    parted = framing.parted(data)
    places = [place for indexes in parted.indexes.values() for place in indexes]
    assert sorted([*places, *parted.nulls, *parted.odd]) == list(range(len(data)))
    assert all(data[at][1:5] == framing.head(number)[1:] for number, at_ in parted.indexes.items()
               if isinstance(number, int) for at in at_)  # type: ignore[index] # fmt: skip
