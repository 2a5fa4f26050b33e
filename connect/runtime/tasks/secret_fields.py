"""Secrets of a record in what was raised about it.

A transform, a converter or a target quotes the value that it cannot take, and the value of a field `password` is
nothing for a log, a status or a page. What stands in such fields of the record is taken out of the error, its causes
and their attributes, before anybody is told of it; which fields these are is told by their names, as in samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from connect.api import HIDDEN, Batch
from connect.runtime.secret_text import is_secret_name
from connect.runtime.secrets import REMEMBERED_CHARS_MAX, REMEMBERED_CHARS_MIN

#: What is looked at of one record, and of how many causes.
_ITEMS_MAX: Final = 10_000
_DEPTH_MAX: Final = 100
_CAUSES_MAX: Final = 100

#: Of a longer name the rest says nothing.
_NAME_CHARS_MAX: Final = 200

_is_secret_name = lru_cache(maxsize=4096)(is_secret_name)


def is_secret(name: str, value: Any) -> bool:
    """Say whether a field or header holds a secret: a text or bytes, under a name that says so."""
    return isinstance(value, str | bytes) and bool(value) and _is_secret_name(name[:_NAME_CHARS_MAX])


def hide_fields(error: BaseException, batch: Batch, index: int) -> None:
    """Take the texts of a record's secret fields and headers out of an error and what led to it, in place.

    Args:
        batch: As the step that failed was given it; `index` is the record's place in it.
    """
    if texts := sorted(set(_secret_texts(batch, index)), key=len, reverse=True):
        for one in _chain(error):
            one.args = tuple(_without(part, texts) for part in one.args)
            known = vars(one)
            known.update({name: _without(value, texts) for name, value in known.items()})


def _secret_texts(batch: Batch, index: int) -> Iterator[str]:
    left = [_ITEMS_MAX]
    for column in (batch.keys, batch.values):
        if column is not None:
            yield from _of(column[index], left, _DEPTH_MAX)
    for header in (batch.headers[index] if batch.headers is not None else None) or ():
        name, value = header[:2]  # of bytes that are no record yet a pair
        yield from _of({name: value}, left, _DEPTH_MAX)


def _of(value: Any, left: list[int], depth: int) -> Iterator[str]:
    if depth == 0 or left[0] <= 0 or not isinstance(value, Mapping | list | tuple):
        return
    left[0] -= len(value)
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(name, str) and is_secret(name, item):
                yield from _texts(item)
            else:
                yield from _of(item, left, depth - 1)
    else:
        for item in value:
            yield from _of(item, left, depth - 1)


def _texts(item: str | bytes) -> Iterator[str]:
    """A secret as it may be quoted: as it is, and as `repr` and JSON write quotes and line breaks."""
    text = item if isinstance(item, str) else item.decode("utf-8", "replace")
    if REMEMBERED_CHARS_MIN <= len(text) <= REMEMBERED_CHARS_MAX:
        yield text
        yield repr(item)[2 if isinstance(item, bytes) else 1 : -1]


def _chain(error: BaseException) -> list[BaseException]:
    found, waiting = dict[int, BaseException](), [error]
    while waiting and len(found) < _CAUSES_MAX:
        one = waiting.pop()
        if id(one) not in found:
            found[id(one)] = one
            waiting += [led for led in (one.__cause__, one.__context__) if led is not None]
    return list(found.values())


def _without(value: Any, texts: Sequence[str]) -> Any:
    """Return a text, or texts by name, without secrets; the same object where there is none in it."""
    if isinstance(value, str):
        cleaned = value
        for text in texts:
            if text in cleaned:
                cleaned = cleaned.replace(text, HIDDEN)
        return cleaned
    if isinstance(value, Mapping):
        hidden = {name: _without(item, texts) for name, item in value.items()}
        return value if all(hidden[name] is item for name, item in value.items()) else hidden
    return value
