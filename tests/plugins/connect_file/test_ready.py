"""Which file is read next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connect_file.ends import AtEnd
from connect_file.followed import FilesConfig, Followed
from connect_file.follower import Follower
from connect_file.formats import LinesFormat
from connect_file.listing import Found, Listing
from connect_file.ready import Ready


@pytest.fixture
def followed(tmp_path: Path, context: Any) -> Followed:
    config = FilesConfig(
        Listing([str(tmp_path)]), 0, 1, "t", 100, partial(LinesFormat), 1.0, False, "files", AtEnd(), False, False, None
    )
    return Followed(config, context)


@pytest.fixture
def ready(followed: Followed) -> Ready:
    return Ready(followed._config, followed)


@pytest.fixture
def grown(followed: Followed) -> Callable[[str, int], Follower]:
    """Return a function that follows a file which has something to be read, and was written to at a time."""
    return lambda path, modified_ns: followed.follow(Found(path, (1, len(followed.by_inode)), 5, modified_ns), 0.0)


def taken(ready: Ready) -> list[str]:
    found = []
    while (follower := ready.next()) is not None:
        found.append(follower.path)
    return found


def test_families_take_turns_and_the_oldest_of_each_comes_first(
    ready: Ready, grown: Callable[[str, int], Follower]
) -> None:
    for path, modified_ns in (("/a", 3), ("/a.1", 2), ("/a.2", 1), ("/b", 9)):
        ready.take_note(grown(path, modified_ns))
    assert taken(ready) == ["/a.2", "/b", "/a.1", "/a"]


def test_one_that_had_the_name_comes_before_the_one_that_has_it(
    ready: Ready, grown: Callable[[str, int], Follower]
) -> None:
    new, old = grown("/a", 1), grown("/a.1", 2)
    old.is_behind = True
    for follower in (new, old):
        ready.take_note(follower)
    assert taken(ready) == ["/a.1", "/a"]


def test_a_family_of_which_one_is_looked_for_is_passed_over(
    ready: Ready, grown: Callable[[str, int], Follower]
) -> None:
    for path in ("/a", "/b"):
        ready.take_note(grown(path, 1))
    ready.waiting.add("/a")
    assert taken(ready) == ["/b"]
    ready.waiting.clear()
    assert taken(ready) == ["/a"]


def test_a_file_that_was_read_or_is_not_followed_any_more_is_not_read(
    ready: Ready, followed: Followed, grown: Callable[[str, int], Follower]
) -> None:
    read, gone = grown("/a", 1), grown("/b", 1)
    read.position, read.read_ns = 5, 1
    for follower in (read, gone, gone):
        ready.take_note(follower)
    del followed.by_inode[gone.inode]
    assert taken(ready) == []
