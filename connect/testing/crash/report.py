"""What became of the records: lost, doubled, reordered, and whether that is as promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

#: So many records of each kind are named in a report.
_EXAMPLES: Final = 5
#: Of the worker's log, so many characters of the end are shown with a failure.
_LOG_CHARACTERS: Final = 4000


class Seen(NamedTuple):
    """A record as the kit knows it: its key, and its number among those of that key."""

    key: str
    number: int

    def __str__(self) -> str:
        return f"{self.key}/{self.number}"


@dataclass(frozen=True, slots=True)
class Report:
    """The books of one run.

    Attributes:
        written: Records that the upstream wrote.
        found: Records in the target, repetitions included.
        lost: Records that were written and are not in the target.
        doubled: Repetitions in the target.
        reordered: Records that came for the first time behind a later one of their key.
        strangers: What is in the target and was never written.
        kills: How often the worker was ended or disturbed at its mark.
        missed: How often it was ended at the deadline, since the mark was not reached.
        seed: Chooses the marks again: `CrashTest(..., seed=...)`.
        marks: How often each kind of mark was reached, and how often it was missed.
        trouble: Why the run did not come to its end: records that never arrived, a stop that was not clean. Empty: it
            did.
        examples: Some of the records that are wrong, each with what is wrong.
        log: The end of the worker's log.
    """

    written: int
    found: int
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    strangers: int = 0
    kills: int = 0
    missed: int = 0
    seed: int = 0
    seconds: float = 0.0
    marks: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
    examples: tuple[str, ...] = ()
    log: str = field(default="", repr=False)

    @property
    def verdict(self) -> str:
        """What was kept: 'exactly once', 'at least once', 'at most once', or 'broken'."""
        wrong = self.reordered or self.strangers or self.trouble or not self.written or not self.found
        if wrong or (self.lost and self.doubled):
            return "broken"
        if self.lost:
            return "at most once"
        return "at least once" if self.doubled else "exactly once"

    def assert_at_least_once(self) -> None:
        """Fail with the whole story where something was lost, came out of order, or came from nowhere."""
        assert self.verdict in ("at least once", "exactly once"), self._story("at least once")

    def assert_exactly_once(self) -> None:
        """Fail with the whole story where, besides, a record came twice."""
        assert self.verdict == "exactly once", self._story("exactly once")

    def assert_at_most_once(self) -> None:
        """Fail with the whole story where a record came twice, out of order, or from nowhere; some may be lost."""
        assert self.verdict in ("at most once", "exactly once"), self._story("at most once")

    def _story(self, promised: str) -> str:
        why = "" if self.written else "\n  the upstream wrote nothing, which proves nothing"
        log = f"\nthe end of the worker's log:\n{self.log[-_LOG_CHARACTERS:]}" if self.log else ""
        return f"promised: {promised}\n{self}{why}{log}"

    def __str__(self) -> str:
        counts = (
            f"{self.written} written, {self.found} found, {self.lost} lost, {self.doubled} doubled, "
            f"{self.reordered} reordered, {self.strangers} from nowhere"
        )
        marks = ", ".join(f"{name} {count}" for name, count in sorted(self.marks.items()))
        lines = [
            f"{self.verdict}: {counts}",
            f"{self.kills} marks reached and {self.missed} missed in {self.seconds:.1f} s, seed {self.seed}: {marks}",
            *([f"trouble: {self.trouble}"] if self.trouble else ()),
            *self.examples,
        ]
        return "\n  ".join(lines)


@dataclass(frozen=True, slots=True)
class Books:
    """What a comparison found; see `Report`."""

    lost: int
    doubled: int
    reordered: int
    strangers: int
    examples: tuple[str, ...]


def judge(written: Iterable[Seen], found: Iterable[Seen]) -> Books:
    """Compare what a target holds, in its order, with what was written.

    A repetition is no disorder: after a crash a stretch of records comes again. What came for the first time behind a
    later record of its key is.
    """
    model = set(written)
    counts: Counter[Seen] = Counter()
    highest: dict[str, int] = {}
    late: list[Seen] = []
    for seen in found:
        counts[seen] += 1
        if counts[seen] == 1:
            if seen.number < highest.get(seen.key, -1):
                late.append(seen)
            highest[seen.key] = max(highest.get(seen.key, -1), seen.number)
    lost = sorted(model - counts.keys())
    strangers = sorted(counts.keys() - model)
    doubled = sorted(seen for seen, count in counts.items() if count > 1)
    kinds = {"lost": lost, "doubled": doubled, "out of order": late, "from nowhere": strangers}
    return Books(
        lost=len(lost),
        doubled=sum(counts[seen] - 1 for seen in doubled),
        reordered=len(late),
        strangers=len(strangers),
        examples=tuple(
            f"{what}: {', '.join(map(str, some[:_EXAMPLES]))}{', …' if len(some) > _EXAMPLES else ''}"
            for what, some in kinds.items()
            if some
        ),
    )
