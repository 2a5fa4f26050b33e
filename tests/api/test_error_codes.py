from __future__ import annotations

import pytest

from connect.api.error_codes import CODES, register_code


def test_a_code_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        register_code("internal", "again", "again")


def test_every_code_has_a_meaning_and_an_imperative_hint() -> None:
    for code in CODES.values():
        assert code.meaning.endswith("."), code
        assert code.hint.endswith("."), code
