from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from connect.api import Config, ConfigError, InvalidConfigError, config_key, files, open_path, read_file
from connect.api.files import NOT_ALLOWED, FileRules, in_force


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A folder that is allowed, with a file in it, and a secret file beside it."""
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    allowed.mkdir()
    (allowed / "in").write_text("open")
    secret.write_text("hunter2")
    return allowed, secret


def only(folder: Path, *closed: Path) -> FileRules:
    return FileRules((os.path.realpath(folder),), tuple(os.path.realpath(path) for path in closed))


def assert_refused(path: Path | str, *mentions: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_file(str(path), max_bytes=100)
    assert refused.value.code == NOT_ALLOWED
    for mention in mentions:
        assert mention in refused.value.message


def test_outside_of_a_worker_every_file_is_allowed(places: tuple[Path, Path]) -> None:
    assert read_file(str(places[1]), max_bytes=100) == b"hunter2"
    assert files.refusal("/etc/passwd", "write") is None


def test_a_file_outside_of_the_allowed_folders_is_refused_with_the_key(places: tuple[Path, Path]) -> None:
    allowed, secret = places
    with in_force(only(allowed)):
        assert read_file(str(allowed / "in"), max_bytes=100) == b"open"
        assert_refused(secret, "file.allowed.paths", str(allowed))
        assert_refused(allowed.with_name("allowed-too") / "x")
    assert read_file(str(secret), max_bytes=100) == b"hunter2"


def test_no_way_of_writing_a_path_leads_out(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    allowed, secret = places
    (allowed / "link").symlink_to(secret)
    (allowed / "up").symlink_to("..")
    (allowed / "round").symlink_to("link")
    monkeypatch.chdir(allowed)
    with in_force(only(allowed)):
        for path in (
            "link",
            "round",
            "up/secret",
            "../secret",
            f"{allowed}/../secret",
            f"/proc/self/root{secret}",
            "up/allowed/../secret",
            "/proc/self/cwd/../secret",
            f"/proc/{os.getpid()}/root{secret}",
            f"//{secret}",
            "./../allowed/../secret",
        ):
            assert_refused(path)
        for path in ("in", "./in", "../allowed/in", "up/allowed/in", "/proc/self/cwd/in"):
            assert read_file(path, max_bytes=100) == b"open", path


def test_what_is_closed_is_refused_even_where_all_is_allowed(places: tuple[Path, Path]) -> None:
    allowed, secret = places
    os.link(secret, allowed / "hard")
    with in_force(FileRules(None, (str(secret), str(allowed.parent / "data")))):
        assert_refused(secret, "whatever file.allowed.paths says")
        assert_refused(allowed / "hard")  # of a file that is closed itself, even a hard link is known
        assert_refused(allowed.parent / "data" / "connect-configs-0" / "0.log")  # not there yet
        assert read_file(str(allowed / "in"), max_bytes=100) == b"open"


def test_a_folder_is_known_by_what_it_is_and_not_by_its_name_alone(places: tuple[Path, Path]) -> None:
    allowed, _ = places
    rules = FileRules(None, (str(allowed.parent / "ALIAS"),))
    (allowed.parent / "ALIAS").symlink_to(allowed)  # stands for a name in another case, or a second mount
    assert rules.refusal(str(allowed / "in"), "read") is not None


def test_what_the_worker_runs_may_be_read_and_not_written(places: tuple[Path, Path]) -> None:
    with in_force(FileRules(None, (), (str(places[0]),))):
        assert read_file(str(places[0] / "in"), max_bytes=100) == b"open"
        with pytest.raises(ConfigError, match="the code that the worker runs"):
            open_path(str(places[0] / "new.py"), os.O_WRONLY | os.O_CREAT)
    assert not (places[0] / "new.py").exists()


def test_the_worker_s_environment_and_open_files_are_closed() -> None:
    with in_force(FileRules(None, ("/nowhere",))):
        for path in ("/proc/self/environ", f"/proc/{os.getpid()}/mem", "/proc/thread-self/environ", "/proc/self/task"):
            assert_refused(path, "running process")


def test_a_file_that_a_link_brought_in_between_is_found_out(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, secret = places
    folder = allowed / "folder"
    folder.mkdir()
    (folder / "secret").write_text("harmless")
    opening = os.open

    def swapping(path: str, *arguments: object, **more: object) -> int:
        folder.rename(allowed / "gone")
        folder.symlink_to(secret.parent)
        return opening(path, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(files.os, "open", swapping)
    with in_force(only(allowed)):
        assert_refused(folder / "secret")


def test_the_last_part_is_no_link_when_it_is_opened(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    allowed, secret = places
    opening = os.open

    def swapping(path: str, *arguments: object, **more: object) -> int:
        (allowed / "in").unlink()
        (allowed / "in").symlink_to(secret)
        return opening(path, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(files.os, "open", swapping)
    with in_force(only(allowed)), pytest.raises(OSError, match="symbolic links"):
        open_path(str(allowed / "in"), os.O_WRONLY)


def test_the_rules_are_those_of_every_thread(places: tuple[Path, Path]) -> None:
    allowed, secret = places
    found: list[object] = []
    with in_force(only(allowed)):
        thread = threading.Thread(target=lambda: found.append(files.refusal(str(secret), "read")))
        thread.start()
        thread.join()
    assert found != [None]


def test_pipes_and_devices_and_large_files_end_a_read_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"x" * 101)
    for path, about in [
        (tmp_path / "fifo", "regular"),
        ("/dev/zero", "regular"),
        (tmp_path / "large", "more than 100 bytes"),
    ]:
        with pytest.raises(ConfigError, match=about):
            read_file(str(path), max_bytes=100)
    with pytest.raises(OSError, match="No such device"):
        open_path(str(tmp_path / "fifo"), os.O_WRONLY)
    with pytest.raises(OSError, match="directory"):
        read_file(str(tmp_path), max_bytes=100)


def test_standard_streams_may_be_written_whatever_they_lead_to(tmp_path: Path) -> None:
    with in_force(only(tmp_path)):
        os.close(open_path("/dev/null", os.O_WRONLY))
        assert files.refusal("/dev/stdout", "write") is None
        assert files.refusal("/dev/stdin", "read") is not None


class PathConfig(Config):
    file: str | None = config_key("Path of a file.", default=None, file="read")
    out: str = config_key("Path of a file.", default="", file="write")


def test_a_key_of_a_file_is_refused_as_the_config_is_parsed(places: tuple[Path, Path]) -> None:
    allowed, secret = places
    with in_force(only(allowed)):
        assert PathConfig.parse({"file": str(allowed / "in")}).file == str(allowed / "in")
        assert PathConfig.parse({}).file is None
        with pytest.raises(InvalidConfigError) as refused:
            PathConfig.parse({"file": str(secret), "out": "/etc/x"})
        assert [problem.key for problem in refused.value.problems] == ["file", "out"]
        assert "file.allowed.paths" in refused.value.problems[0].message
        with pytest.raises(InvalidConfigError):
            PathConfig.parse({"file": "a\0b"})


def test_folders_of_a_plugins_own_count_in_place_of_the_workers_and_what_is_closed_stays_closed(
    places: tuple[Path, Path],
) -> None:
    allowed, secret = places
    with in_force(only(allowed, allowed / "in")):
        assert read_file(str(secret), max_bytes=100, folders=[str(secret.parent)]) == b"hunter2"
        assert read_file(str(secret), max_bytes=100, folders=[]) == b"hunter2"
        for folders in ([], [str(allowed)]):
            with pytest.raises(ConfigError, match=r"whatever allowed\.paths says"):
                read_file(str(allowed / "in"), max_bytes=100, folders=folders)
        with pytest.raises(ConfigError, match=r"\(allowed\.paths\)"):
            read_file(str(secret), max_bytes=100, folders=[str(allowed)])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system has no /proc")
def test_a_folder_that_is_read_as_a_file_leaves_nothing_open(places: tuple[Path, Path]) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(IsADirectoryError):
            read_file(str(places[0]), max_bytes=100)
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 20
