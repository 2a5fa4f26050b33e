"""What the configs and target states of connectors were, who changed them, and when: the newest versions of each.

| key              | value                                                                              |
|------------------|------------------------------------------------------------------------------------|
| ["NAME",VERSION] | {"at", "what", "by", "from", "via", "of", "target", "config"}; null: dropped again |

The topic of configs is compacted, so it keeps the newest config alone; this one has a key for each version. The format
is ours: a worker of Kafka Connect's neither reads nor writes the topic. What such a worker changed, or one of ours
without a history, shows when the next worker with one begins: an entry by nobody knows whom.

An entry is written before what it tells of, so that nothing changes without one. Where the second write fails, or the
process ends between the two, the entry never came true: whoever comes next sees that by what the connector is, and
drops it (`settle`).

Configs are kept as the topic of configs has them: references as references, and secrets that stand in a config in
clear. Faces mask both in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from connect.api.error_codes import register_code
from connect.stores.compacted import CompactedTopic

NO_VERSION = register_code(
    "history.not_found",
    "The history does not have that version of the connector: there was none, or it is too old.",
    "See which versions there are with 'connect connector history NAME', or GET /v1/connectors/{name}/history.",
)

NO_CONFIG = register_code(
    "history.deleted",
    "The version of the history is the deletion of the connector.",
    "Choose an earlier version.",
)


#: What was done. FOUND: somebody else did it, without a history.
What = Literal["created", "changed", "resumed", "paused", "stopped", "rolled back", "deleted", "found"]

_WHAT: Final = ("created", "changed", "resumed", "paused", "stopped", "rolled back", "deleted", "found")
_TARGETS: Final = ("STARTED", "PAUSED", "STOPPED")
#: What leaves the config as it was: the first to go where there are more versions than are kept.
_OF_TARGET: Final = ("resumed", "paused", "stopped")
#: How many connectors that were deleted keep their history; beyond, those that were deleted first are forgotten.
DELETED_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks for a change.

    Attributes:
        name: A user; `anonymous` where REST asks for none, `file` for a config file of the worker's command line,
            `offline` for a command in a data directory without a worker, `worker` for the worker itself, `unknown`
            where nobody saw it.
        address: Where the request came from; empty where there was none.
        via: The worker that has handed it on to the leader, as HOST of its connection; empty where none has.
    """

    name: str
    address: str = ""
    via: str = ""


_WORKER: Final = Author("worker")
_UNKNOWN: Final = Author("unknown")
#: Who asks for what is done now, in this task and those that it begins.
AUTHOR: Final[ContextVar[Author]] = ContextVar("author", default=_WORKER)


@contextmanager
def asked_by(author: Author) -> Iterator[None]:
    """Have what is done inside told as asked for by somebody."""
    token = AUTHOR.set(author)
    try:
        yield
    finally:
        AUTHOR.reset(token)


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a connector.

    Attributes:
        version: Rises by one with each entry, from 1; goes on where a deleted connector is created again.
        at_ms: When, ms since the epoch.
        of: The version that was rolled back to.
        target, config: None: it was deleted.
    """

    version: int
    at_ms: int
    what: What
    author: Author
    of: int | None
    target: str | None
    config: Mapping[str, str] | None


def problem_of(key: bytes, value: bytes) -> str | None:
    """Say why a record of the topic does not count, None where it does."""
    if _place(key) is None:
        return "its key is no connector and version"
    try:
        stored = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return f"its value is not JSON: {error}"
    if not isinstance(stored, dict):
        return f"its value is {type(stored).__name__}; an object is expected"
    if stored.get("what") not in _WHAT or type(stored.get("at")) is not int:
        return "'what' or 'at' says nothing that is known"
    target, config = stored.get("target"), stored.get("config")
    if (target is None) is not (config is None) or target not in (None, *_TARGETS):
        return "'target' and 'config' are no state of a connector"
    if config is not None and not (isinstance(config, dict) and all(isinstance(text, str) for text in config.values())):
        return "'config' is no object of texts"
    return None


def _place(key: bytes) -> tuple[str, int] | None:
    try:
        found = orjson.loads(key)
    except orjson.JSONDecodeError:
        return None
    match found:
        case [str(name), int(version)] if name and not isinstance(version, bool) and version > 0:
            return name, version
    return None


def _key(name: str, version: int) -> bytes:
    return orjson.dumps([name, version])


class ConfigHistory:
    """The topic as a list of versions for each connector. For the event loop; reading never waits.

    One worker writes, the one that writes the topic of configs.

    Args:
        versions: How many of each connector are kept.
    """

    def __init__(self, topic: CompactedTopic, clock_ms: Callable[[], int], *, versions: int) -> None:
        assert versions > 0, "without any there is no history"
        self._topic = topic
        self._clock_ms = clock_ms
        self._versions = versions
        #: Versions of each connector, rising. Made when it is first asked for, and then as this worker writes.
        self._known: dict[str, list[int]] | None = None

    def load(self) -> None:
        """Look anew at what is in memory of the topic: another worker may have written it."""
        self._known = None

    def names(self) -> list[str]:
        """Return every connector that has a history, sorted."""
        return sorted(self._index())

    def entries(self, name: str) -> list[Entry]:
        """Return what is known of a connector, the oldest first; [] where nothing is."""
        return [entry for version in self._index().get(name, ()) if (entry := self.entry(name, version)) is not None]

    def entry(self, name: str, version: int) -> Entry | None:
        """Return one version, None where it is not kept."""
        value = self._topic.get(_key(name, version))
        return None if value is None else _entry(version, orjson.loads(value))

    def newest(self, name: str) -> Entry | None:
        """Return the newest version."""
        versions = self._index().get(name)
        return self.entry(name, versions[-1]) if versions else None

    async def add(
        self,
        name: str,
        what: What,
        target: str | None,
        config: Mapping[str, str] | None,
        *,
        of: int | None = None,
        author: Author | None = None,
        after_ms: int = 0,
    ) -> int | None:
        """Write an entry, and drop those that are too many; return its version, None where it says nothing new.

        Durable when it returns.

        Args:
            after_ms: When what it changes was written: it is told as no earlier, also where the clock was set back,
                since `settle` compares both.
        """
        before = self.newest(name)
        if before is not None and (before.target, before.config) == (target, config):
            return None
        if before is None and config is None:
            return None
        by = author or AUTHOR.get()
        version = 1 if before is None else before.version + 1
        at_ms = max(self._clock_ms(), after_ms, 0 if before is None else before.at_ms)
        value = {
            "at": at_ms,
            "what": what,
            "by": by.name,
            "from": by.address,
            "via": by.via,
            "of": of,
            "target": target,
            "config": None if config is None else dict(config),
        }
        entries: dict[bytes, bytes | None] = {_key(name, version): orjson.dumps(value)}
        dropped = [(name, old) for old in self._too_many(name)]
        if config is None:
            dropped += self._forgotten(name)
        entries |= {_key(*place): None for place in dropped}
        await self._topic.put(entries, timestamp_ms=at_ms)
        for other, old in dropped:
            self._drop(other, old)
        versions = self._index().setdefault(name, [])
        if version not in versions:  # it may have been read from the topic meanwhile
            versions.append(version)
        return version

    async def withdraw(self, name: str, version: int) -> None:
        """Drop an entry that did not come true."""
        await self._topic.put({_key(name, version): None}, timestamp_ms=self._clock_ms())
        self._drop(name, version)

    async def settle(self, name: str, target: str | None, config: Mapping[str, str] | None, stamp_ms: int) -> None:
        """Bring the history to what a connector is, before this worker changes anything.

        Args:
            target, config: None: it is not there.
            stamp_ms: When it was last written, as far as is known; 0 otherwise.
        """
        newest = self.newest(name)
        if newest is not None and (newest.target, newest.config) == (target, config):
            return
        if newest is not None and stamp_ms <= newest.at_ms:
            entries = self.entries(name)
            before = entries[-2] if len(entries) > 1 else None
            was = (None, None) if before is None else (before.target, before.config)
            if was == (target, config):  # its worker ended before it came true
                await self.withdraw(name, newest.version)
                return
        await self.add(name, "deleted" if config is None else "found", target, config, author=_UNKNOWN)

    def _index(self) -> dict[str, list[int]]:
        if self._known is None:
            found: dict[str, list[int]] = {}
            for key, _ in self._topic.items():
                place = _place(key)
                assert place is not None, "the topic's records were looked through"
                found.setdefault(place[0], []).append(place[1])
            self._known = {name: sorted(versions) for name, versions in found.items()}
        return self._known

    def _drop(self, name: str, version: int) -> None:
        versions = self._index().get(name, [])
        if version in versions:
            versions.remove(version)
        if not versions:
            self._index().pop(name, None)

    def _too_many(self, name: str) -> list[int]:
        """Return what goes where one more comes: first what has left the config as it was, the oldest first."""
        entries = self.entries(name)
        count = len(entries) + 1 - self._versions
        if count <= 0:
            return []
        order = sorted(entries, key=lambda entry: (entry.what not in _OF_TARGET, entry.version))
        return [entry.version for entry in order[:count]]

    def _forgotten(self, name: str) -> Iterator[tuple[str, int]]:
        """Yield what goes of other connectors where this one is deleted."""
        deleted = [
            (entry.at_ms, other)
            for other in self.names()
            if other != name and (entry := self.newest(other)) is not None and entry.config is None
        ]
        for _, other in sorted(deleted)[: max(0, len(deleted) + 1 - DELETED_MAX)]:
            for version in self._index()[other]:
                yield other, version


def _entry(version: int, stored: Mapping[str, Any]) -> Entry:
    author = Author(*(str(stored.get(member) or "") for member in ("by", "from", "via")))
    of = stored.get("of")
    return Entry(
        version,
        stored["at"],
        stored["what"],
        author,
        of if isinstance(of, int) else None,
        stored.get("target"),
        stored.get("config"),
    )
