"""What is changed about a letter's record before it is replayed: a JSON patch (RFC 6902), or transforms.

A fix that can never work is refused before anything is sent; one that does not fit one letter leaves that letter where
it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import jsonpatch
import jsonpointer

from connect.api import ConfigError, ConnectError, DataError
from connect.api.error_codes import register_code
from connect.runtime.dead_letters.converting import Converting
from connect.runtime.dead_letters.documents import DEPTH_MAX, Content, content_of, depth_of, document_of, dumps
from connect.runtime.dead_letters.letters import Letter

BAD_FIX = register_code(
    "dlq.fix",
    "A fix of dead letters is no JSON patch, or has keys that are no transforms'.",
    "Give an array of RFC 6902 operations on /key, /value, /headers and /timestamp, or transforms=... and their keys.",
)
OPERATIONS_MAX: Final = 1000
#: By how much copies may make a record longer than twice as long, in characters; copies of copies grow fast.
_GROWN_CHARS_MAX: Final = 1 << 20
_ROOTS: Final = ("key", "value", "headers", "timestamp")
#: Members that an operation needs beside `op` and `path`.
_NEEDS: Final = {"add": "value", "replace": "value", "test": "value", "move": "from", "copy": "from", "remove": None}

#: What became of each letter's record.
Fixed = Sequence[Content | ConnectError]


class Fix(Protocol):
    """Changes records."""

    async def apply(self, letters: Sequence[tuple[Letter, Content]]) -> Fixed:
        """Return each letter's record as it is to be sent, or why the fix does not fit it."""


class Patch:
    """A JSON patch on the record as a document; see `documents.py`.

    Raises:
        ConfigError: dlq.fix: names the operation.
    """

    def __init__(self, operations: Any) -> None:
        if not isinstance(operations, list) or not operations:
            raise ConfigError("the patch is no array of operations, or an empty one", code=BAD_FIX)
        if len(operations) > OPERATIONS_MAX:
            raise ConfigError(f"the patch has {len(operations)} operations; {OPERATIONS_MAX} are taken", code=BAD_FIX)
        self._steps: list[tuple[str, Mapping[str, Any], jsonpatch.JsonPatch]] = []
        for number, told in enumerate(operations, 1):
            name = f"operation {number} of the patch"
            problem = _problem(told)
            if problem is not None:
                raise ConfigError(f"{name} ({_shown(told)}): {problem}", code=BAD_FIX)
            self._steps.append((f"{name} ({_shown(told)})", told, jsonpatch.JsonPatch([told])))

    async def apply(self, letters: Sequence[tuple[Letter, Content]]) -> Fixed:
        return await asyncio.to_thread(lambda: [self.patched(content) for _, content in letters])

    def patched(self, content: Content) -> Content | ConnectError:
        """Return one record, patched, or why it cannot be."""
        document: Any = document_of(content)
        for name, told, step in self._steps:
            try:
                if told["op"] == "test":
                    _test(document, told)
                else:
                    document = step.apply(document, in_place=True)
                if told["op"] == "copy" and (problem := _grown(document, content)) is not None:
                    return DataError(f"{name}: {problem}")
            except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, RecursionError) as error:
                return DataError(f"{name} does not fit: {str(error)[:200]}")
        if depth_of(document) > DEPTH_MAX:
            return DataError(f"the patch leaves no record: it is nested deeper than {DEPTH_MAX}")
        try:
            return content_of(document, content)
        except DataError as error:
            return DataError(f"the patch leaves no record: {error.message}")


def _grown(document: Any, before: Content) -> str | None:
    if depth_of(document) > DEPTH_MAX:
        return f"the record is nested deeper than {DEPTH_MAX}"
    bound = _GROWN_CHARS_MAX + 2 * len(dumps(document_of(before)))
    if len(dumps(document)) > bound:
        return f"the record grows beyond {bound} characters"
    return None


def _test(document: Any, told: Mapping[str, Any]) -> None:
    """As the library's, but that 1 and true differ, as they do in JSON."""
    found = jsonpointer.resolve_pointer(document, told["path"])
    if found != told["value"] or (dumps(found) != dumps(told["value"]) and isinstance(found, bool)):
        raise jsonpatch.JsonPatchTestFailed(f"there is {dumps(found)[:80]}")


def _problem(told: Any) -> str | None:
    if not isinstance(told, dict):
        return "an object with op and path is expected"
    op = told.get("op")
    if not isinstance(op, str) or op not in _NEEDS:
        return f"op is {dumps(op)[:40]}; {', '.join(_NEEDS)} are known"
    needed = _NEEDS[op]
    for member in ("path", *(["from"] if needed == "from" else [])):
        problem = _path_problem(told.get(member), member)
        if problem is not None:
            return problem
    if needed is not None and needed not in told:
        return f"member {needed!r} is missing"
    if unknown := sorted(set(told) - {"op", "path", "value", "from"}):
        return f"member {unknown[0]!r} is unknown"
    if op == "move" and (told["path"] + "/").startswith(told["from"] + "/") and told["path"] != told["from"]:
        return "a part cannot be moved into itself"
    return None


def _path_problem(path: Any, member: str) -> str | None:
    if not isinstance(path, str):
        return f"member {member!r} is missing, or no text"
    if path.partition("/")[0] or path.split("/")[1:2] == [] or path.split("/")[1] not in _ROOTS:
        return f"{member} is {path!r}; a record has " + ", ".join(f"/{root}" for root in _ROOTS)
    try:
        jsonpointer.JsonPointer(path)
    except jsonpointer.JsonPointerException as error:
        return f"{member} is {path!r}, which is no JSON pointer: {error}"
    return None


def _shown(told: Any) -> str:
    """Return an operation without its value, which may be anybody's data."""
    if not isinstance(told, dict):
        return dumps(told)[:60]
    return " ".join(str(told[name])[:80] for name in ("op", "from", "path") if name in told) or "empty"


class Transforms:
    """Transforms in a connector's syntax, between the converters of the connector that failed.

    Args:
        keys: transforms=a,b, transforms.a.type=..., predicates...

    Raises:
        ConfigError: dlq.fix: a key is none of theirs.
    """

    def __init__(self, keys: Mapping[str, str], converting: Converting) -> None:
        other = sorted(key for key in keys if key.partition(".")[0] not in ("transforms", "predicates"))
        if other:
            raise ConfigError(f"key {other[0]!r} of the fix belongs to no transform or predicate", code=BAD_FIX)
        if not keys.get("transforms", "").strip():
            raise ConfigError("the fix names no transform: key 'transforms' is missing or empty", code=BAD_FIX)
        self._keys = dict(keys)
        self._converting = converting

    async def check(self) -> None:
        """Make the transforms once. Raises `ConfigError` where they cannot be made."""
        await self._converting.check_transforms(self._keys)

    async def apply(self, letters: Sequence[tuple[Letter, Content]]) -> Fixed:
        return await self._converting.transformed(letters, self._keys)
