"""JSON Schemas that a user gives: jsonschema checks values by them, fetches nothing, and no check takes for ever.

A schema whose `$ref`s lead to the next one twice doubles with each, so that a few lines of it keep a thread for years:
what is followed is given so much of the processor's time for one value.

jsonschema looks with Python's `re`, which cannot be stopped. Its keywords that hold patterns are replaced by ones that
look with `connect.api.compile_pattern`. A JSON Schema's patterns are JavaScript's: what differs from Java's are `[` and
`&&` inside a class, which are plain characters there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from connect.api.errors import DataError
from connect.api.patterns import Pattern, compile_pattern

#: Of a schema that does not say it.
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
#: So much of the processor's time the check of one value may take, in seconds, and after so many `$ref`s it is looked.
_CHECK_S: Final = 10.0
_LOOK_EACH: Final = 256
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_PIECE: Final = re.compile(r"\\.|\[\^?|\]|&&|.", re.DOTALL)


def json_schema_validator(
    schema: Any, *, dialect: str = _DIALECT, documents: Any = None, check_formats: bool = False
) -> Any:
    """Return what has `is_valid` and `iter_errors` of a jsonschema.Validator, of a JSON Schema, for one thread at once.
    Imports jsonschema, which takes 0.1 s the first time.

    A validator raises `SlowPatternError` where a pattern takes too long on a value, `DataError` where all of its check
    does, or a number is none for it, `RecursionError` for one that is nested too deeply, and
    `referencing.exceptions.Unresolvable` where a `$ref` leads nowhere: none is ever fetched.

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
    registry: Any = Registry() if documents is None else documents
    parts = [schema, *(registry[uri].contents for uri in registry)]
    for one in parts:
        # Patterns are checked below, and not by Python's re.
        of_part: Any = validators.validator_for(one, default=cls)
        of_part.check_schema(one, format_checker=FormatChecker(()))
        _check_patterns(one)
    if _has(parts, "patternProperties") and _has(parts, "unevaluatedProperties"):
        raise ValueError(
            "patternProperties beside unevaluatedProperties, whose patterns cannot be looked for within a time limit"
        )
    clock = _Clock()
    cls = _with_time_limit(cls, clock)
    checker = cls.FORMAT_CHECKER if check_formats else None
    return _Validator(cls(schema, registry=registry, format_checker=checker), clock)


class _Clock:
    """How long one value may still be checked."""

    def __init__(self) -> None:
        self._count = 0
        self._until_s = 0.0

    def start(self) -> None:
        """Begin with the next value."""
        self._until_s = time.thread_time() + _CHECK_S

    def look(self) -> None:
        """Raise `DataError` once the time is up."""
        self._count += 1
        if not self._count % _LOOK_EACH and time.thread_time() > self._until_s:
            raise DataError(
                f"the value takes longer than {_CHECK_S:g} s to be checked by the JSON Schema",
                hint="Change the schema so that no $ref leads to the same definition by two ways.",
            )


class _Validator:
    """A validator of jsonschema, with a limit for each value."""

    def __init__(self, validator: Any, clock: _Clock) -> None:
        self._validator = validator
        self._clock = clock

    def is_valid(self, value: Any) -> bool:
        return next(self.iter_errors(value), None) is None

    def iter_errors(self, value: Any) -> Iterator[Any]:
        from jsonschema.exceptions import UnknownType

        self._clock.start()
        try:
            yield from self._validator.iter_errors(value)
        except (ArithmeticError, ValueError) as error:  # multipleOf, of a number that no double holds, or of none
            raise DataError(f"a number cannot be checked by the JSON Schema: {error}") from error
        except (TypeError, AttributeError, UnknownType) as error:  # a $ref leads to a part that nobody has looked at
            raise DataError(f"the JSON Schema refers to what is no schema: {error}") from error


def _has(schema: Any, keyword: str) -> bool:
    if isinstance(schema, Mapping):
        return keyword in schema or any(_has(part, keyword) for part in schema.values())
    return isinstance(schema, list) and any(_has(part, keyword) for part in schema)


def _with_time_limit(validator_class: Any, clock: _Clock) -> Any:
    """Return a validator class of jsonschema that does the same, and whose patterns and references end in time.

    Its validators raise SlowPatternError where a pattern does not, and what the clock raises.
    """
    from jsonschema import validators

    ours = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(validator_class.VALIDATORS.get("additionalProperties")),
        **{name: _followed(validator_class.VALIDATORS.get(name), clock) for name in _REFERENCES},
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


def _followed(original: Any, clock: _Clock) -> Callable[..., Any]:
    """Return a keyword that leads elsewhere, and is counted. It is no generator: one more would be nested in each."""

    def keyword(validator: Any, reference: Any, instance: Any, schema: Any) -> Any:
        clock.look()
        return original(validator, reference, instance, schema)

    return keyword


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
