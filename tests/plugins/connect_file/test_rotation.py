"""A file is known by its beginning, and its earlier generations by their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connect_file import rotation
from connect_file.rotation import (
    HEAD_BYTES,
    Neighbours,
    Sibling,
    fingerprint_of,
    fits,
    head_of,
    seen,
    seen_open,
    siblings_of,
)

LINES = b"".join(b"line %d\n" % n for n in range(100))


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def file(path: Path, data: bytes = LINES, modified_s: int | None = None) -> Path:
    path.write_bytes(data)
    if modified_s is not None:
        os.utime(path, (modified_s, modified_s))
    return path


def test_a_beginning_is_a_fingerprint_only_when_it_is_long_enough() -> None:
    assert fingerprint_of(LINES[:HEAD_BYTES]) == fingerprint_of(LINES[:HEAD_BYTES])
    assert fingerprint_of(LINES[:HEAD_BYTES]) != fingerprint_of(LINES[1 : HEAD_BYTES + 1])
    assert fingerprint_of(LINES[: HEAD_BYTES - 1]) is None


def test_the_beginning_is_read_wherever_the_file_is_read_just_now(tmp_path: Path) -> None:
    with opened(file(tmp_path / "f")) as descriptor:
        os.lseek(descriptor, 50, os.SEEK_SET)
        assert head_of(descriptor) == LINES[:HEAD_BYTES]
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 50


@pytest.mark.parametrize(
    ("position", "is_same_head", "result"),
    [(0, False, True), (7, True, True), (6, True, False), (len(LINES), True, True), (len(LINES) + 1, True, False)],
)
def test_a_file_fits_where_a_line_ends_at_the_position(
    tmp_path: Path, position: int, is_same_head: bool, result: bool
) -> None:
    with opened(file(tmp_path / "f")) as descriptor:
        fingerprint = fingerprint_of(head_of(descriptor)) if is_same_head else "another"
        assert fits(descriptor, position, fingerprint) is result


def test_a_file_of_another_beginning_does_not_fit(tmp_path: Path) -> None:
    with opened(file(tmp_path / "f")) as descriptor:
        assert not fits(descriptor, 7, "another")
        assert fits(descriptor, 7, None)


def test_generations_are_told_by_their_names_and_come_in_the_order_of_their_writing(tmp_path: Path) -> None:
    current = file(tmp_path / "orders.log", modified_s=100)
    for name, modified_s in (("orders.log.1", 90), ("orders.log-20240101", 80), ("orders-1.log", 70)):
        file(tmp_path / name, modified_s=modified_s)
    for name in ("orders.log.2.gz", "orders.access.log", "other.log.1", "orders.log.tmp"):
        file(tmp_path / name)
    (tmp_path / "orders.log.3").mkdir()
    found = siblings_of(str(current))
    assert [Path(one.path).name for one in found] == ["orders-1.log", "orders.log-20240101", "orders.log.1"]
    assert [one.is_numbered_behind for one in found] == [False, True, True]
    assert {one.size_bytes for one in found} == {len(LINES)}


def test_a_folder_that_is_gone_has_no_generations(tmp_path: Path) -> None:
    assert siblings_of(str(tmp_path / "gone" / "orders.log")) == []


def sibling(path: Path) -> Sibling:
    status = path.stat()
    inode = (status.st_dev, status.st_ino)
    return Sibling(str(path), True, inode, status.st_size, status.st_mtime_ns)


def test_a_file_that_was_written_on_is_still_that_one_and_another_of_its_number_is_not(tmp_path: Path) -> None:
    path = file(tmp_path / "f.1", modified_s=100)
    before = seen(sibling(path))
    with opened(path) as descriptor:
        assert seen_open(descriptor) == before
    assert before.is_still(sibling(path))
    file(path, LINES + b"more\n", modified_s=200)
    assert before.is_still(sibling(path))
    file(path, b"x" * len(LINES) + b"more\n", modified_s=300)
    assert not before.is_still(sibling(path))


def test_of_a_file_that_cannot_be_read_the_end_is_not_known(tmp_path: Path) -> None:
    path = file(tmp_path / "f.1", modified_s=100)
    known = sibling(path)
    path.unlink()
    gone = seen(known)
    assert gone.end == b""
    assert not gone.is_still(known._replace(modified_ns=1))


def test_generations_that_are_being_moved_are_looked_at_until_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        file(tmp_path / f"f.{number}", modified_s=100 - number)
    inodes = [(tmp_path / f"f.{number}").stat().st_ino for number in (2, 1)]
    real = rotation._stat_all

    def moved_meanwhile(folder: str, name: str, others: list[str]) -> list[Sibling]:
        if not (tmp_path / "f.3").exists():
            for number in (2, 1):
                (tmp_path / f"f.{number}").rename(tmp_path / f"f.{number + 1}")
        return real(folder, name, others)

    monkeypatch.setattr(rotation, "_stat_all", moved_meanwhile)
    found = Neighbours().of(str(tmp_path / "f"))
    assert [Path(one.path).name for one in found] == ["f.3", "f.2"]
    assert [one.inode[1] for one in found] == inodes
