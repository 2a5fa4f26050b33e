"""encode writes the bytes that Kafka does."""

from __future__ import annotations

import struct

from connect.codec.compression import NONE, ZSTD
from connect.codec.header import read_header
from connect.records import Columns
from tests.support.factories import make_record_batch as render

NOW = 1_700_000_000_000


def test_an_encoded_batch_has_the_bytes_that_kafka_writes():
    # As kafka-clients 4.3.1 writes a record without key, value "a", timestamp 1: each field by hand.
    raw = render(Columns([b"a"], timestamps=1), base_offset=7)
    record = bytes([14, 0, 0, 0, 1, 2, ord("a"), 0])
    assert raw[61:] == record
    assert struct.unpack(">qiib", raw[:17]) == (7, 49 + len(record), 0, 2)
    assert struct.unpack(">hiqqqhii", raw[21:61]) == (0, 0, 1, 1, -1, -1, -1, 1)


def test_zstd_makes_the_batch_smaller_and_says_so():
    given_columns = Columns([b"the same words" * 20] * 50, timestamps=NOW)
    raw = render(given_columns, codec=ZSTD)
    assert len(raw) < len(render(given_columns, codec=NONE)) / 10
    assert read_header(raw).codec_number == 4
