"""`DirectoryConfigProvider`: a key is a file of the folder, and no path."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError
from connect_providers import DirectoryConfigProvider


def provider(**config: str) -> DirectoryConfigProvider:
    made = DirectoryConfigProvider()
    made.configure(made.config_class.parse({key.replace("_", "."): value for key, value in config.items()}))
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Secrets as Kubernetes mounts them."""
    made = tmp_path / "secrets"
    (made / "..2026").mkdir(parents=True)
    (made / "..2026" / "password").write_text("hunter2\n")
    (made / "..data").symlink_to("..2026")
    (made / "password").symlink_to("..data/password")
    (made / "user").write_text("anna")
    (made / "deeper").mkdir()
    (tmp_path / "out").write_text("outside")
    return made


def test_a_file_is_a_value_with_its_line_break(folder: Path) -> None:
    found = provider(allowed_paths=str(folder)).get(str(folder), ["password", "user", "none"])
    assert found.values == {"password": "hunter2\n", "user": "anna"}


def test_all_files_are_there_where_no_key_is_named(folder: Path) -> None:
    assert set(provider().get(str(folder)).values) == {"password", "user"}


@pytest.mark.parametrize("key", ["../out", "deeper", "..data/password", ".", "..", "", "/etc/hostname", "a\0"])
def test_a_key_that_is_a_path_is_not_there(folder: Path, key: str) -> None:
    assert provider().get(str(folder), [key]).values == {}


@pytest.mark.parametrize(("path", "told"), [("", "a path is missing"), ("/no/such", "there is no folder")])
def test_a_folder_is_needed(path: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        provider().get(path, ["a"])


def test_a_folder_outside_of_what_is_allowed_is_refused(folder: Path) -> None:
    for path, key in ((folder.parent, "out"), (folder.parent, "none"), (folder.parent / "none", "x")):
        with pytest.raises(ConfigError, match="not allowed"):
            provider(allowed_paths=str(folder)).get(str(path), [key])
