from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.rewinds import Place, RewindConnector


def test_a_rewind_is_asked_for_and_done_unless_it_is_a_dry_run() -> None:
    assert not RewindConnector.model_validate({"to": "earliest"}).dry_run
    with pytest.raises(ValidationError):
        RewindConnector.model_validate({"to": "earliest", "dry_run": "yes"})


@pytest.mark.parametrize("body", [{"by": "2"}, {"by": 1 << 63}, {"timestamp": -1}, {"offsets": []}, {"offsets": [{}]}])
def test_a_place_that_is_none_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Place.model_validate(body)
