"""What was read of a file to batches of whole records, by its format. All calls block."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Any, Final

from connect.api import STRING, Batch, DataError
from connect_file.errors import LINE_TOO_LONG
from connect_file.followed import FilesConfig, Key, key_of
from connect_file.follower import Follower
from connect_file.formats import BadRecord, Format
from connect_file.lines import CHUNK_BYTES, LINE_BYTES_MAX, Rows
from connect_file.listing import text_of

#: How much is taken at a time once a record could not be read.
AFTER_BAD_BYTES: Final = 1 << 14
#: Records that cannot be read are told of one by one, up to so many.
LEFT_OUT_TOLD: Final = 100


class Taking:
    """Makes the batches of one task.

    Attributes:
        batches: By partition and end, where each batch began, for as long as it may be asked about.
        failure: What the next poll is to tell of, behind the records in front of it.
        has_begun: Whether the first records of a file were returned.
    """

    def __init__(self, config: FilesConfig, log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self.batches: OrderedDict[tuple[Key, int], int] = OrderedDict()
        self.failure: DataError | None = None
        self.has_begun = False
        self._config, self._log = config, log
        self._formats: dict[str | None, Format] = {}
        self._warned_undecodable = False
        self._left_out = 0

    def begin_of(self, follower: Follower) -> int:
        """Return where the first record of a file begins."""
        assert follower.contents is not None
        return follower.contents.mark_bytes + self.format_of(follower).header_bytes(follower.layout)

    def know_layout(self, follower: Follower, *, is_left: bool) -> bool:
        """Look at the beginning of a file for what the format wants of it; False where it is not there yet."""
        if follower.layout is not None:
            return True
        format_ = self.format_of(follower)
        assert follower.contents is not None
        head_bytes, mark_bytes = CHUNK_BYTES, follower.contents.mark_bytes
        while True:
            head = follower.bytes_at(mark_bytes, head_bytes)
            if is_left and len(head) < head_bytes:
                head += b"\n"  # all that will come has come
            try:
                follower.layout = format_.layout_of(head)
            except ValueError as error:
                self.failure = DataError(
                    f"file {follower.path!r} cannot be read: {error}", hint="Mend the file, or leave it out."
                )
                return False
            if follower.layout is not None or len(head) < head_bytes or head_bytes > LINE_BYTES_MAX:
                break
            head_bytes *= 4
        if follower.layout is None:
            return False
        if follower.position < (begin := self.begin_of(follower)):
            follower.go_to(min(begin, mark_bytes + len(follower.bytes_at(mark_bytes, begin))))
        return True

    def format_of(self, follower: Follower) -> Format:
        """Return the format with the character set that the file says it has, or else the config."""
        charset = None if follower.contents is None else follower.contents.charset
        if charset not in self._formats:
            self._formats[charset] = self._config.format_of(charset)
        return self._formats[charset]

    def take(self, follower: Follower, data: bytes) -> list[Batch]:
        """Make batches of the whole records of what was read, and hold the rest back."""
        if follower.held:
            data = follower.held + data
        format_ = self.format_of(follower)
        batches: list[Batch] = []
        start, window_bytes = 0, len(data)
        while start < len(data):
            window = data[start : start + window_bytes]
            taken = format_.take(window, follower.layout, self._config.batch_records)
            before = start
            for rows in taken.rows:
                batches += self._batch(follower, rows, data[start : start + rows.size_bytes])
                start += rows.size_bytes
            if taken.bad is not None:
                if not self._leave_out(follower, taken.bad):
                    return batches
                follower.went_on(data[start : start + taken.bad.size_bytes])
                start += taken.bad.size_bytes
                window_bytes = AFTER_BAD_BYTES  # another may follow, and each is looked for from where it begins
            elif len(window) == len(data) - before:
                break
            elif start == before:
                window_bytes *= 4  # one record is longer
        data = data[start:]
        follower.held = data
        if len(data) > LINE_BYTES_MAX:
            self.failure = DataError(  # the next poll tells of it: this one has records of other files
                f"file {follower.path!r} has a line of more than {LINE_BYTES_MAX >> 20} MiB "
                f"at position {follower.position}",
                code=LINE_TOO_LONG,
            )
        return batches

    def take_last(self, follower: Follower, count_bytes: int) -> list[Batch]:
        """Make records of what is held, behind which nothing will come."""
        last, follower.held = follower.held[:count_bytes], follower.held[count_bytes:]
        taken = self.format_of(follower).last(last, follower.layout, self._config.batch_records)
        batches: list[Batch] = []
        for rows in taken.rows:
            batches += self._batch(follower, rows, last[: rows.size_bytes])
            last = last[rows.size_bytes :]
        if last:
            bad = taken.bad or BadRecord(len(last), "it has no end")
            if self._leave_out(follower, bad):
                follower.went_on(last)
        return batches

    def _leave_out(self, follower: Follower, bad: BadRecord) -> bool:
        """Whether to go on behind a record that cannot be read."""
        message = f"file {follower.path!r} has a record at position {follower.position} that cannot be read: {bad.why}"
        if not self._config.is_tolerant:
            follower.held = b""
            self.failure = DataError(  # the next poll tells of it: this one has the records in front of it
                message, hint="Mend the file, or set errors.tolerance=all to leave such records out."
            )
            return False
        self._left_out += 1
        if self._left_out <= LEFT_OUT_TOLD:
            more = "; further ones are not told of" if self._left_out == LEFT_OUT_TOLD else ""
            self._log.warning("left out, since errors.tolerance=all: %s%s", message, more)
        return True

    def _batch(self, follower: Follower, rows: Rows, read: bytes) -> list[Batch]:
        """Go on behind some rows, which are these bytes in the file, and make a batch of them."""
        follower.went_on(read)
        if not rows.values:
            return []
        self._remember(follower, len(read))
        if rows.undecodable and not self._warned_undecodable:
            self._warned_undecodable = True
            self._log.warning(
                "file %r is not all UTF-8: before position %d, and maybe in other files, bytes that are not become "
                "U+FFFD",
                follower.path,
                follower.position,
            )
        self.has_begun = self.has_begun or follower.emitted is None
        offset = follower.emitted = follower.offset()
        return [
            Batch(
                self._config.topic,
                rows.values,
                keys=[text_of(follower.path)] if self._config.is_whole else None,
                key_schema=STRING if self._config.is_whole else None,
                timestamps=time.time_ns() // 1_000_000,
                value_schema=self.format_of(follower).schema(follower.layout),
                source_partition=follower.partition,
                source_offset=offset,
            )
        ]

    def _remember(self, follower: Follower, size_bytes: int) -> None:
        """Keep where a batch began, for as long as it may be asked about."""
        assert follower.partition is not None
        self.batches[key_of(follower.partition), follower.position] = follower.position - size_bytes
        if len(self.batches) > 4096:
            self.batches.popitem(last=False)
