"""The paths /connectors/{name}/offsets (KIP-875)."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.api import ConfigError
from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.offsets import AlterOffsets, ConnectorOffsets, Message
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route

router = APIRouter(prefix="/connectors", tags=["offsets"], route_class=Route)


@router.get("/{name}/offsets")
async def get_offsets(request: Request, name: str) -> Answer[ConnectorOffsets]:
    """Show a connector's committed offsets."""
    entries = await herder_of(request).offsets(name_of(name))
    return Answer({"offsets": [{"partition": partition, "offset": offset} for partition, offset in entries]})


@router.patch("/{name}/offsets")
@operation(body=AlterOffsets)
async def alter_offsets(request: Request, name: str) -> Answer[Message]:
    """Set some of a stopped connector's offsets; null forgets one."""
    body = await body_of(request, AlterOffsets)
    if not body.offsets:
        raise ConfigError(
            "Partitions / offsets need to be provided for an alter offsets request", code="request.invalid"
        )
    entries = [(entry.partition, entry.offset) for entry in body.offsets]
    return _done("altered", looked=await herder_of(request).alter_offsets(name_of(name), entries))


@router.delete("/{name}/offsets")
@operation(example={"message": "The offsets for this connector have been reset successfully"})
async def reset_offsets(request: Request, name: str) -> Answer[Message]:
    """Forget all of a stopped connector's offsets."""
    return _done("reset", looked=await herder_of(request).reset_offsets(name_of(name)))


def _done(what: str, *, looked: bool) -> Answer[Message]:
    message = f"The offsets for this connector have been {what} successfully"
    if not looked:
        message = (
            f"The Connect framework-managed offsets for this connector have been {what} successfully. However, if this "
            f"connector manages offsets externally, they will need to be manually {what} in the system that the "
            "connector uses."
        )
    return Answer({"message": message})
