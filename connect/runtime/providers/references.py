"""The syntax of references: `${provider:path:key}`, or `${provider:key}` where the provider has no paths.

Any number in one value, with text around; a key may hold further colons, a path none. What a reference stands for is
not looked through for references again. Source: Kafka 4.3.1, ConfigTransformer.DEFAULT_PATTERN.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from connect.api import HIDDEN

_PATTERN: Final = re.compile(r"\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}")


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference; `str()` of it is what was written."""

    provider: str
    path: str
    key: str
    text: str

    def __str__(self) -> str:
        return self.text


class Encoded(str):
    """A text that a plugin made of a value: it is used as it is, and not shown."""

    __slots__ = ()


#: A value taken apart: texts as they are, and references.
Parts = tuple[str | Reference, ...]


def references_in(text: str) -> list[Reference]:
    """Return what looks like references, of whatever provider."""
    if "${" not in text:
        return []
    return [_reference(match) for match in _PATTERN.finditer(text)]


def parts_of(text: str, providers: Collection[str]) -> Parts:
    """Take a value apart. A reference to no provider of these is text, as in Kafka Connect."""
    return tuple(_parts(text, providers))


def _parts(text: str, providers: Collection[str]) -> Iterator[str | Reference]:
    at = 0
    for match in _PATTERN.finditer(text):
        if match[1] in providers:
            if match.start() > at:
                yield text[at : match.start()]
            yield _reference(match)
            at = match.end()
    if at < len(text):
        yield text[at:]


def filled(parts: Parts, values: Mapping[str, str]) -> str:
    """Return a value with these in the place of its references, by their texts."""
    return "".join(values[part.text] if isinstance(part, Reference) else part for part in parts)


def written(parts: Parts) -> str:
    """Return a value with its references, to store and to show."""
    return "".join(HIDDEN if isinstance(part, Encoded) else str(part) for part in parts)


def refer(text: str, providers: Collection[str]) -> bool:
    """Say whether a value refers to one of these providers."""
    return any(found.provider in providers for found in references_in(text))


def _reference(match: re.Match[str]) -> Reference:
    return Reference(match[1], match[2] or "", match[3], match[0])
