"""JSON Schemas as documents: which dialect one is of, and where its `$ref`s lead.

A `$ref` leads into the document, or into one that it references in the registry. Nothing is fetched from anywhere else:
what is in neither is told as missing.

Source: JSON Schema, draft 4 to 2020-12, "Schema references"; Confluent's documentation, "Schema references".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin

from connect.api import DataError
from connect.api.java import strict_loads
from connect_schemas.errors import INVALID

#: By Confluent's names; the URIs are those of `$schema`.
DIALECTS: Final[Mapping[str, str]] = {
    "draft_4": "http://json-schema.org/draft-04/schema#",
    "draft_6": "http://json-schema.org/draft-06/schema#",
    "draft_7": "http://json-schema.org/draft-07/schema#",
    "draft_2019_09": "https://json-schema.org/draft/2019-09/schema",
    "draft_2020_12": "https://json-schema.org/draft/2020-12/schema",
}
DEFAULT_DIALECT: Final = "draft_7"
_MODERN: Final = ("draft_2019_09", "draft_2020_12")
#: What `referencing` raises: what it has a word for, and what it stumbles over where `$id` or `$anchor` is no text.
_LOST: Final = (LookupError, ValueError, TypeError, AttributeError)


class At:
    """A place in a document, from which relative references lead on.

    Args:
        resolver: Of the library `referencing`.
        anchors: Schemas by an `$id`, or an `id`, that is a fragment: '#id1'.
    """

    __slots__ = ("_anchors", "_resolver", "_specification", "is_modern")

    def __init__(
        self, resolver: Any, specification: Any, anchors: Mapping[str, dict[str, Any]], *, is_modern: bool
    ) -> None:
        self._resolver = resolver
        self._specification = specification
        self._anchors = anchors
        self.is_modern = is_modern

    def within(self, node: Any) -> At:
        """Return the place of a schema that stands here: one with an `$id` is a base of its own."""
        if not isinstance(node, dict) or not ("$id" in node or "id" in node):
            return self
        try:
            resource = self._specification.create_resource(node)
            if resource.id() is None:
                return self
            return self._moved(self._resolver.in_subresource(resource))
        except _LOST as error:
            raise wrong(f"its $id {node.get('$id')!r} is none: {error}") from None

    def found(self, reference: str) -> tuple[Any, At]:
        """Return the schema that a `$ref` leads to, and its place.

        Raises:
            DataError: schemas.invalid: it leads nowhere.
        """
        from referencing.exceptions import NoSuchResource, Unresolvable

        try:
            resolved = self._resolver.lookup(reference)
        except (Unresolvable, NoSuchResource, *_LOST):
            # As Confluent's converter writes a schema that contains itself: by the `id` of draft 4, whatever the draft.
            anchor = self._anchors.get(reference)
            if anchor is not None:
                return anchor, self
            raise wrong(
                f"$ref {reference!r} leads to nothing in it, nor in the schemas that it references in the registry",
                hint="Register the schema with references to those that it uses; none is fetched from elsewhere.",
            ) from None
        return resolved.contents, self._moved(resolved.resolver)

    def _moved(self, resolver: Any) -> At:
        return At(resolver, self._specification, self._anchors, is_modern=self.is_modern)


class Document:
    """A JSON Schema, parsed.

    Attributes:
        text: As it was given.
        root: The schema: an object, or true or false.
        dialect: Confluent's name of it: 'draft_7'.
    """

    def __init__(self, text: str, used: Mapping[str, str], default_dialect: str = DEFAULT_DIALECT) -> None:
        """Parse a text.

        Args:
            used: The texts of the schemas that it references, and those reference, by the name of the reference.
            default_dialect: Where `$schema` does not say it.

        Raises:
            DataError: schemas.invalid: it is no JSON Schema, or of a dialect that is not known.
        """
        self.text = text
        self.root = _loaded(text)
        self.dialect = _dialect_of(self.root, default_dialect)
        self._used = {name: (other, _loaded(other)) for name, other in used.items()}

    def registry(self, *, with_floats: bool = False) -> Any:
        """Return the documents that it references, as `referencing.Registry`; it fetches none.

        Args:
            with_floats: Whether their numbers are floats, as jsonschema reckons with; else they have every digit.

        Raises:
            DataError: schemas.invalid: one has an `$id` that is none.
        """
        from referencing import Registry

        base = self.root.get("$id", self.root.get("id", "")) if isinstance(self.root, dict) else ""
        registry: Any = Registry()
        try:
            for name, (text, exact) in self._used.items():
                contents = json.loads(text) if with_floats else exact
                specification = _specification(_dialect_of(contents, self.dialect))
                resource = specification.create_resource(contents)
                names = {name, urljoin(str(base), name), resource.id() or name}
                registry = registry.with_resources((one, resource) for one in sorted(names))
        except _LOST as error:
            raise wrong(f"a schema that it references has an $id that is none: {error}") from None
        return registry

    def at(self) -> At:
        """Return the place of the root. Raises as `registry`."""
        specification = _specification(self.dialect)
        try:
            resolver = self.registry().resolver_with_root(specification.create_resource(self.root))
        except _LOST as error:
            raise wrong(f"an $id in it is none: {error}") from None
        return At(resolver, specification, dict(_anchors(self.root)), is_modern=self.dialect in _MODERN)

    @property
    def title(self) -> str | None:
        """What it is called, None where it says nothing of that."""
        title = self.root.get("title") if isinstance(self.root, dict) else None
        return title if isinstance(title, str) else None


def _loaded(text: str) -> Any:
    try:
        root = strict_loads(text.encode(errors="surrogatepass"), whole=True)
    except RecursionError:
        raise wrong("it is nested too deeply") from None
    except ValueError as error:
        raise wrong(f"it is not JSON: {error}") from None
    if not isinstance(root, dict | bool):
        raise wrong("an object is expected")
    return root


def _anchors(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        for name in (node.get("$id"), node.get("id")):
            if isinstance(name, str) and name.startswith("#"):
                yield name, node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _anchors(part)


def _dialect_of(root: Any, default: str) -> str:
    uri = root.get("$schema") if isinstance(root, dict) else None
    if uri is None:
        return default
    for name, known in DIALECTS.items():
        if isinstance(uri, str) and uri.rstrip("#").replace("http://", "https://") == known.rstrip("#").replace(
            "http://", "https://"
        ):
            return name
    raise wrong(f"its $schema {uri!r} is none of {', '.join(DIALECTS.values())}")


def _specification(dialect: str) -> Any:
    from referencing import jsonschema

    return {
        "draft_4": jsonschema.DRAFT4,
        "draft_6": jsonschema.DRAFT6,
        "draft_7": jsonschema.DRAFT7,
        "draft_2019_09": jsonschema.DRAFT201909,
        "draft_2020_12": jsonschema.DRAFT202012,
    }[dialect]


def wrong(why: str, hint: str | None = None) -> DataError:
    """Return the error of a text that is no JSON Schema, or leads nowhere."""
    return DataError(f"not a JSON Schema: {why}", code=INVALID, hint=hint)
