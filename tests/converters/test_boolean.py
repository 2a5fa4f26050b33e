from __future__ import annotations

import pytest

from connect.api import BOOLEAN, INT32, OPTIONAL_BOOLEAN, DataError
from connect_converters import BooleanConverter
from tests.support.converters import make_converter


def test_truth_is_one_byte_both_ways() -> None:
    converter = make_converter(BooleanConverter)
    data = converter.encode("t", BOOLEAN, [True, None, False])
    assert data == [b"\x01", None, b"\x00"]
    assert converter.decode("t", data) == [(OPTIONAL_BOOLEAN, [True, None, False])]
    assert converter.to_connect_header("t", "h", b"\x01") == (OPTIONAL_BOOLEAN, True)


@pytest.mark.parametrize("data", [b"", b"\x02", b"true"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match=r"Failed to deserialize boolean: b'.*' is neither the byte 0 nor 1"):
        make_converter(BooleanConverter).to_connect_data("t", data)


def test_other_values_and_schemas_are_refused() -> None:
    converter = make_converter(BooleanConverter)
    with pytest.raises(DataError, match=r"not compatible with objects of type class java\.lang\.Integer"):
        converter.encode("t", None, [True, 1])
    with pytest.raises(DataError, match="Invalid schema type for BooleanConverter: INT32"):
        converter.encode("t", INT32, [])


@pytest.mark.parametrize(("value", "data"), [(True, b"\x01"), (False, b"\x00"), (None, None)])
def test_a_header_is_one_byte_both_ways(value: bool | None, data: bytes | None) -> None:
    converter = make_converter(BooleanConverter)
    assert converter.from_connect_header("t", "h", BOOLEAN, value) == data
    assert converter.to_connect_header("t", "h", data) == (OPTIONAL_BOOLEAN, value)


def test_nothing_is_no_column() -> None:
    assert make_converter(BooleanConverter).decode("t", []) == []
