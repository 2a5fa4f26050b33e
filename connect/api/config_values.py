"""Kafka's text rules: how a config's flat strings become typed values, how values print, and the error for a wrong one.

The words of the messages are ConfigDef's, since people search for them.

Source: Apache Kafka 4.3.1, clients, ConfigDef.java.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from pydantic import SecretStr

from connect.api.errors import ConfigError
from connect.api.java import java_class, java_text

HIDDEN: Final = "[hidden]"


class Secret(SecretStr):
    """A secret's type: prints as [hidden]; the text comes from `get_secret_value()`."""

    def _display(self) -> str:
        return HIDDEN


class ConfigType(StrEnum):
    """The types of Kafka's ConfigDef."""

    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    INT = "INT"
    SHORT = "SHORT"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    LIST = "LIST"
    CLASS = "CLASS"
    PASSWORD = "PASSWORD"  # noqa: S105 - a type's name


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a config: which key, and the whole sentence."""

    key: str
    message: str


_INT_BITS = {ConfigType.INT: 32, ConfigType.SHORT: 16, ConfigType.LONG: 64}
_INT_WORDS = {
    ConfigType.INT: "a 32-bit integer",
    ConfigType.SHORT: "a 16-bit integer (short)",
    ConfigType.LONG: "a 64-bit integer (long)",
}
#: Of longer ones Python makes no number, and no type holds any.
_JAVA_INT = re.compile(r"[+-]?[0-9]{1,100}", re.ASCII)
_JAVA_FLOAT = re.compile(r"[+-]?(NaN|Infinity|((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)[fFdD]?)", re.ASCII)


def parse_type(name: str, raw: Any, wanted: ConfigType) -> Any:
    """Turn a raw config value into the wanted type, as ConfigDef.parseType does.

    Raises:
        ConfigError: In ConfigDef's words.
    """
    if raw is None:
        return None
    text = raw.strip() if isinstance(raw, str) else None
    match wanted:
        case ConfigType.BOOLEAN:
            if isinstance(raw, bool):
                return raw
            if text is not None and text.lower() in ("true", "false"):
                return text.lower() == "true"
            raise invalid_value(name, raw, "Expected value to be either true or false")
        case ConfigType.STRING:
            if text is not None:
                return text
            raise invalid_value(name, raw, f"Expected value to be a string, but it was a {java_class(raw)}")
        case ConfigType.PASSWORD:
            if isinstance(raw, Secret):
                return raw
            if text is not None:
                return Secret(text)
            raise invalid_value(name, raw, f"Expected value to be a string, but it was a {java_class(raw)}")
        case ConfigType.INT | ConfigType.SHORT | ConfigType.LONG:
            return _parse_int(name, raw, text, wanted)
        case ConfigType.DOUBLE:
            if isinstance(raw, int | float) and not isinstance(raw, bool):
                return float(raw)
            if text is None:
                raise invalid_value(name, raw, f"Expected value to be a double, but it was a {java_class(raw)}")
            if not _JAVA_FLOAT.fullmatch(text):
                raise invalid_value(name, raw, "Not a number of type DOUBLE")
            return float(text.rstrip("fFdD") if "Infinity" not in text and "NaN" not in text else text)
        case ConfigType.LIST:
            if isinstance(raw, list | tuple):
                return list(raw)
            if text is not None:
                return re.split(r"\s*,\s*", text) if text else []
            raise invalid_value(name, raw, "Expected a comma separated list.")
        case ConfigType.CLASS:
            if text is not None:
                return text
            raise invalid_value(name, raw, "Expected a Class instance or class name.")


def _parse_int(name: str, raw: Any, text: str | None, wanted: ConfigType) -> int:
    limit = 1 << _INT_BITS[wanted] - 1
    if text is None:
        if isinstance(raw, int) and not isinstance(raw, bool) and -limit <= raw < limit:
            return raw
        raise invalid_value(name, raw, f"Expected value to be {_INT_WORDS[wanted]}, but it was a {java_class(raw)}")
    number = whole_number(text)
    if number is None or not -limit <= number < limit:
        raise invalid_value(name, raw, f"Not a number of type {wanted}")
    return number


def whole_number(text: str) -> int | None:
    """Return the whole number that a text is to Java, of any range; None where it is none.

    Python's `int` takes more: underscores, digits of other scripts; and raises where there are thousands of digits.
    """
    stripped = text.strip()
    return int(stripped) if _JAVA_INT.fullmatch(stripped) else None


def to_text(value: Any, declared: ConfigType) -> str | None:
    """Print a typed config value as Kafka does; a secret as [hidden], null as None."""
    if value is None:
        return None
    if declared is ConfigType.PASSWORD or isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, list | tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, Enum):
        return str(value.value)
    return java_text(value)


def invalid_value(name: str, value: Any, expected: str | None = None) -> ConfigError:
    """Return the error for a value that a key does not take, in ConfigDef's words."""
    message = f"Invalid value {java_text(value)} for configuration {name}" + (f": {expected}" if expected else "")
    return invalid_config([Problem(name, message)])


def invalid_config(problems: Sequence[Problem]) -> ConfigError:
    """Return one error for all problems of a config; they stay apart in its attribute `problems`."""
    return InvalidConfigError(problems)


class InvalidConfigError(ConfigError):
    """A `ConfigError` that lists each problem in `problems`."""

    problems: tuple[Problem, ...]

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems, "an invalid config has at least one problem"
        messages = [problem.message for problem in problems]
        text = messages[0] if len(messages) == 1 else f"{len(messages)} problems:\n" + "\n".join(messages)
        super().__init__(text, config_path=problems[0].key)
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[InvalidConfigError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)
