from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.registry import ConfigBody, ModeBody, RegisterBody


def test_a_body_has_the_registrys_names_and_passes_over_others() -> None:
    body = RegisterBody.model_validate({"schema": "x", "schemaType": "JSON", "ruleSet": {}, "schemaTagsToAdd": []})
    assert (body.schema_text, body.schema_type, body.rule_set) == ("x", "JSON", {})
    assert ModeBody.model_validate({"mode": "IMPORT", "more": 1}).mode == "IMPORT"


def test_what_a_config_does_not_know_is_kept_to_be_refused() -> None:
    assert ConfigBody.model_validate({"validateFields": True}).model_extra == {"validateFields": True}


@pytest.mark.parametrize("body", [{"schema": 1}, {"id": -2}, {"version": 2**31}, {"references": {}}, {"metadata": []}])
def test_members_of_another_type_are_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RegisterBody.model_validate(body)
