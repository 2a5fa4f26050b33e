"""A plugin's author waits for what the API needs, and for nothing else."""

from __future__ import annotations

import subprocess
import sys

#: Large, and of use to some plugins alone: who uses it imports it.
LATE = (
    "regex",
    "connect.api.java.regex",
    "connect.api.java.regex_sets",
    "connect.api.values",
    "asyncio",
    "httpx",
    "orjson",
)


def test_the_api_imports_no_more_than_it_needs() -> None:
    code = f"import sys, connect.api; print(*(name for name in {LATE} if name in sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.split() == []
