"""Config: one declaration, from which parsing, validation, REST's ConfigDef, JSON Schema and the docs are made.

    class FileSourceConfig(Config):
        \"\"\"Read lines of a file into a topic.\"\"\"

        file: str | None = config_key("Path of the file; left out means standard input.", importance="high", default=None)
        topic: str = config_key("Topic to append to.", importance="high", non_empty=True)
        batch_size: int = config_key("Lines in one poll.", importance="low", default=2000, ge=1)

The Python name `batch_size` stands for the Kafka key `batch.size`. `FileSourceConfig.parse(raw)` takes Kafka's flat
strings and returns a typed object, or raises one `ConfigError` with every problem. Text becomes a value by the rules of
Kafka's ConfigDef (its words in the messages too, since people search for them); whatever pydantic can check on a field
(patterns, enums, own validators) is checked after that.

Source of the rules: Apache Kafka 4.3.1, clients, ConfigDef.java.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, ClassVar, Literal, Self

import pydantic
from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, ValidationError
from pydantic_core import PydanticUndefined

from connect.api import files
from connect.api.errors import ConfigError, PluginError
from connect.api.java import java_class, java_text

HIDDEN = "[hidden]"


class Secret(SecretStr):
    """A secret's type: prints as [hidden]; the text comes from `get_secret_value()`."""

    def _display(self) -> str:
        return HIDDEN


Importance = Literal["high", "medium", "low"]
Width = Literal["NONE", "SHORT", "MEDIUM", "LONG"]


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


#: Checks a parsed value; raises ValueError with what was expected, or ConfigError with the whole sentence. Runs for
#: None too where the key is given as null.
Validator = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a config: which key, and the whole sentence."""

    key: str
    message: str


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One declared key, as REST's ConfigKeyInfo shows it. `default` is a typed value; see `default_text`."""

    name: str
    type: ConfigType
    required: bool
    default: Any
    importance: str
    documentation: str
    group: str | None
    order: int
    width: str
    display_name: str
    dependents: tuple[str, ...] = ()
    recommended: tuple[str, ...] = ()
    validators: tuple[Validator, ...] = ()
    internal: bool = False

    @property
    def valid_values(self) -> str:
        """What the key takes beyond its type, for people: 'at least 1', 'none, all'; '' for anything."""
        return "; ".join(text for check in self.validators if (text := getattr(check, "valid_values", "")))

    @property
    def default_text(self) -> str | None:
        """The default as Kafka prints it; None when there is none or it is null."""
        return None if self.required else to_text(self.default, self.type)


@dataclass(slots=True)
class ConfigValue:
    """What one key came to: the typed value, the text that was given, and every problem with it."""

    key: ConfigKey
    value: Any = None
    errors: list[str] = field(default_factory=list)

    @property
    def text(self) -> str | None:
        """The value as Kafka prints it; secrets as [hidden]."""
        return to_text(self.value, self.key.type)


class Config(BaseModel):
    """The base of every config declaration. See the module's docstring.

    Attributes:
        originals: The text the object was parsed from, unknown keys too, for plugins with dynamic keys.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True, populate_by_name=True)

    _originals: dict[str, Any] = PrivateAttr(default_factory=dict)
    __config_keys__: ClassVar[dict[str, tuple[str, ConfigKey]] | None] = None

    @property
    def originals(self) -> Mapping[str, Any]:
        """Everything that was given, as it was given. Holds secrets in clear: never print it."""
        return self._originals

    @classmethod
    def keys(cls) -> dict[str, ConfigKey]:
        """Return the declared keys by name, in order."""
        return {name: declared for name, (_, declared) in cls._declared().items()}

    @classmethod
    def values(cls, raw: Mapping[str, Any], *, together: bool = True) -> dict[str, ConfigValue]:
        """Parse each declared key by itself: all values and all problems, nothing raised.

        Args:
            together: Ask for problems between keys too, where each by itself is right.
        """
        result = {name: _value_of(declared, raw, thorough=True) for name, declared in cls.keys().items()}
        if together and not any(value.errors for value in result.values()):
            for problem in cls._whole(raw, result)[1]:
                result.setdefault(problem.key, ConfigValue(_unknown_key(problem.key))).errors.append(problem.message)
        return result

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Make the typed object from Kafka's flat strings.

        Raises:
            ConfigError: With every problem in `problems`; its message is the first one, or a list of all.
        """
        values = {name: _value_of(declared, raw) for name, declared in cls.keys().items()}
        problems = [Problem(v.key.name, message) for v in values.values() for message in v.errors]
        config: Self | None = None
        if not problems:
            config, problems = cls._whole(raw, values)
        if problems or config is None:
            raise invalid_config(problems)
        return config

    def problems(self) -> Iterable[Problem]:
        """Yield what is wrong between keys. For plugins to override; runs only when each key by itself is right."""
        return ()

    @classmethod
    def _whole(cls, raw: Mapping[str, Any], values: Mapping[str, ConfigValue]) -> tuple[Self | None, list[Problem]]:
        typed = {
            attribute: _for_model(values[name].value, declared.type)
            for name, (attribute, declared) in cls._declared().items()
        }
        try:
            config = cls.model_validate(typed)
        except ValidationError as error:
            return None, [_problem_of(cls, detail) for detail in error.errors()]
        config._originals = dict(raw)
        problems = list(config.problems())
        for problem in problems:
            if not isinstance(problem, Problem):
                raise PluginError(f"{cls.__qualname__}.problems gave {type(problem).__name__}; expected Problem")
        return config, problems

    @classmethod
    def _declared(cls) -> dict[str, tuple[str, ConfigKey]]:
        # Looked up in the class's own __dict__: a subclass that adds keys must not see its parent's cache.
        if cls.__dict__.get("__config_keys__") is None:
            declared = {}
            for attribute, info in cls.model_fields.items():
                config_key = _config_key(attribute, info)
                declared[config_key.name] = (attribute, config_key)
            cls.__config_keys__ = declared
        assert cls.__config_keys__ is not None
        return cls.__config_keys__


def config_key(
    documentation: str,
    *,
    default: Any = PydanticUndefined,
    importance: Importance = "medium",
    name: str | None = None,
    type: ConfigType | str | None = None,  # noqa: A002 - ConfigDef's word
    group: str | None = None,
    order: int = -1,
    width: Width = "NONE",
    display_name: str | None = None,
    dependents: Sequence[str] = (),
    recommended: Sequence[str] = (),
    ge: float | None = None,
    le: float | None = None,
    non_empty: bool = False,
    one_of: Sequence[str] | None = None,
    ignore_case: bool = False,
    validators: Sequence[Validator] = (),
    internal: bool = False,
    file: files.FileUse | None = None,
) -> Any:
    """Declare one key of a `Config`.

    Args:
        documentation: A sentence for people; goes into REST, docs and form.
        default: The typed value when the key is not given; a key without default is required.
        importance: How much a user should care.
        name: Kafka's key; the attribute's name with '.' for '_' when left out.
        type: ConfigDef's type where the annotation does not tell (SHORT, LONG, CLASS).
        group, order, width, display_name, dependents, recommended: For forms, as in ConfigDef.
        ge, le: Bounds of a number.
        non_empty: An empty text is refused.
        one_of: The texts that are taken; `ignore_case` compares without case.
        validators: Further checks; each raises ValueError with what was expected.
        file: The value is the path of a file that the plugin reads or writes: one that the worker does not allow is
            refused before the plugin sees it. See `connect.api.files`.
        internal: Left out of REST's listings, and of validation where a config does not give it.
    """
    checks: list[Validator] = []
    if ge is not None or le is not None:
        checks.append(_between(ge, le))
    if one_of is not None:
        checks.append(_one_of(tuple(one_of), ignore_case))
    if non_empty:
        checks.append(_non_empty)
    if file is not None:
        checks.append(_allowed_file(file))
    checks.extend(validators)
    meta = {
        "name": name, "type": ConfigType(type) if type else None, "importance": importance.upper(), "group": group,
        "order": order, "width": width, "display_name": display_name, "dependents": tuple(dependents),
        "recommended": tuple(recommended), "validators": tuple(checks), "internal": internal,
    }  # fmt: skip
    return pydantic.Field(default=default, description=documentation, json_schema_extra=_KeyMeta(meta))


def invalid_value(name: str, value: Any, expected: str | None = None) -> ConfigError:
    """Return the error for a value that a key does not take, in ConfigDef's words."""
    message = f"Invalid value {java_text(value)} for configuration {name}" + (f": {expected}" if expected else "")
    return invalid_config([Problem(name, message)])


def invalid_config(problems: Sequence[Problem]) -> ConfigError:
    """Return one error for all problems of a config; they stay apart in its attribute `problems`."""
    return InvalidConfigError(problems)


class InvalidConfigError(ConfigError):
    """A `ConfigError` that lists each problem in `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems, "an invalid config has at least one problem"
        messages = [problem.message for problem in problems]
        text = messages[0] if len(messages) == 1 else f"{len(messages)} problems:\n" + "\n".join(messages)
        super().__init__(text, config_path=problems[0].key)
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[InvalidConfigError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


# -- text to value and back ----------------------------------------------------------------------------------------

_INT_BITS = {ConfigType.INT: 32, ConfigType.SHORT: 16, ConfigType.LONG: 64}
_INT_WORDS = {
    ConfigType.INT: "a 32-bit integer",
    ConfigType.SHORT: "a 16-bit integer (short)",
    ConfigType.LONG: "a 64-bit integer (long)",
}
_JAVA_INT = re.compile(r"[+-]?[0-9]+", re.ASCII)
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
    if not _JAVA_INT.fullmatch(text) or not -limit <= int(text) < limit:
        raise invalid_value(name, raw, f"Not a number of type {wanted}")
    return int(text)


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


# -- checks --------------------------------------------------------------------------------------------------------


def _between(low: float | None, high: float | None) -> Validator:
    def check(value: Any) -> None:
        if value is None:
            raise ValueError("Value must be non-null")
        if low is not None and value < low:
            raise ValueError(f"Value must be at least {low}")
        if high is not None and value > high:
            raise ValueError(f"Value must be no more than {high}")

    bounds = [f"{word} {bound:g}" for word, bound in (("at least", low), ("at most", high)) if bound is not None]
    return _saying(check, ", ".join(bounds))


def _saying(check: Validator, valid_values: str) -> Validator:
    check.valid_values = valid_values  # type: ignore[attr-defined]
    return check


def _one_of(texts: tuple[str, ...], ignore_case: bool) -> Validator:
    known = {t.upper() for t in texts} if ignore_case else set(texts)

    def check(value: Any) -> None:
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            text = item.upper() if ignore_case and isinstance(item, str) else item
            if text not in known:
                how = " (case insensitive)" if ignore_case else ""
                raise ValueError(f"String must be one of{how}: {', '.join(texts)}")

    return _saying(check, ", ".join(texts))


def _non_empty(value: Any) -> None:
    if isinstance(value, str) and not value:
        raise ValueError("String must be non-empty")


def _allowed_file(use: files.FileUse) -> Validator:
    def check(value: Any) -> None:
        if value and (reason := files.refusal(str(value), use)) is not None:
            raise ValueError(reason)

    return check


_saying(_non_empty, "not empty")


# -- inside --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _KeyMeta:
    """Rides on a pydantic field; pydantic calls it when it makes the JSON Schema."""

    values: dict[str, Any]

    def __call__(self, schema: dict[str, Any]) -> None:
        schema["x-importance"] = self.values["importance"]
        if self.values["name"]:
            schema["title"] = self.values["name"]


def _config_key(attribute: str, info: pydantic.fields.FieldInfo) -> ConfigKey:
    assert isinstance(info.json_schema_extra, _KeyMeta), f"declare {attribute!r} with config_key(...)"
    meta = info.json_schema_extra.values
    wanted, choices = _type_of(info.annotation)
    name = meta["name"] or attribute.replace("_", ".")
    validators = meta["validators"]
    if choices and not validators:
        validators = (_one_of(choices, ignore_case=False),)
    required = info.is_required()
    return ConfigKey(
        name=name,
        type=meta["type"] or wanted,
        required=required,
        default=None if required else info.get_default(call_default_factory=False),
        importance=meta["importance"],
        documentation=info.description or "",
        group=meta["group"],
        order=meta["order"],
        width=meta["width"],
        display_name=meta["display_name"] or name,
        dependents=meta["dependents"],
        recommended=meta["recommended"] or choices,
        validators=validators,
        internal=meta["internal"],
    )


def _unknown_key(name: str) -> ConfigKey:
    return ConfigKey(name, ConfigType.STRING, False, None, "MEDIUM", "", None, -1, "NONE", name)


def _type_of(annotation: Any) -> tuple[ConfigType, tuple[str, ...]]:
    """Return the ConfigDef type that an annotation stands for, and its texts where it is a choice."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in typing.get_args(annotation) if a is not type(None)]
        assert len(inner) == 1, f"a config key has one type, not {annotation}"
        return _type_of(inner[0])
    if origin is Literal:
        return ConfigType.STRING, tuple(str(choice) for choice in typing.get_args(annotation))
    if origin in (list, Sequence, tuple):
        return ConfigType.LIST, ()
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ConfigType.STRING, tuple(str(member.value) for member in annotation)
    plain = {
        bool: ConfigType.BOOLEAN,
        int: ConfigType.INT,
        float: ConfigType.DOUBLE,
        str: ConfigType.STRING,
        Secret: ConfigType.PASSWORD,
    }
    assert annotation in plain, f"no ConfigDef type for {annotation}; name one with config_key(type=...)"
    return plain[annotation], ()


def _value_of(declared: ConfigKey, raw: Mapping[str, Any], *, thorough: bool = False) -> ConfigValue:
    """Parse and check one key. `thorough` runs the checks on null after a failure too, as Kafka's validation does."""
    result = ConfigValue(declared)
    if declared.name in raw:
        try:
            result.value = parse_type(declared.name, raw[declared.name], declared.type)
        except ConfigError as error:
            shown = (
                error.message
                if declared.type is not ConfigType.PASSWORD
                else f"Invalid value {HIDDEN} for configuration {declared.name}"
            )
            result.errors.append(shown)
    elif declared.required:
        result.errors.append(f'Missing required configuration "{declared.name}" which has no default value.')
    else:
        result.value = declared.default
    if result.errors and not thorough:
        return result
    for check in declared.validators:
        try:
            check(result.value)
        except ConfigError as error:  # a whole sentence of its own
            result.errors.append(error.message)
            break
        except ValueError as error:
            shown = HIDDEN if declared.type is ConfigType.PASSWORD else java_text(result.value)
            result.errors.append(f"Invalid value {shown} for configuration {declared.name}: {error}")
            break
    return result


def _for_model(value: Any, declared: ConfigType) -> Any:
    return list(value) if declared is ConfigType.LIST and value is not None else value


def _problem_of(config_class: type[Config], detail: Any) -> Problem:
    attribute = str(detail["loc"][0]) if detail["loc"] else ""
    name = next((n for n, (a, _) in config_class._declared().items() if a == attribute), attribute)
    declared = config_class.keys().get(name)
    given = HIDDEN if declared is not None and declared.type is ConfigType.PASSWORD else java_text(detail.get("input"))
    reason = detail["msg"].removeprefix("Value error, ")
    if not attribute:
        return Problem("", reason)
    return Problem(name, f"Invalid value {given} for configuration {name}: {reason}")
