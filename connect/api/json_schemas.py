"""JSON Schemas that a user gives: jsonschema checks values by them, fetches nothing, and no pattern takes for ever.

jsonschema looks with Python's `re`, which cannot be stopped. Its keywords that hold patterns are replaced by ones that
look with `connect.api.compile_pattern`. A JSON Schema's patterns are JavaScript's: what differs from Java's are `[` and
`&&` inside a class, which are plain characters there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from connect.api.patterns import Pattern, compile_pattern

#: Of a schema that does not say it.
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PIECE: Final = re.compile(r"\\.|\[\^?|\]|&&|.", re.DOTALL)


def json_schema_validator(
    schema: Any, *, dialect: str = _DIALECT, documents: Any = None, check_formats: bool = False
) -> Any:
    """Return the jsonschema.Validator of a JSON Schema. Imports jsonschema, which takes 0.1 s the first time.

    A validator raises `SlowPatternError` where a pattern takes too long on a value, `RecursionError` for one that is
    nested too deeply, and `referencing.exceptions.Unresolvable` where a `$ref` leads nowhere: none is ever fetched.

    Args:
        dialect: The URI of the dialect where the schema has no `$schema`.
        documents: A `referencing.Registry` of the documents that it may refer to; None for none beside itself.
        check_formats: Whether 'format' is checked, or is a note.

    Raises:
        ValueError: It holds a pattern that is none, or one that cannot be looked for within a time limit.
        jsonschema.SchemaError: It is no JSON Schema.
    """
    from jsonschema import FormatChecker, validators
    from referencing import Registry

    cls: Any = validators.validator_for(schema, default=validators.validator_for({"$schema": dialect}))
    # Patterns are checked below, and not by Python's re.
    cls.check_schema(schema, format_checker=FormatChecker(()))
    _check_patterns(schema)
    if _has(schema, "patternProperties") and _has(schema, "unevaluatedProperties"):
        raise ValueError(
            "patternProperties beside unevaluatedProperties, whose patterns cannot be looked for within a time limit"
        )
    cls = _with_time_limit(cls)
    registry = Registry() if documents is None else documents
    return cls(schema, registry=registry, format_checker=cls.FORMAT_CHECKER if check_formats else None)


def _has(schema: Any, keyword: str) -> bool:
    if isinstance(schema, Mapping):
        return keyword in schema or any(_has(part, keyword) for part in schema.values())
    return isinstance(schema, list) and any(_has(part, keyword) for part in schema)


def _with_time_limit(validator_class: Any) -> Any:
    """Return a validator class of jsonschema that does the same, and whose patterns end in time.

    Its validators raise SlowPatternError where one does not.
    """
    from jsonschema import validators

    ours = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(validator_class.VALIDATORS.get("additionalProperties")),
    }
    known = {name: keyword for name, keyword in ours.items() if name in validator_class.VALIDATORS}
    return validators.extend(validator_class, known)  # type: ignore[no-untyped-call]


def _check_patterns(schema: Any) -> None:
    """Compile every pattern of a schema.

    Raises:
        ValueError: One is no pattern, or too large to be run.
    """
    if isinstance(schema, Mapping):
        named = schema.get("patternProperties")
        given = [schema.get("pattern"), *(named if isinstance(named, Mapping) else ())]
        for pattern in given:
            if isinstance(pattern, str):
                compile_json_pattern(pattern)
    inner: Iterable[Any] = (
        schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    )
    for part in inner:
        _check_patterns(part)


@lru_cache(maxsize=256)
def compile_json_pattern(pattern: str) -> Pattern:
    """Compile a pattern of a JSON Schema, which is JavaScript's.

    Raises:
        ValueError: It is none, or too large to be run.
    """
    return compile_pattern(_java(pattern), key="schema")


def _java(pattern: str) -> str:
    """Return a JavaScript pattern as Java's: inside a class `[` and `&&` stand for themselves."""
    out: list[str] = []
    is_inside = False
    for piece in _PIECE.findall(pattern):
        if is_inside and piece in ("[", "[^", "&&"):
            out.append({"[": r"\[", "[^": r"\[^", "&&": r"\&\&"}[piece])
            continue
        is_inside = piece != "]" and (is_inside or piece in ("[", "[^"))
        out.append(piece)
    return "".join(out)


def _matches(pattern: str, text: Any) -> bool:
    return isinstance(text, str) and compile_json_pattern(pattern).search(text) is not None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(original: Any) -> Any:
    """Return the keyword that leaves out what a pattern names; without patterns it is jsonschema's own."""

    def keyword(validator: Any, wanted: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        patterns = schema.get("patternProperties")
        if not patterns or not validator.is_type(instance, "object"):
            yield from original(validator, wanted, instance, schema)
            return
        left = {name: value for name, value in instance.items() if not any(_matches(p, name) for p in patterns)}
        rest = {name: part for name, part in schema.items() if name != "patternProperties"}
        yield from original(validator, wanted, left, rest)

    return keyword
