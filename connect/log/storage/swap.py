"""Putting a compacted segment in the place of those it was made from, so that a crash leaves the old or the new.

    write    00..10.log.cleaned      a crash: it is removed, nothing has happened
    rename   00..10.log.swap         the point of no return; it covers the offsets from 10 to its own end
    remove   00..10.log 00..25.log   a crash: opening removes the rest
    rename   00..10.log              done; its indexes are written behind it, or made again at first use

Source: the suffixes and their meaning are Kafka's, LogLoader.java.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from connect.api.errors import LogError
from connect.codec.header import HEADER_BYTES, LENGTH, LENGTH_OVERHEAD, read_header
from connect.log.storage.files import Disk

log = logging.getLogger(__name__)

CLEANED_SUFFIX: Final = ".cleaned"
SWAP_SUFFIX: Final = ".swap"
_OTHERS: Final = (".index", ".timeindex", ".txnindex")


def commit_swap(disk: Disk, cleaned: Path, old: list[Path]) -> Path:
    """Replace `old` log files by one that is written and synced; return its path. Indexes of the old ones go too.

    The caller holds whatever keeps others from opening `old` in between.
    """
    swap = cleaned.with_suffix(SWAP_SUFFIX)
    disk.rename(cleaned, swap)
    disk.sync_folder(swap.parent)
    return _finish(disk, swap, old)


def is_swapped(cleaned: Path) -> bool:
    """Tell whether a swap that was begun came to where the new file has the old one's name."""
    return not cleaned.exists() and not cleaned.with_suffix(SWAP_SUFFIX).exists()


def finish_swaps(disk: Disk, directory: Path) -> None:
    """Remove what a crash left of a compaction that did not come to its end, and finish one that did."""
    names = [path.name for path in directory.iterdir()]
    for name in names:
        if name.endswith(CLEANED_SUFFIX):
            disk.remove(directory / name)
    for name in sorted(names):
        if name.endswith(".log" + SWAP_SUFFIX) and name[:20].isdigit():
            swap = directory / name
            base_offset, next_offset = int(name[:20]), _next_offset(swap)
            logs = [directory / other for other in names if other.endswith(".log") and other[:20].isdigit()]
            log.info("finishing the compaction of %s/%s", directory.name, name)
            _finish(disk, swap, [path for path in logs if base_offset <= int(path.stem) < next_offset])
        elif name.endswith(SWAP_SUFFIX):
            disk.remove(directory / name)


def _finish(disk: Disk, swap: Path, old: list[Path]) -> Path:
    final = swap.with_suffix("")
    for path in old:
        for suffix in _OTHERS:
            disk.remove(path.with_suffix(suffix))
        if path != final:
            disk.remove(path)
            disk.remove(path.with_suffix(".snapshot"))
    disk.sync_folder(swap.parent)  # else the new name could outlive the power, and an old segment as well
    disk.rename(swap, final)
    disk.sync_folder(final.parent)
    return final


def _next_offset(path: Path) -> int:
    """Walk the headers of a segment that was written whole, to the offset behind its last batch."""
    next_offset, position = int(path.name[:20]), 0
    with path.open("rb", buffering=0) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        while position < size_bytes:
            raw = os.pread(file.fileno(), HEADER_BYTES, position)
            try:
                next_offset = read_header(raw).next_offset
            except LogError as error:
                log.error("%s at position %d: %s", path, position, error.message)
                break
            position += LENGTH.unpack_from(raw)[1] + LENGTH_OVERHEAD
    return next_offset
