from __future__ import annotations

import pytest

import connect.api as api
from connect.api.errors import CODES, ConfigError, ConnectError, register_code


def test_a_code_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        register_code("internal", "again", "again")


def test_the_hint_is_the_codes_own_unless_the_raiser_knows_better() -> None:
    assert ConfigError("x").hint == CODES["config.invalid"].hint
    assert ConfigError("x", hint="Do this.").hint == "Do this."


def test_every_code_has_a_meaning_and_an_imperative_hint() -> None:
    for code in CODES.values():
        assert code.meaning.endswith("."), code
        assert code.hint.endswith("."), code


def test_every_error_class_has_a_registered_default_code() -> None:
    classes = [value for value in vars(api).values() if isinstance(value, type) and issubclass(value, ConnectError)]
    assert len(classes) > 10
    for cls in classes:
        assert cls.default_code in CODES, cls


def test_all_is_what_is_exported() -> None:
    exported = [name for name in vars(api) if not name.startswith("_")]
    modules = {
        "config",
        "connector",
        "contract",
        "convert",
        "errors",
        "files",
        "headers",
        "hooks",
        "java",
        "logical",
        "patterns",
        "plugin",
        "record",
        "schema",
        "schema_builder",
        "schema_projector",
        "schema_type",
        "structs",
        "transform",
        "values",
    }
    assert set(api.__all__) == set(exported) - modules
