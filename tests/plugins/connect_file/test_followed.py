"""The files that a task follows."""

from __future__ import annotations

import pytest

from connect_file.followed import family_of, key_of, names_of, partitions_of


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/a/app.log", "/a/app.log"),
        ("/a/app.log.1", "/a/app.log"),
        ("/a/app.log.2.gz", "/a/app.log"),
        ("/a/app.log-20240101", "/a/app.log"),
        ("/a/app-1.log", "/a/app-1.log"),
    ],
)
def test_generations_of_a_name_are_of_one_family_unless_they_are_told_in_front_of_the_ending(
    path: str, family: str
) -> None:
    assert family_of(path) == family


def test_the_names_of_a_file_are_its_own_and_those_before_rotations() -> None:
    assert names_of("/a/app.log.1") == {"/a/app.log.1", "/a/app.log"}
    assert names_of("/a/app.log") == {"/a/app.log"}


def test_a_file_may_be_a_partition_with_its_inode_or_the_first_of_its_first_line() -> None:
    own, plain = partitions_of("/a/f", "abc", 7)
    assert (own, plain) == (
        {"filename": "/a/f", "first_line": "abc", "inode": 7},
        {"filename": "/a/f", "first_line": "abc"},
    )
    assert key_of(own) != key_of(plain)
    assert key_of(dict(reversed(own.items()))) == key_of(own)
