"""The paths /connectors/{name}/offsets (KIP-875)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.api import ConfigError
from connect.rest.connectors import herder_of
from connect.rest.negotiation import name_of
from connect.rest.render import body_of, json_response
from connect.runtime.offsets import Entry

router = APIRouter(prefix="/connectors", tags=["offsets"])


@router.get("/{name}/offsets")
async def get_offsets(request: Request, name: str) -> Response:
    """Show a connector's committed offsets."""
    entries = await herder_of(request).offsets(name_of(name))
    return json_response({"offsets": [{"partition": partition, "offset": offset} for partition, offset in entries]})


@router.patch("/{name}/offsets")
async def alter_offsets(request: Request, name: str) -> Response:
    """Set some of a stopped connector's offsets; null forgets one."""
    entries = _entries(await body_of(request))
    return _done("altered", looked=await herder_of(request).alter_offsets(name_of(name), entries))


@router.delete("/{name}/offsets")
async def reset_offsets(request: Request, name: str) -> Response:
    """Forget all of a stopped connector's offsets."""
    return _done("reset", looked=await herder_of(request).reset_offsets(name_of(name)))


def _done(what: str, *, looked: bool) -> Response:
    message = f"The offsets for this connector have been {what} successfully"
    if not looked:
        message = (
            f"The Connect framework-managed offsets for this connector have been {what} successfully. However, if this "
            f"connector manages offsets externally, they will need to be manually {what} in the system that the "
            "connector uses."
        )
    return json_response({"message": message})


def _entries(body: dict[str, Any]) -> list[Entry]:
    _only_known(body, "offsets")
    offsets = body.get("offsets")
    if offsets is None or offsets == []:
        raise _wrong("Partitions / offsets need to be provided for an alter offsets request")
    if not isinstance(offsets, list):
        raise _wrong(f"member 'offsets' is {type(offsets).__name__}; an array of partitions with offsets is expected")
    return [_entry(number, item) for number, item in enumerate(offsets)]


def _entry(number: int, item: Any) -> Entry:
    if not isinstance(item, dict):
        raise _wrong(
            f"offsets[{number}] is {'null' if item is None else type(item).__name__}; "
            "an object with 'partition' and 'offset' is expected"
        )
    _only_known(item, "partition", "offset")
    for member in ("partition", "offset"):
        if not isinstance(item.get(member), dict | None):
            raise _wrong(f"{member!r} of offsets[{number}] is {type(item[member]).__name__}; an object is expected")
    if item.get("partition") is None:
        raise _wrong(f"'partition' of offsets[{number}] cannot be null or missing; an object is expected")
    return item["partition"], item.get("offset")


def _only_known(body: dict[str, Any], *known: str) -> None:
    unknown = sorted(body.keys() - set(known))
    if unknown:
        raise _wrong(f"unknown member {unknown[0]!r}; {' and '.join(known)} {'is' if len(known) == 1 else 'are'} known")


def _wrong(message: str) -> ConfigError:
    return ConfigError(message, code="request.invalid")
