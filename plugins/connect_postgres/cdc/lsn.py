"""Positions in the write-ahead log: whole numbers here and in offsets, 'XXX/XXX' wherever the server prints them."""

from __future__ import annotations


def parse_lsn(text: str) -> int:
    """Read '16/B374D848'.

    Raises:
        ValueError: It is no position.
    """
    high, slash, low = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is no position in the write-ahead log, such as 16/B374D848")
    return int(high, 16) << 32 | int(low, 16)


def format_lsn(lsn: int) -> str:
    """Write a position as the server does."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
