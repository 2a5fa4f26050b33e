"""Schemas that contain themselves, for fastavro's reader: as ones that do not, so that no record ends the process.

fastavro reads what lies within a record on the stack of the thread, without a look at how much of that is left: some
kilobytes of a list within a list would end the whole process. So a reference to a type leads to a copy of it, whose
references lead to the next copy; the last one leads nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from connect_schemas.avro.nodes import NAMED, PRIMITIVES

#: How many calls of fastavro may be within each other, of some two KiB of stack each. What is deeper is no value of
#: ours either: Python's own limit is reached before.
NESTED_MAX: Final = 800
#: How many types all copies may have together, so that a large schema is compiled in a second.
_TYPES_MAX: Final = 100_000
_LEVELS_MIN: Final = 8
#: Where the last references lead.
NOWHERE: Final = "nested_too_deeply"
#: fastavro.parse_schema with a dict of the types that are known.
Parse = Callable[[Any, dict[str, Any]], Any]


def unrolled(schema: Any, parse: Parse) -> tuple[Any, dict[str, Any]]:
    """Return a schema whose types refer to copies of themselves, and these copies, parsed, by their names.

    Reading a record that is nested deeper raises KeyError with `NOWHERE`.

    Args:
        schema: As fastavro has parsed it, in which names are full.
    """
    types: dict[str, Any] = {}
    referred: set[str] = set()
    count, depth = _look(schema, types, referred)
    names = {name: f"r{index}" for index, name in enumerate(sorted(referred))}
    levels = max(_LEVELS_MIN, min(NESTED_MAX // depth, _TYPES_MAX // (count * len(names) + 1)))

    def at(level: int) -> dict[str, str]:
        return {name: f"{short}_{level}" if level < levels else NOWHERE for name, short in names.items()}

    known: dict[str, Any] = {}
    parse({"type": "record", "name": NOWHERE, "fields": []}, known)
    for level in reversed(range(levels)):
        for name, own in at(level).items():
            parse(_copy(types[name], own, at(level + 1)), known)
    del known[NOWHERE]
    return _copy(schema, "top", at(0)), known


def _look(schema: Any, types: dict[str, Any], referred: set[str]) -> tuple[int, int]:
    """Note the types of a schema and those that it refers to, and return how many it has, and how deep they lie."""
    if isinstance(schema, str):
        if schema not in PRIMITIVES:
            referred.add(schema)
        return 1, 1
    if isinstance(schema, list):
        inner = schema
    elif schema["type"] in NAMED:
        types[schema["name"]] = schema
        inner = [field["type"] for field in schema.get("fields", ())]
    else:
        inner = [schema[part] for part in ("items", "values") if part in schema]
    found = [_look(one, types, referred) for one in inner]
    return 1 + sum(count for count, _ in found), 1 + max((depth for _, depth in found), default=0)


def _copy(schema: Any, name: str, targets: dict[str, str]) -> Any:
    """Return a copy of a schema.

    Args:
        name: Of the type, and in front of the names of those inside.
        targets: What each reference becomes.
    """
    if isinstance(schema, str):
        return schema if schema in PRIMITIVES else targets[schema]
    if isinstance(schema, list):
        return [_copy(one, f"{name}_{index}", targets) for index, one in enumerate(schema)]
    kind = schema["type"]
    if kind == "record":
        fields = [
            {"name": field["name"], "type": _copy(field["type"], f"{name}_{index}", targets)}
            for index, field in enumerate(schema["fields"])
        ]
        return {"type": "record", "name": name, "fields": fields}
    if kind == "fixed":
        return {"type": "fixed", "name": name, "size": schema["size"]}
    part = "items" if kind == "array" else "values"
    return {"type": kind, part: _copy(schema[part], name, targets)} if part in schema else kind
