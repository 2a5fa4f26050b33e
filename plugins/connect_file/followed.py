"""The files that a task follows, and what it is to do with them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from connect.api import SourceTaskContext
from connect_file.ends import AtEnd
from connect_file.follower import Follower
from connect_file.formats import Format
from connect_file.listing import Found, Listing, text_of
from connect_file.rotation import earlier_names

#: What stands for a source partition.
Key = tuple[Any, ...]


class FilesConfig(NamedTuple):
    """What a reader is to do: the task's share of the files, and what becomes of them.

    Attributes:
        is_tolerant: Whether records that cannot be read are left out; else one ends the task.
        named_by: The config key that names the files.
        is_whole: Whether a file is one record.
        is_raw: Whether its bytes are taken as they lie there.
        quiet_s: How long a file has to be quiet for its last lines to be a record, where that is told by the next one.
    """

    listing: Listing
    share: int
    shares: int
    topic: str
    batch_records: int
    format_of: Callable[[str | None], Format]
    poll_interval_s: float
    is_tolerant: bool
    named_by: str
    at_end: AtEnd
    is_whole: bool
    is_raw: bool
    quiet_s: float | None


class Followed:
    """The files of one task.

    Attributes:
        by_inode: In the order in which they came.
        by_key: Those of which the source partition is known.
        copies: Those in whose place another is read.
        is_first_look: Whether nobody has looked for files yet.
    """

    def __init__(self, config: FilesConfig, context: SourceTaskContext) -> None:
        self.by_inode: OrderedDict[tuple[int, int], Follower] = OrderedDict()
        self.by_key: dict[Key, Follower] = {}
        self.copies: set[Follower] = set()
        self._config, self._log = config, context.log
        self.is_first_look = True
        self._told: set[tuple[str, str]] = set()

    def claim(self, follower: Follower, partition: Mapping[str, Any]) -> None:
        """Have a file be a source partition."""
        follower.partition = dict(partition)
        self.by_key[key_of(partition)] = follower

    def stand_in(self, copy: Follower, original: Follower) -> None:
        """Have a copy go on where the original was read to."""
        self.copies.discard(copy)
        copy.copy_of, copy.held = None, b""
        copy.position, copy.head, copy.tail = original.position, original.head, original.tail
        if original.partition is not None:
            self.claim(copy, original.partition)

    def follow(self, found: Found, now: float) -> Follower:
        """Begin with a file."""
        follower = Follower(found, now, is_new=not self.is_first_look, is_raw=self._config.is_raw)
        self.by_inode[found.inode] = follower
        return follower

    def is_quiet(self, follower: Follower, now: float) -> bool:
        """Whether a file has not grown for as long as makes an end of what it has."""
        return now - follower.grown_at >= self._config.at_end.wait_s

    def tell(self, path: str, message: str) -> None:
        """Warn of a file, once."""
        if (path, message) not in self._told:
            self._told.add((path, message))
            self._log.warning("%s", message)

    def forget_told(self) -> None:
        """Have what was told of files told again."""
        self._told.clear()


def family_of(path: str) -> str:
    """Return the path that a file had before rotations put something behind it."""
    while (earlier := earlier_names(path)) and path.startswith(earlier[0]):
        path = earlier[0]
    return path


def names_of(path: str) -> set[str]:
    """Return the name of a file, and those that it may have had before."""
    return {path, *earlier_names(path)}


def partitions_of(name: str, line: str, number: int) -> Iterator[dict[str, Any]]:
    """Return the source partitions that a file may be: its own where others have the same first line, then the one that
    the first of these has."""
    plain = {"filename": text_of(name), "first_line": line}
    return iter(({**plain, "inode": number}, plain))


def key_of(partition: Mapping[str, Any]) -> Key:
    """Return what stands for a source partition."""
    return (partition.get("filename"), partition.get("first_line"), partition.get("inode"))
