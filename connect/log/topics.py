"""Topics: which there are, in one file that is replaced in one step, and their partitions' directories.

A topic exists when `connect-topics.json` lists it. Creating makes the directories under names of its own, gives them
their names, and lists last; deleting marks first, then renames the directories out of the way, unlists, and removes. So
a crash at any point leaves a topic that is whole or, once `load` has cleared up, gone. What is cleared up is only what
such a creation or deletion can have left: whatever else is in the directory is never touched, and a creation that
meets it is refused.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from connect.api.errors import (
    ConfigError,
    ConflictError,
    EnvironmentFault,
    InternalTopicError,
    UnknownTopicOrPartitionError,
)
from connect.log.owner import new_id
from connect.log.storage.checkpoints import CLEANED, LOG_START, RECOVERY_POINT, Checkpoint
from connect.log.storage.files import Disk, disk_faults
from connect.log.storage.open_files import OpenFiles
from connect.log.storage.partition import GAPLESS_FILE, Partition
from connect.log.topic_config import TopicConfig, as_stored, check_key, check_topic_name, describe_configs
from connect.ports import PartitionInfo, TopicConfigEntry, TopicInfo
from connect.topic_names import is_closed

log = logging.getLogger(__name__)

TOPICS_FILE: Final = "connect-topics.json"
PARTITION_METADATA_FILE: Final = "partition.metadata"
CONSUMER_OFFSETS: Final = "__consumer_offsets"
TRANSACTION_STATE: Final = "__transaction_state"
#: What the log lives by.
_STATE_TOPICS: Final = frozenset((CONSUMER_OFFSETS, TRANSACTION_STATE))
#: Ends the names of directories whose topic is deleted, as in Kafka; and of those that are being made.
_DELETED_SUFFIX: Final = "-delete"
_CREATED_SUFFIX: Final = "-create"
#: What such a directory is called: topic, partition, topic id.
_PASSING_NAME: Final = re.compile(r".+-\d+\.[A-Za-z0-9_-]{22}-(delete|create)")
#: Made in one request at most, as in Kafka: each has a directory of its own.
PARTITIONS_MADE_MAX: Final = 10_000
TOPIC_EXISTS: Final = "log.topic_exists"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and its partitions."""

    name: str
    topic_id: str
    configs: Mapping[str, str]
    config: TopicConfig
    partitions: tuple[Partition, ...]

    @property
    def is_internal(self) -> bool:
        """True for topics that are closed to clients' records by their names."""
        return is_closed(self.name)

    def partition(self, number: int) -> Partition:
        """Return a partition.

        Raises:
            UnknownTopicOrPartitionError: The topic has no such partition.
        """
        if not 0 <= number < len(self.partitions):
            raise UnknownTopicOrPartitionError(
                f"topic {self.name!r} has no partition {number}: it has {len(self.partitions)}, numbered from 0"
            )
        return self.partitions[number]

    def describe(self) -> TopicInfo:
        """Return what is known; opens the partitions."""
        infos = tuple(
            PartitionInfo(
                number, p.log_start_offset, p.open().log_end_offset, p.segment_count, p.size_bytes, p.last_stable_offset
            )
            for number, p in enumerate(self.partitions)
        )
        return TopicInfo(self.name, self.topic_id, infos, dict(self.configs), self.is_internal)


class Topics:
    """All topics of a data directory. Looking is for any thread; what blocks is for the log's threads.

    Attributes:
        version: Rises with each change of the set, so that consumers see cheaply whether to look again.
    """

    def __init__(
        self, disk: Disk, directory: Path, defaults: Mapping[str, str], files: OpenFiles, *, was_clean: bool
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._defaults = dict(defaults)
        self._files = files
        self._was_clean = was_clean
        self._lock = threading.Lock()
        self._topics: dict[str, Topic] = {}
        self._deleting: dict[str, dict[str, Any]] = {}
        self._reserved: frozenset[str] = frozenset()
        self._starts = Checkpoint(directory / LOG_START, disk)
        self._points = Checkpoint(directory / RECOVERY_POINT, disk)
        #: Up to which offset each partition was compacted.
        self.cleaned = Checkpoint(directory / CLEANED, disk)
        self.version = 0

    def __iter__(self) -> Iterator[Topic]:
        return iter(list(self._topics.values()))

    def find(self, name: str) -> Topic | None:
        """Return a topic, None when there is none."""
        return self._topics.get(name)

    def get(self, name: str) -> Topic:
        """Return a topic.

        Raises:
            UnknownTopicOrPartitionError: Names the nearest topic.
        """
        topic = self._topics.get(name)
        if topic is None:
            nearest = difflib.get_close_matches(name, self._topics, n=1)
            meant = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise UnknownTopicOrPartitionError(f"there is no topic {name!r}{meant}")
        return topic

    def is_internal(self, name: str) -> bool:
        """Tell whether a name, of a topic or of none, is closed to clients' records."""
        return is_closed(name) or name in self._reserved

    def holds_state(self, name: str) -> bool:
        """Tell whether the log, or the worker that reserved the name, lives by what the topic holds."""
        return name in _STATE_TOPICS or name in self._reserved

    def reserve(self, names: frozenset[str]) -> None:
        """Set the names that a worker keeps its state under; they stay reserved until others are."""
        with self._lock:
            if names != self._reserved:
                before, self._reserved = self._reserved, names
                try:
                    with disk_faults("write", self._directory / TOPICS_FILE):
                        self._save()
                except BaseException:
                    self._reserved = before
                    raise

    def load(self) -> None:
        """Read the list, finish deletions and clear away what a crash left of a creation."""
        path = self._directory / TOPICS_FILE
        if path.exists():
            try:
                stored = orjson.loads(path.read_bytes())
                self._reserved = frozenset(map(str, stored.get("reserved", ())))
                for name, entry in stored["topics"].items():
                    if entry.get("deleting"):
                        self._deleting[name] = entry
                    else:
                        configs = as_stored(entry["configs"])
                        self._topics[name] = self._make(name, entry["id"], entry["partitions"], configs)
            except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
                raise EnvironmentFault(
                    f"cannot read {path}, the list of topics: {error}",
                    code="environment.data_dir",
                    hint=f"Run 'connect log repair --data-dir {self._directory}', "
                    "which makes the list again from the partitions' folders.",
                ) from error
        elif not self._holds_partitions():
            self._save()  # from now on its absence means that it was lost
        for name in list(self._deleting):
            self._remove(name)
        self._clear_leftovers()
        if not self._was_clean:
            for topic in self:
                for partition in topic.partitions:
                    self._mend_metadata(topic.topic_id, partition)
                    partition.open()

    def create(self, name: str, partitions: int, configs: Mapping[str, str]) -> Topic:
        """Create a topic; see `Admin.create_topic`."""
        check_topic_name(name)
        if isinstance(partitions, bool) or not isinstance(partitions, int) or partitions < 1:
            raise ConfigError(f"topic {name!r} cannot have {partitions!r} partitions", code="log.invalid_partitions")
        _check_count(name, partitions)
        self._check_policy(name, TopicConfig.parse({**self._defaults, **configs}))
        with self._lock:
            if name in self._topics:
                raise ConflictError(f"topic {name!r} exists already", code=TOPIC_EXISTS)
            self._check_collision(name)
            topic = self._make(name, new_id(), partitions, configs)
            with disk_faults("create", self._directory / name):
                if name in self._deleting:
                    self._delete_on(name)
                self._make_directories(topic.topic_id, topic.partitions)
                self._list_made(topic, topic.partitions, before=None)
            self.version += 1
            return topic

    def alter(self, name: str, configs: Mapping[str, str | None]) -> Topic:
        """Change some of a topic's configs; see `Admin.alter_topic`."""
        for key in configs:
            check_key(key)
        with self._lock:
            topic = self.get(name)
            changed = {**topic.configs, **configs}
            kept = {key: value for key, value in changed.items() if value is not None}
            config = TopicConfig.parse({**self._defaults, **kept})
            self._check_policy(name, config)
            altered = replace(topic, configs=kept, config=config)
            self._replace(altered)
            for partition in topic.partitions:
                partition.config = config
            return altered

    def add_partitions(self, name: str, total: int) -> Topic:
        """Raise a topic's number of partitions; see `Admin.add_partitions`."""
        with self._lock:
            topic = self.get(name)
            if self.holds_state(name):
                # A key's records would lie in two partitions, and the older one might be read last.
                raise InternalTopicError(f"topic {name!r} holds state: it gets no more partitions")
            count = len(topic.partitions)
            if isinstance(total, bool) or not isinstance(total, int) or total <= count:
                message = (
                    f"topic {name!r} has {count} partition(s); "
                    f"{total!r} is not more, and partitions cannot be taken away"
                )
                raise ConfigError(
                    message, code="log.invalid_partitions", hint=f"Give a whole number of more than {count}."
                )
            _check_count(name, total - count)
            added = tuple(self._partition(name, number, topic.config) for number in range(count, total))
            grown = replace(topic, partitions=topic.partitions + added)
            with disk_faults("create", self._directory / name):
                self._make_directories(grown.topic_id, added)
                self._list_made(grown, added, before=topic)
            self.version += 1
            return grown

    def describe_configs(self, name: str) -> tuple[TopicConfigEntry, ...]:
        """Return every config of a topic as it is in force."""
        return describe_configs(self.get(name).configs, self._defaults)

    def _replace(self, topic: Topic) -> None:
        before = self._topics[topic.name]
        self._topics[topic.name] = topic
        try:
            with disk_faults("write", self._directory / TOPICS_FILE):
                self._save()
        except BaseException:
            self._topics[topic.name] = before
            raise

    def delete(self, name: str) -> None:
        """Delete a topic; see `Admin.delete_topic`. Where the disk refused the last part of it, this goes on."""
        with self._lock, disk_faults("delete", self._directory / name):
            if name in self._deleting:
                self._delete_on(name)
                return
            topic = self.get(name)
            self._deleting[name] = entry = _entry(topic)
            try:
                self._save()
            except BaseException:
                del self._deleting[name]
                if not self._is_list_unchanged():
                    self._deleting[name] = entry
                    self._end(topic)  # the next opening may remove it, so it takes nothing until then
                raise
            self._end(topic)
            self._remove(name)

    def _end(self, topic: Topic) -> None:
        del self._topics[topic.name]
        self.version += 1
        for partition in topic.partitions:
            partition.delete()

    def _delete_on(self, name: str) -> None:
        """Go on with a deletion that the disk broke off: its folders, and its mark, must not meet a new topic."""
        self._save()
        self._remove(name)

    def partitions(self) -> list[Partition]:
        """Return all partitions of all topics."""
        return [partition for topic in self for partition in topic.partitions]

    def save_recovery_points(self) -> None:
        """Note up to where each partition is on disk, so that a later opening knows what must be there.

        Raises:
            EnvironmentFault: environment.disk.
        """
        points = {part.name: point for part in self.partitions() if (point := part.recovery_point) is not None}
        with self._lock:  # a topic that is deleted meanwhile has no points
            listed = {part.name for part in self.partitions()}
            self._points.set_all({name: point for name, point in points.items() if name in listed})

    def _check_policy(self, name: str, config: TopicConfig) -> None:
        if self.holds_state(name) and (config.is_deleted or not config.is_compacted):
            message = (
                f"topic {name!r} holds state, which retention would delete: "
                "its cleanup.policy is compact and nothing else"
            )
            raise ConfigError(message, config_path="cleanup.policy")

    def _check_collision(self, name: str) -> None:
        # Kafka's rule: metrics write '.' as '_', so two such topics could not be told apart.
        for other in self._topics:
            if other.replace(".", "_") == name.replace(".", "_"):
                message = f"topic name {name!r} collides with topic {other!r}: '.' and '_' count as one character"
                raise ConfigError(message, code="log.invalid_topic")

    def _make(self, name: str, topic_id: str, partitions: int, configs: Mapping[str, str]) -> Topic:
        config = TopicConfig.parse({**self._defaults, **configs})
        parts = tuple(self._partition(name, number, config) for number in range(partitions))
        return Topic(name, topic_id, dict(configs), config, parts)

    def _partition(self, topic: str, number: int, config: TopicConfig) -> Partition:
        directory = self._directory / f"{topic}-{number}"
        return Partition(
            self._disk, directory, config, self._files, self._starts, self._points, was_clean=self._was_clean
        )

    def _make_directories(self, topic_id: str, partitions: Sequence[Partition]) -> None:
        """Make the directories of new partitions, all or none. One that is there already is in the way.

        Raises:
            ConflictError: log.folder_exists; it is as it was.
        """
        for partition in partitions:
            if os.path.lexists(partition.directory):
                raise ConflictError(
                    f"topic {partition.name.rpartition('-')[0]!r} cannot be made: "
                    f"{str(partition.directory)!r} is there "
                    f"already, and belongs to no topic that is listed",
                    code="log.folder_exists",
                )
        made: list[Path] = []
        try:
            for partition in partitions:
                fresh = partition.directory.with_name(_passing_name(partition.name, topic_id, _CREATED_SUFFIX))
                self._disk.make_folder(fresh)
                made.append(fresh)
                self._disk.write(fresh / PARTITION_METADATA_FILE, _metadata(topic_id))
                self._disk.create(fresh / GAPLESS_FILE)
                self._disk.sync_folder(fresh)
            for place, partition in enumerate(partitions):
                self._disk.rename(made[place], partition.directory)
                made[place] = partition.directory
            self._disk.sync_folder(self._directory)
        except BaseException:
            for directory in made:
                self._disk.remove_tree(directory)
            raise

    def _list_made(self, topic: Topic, made: Sequence[Partition], *, before: Topic | None) -> None:
        """List a topic whose directories were just made; where that fails, remove those again."""
        self._topics[topic.name] = topic
        try:
            self._save()
        except BaseException:
            del self._topics[topic.name]
            if before is not None:
                self._topics[topic.name] = before
            self._unmake(made)
            raise

    def _unmake(self, made: Sequence[Partition]) -> None:
        for partition in made if self._is_list_unchanged() else ():
            self._disk.remove_tree(partition.directory)

    def _is_list_unchanged(self) -> bool:
        """Tell, after a write of the list failed and memory is as before, whether the next opening finds that list."""
        path = self._directory / TOPICS_FILE
        if (path.read_bytes() if path.exists() else b"") == self._listing():
            return True
        # The new list has its name, which was not synced: whichever the next opening finds must hold.
        with contextlib.suppress(OSError):
            self._save()
            return True
        return False

    def _mend_metadata(self, topic_id: str, partition: Partition) -> None:
        """Write a topic's id again where a loss of power took it: only the name of the file was synced."""
        path = partition.directory / PARTITION_METADATA_FILE
        with disk_faults("write", path):
            if path.exists() and path.stat().st_size < len(_metadata(topic_id)):
                self._disk.replace(path, _metadata(topic_id))

    def _save(self) -> None:
        self._disk.replace(self._directory / TOPICS_FILE, self._listing())

    def _listing(self) -> bytes:
        topics = {topic.name: _entry(topic) for topic in self}
        topics |= {name: {**entry, "deleting": True} for name, entry in self._deleting.items()}
        stored = {"version": 1, "reserved": sorted(self._reserved), "topics": topics}
        return orjson.dumps(stored, option=orjson.OPT_INDENT_2)

    def _remove(self, name: str) -> None:
        entry = self._deleting[name]
        for number in range(entry["partitions"]):
            directory = self._directory / f"{name}-{number}"
            if directory.exists():
                self._disk.rename(
                    directory, directory.with_name(_passing_name(directory.name, entry["id"], _DELETED_SUFFIX))
                )
        self._disk.sync_folder(self._directory)
        self._starts.forget(name)
        self._points.forget(name)
        self.cleaned.forget(name)
        del self._deleting[name]
        try:
            self._save()
        except BaseException:
            self._deleting[name] = entry
            raise
        for directory in self._directory.glob(f"*.{entry['id']}{_DELETED_SUFFIX}"):
            self._disk.remove_tree(directory)

    def _holds_partitions(self) -> bool:
        return any((directory / PARTITION_METADATA_FILE).exists() for directory in self._directory.iterdir())

    def _clear_leftovers(self) -> None:
        """Remove what a broken-off deletion or creation left, and nothing else."""
        known = {partition.directory.name for partition in self.partitions()}
        is_listed = (self._directory / TOPICS_FILE).exists()
        for directory in sorted(self._directory.iterdir()):
            if directory.name in known or not directory.is_dir():
                continue
            if _PASSING_NAME.fullmatch(directory.name) or (is_listed and _is_just_made(directory)):
                self._disk.remove_tree(directory)
            elif (directory / PARTITION_METADATA_FILE).exists():
                log.warning(
                    "%s holds records of a topic that is not listed in %s; left alone. Bring it back with 'connect log"
                    " repair', or move it away",
                    directory,
                    TOPICS_FILE,
                )


def _check_count(name: str, made: int) -> None:
    """Refuse to make more partitions than one request may.

    Raises:
        ConfigError: log.invalid_partitions.
    """
    if made > PARTITIONS_MADE_MAX:
        raise ConfigError(
            f"{made} partitions of topic {name!r} are too many: at most {PARTITIONS_MADE_MAX} are made in one request",
            code="log.invalid_partitions",
            hint="Give a smaller number.",
        )


def _is_just_made(directory: Path) -> bool:
    """Tell whether a partition's directory is as creation leaves it: nothing was ever appended."""
    return {path.name for path in directory.iterdir()} == {PARTITION_METADATA_FILE, GAPLESS_FILE}


def _passing_name(partition: str, topic_id: str, suffix: str) -> str:
    """Name a partition's directory while it is made or removed.

    A file name takes 255 bytes, so a long topic is cut; the id tells topics apart.
    """
    topic, _, number = partition.rpartition("-")
    return f"{topic[:200]}-{number}.{topic_id}{suffix}"


def _metadata(topic_id: str) -> bytes:
    return f"version: 0\ntopic_id: {topic_id}\n".encode()


def _entry(topic: Topic) -> dict[str, Any]:
    return {"id": topic.topic_id, "partitions": len(topic.partitions), "configs": dict(topic.configs)}
