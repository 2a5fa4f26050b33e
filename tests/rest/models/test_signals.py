from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.signals import SendSignal


def test_a_type_is_enough_for_a_signal() -> None:
    assert SendSignal.model_validate({"type": "log"}) == SendSignal(id=None, type="log", data={})


@pytest.mark.parametrize("member", ["id", "type"])
def test_what_names_a_signal_has_1_to_100_characters(member: str) -> None:
    assert SendSignal.model_validate({"type": "log", member: "x" * 100})
    for wrong in ("", "x" * 101):
        with pytest.raises(ValidationError):
            SendSignal.model_validate({"type": "log", member: wrong})
