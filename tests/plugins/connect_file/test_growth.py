"""That the system tells when a file changes, to whom, and what is believed of it."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from connect_file.growth import Watch, _kind_of_mount, is_local

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

SOON_S = 10.0


@pytest.fixture
def file(tmp_path: Path):
    with (tmp_path / "in.txt").open("a+b", buffering=0) as opened:
        yield opened


@pytest.fixture
def watches():
    made: list[Watch] = []
    yield made
    for watch in made:
        watch.close()


def watching(watches: list[Watch], file) -> threading.Event:
    woken = threading.Event()
    watches.append(Watch(woken.set))
    assert watches[-1].set(file.fileno())
    return woken


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"more than before"),
        lambda path: os.truncate(path, 1),
        lambda path: path.rename(path.with_name("in.txt.1")),
        lambda path: path.unlink(),
        lambda path: path.with_name("new").rename(path),
    ],
    ids=["written to", "cut", "moved", "deleted", "replaced"],
)
def test_a_change_of_the_file_wakes(tmp_path, file, watches, change):
    file.write(b"before")
    (tmp_path / "new").touch()
    woken = watching(watches, file)
    change(tmp_path / "in.txt")
    assert woken.wait(SOON_S)


def test_a_watch_wakes_once_until_it_is_set_again(file, watches):
    count = 0
    woken = threading.Semaphore(0)

    def wake():
        nonlocal count
        count += 1
        woken.release()

    watches.append(Watch(wake))
    watches[0].set(file.fileno())
    file.write(b"one")
    assert woken.acquire(timeout=SOON_S)
    file.write(b"two")
    other = watching(watches, file)  # hears of what comes now, behind everything that came before
    file.write(b"three")
    assert other.wait(SOON_S)
    assert count == 1
    watches[0].set(file.fileno())
    file.write(b"four")
    assert woken.acquire(timeout=SOON_S)


def test_two_watches_of_one_file_are_both_woken(file, watches):
    first, second = watching(watches, file), watching(watches, file)
    file.write(b"one")
    assert first.wait(SOON_S)
    assert second.wait(SOON_S)


def test_a_watch_that_was_closed_wakes_nobody_and_leaves_the_others_theirs(file, watches):
    gone, stays = watching(watches, file), watching(watches, file)
    watches.pop(0).close()
    file.write(b"one")
    assert stays.wait(SOON_S)
    assert not gone.is_set()


def test_the_last_watch_ends_the_thread_and_closes_what_it_opened(file):
    threads, descriptors = threading.active_count(), open_files()
    watches = [Watch(lambda: None), Watch(lambda: None)]
    for watch in watches:
        watch.set(file.fileno())
    assert threading.active_count() == threads + 1
    for watch in watches:
        watch.close()
    assert threading.active_count() == threads
    assert open_files() == descriptors


@pytest.mark.parametrize(
    "comes",
    [lambda path: path.touch(), lambda path: path.with_name("in.txt").rename(path), lambda path: path.mkdir()],
    ids=["made", "moved here", "a folder"],
)
def test_a_name_that_comes_into_a_folder_wakes(tmp_path, file, watches, comes):
    woken = threading.Event()
    watches.append(Watch(woken.set))
    assert watches[-1].set_folder(str(tmp_path))
    file.write(b"what grows in it is nothing new")
    assert not woken.wait(0.05)
    comes(tmp_path / "new.txt")
    assert woken.wait(SOON_S)


def test_a_folder_that_is_not_there_is_left_to_polls(tmp_path, file, watches):
    watches.append(Watch(lambda: None))
    assert not watches[-1].set_folder(str(tmp_path / "gone"))
    assert not watches[-1].set_folder(str(tmp_path / "in.txt"))


def test_a_closed_watch_is_not_set_again(file):
    watch = Watch(lambda: None)
    watch.close()
    assert not watch.set(file.fileno())


def test_what_the_system_refuses_to_watch_is_left_to_polls(file, watches):
    watches.append(Watch(lambda: None))
    assert not watches[0].set(1_000_000)  # no such descriptor


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/in.txt", "ext4"),
        ("/mnt/share/in.txt", "nfs4"),
        ("/mnt/shared/in.txt", "ext4"),
        ("/mnt/two words/in.txt", "cifs"),
        ("/over/in.txt", "tmpfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_and_last_mount(path, kind):
    mounts = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:25 / /mnt/share rw shared:1 master:2 - nfs4 host:/share rw
31 27 0:26 / /mnt/two\\040words rw - cifs //host/share rw
32 27 0:27 / /over rw - fuse.sshfs host rw
33 27 0:28 / /over rw - tmpfs tmpfs rw
"""
    assert _kind_of_mount(path, mounts) == kind


def test_a_file_that_a_link_leads_to_may_change_without_a_word(tmp_path):
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    assert not is_local(str(tmp_path / "link"))


def test_where_the_library_is_not_installed_a_file_is_left_to_polls(file, watches, monkeypatch):
    monkeypatch.setitem(sys.modules, "inotify_simple", None)
    watches.append(Watch(lambda: None))
    assert not watches[0].set(file.fileno())


def test_the_last_to_let_go_waits_for_no_process_that_was_forked_meanwhile(file, watches):
    watching(watches, file)
    child = os.fork()
    if not child:  # no line of Python's own: other threads held who knows what
        signal.pause()
        os._exit(0)
    try:
        closing = threading.Thread(target=watches[0].close, daemon=True)
        closing.start()
        closing.join(SOON_S)
        assert not closing.is_alive()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
