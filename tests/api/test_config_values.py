from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError
from connect.api.config_values import ConfigType, Secret, invalid_value, parse_type, to_text, whole_number


@pytest.mark.parametrize(
    ("wanted", "raw", "value", "text"),
    [
        ("BOOLEAN", " TRUE ", True, "true"),
        ("BOOLEAN", "False", False, "false"),
        ("STRING", " a b ", "a b", "a b"),
        ("INT", "+7", 7, "7"),
        ("SHORT", -(1 << 15), -(1 << 15), "-32768"),
        ("LONG", "9223372036854775807", (1 << 63) - 1, "9223372036854775807"),
        ("DOUBLE", "1e7", 1e7, "1.0E7"),
        ("DOUBLE", "5f", 5.0, "5.0"),
        ("LIST", "a , b,c", ["a", "b", "c"], "a,b,c"),
        ("LIST", "", [], ""),
        ("CLASS", "org.Odd", "org.Odd", "org.Odd"),
        ("INT", None, None, None),
    ],
)
def test_a_text_becomes_a_value_and_prints_as_kafka_prints_it(wanted: str, raw: Any, value: Any, text: str) -> None:
    found = parse_type("k", raw, ConfigType(wanted))
    assert found == value
    assert to_text(found, ConfigType(wanted)) == text


@pytest.mark.parametrize(
    ("wanted", "raw", "said"),
    [
        ("BOOLEAN", "yes", "Expected value to be either true or false"),
        ("STRING", 1 << 40, r"Expected value to be a string, but it was a java\.lang\.Long"),
        ("INT", "2147483648", "Not a number of type INT"),
        ("LONG", 1.5, r"Expected value to be a 64-bit integer \(long\), but it was a java\.lang\.Double"),
        ("INT", True, r"Expected value to be a 32-bit integer, but it was a java\.lang\.Boolean"),
        ("DOUBLE", {}, r"Expected value to be a double, but it was a java\.util\.LinkedHashMap"),
        ("DOUBLE", "0x1", "Not a number of type DOUBLE"),
        ("LIST", 1, r"Expected a comma separated list\."),
        ("LONG", "9" * 5000, r"Not a number of type LONG"),
        ("CLASS", 1, r"Expected a Class instance or class name\."),
    ],
)
def test_what_is_no_such_value_is_refused_in_configdefs_words(wanted: str, raw: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"Invalid value .* for configuration k: {said}"):
        parse_type("k", raw, ConfigType(wanted))


def test_a_secret_is_parsed_and_never_printed() -> None:
    secret = parse_type("k", " s3cret ", ConfigType.PASSWORD)
    assert isinstance(secret, Secret)
    assert secret.get_secret_value() == "s3cret"
    assert {str(secret), to_text(secret, ConfigType.PASSWORD), to_text(secret, ConfigType.STRING)} == {"[hidden]"}
    assert "s3cret" not in repr(secret) + str(invalid_value("k", {"a": [secret]}))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        (" +5\n", 5),
        ("-5", -5),
        ("1_000", None),
        ("\u0661", None),
        ("\u00b2", None),
        ("", None),
        ("9" * 5000, None),
    ],
)
def test_a_whole_number_is_what_java_reads(text: str, number: int | None) -> None:
    assert whole_number(text) == number
