"""`allowed.paths`: what leads out of it by links, `..` or relative paths is refused, and nothing blocks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.api.files import FileRules, in_force
from connect_providers.paths import PathsConfig, text_of


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """A folder that is allowed, beside a secret that is not."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "in").write_text("inside")
    (tmp_path / "out").write_text("hunter2")
    (tmp_path / "allowed-not").write_text("hunter2")
    (folder / "link").symlink_to(tmp_path / "out")
    (folder / "good-link").symlink_to(folder / "in")
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    return folder


def config(folder: Path) -> PathsConfig:
    return PathsConfig.parse({"allowed.paths": str(folder)})


@pytest.mark.parametrize("name", ["in", "./in", "../allowed/in", "good-link"])
def test_what_lies_within_is_read(inside: Path, name: str) -> None:
    assert text_of(config(inside), f"{inside}/{name}") == "inside"


def test_a_relative_path_counts_where_it_leads(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(inside)
    assert text_of(config(inside), "in") == "inside"
    with pytest.raises(ConfigError, match="not allowed"):
        text_of(config(inside), "../out")


@pytest.mark.parametrize("name", ["../out", "link", "../allowed-not", "../../../../../../etc/hostname"])
def test_what_leads_out_is_refused(inside: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"is not allowed: .* \(allowed\.paths\)") as caught:
        text_of(config(inside), f"{inside}/{name}")
    assert caught.value.code == "file.not_allowed"
    assert "hunter2" not in caught.value.message


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("{}/pipe", "not a regular file"),
        ("{}", "cannot be read: Is a directory"),
        ("/dev/zero", "not a regular file"),
        ("{}/none", "No such file"),
        ("{}/loop", "cannot be read"),
        ("{}/in/deeper", "cannot be read"),
        ("{}/nul\0", "no path"),
    ],
)
def test_what_is_no_file_is_refused_and_nothing_blocks(inside: Path, path: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        text_of(PathsConfig.parse({}), path.format(inside))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no /proc")
def test_what_is_refused_is_closed_again(inside: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        for name in ("pipe", "", "link"):
            with pytest.raises(ConfigError):
                text_of(config(inside), f"{inside}/{name}")
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 20


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no /proc")
def test_without_the_key_everything_may_be_read_but_what_is_closed_to_all(inside: Path, tmp_path: Path) -> None:
    own = tmp_path / "data"
    own.mkdir()
    (own / "users").write_text("hunter2")
    with in_force(FileRules(allowed=(str(tmp_path / "elsewhere"),), closed=(str(own),))):
        assert text_of(PathsConfig.parse({}), str(tmp_path / "out")) == "hunter2"
        for path in (str(own / "users"), "/proc/self/environ"):
            with pytest.raises(ConfigError, match="not allowed"):
                text_of(PathsConfig.parse({}), path)
            with pytest.raises(ConfigError, match="not allowed"):
                text_of(PathsConfig.parse({"allowed.paths": str(Path(path).parent.resolve())}), path)


@pytest.mark.parametrize(("path", "told"), [("secrets", "is not absolute"), ("/no/such/folder", "does not exist")])
def test_paths_that_cannot_be_meant_are_refused(path: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        PathsConfig.parse({"allowed.paths": f"/tmp,{path}"})
