"""Whether what was valid by one JSON Schema is valid by another, and where it may not be.

The rules are those of Confluent's registry, which go by content models: of an open one (no additionalProperties) values
may have had any property, so that one which is added later may not fit; of a closed one (additionalProperties: false)
none; of a partially open one (patternProperties, or a schema as additionalProperties) such as that schema says.

Source: Confluent Platform, "JSON Schema Serializer and Deserializer", "JSON Schema compatibility rules";
"Understanding JSON Schema Compatibility".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from connect.api import SlowPatternError
from connect.api.json_schemas import compile_json_pattern
from connect.registry.json_schema.nodes import Node, parts_of
from connect.registry.pairs import Pairs, TooLargeError

#: How long the patterns of strangers may look at names, in one comparison.
_PATTERNS_S: Final = 1.0
#: Limits: the keyword, and whether values fit as long as it does not grow.
_LIMITS: Final = {
    "string": (("maxLength", True), ("minLength", False)),
    "number": (
        ("maximum", True),
        ("minimum", False),
        ("exclusiveMaximum", True),
        ("exclusiveMinimum", False),
    ),
    "object": (("maxProperties", True), ("minProperties", False)),
    "array": (("maxItems", True), ("minItems", False), ("maxContains", True), ("minContains", False)),
}
_WORDS: Final = {
    "maxLength": "MAX_LENGTH",
    "minLength": "MIN_LENGTH",
    "maximum": "MAXIMUM",
    "minimum": "MINIMUM",
    "exclusiveMaximum": "EXCLUSIVE_MAXIMUM",
    "exclusiveMinimum": "EXCLUSIVE_MINIMUM",
    "maxProperties": "MAX_PROPERTIES",
    "minProperties": "MIN_PROPERTIES",
    "maxItems": "MAX_ITEMS",
    "minItems": "MIN_ITEMS",
    "maxContains": "MAX_CONTAINS",
    "minContains": "MIN_CONTAINS",
}
_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What the newer schema does not allow that the older one did: the kind of change, and where it is."""

    kind: str
    path: str

    def told(self, reader: str = "new") -> str:
        """Return the text of it, with Confluent's word for the kind."""
        words = self.kind.replace("_", " ").lower()
        return f'{{errorType:"{self.kind}", description:"{words}, at path \'{self.path}\' of the {reader} schema"}}'


def differences(original: Node, update: Node) -> list[Difference]:
    """Return what keeps the values of one schema from being valid by another; nothing where all are."""
    return _Comparison().compare(original, update, ())


class _Comparison:
    def __init__(self) -> None:
        self._pairs: Pairs[Difference] = Pairs()
        self._patterns_left_s = _PATTERNS_S

    def compare(self, original: Node | None, update: Node | None, path: _Path) -> list[Difference]:
        if update is None:
            return []
        if original is None:
            return [_found("SCHEMA_ADDED", path)]
        pair = (original.key, update.key)
        return self._pairs.found(pair, lambda: self._compared(original, update, path))

    def _fits(self, original: Node, update: Node, path: _Path) -> bool:
        return not self.compare(original, update, path)

    def _compared(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        if original.kind != "combined" and update.kind == "combined":
            parts = parts_of(update)
            if (len(parts) == 1 or update.criterion != "allOf") and any(
                self._fits(original, one, path) for one in parts
            ):
                return []
        elif original.kind == "combined" and update.kind != "combined":
            parts = parts_of(original)
            if (len(parts) == 1 or original.criterion == "allOf") and any(
                self._fits(one, update, path) for one in parts
            ):
                return []
        if original.kind != update.kind:
            return self._of_other_kinds(original, update, path)
        compare: Callable[[Node, Node, _Path], list[Difference]] | None = {
            "string": self._strings,
            "number": self._numbers,
            "object": self._objects,
            "array": self._arrays,
            "enum": self._enums,
            "const": self._same("const", "ENUM_ARRAY_CHANGED"),
            "not": self._nots,
            "condition": self._conditions,
            "combined": self._combined,
        }.get(original.kind)
        return [] if compare is None else compare(original, update, path)

    @staticmethod
    def _of_other_kinds(original: Node, update: Node, path: _Path) -> list[Difference]:
        if original.kind == "nothing" or update.kind == "everything":
            return []
        # Decimals were written as one type and then as another by the converter of Kafka Connect.
        if original.body.get("connect.type") == update.body.get("connect.type") == "bytes":
            return []
        return [_found("TYPE_CHANGED", path)]

    # -- values --------------------------------------------------------------------------------------------------------

    def _limits(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        found = []
        for keyword, is_most in _LIMITS[original.kind]:
            before, after = _number(original.body.get(keyword)), _number(update.body.get(keyword))
            word = _WORDS[keyword]
            if after is None:
                continue
            if before is None:
                found.append(_found(f"{word}_ADDED", (*path, keyword)))
            elif (after < before) if is_most else (after > before):
                found.append(_found(f"{word}_{'DECREASED' if is_most else 'INCREASED'}", (*path, keyword)))
        return found

    def _strings(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        before, after = original.body.get("pattern"), update.body.get("pattern")
        found = self._limits(original, update, path)
        if after is not None and before != after:
            found.append(_found("PATTERN_ADDED" if before is None else "PATTERN_CHANGED", (*path, "pattern")))
        return found

    def _numbers(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        found = self._limits(original, update, path)
        before, after = (_number(node.body.get("multipleOf")) for node in (original, update))
        if after is not None and before != after:
            if before is None:
                found.append(_found("MULTIPLE_OF_ADDED", (*path, "multipleOf")))
            elif not _is_multiple(before, after):
                kind = "MULTIPLE_OF_EXPANDED" if _is_multiple(after, before) else "MULTIPLE_OF_CHANGED"
                found.append(_found(kind, (*path, "multipleOf")))
        if update.whole and not original.whole:
            found.append(_found("TYPE_NARROWED", path))
        return found

    @staticmethod
    def _enums(original: Node, update: Node, path: _Path) -> list[Difference]:
        before, after = ({_json(one) for one in node.body["enum"]} for node in (original, update))
        if before <= after:
            return []
        return [_found("ENUM_ARRAY_NARROWED" if after < before else "ENUM_ARRAY_CHANGED", (*path, "enum"))]

    @staticmethod
    def _same(keyword: str, kind: str) -> Callable[[Node, Node, _Path], list[Difference]]:
        def compare(original: Node, update: Node, path: _Path) -> list[Difference]:
            is_same = _json(original.body.get(keyword)) == _json(update.body.get(keyword))
            return [] if is_same else [_found(kind, (*path, keyword))]

        return compare

    def _conditions(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        # What a condition lets through is not to be compared by its parts.
        found = [self._same(one, "CONDITION_CHANGED")(original, update, path) for one in ("if", "then", "else")]
        return [one for some in found for one in some]

    def _nots(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        before, after = original.at("not"), update.at("not")
        is_narrowed = before is None or after is None or self._fits(after, before, (*path, "not"))
        return [] if is_narrowed else [_found("NOT_TYPE_EXTENDED", (*path, "not"))]

    # -- combined ------------------------------------------------------------------------------------------------------

    def _combined(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        before, after = _distinct(parts_of(original)), _distinct(parts_of(update))
        if not _may_become(original.criterion, update.criterion, len(before), len(after)):
            return [_found("COMBINED_TYPE_CHANGED", path)]
        found = []
        if len(before) < len(after) and update.criterion == "allOf":
            found.append(_found("PRODUCT_TYPE_EXTENDED", path))
        elif len(before) > len(after) and original.criterion != "allOf":
            found.append(_found("SUM_TYPE_NARROWED", path))
        fitting = [
            [n for n, other in enumerate(after) if self._fits(one, other, (*path, original.criterion, str(index)))]
            for index, one in enumerate(before)
        ]
        if _matched(fitting) < min(len(before), len(after)):
            found.append(_found("COMBINED_TYPE_SUBSCHEMAS_CHANGED", path))
        return found

    # -- objects -------------------------------------------------------------------------------------------------------

    def _objects(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        found = self._limits(original, update, path)
        before, after = original.nodes("properties"), update.nodes("properties")
        was_required, is_required = _names(original.body.get("required")), _names(update.body.get("required"))
        for name in dict.fromkeys((*before, *after)):
            here = (*path, "properties", name)
            old, new = before.get(name), after.get(name)
            if old is not None and new is not None:
                found += self.compare(old, new, here)
                if name in is_required - was_required and not _has_default(new):
                    found.append(_found("REQUIRED_ATTRIBUTE_ADDED", (*path, "required", name)))
            elif old is not None:
                found += self._removed_property(old, update, name, here)
            elif new is not None:
                found += self._added_property(original, new, name, here, is_required=name in is_required)
        found += self._rest(original, update, path, "additionalProperties", "ADDITIONAL_PROPERTIES")
        found += self._unevaluated(original, update, path, "unevaluatedProperties", "UNEVALUATED_PROPERTIES")
        return found + self._dependencies(original, update, path)

    def _removed_property(self, old: Node, update: Node, name: str, path: _Path) -> list[Difference]:
        if _is_open(update):
            return []
        covering = self._covering(update, name)
        if covering is None:
            return [] if old.kind == "nothing" else [_found("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", path)]
        found = self.compare(old, covering, path)
        kind = "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
        return [*found, _found(kind, path)] if found else []

    def _added_property(
        self, original: Node, new: Node, name: str, path: _Path, *, is_required: bool
    ) -> list[Difference]:
        if _is_open(original):
            if new.kind == "everything":
                return []
            if not is_required:
                return [_found("OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", path)]
            with_default = "_WITH_DEFAULT" if _has_default(new) else ""
            return [_found(f"REQUIRED_PROPERTY{with_default}_ADDED_TO_OPEN_CONTENT_MODEL", path)]
        found: list[Difference] = []
        covering = self._covering(original, name)
        if covering is not None and (found := list(self.compare(covering, new, path))):
            found.append(_found("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", path))
        if is_required and not _has_default(new):
            found.append(_found("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", path))
        return found

    def _covering(self, node: Node, name: str) -> Node | None:
        """Return the schema that a property of a partially open content model had to fit; None where it could not be.

        Raises:
            TooLargeError: The patterns have looked at names for too long.
        """
        for pattern, schema in node.nodes("patternProperties").items():
            if self._is_found(pattern, name):
                return schema
        rest = _rest_of(node, "additionalProperties")
        if rest is not None:
            return None if rest.kind == "nothing" else rest
        unevaluated = node.at("unevaluatedProperties")
        return None if unevaluated is None or unevaluated.kind in ("nothing", "everything") else unevaluated

    def _is_found(self, pattern: str, name: str) -> bool:
        self._pairs.step()
        try:
            compiled = compile_json_pattern(pattern)
        except ValueError:  # no pattern of ours: it is taken to cover nothing
            return False
        began = time.monotonic()
        try:
            return compiled.search(name, limit_s=self._patterns_left_s) is not None
        except SlowPatternError as error:
            raise TooLargeError(error.message) from None
        finally:
            self._patterns_left_s = max(self._patterns_left_s - (time.monotonic() - began), 1e-6)

    def _rest(self, original: Node, update: Node, path: _Path, keyword: str, word: str) -> list[Difference]:
        """Compare what else a value may have."""
        before, after, here = _rest_of(original, keyword), _rest_of(update, keyword), (*path, keyword)
        if after is None:
            return []
        if after.kind == "nothing":
            return [] if before is not None and before.kind == "nothing" else [_found(f"{word}_REMOVED", here)]
        if before is None:
            return [_found(f"{word}_NARROWED", here)]
        return [] if before.kind == "nothing" else self.compare(before, after, here)

    def _unevaluated(self, original: Node, update: Node, path: _Path, keyword: str, word: str) -> list[Difference]:
        before, after, here = original.at(keyword), update.at(keyword), (*path, keyword)
        if after is None or after.kind == "everything" or (before is not None and before.kind == "nothing"):
            return []
        if after.kind == "nothing":
            return [_found(f"{word}_REMOVED", here)]
        if before is None or before.kind == "everything":
            return [_found(f"{word}_NARROWED", here)]
        return self.compare(before, after, here)

    def _dependencies(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        found: list[Difference] = []
        before, after = _required_by(original), _required_by(update)
        for name, names in after.items():
            here = (*path, "dependencies", name)
            if name not in before:
                found.append(_found("DEPENDENCY_ARRAY_ADDED", here))
            elif not names <= before[name]:
                kind = "DEPENDENCY_ARRAY_EXTENDED" if names > before[name] else "DEPENDENCY_ARRAY_CHANGED"
                found.append(_found(kind, here))
        old, new = ({**node.nodes("dependencies"), **node.nodes("dependentSchemas")} for node in (original, update))
        for name, schema in new.items():
            here = (*path, "dependencies", name)
            found += self.compare(old[name], schema, here) if name in old else [_found("DEPENDENCY_SCHEMA_ADDED", here)]
        return found

    # -- arrays --------------------------------------------------------------------------------------------------------

    def _arrays(self, original: Node, update: Node, path: _Path) -> list[Difference]:
        found = self._limits(original, update, path)
        if update.body.get("uniqueItems") is True and original.body.get("uniqueItems") is not True:
            found.append(_found("UNIQUE_ITEMS_ADDED", (*path, "uniqueItems")))
        found += self.compare(_all_items(original), _all_items(update), (*path, "items"))
        before, after = _first_items(original), _first_items(update)
        rest_before, rest_after = _rest_items(original), _rest_items(update)
        for index, (old, new) in enumerate(zip(before, after, strict=False)):
            found += self.compare(old, new, (*path, "items", str(index)))
        for index, old in enumerate(before[len(after) :], len(after)):
            found += self._removed_item(old, rest_after, (*path, "items", str(index)))
        for index, new in enumerate(after[len(before) :], len(before)):
            found += self._added_item(rest_before, new, (*path, "items", str(index)))
        found += self._rest(original, update, path, "additionalItems", "ADDITIONAL_ITEMS")
        return found + self._unevaluated(original, update, path, "unevaluatedItems", "UNEVALUATED_ITEMS")

    def _removed_item(self, old: Node, rest: Node | None, path: _Path) -> list[Difference]:
        if rest is None:
            return []
        if rest.kind == "nothing":
            return [] if old.kind == "nothing" else [_found("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", path)]
        found = self.compare(old, rest, path)
        kind = "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
        return [*found, _found(kind, path)] if found else []

    def _added_item(self, rest: Node | None, new: Node, path: _Path) -> list[Difference]:
        if rest is None:
            return [] if new.kind == "everything" else [_found("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", path)]
        found = [] if rest.kind == "nothing" else self.compare(rest, new, path)
        return [*found, _found("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", path)] if found else []


# -- content models ----------------------------------------------------------------------------------------------------


def _rest_of(node: Node, keyword: str) -> Node | None:
    """Return what else a value may have by a schema; None where that is anything."""
    found = _rest_items(node) if keyword == "additionalItems" else node.at(keyword)
    return None if found is None or found.kind == "everything" else found


def _is_open(node: Node) -> bool:
    unevaluated = node.at("unevaluatedProperties")
    return (
        _rest_of(node, "additionalProperties") is None
        and not node.body.get("patternProperties")
        and (
            node.body.get("additionalProperties") is not None or unevaluated is None or unevaluated.kind == "everything"
        )
    )


def _first_items(node: Node) -> list[Node]:
    raw = node.body.get("prefixItems", node.body.get("items"))
    return [node.of(one) for one in raw] if isinstance(raw, list) else []


def _all_items(node: Node) -> Node | None:
    return None if "prefixItems" in node.body else node.at("items")


def _rest_items(node: Node) -> Node | None:
    """Return what the items behind the first ones have to fit; None where that is anything."""
    found = node.at("items") if "prefixItems" in node.body else node.at("additionalItems")
    if found is None:
        found = node.at("unevaluatedItems")
    return None if found is None or found.kind == "everything" else found


def _required_by(node: Node) -> dict[str, set[str]]:
    """Return which properties each property asks for."""
    found: dict[str, set[str]] = {}
    for keyword in ("dependencies", "dependentRequired"):
        raw = node.body.get(keyword)
        for name, names in raw.items() if isinstance(raw, dict) else ():
            if isinstance(names, list):
                found[name] = _names(names)
    return found


# -- parts -------------------------------------------------------------------------------------------------------------


def _may_become(before: str, after: str, count_before: int, count_after: int) -> bool:
    return (
        before == after
        or after == "anyOf"
        or (count_before == 1 and (count_after == 1 or after == "oneOf"))
        or (count_after == 1 and before == "allOf")
    )


def _distinct(nodes: Sequence[Node]) -> list[Node]:
    return list({(_json(node.body), node.kind, node.criterion, node.whole): node for node in nodes}.values())


def _matched(fitting: Sequence[Sequence[int]]) -> int:
    """Return how many of the one side can be paired with a fitting one of the other, each once."""
    owner: dict[int, int] = {}

    def placed(one: int, tried: set[int]) -> bool:
        for other in fitting[one]:
            if other not in tried:
                tried.add(other)
                if other not in owner or placed(owner[other], tried):
                    owner[other] = one
                    return True
        return False

    return sum(placed(one, set()) for one in range(len(fitting)))


def _has_default(node: Node) -> bool:
    return "default" in node.body


def _names(raw: Any) -> set[str]:
    return {name for name in raw if isinstance(name, str)} if isinstance(raw, list) else set()


def _number(raw: Any) -> Decimal | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    try:
        return Decimal(str(raw))
    except InvalidOperation:
        return None


def _is_multiple(number: Decimal, of: Decimal) -> bool:
    try:
        return of != 0 and number % of == 0
    except InvalidOperation:  # they are too far apart to tell
        return False


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _found(kind: str, path: _Path) -> Difference:
    return Difference(kind, "#/" + "/".join(path))
