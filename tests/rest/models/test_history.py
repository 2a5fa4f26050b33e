from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.history import RollBack


def test_a_rollback_names_a_version() -> None:
    assert RollBack.model_validate({"version": 2}).version == 2


@pytest.mark.parametrize("body", [{}, {"version": 0}, {"version": "2"}, {"version": True}, {"version": 1, "of": 2}])
def test_what_names_none_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RollBack.model_validate(body)
