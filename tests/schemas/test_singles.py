"""Numbers that FLOAT32 does not hold."""

from __future__ import annotations

import math
from typing import Any

import pytest

from connect.api import FLOAT32, FLOAT64, OPTIONAL_FLOAT32, DataError, FailedRecord, Schema
from connect_schemas.avro.options import Options as AvroOptions
from connect_schemas.avro.to_avro import to_avro
from connect_schemas.avro.writing import AvroWriter
from connect_schemas.json_schema.options import Options as JsonOptions
from connect_schemas.json_schema.payloads import JsonReader, JsonWriter
from connect_schemas.protobuf.making import Own
from connect_schemas.protobuf.options import Options as ProtobufOptions
from connect_schemas.registry.model import Registered
from connect_schemas.singles import odd_single

LARGEST = 3.4028234663852886e38
PAIR = Schema.struct({"f": FLOAT32, "g": OPTIONAL_FLOAT32}, name="Pair")


@pytest.mark.parametrize("values", [[], [0.0, -LARGEST, math.inf, -math.inf, math.nan], [LARGEST * (1 + 1e-9)]])
def test_what_four_bytes_hold_is_not_odd(values: list[float]) -> None:
    assert odd_single(values) is None


@pytest.mark.parametrize("odd", [1e39, -1e300, 10**50, 10**400])
def test_the_number_that_they_do_not_hold_is_found(odd: float) -> None:
    assert odd_single([1.5, odd, 2.5]) == odd


def json_writer(schema: Schema) -> JsonWriter:
    return JsonWriter(schema, JsonOptions(), is_key=False)


def avro_writer(schema: Schema) -> AvroWriter:
    return AvroWriter(schema, to_avro(schema, AvroOptions()), AvroOptions())


def protobuf_writer(schema: Schema) -> Any:
    own = Own(schema, ProtobufOptions())
    return own.writer(Registered(1, own.text))


@pytest.mark.parametrize("schema", [PAIR, Schema.struct({"in": PAIR}, name="Outer")])
@pytest.mark.parametrize("make", [json_writer, avro_writer, protobuf_writer])
def test_no_format_writes_an_infinity_for_a_number_that_is_too_large(make: Any, schema: Schema) -> None:
    def of(pair: dict[str, Any]) -> dict[str, Any]:
        return pair if schema is PAIR else {"in": pair}

    good = of({"f": LARGEST, "g": None})
    writer = make(schema)
    assert len(writer.write([good, of({"f": math.inf, "g": 1.5})])) == 2
    with pytest.raises(DataError, match=r"1e\+300") as raised:
        writer.write([good, of({"f": 1.5, "g": 1e300}), good])
    assert [one.index for one in raised.value.failed if isinstance(one, FailedRecord)] == [1]


@pytest.mark.parametrize(("schema", "text"), [(FLOAT32, b"1e39"), (FLOAT64, b"-1e400"), (FLOAT64, b"9" * 400)])
def test_a_number_of_json_that_is_too_large_is_not_read_as_an_infinity(schema: Schema, text: bytes) -> None:
    reader = JsonReader(schema, JsonOptions())
    assert reader.read([b'"Infinity"', b"1.5"], 0).values == [math.inf, 1.5]
    with pytest.raises(DataError, match="a number is too large for FLOAT"):
        reader.read([b"1.5", text], 0)
