"""A JSON Schema as the registry holds it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urljoin

from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft7Validator, validator_for
from jsonschema_specifications import REGISTRY
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7, specification_with

from connect.api.json_schemas import compile_json_pattern
from connect.registry.json_schema.compatibility import differences
from connect.registry.json_schema.nodes import InvalidJsonSchemaError, Node, Tree
from connect.registry.json_texts import load_json

_SHORT: Final = (",", ":")
#: Python's own `re`, by which jsonschema checks patterns, knows neither \\p{L} nor (?<name>).
_PATTERNS: Final = FormatChecker(())


class _Referred(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> str: ...


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """See `connect.registry.schemas.Parsed`."""

    body: Any
    root: Node

    @property
    def canonical(self) -> str:
        return _text(self.body)

    @property
    def inlined(self) -> str:
        return _text(self.body)

    @property
    def normalized(self) -> str:
        return json.dumps(self.body, ensure_ascii=False, separators=_SHORT, sort_keys=True)

    @property
    def serialized(self) -> None:
        return None

    def problems(self, writer: JsonSchema, *, reader_name: str, writer_name: str) -> list[str]:
        return [one.told(reader_name) for one in differences(writer.root, self.root)]


def parse_json_schema(text: str, referred: Sequence[_Referred], is_new: bool) -> JsonSchema:
    """Read a JSON Schema, of the draft that its $schema names, or draft 7.

    Args:
        referred: The schemas that it may refer to by their names.
        is_new: Each of its references must lead somewhere.

    Raises:
        InvalidJsonSchemaError: It is none.
    """
    body = _loaded(text)
    specification = specification_with(body.get("$schema", "") if isinstance(body, dict) else "", default=DRAFT7)
    own = specification.create_resource(body)
    address = (own.id() or "") if isinstance(body, dict) else ""
    resources = []
    for one in referred:
        resource: Resource[Any] = Resource.from_contents(_loaded(one.schema), default_specification=DRAFT7)
        names = {one.name, urljoin(address, one.name), resource.id() or one.name}
        resources += [(name, resource) for name in names]
    # Nothing is fetched: what is not here is not there.
    registry: Registry[Any] = REGISTRY.with_resources([*resources, (address, own)])
    resolver, tree = registry.resolver(address), Tree(specification)
    if is_new:
        _check_references(body, resolver, tree)
    return JsonSchema(body, tree.node(body, resolver))


def _loaded(text: str) -> Any:
    try:
        body = load_json(text)
    except ValueError as error:
        raise InvalidJsonSchemaError(str(error)) from None
    if not isinstance(body, dict | bool):
        raise InvalidJsonSchemaError(f"a JSON Schema is an object, true or false; this is {type(body).__name__}")
    _check(body)
    return body


def _check(body: Any) -> None:
    """Hold a schema against the schema of schemas of its draft: what goes through it goes by that."""
    for keyword in ("$schema", "$id") if isinstance(body, dict) else ():
        # The libraries read these before the schema of schemas says what they are.
        if not isinstance(body.get(keyword, ""), str):
            raise InvalidJsonSchemaError(f"at '#/{keyword}': {body[keyword]!r:.100} is not a text")
    try:
        validator: Any = validator_for(body, default=Draft7Validator)
        validator.check_schema(body, format_checker=_PATTERNS)
    except SchemaError as error:
        path = "/".join(map(str, error.absolute_path))
        raise InvalidJsonSchemaError(f"at '#/{path}': {error.message:.300}") from None


@_PATTERNS.checks("regex", raises=ValueError)
def _is_pattern(given: object) -> bool:
    return not isinstance(given, str) or compile_json_pattern(given) is not None


def _check_references(body: Any, resolver: Any, tree: Tree) -> None:
    """Follow every reference of a schema."""
    waiting: list[tuple[Any, Any]] = [(body, resolver)]
    seen: set[int] = set()
    while waiting:
        raw, within = waiting.pop()
        if not isinstance(raw, dict) or id(raw) in seen:
            continue
        seen.add(id(raw))
        if "$ref" in raw:
            found = tree.resolved(raw, within)
            waiting.append((found.contents, found.resolver))
        inside = tree.inside(raw, within)
        waiting += [(part.contents, inside) for part in tree.subresources(raw)]


def _text(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=_SHORT)
