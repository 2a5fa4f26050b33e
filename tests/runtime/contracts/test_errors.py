"""The codes of contracts are registered, with what to do."""

from __future__ import annotations

import pytest

from connect.api.error_codes import CODES
from connect.runtime.contracts.errors import DISCARDED, INCOMPATIBLE, NO_SCHEMA, TOO_LARGE, VIOLATED


@pytest.mark.parametrize("code", [VIOLATED, DISCARDED, INCOMPATIBLE, NO_SCHEMA, TOO_LARGE])
def test_a_code_says_what_to_do(code: str) -> None:
    assert CODES[code].hint
