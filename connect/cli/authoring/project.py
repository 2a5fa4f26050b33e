"""Writes the folder of a new plugin: whole, or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from connect.api import ConflictError, EnvironmentFault, register_code

EXISTS: Final = register_code(
    "plugin.exists",
    "There is a file or folder already where a new plugin is to be written.",
    "Give another folder with --into, or take away what is there.",
)
NOT_WRITTEN: Final = register_code(
    "environment.plugin_folder",
    "The folder of a new plugin cannot be written.",
    "See the cause; give another folder with --into.",
)


def write(target: Path, files: Mapping[str, str]) -> None:
    """Write files, by their paths below a folder that is not there yet. They are written beside it, and it is there
    once all of them are.

    Raises:
        ConflictError: plugin.exists.
        EnvironmentFault: environment.plugin_folder; nothing is left behind.
    """
    if target.exists() or target.is_symlink():
        raise ConflictError(f"{target} is there already; nothing was written", code=EXISTS)
    made: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
        made.mkdir()
        for name, text in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        # Refused where somebody has made it meanwhile, unless it is an empty folder.
        made.rename(target)
    except OSError as error:
        if target.exists():
            raise ConflictError(f"{target} is there already; nothing was written", code=EXISTS) from error
        raise EnvironmentFault(f"cannot write {target}: {error}", code=NOT_WRITTEN) from error
    finally:
        if made is not None and made.exists():
            shutil.rmtree(made)
