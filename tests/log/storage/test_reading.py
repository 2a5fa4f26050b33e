"""Reading a view of segments: by offset, by cursor, by time, up to a limit."""

from __future__ import annotations

import dataclasses

import pytest

from connect.log.storage.reading import View, find_time, read_from
from tests.log.conftest import batch_of


@pytest.fixture
def view(make_partition) -> View:
    """Twelve batches of two records, three a segment; batch n at n * 10 ms."""
    partition = make_partition(segment_bytes="260", index_interval_bytes="0")
    for number in range(12):
        partition.append([batch_of(b"%02d" % number, b"x" * 5, timestamp=number * 10)])
    view = partition.view()
    assert len(view.segments) > 3
    return view


@pytest.mark.parametrize("offset", range(24))
def test_a_reading_begins_with_the_batch_that_holds_the_offset(view, offset):
    found = read_from(view, offset, 1, None)
    [header] = found.headers
    assert header.base_offset <= offset <= header.last_offset


def test_a_cursor_leads_from_slice_to_slice_across_segments(view):
    offset, cursor, seen = 0, None, []
    while (found := read_from(view, offset, 1, cursor)).headers:
        seen += [header.base_offset for header in found.headers]
        cursor, offset = found.cursor, found.headers[-1].next_offset
        assert cursor is not None
        assert cursor.offset == offset
        if offset == view.limit:
            break
    assert seen == list(range(0, 24, 2))


def test_a_cursor_of_another_generation_or_offset_leads_nowhere(view):
    cursor = read_from(view, 0, 1, None).cursor
    assert cursor is not None
    wrong = cursor._replace(position=cursor.position + 7)
    assert read_from(view, 2, 1, wrong._replace(generation=view.generation + 1)).headers[0].base_offset == 2
    assert read_from(view, 4, 1, wrong).headers[0].base_offset == 4


def test_nothing_behind_the_limit_is_read_and_a_cursor_stops_there(view):
    limited = dataclasses.replace(view, limit=4)
    found = read_from(limited, 0, 1 << 20, None)
    assert [header.base_offset for header in found.headers] == [0, 2]
    assert found.cursor is not None
    assert found.cursor.offset == 4


def test_valid_bytes_end_where_the_view_says_though_the_file_has_more(view):
    size = read_from(view, 0, 1, None).headers[0].size_bytes
    cut = dataclasses.replace(view, segments=view.segments[:1], ends=[2 * size], limit=4)
    assert read_from(cut, 0, 1 << 20, None).headers[-1].next_offset == 4


@pytest.mark.parametrize(("timestamp", "offset"), [(-1, 0), (0, 0), (5, 2), (50, 10), (51, 12), (110, 22), (111, None)])
def test_a_time_leads_to_the_first_batch_at_or_after_it(view, timestamp, offset):
    assert find_time(view, timestamp, 0) == offset


def test_a_time_is_looked_for_from_an_offset_on_and_up_to_the_limit(view):
    assert find_time(view, 0, 7) == 6
    assert find_time(view, 0, 8) == 8
    assert find_time(dataclasses.replace(view, limit=10), 50, 0) is None
