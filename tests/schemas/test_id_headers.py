"""What a record's headers say of its schema."""

from __future__ import annotations

from connect_schemas import id_headers


def test_the_last_header_of_a_name_counts() -> None:
    pairs = [("a", b"1"), ("b", b"2"), ("a", None)]
    assert id_headers.last(pairs, "b") == b"2"
    assert id_headers.last(pairs, "a") is None
    assert id_headers.last([*pairs, ("a", b"3")], "a") == b"3"
    assert id_headers.last([], "a") is None


def test_a_guid_has_a_byte_in_front() -> None:
    assert id_headers.head("00000000-0000-0000-0000-00000000000f") == b"\1" + b"\0" * 15 + b"\x0f"


def test_the_defaults_are_confluents() -> None:
    assert id_headers.is_prefix(id_headers.SERIALIZERS[0])
    assert not id_headers.is_prefix(id_headers.DESERIALIZERS[0])
