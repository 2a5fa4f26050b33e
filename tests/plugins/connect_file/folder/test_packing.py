"""Packed files, as the source unpacks them."""

import builtins
import os

import pytest

from connect.api import ConfigError
from connect_file.contents import contents_of
from connect_file.folder.packing import packed_body


@pytest.mark.parametrize("compression", ["none", "gzip", "bz2", "xz", "zstd"])
def test_a_packed_file_is_read_back(tmp_path, compression):
    body = packed_body(compression)(b"head\n")
    data = body.add(b"one\n") + body.add(b"two\n" * 10_000) + body.end()
    (tmp_path / "x").write_bytes(data)
    descriptor = os.open(tmp_path / "x", os.O_RDONLY)
    try:
        assert contents_of(descriptor).bytes_at(0, 1 << 20) == b"head\none\n" + b"two\n" * 10_000
    finally:
        os.close(descriptor)
    assert (len(data) < 10_000) == (compression != "none")


def test_zstandard_that_is_not_installed_is_told(monkeypatch):
    found = builtins.__import__

    def missing(name, *args, **more):
        if name == "zstandard":
            raise ImportError(name)
        return found(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match="Zstandard is not installed"):
        packed_body("zstd")(b"")
