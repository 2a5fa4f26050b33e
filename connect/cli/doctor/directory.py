"""Checks of the worker's directory: its rights, its file system, its room, and how fast it is."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connect.api import EnvironmentFault
from connect.runtime.validation.findings import Finding, Level

if TYPE_CHECKING:
    from connect.inspection import Inspector

ROOM_MIN_BYTES: Final = 1 << 30
_ROOM_FATAL_BYTES: Final = 100 << 20
_FREE_MIN: Final = 0.05
FSYNC_MAX_S: Final = 0.05
_FSYNCS: Final = 15
#: Of other machines: their locks and fsync may not hold what they promise.
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "ceph", "glusterfs", "afs"})
#: How the kernel writes blanks, line ends and backslashes in its list of mounts.
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
#: Gone with the machine, or with the container.
_FLEETING: Final = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})


def newest_s(path: Path) -> float | None:
    """Return when the newest file of a directory was written, in seconds since the epoch; None without files."""
    times = []
    for folder in (path, *_entries(path)):  # of what is no folder there are none
        for entry in _entries(folder):
            with suppress(OSError):  # it went meanwhile: a log removes files
                times.append(entry.stat().st_mtime)
    return max(times, default=None)


def _entries(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:  # what cannot be read is told of by `rights`
        return []


def _nearest(path: Path) -> Path:
    """Return a path, or the nearest one above it that is there."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if os.path.exists(each))  # noqa: PTH110 - raises nothing


def rights(path: Path, owner_url: str | None, *, is_in_use: bool) -> Finding:
    """Look whether the worker can use its directory, or make it."""
    where = path.absolute()
    if is_in_use:
        answers = f"which answers at {owner_url}" if owner_url else "or a command, has it open"
        return Finding("directory", Level.OK, f"{where}: a worker, {answers}")
    place = _nearest(where)
    if place == where and not where.is_dir():
        fix = "Give data.dir a directory, or a path where there is none yet."
        return Finding("directory", Level.ERROR, f"{where} is no directory", "doctor.directory", fix)
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        owner = place.stat().st_uid
        message = f"{place} belongs to user {owner}, and user {os.geteuid()} cannot read and write it"
        fix = f"Give it to the worker's user: chown -R {os.geteuid()} {place}; or give data.dir another directory."
        return Finding("directory", Level.ERROR, message, "doctor.directory", fix)
    if place != where:
        return Finding("directory", Level.OK, f"{where} is not there yet, and can be made")
    if place.stat().st_mode & 0o077 and any((place / name).exists() for name in ("worker.json", "meta.properties")):
        message = f"{where} can be read by other users, and holds records and configs"
        return Finding("directory", Level.WARNING, message, "doctor.directory", f"chmod 700 {where}")
    return Finding("directory", Level.OK, str(where))


def file_system(path: Path, mounts: str | None = None) -> Finding:
    """Look what kind of file system the directory is on.

    Args:
        mounts: The kernel's list of mounts, as `/proc/self/mountinfo` has it.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text()
        except OSError:  # no Linux
            return Finding("file system", Level.SKIPPED, "there is no list of mounts to look at")
    # Links are followed: of which disk it is says where they lead.
    where, best, kind = path.resolve(), Path(), "unknown"
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = Path(_ESCAPED.sub(lambda found: chr(int(found[1], 8)), left.split()[4]))
        if where.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, right.split()[0]
    if kind in _REMOTE:
        message = f"{where} is on {kind}, of another machine: its locks and fsync may not hold"
        fix = "Give data.dir a local disk; or keep records in Kafka (bootstrap.servers)."
        return Finding("file system", Level.WARNING, message, "doctor.file_system", fix)
    if kind in _FLEETING:
        message = f"{where} is on {kind}, which is gone with the machine or the container"
        fix = "Give data.dir a disk or a volume that stays."
        return Finding("file system", Level.WARNING, message, "doctor.file_system", fix)
    return Finding("file system", Level.OK, kind)


def room(path: Path) -> Iterator[Finding]:
    """Look how much room there is."""
    place = _nearest(path)
    total, _, free = shutil.disk_usage(place)
    told = f"{free / (1 << 30):,.1f} GiB of {total / (1 << 30):,.1f} GiB are free"
    fix = "Make room, take a larger disk, or let topics keep less (log.retention.ms, log.retention.bytes)."
    if free < _ROOM_FATAL_BYTES:
        yield Finding("room", Level.ERROR, told, "doctor.room", fix)
    elif free < ROOM_MIN_BYTES or free < _FREE_MIN * total:
        yield Finding("room", Level.WARNING, told, "doctor.room", fix)
    else:
        yield Finding("room", Level.OK, told)
    stat = os.statvfs(place)
    if stat.f_files and stat.f_favail < _FREE_MIN * stat.f_files:
        message = f"{stat.f_favail:,} of {stat.f_files:,} files (inodes) are free"
        yield Finding("room", Level.WARNING, message, "doctor.room", "Remove files that nobody needs.")


def speed(path: Path, *, max_s: float = FSYNC_MAX_S) -> Finding:
    """Write some KiB and have them put on the disk, in a file that is removed."""
    place = _nearest(path)
    times = []
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            for _ in range(_FSYNCS):
                began = time.perf_counter()
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
                times.append(time.perf_counter() - began)
    except OSError as error:
        message = f"nothing can be written below {place}: {error.strerror}"
        return Finding("speed", Level.ERROR, message, "doctor.speed", "Look at the directory's rights and room.")
    told = f"fsync of 4 KiB takes {statistics.median(times) * 1000:.1f} ms, {max(times) * 1000:.1f} ms at most"
    if statistics.median(times) > max_s:
        fix = "Take a faster disk: each commit, and each record with acks=durable, waits for it."
        return Finding("speed", Level.WARNING, told, "doctor.speed", fix)
    return Finding("speed", Level.OK, told)


def registry_topic(inspector: Inspector, topic: str) -> Iterator[Finding]:
    """Look whether the topic of the schema registry, of a bundled log, is what it must be; it is made where it is
    missing."""
    from connect.registry.topic import topic_fault

    try:
        partitions = sum(one.topic == topic for one in inspector.partitions())
        policy = inspector.configs(topic).get("cleanup.policy", "delete")
    except EnvironmentFault:  # there is no log yet, or none for this user, which `rights` tells
        return
    if partitions and (why := topic_fault(topic, partitions, policy)) is not None:
        yield unfit(why)


def unfit(why: str) -> Finding:
    """Return what is told of a topic that the schema registry cannot use."""
    from connect.api.error_codes import CODES
    from connect.registry.errors import TOPIC_UNFIT

    return Finding("schema registry", Level.ERROR, why, TOPIC_UNFIT, CODES[TOPIC_UNFIT].hint)
