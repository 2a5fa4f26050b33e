from __future__ import annotations

from connect.rest.models.logs import LogLine
from connect.runtime.live.lines import KeptLine
from tests.support.recorded import members


def test_a_line_is_told_as_it_is_kept() -> None:
    assert members(LogLine) == ["at", *list(KeptLine.__dataclass_fields__)[1:]]
