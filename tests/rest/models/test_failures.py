from __future__ import annotations

from connect.rest.models.events import LastError
from connect.rest.models.failures import Failure
from tests.support.recorded import members


def test_a_failure_has_what_a_row_says_of_it() -> None:
    assert set(members(LastError)) < set(members(Failure))
