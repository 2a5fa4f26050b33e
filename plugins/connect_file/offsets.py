"""Source offsets of files, as they are stored or a user gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connect.api import ConfigError


def position_of(offset: Mapping[str, Any] | None, path: str, *, what: str = "stored source offset") -> int:
    """Return the position that an offset holds; 0 where there is none.

    Raises:
        ConfigError: It holds none; says what was expected.
    """
    if offset is None:
        return 0
    position = offset.get("position")
    if not isinstance(position, int) or isinstance(position, bool) or position < 0:
        raise ConfigError(
            f"the {what} of file {path!r} is {dict(offset)!r}; expected a 'position' of 0 or more bytes, a whole "
            "number",
            hint="Alter or reset the connector's offsets.",
        )
    return position
