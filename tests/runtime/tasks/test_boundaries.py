"""What a connector asks for about its transactions, and a poll's records parted by it."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import Batch, PluginError, Record
from connect.api.contract import records_of
from connect.runtime.tasks.boundaries import TransactionContextImpl, parts_of

RECORDS = [Record("t", f"v{n}") for n in range(4)]


def parts(result: Any, requests: TransactionContextImpl) -> list[tuple[list[str], bool | None]]:
    found = parts_of(object(), result, requests, lambda part: records_of(object(), "poll", part))
    return [([value for batch in batches for value in batch.values], end) for batches, end in found]


def test_without_a_request_a_poll_is_one_part_that_does_not_end() -> None:
    assert parts(RECORDS[:2], TransactionContextImpl()) == [(["v0", "v1"], None)]


def test_nothing_polled_is_no_part_and_what_was_asked_for_stays() -> None:
    requests = TransactionContextImpl()
    requests.commit_transaction()
    assert parts([], requests) == parts(None, requests) == []
    assert requests.take_end() is True
    assert requests.take_end() is None


def test_a_poll_is_parted_behind_the_records_that_were_named() -> None:
    requests = TransactionContextImpl()
    requests.abort_transaction(RECORDS[2])
    requests.commit_transaction(RECORDS[0])
    assert parts(iter(RECORDS), requests) == [(["v0"], True), (["v1", "v2"], False), (["v3"], None)]


def test_a_record_may_end_one_transaction_and_the_poll_behind_it_another_one_otherwise() -> None:
    requests = TransactionContextImpl()
    requests.abort_transaction(RECORDS[0])
    requests.abort_transaction(RECORDS[0])
    requests.commit_transaction()
    requests.commit_transaction()
    assert parts(RECORDS[0], requests) == [(["v0"], False), ([], True)]


@pytest.mark.parametrize("commits_first", [True, False])
@pytest.mark.parametrize("behind", [RECORDS[0], None])
def test_a_commit_and_an_abort_of_one_place_are_refused_though_the_plugin_goes_on(
    behind: Record | None, commits_first: bool
) -> None:
    requests = TransactionContextImpl()
    asked = [requests.commit_transaction, requests.abort_transaction]
    for ask in asked if commits_first else reversed(asked):
        ask(behind)
    place = "a record of topic t" if behind else "all that the poll returns"
    with pytest.raises(PluginError, match=f"both to commit and to abort behind {place}"):
        parts(RECORDS[0], requests)


def test_an_end_is_refused_too_that_is_asked_for_in_both_ways_by_a_poll_that_brings_nothing() -> None:
    requests = TransactionContextImpl()
    requests.commit_transaction()
    requests.abort_transaction()
    with pytest.raises(PluginError, match="both to commit and to abort"):
        requests.take_end()


def test_records_that_are_equal_are_told_apart() -> None:
    equal = [Record("t", "same"), Record("t", "same")]
    requests = TransactionContextImpl()
    requests.commit_transaction(equal[1])
    assert parts(equal, requests) == [(["same", "same"], True), ([], None)]


def test_batches_end_as_a_whole_alone() -> None:
    batch = Batch("t", ["a", "b"])
    requests = TransactionContextImpl()
    requests.commit_transaction()
    assert parts([batch], requests) == [(["a", "b"], True)]
    requests.commit_transaction(RECORDS[0])
    with pytest.raises(PluginError, match="the very records behind which"):
        parts(batch, requests)


def test_a_record_that_was_not_returned_is_refused() -> None:
    requests = TransactionContextImpl()
    requests.commit_transaction(Record("t", "v0"))
    with pytest.raises(PluginError, match="the very records behind which"):
        parts(RECORDS, requests)


def test_what_is_no_record_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(PluginError, match="expected a Record"):
        TransactionContextImpl().commit_transaction("v0")  # type: ignore[arg-type]
