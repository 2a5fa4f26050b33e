"""Which row refers to which, and when it is deleted: from the row's number alone, without a list of rows.

A stream of related tables is made in rounds. In each, a table gets some new rows; row `k` of it is made in a round that
follows from `k`. What a row refers to, and the round in which it is deleted, are drawn by a hash of its number. So
whether any one of millions of parents is still there takes no memory, and a restart needs no history.

A row refers to rows that are there at that moment. One that is deleted takes with it what refers to it, in the same
round and before itself. The first row of a table is never deleted, so that there is always one to refer to.

Source: the hash is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

_MASK: Final = (1 << 64) - 1
_UNIT: Final = 2.0**-64
#: Draws of a parent, of which each may be gone, before one is taken that is not.
_TRIES: Final = 8
#: The round of what does not happen.
NEVER: Final = 1 << 62
_KNOWN_MAX: Final = 100_000

#: `(part, count, number) -> number of the parent`: `part` is random, from 0 to below 1; `count` are there.
Pick = Callable[[float, int, int], int]


def mixed(number: int, salt: int) -> int:
    """Return 64 bits that look random, the same for each number and salt."""
    bits = (number * 0x9E3779B97F4A7C15 + salt) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31)


def salt_of(*words: object) -> int:
    """Return a salt for one purpose: the same for the same words, on each machine."""
    return int.from_bytes(hashlib.blake2b("/".join(map(str, words)).encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that holds the key of a row of another table."""

    field: str
    parent_name: str
    parent: Rows
    pick: Pick
    salt: int


@dataclass(slots=True)
class Rows:
    """The rows of one table, as numbers from 0.

    Attributes:
        rows: Rows in a round; None where all are there from the start.
        fixed_count: How many are there from the start, where they are.
        deleted: The share of rows that are deleted by themselves, 0 to 1.
        deleted_within: The rounds within which that happens.
        salt: Of the draws about deletion.
        references: What its rows refer to.
        mortal: Whether rows of it are ever deleted.
    """

    rows: Fraction | None
    fixed_count: int = 0
    deleted: float = 0.0
    deleted_within: int = 1
    salt: int = 0
    references: Sequence[Reference] = ()
    mortal: bool = field(init=False)
    _numerator: int = field(init=False)
    _denominator: int = field(init=False)
    #: Some of what `deleted_in` found, at most `_KNOWN_MAX`: those that are referred to often are asked for often.
    _known: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.mortal = self.deleted > 0 or any(reference.parent.mortal for reference in self.references)
        self._numerator, self._denominator = self.rows.as_integer_ratio() if self.rows is not None else (0, 1)

    def count_by(self, round_: int) -> int:
        """Return how many rows are made by the end of a round."""
        return -((round_ + 1) * self._numerator // -self._denominator) if self._numerator else self.fixed_count

    def round_of(self, number: int) -> int:
        """Return the round in which a row is made; of one that is there from the start: 0."""
        return number * self._denominator // self._numerator if self._numerator else 0

    def parent_column(self, reference: Reference, numbers: range) -> list[int]:
        """Return the numbers of the rows that several rows refer to in one field: `parent` of each."""
        if reference.parent.mortal:
            return [self.parent(reference, number) for number in numbers]
        pick, salt, count_by, round_of = reference.pick, reference.salt, reference.parent.count_by, self.round_of
        made: list[int] = []
        round_, count = -1, 0
        for number in numbers:
            if (now := round_of(number)) != round_:
                round_, count = now, count_by(now)
            # `mixed` and `min` written out, for the time of their calls.
            bits = (number * 0x9E3779B97F4A7C15 + salt) & _MASK
            bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
            chosen = pick((bits ^ (bits >> 31)) * _UNIT, count, number)
            made.append(chosen if chosen < count else count - 1)
        if numbers.start == 0:
            made[0] = 0
        return made

    def parent(self, reference: Reference, number: int) -> int:
        """Return the number of the row that a row refers to in one field."""
        if not number:
            return 0
        parent, round_ = reference.parent, self.round_of(number)
        count = parent.count_by(round_)
        for attempt in range(_TRIES):
            chosen = reference.pick(mixed(number, reference.salt + attempt) * _UNIT, count, number)
            if chosen >= count:
                chosen = count - 1
            if not parent.mortal or parent.deleted_in(chosen) > round_:
                return chosen
        newest = range(count - 1, max(count - _TRIES, 0), -1)
        return next((row for row in newest if parent.deleted_in(row) > round_), 0)

    def deleted_in(self, number: int) -> int:
        """Return the round in which a row is deleted; `NEVER` where it is not."""
        known = self._known.get(number)
        if known is None:
            known = self._deleted_in(number, [self.parent(reference, number) for reference in self.references])
        return known

    def deleted_column(self, numbers: range, parents: Sequence[Sequence[int]]) -> list[int]:
        """Return `deleted_in` of several rows, of which is known what they refer to in each field."""
        if not parents:
            return [self._deleted_in(number, ()) for number in numbers]
        return [self._deleted_in(number, own) for number, own in zip(numbers, zip(*parents, strict=True), strict=True)]

    def _deleted_in(self, number: int, parents: Sequence[int]) -> int:
        if not number:
            return NEVER
        end = NEVER
        if self.deleted:
            bits = mixed(number, self.salt)
            if bits * _UNIT < self.deleted:
                end = self.round_of(number) + 1 + mixed(bits, self.salt) % self.deleted_within
        for reference, row in zip(self.references, parents, strict=True):
            if reference.parent.mortal and (gone := reference.parent.deleted_in(row)) < end:
                end = gone
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[number] = end
        return end


def uniform(part: float, count: int, number: int) -> int:
    """Each of the rows that are there is as likely."""
    return int(part * count)


def zipf(exponent: float) -> Pick:
    """The n-th row is chosen 1/n^exponent as often as the first, as near as a smooth curve comes to that."""
    if exponent == 1:
        return lambda part, count, number: int((count + 1) ** part) - 1
    power = 1 - exponent
    return lambda part, count, number: int((((count + 1) ** power - 1) * part + 1) ** (1 / power)) - 1


def hot(share: float, of: float) -> Pick:
    """The first rows, `of` all, are chosen in `share` of the cases."""

    def pick(part: float, count: int, number: int) -> int:
        few = max(1, int(count * of))
        if part < share or few == count:
            return int(part / share * few) if part < share else int(part * count)
        return few + int((part - share) / (1 - share) * (count - few))

    return pick


def recent(last: int) -> Pick:
    """One of the `last` rows."""
    return lambda part, count, number: count - 1 - int(part * min(count, last))


def each(ratio: Fraction) -> Pick:
    """Row after row, each `ratio` times."""
    return lambda part, count, number: number * ratio.denominator // ratio.numerator
