"""Says whether so few tests failed that `make test` runs them once more: `python -m tests.again`.

Many that fail together have a cause in common, and a busy machine is none.
"""

from __future__ import annotations

import json
from pathlib import Path

FEW = 5


def verdict(cache: Path) -> str:
    """Return "few" or "many", by what pytest has noted of the last run; "many" where it has noted nothing."""
    noted = cache / "v" / "cache" / "lastfailed"
    failed = json.loads(noted.read_text()) if noted.exists() else {}
    return "few" if 0 < len(failed) <= FEW else "many"


if __name__ == "__main__":
    print(verdict(Path(__file__).parents[1] / ".pytest_cache"))
