"""Mending a data directory that a worker cannot open, or in which bytes are damaged. For a directory that nobody owns.

What can be made again is made again: `meta.properties`, the list of topics, the counter of producer ids, indexes. Bytes
that are damaged can only be cut out. Each mend is described before it is made, with what is lost by it, and what is cut
out of a segment is kept in a folder `.repaired-TIME` of the directory. Every file changes in one step, so that a mend
that is broken off can be begun again.

Source of how a hole in the offsets is filled: see `connect.log.upkeep.compaction`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from connect.api.errors import ConfigError, EnvironmentFault, LogError
from connect.codec.decode import decode_records
from connect.codec.encode import encode_gap
from connect.codec.index import RELATIVE_OFFSET_MAX
from connect.inspection import BadRange, Repair, StoredBatch
from connect.log.inspection.inspector import LogInspector
from connect.log.owner import CLEAN_SHUTDOWN_FILE, META_FILE, lock_directory, new_id
from connect.log.storage.aborted import load_aborted
from connect.log.storage.checkpoints import CLEANED, LOG_START, RECOVERY_POINT, Checkpoint
from connect.log.storage.files import Disk, Writer, disk_faults
from connect.log.storage.index import Indexes, load_times
from connect.log.storage.partition import GAPLESS_FILE
from connect.log.storage.swap import CLEANED_SUFFIX
from connect.log.topic_config import TopicConfig
from connect.log.topics import (
    CONSUMER_OFFSETS,
    PARTITION_METADATA_FILE,
    TOPICS_FILE,
    TRANSACTION_STATE,
)
from connect.log.transactions.producer_ids import PRODUCER_IDS_FILE
from connect.ports import STATE_TOPIC_CONFIGS
from connect.records import TopicPartition

_FOLDER: Final = re.compile(r"([a-zA-Z0-9._-]+)-([0-9]{1,9})")
#: What a worker calls its topics unless its config says otherwise.
_WORKERS_TOPICS: Final = ("connect-configs", "connect-offsets", "connect-status")
#: Of a topic whose configs are lost: nothing is deleted until somebody sets them again.
_KEEP_ALL: Final = {"retention.bytes": "-1", "retention.ms": "-1"}
#: What is a file in every data directory, and in a partition's folder by its suffix.
_FILES: Final = (META_FILE, TOPICS_FILE, PRODUCER_IDS_FILE, CLEAN_SHUTDOWN_FILE, LOG_START, RECOVERY_POINT, CLEANED)
_SUFFIXES: Final = (".log", ".index", ".timeindex", ".txnindex", ".snapshot")
_COPY_BYTES: Final = 1 << 20


@dataclass(slots=True)
class _Damage:
    """Damaged bytes of a segment. `next_offset` is None where nothing valid is known to follow."""

    position: int
    end_position: int
    first_offset: int
    next_offset: int | None
    reason: str


@dataclass(slots=True)
class _Topic:
    """A topic as its folders show it."""

    folders: dict[int, Path] = field(default_factory=dict)
    topic_id: str | None = None


class LogRepairer:
    """See `connect.inspection.Repairer` for the contract. A context manager: it owns the directory from `with` on.

    Raises:
        EnvironmentFault: log.in_use, or environment.data_dir where there is no log.
    """

    def __init__(self, data_dir: Path, clock: Callable[[], float] = time.time, disk: Disk | None = None) -> None:
        self._data_dir = data_dir
        self._disk = disk or Disk()
        stamp = time.strftime(".repaired-%Y%m%dT%H%M%S", time.gmtime(clock()))
        names = itertools.chain([stamp], (f"{stamp}T{number}" for number in itertools.count(1)))
        self._copies = next(path for name in names if not (path := data_dir / name).exists())
        self._lock: int | None = None

    def __enter__(self) -> LogRepairer:
        if not (self._data_dir / META_FILE).exists() and not self._topics():
            raise EnvironmentFault(
                f"{self._data_dir} holds no log",
                code="environment.data_dir",
                hint="Name the directory with --data-dir.",
            )
        self._lock = lock_directory(self._data_dir)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def examine(self, topics: Collection[str] = (), progress: Callable[[int], None] | None = None) -> list[Repair]:
        """Return what is wrong and can be mended; see the port."""
        with disk_faults("examine", self._data_dir):
            found = [
                *self._examine_places(topics),
                *self._examine_meta(),
                *self._examine_list(),
                *self._examine_producer_ids(),
            ]
            for name, topic in sorted(self._topics().items()):
                if not topics or name in topics:
                    for number, folder in sorted(topic.folders.items()):
                        found += self._examine_partition(TopicPartition(name, number), folder, progress)
        return found

    # -- what is in the way --------------------------------------------------------------------------------------------

    def _examine_places(self, topics: Collection[str]) -> Iterator[Repair]:
        """Find what is no file where a file belongs: a folder, a link that leads nowhere. Before all else is mended."""
        places = [self._data_dir / name for name in _FILES]
        for name, topic in sorted(self._topics().items()):
            if not topics or name in topics:
                for _, folder in sorted(topic.folders.items()):
                    places += sorted(path for path in folder.iterdir() if _is_place(path))
        for path in places:
            if os.path.lexists(path) and not path.is_file():
                what = "a folder" if path.is_dir() else "a link that leads nowhere" if path.is_symlink() else "no file"
                loses = "the records of that file, if you have it no more" if path.suffix == ".log" else ""
                yield Repair(
                    str(path.relative_to(self._data_dir)),
                    f"{what} is in the place of this file",
                    f"move it to {self._copies.name}",
                    loses,
                    self._mover(path),
                )

    def _mover(self, path: Path) -> Callable[[], None]:
        def move() -> None:
            with disk_faults("move", path):
                target = self._copies / path.relative_to(self._data_dir)
                self._make_folders(self._copies, target.parent)
                self._disk.rename(path, target)
                for folder in (target.parent, path.parent, self._data_dir):
                    self._disk.sync_folder(folder)

        return move

    # -- files of the directory ----------------------------------------------------------------------------------------

    def _examine_meta(self) -> Iterator[Repair]:
        path = self._data_dir / META_FILE
        try:
            lines = path.read_text("utf-8", errors="replace").splitlines()
        except (FileNotFoundError, IsADirectoryError):
            lines = []
        if not any(line.partition("=")[0].strip() == "cluster.id" and line.partition("=")[2].strip() for line in lines):
            content = f"version=1\ncluster.id={new_id()}\nnode.id=1\ndirectory.id={new_id()}\n".encode()
            yield Repair(
                META_FILE,
                "names no cluster.id",
                "write it anew with a new cluster id",
                "",
                lambda: self._replace(path, content),
            )

    def _examine_list(self) -> Iterator[Repair]:
        path = self._data_dir / TOPICS_FILE
        text, stored = "", None
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            text = path.read_text("utf-8", errors="replace")
        with contextlib.suppress(ValueError):
            stored = _whole_list(orjson.loads(text))
        listed: dict[str, Any] = dict(stored["topics"]) if stored is not None else {}
        rebuilt: dict[str, Any] = {}
        for name, topic in sorted(self._topics().items()):
            if name not in listed and (stored is None or _holds_records(topic)):
                rebuilt[name] = self._entry(name, topic, text)
        reserved = stored.get("reserved", []) if stored is not None else [n for n in _WORKERS_TOPICS if n in rebuilt]
        if stored is None or rebuilt:
            problem = (
                "is lost"
                if not text
                else "cannot be read"
                if stored is None
                else f"does not list {', '.join(rebuilt)}, of which there are records"
            )
            content = orjson.dumps(
                {"version": 1, "reserved": reserved, "topics": {**listed, **rebuilt}}, option=orjson.OPT_INDENT_2
            )
            unknown = [name for name, entry in rebuilt.items() if entry["configs"] == _KEEP_ALL]
            mend = f"list {len(rebuilt)} topic(s) by their folders"
            if unknown:
                mend += (
                    f"; the configs of {', '.join(unknown)} are not known: "
                    "they keep all records until 'connect topic alter' says otherwise"
                )
            yield Repair(TOPICS_FILE, problem, mend, "", lambda: self._replace(path, content))
        for name, entry in listed.items():
            wrong = [key for key, value in entry["configs"].items() if not _is_config(key, value)]
            if wrong and not entry.get("deleting"):
                yield Repair(
                    TOPICS_FILE,
                    f"topic {name} has configs that are not known or wrong: {', '.join(wrong)}",
                    "leave them out; the topic keeps all records until 'connect topic alter' says otherwise",
                    "",
                    self._config_dropper(name, wrong),
                )
        for name, entry in {**listed, **rebuilt}.items():
            for number in range(entry["partitions"]) if not entry.get("deleting") else ():
                folder = self._data_dir / f"{name}-{number}"
                if not folder.is_dir():
                    yield Repair(
                        folder.name,
                        "the partition's folder is gone, and its records with it",
                        "make it anew, empty",
                        "",
                        self._folder_maker(folder, entry["id"]),
                    )

    def _entry(self, name: str, topic: _Topic, text: str) -> dict[str, Any]:
        """Return the list's entry of a topic: what a damaged list still says of it, else what its folders tell."""
        count = max(topic.folders) + 1
        known = _salvaged(text, name)
        if known is not None and known["partitions"] >= count and topic.topic_id in (None, known["id"]):
            return known
        configs: Mapping[str, str] = _KEEP_ALL
        if name in (CONSUMER_OFFSETS, TRANSACTION_STATE, *_WORKERS_TOPICS):
            configs = STATE_TOPIC_CONFIGS
        elif any(folder.name in self._compacted() for folder in topic.folders.values()):
            configs = {"cleanup.policy": "compact"}
        return {"id": topic.topic_id or new_id(), "partitions": count, "configs": dict(configs)}

    def _config_dropper(self, name: str, wrong: Collection[str]) -> Callable[[], None]:
        def drop() -> None:
            path = self._data_dir / TOPICS_FILE
            stored = orjson.loads(path.read_bytes())
            configs = stored["topics"][name]["configs"]
            kept = {key: value for key, value in configs.items() if key not in wrong}
            stored["topics"][name]["configs"] = (
                {**_KEEP_ALL, **kept} if kept.get("cleanup.policy") != "compact" else kept
            )
            self._replace(path, orjson.dumps(stored, option=orjson.OPT_INDENT_2))

        return drop

    def _compacted(self) -> set[str]:
        """Return the folders of partitions that were compacted once."""
        try:
            rows = (self._data_dir / CLEANED).read_text("ascii", errors="replace").splitlines()[2:]
        except OSError:
            return set()
        return {f"{parts[0]}-{parts[1]}" for row in rows if len(parts := row.split(" ")) == 3}

    def _folder_maker(self, folder: Path, topic_id: str) -> Callable[[], None]:
        def make() -> None:
            with disk_faults("create", folder):
                self._disk.make_folder(folder)
                self._write(folder / PARTITION_METADATA_FILE, f"version: 0\ntopic_id: {topic_id}\n".encode())
                self._write(folder / GAPLESS_FILE, b"")
                self._disk.sync_folder(folder)
                self._disk.sync_folder(self._data_dir)

        return make

    def _examine_producer_ids(self) -> Iterator[Repair]:
        path = self._data_dir / PRODUCER_IDS_FILE
        try:
            following = orjson.loads(path.read_bytes())["next_producer_id"]
            if type(following) is int and following >= 0:
                return
            problem = "holds no number"
        except (FileNotFoundError, IsADirectoryError):
            if not (self._data_dir / f"{TRANSACTION_STATE}-0").is_dir():
                return
            problem = "is lost, so that ids would be given out twice"
        except (ValueError, KeyError, TypeError):
            problem = "cannot be read"

        def count() -> None:
            newest = max((batch.producer_id for batch in self._batches()), default=-1)
            # Ids of producers that never wrote are not seen; a block is what may have been given out of them.
            self._replace(path, orjson.dumps({"version": 1, "next_producer_id": newest + 10_001}))

        yield Repair(PRODUCER_IDS_FILE, problem, "count on well behind the largest id in the log", "", count)

    def _batches(self) -> Iterator[StoredBatch]:
        for name, topic in self._topics().items():
            inspector = self._inspector()
            for number in topic.folders:
                for found in inspector.dump(TopicPartition(name, number)):
                    if isinstance(found, StoredBatch):
                        yield found

    # -- partitions ----------------------------------------------------------------------------------------------------

    def _examine_partition(
        self, name: TopicPartition, folder: Path, progress: Callable[[int], None] | None
    ) -> Iterator[Repair]:
        logs = sorted(path for path in folder.glob("*.log") if path.stem.isdigit() and path.is_file())
        for path, following in itertools.zip_longest(logs, logs[1:]):
            damages = list(self._damages(name, path, None if following is None else int(following.stem)))
            for damage in damages:
                yield _told(path, damage, self._cutter(path, damages) if damage is damages[-1] else _nothing)
            if not damages:
                yield from self._examine_indexes(path)
            if progress is not None:
                progress(path.stat().st_size)

    def _damages(self, name: TopicPartition, path: Path, segment_end: int | None) -> Iterator[_Damage]:
        last: _Damage | None = None
        next_offset = int(path.stem)
        for found in self._inspector().walk(name, path, is_newest=segment_end is None):
            if isinstance(found, BadRange):
                if last is not None:
                    yield last
                last = _Damage(found.position, found.end_position, next_offset, segment_end, found.reason)
                continue
            data, header, position = found
            if last is not None:
                last.next_offset = header.base_offset
                yield last
                last = None
            try:
                decode_records(data, header)
            except LogError as error:
                yield _Damage(
                    position, position + header.size_bytes, header.base_offset, header.next_offset, error.message
                )
            next_offset = header.next_offset
        if last is not None:
            if last.next_offset is None:
                # Opening lets no offset be given out twice: what was on disk once stays taken.
                point = self._recovery_point(path.parent.name)
                last.next_offset = point if point > last.first_offset else None
            yield last

    def _recovery_point(self, partition: str) -> int:
        """Return up to which offset a partition is known to have been on disk; 0 where nothing tells."""
        path = self._data_dir / RECOVERY_POINT
        return (Checkpoint(path, self._disk).get(partition) or 0) if path.is_file() else 0

    def _examine_indexes(self, path: Path) -> Iterator[Repair]:
        size_bytes = path.stat().st_size
        checks: tuple[tuple[str, Callable[[Path], object]], ...] = (
            (".index", lambda index: Indexes.load_offsets(index, size_bytes)),
            (".timeindex", load_times),
            (".txnindex", load_aborted),
        )
        for suffix, load in checks:
            index = path.with_suffix(suffix)
            if index.is_file() and load(index) is None:
                what = f"{path.parent.name}/{index.name}"
                yield Repair(what, "the index cannot be right", "remove it; it is made again", "", self._remover(index))

    def _remover(self, path: Path) -> Callable[[], None]:
        def remove() -> None:
            with disk_faults("remove", path):
                self._disk.remove(path)

        return remove

    def _cutter(self, path: Path, damages: list[_Damage]) -> Callable[[], None]:
        def cut() -> None:
            with disk_faults("repair", path):
                self._cut(path, damages)

        return cut

    def _cut(self, path: Path, damages: list[_Damage]) -> None:
        copies = self._copies / path.parent.name
        self._make_folders(self._copies, copies)
        cleaned = path.with_suffix(".log" + CLEANED_SUFFIX)  # opening removes it after a crash
        is_gapless = (path.parent / GAPLESS_FILE).exists()
        with path.open("rb") as source, self._created(cleaned) as target:
            for damage in damages:
                _copy(source, target, damage.position)
                with self._created(copies / f"{path.name}.{damage.position}-{damage.end_position}") as copy:
                    _copy(source, copy, damage.end_position)
                if is_gapless and damage.next_offset is not None:
                    _fill(target, damage.first_offset, damage.next_offset)
            _copy(source, target, path.stat().st_size)
        for folder in (copies, self._copies, self._data_dir):
            self._disk.sync_folder(folder)
        # Opened next, the log has to look at every tail, and makes the producers' states again from what is there.
        self._disk.remove(self._data_dir / CLEAN_SHUTDOWN_FILE)
        self._disk.sync_folder(self._data_dir)
        for snapshot in path.parent.glob("*.snapshot"):
            if snapshot.stem.isdigit() and int(snapshot.stem) > damages[0].first_offset:
                self._disk.remove(snapshot)
        for suffix in (".index", ".timeindex"):
            self._disk.remove(path.with_suffix(suffix))
        self._disk.rename(cleaned, path)
        self._disk.sync_folder(path.parent)

    def _make_folders(self, *folders: Path) -> None:
        for folder in folders:
            if not folder.is_dir():
                self._disk.make_folder(folder)

    @contextlib.contextmanager
    def _created(self, path: Path) -> Iterator[Writer]:
        """A file that is written anew, whose bytes are on disk at the end."""
        self._disk.write(path, b"")
        with self._disk.writer(path) as writer:
            yield writer
        self._disk.sync_file(path)

    def _write(self, path: Path, content: bytes) -> None:
        with self._created(path) as file:
            file.write(content)

    # -- finding -------------------------------------------------------------------------------------------------------

    def _topics(self) -> dict[str, _Topic]:
        """Return the topics by the folders of their partitions."""
        found: dict[str, _Topic] = defaultdict(_Topic)
        if not self._data_dir.is_dir():
            return {}
        for folder in self._data_dir.iterdir():
            named = _FOLDER.fullmatch(folder.name)
            if named is None or not folder.is_dir() or folder.is_symlink():
                continue
            metadata = folder / PARTITION_METADATA_FILE
            if metadata.exists() or any(path.stem.isdigit() for path in folder.glob("*.log")):
                topic = found[named[1]]
                topic.folders[int(named[2])] = folder
                topic.topic_id = topic.topic_id or _topic_id(metadata)
        return dict(found)

    def _inspector(self) -> LogInspector:
        partitions = [TopicPartition(name, n) for name, topic in self._topics().items() for n in topic.folders]
        return LogInspector(self._data_dir, partitions)

    def _replace(self, path: Path, content: bytes) -> None:
        with disk_faults("write", path):
            if path.exists():
                self._make_folders(self._copies)
                if not (self._copies / path.name).exists():  # the first is the one that was found
                    self._write(self._copies / path.name, path.read_bytes())
                    self._disk.sync_folder(self._copies)
                    self._disk.sync_folder(self._data_dir)
            self._disk.replace(path, content)


def _told(path: Path, damage: _Damage, action: Callable[[], None]) -> Repair:
    size_bytes = damage.end_position - damage.position
    what = f"{path.parent.name}/{path.name}"
    problem = f"bytes {damage.position} to {damage.end_position}: {damage.reason}"
    if damage.next_offset is None:
        return Repair(
            what,
            problem,
            f"cut off the last {size_bytes} bytes; offset {damage.first_offset} is given out next",
            f"{size_bytes} bytes: every record from offset {damage.first_offset} on",
            action,
        )
    count = damage.next_offset - damage.first_offset
    if not count:
        return Repair(
            what, problem, f"cut these {size_bytes} bytes out", f"{size_bytes} bytes, which stand for no offset", action
        )
    return Repair(
        what,
        problem,
        f"cut these {size_bytes} bytes out",
        f"{count} record(s): offsets {damage.first_offset} to {damage.next_offset - 1}",
        action,
    )


def _nothing() -> None:
    """The segment's last damage cuts out all of them."""


def _whole_list(stored: Any) -> dict[str, Any]:
    """Check a list of topics. Raises `ValueError`: It cannot be used."""
    if not isinstance(stored, dict) or not isinstance(stored.get("topics"), dict):
        raise ValueError("no list of topics")
    if not all(_is_entry(entry) for entry in stored["topics"].values()):
        raise ValueError("an entry is damaged")
    return stored


def _is_place(path: Path) -> bool:
    """Whether a file of the log belongs where this is."""
    return path.name in (GAPLESS_FILE, PARTITION_METADATA_FILE) or (path.suffix in _SUFFIXES and path.stem.isdigit())


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("id"), str)
        and type(entry.get("partitions")) is int
        and isinstance(entry.get("configs"), dict)
        and all(isinstance(value, str) for value in entry["configs"].values())
    )


def _is_config(key: str, value: str) -> bool:
    try:
        TopicConfig.parse({key: value})
    except ConfigError:
        return False
    return True


def _salvaged(text: str, name: str) -> dict[str, Any] | None:
    """Return what a damaged list still says of a topic, None where that is not whole."""
    for found in re.finditer(re.escape(json.dumps(name)) + r"\s*:\s*", text):
        with contextlib.suppress(ValueError, RecursionError):
            entry, _ = json.JSONDecoder().raw_decode(text, found.end())
            if (
                _is_entry(entry)
                and not entry.get("deleting")
                and all(map(_is_config, entry["configs"], entry["configs"].values()))
            ):
                return {key: entry[key] for key in ("id", "partitions", "configs")}
    return None


def _holds_records(topic: _Topic) -> bool:
    return any(
        path.is_file() and path.stat().st_size for folder in topic.folders.values() for path in folder.glob("*.log")
    )


def _topic_id(metadata: Path) -> str | None:
    with contextlib.suppress(OSError):
        found = re.search(r"^topic_id:\s*(\S+)", metadata.read_text("utf-8", errors="replace"), re.MULTILINE)
        return found[1] if found else None
    return None


def _copy(source: BinaryIO, target: Writer, end: int) -> None:
    """Copy from where the source stands up to a position of it."""
    while piece := source.read(min(_COPY_BYTES, end - source.tell())):
        target.write(piece)


def _fill(target: Writer, first: int, end: int) -> None:
    """Let batches without records stand for the offsets from `first` up to `end`."""
    while first < end:
        last = min(end - 1, first + RELATIVE_OFFSET_MAX)
        target.write(encode_gap(first, last))
        first = last + 1
