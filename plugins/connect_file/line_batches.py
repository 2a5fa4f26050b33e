"""The lines of one input to batches: of one file as Kafka's keys name it, or of standard input."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from connect.api import STRING, Batch, DataError
from connect_file.errors import LINE_TOO_LONG
from connect_file.lines import LINE_BYTES_MAX, NotInCharset, Rows, split_lines, whole_lines_bytes
from connect_file.source_config import FileStreamSourceConfig


class LineBatches:
    """What was read, as batches of whole lines.

    Attributes:
        position: Of the next line; everything before it was returned.
        held: What was read from there on, but is not a whole line yet.
        named: What is read just now, for messages: a file may have been moved.
        failure: What the lines behind those that were returned are at fault of, for the next poll.

    Args:
        name: Of the input.
        partition: The source partition; None for an input that cannot be read again.
        offset_at: Gives the source offset of a position.
    """

    def __init__(
        self,
        config: FileStreamSourceConfig,
        log: logging.Logger | logging.LoggerAdapter[Any],
        name: str,
        partition: dict[str, Any] | None = None,
        offset_at: Callable[[int], dict[str, Any] | None] = lambda position: None,
    ) -> None:
        self.position = 0
        self.held = b""
        self.named = self._name = name
        self.failure: DataError | None = None
        self._topic, self._charset, self._batch_records = config.topic, config.charset, max(config.batch_size, 1)
        self._log, self._partition, self._offset_at = log, partition, offset_at
        self._warned_undecodable = False

    def take(self, data: bytes) -> list[Batch]:
        """Make batches of the whole lines of what was read, and hold the rest back.

        Raises:
            DataError: A line is too long, or not in the character set.
        """
        if self.held:
            data = self.held + data
        whole_bytes = whole_lines_bytes(data)
        self.held = data[whole_bytes:]
        if len(self.held) > LINE_BYTES_MAX:
            raise DataError(
                f"file {self._name!r} has a line of more than {LINE_BYTES_MAX >> 20} MiB "
                f"at position {self.position + whole_bytes}",
                code=LINE_TOO_LONG,
            )
        batches: list[Batch] = []
        try:
            groups = split_lines(data[:whole_bytes], self._batch_records, self._charset)
        except NotInCharset as error:
            groups = error.before  # these first: the next poll tells of what follows
            self.failure = self._not_in_charset(error, self.position + sum(lines.size_bytes for lines in groups))
            if not groups:
                raise self.failure from error
        for lines in groups:
            self.position += lines.size_bytes
            batches += self._batches([lines])
        return batches

    def last(self, line: bytes) -> list[Batch]:
        """Make a batch of a last line, whose offset is the present position.

        Raises:
            DataError: It is not in the character set.
        """
        try:
            return self._batches(split_lines(line, 1, self._charset))
        except NotInCharset as error:
            raise self._not_in_charset(error, self.position) from error

    def _not_in_charset(self, error: NotInCharset, position: int) -> DataError:
        return DataError(
            f"file {self.named!r} has bytes at position {position + error.start} that are not {self._charset}",
            hint="Name the file's character set with 'charset'; ISO-8859-1 takes any bytes.",
            config_path="charset",
        )

    def _batches(self, groups: list[Rows]) -> list[Batch]:
        """Make batches whose offset is the present position."""
        now_ms = time.time_ns() // 1_000_000
        for lines in groups:
            if lines.undecodable and not self._warned_undecodable:
                self._warned_undecodable = True
                self._log.warning(
                    "file %r is not all UTF-8: before position %d and maybe later, bytes that are not become U+FFFD",
                    self._name,
                    self.position,
                )
        return [
            Batch(
                self._topic,
                lines.values,
                timestamps=now_ms,
                value_schema=STRING,
                source_partition=self._partition,
                source_offset=self._offset_at(self.position),
            )
            for lines in groups
        ]
