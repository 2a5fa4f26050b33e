from __future__ import annotations

import pytest
from pydantic import ValidationError

from connect.rest.models.records import RECORDS_MAX, AppendRecord, AppendRecords, Record
from tests.support.recorded import members


def test_what_is_read_can_be_appended_again() -> None:
    read = {"offset": 4, "timestamp": 5, "key": None, "value": "dg==", "headers": [["h", "eA=="], ["n", None]]}
    assert list(read) == members(Record)
    (record,) = AppendRecords.model_validate({"records": [read]}).records
    assert record["headers"] == [("h", "eA=="), ("n", None)]
    assert set(record) <= set(members(AppendRecord))


def test_the_most_records_of_a_request_are_told_in_the_document() -> None:
    assert AppendRecords.model_json_schema()["properties"]["records"]["maxItems"] == RECORDS_MAX
    with pytest.raises(ValidationError, match="too_long"):
        AppendRecords.model_validate({"records": [{}] * (RECORDS_MAX + 1)})


def test_acks_are_written_where_nothing_is_said() -> None:
    assert AppendRecords.model_validate({"records": []}).acks == "written"
