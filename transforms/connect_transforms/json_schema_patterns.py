"""The patterns of a JSON Schema, under the time limit that every pattern of a user has.

jsonschema looks with Python's `re`, which cannot be stopped. Its keywords that hold patterns are replaced by ones that
look with `connect.api.compile_pattern`. A JSON Schema's patterns are JavaScript's: what differs from Java's are `[` and
`&&` inside a class, which are plain characters there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from connect.api import Pattern, compile_pattern

_PIECE: Final = re.compile(r"\\.|\[\^?|\]|&&|.", re.DOTALL)


def with_time_limit(validator_class: Any) -> Any:
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


def check_patterns(schema: Any) -> None:
    """Compile every pattern of a schema.

    Raises:
        ValueError: One is no pattern, or too large to be run.
    """
    if isinstance(schema, Mapping):
        named = schema.get("patternProperties")
        given = [schema.get("pattern"), *(named if isinstance(named, Mapping) else ())]
        for pattern in given:
            if isinstance(pattern, str):
                _compiled(pattern)
    inner: Iterable[Any] = (
        schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    )
    for part in inner:
        check_patterns(part)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Pattern:
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
    return isinstance(text, str) and _compiled(pattern).search(text) is not None


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
