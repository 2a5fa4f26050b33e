"""Replay a folder of golden vectors: `python -m tests.conformance.replay FOLDER`.

A line for each vector that fails (its id, what differs), then a count for each file and class, and at the end
`N passed, N failed`, with what departs on purpose and what is not installed behind it. Exits with 1 if any failed.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.conformance.play import play
from tests.conformance.vectors import OPEN, read

FILES = ("transforms", "predicates", "converters", "values", "validate", "debezium")
WORDS = {"passed": "passed", "failed": "failed", "departs": "departing on purpose", "skipped": "skipped"}


def group_of(vector: dict[str, Any]) -> str:
    """Return the class or function that a vector is counted under."""
    return str(vector.get("class") or vector.get("fn") or vector["op"])


def replay(folder: Path) -> Counter[str]:
    """Play every vector of a folder, print, and return the counts."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for file in FILES:
        path = folder / f"{file}.jsonl"
        if not path.is_file():
            continue
        for vector in read(path):
            outcome = play(vector)
            counts.setdefault((file, group_of(vector)), Counter())[outcome.verdict] += 1
            if outcome.verdict == "failed":
                print(f"{vector['id']}: {outcome.why}")
    for (file, group), counted in sorted(counts.items()):
        print(f"{file} {group}: {summary(counted)}")
    total = sum(counts.values(), Counter())
    print(summary(total))
    return total


def summary(counted: Counter[str]) -> str:
    """Return the counts as text; passed and failed always, the others where there are any."""
    shown = [verdict for verdict in WORDS if counted[verdict] or verdict in ("passed", "failed")]
    return ", ".join(f"{counted[verdict]} {WORDS[verdict]}" for verdict in shown)


def main() -> int:
    """Run from the command line."""
    if len(sys.argv) > 2:
        print("usage: python -m tests.conformance.replay [FOLDER]", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1]) if len(sys.argv) == 2 else OPEN
    if not any((folder / f"{file}.jsonl").is_file() for file in FILES):
        print(f"{folder} holds none of {', '.join(f'{file}.jsonl' for file in FILES)}", file=sys.stderr)
        return 2
    return 1 if replay(folder)["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
