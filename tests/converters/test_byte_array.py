from __future__ import annotations

import pytest

from connect.api import BYTES, OPTIONAL_BYTES, STRING, DataError
from connect_converters import ByteArrayConverter
from tests.support.converters import make_converter


def test_bytes_pass_through_untouched() -> None:
    converter, data = make_converter(ByteArrayConverter), [b"a", None, b"\x00"]
    assert converter.decode("t", data)[0].values == data
    assert all(out is given for out, given in zip(converter.encode("t", None, data), data, strict=True))
    assert converter.encode("t", None, [bytearray(b"x"), memoryview(b"y")]) == [b"x", b"y"]


def test_a_header_is_bytes_as_a_value_is() -> None:
    converter = make_converter(ByteArrayConverter)
    assert converter.to_connect_header("t", "h", b"a") == (OPTIONAL_BYTES, b"a")
    assert converter.to_connect_header("t", "h", None) == (OPTIONAL_BYTES, None)
    assert converter.from_connect_header("t", "h", BYTES, b"a") == b"a"
    assert converter.decode("t", [b"a"])[0].schema == OPTIONAL_BYTES
    assert converter.decode("t", []) == []
    with pytest.raises(DataError, match="Invalid schema type for ByteArrayConverter: STRING"):
        converter.from_connect_header("t", "h", STRING, "a")


def test_what_is_no_bytes_is_refused() -> None:
    with pytest.raises(DataError, match=r"not compatible with objects of type class java\.lang\.String"):
        make_converter(ByteArrayConverter).encode("t", None, [b"a", "b"])
    with pytest.raises(DataError, match="Invalid schema type for ByteArrayConverter: STRING"):
        make_converter(ByteArrayConverter).encode("t", STRING, [b"a"])
