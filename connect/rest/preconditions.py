"""`ETag`, `If-Match` and `If-None-Match` of configs, as RFC 9110 (13.1) has them."""

from __future__ import annotations

import re
from typing import Any, Final

from fastapi import Request

from connect.api import ConfigError
from connect.runtime.preconditions import ANY, Precondition

ETAG: Final = "ETag"
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LIST: Final = re.compile(rf"\s*{_TAG.pattern}(\s*,\s*{_TAG.pattern})*\s*")

#: For OpenAPI: read by hand, since a list of them has its own syntax.
PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
    }
    for name, description in (
        ("If-Match", "ETags, one of which the config has, or * for one that is there; else 412."),
        ("If-None-Match", "* for a connector that is not there yet, or ETags that the config does not have; else 412."),
    )
]


def shown(etag: str | None) -> dict[str, str]:
    """Return the header that tells a config's ETag; none where there is no config."""
    return {} if etag is None else {ETAG: quoted(etag)}


def quoted(etag: str) -> str:
    """Return an ETag as HTTP writes it."""
    return f'"{etag}"'


def precondition_of(request: Request) -> Precondition:
    """Return what a request asks of the config that it changes.

    Raises:
        ConfigError: request.invalid: a header is no list of ETags.
    """
    match, none_match = _tags(request, "if-match"), _tags(request, "if-none-match")
    if match is None and none_match is None:
        return ANY
    exists = True if match == "*" else False if none_match == "*" else None
    if match == "*" and none_match == "*":
        raise ConfigError("If-Match: * and If-None-Match: * ask for opposite things", code="request.invalid")
    etags = None if match in (None, "*") else tuple(tag for weak, tag in match if not weak)
    but_not = () if none_match in (None, "*") else tuple(tag for _, tag in none_match)
    return Precondition(etags, exists, but_not)


def _tags(request: Request, name: str) -> Any:
    """Return a header's ETags with whether each is weak, '*', or None where it was not sent."""
    given = request.headers.getlist(name)
    if not given:
        return None
    text = ",".join(given).strip()
    if text == "*":
        return "*"
    if _LIST.fullmatch(text) is None:
        raise ConfigError(
            f"the header {name} is {text[:100]!r}; * or ETags in double quotes are expected", code="request.invalid"
        )
    return [(found[1] is not None, found[2]) for found in _TAG.finditer(text)]
