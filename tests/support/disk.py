"""A disk for the log that a test holds in its hand: it can be slow, hang, refuse, fill up, and lose power.

`FaultyDisk` writes to a real folder, so the log reads from it as from any other. `RecordingDisk` also notes each step;
`PowerCuts` goes through the notes and makes, for a cut at any of them, what could then be on the disk:

- The bytes of a file are as its last sync left them, and any part of what was written since: any of the writes, or
  each sector of 512 bytes as it was at any moment; what was never written and lies before the end is zeros.
- The names in a folder are as its last sync left them, and any part of what was made, renamed and removed since, in any
  order. A rename happens or not.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connect.log.storage.files import Disk, SyncError

SECTOR_BYTES = 512

#: Called before each step with its name and path; may block, and may raise OSError.
Hook = Callable[[str, Path], None]


def _named(path: Path) -> str:
    return "/".join(path.parts[-2:])  # above these a temporary folder may have a name that holds any part


class FaultyDisk(Disk):
    """Lets hooks have a say before each step."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.steps: list[tuple[str, str]] = []  # what was done, with "folder/file"

    # -- what a test asks for ----------------------------------------------------------------------------------------

    def hold(self, step: str, part: str) -> Gate:
        """Let each step of a kind wait, where "folder/file" holds `part`, until the gate is opened."""
        gate = Gate()

        def hook(name: str, path: Path) -> None:
            if name == step and part in _named(path) and not gate.is_open():
                gate.wait()

        self.hooks.append(hook)
        return gate

    def refuse(
        self, step: str, part: str, number: int = errno.EIO, *, after: int = 0, times: int | None = None
    ) -> None:
        """Let steps of a kind fail where "folder/file" holds `part`: `times` of them, behind the first `after` ones."""
        seen = 0

        def hook(name: str, path: Path) -> None:
            nonlocal seen
            if name == step and part in _named(path):
                seen += 1
                if after < seen and (times is None or seen <= after + times):
                    raise error_of(step, number)

        self.hooks.append(hook)

    def refuse_at(self, count: int, number: int = errno.ENOSPC) -> None:
        """Let the one step after so many others fail, whichever it is."""
        seen = 0

        def hook(name: str, path: Path) -> None:
            nonlocal seen
            seen += 1
            if seen == count + 1:
                raise error_of(name, number)

        self.hooks.append(hook)

    def heal(self) -> None:
        """Work again as a good disk does."""
        self.hooks.clear()

    # -- the disk ----------------------------------------------------------------------------------------------------

    def _step(self, name: str, path: Path, do: Callable[[], Any], *details: Any) -> Any:
        for hook in list(self.hooks):
            hook(name, path)
        result = self._note(name, path, do, *details)
        self.steps.append((name, f"{path.parent.name}/{path.name}"))
        return result

    def _note(self, name: str, path: Path, do: Callable[[], Any], *details: Any) -> Any:
        return do()

    def make_folder(self, path: Path) -> None:
        self._step("make_folder", path, lambda: super(FaultyDisk, self).make_folder(path))

    def create(self, path: Path) -> None:
        self._step("create", path, lambda: super(FaultyDisk, self).create(path))

    def write_at(self, path: Path, descriptor: int, pieces: Sequence[bytes | memoryview], position: int) -> None:
        content = b"".join(pieces)
        self._step(
            "write_at",
            path,
            lambda: super(FaultyDisk, self).write_at(path, descriptor, [content], position),
            position,
            content,
        )

    def truncate(self, path: Path, size_bytes: int) -> None:
        self._step("truncate", path, lambda: super(FaultyDisk, self).truncate(path, size_bytes), size_bytes)

    def rename(self, path: Path, target: Path) -> None:
        self._step("rename", path, lambda: super(FaultyDisk, self).rename(path, target), target)

    def remove(self, path: Path) -> None:
        self._step("remove", path, lambda: super(FaultyDisk, self).remove(path))

    def remove_folder(self, path: Path) -> None:
        self._step("remove_folder", path, lambda: super(FaultyDisk, self).remove_folder(path))

    def sync_file(self, path: Path) -> None:
        self._step("sync_file", path, lambda: super(FaultyDisk, self).sync_file(path))

    def sync_folder(self, path: Path) -> None:
        self._step("sync_folder", path, lambda: super(FaultyDisk, self).sync_folder(path))


class Gate:
    """Where steps of a disk wait. Opens by itself after a while, so that a failing test ends."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self.arrived = threading.Event()

    def wait(self) -> None:
        self.arrived.set()
        self._opened.wait(30)

    def is_open(self) -> bool:
        return self._opened.is_set()

    def open(self) -> None:
        """Let what waits, and all that comes, go on."""
        self._opened.set()


def error_of(step: str, number: int) -> OSError:
    kind = SyncError if step == "sync_file" else OSError
    return kind(number, os.strerror(number))


@dataclass(frozen=True, slots=True)
class Note:
    """A step that was done, or, with name "mark", what a test had to say at that moment."""

    name: str
    path: Path
    details: tuple[Any, ...] = ()


class RecordingDisk(FaultyDisk):
    """Notes each step, in the order in which they took effect."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[Note] = []
        self._lock = threading.Lock()

    def _note(self, name: str, path: Path, do: Callable[[], Any], *details: Any) -> Any:
        with self._lock:
            existed = os.path.lexists(path)
            result = do()
            if name in ("create", "remove"):
                details = (existed,)
            self.notes.append(Note(name, path, details))
            return result

    def mark(self, *said: Any) -> None:
        """Note that something is now said to someone: what it depends on must be on disk."""
        with self._lock:
            self.notes.append(Note("mark", Path(), said))


# -- what a loss of power leaves ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut at this size


@dataclass(slots=True)
class _Folder:
    live: dict[str, Any] = field(default_factory=dict)  # names to _File or _Folder
    durable: dict[str, Any] = field(default_factory=dict)
    pending: list[dict[str, Any]] = field(default_factory=list)  # each is done whole or not at all; None removes


#: Paths below the root to bytes; None for a folder.
Image = dict[str, bytes | None]


#: Makes the bytes of a file: of what was durable, and the writes since, with their positions; None is a cut.
Remains = Callable[[random.Random, bytes, list[tuple[int, bytes | None]]], bytes]


@dataclass(frozen=True, slots=True)
class Kind:
    """What happens to that which no sync covers."""

    name: str
    names: Callable[[random.Random, bool], bool]  # told whether it is a folder's last change
    data: Remains


def _keep(_: random.Random, durable: bytes, pending: list[tuple[int, bytes | None]]) -> bytes:
    return _apply(durable, pending)


def _drop(_: random.Random, durable: bytes, pending: list[tuple[int, bytes | None]]) -> bytes:
    return durable


def _zero(_: random.Random, durable: bytes, pending: list[tuple[int, bytes | None]]) -> bytes:
    """The size of the file went to disk, the bytes did not."""
    return _apply(durable, [(at, None if written is None else bytes(len(written))) for at, written in pending])


def _some(dice: random.Random, durable: bytes, pending: list[tuple[int, bytes | None]]) -> bytes:
    """Any of the writes went to disk."""
    return _apply(durable, [change for change in pending if dice.random() < 0.5])


def _tear(dice: random.Random, durable: bytes, pending: list[tuple[int, bytes | None]]) -> bytes:
    """Each sector is as it was at some moment since the sync; the size is that of another moment."""
    if not pending:
        return durable
    moments = [durable]
    for change in pending:
        moments.append(_apply(moments[-1], [change]))
    size = len(dice.choice(moments))
    torn = bytearray(size)
    for at in range(0, size, SECTOR_BYTES):
        _put(torn, at, dice.choice(moments)[at : min(at + SECTOR_BYTES, size)])
    return bytes(torn)


def _either(dice: random.Random, durable: bytes, pending: list[tuple[int, bytes | None]]) -> bytes:
    return dice.choice((_keep, _drop, _some, _tear))(dice, durable, pending)


def _apply(durable: bytes, changes: list[tuple[int, bytes | None]]) -> bytes:
    content = bytearray(durable)
    for position, written in changes:
        if written is None:
            del content[position:]
        else:
            _put(content, position, written)
    return bytes(content)


def _put(content: bytearray, position: int, written: bytes) -> None:
    if len(content) < position:
        content.extend(bytes(position - len(content)))
    content[position : position + len(written)] = written


KINDS = (
    Kind("everything stays", lambda _, __: True, _keep),
    Kind("nothing stays", lambda _, __: False, _drop),
    Kind("names stay", lambda _, __: True, _drop),
    Kind("the last name stays, and bytes", lambda _, is_last: is_last, _keep),
    Kind("names and sizes stay", lambda _, __: True, _zero),
    Kind("names stay, sectors are torn", lambda _, __: True, _tear),
)
ANY = Kind("anything", lambda dice, _: dice.random() < 0.5, _either)


class PowerCuts:
    """Goes through the notes of a disk, and makes the images of a cut at the note it has come to.

    Args:
        root: The folder whose images are made; it is there, durably, and empty at first.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = _Folder()
        self.marks: list[tuple[Any, ...]] = []

    def go(self, note: Note) -> None:
        """Take note of one more step."""
        if note.name == "mark":
            self.marks.append(note.details)
        elif note.path == self._root:
            if note.name == "sync_folder":
                self._sync_folder(self._top)
        else:
            getattr(self, f"_{note.name}")(note.path, *note.details)

    def image(self, kind: Kind, dice: random.Random) -> Image:
        """Return what is on the disk if the power goes now."""
        return dict(self._walk("", self._top, kind, dice))

    def _walk(
        self, prefix: str, folder: _Folder, kind: Kind, dice: random.Random
    ) -> Iterator[tuple[str, bytes | None]]:
        entries = dict(folder.durable)
        for place, change in enumerate(folder.pending, 1):
            if kind.names(dice, place == len(folder.pending)):
                entries.update(change)
        for name, entry in sorted(entries.items()):
            if isinstance(entry, _Folder):
                yield prefix + name, None
                yield from self._walk(f"{prefix}{name}/", entry, kind, dice)
            elif entry is not None:
                yield prefix + name, self._content(entry, kind, dice)

    def _content(self, file: _File, kind: Kind, dice: random.Random) -> bytes:
        return kind.data(dice, bytes(file.durable), file.pending)

    # -- steps -------------------------------------------------------------------------------------------------------

    def _find(self, path: Path) -> Any:
        entry: Any = self._top
        for name in path.relative_to(self._root).parts:
            entry = entry.live[name]
        return entry

    def _change(self, path: Path, **_: Any) -> _Folder:
        folder = self._find(path.parent)
        assert isinstance(folder, _Folder)
        return folder

    def _set(self, path: Path, entry: Any) -> None:
        folder = self._change(path)
        folder.pending.append({path.name: entry})
        if entry is None:
            folder.live.pop(path.name, None)
        else:
            folder.live[path.name] = entry

    def _make_folder(self, path: Path) -> None:
        self._set(path, _Folder())

    def _create(self, path: Path, existed: bool) -> None:
        if not existed:
            self._set(path, _File())

    def _write_at(self, path: Path, position: int, content: bytes) -> None:
        self._find(path).pending.append((position, content))

    def _truncate(self, path: Path, size_bytes: int) -> None:
        self._find(path).pending.append((size_bytes, None))

    def _rename(self, path: Path, target: Path) -> None:
        assert path.parent == target.parent, "the log renames within a folder"
        folder = self._change(path)
        entry = folder.live.pop(path.name)
        folder.live[target.name] = entry
        folder.pending.append({path.name: None, target.name: entry})

    def _remove(self, path: Path, existed: bool) -> None:
        if existed:
            self._set(path, None)

    def _remove_folder(self, path: Path) -> None:
        self._set(path, None)

    def _sync_file(self, path: Path) -> None:
        file = self._find(path)
        for position, written in file.pending:
            if written is None:
                del file.durable[position:]
            else:
                _put(file.durable, position, written)
        file.pending.clear()

    def _sync_folder(self, path: Path | _Folder) -> None:
        folder = self._find(path) if isinstance(path, Path) else path
        for change in folder.pending:
            for name, entry in change.items():
                if entry is None:
                    folder.durable.pop(name, None)
                else:
                    folder.durable[name] = entry
        folder.pending.clear()


def digest(image: Image) -> bytes:
    """Return what tells one image from another."""
    found = hashlib.blake2b(digest_size=16)
    for name, content in sorted(image.items()):
        found.update(b"%d %d %s" % (len(name), -1 if content is None else len(content), name.encode()))
        found.update(content or b"")
    return found.digest()


def write_image(image: Image, folder: Path) -> None:
    """Put an image into a folder, which is made."""
    folder.mkdir()
    for name, content in sorted(image.items()):
        path = folder / name
        if content is None:
            path.mkdir()
        else:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(descriptor, content)
            os.close(descriptor)
