"""What an entry of `files` means, and which files that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect_file.listing import Listing, base_folder, path_of


def names(*entries: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [Path(one.path).name for one in Listing(entries, exclude).find()]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in ("a.log", "b.log", "c.txt", ".hidden.log", "sub/d.log", "sub/deep/e.log", ".git/f.log"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("line\n")
    (tmp_path / "sub" / "round").symlink_to(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("a.log", ["a.log"]),
        ("*.log", ["a.log", "b.log"]),
        ("[ab].*", ["a.log", "b.log"]),
        ("?.txt", ["c.txt"]),
        (".h*", [".hidden.log"]),
        ("", ["a.log", "b.log", "c.txt"]),
        ("*", ["a.log", "b.log", "c.txt"]),
        ("s*/*", ["d.log"]),
        ("**/*.log", ["a.log", "b.log", "d.log", "e.log"]),
        ("**", ["a.log", "b.log", "c.txt", "d.log", "e.log"]),
        ("sub/**/e.log", ["e.log"]),
        ("gone/*.log", []),
        ("gone.log", []),
    ],
)
def test_an_entry_means_what_a_shell_takes_it_for_and_a_folder_its_files(
    tree: Path, entry: str, found: list[str]
) -> None:
    assert names(str(tree / entry)) == found


def test_a_file_that_several_entries_mean_is_listed_once(tree: Path) -> None:
    assert names(str(tree / "*.log"), str(tree / "a.log"), str(tree)) == ["a.log", "b.log", "c.txt"]


def test_what_is_excluded_is_told_by_its_name_or_by_its_path(tree: Path) -> None:
    everything = str(tree / "**")
    assert names(everything, exclude=("*.txt", "b.*")) == ["a.log", "d.log", "e.log"]
    assert names(everything, exclude=(str(tree / "sub" / "*"),)) == ["a.log", "b.log", "c.txt"]


def test_home_and_file_urls_are_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert path_of("~/logs/*.log") == "/home/me/logs/*.log"
    assert path_of("file:///var/log/a%20b.log") == path_of("file:/var/log/a%20b.log") == "/var/log/a b.log"
    assert path_of("file://localhost/var/log") == "/var/log"
    assert path_of("logs/../in.log") == str(Path.cwd() / "in.log")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("", "is empty"),
        ("a\0b", "is empty"),
        ("file://host/x", "of another machine"),
        ("file:x", "no absolute path"),
        ("s3://bucket/x", "a URL of another kind"),
        ("~nobody-of-that-name/x", "a user who is not there"),
        ("/a/**/b/**", "'\\*\\*' more than once"),
    ],
)
def test_an_entry_that_means_nothing_is_refused(entry: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        path_of(entry)


def test_the_base_folder_of_a_pattern_holds_all_that_it_can_mean() -> None:
    assert base_folder("/var/log/*/app.log") == "/var/log"
    assert base_folder("/*.log") == "/"
    assert base_folder("/var/log/app.log") == "/var/log/app.log"


def test_the_folders_in_which_a_file_may_appear_are_told(tree: Path) -> None:
    listing = Listing([str(tree / "*.log"), str(tree / "sub" / "d.log"), str(tree / "sub" / "deep")])
    listing.find()
    assert listing.folders == {str(tree), str(tree / "sub"), str(tree / "sub" / "deep")}
