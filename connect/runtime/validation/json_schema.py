"""JSON Schema of connector configs, for editors: which keys there are, what each takes, and what it is for.

A config is flat (`{"name": ..., "connector.class": ...}`) or nested (`{"name", "config", "initial_state"}`). What keys
there are depends on the class, so there is one definition for each, chosen by `connector.class` under all names that it
answers to. Values are texts, or the JSON value that a text stands for; a text with `${` may be a reference, which any
key takes.

Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import re
from typing import Any, Final

from connect.api import ConfigKey, ConfigType
from connect.runtime.model import TargetState
from connect.runtime.plugins import CONNECTOR_KINDS, PluginDesc, PluginHost
from connect.runtime.validation.offline import BESIDE
from connect.runtime.validation.validator import framework_of, own_configs

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = {"type": "string", "pattern": r"\$\{"}
_ANY: Final = {"type": ["string", "number", "boolean"]}
_WHOLE: Final = [{"type": "integer"}, {"type": "string", "pattern": r"^\s*[+-]?[0-9]+\s*$"}]
_TYPES: Final[dict[ConfigType, list[dict[str, Any]]]] = {
    ConfigType.BOOLEAN: [
        {"type": "boolean"},
        {"type": "string", "pattern": r"^\s*([tT][rR][uU][eE]|[fF][aA][lL][sS][eE])\s*$"},
    ],
    ConfigType.INT: _WHOLE,
    ConfigType.LONG: _WHOLE,
    ConfigType.SHORT: _WHOLE,
    ConfigType.DOUBLE: [
        {"type": "number"},
        {"type": "string", "pattern": r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"},
    ],
}


def connector_schema(plugins: PluginHost) -> dict[str, Any]:
    """Return the schema of what a connector's JSON file may hold, for the connectors that are installed."""
    descs = sorted(plugins.list(*CONNECTOR_KINDS), key=lambda desc: desc.name)
    classes = [name for desc in descs for name in _names(desc)]
    config = {
        "type": "object",
        "required": ["connector.class"],
        "properties": {
            "connector.class": {
                "description": "The connector: its full class name, or a short one.",
                "anyOf": [{"enum": classes}, _REFERENCE],
            }
        },
        "allOf": [
            {
                "if": {"properties": {"connector.class": {"enum": _names(desc)}}, "required": ["connector.class"]},
                "then": {"$ref": f"#/$defs/{desc.name}"},
            }
            for desc in descs
        ],
    }
    nested = {
        "type": "object",
        "required": ["config"],
        "properties": {
            "$schema": {"type": "string"},
            "name": {"type": "string", "minLength": 1},
            "config": {"$ref": "#/$defs/config"},
            "initial_state": {"enum": [state.value for state in TargetState]},
        },
        "additionalProperties": False,
    }
    return {
        "$schema": DRAFT,
        "title": "A connector of Connect",
        "if": {"properties": {"config": {"type": "object"}}, "required": ["config"]},
        "then": {"$ref": "#/$defs/nested"},
        "else": {"allOf": [{"required": ["name"]}, {"$ref": "#/$defs/config"}]},
        "$defs": {"config": config, "nested": nested, **{desc.name: _definition(desc) for desc in descs}},
    }


def _names(desc: PluginDesc) -> list[str]:
    return list(dict.fromkeys(desc.names()))


def _definition(desc: PluginDesc) -> dict[str, Any]:
    declared = [
        key
        for config in (framework_of(desc), *own_configs(desc), desc.cls.config_class)
        for key in config.keys().values()
        if not key.internal and key.name != "connector.class"
    ]
    # One that has another name too is not required under this one.
    required = sorted(key.name for key in declared if key.required and not key.formerly and key.name != "name")
    named = {name: _of_key(key) for key in declared for name in (key.name, *key.formerly)}
    return {
        "title": desc.name.rpartition(".")[2],
        "description": (desc.cls.__doc__ or "").strip().partition("\n")[0],
        "properties": {"$schema": {"type": "string"}, "connector.class": {}, **named},
        "patternProperties": {f"^{_escaped(prefix)}": _ANY for prefix in BESIDE},
        "required": required,
        "additionalProperties": False,
    }


def _of_key(key: ConfigKey) -> dict[str, Any]:
    about = [key.documentation] if key.documentation else []
    if key.valid_values:
        about.append(f"Values: {key.valid_values}.")
    told: dict[str, Any] = {"description": " ".join(about)}
    if key.default_text is not None and key.type is not ConfigType.PASSWORD:
        told["default"] = key.default_text
    choices = next((found for check in key.validators if (found := getattr(check, "choices", None))), None)
    if choices and key.type is ConfigType.STRING:
        # An editor offers these. Whether case counts, and what else stands for one of them, is the key's to say.
        told["anyOf"] = [{"enum": list(choices)}, {"type": "string", "pattern": _in_any_case(choices)}, _REFERENCE]
    elif key.type in _TYPES:
        told["anyOf"] = [*_TYPES[key.type], _REFERENCE]
    else:
        told |= _ANY
        if key.recommended:
            told["examples"] = list(key.recommended)
    return told


def _in_any_case(texts: tuple[str, ...]) -> str:
    """Return a pattern, which JSON Schema gives no flags."""
    either = "|".join(
        "".join(f"[{sign.lower()}{sign.upper()}]" if sign.isalpha() else _escaped(sign) for sign in text)
        for text in texts
    )
    return rf"^\s*({either})\s*$"


def _escaped(text: str) -> str:
    """Return a pattern of a text: editors read it as ECMA-262 has it, which lets no other sign be escaped."""
    return re.sub(r"[\^$.*+?()\[\]{}|/\\]", r"\\\g<0>", text)
