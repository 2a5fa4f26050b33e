"""The header of a record batch: read, checked, and walked from batch to batch."""

from __future__ import annotations

import pytest

from connect.api.errors import LogError
from connect.codec import header as h
from connect.codec.decode import decode
from connect.codec.header import iterate_batches, read_header
from connect.records import Columns
from tests.support.factories import make_record_batch as render


@pytest.mark.parametrize("magic", [0, 1])
def test_an_old_magic_is_refused_by_name(magic):
    raw = bytearray(render(Columns([b"a"])))
    raw[16] = magic
    with pytest.raises(LogError, match=f"magic {magic}") as caught:
        decode(bytes(raw))
    assert caught.value.code == "log.unsupported_magic"


def test_batches_back_to_back_are_walked_up_to_the_first_that_is_cut():
    raw = b"".join(render(Columns([b"a"] * n), base_offset=n) for n in (1, 2, 3))
    assert [header.base_offset for header in iterate_batches(raw)] == [1, 2, 3]
    assert [header.base_offset for header in iterate_batches(raw[:-1])] == [1, 2]


def test_control_and_transactional_flags_are_read():
    header = read_header(
        render(Columns([b"a"]), attributes=h.CONTROL | h.TRANSACTIONAL, producer_id=5, producer_epoch=1)
    )
    assert header.is_control
    assert header.is_transactional
    assert (header.producer_id, header.producer_epoch) == (5, 1)
