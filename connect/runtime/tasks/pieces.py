"""How large the next put is to be while a sink refuses puts without saying which record is bad.

Theory of operation. The records of a batch are put in pieces, from the front. A piece that is refused holds a bad
record: its first half is put; where that is taken the bad one is in the second half, which is not put as a whole to
learn it. So a bad record among n is alone after about log2(n) puts. Behind it the pieces are as large as such a sink
takes with even chances, which the distance between bad records tells; each that is taken doubles the next, until whole
batches go again. What was learned is kept from batch to batch.

With one bad record in a hundred that is 0.1 puts a record, and each is put three times; by halving whole batches of
10,000 it would be 0.15, and nine times.

Source of the search: F. K. Hwang, A Method for Detecting All Defective Members in a Population by Group Testing (1972).
"""

from __future__ import annotations

from typing import Final

#: Of the distance between two bad records: a piece as long as this is clean every other time.
EVEN_CHANCE: Final = 0.69


class Pieces:
    """Where the next piece ends. Offsets count within one batch; `begin` starts the next one."""

    def __init__(self) -> None:
        #: Records of the largest piece to put; None: whatever a batch holds.
        self._size: int | None = None
        #: Records between two bad ones, as a running mean; and taken since the last one.
        self._distance: float | None = None
        self._taken = 0
        self._length = 0
        #: A bad record is in front of this one; None: not known of any.
        self._bad_before: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether whole batches are put."""
        return self._size is None

    def begin(self, length: int) -> None:
        """Begin a batch of so many records."""
        self._length, self._bad_before = length, None

    def end(self, start: int) -> int:
        """Return where the piece ends that begins at `start`."""
        if self._bad_before is not None:
            return start + max(1, (self._bad_before - start) // 2)
        return self._length if self._size is None else min(start + self._size, self._length)

    def taken(self, start: int, end: int) -> None:
        """Take note that the sink took a piece."""
        self._taken += end - start
        if self._bad_before is not None:
            if end >= self._bad_before:  # what was refused together is taken in pieces
                self._bad_before = None
        elif self._size is not None:
            self._size *= 2
            if end - start == self._length:
                self._size = None

    def refused(self, end: int) -> None:
        """Take note that the sink refused a piece of several records, and did not say which is bad."""
        self._bad_before = end

    def alone(self) -> None:
        """Take note that a record failed alone."""
        distance = self._taken + 1
        self._distance = distance if self._distance is None else (self._distance + distance) / 2
        self._taken, self._bad_before = 0, None
        self._size = max(1, int(self._distance * EVEN_CHANCE))
