from __future__ import annotations

from connect.rest.models.offsets import AlterOffset, AlterOffsets, ConnectorOffset, ConnectorOffsets
from tests.support.recorded import body, members


def test_what_is_read_can_be_sent_back() -> None:
    found = body("lifecycle/offsets-survive-delete")
    assert AlterOffsets.model_validate(found).model_dump() == found
    assert members(ConnectorOffsets) == list(found)
    assert members(ConnectorOffset) == list(found["offsets"][0]) == list(AlterOffset.model_fields)


def test_null_forgets_and_a_missing_offset_does_too() -> None:
    body = AlterOffsets.model_validate({"offsets": [{"partition": {"a": 1}, "offset": None}, {"partition": {}}]})
    assert body.offsets is not None
    assert [entry.offset for entry in body.offsets] == [None, None]
