from __future__ import annotations

import pytest

from connect.runtime.preconditions import ANY, Precondition, PreconditionError


@pytest.mark.parametrize(
    ("asked", "etag"),
    [
        (ANY, None),
        (ANY, "1"),
        (Precondition(etags=("1", "2")), "2"),
        (Precondition(exists=True), "1"),
        (Precondition(exists=False), None),
        (Precondition(but_not=("1",)), "2"),
        (Precondition(but_not=("1",)), None),
    ],
)
def test_a_request_goes_on_where_the_connector_is_what_was_asked_for(asked: Precondition, etag: str | None) -> None:
    asked.check("c", etag)


@pytest.mark.parametrize(
    ("asked", "etag", "why"),
    [
        (Precondition(etags=("1",)), "2", 'was to have ETag "1", and has ETag "2" by now'),
        (Precondition(etags=("1",)), None, "is not there"),
        (Precondition(etags=()), "1", "none that compares"),
        (Precondition(exists=True), None, "was to be there, and is not"),
        (Precondition(exists=False), "1", "was not to be there, and is"),
        (Precondition(but_not=("1",)), "1", 'another ETag than "1"'),
    ],
)
def test_one_that_was_overtaken_is_412_and_says_why(asked: Precondition, etag: str | None, why: str) -> None:
    with pytest.raises(PreconditionError, match=why) as found:
        asked.check("c", etag)
    assert (found.value.status, found.value.code) == (412, "connector.precondition_failed")
