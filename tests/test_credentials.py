"""The file of users, and the hashes in it."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect import credentials
from connect.api import ConfigError, EnvironmentFault
from connect.credentials import Entry, Role

TOKEN = "$sha256$" + "0" * 64
KEY = "A" * 43 + "="


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Each example takes two hashes, which are slow on purpose.
@settings(max_examples=3, deadline=None)
@given(st.text(), st.text())
def test_a_password_is_right_for_its_own_hash_alone(password: str, other: str) -> None:
    try:
        hashed = credentials.hash_password(password)
        found = credentials.check_password(other, hashed)
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return
    assert found == (password == other)


def test_a_hash_from_elsewhere_is_checked_with_its_own_parameters() -> None:
    # RFC 7914, section 12, the second vector; its key has 64 bytes, of which the first 32 are the shorter key.
    key = "/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI="
    hashed = f"$scrypt$1024$8$16$TmFDbA==${key}"
    assert credentials.check_password("password", hashed)
    assert not credentials.check_password("Password", hashed)


def test_a_password_has_another_hash_each_time_and_a_token_always_its_own() -> None:
    assert credentials.hash_password("a") != credentials.hash_password("a")
    token, hashed = credentials.new_token()
    assert credentials.hash_token(token) == hashed
    assert len(token) == 43, "256 bits"
    assert credentials.new_token()[0] != token


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "users"
    entries = {
        "ann": Entry("ann", Role.WRITE, credentials.hash_password("secret")),
        "grafana": Entry("grafana", Role.READ, credentials.new_token()[1]),
    }
    credentials.write(path, entries)
    assert credentials.read(path) == entries
    assert [entry.is_token for entry in entries.values()] == [False, True]
    assert mode(path) == 0o600
    assert list(path.parent.iterdir()) == [path], "nothing temporary is left"


def test_comments_and_empty_lines_are_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"# bob:write:{TOKEN}\n\n   \n  ann:read:{TOKEN}  \n")
    assert credentials.read(path) == {"ann": Entry("ann", Role.READ, TOKEN)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann", "NAME:ROLE:HASH"),
        ("ann:write", "the hash of 'ann'"),
        (f"ann:admin:{TOKEN}", "NAME:ROLE:HASH"),
        (f":read:{TOKEN}", "NAME:ROLE:HASH"),
        ("ann:write:hunter2", "the hash of 'ann'"),
        ("ann:read:$sha256$zz", "the hash of 'ann'"),
        ("ann:read:$sha256$" + "G" * 64, "the hash of 'ann'"),
        ("ann:read:$sha256$" + "0" * 63, "the hash of 'ann'"),
        ("ann:read:$md5$" + "0" * 64, "the hash of 'ann'"),
        ("ann:write:$scrypt$1$2$3$x$y", "the hash of 'ann'"),
        (f"ann:write:$scrypt$16_384$8$1$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$0$8$1$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$1$8$1$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$3$8$1$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$16384$0$1$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$16384$33$1$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$16384$8$0$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$16384$8$17$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$1073741824$8$1$AAAA${KEY}", "the hash of 'ann'"),
        (f"ann:write:$scrypt$16384$8$1$A!AA${KEY}", "the hash of 'ann'"),
        ("ann:write:$scrypt$16384$8$1$AAAA$AAAA", "the hash of 'ann'"),
    ],
)
def test_a_line_that_is_no_entry_is_named_by_its_number_and_not_shown(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "users"
    path.write_text(f"# users\n\n{text}\n")
    with pytest.raises(ConfigError, match=f"line 3: .*{expected}") as refused:
        credentials.read(path)
    assert refused.value.code == "config.unreadable"
    assert text.rpartition(":")[2] not in refused.value.message or text == "ann"


@pytest.mark.slow
@pytest.mark.parametrize("sizes", ["2$1$1", "16384$8$1", "16384$8$16", "32768$8$1", "1024$32$1"])
def test_the_parameters_that_others_hash_with_are_taken(tmp_path: Path, sizes: str) -> None:
    path = tmp_path / "users"
    path.write_text(f"ann:write:$scrypt${sizes}$AAAA${KEY}\n")
    assert not credentials.check_password("x", credentials.read(path)["ann"].hash), "OpenSSL takes them too"


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"ann:read:{TOKEN}\nann:write:{TOKEN}\n")
    with pytest.raises(ConfigError, match="line 2: 'ann' is there twice"):
        credentials.read(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_a_wrong_config(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "users"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        credentials.read(path)
    assert refused.value.code == "config.unreadable"


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o640), (0o640, 0o640), (0o606, 0o600), (0o600, 0o600)])
def test_a_file_that_others_may_read_is_taken_from_them_and_not_from_its_group(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, before: int, after: int
) -> None:
    path = tmp_path / "users"
    path.write_text(f"ann:read:{TOKEN}\n")
    path.chmod(before)
    with caplog.at_level(logging.WARNING):
        credentials.read(path)
    assert mode(path) == after
    assert (f"could be read by others (mode {before:o})" in caplog.text) == (before != after)


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "users"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(EnvironmentFault, match=f"{path} cannot be written"):
        credentials.write(path, {})
    assert list(tmp_path.iterdir()) == [path]


def test_contexts_are_kept_where_a_user_s_settings_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CONNECT_CONTEXTS_FILE", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert credentials.contexts_file() == tmp_path / ".config/connect/contexts.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert credentials.contexts_file() == tmp_path / "xdg/connect/contexts.json"
    monkeypatch.setenv("CONNECT_CONTEXTS_FILE", str(tmp_path / "mine.json"))
    assert credentials.contexts_file() == tmp_path / "mine.json"
