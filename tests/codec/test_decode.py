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
from connect.codec import decode as decoder
from connect.codec import header as h
from connect.codec.compression import CODECS, ZSTD
from connect.codec.decode import Records, decode, decode_keys, decode_records, record_bounds, records_of
from connect.codec.encode import encode, encode_retained
from connect.codec.varint import decode_varint
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


@pytest.mark.parametrize("count", [1, 64, 65, 8192, 8193])
@pytest.mark.parametrize("length", [0, 63, 64])
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


def forged(payload: bytes, count: int, attributes: int = 0, last_delta: int | None = None) -> bytes:
    """A batch with a right checksum and whatever records."""
    last_delta = max(count - 1, 0) if last_delta is None else last_delta
    checked = h.CHECKED.pack(attributes, last_delta, 0, 0, -1, -1, -1, count)
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


@pytest.mark.parametrize("count", [2, 2_000_000_000])
def test_a_count_that_no_bytes_can_hold_allocates_nothing(count):
    raw = forged(bytes(8), count)
    with pytest.raises(CorruptBatchError, match=f"{count} records cannot fit 8 bytes"):
        decode_records(raw, h.read_header(raw))


def test_a_codec_that_kafka_does_not_know_is_named():
    raw = forged(b"", 1, attributes=7)
    with pytest.raises(LogError, match="compression number 7") as caught:
        decode(raw)
    assert caught.value.code == "log.unknown_codec"


def test_records_that_do_not_decompress_are_corruption():
    with pytest.raises(CorruptBatchError, match="zstd cannot decompress"):
        decode(forged(b"no zstd at all", 1, attributes=ZSTD.number))


#: Bytes of a field, around those where the varint of its length or of its record's grows by a byte.
UP_TO_TWO_BYTES = [0, 1, *range(52, 66), 8130]
UP_TO_THREE_BYTES = [0, 1, *range(52, 66), *range(8180, 8194)]


def rich(widths: list[int]) -> Columns:
    """Records with everything, of so many bytes a field; where a value is long its key is short."""
    last = len(widths) - 1
    return Columns(
        [None if n % 7 == 0 else bytes([n]) * widths[n % len(widths)] for n in range(100)],
        [None if n % 5 == 0 else b"k" * widths[last - n % len(widths)] for n in range(100)],
        [NOW + step for n in range(25) for step in (0, 63 + n, -64 - n, 1 << n)],
        [[("h", bytes(n % 30))] if n % 3 == 0 else None for n in range(100)],
    )


def refuse(*_: object) -> None:
    raise AssertionError("a slower loop was asked")


@pytest.mark.parametrize("values", [[b"x" * width for width in UP_TO_TWO_BYTES] * 8, [b"ab"] * 8192])
def test_a_plain_batch_needs_no_slower_loop(values, monkeypatch):
    monkeypatch.setattr(decoder, "_decode_flat", refuse)
    monkeypatch.setattr(decoder, "_decode_general", refuse)
    plain = Columns(values, timestamps=NOW)
    assert decode(render(plain)).columns == plain


@pytest.mark.parametrize("columns", [rich(UP_TO_TWO_BYTES), Columns([b"ab"] * 8192, [b"k"] * 8192)])
def test_a_dense_batch_of_everything_is_not_read_one_varint_after_another(columns, monkeypatch):
    monkeypatch.setattr(decoder, "_decode_general", refuse)
    assert decode(render(columns)).columns == columns


SMALL = [
    Columns([b"one", b"", None], timestamps=NOW),
    Columns([b"one", b"two"], timestamps=NOW),
    Columns([b"1", None], [None, b"k"], [NOW, NOW + 300], [[("h", b"v"), ("", None)], None]),
]


@pytest.mark.parametrize("columns", SMALL, ids=["tombstone", "plain", "rich"])
def test_a_quick_loop_reads_any_damage_as_the_general_one_does_or_not_at_all(columns, monkeypatch):
    payload = bytes(encode(columns).payload)
    damaged = [
        forged(payload[:at] + bytes([byte]) + payload[at + 1 :], len(columns))
        for at, right in enumerate(payload)
        for byte in {*(right ^ 1 << bit for bit in range(8)), 0, 1, 2, 3, 0x7F, 0x80, 0xFF}
    ]
    quick = [read(raw) for raw in damaged]
    monkeypatch.setattr(decoder, "_decode_plain", lambda *_: None)
    monkeypatch.setattr(decoder, "_decode_flat", lambda *_: None)
    assert quick == [read(raw) for raw in damaged]


def read(raw: bytes) -> object:
    try:
        decoded = decode_records(raw, h.read_header(raw))
    except CorruptBatchError:
        return None
    return list(decoded.offsets), decoded.columns


def test_keys_and_bounds_are_those_of_the_records_of_every_shape():
    columns = rich(UP_TO_THREE_BYTES)
    raw = render(columns)
    records = records_of(raw, h.read_header(raw))
    assert decode_keys(records, 100) == (columns.keys, True)
    bounds = record_bounds(records, 100)
    lengths = [decode_varint(raw, start) for start in bounds[:-1]]
    assert bounds[0] == records.start
    assert bounds[1:] == [body + length for length, body in lengths]


def test_a_null_key_and_a_null_value_are_as_small_as_a_record_gets():
    assert decode(render(Columns([None]))).columns == Columns([None])
    assert decode(render(Columns([None] * 3))).columns == Columns([None] * 3)


def test_a_batch_that_lost_its_last_records_has_the_offsets_of_those_that_stay():
    header = h.read_header(stored(KEYED, 100))
    decoded = decode(encode_retained(header, [100, 101], KEYED.cut(0, 2), ZSTD, None))
    assert list(decoded.offsets) == [100, 101]
    assert decoded.columns == KEYED.cut(0, 2)
    assert decoded.header.next_offset == 103


def test_bytes_in_a_batch_without_records_are_corruption():
    with pytest.raises(CorruptBatchError, match="the records end at byte 61, their batch at 65"):
        decode(forged(b"more", 0))


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([101, 100], "the offsets of the batch at offset 100 do not rise"),
        ([100, 100], "do not rise"),
        ([99, 100], "do not rise"),
        ([100, 103], "the batch at offset 100 ends at 102, a record lies behind it"),
    ],
)
def test_offsets_that_do_not_rise_within_the_batch_are_corruption(offsets, message):
    header = h.read_header(stored(KEYED, 100))
    with pytest.raises(CorruptBatchError, match=message):
        decode(encode_retained(header, offsets, KEYED.cut(0, 2), ZSTD, None))


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ("01", "a record has -1 headers"),
        ("020101", "a header has no name"),
        ("0202ff01", "not UTF-8"),
        ("02", "no var"),
    ],
)
def test_headers_that_cannot_be_are_corruption(headers, message):
    record = bytes.fromhex("0000000101" + headers)
    with pytest.raises(CorruptBatchError, match=message):
        decode(forged(bytes([len(record) * 2]) + record, 1))


def test_records_of_one_batch_do_not_share_their_lists_of_headers():
    first, second = decode(render(Columns([b"a", b"b"], headers=[[("h", b"v")]] * 2))).columns.headers
    first.append(("more", None))
    assert second == [("h", b"v")]


#: By the bytes of a record's length: one, two, three.
OF_EACH_LENGTH = [*SMALL[1:], Columns([b"x" * 100] * 2), Columns([b"x" * 9_000] * 2, [b"k", None])]


@pytest.mark.parametrize("columns", OF_EACH_LENGTH, ids=["plain", "rich", "two bytes", "three bytes"])
@pytest.mark.parametrize("row", [0, 1])
def test_a_record_of_negative_length_is_corruption_however_it_is_read(columns, row):
    payload = bytes(encode(columns).payload)
    at = record_bounds(Records(payload, 0, len(payload)), 2)[row]
    assert payload[at] % 2 == 0
    payload = payload[:at] + bytes([payload[at] | 1]) + payload[at + 1 :]
    with pytest.raises(CorruptBatchError, match=r"no variable-length integer|its length says|a field of"):
        decode(forged(payload, 2))
    for read_some in (record_bounds, decode_keys):
        with pytest.raises(CorruptBatchError, match=r"do not end where their batch does|a record of -"):
            read_some(Records(payload, 0, len(payload)), 2)


def test_a_key_of_negative_length_is_corruption_where_keys_alone_are_read():
    payload = bytes(encode(Columns([b"v", b"v"], [b"k", b"key"])).payload)
    at = payload.index(b"k") - 1
    payload = payload[:at] + bytes([payload[at] | 1]) + payload[at + 1 :]
    assert payload[at] == 3
    with pytest.raises(CorruptBatchError):
        decode(forged(payload, 2))
    with pytest.raises(CorruptBatchError):
        decode_keys(Records(payload, 0, len(payload)), 2)


def test_records_with_keys_come_back_from_a_batch_longer_than_every_table():
    columns = Columns([b"v"] * 8200, [b"k"] * 8200, NOW)
    assert decode(render(columns)).columns == columns
