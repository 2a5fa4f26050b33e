"""What a stored source offset, or one of a user, has to hold."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError
from connect_file.offsets import position_of


@pytest.mark.parametrize(("offset", "position"), [(None, 0), ({"position": 0}, 0), ({"position": 7, "inode": 1}, 7)])
def test_a_position_is_a_whole_number_of_bytes(offset: dict[str, Any] | None, position: int) -> None:
    assert position_of(offset, "f") == position


@pytest.mark.parametrize("offset", [{}, {"position": "7"}, {"position": -1}, {"position": True}, {"position": 1.5}])
def test_another_is_refused_by_the_name_of_the_file(offset: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"the offset of file 'f' is .*; expected a 'position' of 0 or more bytes"):
        position_of(offset, "f", what="offset")
