"""What mypy knows of the API and of the libraries of others, kept in `.cache` from one run of the tests to the next.

Without it each run reads all of that anew: most of the processor time of a test that types a few lines of a plugin.
What has changed since is read again, as ever.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_CACHE: Final = Path(__file__).parents[2] / ".cache" / "mypy"


def mypy_cache(name: str) -> str:
    """Return the folder for mypy's `--cache-dir`, or `MYPY_CACHE_DIR`; each test has one of its own name, since two
    that run at once would wait for each other."""
    return str(_CACHE / name)
