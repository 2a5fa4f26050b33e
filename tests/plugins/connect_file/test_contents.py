"""What a file holds, unpacked and in UTF-8, wherever one looks."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from connect_file.contents import Contents, NotUnpackedError, PlainContents, StreamedContents, contents_of

DATA = b"".join(b"line %06d\n" % n for n in range(60_000))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


@pytest.fixture
def contents(tmp_path: Path) -> Iterator[Callable[[bytes], Contents]]:
    opened: list[int] = []

    def make(data: bytes) -> Contents:
        (tmp_path / "f").write_bytes(data)
        opened.append(os.open(tmp_path / "f", os.O_RDONLY))
        return contents_of(opened[-1])

    yield make
    for descriptor in opened:
        os.close(descriptor)


@pytest.mark.parametrize("packing", ["plain", *PACKERS])
def test_bytes_are_the_same_however_they_are_packed(contents: Callable[[bytes], Contents], packing: str) -> None:
    found = contents(PACKERS.get(packing, bytes)(DATA))
    assert isinstance(found, PlainContents if packing == "plain" else StreamedContents)
    for position, count in [
        (0, 256),
        (500_000, 100),
        (499_744, 256),
        (500_100, 1000),
        (7, 50_000),
        (len(DATA) - 5, 99),
    ]:
        assert found.bytes_at(position, count) == DATA[position : position + count]
    assert found.bytes_at(len(DATA), 10) == b""


@pytest.mark.parametrize("packing", PACKERS)
def test_several_packings_one_behind_the_other_are_one(contents: Callable[[bytes], Contents], packing: str) -> None:
    pack = PACKERS[packing]
    assert contents(pack(b"one\n") + pack(b"two\n")).bytes_at(0, 100) == b"one\ntwo\n"


@pytest.mark.parametrize("packing", PACKERS)
def test_what_is_still_being_packed_is_read_so_far(contents: Callable[[bytes], Contents], packing: str) -> None:
    packed = PACKERS[packing](os.urandom(400_000))
    found = contents(packed[: len(packed) // 2])
    assert len(found.bytes_at(0, 400_000)) < 400_000
    assert isinstance(found, StreamedContents)
    assert found.is_at_end
    assert not found.is_whole


@pytest.mark.parametrize("packing", ["gzip", "bz2", "xz"])
def test_the_end_of_all_is_told(contents: Callable[[bytes], Contents], packing: str) -> None:
    found = contents(PACKERS[packing](b"one"))
    found.bytes_at(0, 100)
    assert isinstance(found, StreamedContents)
    assert found.is_whole
    assert found.known_bytes == 3


@pytest.mark.parametrize("packing", PACKERS)
def test_what_is_broken_is_told_behind_what_is_in_front_of_it(
    contents: Callable[[bytes], Contents], packing: str
) -> None:
    data = os.urandom(300_000)
    packed = bytearray(PACKERS[packing](data[:200_000]) + PACKERS[packing](data[200_000:]))
    packed[250_000:250_100] = b"\0" * 100
    packed[-20:] = b"\0" * 20
    found, got = contents(bytes(packed)), b""

    def read_all() -> None:
        nonlocal got
        while more := found.bytes_at(len(got), 1_000_000):
            got += more

    with pytest.raises(NotUnpackedError):
        read_all()
    assert len(got) >= 200_000
    assert data[:200_000] == got[:200_000]


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_a_byte_order_mark_tells_utf_16_and_32_which_become_utf_8(
    contents: Callable[[bytes], Contents], coding: str, packing: str
) -> None:
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE, "utf-32-le": codecs.BOM_UTF32_LE}
    raw = mark.get(coding, codecs.BOM_UTF32_BE) + "zwölf\nBoxkämpfer 🥊\n".encode(coding)
    found = contents(PACKERS.get(packing, bytes)(raw))
    assert found.bytes_at(0, 100) == "zwölf\nBoxkämpfer 🥊\n".encode()
    assert (found.mark_bytes, found.charset) == (0, "utf-8")


@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_the_mark_of_utf_8_is_told(contents: Callable[[bytes], Contents], packing: str) -> None:
    found = contents(PACKERS.get(packing, bytes)(codecs.BOM_UTF8 + b"one\n"))
    assert (found.mark_bytes, found.charset) == (3, "utf-8")
    other = contents(PACKERS.get(packing, bytes)(b"one\n"))
    assert (other.mark_bytes, other.charset) == (0, None)


@pytest.mark.parametrize("magic", [b"PK\x03\x04", b"\x04\x22\x4d\x18"])
def test_what_is_packed_in_another_way_is_refused(contents: Callable[[bytes], Contents], magic: bytes) -> None:
    with pytest.raises(NotUnpackedError, match="leave it out with files"):
        contents(magic + b"...")


def test_without_the_library_zstandard_is_refused_with_what_to_install(
    contents: Callable[[bytes], Contents], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(NotUnpackedError, match=r"connect-runtime\[zstd\]"):
        contents(PACKERS["zstd"](b"one\n"))
