"""Letters counted by their causes, in bounded memory however many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from connect.runtime.dead_letters.letters import Letter

#: Causes that are told apart; further ones are counted together.
CAUSES_MAX: Final = 500
#: Connectors that are named of one cause.
CONNECTORS_MAX: Final = 10
_MESSAGE_CHARS: Final = 300


@dataclass(slots=True)
class CauseCount:
    """Letters of one cause.

    Attributes:
        first_ms, last_ms: When the first and the last of them failed.
        sample: The address of the first that was read, and its message.
        connectors: Who failed; not more than `CONNECTORS_MAX`.
    """

    code: str
    exception: str
    stage: str
    sqlstate: str
    column: str
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0
    sample: str = ""
    message: str = ""
    connectors: list[str] = field(default_factory=list)

    def take(self, letter: Letter) -> None:
        """Count a letter."""
        if not self.count:
            self.sample, self.message = letter.address, letter.cause.message[:_MESSAGE_CHARS]
            self.first_ms = self.last_ms = letter.failed_ms
        self.count += 1
        self.first_ms, self.last_ms = min(self.first_ms, letter.failed_ms), max(self.last_ms, letter.failed_ms)
        connector = letter.connector
        if connector and connector not in self.connectors and len(self.connectors) < CONNECTORS_MAX:
            self.connectors.append(connector)


class Causes:
    """Counts letters by error code or exception, stage, SQLSTATE and column."""

    def __init__(self) -> None:
        self._by_cause: dict[tuple[str, ...], CauseCount] = {}
        #: Letters of causes beyond `CAUSES_MAX`.
        self.others = 0

    def take(self, letter: Letter) -> None:
        """Count a letter."""
        cause = letter.cause
        details = cause.details
        key = (cause.code, cause.exception, cause.stage, details.get("sqlstate", ""), details.get("column", ""))
        found = self._by_cause.get(key)
        if found is None:
            if len(self._by_cause) >= CAUSES_MAX:
                self.others += 1
                return
            found = self._by_cause[key] = CauseCount(*key)
        found.take(letter)

    def counts(self) -> list[CauseCount]:
        """Return what was counted, the most frequent first."""
        return sorted(self._by_cause.values(), key=lambda one: (-one.count, one.first_ms))
