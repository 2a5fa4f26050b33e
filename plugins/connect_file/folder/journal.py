"""What a start finds of a partition: where it goes on, and which files were finished. All calls block.

Theory of operation. The journal of a partition is a small file that is replaced as a whole (written, synced, renamed)
when the bytes of finished files are on disk, and before they are renamed. It holds

    offset      from which the partition goes on: all records in front of it are in finished files, or in none
    ends        of the files behind that offset: by the identity of their name, where the next one begins
    files       what is to be renamed; what is not there any more was

so a record is in a finished file exactly if it is in front of the offset, or of the end of its file's identity. Records
that come again from the offset on are left out by that. Hidden files that the journal does not name are removed.

A partition is written by one task at a time: a lock says so, which the death of its process opens.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from connect.api import ConfigError, EnvironmentFault, RetriableError, open_path
from connect_file.errors import reason
from connect_file.folder.part_file import SUFFIX
from connect_file.folder.placing import Finished, journal_folder, place, try_lock
from connect_file.folder.templates import encoded, shortened
from connect_file.position import CHANGED, sync_folder

VERSION: Final = 1

#: A partition: topic and number.
At = tuple[str, int]


class Journal:
    """The journal of one partition, which is locked until it is closed.

    Attributes:
        offset: See above; None where nothing was finished yet.
        ends: See above.
        removed: How many files were removed that nobody finished.

    Args:
        base: The sink's folder.
        syncs: Bring things to disk.

    Raises:
        RetriableError: Another task has the partition; or the disk does not let it be opened now.
        EnvironmentFault: file.changed: it cannot be read.
        ConfigError: The file system has no locks, or the worker does not allow it.
    """

    def __init__(self, base: str, connector: str, at: At, *, syncs: bool = True) -> None:
        self.offset: int | None = None
        self.ends: dict[str, int] = {}
        self.removed = 0
        self._base, self._at, self._syncs = base, at, syncs
        self._topic_id = ""
        self.folder = str(journal_folder(base, connector))
        self.prefix = _prefix(at)
        self._path = Path(self.folder) / f"{self.prefix}.json"
        self._files: list[Finished] = []
        self._lock = -1
        try:
            self._lock = self._locked()
            self._recover()
        except OSError as error:
            self.close()
            raise RetriableError(
                f"{str(self._path)!r} cannot be opened: {reason(error)}", code="environment.disk"
            ) from error
        except BaseException:
            self.close()
            raise

    def resume(self, topic_id: str) -> int | None:
        """Return where the partition goes on; a topic that was made again begins anew."""
        if topic_id and self._topic_id and topic_id != self._topic_id:
            self.offset, self.ends = None, {}
        self._topic_id = topic_id or self._topic_id
        return self.offset

    def record(self, offset: int, ends: Mapping[str, int], files: Iterable[Finished]) -> None:
        """Record what was finished; the files are on disk. `settle` renames them.

        Raises:
            OSError: It is not recorded.
        """
        files = [*self._files, *files]
        _write(self._path, self._as_json(offset, ends, files), syncs=self._syncs)
        self.offset, self.ends, self._files = offset, dict(ends), files

    def settle(self) -> list[str]:
        """Rename what is recorded, and return the paths. What raises is tried again with the next call.

        Raises:
            See `place`.
        """
        placed = place(self._base, self._files, syncs=self._syncs)
        self._files = []
        return placed

    def close(self) -> None:
        """Let others have the partition."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # -- parts -------------------------------------------------------------------------------------------------------

    def _locked(self) -> int:
        descriptor = open_path(str(Path(self.folder) / f"{self.prefix}.lock"), os.O_WRONLY | os.O_CREAT)
        try:
            if try_lock(descriptor):
                return descriptor
        except OSError as error:
            os.close(descriptor)
            raise ConfigError(
                f"files in {self._base!r} cannot be locked, so two tasks could write one partition: {reason(error)}",
                config_path="folder",
            ) from error
        os.close(descriptor)
        raise RetriableError(
            f"partition {self._at[1]} of topic {self._at[0]!r} is written to {self._base!r} by another task of a "
            "connector of this name",
            code="environment.disk",
            hint="It goes on once that task has ended. Give each connector that writes there a name of its own.",
        )

    def _recover(self) -> None:
        known = _read(self._path)
        if known is not None:
            self.offset, self._topic_id = known["offset"], known["topic_id"]
            self.ends = known["ends"]
            self._files = [
                Finished(str(Path(self.folder) / one["hidden"]), one["folder"], one["name"], one["extension"])
                for one in known["files"]
            ]
            self.settle()
        for leftover in Path(self.folder).glob(f"{_glob_of(self.prefix)}.*{SUFFIX}"):
            leftover.unlink()
            self.removed += 1

    def _as_json(self, offset: int | None, ends: Mapping[str, int], files: Iterable[Finished]) -> dict[str, Any]:
        return {
            "version": VERSION,
            "topic": self._at[0],
            "partition": self._at[1],
            "topic_id": self._topic_id,
            "offset": offset,
            "ends": dict(ends),
            "files": [{**one._asdict(), "hidden": Path(one.hidden).name} for one in files],
        }


def alter_journals(base: str, connector: str, offsets: Mapping[At, int | None]) -> None:
    """Set, or forget for None, where partitions go on that have a journal; others go on at the group's offset.

    Raises:
        As `Journal`.
    """
    for at, offset in offsets.items():
        if not (journal_folder(base, connector) / f"{_prefix(at)}.json").exists():
            continue
        journal = Journal(base, connector, at)
        try:
            _write(journal._path, journal._as_json(offset, {}, ()), syncs=True)
        finally:
            journal.close()


def _prefix(at: At) -> str:
    return f"{shortened(encoded(at[0]))}+{at[1]}"


def _glob_of(prefix: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in prefix)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with open(open_path(str(path), os.O_RDONLY), "rb") as file:  # noqa: PTH123 - of a descriptor
            known: dict[str, Any] = json.loads(file.read())
        if known["version"] != VERSION:
            raise ValueError(f"version {known['version']} is not known")
        for name in ("offset", "topic_id", "ends", "files"):
            known[name]
        return known
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise EnvironmentFault(
            f"file {str(path)!r}, which has the offsets of a sink, cannot be read: {error!r}",
            code=CHANGED,
            hint="Remove it to go on at the offset of the consumer group; some records may come twice then.",
        ) from error


def _write(path: Path, known: Mapping[str, Any], *, syncs: bool) -> None:
    new = path.with_name(path.name + ".new")
    with contextlib.closing(os.fdopen(open_path(str(new), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb")) as file:
        file.write(json.dumps(known).encode())
        file.flush()
        if syncs:
            os.fsync(file.fileno())
    new.replace(path)
    if syncs:
        sync_folder(path.parent)
