"""What a start leaves out of FastAPI."""

from __future__ import annotations

import fastapi.utils
import pytest
from pydantic import BaseModel

from connect.rest.importing import lean

_ASKED = fastapi.utils.annotation_is_pydantic_v1


def test_a_model_that_is_declared_meanwhile_is_as_any_other_and_all_is_as_it_was_behind_it():
    with lean():
        assert not fastapi.utils.annotation_is_pydantic_v1(int)
        assert "defer_build" not in BaseModel.model_config
    assert fastapi.utils.annotation_is_pydantic_v1 is _ASKED

    class Later(BaseModel):
        number: int

    assert Later.__pydantic_complete__


def test_all_is_as_it_was_behind_an_import_that_fails():
    with pytest.raises(ImportError), lean():
        raise ImportError
    assert fastapi.utils.annotation_is_pydantic_v1 is _ASKED
