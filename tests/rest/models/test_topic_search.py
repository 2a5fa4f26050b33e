from __future__ import annotations

from typing_extensions import get_type_hints

from connect.rest.models.topic_search import FoundRecord, FoundRecords


def test_an_answer_says_where_it_goes_on_and_what_could_not_be_read() -> None:
    assert {"next", "end", "scanned"} <= set(get_type_hints(FoundRecords))
    assert "error" in get_type_hints(FoundRecord)
