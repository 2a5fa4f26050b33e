from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.dlq import DiscardLetters, ReplayLetters


def test_a_replay_needs_nothing_and_a_discard_its_reason() -> None:
    assert ReplayLetters.model_validate({}).max_replays == 3
    with pytest.raises(ValidationError):
        DiscardLetters.model_validate({})


def test_a_member_that_is_misspelt_is_no_condition_that_is_left_out() -> None:
    for body in ({"were": "code = x"}, {"reason": "x", "were": "code = x"}):
        with pytest.raises(ValidationError, match="extra"):
            (DiscardLetters if "reason" in body else ReplayLetters).model_validate(body)
