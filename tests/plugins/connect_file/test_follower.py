"""A file's first line tells it, and the bytes in front of a position prove it."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connect_file.follower import Follower, first_line
from connect_file.listing import Found

LINES = b"".join(b"line %d\n" % n for n in range(100))


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Callable[..., Follower]]:
    made: list[Follower] = []

    def make(data: bytes, name: str = "f") -> Follower:
        (tmp_path / name).write_bytes(data)
        status = (tmp_path / name).stat()
        found = Found(str(tmp_path / name), (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)
        made.append(Follower(found, 0.0))
        assert made[-1].open()
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_first_line_tells_a_file_once_it_has_an_end_or_is_long_enough() -> None:
    assert first_line(b"one") is None
    assert first_line(b"one", is_whole=True) == first_line(b"one\ntwo") == first_line(b"one\r\n")
    assert first_line(b"") is first_line(b"", is_whole=True) is None
    assert first_line(b"x" * 256) is not None
    assert first_line(b"one\n") != first_line(b"two\n")


@pytest.mark.parametrize("position", [7, 210, 450])
def test_an_offset_fits_the_file_that_it_was_made_in(follower: Callable[..., Follower], position: int) -> None:
    one = follower(LINES)
    one.went_on(LINES[:position])
    offset = one.offset()
    assert offset["position"] == position
    assert one.fits(offset)
    assert one.fits({"position": 0})
    other = follower(b"X" + LINES[1:], "other")
    assert not other.fits(offset)
    assert not follower(LINES[:5], "short").fits(offset)
    # A copy has another inode, which counts as long as there is little text.
    assert follower(LINES, "copy").fits(offset) is (position >= 256)


def test_a_users_offset_fits_where_a_line_ends(follower: Callable[..., Follower]) -> None:
    one = follower(LINES)
    assert one.fits({"position": 7})
    assert not one.fits({"position": 6})


def test_going_to_a_position_knows_what_reading_up_to_it_does(follower: Callable[..., Follower]) -> None:
    one, other = follower(LINES), follower(LINES)
    for start in range(0, 500, 50):
        one.went_on(LINES[start : start + 50])
        other.go_to(start + 50)
        assert one.offset() == other.offset()


def test_a_file_is_looked_at_again_once_its_end_was_reached(follower: Callable[..., Follower]) -> None:
    one = follower(LINES)
    data = one.read(1 << 20)
    one.went_on(data)
    assert one.read(1) == b""
    assert one.is_as_it_was()
    Path(one.path).write_bytes(LINES[:-5] + b"XXXX\nmore\n")
    one.refresh(1.0)
    assert not one.is_as_it_was()
    Path(one.path).write_bytes(b"")
    one.refresh(2.0)
    assert not one.is_as_it_was()


def test_a_line_that_was_returned_without_its_end_is_gone_back_to_when_it_goes_on(
    follower: Callable[..., Follower],
) -> None:
    one = follower(b"one\ntw")
    one.went_on(b"one\ntw")
    with Path(one.path).open("ab") as writer:
        writer.write(b"o\n")
    one.refresh(1.0)
    one.back_to_a_line(0)
    assert one.position == 4


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_an_end_that_comes_late_is_passed_over(follower: Callable[..., Follower], end: bytes) -> None:
    one = follower(b"one\ntwo")
    one.went_on(b"one\ntwo")
    with Path(one.path).open("ab") as writer:
        writer.write(end + b"three\n")
    one.refresh(1.0)
    one.back_to_a_line(0)
    assert one.position == 7 + len(end)


def test_a_path_that_leads_to_another_file_by_now_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(LINES)
    one = Follower(Found(str(file), (0, 0), len(LINES), 0), 0.0)
    assert not one.open()
    assert one.descriptor is None


def test_a_beginning_that_is_no_text_is_not_gone_back_over(follower: Callable[..., Follower]) -> None:
    one = follower(b"\xef\xbb\xbfone\n")
    one.go_to(3)
    one.back_to_a_line(3)
    assert one.position == 3
    one.went_on(b"on")
    one.back_to_a_line(3)
    assert one.position == 3


def test_a_packed_file_that_holds_more_than_it_takes_grows_and_is_the_same(follower: Callable[..., Follower]) -> None:
    packed = gzip.compress(LINES * 1000)
    one = follower(packed[: len(packed) // 2])
    data = one.read(1 << 20)
    assert len(data) > len(packed)
    one.went_on(data)
    assert one.read(1) == b""
    with Path(one.path).open("ab") as writer:
        writer.write(packed[len(packed) // 2 :])
    one.refresh(1.0)
    assert one.is_as_it_was()


def test_a_packed_file_that_was_written_anew_and_is_longer_is_another(follower: Callable[..., Follower]) -> None:
    one = follower(gzip.compress(b"old\n" * 100))
    one.went_on(one.read(1 << 20))
    assert one.read(1) == b""
    Path(one.path).write_bytes(gzip.compress(os.urandom(1000)))
    one.refresh(1.0)
    assert not one.is_as_it_was()
