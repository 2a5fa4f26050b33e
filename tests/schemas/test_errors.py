"""Each code says what to do."""

from __future__ import annotations

from connect.api import ConnectError
from connect_schemas import errors


def test_each_code_is_registered_with_a_hint() -> None:
    codes = [value for name, value in vars(errors).items() if name.isupper()]
    assert len(codes) == 8
    assert all(code.startswith("schemas.") and ConnectError("x", code=code).hint for code in codes)
