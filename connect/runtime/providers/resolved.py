"""A config with the values of its references, and the two ways back: to what may be stored, and to what may be shown.

- A task's config is made from the values, and must not be stored so: `parts_of_task` takes it apart again.
- A message about the values may quote them, or a piece of them: `hide` takes every such run of characters out. What
  goes further than to whoever sent the config (logs, statuses, traces, dead letters) passes `secrets.redact`, which
  knows the values since `remember`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from connect.api import HIDDEN, ConnectError
from connect.runtime import secrets
from connect.runtime.plugins import PluginHost
from connect.runtime.providers.references import Encoded, Parts, Reference, filled, parts_of, written

#: So many characters of a value, one after the other, are not shown.
RUN_CHARS: Final = 6
#: The same in a status, which tells much that is no value's and must stay readable.
STATUS_RUN_CHARS: Final = 12
#: Of one value, so many lines and items are remembered beside the whole.
FORMS_MAX: Final = 256
#: These tell nothing, and hiding them everywhere would make messages unreadable.
_PLAIN = re.compile(r"true|false|null|[+-]?\d{1,9}(\.\d{1,9})?", re.IGNORECASE)


@dataclass(frozen=True)
class Resolved:
    """A config, resolved.

    Attributes:
        written: The config with its references.
        config: The same with their values, for plugins.
        values: By the reference's text.
        parts: Those values of `written` that hold references, taken apart.
        ttl_ms: When the first value has to be looked up again; None: never.
    """

    written: Mapping[str, str | None]
    config: dict[str, str | None]
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    parts: Mapping[str, Parts] = field(default_factory=dict)
    ttl_ms: int | None = None

    @cached_property
    def texts(self) -> dict[str, str]:
        """The resolved config of a connector that is stored: it has no nulls. The same object each time."""
        return {name: value for name, value in self.config.items() if value is not None}

    # -- what may be stored --------------------------------------------------------------------------------------------

    def parts_of_task(self, config: Mapping[str, str]) -> dict[str, Parts]:
        """Take a task's config apart: what came from a reference is one again, all else is text.

        A key that was handed on has the parts that it has in the connector's config. In what the connector put together
        itself, each value that is long enough to be told from chance is put back.
        """
        return {name: self._parts_back(name, value) for name, value in config.items()}

    def _parts_back(self, name: str, value: str) -> Parts:
        own = self.parts.get(name)
        if own is not None and self.config.get(name) == value:
            return own
        return tuple(self._split(value))

    def _split(self, text: str) -> Iterator[str | Reference]:
        if self._backwards is None:
            yield from (text,) if text else ()
            return
        pattern, by_value = self._backwards
        at = 0
        for match in pattern.finditer(text):
            if match.start() > at:
                yield text[at : match.start()]
            yield by_value[match[0]]
            at = match.end()
        if at < len(text):
            yield text[at:]

    @cached_property
    def _backwards(self) -> tuple[re.Pattern[str], dict[str, str | Reference]] | None:
        by_value: dict[str, str | Reference] = {}
        for part in (part for parts in self.parts.values() for part in parts if isinstance(part, Reference)):
            if _tells(value := self.values[part.text]):
                by_value |= {form: Encoded(form) for form in secrets.quoted_forms(value) if form not in by_value}
                by_value[value] = part
        if not by_value:
            return None
        return re.compile("|".join(map(re.escape, sorted(by_value, key=len, reverse=True)))), by_value

    # -- what may be shown ---------------------------------------------------------------------------------------------

    def remember(self, plugins: PluginHost) -> None:
        """Let `secrets.redact` know the values, and the secrets of the config that they make."""
        if self.values:
            secrets.add(form for value in self.values.values() if _tells(value) for form in forms_of(value))
        secrets.remember(plugins, self.texts)

    def hide(self, text: str) -> str:
        """Return a text for whoever sent the config, in which no run of characters of a value is left."""
        if not self.values or not text:
            return text
        for value in self._short:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text)
        return _without_runs(text, self._runs, RUN_CHARS)

    def hide_in_status(self, text: str) -> str:
        """Return a trace, or what is waited for, in which no longer run of characters of a value is left.

        A part of a value, such as the folder of a path, is not known to `secrets.redact`.
        """
        return _without_runs(text, self._long_runs, STATUS_RUN_CHARS) if self.values and text else text

    @cached_property
    def _short(self) -> list[str]:
        return sorted({v for v in self.values.values() if v.strip() and len(v) < RUN_CHARS}, key=len, reverse=True)

    @cached_property
    def _runs(self) -> frozenset[str]:
        return self._runs_of(RUN_CHARS)

    @cached_property
    def _long_runs(self) -> frozenset[str]:
        return self._runs_of(STATUS_RUN_CHARS)

    def _runs_of(self, length: int) -> frozenset[str]:
        return frozenset(
            form[at : at + length]
            for value in self.values.values()
            for form in map(str.lower, secrets.quoted_forms(value))
            for at in range(len(form) - length + 1)
        )

    @contextmanager
    def kept_out(self) -> Iterator[None]:
        """Take the values out of an error that a check of the config raises."""
        try:
            yield
        except ConnectError as error:
            error.message, error.hint = self.hide(error.message), self.hide(error.hint)
            raise


def stored(parts: Mapping[str, Parts]) -> dict[str, str]:
    """Return a task's config to store and to show: with references, and secrets that were encoded in it hidden."""
    return {name: written(value) for name, value in parts.items()}


def parts_of_stored(config: Mapping[str, str], resolved: Resolved) -> dict[str, Parts]:
    """Take a stored task's config apart: for a worker other than the one that planned the task.

    What looks like a reference of the connector's config is one.
    """
    known = {text.removeprefix("${").partition(":")[0] for text in resolved.values}
    return {
        name: tuple(
            part if isinstance(part, str) or part.text in resolved.values else part.text
            for part in parts_of(value, known)
        )
        for name, value in config.items()
    }


def resolved_task(parts: Mapping[str, Parts], resolved: Resolved) -> dict[str, str]:
    """Return a task's config with the values of now."""
    return {name: filled(value, resolved.values) for name, value in parts.items()}


def resolved_of(
    config: Mapping[str, str | None],
    values: Mapping[str, str],
    ttl_ms: int | None = None,
    *,
    as_they_are: Collection[str] = (),
) -> Resolved:
    """Return a config with these values. References that have none stay as they are, and so do some keys, as text."""
    known = {text.removeprefix("${").partition(":")[0] for text in values}
    parts: dict[str, Parts] = {}
    for name, value in config.items():
        taken = parts_of(value, known) if value and "${" in value and name not in as_they_are else ()
        if any(isinstance(part, Reference) for part in taken):
            parts[name] = tuple(p if isinstance(p, str) or p.text in values else p.text for p in taken)
    full = {name: filled(parts[name], values) if name in parts else value for name, value in config.items()}
    return Resolved(config, full, values, parts, ttl_ms)


def forms_of(value: str) -> set[str]:
    """Return a value and its pieces as messages quote them: the whole, its lines, the items of a list; encoded, too."""
    pieces = {value, value.strip(), *value.splitlines()[:FORMS_MAX], *value.split(",")[:FORMS_MAX]}
    pieces |= {piece.strip() for piece in pieces}
    return {form for piece in pieces if _tells(piece) for form in secrets.quoted_forms(piece)}


def _tells(value: str) -> bool:
    """Whether a value is long enough, and of its own, to be looked for in other texts."""
    return len(value) >= secrets.REMEMBERED_CHARS_MIN and not _PLAIN.fullmatch(value.strip())


def _without_runs(text: str, runs: frozenset[str], length: int) -> str:
    lowered = text.lower()
    if len(lowered) != len(text):  # some letters are two in lower case
        lowered = text
    kept: list[str] = []
    at = copied = 0
    while at <= len(text) - length:
        if lowered[at : at + length] not in runs:
            at += 1
            continue
        end = at + length
        while end < len(text) and lowered[end - length + 1 : end + 1] in runs:
            end += 1
        kept += [text[copied:at], HIDDEN]
        at = copied = end
    return "".join([*kept, text[copied:]])
