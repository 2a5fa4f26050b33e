"""A bound on open files."""

from __future__ import annotations

from connect.log.storage.open_files import OpenFiles


class Holder:
    def __init__(self, files: OpenFiles) -> None:
        self.files = files
        self.is_busy = self.is_open = False

    def open(self) -> Holder:
        self.is_open = True
        self.files.opened(self)
        return self

    def try_release(self) -> bool:
        if not self.is_busy:
            self.is_open = False
            self.files.forget(self)
        return not self.is_busy


def test_beyond_the_limit_those_opened_longest_ago_are_closed():
    files = OpenFiles(limit=2)
    holders = [Holder(files).open() for _ in range(4)]
    assert [holder.is_open for holder in holders] == [False, False, True, True]


def test_one_that_is_busy_stays_open_and_is_closed_by_a_later_one():
    files = OpenFiles(limit=1)
    busy = Holder(files).open()
    busy.is_busy = True
    other = Holder(files).open()
    assert busy.is_open
    assert other.is_open
    busy.is_busy = False
    Holder(files).open()
    assert not busy.is_open
    assert not other.is_open


def test_one_that_was_closed_counts_no_more():
    files = OpenFiles(limit=2)
    first, second = Holder(files).open(), Holder(files).open()
    first.try_release()
    Holder(files).open()
    assert second.is_open
