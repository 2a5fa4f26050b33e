"""Subjects with their contexts: `orders-value`, or `:.test:orders-value` in the context `.test`.

Ids are numbered in each context anew, and schemas of different contexts know nothing of each other. What has no context
is in the default one, `.`, which is never written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEFAULT_CONTEXT: Final = "."
#: Stands for all contexts, where a prefix of subjects is asked for.
ALL_CONTEXTS: Final = ":*:"
_PREFIX: Final = ":."


@dataclass(frozen=True, slots=True)
class Qualified:
    """A subject of a context; the empty subject stands for the context itself."""

    context: str
    subject: str

    def __str__(self) -> str:
        return self.subject if self.context == DEFAULT_CONTEXT else f":{self.context}:{self.subject}"


def qualified(text: str) -> Qualified:
    """Read a subject as it stands in paths, bodies and records."""
    if not text.startswith(_PREFIX):
        return Qualified(DEFAULT_CONTEXT, text)
    context, _, subject = text[1:].partition(":")
    return Qualified(context, subject)


def normalized(text: str) -> str:
    """Return a subject as it is kept: one of the default context without it."""
    return str(qualified(text))


def context_of(subject: str) -> str:
    """Return the context that a subject is in."""
    return qualified(subject).context


def scope_of(context: str) -> str | None:
    """Return the subject that configs and modes of a whole context are kept under; None for the default one, of which
    they are the global ones."""
    return None if context == DEFAULT_CONTEXT else str(Qualified(context, ""))


def is_context(subject: str) -> bool:
    """Say whether a subject names a context, and not something in it."""
    return subject.startswith(_PREFIX) and not qualified(subject).subject


def within(subject: str, other: str) -> str:
    """Return another subject as a schema under `subject` names it: without a context it is of the same one."""
    found = qualified(other)
    if found.context == DEFAULT_CONTEXT and not other.startswith(_PREFIX):
        return str(Qualified(context_of(subject), found.subject))
    return str(found)


def is_valid(subject: str) -> bool:
    """Say whether schemas may be registered under a subject: it is not empty, has no control characters, and is not
    what global settings are kept under."""
    name = qualified(subject).subject
    return bool(name) and name not in ("__GLOBAL", "__EMPTY") and all(ord(sign) >= 0x20 for sign in subject)
