from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.config_texts import ParseConfigs


def test_a_text_to_read_is_text_and_nothing_else() -> None:
    assert ParseConfigs.model_validate({"text": "a=b"}).text == "a=b"
    for body in ({"text": 1}, {"text": None}, {}, {"text": "", "name": "c"}):
        with pytest.raises(ValidationError):
            ParseConfigs.model_validate(body)
