"""`FileStreamSource`: the lines of a file that grows, of many files, or of standard input, one record a line.

What is read, and by whom:

    one file, by Kafka's keys alone     `connect_file.one_file`
    many files, or one in a format      `connect_file.reader`; of which all is Connect's own
    standard input                      `connect_file.standard_input`

Source of the keys: Apache Kafka 4.3.1, connect/file, FileStreamSourceConnector.java.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, cast

from connect.api import Batch, ConfigError, ExactlyOnceSupport, Problem, SourceConnector, SourceTask
from connect_file.ends import Action, AtEnd
from connect_file.followed import FilesConfig
from connect_file.listing import Listing
from connect_file.offsets import position_of
from connect_file.one_file import OneFile, looks_odd
from connect_file.reader import Reader
from connect_file.source_config import FileStreamSourceConfig, format_of
from connect_file.standard_input import StandardInput

#: In a task's config of many files: which share of them it has, of how many.
SHARE_KEY: Final = "files.share"
#: How often a commit is asked for while there is something to read: what a crash repeats is read again in no longer.
COMMIT_S: Final = 5.0
#: The same where a file was begun: an offset is what tells its name's next file that this one was read.
NEW_FILE_COMMIT_S: Final = 0.5
#: Over what a file may wait, so that its last record is there, and how often it is looked meanwhile whether it is.
SETTLED_S: Final = 0.5
#: How long nothing must have come of many files for a preview to end.
PREVIEW_QUIET_S: Final = 0.3


class Input(Protocol):
    """What a task reads. All calls block, and are for the task's thread."""

    def poll(self) -> list[Batch]:
        """Return the next batches; empty where there is nothing just now."""

    def take_news(self) -> bool:
        """Whether the first records of a file were returned since this was last asked."""

    def offset_within(self, batch: Batch, count: int) -> dict[str, Any] | None:
        """Return the offset behind the first records of a batch; None where it is not known any more."""

    def committed(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        """Hear up to where records are durable."""

    def close(self) -> None:
        """Let all files go."""


class FileStreamSourceTask(SourceTask[FileStreamSourceConfig]):
    """Reads its input. Plain `def`: one hop to the task's thread a poll.

    For a preview, files that were read stay where they are, and nothing is waited for; standard input is not read,
    since it cannot be read again.
    """

    previews = True
    _input: Input | None = None
    _commit_asked_at: float
    #: How long nothing must have come for all to have been read, in seconds; None where the runtime's own rule does.
    _quiet_s: float | None = None

    def start(self) -> None:
        self._commit_asked_at = self._brought_at = time.monotonic()
        if (entries := self.config.entries) is not None:
            self._input = Reader(self._files_config(entries), self.context)
            self._commit_asked_at = float("-inf")
            self._quiet_s = self._settles_s()
        elif self.config.file:
            self._input = OneFile(self.config, self.context)
        elif self.context.is_preview:
            raise ConfigError(
                "standard input cannot be previewed: what is read of it is gone",
                hint="Name a file with the same lines, for the preview.",
                config_path="file",
            )
        else:
            self._input = StandardInput(self.config, self.context)

    def _settles_s(self) -> float:
        """How long files may take to bring their last record, or to be seen at all."""
        config = self.config
        if self.context.is_preview:
            return PREVIEW_QUIET_S
        waits = config.on_eof != "tail" or config.multiline_start is not None or config.format == "whole"
        return config.files_poll_interval_ms / 1000 + (config.eof_wait_ms / 1000 if waits else 0.0) + SETTLED_S

    def _files_config(self, entries: Sequence[str]) -> FilesConfig:
        config, originals = self.config, self.config.originals
        on_eof, wait_s = cast(Action, config.on_eof), config.eof_wait_ms / 1000
        if self.context.is_preview:
            on_eof, wait_s = "tail" if on_eof == "tail" else "stop", 0.0
        share, _, shares = str(originals.get(SHARE_KEY, "0/1")).partition("/")
        return FilesConfig(
            Listing(entries, config.files_exclude, closed=config.on_eof_folder),
            int(share),
            int(shares),
            config.topic,
            max(config.batch_size, 1),
            partial(format_of, config),
            config.files_poll_interval_ms / 1000,
            str(originals.get("errors.tolerance") or "none").lower() == "all",
            "file" if config.files is None else "files",
            AtEnd(on_eof, wait_s, config.on_eof_folder),
            is_whole=config.format == "whole",
            is_raw=config.format == "whole" and config.charset is None,
            quiet_s=wait_s if config.multiline_start is not None else None,
        )

    def stop(self) -> None:
        if self._input is not None:
            self._input.close()

    def poll_batch(self) -> list[Batch]:
        assert self._input is not None
        batches = self._input.poll()
        now = time.monotonic()
        if batches:
            self._brought_at = now
        elif self._quiet_s is None and self.context.is_preview:
            self.context.drained = True  # one file at its end
        if self._quiet_s is not None:
            self.context.drained = not batches and now - self._brought_at >= self._quiet_s
            if not batches and not self.context.drained and self.context.poll_wait_s is not None:
                # To say so in time, however long nothing changes.
                self.context.poll_wait_s = min(self.context.poll_wait_s, SETTLED_S)
        if batches:
            every_s = NEW_FILE_COMMIT_S if self._input.take_news() else COMMIT_S
            if now >= self._commit_asked_at + every_s:
                self._commit_asked_at = now
                self.context.request_commit()
        return batches

    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        if self._input is not None:
            self._input.committed(offsets)

    def offset_within(self, batch: Batch, count: int) -> dict[str, Any] | None:
        """Look into the file again for the end of a line within a batch: positions of lines are not kept."""
        return None if self._input is None else self._input.offset_within(batch, count)


class FileStreamSourceConnector(SourceConnector[FileStreamSourceConfig]):
    """Reads the lines of one file, of many, or of standard input, into a topic.

    One task for one file, whatever `tasks.max` says; as many as that for many files, each of which finds its own.
    """

    class_name = "org.apache.kafka.connect.file.FileStreamSourceConnector"
    version = "0.1.0"
    task_class = FileStreamSourceTask

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        own = dict(self.config.originals)
        if self.config.files is None:
            return [own]
        return [{**own, SHARE_KEY: f"{share}/{max_tasks}"} for share in range(max_tasks)]

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Exactly once where `file` names what is only appended to. Standard input cannot be read again, and of `files`
        one that is moved to a name of another task, or to another folder, is read by two."""
        return ExactlyOnceSupport.SUPPORTED if self.config.file else ExactlyOnceSupport.UNSUPPORTED

    def alter_offsets(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> bool:
        """Check that each is a position in a file. Other files than the config's are taken, as Kafka does."""
        if not self.config.file and not self.config.files:
            raise ConfigError(
                "the offsets of a connector that reads standard input cannot be altered: key 'file' is not set",
                hint="Standard input cannot be read again; nothing needs to be reset.",
                config_path="file",
            )
        for partition, offset in offsets:
            if offset is None:
                continue  # whatever is stored can be forgotten
            if not isinstance(partition.get("filename"), str):
                raise ConfigError(f"partition {dict(partition)} has no key 'filename' with the path of a file")
            position_of(dict(offset), partition["filename"], what="offset")
            if self.config.entries is not None and not isinstance(partition.get("first_line"), str):
                raise ConfigError(
                    f"partition {dict(partition)} has no key 'first_line', which tells a file of that name by its "
                    "beginning",
                    hint="Alter an offset that the connector has stored: `connect connector offsets` lists them.",
                )
        return True

    def check(self) -> list[Problem]:
        folder = self.config.on_eof_folder
        if folder is not None and not Path(folder).is_dir():
            why = f"folder {folder!r} is not there, or is none: files that were read stay where they are; make it"
            return [Problem("on.eof.folder", why), *self._check_what_is_read()]
        return self._check_what_is_read()

    def _check_what_is_read(self) -> list[Problem]:
        if self.config.files is not None:
            return self._check_files(self.config.files)
        path = self.config.file
        if not path:
            return []
        if not Path(path).exists():
            return [Problem("file", f"file {path!r} is not there; the source waits for it{looks_odd(path)}")]
        if not Path(path).is_file():
            return [Problem("file", f"{path!r} is not a regular file")]
        return [] if os.access(path, os.R_OK) else [Problem("file", f"file {path!r} cannot be read: Permission denied")]

    def _check_files(self, files: Sequence[str]) -> list[Problem]:
        found = Listing(files, self.config.files_exclude).find()
        if not found:
            return [Problem("files", "no file is there that 'files' names; the source waits for one")]
        closed = [one.path for one in found if not os.access(one.path, os.R_OK)]
        if not closed:
            return []
        more = f", nor {len(closed) - 1} others" if len(closed) > 1 else ""
        return [Problem("files", f"file {closed[0]!r} cannot be read{more}: Permission denied")]
