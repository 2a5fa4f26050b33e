"""decode gives back what encode was given, and damage never passes."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import LogError
from connect.api.errors import CorruptBatchError
from connect.codec import header as h
from connect.codec.compression import CODECS
from connect.codec.decode import decode
from connect.codec.encode import encode
from connect.records import Columns
from tests.support.factories import make_record_batch as render

NOW = 1_700_000_000_000


blobs = st.none() | st.binary(max_size=200)
headers = st.none() | st.lists(
    st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=20)), min_size=1, max_size=3
)
stamps = st.integers(min_value=0, max_value=1 << 45)


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    values = draw(st.lists(blobs, min_size=1, max_size=100))
    n = len(values)
    keys = draw(st.none() | st.lists(blobs, min_size=n, max_size=n).filter(any))
    timestamps = draw(stamps | st.lists(stamps, min_size=n, max_size=n).filter(lambda t: len(set(t)) > 1))
    lists = draw(st.none() | st.lists(headers, min_size=n, max_size=n).filter(any))
    if keys is not None and all(key is None for key in keys):
        keys = None
    return Columns(values, keys, timestamps, lists)


@given(columns(), st.sampled_from(list(CODECS.values())), st.integers(0, 1 << 50))
def test_decode_gives_back_what_encode_was_given(given_columns, codec, base_offset):
    decoded = decode(render(given_columns, base_offset, codec=codec))
    assert decoded.columns == given_columns
    assert decoded.offsets == range(base_offset, base_offset + len(given_columns))


@pytest.mark.parametrize("count", [1, 63, 64, 65, 8191, 8192, 8193, 9000])
@pytest.mark.parametrize("length", [0, 1, 55, 63, 64, 100])
def test_plain_batches_of_every_varint_width_come_back(count, length):
    given_columns = Columns([bytes([i % 251]) * length for i in range(count)], timestamps=NOW)
    assert decode(render(given_columns)).columns == given_columns


def test_values_longer_than_every_table_come_back():
    given_columns = Columns([b"x" * n for n in (8_000, 8_200, 20_000, 1_100_000)], [b"k" * 70_000] * 4, NOW)
    assert decode(render(given_columns)).columns == given_columns


@given(st.data())
def test_one_flipped_bit_behind_the_length_is_always_found(data):
    raw = bytearray(render(Columns([b"one", b"two", None], timestamps=NOW)))
    bit = data.draw(st.integers(16 * 8, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(LogError):
        decode(bytes(raw))


@given(st.binary(max_size=300))
def test_garbage_raises_a_log_error_and_nothing_else(garbage):
    with pytest.raises(LogError):
        decode(garbage)


@given(st.binary(max_size=120), st.integers(-1, 200), st.sampled_from([0, 0, 0, 4]))
def test_garbage_behind_a_valid_checksum_raises_a_log_error_and_nothing_else(payload, count, attributes):
    from crc32c import crc32c

    checked = h.CHECKED.pack(attributes, max(count - 1, 0), NOW, NOW, -1, -1, -1, count)
    prefix = h.PREFIX.pack(0, 49 + len(payload), 0, 2, crc32c(payload, crc32c(checked)))
    raw = prefix + checked + payload
    try:
        decoded = decode(raw)
    except LogError:
        return
    assert len(decoded.columns) == count


@given(st.data())
def test_a_damaged_record_behind_a_valid_checksum_is_refused_or_read_whole(data):
    from crc32c import crc32c

    batch = encode(Columns([b"one", b"two", None], [b"k", None, b"key"], timestamps=NOW))
    payload = bytearray(batch.payload)
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    raw = h.PREFIX.pack(0, 49 + len(payload), 0, 2, crc32c(payload, crc32c(batch.checked))) + batch.checked + payload
    with contextlib.suppress(CorruptBatchError):
        assert len(decode(raw).columns) == 3


@pytest.mark.parametrize(("number", "name"), [(5, "number 5"), (6, "number 6"), (7, "number 7")])
def test_a_codec_that_is_not_there_is_refused_by_name(number, name):
    raw = render(Columns([b"a"]), attributes=number)
    with pytest.raises(LogError, match=name) as caught:
        decode(raw)
    assert caught.value.code == "log.unknown_codec"


def test_log_append_time_gives_every_record_the_batch_s_max_timestamp():
    raw = render(Columns([b"a", b"b"], timestamps=[1, 2]), attributes=h.LOG_APPEND_TIME, max_timestamp=99)
    decoded = decode(raw)
    assert decoded.columns.timestamps == 99
    assert decoded.header.is_log_append_time


def test_records_out_of_many_shapes_in_one_batch_come_back():
    rng = random.Random(7)
    n = 3000
    given_columns = Columns(
        [None if i % 7 == 0 else rng.randbytes(i % 300) for i in range(n)],
        [None if i % 3 == 0 else b"key-%d" % i for i in range(n)],
        [NOW + rng.randrange(-5000, 5000) for _ in range(n)],
        [[("h", b"1"), ("h", None)] if i % 11 == 0 else None for i in range(n)],
    )
    assert decode(render(given_columns)).columns == given_columns
