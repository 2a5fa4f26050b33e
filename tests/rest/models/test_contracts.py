"""Bodies about contracts: a schema under its name in JSON, and nothing beside it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.contracts import GiveSchema


def test_the_schema_is_an_object_and_the_only_member() -> None:
    assert GiveSchema.model_validate({"schema": {"type": "int32"}}).schema_ == {"type": "int32"}
    for body in ({}, {"schema": "int32"}, {"schema": {}, "topic": "t"}):
        with pytest.raises(ValidationError):
            GiveSchema.model_validate(body)
