"""Where records come from: it writes while the worker lives and dies, and knows what it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import httpx

from connect.testing.crash.report import Seen
from connect.testing.crash.targets import LogTarget, text_of


class Upstream(Protocol):
    """What feeds the source. `write` is called again and again, also while no worker runs."""

    def write(self, count: int) -> None:
        """Write so many further records, or none where the source makes them up."""

    def written(self) -> Sequence[Seen]:
        """Return all records that were ever written: the model that the target is compared with."""

    def finish(self, url: str) -> None:
        """Come to an end, so that everything can arrive.

        Args:
            url: Where the worker's REST answers.
        """


class FileUpstream:
    """Lines that are appended to a file, each a key and its number. A file keeps what was read: it prunes nothing."""

    def __init__(self, path: Path, *, keys: int = 3) -> None:
        self.path = path
        self._keys = [f"k{number}" for number in range(keys)]
        self._written: list[Seen] = []
        path.touch()

    def write(self, count: int) -> None:
        """Append so many lines with one write."""
        start, keys = len(self._written), self._keys
        new = [Seen(keys[n % len(keys)], n // len(keys)) for n in range(start, start + count)]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{text_of(seen)}\n" for seen in new))
        self._written += new

    def written(self) -> Sequence[Seen]:
        """Return the lines."""
        return self._written

    def finish(self, url: str) -> None:
        """Do nothing: no more lines come."""


class EndlessSource:
    """A source that makes its records up, each key's numbers counting up from 0: what is missing was skipped.

    Args:
        connector: Its name; it is stopped over REST in the end.
        topic: Where its records go.
    """

    def __init__(self, connector: str, topic: LogTarget) -> None:
        self._connector = connector
        self._topic = topic

    def write(self, count: int) -> None:
        """Do nothing: the source goes by itself."""

    def written(self) -> Sequence[Seen]:
        """Return every number up to each key's highest in the topic."""
        highest: dict[str, int] = {}
        for seen in self._topic.seen():
            highest[seen.key] = max(seen.number, highest.get(seen.key, -1))
        return [Seen(key, number) for key, last in highest.items() for number in range(last + 1)]

    def finish(self, url: str) -> None:
        """Stop the source, and return once its task is gone: it has committed all that it made."""
        with httpx.Client(base_url=url, timeout=30) as client:
            client.put(f"/connectors/{self._connector}/stop").raise_for_status()
