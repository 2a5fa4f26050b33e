"""Chromium for the tests of the web page: one that is named, the system's own, or Debian's package, unpacked.

    CONNECT_CHROMIUM   the program, in place of what is looked for

Why there is none is the reason that the tests print as they skip.
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from tests.support.debian import Program, find_package


@cache
def find_chromium() -> Program | str:
    """Return the program; or why there is none, which does not change while the tests run."""
    named = os.environ.get("CONNECT_CHROMIUM")
    if named:
        found = shutil.which(named)
        return Program(Path(found), dict(os.environ)) if found else f"CONNECT_CHROMIUM={named!r} is no program"
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (found := shutil.which(name)) is not None:
            return Program(Path(found), dict(os.environ))
    # What its package has in /usr/bin is a script that looks for the program in /usr/lib.
    return find_package("chromium", ["chromium", "chromium-common"], "usr/lib/chromium/chromium")
