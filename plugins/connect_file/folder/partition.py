"""The files of one partition: those that are open, and those that have ended and are to be finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from connect.api import EnvironmentFault
from connect_file.errors import reason
from connect_file.folder.encoding import Body, Layout
from connect_file.folder.journal import Journal
from connect_file.folder.part_file import PartFile
from connect_file.folder.placing import STATE_FOLDER, Finished
from connect_file.folder.planning import FileState, Segment
from connect_file.folder.templates import Template
from connect_file.position import CHANGED


class PartitionFiles:
    """What a task writes of one partition.

    Attributes:
        open_files: By identity. There is one of each, so those of an identity follow one another by offset.
        position: The offset of the first record that is not dealt with; None until that is known.

    Args:
        body: Begins a file of a layout.
        syncs: Bring files to disk when they are finished.
    """

    def __init__(self, journal: Journal, template: Template, body: Callable[[Layout], Body], *, syncs: bool) -> None:
        self.open_files: dict[str, PartFile] = {}
        self.position: int | None = None
        self._journal, self._template, self._body, self._syncs = journal, template, body, syncs
        self._ended: list[PartFile] = []
        #: As the start found them; what comes again is left out by them, what is new never.
        self._ends = dict(journal.ends)

    def resume(self, topic_id: str) -> int | None:
        """Return where the partition goes on; None where nothing is known of it."""
        offset = self._journal.resume(topic_id)
        self._ends = dict(self._journal.ends)
        return offset

    def end_of(self, identity: str) -> int:
        """Return where the next file of an identity begins, as the start found it."""
        return self._ends.get(identity, 0)

    def state_of(self, identity: str) -> FileState | None:
        """Return what a file is that is open."""
        file = self.open_files.get(identity)
        if file is None:
            return None
        return FileState(file.texts, file.layout, file.records, file.end_offset, file.first_ms)

    @property
    def finished_ahead(self) -> int:
        """How many identities have files that were finished ahead of an open one; the journal names each."""
        return len(self._journal.ends)

    @property
    def _journal_offset(self) -> int:
        return self._journal.offset or 0

    # -- taking ------------------------------------------------------------------------------------------------------

    def take(self, segment: Segment, *, now: float, used: int) -> PartFile:
        """Take records into their file, in memory."""
        file = self.open_files.get(segment.identity)
        if segment.is_new and file is not None:
            self.end(file)
            file = None
        if file is None:
            file = self.open_files[segment.identity] = PartFile(
                self._journal.folder,
                self._journal.prefix,
                self._body(segment.layout),
                texts=segment.texts,
                layout=segment.layout,
                identity=segment.identity,
                first_offset=segment.first_offset,
                begun_at=now,
                first_ms=segment.first_ms,
            )
        file.add(segment.chunk, segment.records, segment.end_offset)
        file.used = used
        return file

    def end(self, file: PartFile) -> None:
        """End a file that is open."""
        file.end()
        del self.open_files[file.identity]
        self._ended.append(file)

    def end_all(self) -> None:
        """End all that are open."""
        for file in list(self.open_files.values()):
            self.end(file)

    # -- finishing ---------------------------------------------------------------------------------------------------

    @property
    def durable(self) -> int | None:
        """In front of which offset all records are in finished files, or in none."""
        if self.position is None:
            return None
        return min([self.position, *(file.first_offset for file in self._unfinished())])

    def finish(self) -> list[str]:
        """Write what waits; finish the files that have ended, and return their paths. Blocks.

        Raises:
            OSError: It cannot be done now; the next call goes on where this one stopped.
            EnvironmentFault: What was written may not be on disk, or was removed.
            As `place`.
        """
        for file in self.open_files.values():
            file.write()
        for file in self._ended:
            file.write()
            self._close(file)  # at once: one put may have ended more files than a process may have open
        if ready := self._ready():
            self._record(ready)
        return self._journal.settle()

    def keep_position(self) -> None:
        """Record how far the partition got behind its last file, where no file is under way. Blocks.

        Raises:
            OSError: It is not recorded.
        """
        if self.open_files or self._ended or self.position is None or self.position <= self._journal_offset:
            return
        self._journal.record(self.position, {}, ())

    def discard(self) -> None:
        """Remove what is not finished, which comes again, and let others have the partition."""
        try:
            for file in self._unfinished():
                file.discard()
        finally:
            self.open_files.clear()
            self._ended.clear()
            self._journal.close()

    def _unfinished(self) -> list[PartFile]:
        return [*self.open_files.values(), *self._ended]

    def _ready(self) -> list[PartFile]:
        """Return the files that have ended of which no offset is under way still."""
        position = self.position or 0
        open_from = {identity: file.first_offset for identity, file in self.open_files.items()}
        return [
            file
            for file in self._ended
            if file.end_offset <= position and open_from.get(file.identity, file.end_offset) >= file.end_offset
        ]

    def _close(self, file: PartFile) -> None:
        try:
            file.close(syncs=self._syncs)
        except FileNotFoundError as error:
            # Else its place in the journal would say that it was renamed.
            raise EnvironmentFault(
                f"file {file.path!r}, which was being written, was removed by somebody else",
                code=CHANGED,
                hint=f"Leave folder {Path(file.path).parent.name!r} in {STATE_FOLDER!r} alone; the records of the file "
                "come again once the task is restarted.",
            ) from error
        except OSError as error:
            # Not retriable: after a failed fsync the system may drop what it held and call the next one a success.
            raise EnvironmentFault(
                f"file {file.path!r} cannot be flushed: {reason(error)}", code="environment.disk"
            ) from error

    def _record(self, ready: list[PartFile]) -> None:
        rest = [file.first_offset for file in self._unfinished() if file not in ready]
        offset = max(min([*rest, self.position or 0]), self._journal_offset)
        ends = dict(self._journal.ends)
        for file in ready:
            ends[file.identity] = max(file.end_offset, ends.get(file.identity, 0))
        finished = []
        for file in ready:
            folder, name = self._template.path(file.texts, file.first_offset)
            finished.append(Finished(file.path, folder, name, self._template.extension))
        self._journal.record(offset, {identity: end for identity, end in ends.items() if end > offset}, finished)
        self._ended = [file for file in self._ended if file not in ready]
