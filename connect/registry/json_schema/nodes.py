"""JSON Schemas as the kinds that are compared: what a schema says by several keywords at once is all of these."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from referencing import Specification
from referencing.exceptions import Unresolvable

#: What a schema without a type is taken for, by keywords that only this type has.
_TELLING: Final[Mapping[str, frozenset[str]]] = {
    "object": frozenset(
        (
            "properties",
            "required",
            "additionalProperties",
            "unevaluatedProperties",
            "minProperties",
            "maxProperties",
            "patternProperties",
            "propertyNames",
            "dependencies",
            "dependentRequired",
            "dependentSchemas",
        )
    ),
    "array": frozenset(
        (
            "items",
            "prefixItems",
            "additionalItems",
            "unevaluatedItems",
            "minItems",
            "maxItems",
            "uniqueItems",
            "contains",
        )
    ),
    "string": frozenset(("minLength", "maxLength", "pattern")),
    "number": frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
}
_CRITERIA: Final = ("allOf", "anyOf", "oneOf")
#: References that lead to references; longer chains are circles.
_CHAIN_MAX: Final = 100


class InvalidJsonSchemaError(ValueError):
    """A text is no JSON Schema; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A schema, or what one of its keywords says.

    Attributes:
        kind: everything, nothing, object, array, string, number, boolean, null, enum, const, not, condition or
            combined.
        body: The whole schema that says it.
        parts: Of a combined one.
        criterion: Of a combined one: allOf, anyOf, oneOf.
        whole: Whether an integer is asked for, of numbers.
        key: The same for what is the same.
    """

    kind: str
    body: Any
    tree: Tree
    resolver: Any
    key: Hashable
    parts: tuple[Any, ...] = ()
    criterion: str = ""
    whole: bool = False

    def at(self, keyword: str) -> Node | None:
        """Return the schema under a keyword; None where there is none."""
        raw = self.body.get(keyword)
        return self.of(raw) if isinstance(raw, dict | bool) else None

    def of(self, raw: Any) -> Node:
        """Return a schema inside this one."""
        return self.tree.node(raw, self.resolver)

    def nodes(self, keyword: str) -> dict[str, Node]:
        """Return the schemas under a keyword that names them."""
        raw = self.body.get(keyword)
        if not isinstance(raw, dict):
            return {}
        return {name: self.of(one) for name, one in raw.items() if isinstance(one, dict | bool)}


class Tree:
    """The schemas of one text and of what it refers to.

    Args:
        specification: Which draft it is of.
    """

    def __init__(self, specification: Specification[Any]) -> None:
        self._specification = specification
        self._nodes: dict[int, Node] = {}

    def node(self, raw: Any, resolver: Any) -> Node:
        """Return a schema as what it says.

        Raises:
            InvalidJsonSchemaError: A reference leads nowhere, or in a circle.
        """
        for _ in range(_CHAIN_MAX):
            if not isinstance(raw, dict) or "$ref" not in raw:
                break
            found = self.resolved(raw, resolver)
            raw, resolver = found.contents, found.resolver
        else:
            raise InvalidJsonSchemaError(f"the references of {raw.get('$ref')!r:.200} lead in a circle")
        if isinstance(raw, bool):
            return Node("everything" if raw else "nothing", {}, self, resolver, raw)
        if not isinstance(raw, dict):
            raise InvalidJsonSchemaError(f"{raw!r:.100} is no schema")
        known = self._nodes.get(id(raw))
        if known is None:
            known = self._nodes[id(raw)] = self._made(raw, self.inside(raw, resolver))
        return known

    def inside(self, raw: Mapping[str, Any], resolver: Any) -> Any:
        """Return what resolves references inside a schema, which may have an address of its own."""
        return resolver.in_subresource(self._specification.create_resource(raw))

    def subresources(self, raw: Mapping[str, Any]) -> list[Any]:
        """Return the schemas directly inside one."""
        return list(self._specification.create_resource(raw).subresources())

    def resolved(self, raw: Mapping[str, Any], resolver: Any) -> Any:
        """Return what a reference leads to. Nothing is fetched.

        Raises:
            InvalidJsonSchemaError: It leads nowhere.
        """
        reference = raw["$ref"]
        try:
            return self.inside(raw, resolver).lookup(reference)
        except (Unresolvable, ValueError, TypeError, AttributeError, LookupError):
            raise InvalidJsonSchemaError(
                f"$ref {reference!r:.200} leads to nothing in the schema, nor to one of its references"
            ) from None

    def _made(self, raw: dict[str, Any], resolver: Any) -> Node:
        parts = list(self._said(raw, resolver))
        if not parts:
            return Node("everything", raw, self, resolver, id(raw))
        if len(parts) == 1:
            return parts[0]
        return Node("combined", raw, self, resolver, (id(raw), "all"), tuple(parts), "allOf")

    def _said(self, raw: dict[str, Any], resolver: Any) -> Iterator[Node]:
        """Yield what each keyword, or group of them, says."""

        def made(kind: str, **more: Any) -> Node:
            return Node(kind, raw, self, resolver, (id(raw), kind, *more.values()), **more)

        for kind in ("enum", "const", "not"):
            if kind in raw:
                yield made(kind)
        if "if" in raw:
            yield made("condition")
        for criterion in _CRITERIA:
            if isinstance(raw.get(criterion), list):
                yield made("combined", criterion=criterion)
        kinds = raw.get("type")
        if isinstance(kinds, str):
            yield self._typed(made, kinds)
        elif isinstance(kinds, list):
            parts = tuple(self._typed(made, kind) for kind in kinds if isinstance(kind, str))
            yield Node("combined", raw, self, resolver, (id(raw), "types"), parts, "anyOf")
        else:
            yield from (made(kind) for kind, keywords in _TELLING.items() if not keywords.isdisjoint(raw))

    @staticmethod
    def _typed(made: Any, kind: str) -> Node:
        node: Node = made("number", whole=True) if kind == "integer" else made(kind)
        return node


def parts_of(node: Node) -> list[Node]:
    """Return what a combined schema combines."""
    return list(node.parts) or [node.of(one) for one in node.body[node.criterion]]
