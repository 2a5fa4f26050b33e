from __future__ import annotations

from connect.rest.models.errors import Error
from tests.support.recorded import body, members


def test_an_error_has_the_two_members_that_strict_clients_know() -> None:
    assert members(Error) == list(body("root/info-post")) == ["error_code", "message"]
