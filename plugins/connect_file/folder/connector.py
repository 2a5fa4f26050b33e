"""`FolderSink`: the connector."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from connect.api import ConfigError, ExactlyOnceSupport, Problem, SinkConnector
from connect_file.folder.config import FolderSinkConfig
from connect_file.folder.journal import At, alter_journals
from connect_file.folder.task import FolderSinkTask, encoder_of


class FolderSinkConnector(SinkConnector[FolderSinkConfig]):
    """Writes the records of topics to files in a folder, which roll by size, records and time."""

    class_name = "connect_file.FolderSinkConnector"
    version = "0.1.0"
    task_class = FolderSinkTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """always: each record is in the finished files once. With fsync.policy=never a loss of power may undo that"""
        if self.config.fsync_policy == "never":
            return ExactlyOnceSupport.UNSUPPORTED
        return ExactlyOnceSupport.SUPPORTED

    def alter_offsets(self, offsets: Mapping[At, int | None]) -> bool:
        """Take any; those that are recorded in the folder are set there. Records that are read again are written
        again."""
        alter_journals(self.config.folder, self.context.name, offsets)
        return True

    def check(self) -> list[Problem]:
        folder = Path(self.config.folder)
        if not folder.is_dir():
            return [Problem("folder", f"folder {str(folder)!r} is not there, or is none")]
        if not os.access(folder, os.W_OK | os.X_OK):
            return [Problem("folder", f"folder {str(folder)!r} cannot be written: Permission denied")]
        try:
            encoder_of(self.config)
        except ConfigError as error:
            return [Problem(error.config_path or "format", str(error))]
        return []
