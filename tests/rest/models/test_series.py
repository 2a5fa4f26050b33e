from __future__ import annotations

from connect.rest.models.series import Series
from connect.runtime.live.rings import SERIES
from tests.support.recorded import members


def test_each_series_of_a_ring_is_told() -> None:
    assert len(members(Series)) == 2 + SERIES
