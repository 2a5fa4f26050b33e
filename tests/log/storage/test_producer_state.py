"""What a partition knows of its producers, as functions of what came before."""

from __future__ import annotations

import pytest

from connect.api.errors import CorruptBatchError, OutOfOrderSequenceError, ProducerFencedError, TransactionStateError
from connect.codec.encode import encode
from connect.log.storage.producer_state import (
    BATCHES_KEPT,
    Marker,
    Producers,
    Sequenced,
    decode_marker,
    encode_marker,
    next_sequence,
    sequenced,
)
from connect.records import Columns

TOP = (1 << 31) - 1


def batch(
    sequence: int, *, count: int = 1, epoch: int = 0, producer: int = 7, transactional: bool = False
) -> Sequenced:
    return Sequenced(producer, epoch, sequence, count, transactional, timestamp=1_000)


@pytest.fixture
def producers() -> Producers:
    return Producers("t-0")


def append(producers: Producers, each: Sequenced, base_offset: int) -> None:
    assert producers.check(each) is None
    producers.appended(each, base_offset, base_offset + each.record_count - 1)


def test_a_batch_follows_the_one_before_it(producers):
    append(producers, batch(0, count=3), 100)
    append(producers, batch(3), 103)
    with pytest.raises(OutOfOrderSequenceError, match="sent sequence number 5, expected 4"):
        producers.check(batch(5))


def test_one_of_the_last_five_batches_that_comes_again_is_found_where_it_is(producers):
    for number in range(BATCHES_KEPT + 1):
        append(producers, batch(number), 100 + number)
    assert producers.check(batch(5)) == 105
    assert producers.check(batch(1)) == 101
    with pytest.raises(OutOfOrderSequenceError):
        producers.check(batch(0))
    with pytest.raises(OutOfOrderSequenceError):
        producers.check(batch(1, count=2))  # not the same batch


def test_sequence_numbers_go_on_from_0_behind_the_largest(producers):
    assert next_sequence(TOP) == 0
    append(producers, batch(TOP - 1, count=2), 0)
    append(producers, batch(0), 2)
    append(producers, batch(1), 3)


def test_an_older_epoch_is_fenced_and_a_newer_one_begins_at_0(producers):
    append(producers, batch(0, epoch=1), 0)
    with pytest.raises(ProducerFencedError, match="has epoch 1 by now"):
        producers.check(batch(1, epoch=0))
    with pytest.raises(OutOfOrderSequenceError, match="expected 0"):
        producers.check(batch(1, epoch=2))
    append(producers, batch(0, epoch=2), 1)


def test_a_producer_that_nobody_knows_may_begin_anywhere(producers):
    assert producers.check(batch(42)) is None


def test_the_oldest_open_transaction_says_how_far_is_stable(producers):
    append(producers, batch(0, transactional=True, producer=7), 10)
    append(producers, batch(0, transactional=True, producer=8), 11)
    assert producers.first_unstable_offset == 10
    assert producers.open_transactions == {7: 10, 8: 11}
    with pytest.raises(TransactionStateError, match="has a transaction open"):
        producers.check(batch(1, producer=7))
    aborted = producers.ended(7, 0, 12, 1_001, is_commit=False, coordinator_epoch=0)
    assert aborted is not None
    assert (aborted.first_offset, aborted.last_offset, aborted.last_stable_offset) == (10, 12, 11)
    assert producers.ended(8, 0, 13, 1_002, is_commit=True, coordinator_epoch=0) is None
    assert producers.first_unstable_offset is None


def test_a_marker_of_a_newer_epoch_lets_sequence_numbers_begin_anew(producers):
    append(producers, batch(5, transactional=True), 0)
    producers.ended(7, 1, 1, 1_001, is_commit=False, coordinator_epoch=0)
    with pytest.raises(ProducerFencedError):
        producers.check_marker(7, 0)
    append(producers, batch(0, epoch=1), 2)


def test_producers_expire_unless_a_transaction_of_theirs_is_open(producers):
    append(producers, batch(0, producer=7), 0)
    append(producers, batch(0, producer=8, transactional=True), 1)
    producers.expire(1_001)
    assert producers.get(7) is None
    assert producers.get(8) is not None


def test_a_snapshot_brings_back_what_a_next_batch_is_checked_by(producers):
    append(producers, batch(0, count=3, producer=7), 100)
    append(producers, batch(4, producer=8, transactional=True, epoch=3), 103)
    producers.ended(9, 2, 104, 1_001, is_commit=True, coordinator_epoch=5)
    again = Producers.decode("t-0", producers.encode())
    assert len(again) == 3
    assert again.check(batch(0, count=3, producer=7)) == 100
    assert again.check(batch(3, producer=7)) is None
    assert again.open_transactions == {8: 103}
    with pytest.raises(ProducerFencedError):
        again.check_marker(9, 1)
    assert again.encode() == producers.encode()


def test_a_snapshot_that_is_damaged_anywhere_is_corruption(producers):
    append(producers, batch(0), 0)
    raw = producers.encode()
    for position in range(len(raw)):
        damaged = bytearray(raw)
        damaged[position] ^= 0x55
        with pytest.raises(CorruptBatchError):
            Producers.decode("t-0", bytes(damaged))
    for length in range(len(raw)):
        with pytest.raises(CorruptBatchError):
            Producers.decode("t-0", raw[:length])


@pytest.mark.parametrize("marker", [Marker(True, 0), Marker(False, 12)])
def test_a_marker_is_read_as_it_was_written(marker):
    assert decode_marker(*encode_marker(marker)) == marker


def test_a_control_record_of_another_kind_ends_no_transaction_and_half_of_one_is_corruption():
    key, value = encode_marker(Marker(True, 0))
    assert decode_marker(b"\0\0\0\x02", value) is None
    for half in ((None, value), (key[:3], value), (key, None), (key, value[:5])):
        with pytest.raises(CorruptBatchError, match="cut off"):
            decode_marker(*half)


def test_of_a_stored_batch_the_offsets_count_and_not_what_compaction_left_of_them():
    header = encode(Columns([b"a", b"b"], timestamps=5), producer_id=7, producer_epoch=1, base_sequence=9).header
    assert sequenced(header) == Sequenced(7, 1, 9, 2, False, 5)
