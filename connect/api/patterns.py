"""Regular expressions that a user gives: Java's, run under a time limit.

    pattern = compile_pattern("orders-(?<region>[a-z]+)", key="topics.regex")
    if pattern.fullmatch(topic): ...

Every pattern of a config or a request goes through here, for two reasons: configs are written for Java, whose patterns
Python's differ from; and a pattern such as `(a+)+$` takes for ever on a text that it nearly matches, with all that
waits for it. The engine is `regex`; it lets other threads run while it looks.

On the event loop give `limit_s=LOOP_LIMIT_S`, or take a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

from connect.api.error_codes import register_code
from connect.api.errors import DataError


class Groups(Protocol):
    """What a match knows of its pattern."""

    @property
    def groups(self) -> int:
        """How many groups it has."""

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The numbers of the groups that have a name."""


class Match(Protocol):
    """A match of a pattern in a text, as `re` has it: groups by number or name, 0 for all of it."""

    @property
    def re(self) -> Groups:
        """The pattern's groups."""

    @property
    def string(self) -> str:
        """The whole text."""

    def __getitem__(self, group: int | str, /) -> str | None:
        """Return a group's text; None where it took no part. Raises `IndexError` where there is no such group."""

    def groups(self) -> tuple[str | None, ...]:
        """Return the text of each group, without the whole."""

    def groupdict(self) -> Mapping[str, str | None]:
        """Return the text of each group that has a name."""

    def start(self, group: int | str = 0, /) -> int:
        """Return where a group begins, in characters; -1 where it took no part."""

    def end(self, group: int | str = 0, /) -> int:
        """Return where a group ends, in characters; -1 where it took no part."""


#: How long one look may take.
LIMIT_S: Final = 1.0
#: How long one look may take where others wait for it.
LOOP_LIMIT_S: Final = 0.005

_REMEMBERED_MAX: Final = 256

TOO_SLOW: Final = register_code(
    "pattern.too_slow",
    "A regular expression takes too long on a text.",
    "Rewrite it so that no part can match the same text in two ways: a+ in place of (a+)+.",
)


class SlowPatternError(DataError):
    """A pattern took longer than it may on one text; names the key and the pattern."""

    default_code = TOO_SLOW


class Pattern:
    """A compiled Java pattern. Safe to use from several threads.

    A text that took too long once is refused at once from then on.

    Attributes:
        text: The pattern as it was given.
        key: The config's key that holds it, for messages.
    """

    __slots__ = ("_compiled", "_fullmatch", "_search", "_slow", "key", "text")

    def __init__(self, text: str, compiled: Any, key: str | None = None) -> None:
        self.text = text
        self.key = key
        self._compiled = compiled
        self._fullmatch = compiled.fullmatch
        self._search = compiled.search
        self._slow: dict[str, float] = {}

    def fullmatch(self, text: str, *, limit_s: float = LIMIT_S) -> Match | None:
        """Return the match of the whole text, or None.

        Raises:
            SlowPatternError: It took longer than `limit_s`.
        """
        return self._look(self._fullmatch, text, limit_s)

    def search(self, text: str, *, limit_s: float = LIMIT_S) -> Match | None:
        """Return the first match in the text, or None. Raises as `fullmatch`."""
        return self._look(self._search, text, limit_s)

    def _look(self, look: Any, text: str, limit_s: float) -> Match | None:
        if self._slow and self._slow.get(text, 0.0) >= limit_s:
            raise self._too_slow(text, limit_s)
        try:
            found: Match | None = self._tried(look, text, limit_s)
        except TimeoutError:
            if len(self._slow) >= _REMEMBERED_MAX:
                self._slow.clear()
            self._slow[text] = limit_s
            raise self._too_slow(text, limit_s) from None
        except MemoryError:
            raise self._too_slow(text, limit_s, "needs too much memory") from None
        return found

    def _tried(self, look: Any, text: str, limit_s: float) -> Any:
        try:
            return look(text, timeout=limit_s)
        except TimeoutError:
            if limit_s > LOOP_LIMIT_S:
                raise
            # So little time may have gone by because the machine was busy with something else.
            return look(text, timeout=limit_s)

    def _too_slow(self, text: str, limit_s: float, what: str = "") -> SlowPatternError:
        named = f"{self.key}: " if self.key else ""
        what = what or f"takes longer than {limit_s * 1000:.0f} ms"
        shown = self.text if len(self.text) <= 200 else f"{self.text[:200]}…"
        return SlowPatternError(
            f"{named}pattern {shown!r} {what} on a text of {len(text)} characters", config_path=self.key
        )

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


def compile_pattern(pattern: str, *, key: str | None = None) -> Pattern:
    """Compile a Java pattern. Takes some milliseconds for a long one; the last 256 are remembered.

    Args:
        key: The config's key that holds it; errors name it.

    Raises:
        ValueError: Not a pattern, or one that is too large to be run; says why.
    """
    return Pattern(pattern, _compiled(pattern), key)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    # The engine, and the translator's tables, take as long to import as half of the API: only who has a pattern pays.
    import regex

    from connect.api.java.regex import translate

    try:
        return regex.compile(translate(pattern), regex.V1, cache_pattern=False)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        raise ValueError(f"Invalid regex: {error or type(error).__name__}") from error


def valid_pattern(value: object) -> None:
    """Check a config value that is a pattern: a validator for `config_key(validators=[valid_pattern])`."""
    if value is None:
        raise ValueError("Invalid regex: there is none")
    _compiled(str(value))
