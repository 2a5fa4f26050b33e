"""What may be asked of a preview."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connect.rest.models.previews import AskPreview


def test_only_the_config_is_needed() -> None:
    asked = AskPreview.model_validate({"config": {"tasks.max": 1}})
    assert (asked.config, asked.records, asked.timeout_ms, asked.start) == ({"tasks.max": "1"}, 20, 10_000, None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"config": {}, "records": 0},
        {"config": {}, "records": 201},
        {"config": {}, "timeout_ms": 99},
        {"config": {}, "timeout_ms": 60_001},
        {"config": {}, "from": "middle"},
        {"config": {}, "recrods": 2},
        {"config": {"a": []}},
    ],
)
def test_what_is_beyond_the_bounds_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AskPreview.model_validate(body)
