"""Config: one declaration, from which parsing, validation, REST's ConfigDef, JSON Schema and the docs are made.

    class FileSourceConfig(Config):
        \"\"\"Read lines of a file into a topic.\"\"\"

        file: str | None = config_key("Path of the file; left out: standard input.", importance="high", default=None)
        topic: str = config_key("Topic to append to.", importance="high", non_empty=True)
        batch_size: int = config_key("Lines in one poll.", importance="low", default=2000, ge=1)

The Python name `batch_size` stands for the Kafka key `batch.size`. `FileSourceConfig.parse(raw)` takes Kafka's flat
strings and returns a typed object, or raises one `ConfigError` with every problem. Text becomes a value by the rules of
Kafka's ConfigDef (its words in the messages too, since people search for them); whatever pydantic can check on a field
(patterns, enums, own validators) is checked after that.

Source of the rules: Apache Kafka 4.3.1, clients, ConfigDef.java.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import Any, ClassVar, Literal, Self

import pydantic
from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connect.api import config_checks, files
from connect.api.config_checks import Validator
from connect.api.config_values import HIDDEN, ConfigType, Problem, Secret, invalid_config, parse_type, to_text
from connect.api.errors import ConfigError, PluginError
from connect.api.java import java_text

Importance = Literal["high", "medium", "low"]
Width = Literal["NONE", "SHORT", "MEDIUM", "LONG"]


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One declared key, as REST's ConfigKeyInfo shows it. `default` is a typed value; see `default_text`."""

    name: str
    type: ConfigType
    _: KW_ONLY
    required: bool = False
    default: Any = None
    importance: str = "MEDIUM"
    documentation: str = ""
    group: str | None = None
    order: int = -1
    width: str = "NONE"
    display_name: str
    dependents: tuple[str, ...] = ()
    recommended: tuple[str, ...] = ()
    validators: tuple[Validator, ...] = ()
    internal: bool = False
    #: What the key was called before; see `config_key`.
    formerly: tuple[str, ...] = ()
    #: Names of `${NAME:...}` in its text that the plugin fills itself; see `config_key`.
    placeholders: tuple[str, ...] = ()

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
    _: KW_ONLY
    errors: list[str] = field(default_factory=list)

    @property
    def text(self) -> str | None:
        """The value as Kafka prints it; secrets as [hidden]."""
        return to_text(self.value, self.key.type)


class Config(BaseModel):
    """The base of every config declaration. See the module's docstring.

    A key's attribute cannot have one of the names that are written here, nor one of pydantic's `model_...`: such a
    class is refused as it is defined. Kafka's key can have any name: `keys_: str = config_key("...", name="keys")`. No
    minor version of the API adds a name.

    Attributes:
        originals: The text the object was parsed from, unknown keys too, for plugins with dynamic keys.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", arbitrary_types_allowed=True, populate_by_name=True, defer_build=True
    )

    _originals: dict[str, Any] = PrivateAttr(default_factory=dict)
    __config_keys__: ClassVar[dict[str, tuple[str, ConfigKey]] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Runs before pydantic looks at the class, whose own words for this are a warning, or none.
        for name, value in vars(cls).items():
            meta = getattr(value, "json_schema_extra", None)
            if isinstance(meta, _KeyMeta) and _is_reserved(name):
                raise TypeError(
                    f"config {cls.__qualname__}: a key's attribute cannot be called {name!r}, which Config has itself; "
                    f'write {name}_ = config_key(..., name="{meta.values["name"] or name.replace("_", ".")}")'
                )
        super().__init_subclass__(**kwargs)

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
        is_right = not any(value.errors for value in result.values())
        more = [*cls._refused(raw), *(cls._whole(raw, result)[1] if is_right else ())] if together else []
        for problem in more:
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
        problems += cls._refused(raw)
        config: Self | None = None
        if not problems:
            config, problems = cls._whole(raw, values)
        if problems or config is None:
            raise invalid_config(problems)
        return config

    @classmethod
    def model_refusals(cls, raw: Mapping[str, Any]) -> Iterable[Problem]:
        """Yield what is refused as it stands: keys that nothing declares and that must not be passed over, values of
        former times. For plugins to override; runs on every config, also where another key is wrong."""
        return ()

    @classmethod
    def model_reads(cls, name: str) -> bool:
        """Return whether a key is heeded: a declared one, also by a name that it had before. For plugins to override
        that read further keys from `originals`: of all others users are warned."""
        return any(name == declared.name or name in declared.formerly for declared in cls.keys().values())

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
        return config, cls._all_problems("problems", config.problems())

    @classmethod
    def _refused(cls, raw: Mapping[str, Any]) -> list[Problem]:
        return cls._all_problems("model_refusals", cls.model_refusals(raw))

    @classmethod
    def _all_problems(cls, method: str, given: Iterable[Problem]) -> list[Problem]:
        problems = list(given)
        for problem in problems:
            if not isinstance(problem, Problem):
                raise PluginError(f"{cls.__qualname__}.{method} gave {type(problem).__name__}; expected Problem")
        return problems

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


def _is_reserved(name: str) -> bool:
    return name in vars(Config) or (name.startswith("model_") and hasattr(Config, name))


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
    formerly: Sequence[str] = (),
    placeholders: Sequence[str] = (),
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
        formerly: Names that the key had before, in configs that were written then. They count where the key itself is
            not given.
        placeholders: The NAMEs of `${NAME:...}` in the text that the plugin fills itself: they are not warned of as
            references to config providers that the worker does not have. One that it does have goes before.
    """
    checks: list[Validator] = []
    if ge is not None or le is not None:
        checks.append(config_checks.between(ge, le))
    if one_of is not None:
        checks.append(config_checks.one_of(tuple(one_of), ignore_case))
    if non_empty:
        checks.append(config_checks.non_empty)
    if file is not None:
        checks.append(config_checks.allowed_file(file))
    checks.extend(validators)
    meta = {
        "name": name, "type": ConfigType(type) if type else None, "importance": importance.upper(), "group": group,
        "order": order, "width": width, "display_name": display_name, "dependents": tuple(dependents),
        "recommended": tuple(recommended), "validators": tuple(checks), "internal": internal,
        "formerly": tuple(formerly), "placeholders": tuple(placeholders),
    }  # fmt: skip
    return pydantic.Field(default=default, description=documentation, json_schema_extra=_KeyMeta(meta))


def redeclared(declared: FieldInfo, *, default: Any = PydanticUndefined, name: str | None = None) -> Any:
    """Return what `config_key` returned, with another default, or the name that it does not have."""
    meta = declared.json_schema_extra
    if isinstance(meta, _KeyMeta) and name is not None and meta.values["name"] is None:
        meta = _KeyMeta(meta.values | {"name": name})
    return pydantic.Field(
        default=declared.default if default is PydanticUndefined else default,
        description=declared.description,
        json_schema_extra=meta,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _KeyMeta:
    """Rides on a pydantic field; pydantic calls it when it makes the JSON Schema."""

    values: dict[str, Any]

    def __call__(self, schema: dict[str, Any]) -> None:
        schema["x-importance"] = self.values["importance"]
        if self.values["name"]:
            schema["title"] = self.values["name"]


def _config_key(attribute: str, info: FieldInfo) -> ConfigKey:
    assert isinstance(info.json_schema_extra, _KeyMeta), f"declare {attribute!r} with config_key(...)"
    meta = info.json_schema_extra.values
    wanted, choices = _type_of(info.annotation)
    name = meta["name"] or attribute.replace("_", ".")
    validators = meta["validators"]
    if choices and not validators:
        validators = (config_checks.one_of(choices, ignore_case=False),)
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
        formerly=meta["formerly"],
        placeholders=meta["placeholders"],
    )


def names_of(config_class: type[Config]) -> dict[str, ConfigKey]:
    """Return the declared keys by each name under which a config may give them."""
    keys = config_class.keys()
    return {name: key for key in keys.values() for name in key.formerly} | keys


def _unknown_key(name: str) -> ConfigKey:
    return ConfigKey(name, ConfigType.STRING, display_name=name)


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
    given = next((name for name in (declared.name, *declared.formerly) if name in raw), None)
    if given is not None:
        try:
            result.value = parse_type(given, raw[given], declared.type)
        except ConfigError as error:
            shown = (
                error.message
                if declared.type is not ConfigType.PASSWORD
                else f"Invalid value {HIDDEN} for configuration {given}"
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
            result.errors.append(f"Invalid value {shown} for configuration {given or declared.name}: {error}")
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
