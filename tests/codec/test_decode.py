"""decode gives back what encode was given, and damage never passes."""

from __future__ import annotations

import contextlib
import random

import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st

from connect.api import LogError
from connect.api.errors import CorruptBatchError
from connect.codec import header as h
from connect.codec.compression import CODECS, ZSTD
from connect.codec.decode import decode, decode_keys, decode_records, record_bounds, records_of
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


KEYED = Columns([b"1", None, b"3"], [b"a", b"b", None], [5, 6, 7], [[("h", b"v")], None, [("n", None)]])


def stored(columns: Columns, base_offset: int = 0, **options: object) -> bytes:
    batch = encode(columns, **options)  # type: ignore[arg-type]
    return batch.head(base_offset) + batch.payload


def forged(payload: bytes, count: int, attributes: int = 0) -> bytes:
    """A batch with a right checksum and whatever records."""
    checked = h.CHECKED.pack(attributes, max(count - 1, 0), 0, 0, -1, -1, -1, count)
    prefix = h.PREFIX.pack(0, 49 + len(payload), 0, h.MAGIC, crc32c(payload, crc32c(checked)))
    return prefix + checked + payload


def test_a_batch_in_the_middle_of_a_buffer_is_decoded_by_its_position():
    raw = stored(Columns([b"first"])) + stored(KEYED, 7) + b"more"
    decoded = decode(raw, len(stored(Columns([b"first"]))))
    assert decoded.offsets == range(7, 10)
    assert decoded.columns == KEYED


def test_keys_alone_are_read_with_whether_a_value_is_null():
    raw = stored(KEYED, codec=ZSTD)
    header = h.read_header(raw)
    assert decode_keys(records_of(raw, header), header.count) == ([b"a", b"b", None], True)
    raw = stored(Columns([b"1"], [b"a"]))
    assert decode_keys(records_of(raw, h.read_header(raw)), 1) == ([b"a"], False)


def test_the_bounds_of_records_lead_from_the_first_to_the_end():
    raw = stored(Columns([b"x" * size for size in (1, 100, 20_000)]))
    header = h.read_header(raw)
    records = records_of(raw, header)
    bounds = record_bounds(records, 3)
    assert (bounds[0], bounds[-1]) == (records.start, records.end)
    assert [b"x" * size in raw[bounds[n] : bounds[n + 1]] for n, size in enumerate((1, 100, 20_000))] == [True] * 3


@pytest.mark.parametrize("count", [2, 4])
def test_a_count_that_is_not_the_records_is_corruption_wherever_it_is_noticed(count):
    raw = stored(Columns([b"1", b"2", b"3"], [b"a", b"b", b"c"]))
    payload = raw[h.HEADER_BYTES :]
    raw = forged(payload, count)
    header = h.read_header(raw)
    with pytest.raises(CorruptBatchError):
        decode(raw)
    with pytest.raises(CorruptBatchError, match="do not end where their batch does"):
        record_bounds(records_of(raw, header), count)
    with pytest.raises(CorruptBatchError):
        decode_keys(records_of(raw, header), count)


def test_a_count_that_no_bytes_can_hold_allocates_nothing():
    raw = forged(bytes(8), 2_000_000_000)
    with pytest.raises(CorruptBatchError, match="2000000000 records cannot fit 8 bytes"):
        decode_records(raw, h.read_header(raw))


def test_a_codec_that_kafka_does_not_know_is_named():
    raw = forged(b"", 1, attributes=7)
    with pytest.raises(LogError, match="compression number 7") as caught:
        decode(raw)
    assert caught.value.code == "log.unknown_codec"


def test_records_that_do_not_decompress_are_corruption():
    with pytest.raises(CorruptBatchError, match="zstd cannot decompress"):
        decode(forged(b"no zstd at all", 1, attributes=ZSTD.number))
