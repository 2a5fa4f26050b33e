"""What every converter's config has: which of keys, values and headers it converts."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_converters.converter_config import ConverterConfig


@pytest.mark.parametrize("kind", ["key", "value", "header"])
def test_the_kind_of_converter_is_one_of_three(kind: str) -> None:
    assert ConverterConfig.parse({"converter.type": kind}).converter_type == kind


def test_it_may_be_left_out_and_nothing_else_is_taken() -> None:
    assert ConverterConfig.parse({}).converter_type is None
    with pytest.raises(ConfigError, match=r"converter\.type"):
        ConverterConfig.parse({"converter.type": "topic"})
