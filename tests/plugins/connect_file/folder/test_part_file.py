"""A file that is being written."""

import os

import pytest

from connect_file.folder.encoding import BytesBody
from connect_file.folder.part_file import PartFile


@pytest.fixture
def part(folder):
    return PartFile(
        str(folder),
        "t+0",
        BytesBody(b"head\n"),
        texts=(),
        layout=(),
        identity="",
        first_offset=3,
        begun_at=0.0,
        first_ms=None,
    )


def test_little_is_kept_in_memory_and_all_is_written_at_the_end(part, folder):
    part.add(b"one\n", 1, 4)
    part.write()
    assert not list(folder.iterdir())
    assert (part.held_bytes, part.size_bytes, part.records, part.end_offset) == (9, 9, 1, 4)
    part.end()
    part.write()
    part.close(syncs=True)
    [path] = folder.iterdir()
    assert path.read_bytes() == b"head\none\n"
    assert part.held_bytes == 0


def test_a_write_that_stops_half_way_goes_on_where_it_stopped(part, folder, monkeypatch):
    data = os.urandom(300_000)
    part.add(data, 1, 4)
    system, calls = os.write, []

    def full(descriptor, given):
        calls.append(len(given))
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return system(descriptor, bytes(given[:1000]) if len(calls) == 1 else given)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        part.write()
    part.add(b"more", 1, 5)
    part.write()
    part.end()
    part.write()
    part.close(syncs=False)
    [path] = folder.iterdir()
    assert path.read_bytes() == b"head\n" + data + b"more"


def test_one_that_is_discarded_leaves_nothing(part, folder):
    part.discard()
    part.add(b"x" * 300_000, 1, 4)
    part.write()
    part.discard()
    assert not list(folder.iterdir())
