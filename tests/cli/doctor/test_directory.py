from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from connect.app import inspect_log, open_cluster
from connect.cli.doctor import directory
from connect.runtime.validation.findings import Level

Usage = namedtuple("Usage", "total used free")
MOUNTS = """\
22 1 254:1 / / rw,relatime - ext4 /dev/vda rw
23 22 0:20 / /data rw - nfs4 server:/data rw
26 22 0:22 / /srv/größe rw - nfs server:/more rw
24 22 0:21 / /run rw - tmpfs tmpfs rw
25 23 254:2 / /data/local\\040disk rw shared:1 - xfs /dev/vdb rw
"""


def test_a_directory_is_there_can_be_made_or_is_in_the_way(tmp_path: Path) -> None:
    assert directory.rights(tmp_path, None, is_in_use=False).level is Level.OK
    assert "can be made" in directory.rights(tmp_path / "a" / "b", None, is_in_use=False).message
    (tmp_path / "file").write_text("")
    found = directory.rights(tmp_path / "file", None, is_in_use=False)
    assert (found.level, found.code) == (Level.ERROR, "doctor.directory")
    owned = directory.rights(tmp_path, "http://127.0.0.1:1", is_in_use=True)
    assert "which answers at http://127.0.0.1:1" in owned.message


def test_a_log_that_others_can_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "meta.properties").write_text("")
    tmp_path.chmod(0o755)
    found = directory.rights(tmp_path, None, is_in_use=False)
    assert (found.level, found.fix) == (Level.WARNING, f"chmod 700 {tmp_path}")
    tmp_path.chmod(0o700)
    assert directory.rights(tmp_path, None, is_in_use=False).level is Level.OK


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_directory_of_somebody_else_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    found = directory.rights(tmp_path / "data", None, is_in_use=False)
    tmp_path.chmod(0o700)
    assert found.level is Level.ERROR
    assert "cannot read and write it" in found.message


@pytest.mark.parametrize(
    ("path", "level", "told"),
    [
        ("/srv/data", Level.OK, "ext4"),
        ("/data/connect", Level.WARNING, "nfs4, of another machine"),
        ("/data/local disk/connect", Level.OK, "xfs"),
        ("/srv/größe/connect", Level.WARNING, "nfs, of another machine"),
        ("/run/connect", Level.WARNING, "gone with the machine"),
    ],
)
def test_a_file_system_that_does_not_keep_or_lock_is_told(path: str, level: Level, told: str) -> None:
    found = directory.file_system(Path(path), MOUNTS)
    assert found.level is level
    assert told in found.message


def test_the_file_system_is_that_of_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    mounts = f"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / {tmp_path / 'there'} rw - nfs4 b rw\n"
    assert directory.file_system(tmp_path / "link" / "data", mounts).level is Level.WARNING


@pytest.fixture
def no_root() -> Iterator[None]:
    """Be a user whom rights bind."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    yield
    if is_root:
        os.seteuid(0)


@pytest.mark.usefixtures("no_root")
def test_what_lies_below_a_folder_that_may_not_be_entered_is_not_there() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0)
        found = directory.rights(Path(folder) / "a" / "data", None, is_in_use=False)
        newest_s = directory.newest_s(Path(folder) / "a" / "data")
        Path(folder).chmod(0o700)
    assert (found.check, newest_s) == ("directory", None)
    assert os.getuid() == 0 or "cannot read and write it" in found.message, "what may be done says the real user"


@pytest.mark.parametrize(
    ("free", "level"),
    [(10 << 20, Level.ERROR), (500 << 20, Level.WARNING), (3 << 30, Level.WARNING), (50 << 30, Level.OK)],
)
def test_little_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(100 << 30, 0, free))
    assert next(iter(directory.room(tmp_path / "not" / "there"))).level is level


def test_a_slow_disk_is_told_and_nothing_is_left_on_it(tmp_path: Path) -> None:
    assert directory.speed(tmp_path, max_s=60).level is Level.OK
    slow = directory.speed(tmp_path, max_s=0)
    assert (slow.level, slow.code) == (Level.WARNING, "doctor.speed")
    assert list(tmp_path.iterdir()) == []


def test_the_newest_file_is_found_below_too(tmp_path: Path) -> None:
    assert directory.newest_s(tmp_path / "none") is None
    (tmp_path / "t-0").mkdir()
    segment = tmp_path / "t-0" / "0.log"
    segment.write_text("")
    os.utime(segment, (0, time.time() + 1000))
    newest = directory.newest_s(tmp_path)
    assert newest is not None
    assert newest > time.time() + 900


@pytest.mark.parametrize(
    ("partitions", "policy", "told"),
    [(1, "compact", None), (2, "compact", "has 2 partitions"), (1, "delete", "cleanup.policy=delete")],
)
async def test_a_topic_that_the_schema_registry_cannot_use_is_told(
    tmp_path: Path, partitions: int, policy: str, told: str | None
) -> None:
    assert list(directory.registry_topic(inspect_log(tmp_path), "_schemas")) == []  # there is no log yet
    cluster = await open_cluster(tmp_path)
    assert list(directory.registry_topic(inspect_log(tmp_path), "_schemas")) == []  # it is made as the registry starts
    await cluster.admin.create_topic("_schemas", partitions=partitions, configs={"cleanup.policy": policy})
    await cluster.aclose()
    found = list(directory.registry_topic(inspect_log(tmp_path), "_schemas"))
    assert [(one.level, one.code) for one in found] == [(Level.ERROR, "registry.topic")] * (told is not None)
    assert told is None or (told in found[0].message and "connect topic alter" in found[0].fix)
