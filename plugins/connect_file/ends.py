"""What becomes of a file that was read to its end: `on.eof`. All calls block."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from connect.api import open_path

Action = Literal["tail", "stop", "delete", "move"]
ACTIONS: Final = ("tail", "stop", "delete", "move")
_NUMBERS_MAX: Final = 10_000


@dataclass(frozen=True)
class AtEnd:
    """What is done at the end of a file.

    Attributes:
        wait_s: How long it has to be quiet before.
        folder: Where files are moved to.
    """

    action: Action = "tail"
    wait_s: float = 10.0
    folder: str | None = None

    @property
    def done(self) -> str:
        """What was done or could not be, for messages."""
        return "deleted" if self.action == "delete" else f"moved to {self.folder!r}"

    def act(self, path: str, inode: tuple[int, int]) -> bool:
        """Delete or move a file; False where its path leads to another one by now.

        Raises:
            OSError: It cannot be done.
            ConfigError: file.not_allowed: the worker lets connectors write neither it nor there.
        """
        status = os.lstat(path)  # a link is not what was read
        if (status.st_dev, status.st_ino) != inode:
            return False
        os.close(open_path(path, os.O_WRONLY))  # nothing is opened that may not be written
        if self.action == "delete":
            os.unlink(path)  # noqa: PTH108 - beside lstat, the same by name
        else:
            assert self.folder is not None
            _move(path, self.folder)
        return True


def _move(path: str, folder: str) -> None:
    """Move a file into a folder under its name, with a number behind it where that is taken: nothing is replaced."""
    name = Path(path).name
    for number in range(_NUMBERS_MAX):
        target = Path(folder) / (f"{name}.{number}" if number else name)
        try:
            target.hardlink_to(path)
        except FileExistsError:
            # The same file: it was moved, and a kill came before its old name was gone.
            if not os.path.samestat(target.lstat(), os.lstat(path)):
                continue
        os.unlink(path)  # noqa: PTH108
        return
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), path)
