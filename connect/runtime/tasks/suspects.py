"""Records that a sink refuses alone, with an exception that says nothing of records: are they bad, or is the sink?

A `DataError` is the sink's word that a record is bad. A `KeyError` may be a record's, or that of a sink which takes
nothing any more; skipping on its word alone would lose a topic to an outage. So a record that fails alone is a suspect,
and needs a witness: another record that the sink takes behind it. Without one, the task fails and nothing is skipped:

- where none of a fetch of several is taken, or `ROW_MAX` in a row are not, or for `FAILING_MAX_S`;
- at the end of a fetch, where no record is there to be the witness, more than `LAST_MAX` are not believed. So many are,
  if the sink took another of the fetch, and refuses them still after some seconds; and the only one of a fetch, if the
  sink has taken any since the task's start, `LAST_MAX` times in a row.

So an outage that a sink reports in such a way costs two records at most, and those only after it lasted for seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from connect.api import Batch, PluginError
from connect.runtime.backoff import backoff_ms
from connect.runtime.border.failures import PLUGIN_FAILED, cause_of
from connect.runtime.failure_kinds import kind_of
from connect.runtime.tasks.failures import Failure

#: So many records in a row that fail alone are no bad records, but a broken sink; so is one that takes none so long.
ROW_MAX: Final = 100
FAILING_MAX_S: Final = 60.0
#: So many at the end are believed without a witness behind them.
LAST_MAX: Final = 2
#: How often one is put again before it is believed without a witness behind it, or with none in front of it.
TRIES_AT_THE_END: Final = 3
TRIES_AT_FIRST: Final = 1
#: The longest wait between two of these tries, in ms.
WAIT_MAX_MS: Final = 2000

#: What no record makes a sink raise.
_NEVER_A_RECORDS: Final = (OSError, NotImplementedError, ImportError, MemoryError)


def may_be_a_records(error: Exception) -> bool:
    """Whether an exception of a put may be about one of its records, though it does not say so."""
    if not isinstance(error, PluginError) or error.code != PLUGIN_FAILED or error.__cause__ is None:
        return False
    leaf = cause_of(error.__cause__)
    return isinstance(leaf, Exception) and not isinstance(leaf, _NEVER_A_RECORDS) and kind_of(error) == "defect"


class Suspects:
    """The suspects of one sink task, in order. `begin` starts a fetch; what is known of the sink is kept.

    Attributes:
        tries: How often the first of them was put again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.tries = 0
        self._clock = clock
        self._row: list[Failure] = []
        #: Those of the row that were returned by `new`.
        self._told = 0
        self._in_hand = 0
        #: Whether the sink has taken a record: of this fetch; since the task's start.
        self._has_taken = False
        self._has_ever = False
        #: Fetches in a row that ended without a witness.
        self._without = 0
        self._failing_s: float | None = None

    def __bool__(self) -> bool:
        return bool(self._row)

    def __len__(self) -> int:
        return len(self._row)

    def begin(self, records: int) -> None:
        """Begin a fetch of so many records. Suspects of one that was broken off come again."""
        self._row, self._told, self.tries, self._in_hand = [], 0, 0, records
        self._has_taken, self._failing_s = False, None

    def taken(self) -> None:
        """Take note that the sink took records."""
        self._has_taken = self._has_ever = True
        self._without, self.tries, self._failing_s = 0, 0, None

    def refused(self) -> None:
        """Take note that the sink refused records."""
        if self._failing_s is None:
            self._failing_s = self._clock()

    def add(self, failure: Failure) -> None:
        """Take a record that failed alone."""
        self.refused()
        self._row.append(failure)

    @property
    def first(self) -> Failure:
        """The first of the row."""
        return self._row[0]

    @property
    def is_over(self) -> bool:
        """Whether it is the sink that is broken, whatever follows."""
        is_late = self._failing_s is not None and self._clock() - self._failing_s > FAILING_MAX_S
        return is_late or len(self._row) >= ROW_MAX

    @property
    def are_believable(self) -> bool:
        """Whether the row may be bad, though no record follows that could be the witness."""
        if self._in_hand == 1:
            return self._has_ever and self._without < LAST_MAX
        return self._has_taken and len(self._row) <= LAST_MAX

    def wait_ms(self) -> int | None:
        """Return how long to wait before a record that failed alone is put again; None: it is a suspect.

        Only where the sink has taken nothing of the fetch yet: an outage may be just over.
        """
        if self._has_taken or self._row:
            return None
        return self._next_wait_ms(TRIES_AT_THE_END if self._in_hand == 1 else TRIES_AT_FIRST)

    def last_wait_ms(self) -> int | None:
        """Return how long to wait before the first of the row is put again, at the end of a fetch; None: it is bad."""
        is_plain = len(self._row) == 1 and self._has_taken  # what was in front of it was taken a moment ago
        return None if is_plain else self._next_wait_ms(TRIES_AT_THE_END)

    def _next_wait_ms(self, tries_max: int) -> int | None:
        if self.tries >= tries_max:
            return None
        self.tries += 1
        return backoff_ms(self.tries - 1, max_ms=WAIT_MAX_MS)

    def believed(self, *, taken: bool = True) -> list[Failure]:
        """Return the row, and hold nothing of it any more.

        Args:
            taken: The sink has taken a record behind it.
        """
        row, self._row, self._told = self._row, [], 0
        if taken:
            self.taken()
        else:
            self._without += 1
        return row

    def new(self) -> list[Failure]:
        """Return those of the row that this has not returned yet."""
        new, self._told = self._row[self._told :], len(self._row)
        return new

    def batches(self) -> Iterator[Batch]:
        """Return the records of the row, as batches of one."""
        return (failure.batch for failure in self._row)
