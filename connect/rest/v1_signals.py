"""Under /v1: signals to source connectors, such as another snapshot of a table."""

from __future__ import annotations

import uuid

from fastapi import APIRouter, Request

from connect.api import Signal
from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.signals import SendSignal, SentSignal
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)


@router.post("/connectors/{name}/signals", status_code=202)
@operation(body=SendSignal)
async def send_signal(request: Request, name: str) -> Answer[SentSignal]:
    """Have a source connector do something while it runs; which signals it takes is on its page.

    Answered once the signal is where the connector's tasks will find it. Without an id it is given one.
    """
    body = await body_of(request, SendSignal)
    signal = Signal(body.id or str(uuid.uuid4()), body.type, body.data)
    await herder_of(request).signal(name_of(name), signal)
    return Answer({"id": signal.id, "type": signal.type}, status=202)
