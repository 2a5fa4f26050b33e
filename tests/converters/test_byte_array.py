from __future__ import annotations

import pytest

from connect.api import STRING, DataError
from connect_converters import ByteArrayConverter
from tests.support.converters import make_converter


def test_bytes_pass_through_untouched() -> None:
    converter, data = make_converter(ByteArrayConverter), [b"a", None, b"\x00"]
    assert converter.decode("t", data)[0].values == data
    assert all(out is given for out, given in zip(converter.encode("t", None, data), data, strict=True))
    assert converter.encode("t", None, [bytearray(b"x"), memoryview(b"y")]) == [b"x", b"y"]


def test_what_is_no_bytes_is_refused() -> None:
    with pytest.raises(DataError, match=r"not compatible with objects of type class java\.lang\.String"):
        make_converter(ByteArrayConverter).encode("t", None, [b"a", "b"])
    with pytest.raises(DataError, match="Invalid schema type for ByteArrayConverter: STRING"):
        make_converter(ByteArrayConverter).encode("t", STRING, [b"a"])
