"""Packed files: `compression.type`. Each file is one complete stream, which `contents.py` reads."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Final

from connect.api import ConfigError
from connect_file.folder.encoding import Body, BytesBody

#: How the names of packed files end.
EXTENSIONS: Final = {"none": "", "gzip": ".gz", "bz2": ".bz2", "xz": ".xz", "zstd": ".zst"}
_GZIP_WBITS: Final = 31
#: Of xz: more takes some 100 MiB for each file that is open, this one 3.
_XZ_PRESET: Final = 1


def packed_body(compression: str) -> Callable[[bytes], Body]:
    """Return what begins a file of this compression.

    Raises:
        ConfigError: It is not installed.
    """
    if compression == "none":
        return BytesBody
    make = _compressors()[compression]

    def body(head: bytes) -> Body:
        compressor = make()
        return BytesBody(head, compressor.compress, compressor.flush)

    return body


def _compressors() -> dict[str, Callable[[], Any]]:
    return {
        "gzip": lambda: zlib.compressobj(wbits=_GZIP_WBITS),
        "bz2": bz2.BZ2Compressor,
        "xz": lambda: lzma.LZMACompressor(preset=_XZ_PRESET),
        "zstd": _zstd,
    }


def _zstd() -> Any:
    return zstandard_module().ZstdCompressor().compressobj()


def zstandard_module() -> Any:
    """Return the library of Zstandard.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import zstandard
    except ImportError:
        raise ConfigError(
            "Zstandard is not installed",
            config_path="compression.type",
            hint="pip install 'connect-runtime[zstd]', or set compression.type to gzip.",
        ) from None
    return zstandard
