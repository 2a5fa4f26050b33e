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
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from connect.api.errors import LogError
from connect.codec.header import HEADER_BYTES, LENGTH, LENGTH_OVERHEAD, read_header
from connect.log.storage.files import Disk

log = logging.getLogger(__name__)

CLEANED_SUFFIX: Final = ".cleaned"
SWAP_SUFFIX: Final = ".swap"
_OTHERS: Final = (".index", ".timeindex", ".txnindex")


def begin_swap(disk: Disk, cleaned: Path) -> Path:
    """Give a file that is written and synced the name that lasts; return that. Nothing of the old ones is touched.

    Where the disk refuses to say that the name lasts, the file may stay behind under it. That does no harm until the
    next swap, which removes it first: opening would put it in the place of what that swap has made.
    """
    for left in cleaned.parent.glob(f"*.log{SWAP_SUFFIX}"):
        disk.remove(left)
    swap = cleaned.with_suffix(SWAP_SUFFIX)
    disk.rename(cleaned, swap)
    disk.sync_folder(swap.parent)
    return swap


def clear_for_swap(disk: Disk, swap: Path, old: Iterable[Path]) -> None:
    """Remove what a swap replaces, with all indexes, for good; that of its last name is left to the rename.

    May be called again where the disk refused a part of it.
    """
    final = swap.with_suffix("")
    for path in old:
        for suffix in _OTHERS:
            disk.remove(path.with_suffix(suffix))
        if path != final:
            disk.remove(path)
            disk.remove(path.with_suffix(".snapshot"))
    disk.sync_folder(swap.parent)  # else the new name could outlive the power, and an old segment as well


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
            clear_for_swap(disk, swap, [path for path in logs if base_offset <= int(path.stem) < next_offset])
            disk.rename(swap, swap.with_suffix(""))
            disk.sync_folder(directory)
        elif name.endswith(SWAP_SUFFIX):
            disk.remove(directory / name)


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
