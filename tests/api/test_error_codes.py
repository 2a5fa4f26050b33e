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


def test_a_module_that_is_loaded_anew_says_anew_what_its_codes_mean() -> None:
    source = "from connect.api import register_code\nregister_code('test.anew', meaning, 'Do it.')\n"
    for meaning in ("One.", "Two."):
        exec(source, {"__name__": "test_anew", "meaning": meaning})
        assert CODES["test.anew"].meaning == meaning
    with pytest.raises(ValueError, match="registered twice"):
        exec(source, {"__name__": "another", "meaning": "Three."})
    with pytest.raises(ValueError, match="registered twice"):
        exec(source + source, {"__name__": "test_anew", "meaning": "Four."})
