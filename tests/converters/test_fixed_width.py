from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import (
    OPTIONAL_FLOAT32,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT16,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    DataError,
    Schema,
)
from connect.runtime.model import PluginKind
from connect_converters import DoubleConverter, FloatConverter, IntegerConverter, LongConverter, ShortConverter
from tests.support.converters import make_converter
from tests.support.transforms import PLUGINS

WIDTHS = [(ShortConverter, 16), (IntegerConverter, 32), (LongConverter, 64)]


@given(st.data(), st.sampled_from(WIDTHS))
def test_whole_numbers_are_read_as_they_were_written(data: Any, kind: tuple[Any, int]) -> None:
    cls, bits = kind
    numbers = st.none() | st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)
    values = data.draw(st.lists(numbers, min_size=1, max_size=4))
    converter = make_converter(cls)
    written = converter.encode("t", None, values)
    assert {len(item) for item in written if item is not None} <= {bits // 8}
    (column,) = converter.decode("t", written)
    assert (column.schema, column.values) == (cls.schema, values)


@given(st.lists(st.none() | st.floats(), min_size=1, max_size=4))
def test_floating_point_numbers_are_read_as_they_were_written(values: list[float | None]) -> None:
    converter = make_converter(DoubleConverter)
    assert repr(converter.decode("t", converter.encode("t", None, values))[0].values) == repr(values)


def test_the_highest_byte_comes_first_and_doubles_are_rounded_to_singles() -> None:
    assert make_converter(IntegerConverter).from_connect_data("t", None, 1) == b"\0\0\0\1"
    assert make_converter(FloatConverter).from_connect_data("t", None, 0.1) == struct.pack(">f", 0.1)


@pytest.mark.parametrize(
    ("cls", "value", "said"),
    [
        (IntegerConverter, "1", r"integer \(was class java\.lang\.String\): expected a whole number of 32 bits"),
        (IntegerConverter, True, r"integer \(was class java\.lang\.Boolean\)"),
        (ShortConverter, 1.0, r"short \(was class java\.lang\.Double\)"),
        (LongConverter, Decimal(5), r"long \(was class java\.math\.BigDecimal\)"),
        (FloatConverter, 1, r"float \(was class java\.lang\.Integer\): expected a floating point number of 32 bits"),
        (
            ShortConverter,
            40_000,
            r"short \(was class java\.lang\.Integer\): 40000 does not fit into a whole number of 16 bits",
        ),
        (
            FloatConverter,
            1e300,
            r"float \(was class java\.lang\.Double\): 1e\+300 does not fit into a floating point number of 32 bits",
        ),
    ],
)
def test_other_values_are_refused(cls: Any, value: Any, said: str) -> None:
    with pytest.raises(DataError, match=f"Failed to serialize to {said}"):
        make_converter(cls).encode("t", None, [value])


@pytest.mark.parametrize(
    ("name", "schema", "value", "data"),
    [
        ("Short", OPTIONAL_INT16, -2, "fffe"),
        ("Integer", OPTIONAL_INT32, -2, "fffffffe"),
        ("Long", OPTIONAL_INT64, 1 << 40, "0000010000000000"),
        ("Float", OPTIONAL_FLOAT32, 1.5, "3fc00000"),
        ("Double", OPTIONAL_FLOAT64, 1.5, "3ff8000000000000"),
    ],
)
def test_each_is_found_by_kafka_s_name_and_converts_headers_as_values(
    name: str, schema: Schema, value: float, data: str
) -> None:
    cls = PLUGINS.resolve(f"org.apache.kafka.connect.converters.{name}Converter", PluginKind.CONVERTER).cls
    converter, raw = make_converter(cls), bytes.fromhex(data)
    assert converter.from_connect_header("t", "h", None, value) == raw
    assert converter.from_connect_header("t", "h", None, None) is None
    assert converter.to_connect_header("t", "h", raw) == (schema, value)
    assert converter.to_connect_header("t", "h", None) == (schema, None)
    assert converter.decode("t", []) == []


def test_bytes_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="Failed to deserialize long: expected 8 bytes, got 3"):
        make_converter(LongConverter).decode("t", [b"12345678", b"123"])
