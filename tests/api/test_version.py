from __future__ import annotations

import re

from connect.api import VERSION


def test_the_version_is_a_major_and_a_minor_number() -> None:
    assert re.fullmatch(r"[1-9]\d*\.\d+", VERSION)
