"""Under /v1: a preview of a connector's config."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.previews import AskPreview
from connect.rest.operations import operation
from connect.rest.routes import Route
from connect.runtime.preview.answers import Order, PreviewAnswer

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)

#: How often it is looked whether the client is still there.
_LOOK_S = 0.2


@router.post("/preview")
@operation(body=AskPreview)
async def preview(request: Request) -> Answer[PreviewAnswer]:
    """Show what a connector with this config would do: real records through each step, and what would be written.

    Nothing is stored, created, committed or delivered. What is wrong with the config is in `problems`, and what a
    record fails on in its step; `error` is what ended the preview. Runs plugin code, a few previews at one time.
    """
    body = await body_of(request, AskPreview)
    order = Order(body.config, body.records, body.timeout_ms, body.start, body.name, allow_effects=body.allow_effects)
    work = asyncio.ensure_future(herder_of(request).previews.preview(order))
    try:
        while not (await asyncio.wait({work}, timeout=_LOOK_S))[0]:
            if await request.is_disconnected():
                break
        return Answer(await work) if work.done() else Answer(_NOBODY)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


#: What nobody is there to read.
_NOBODY: PreviewAnswer = {
    "type": "source",
    "class": "",
    "walks": [],
    "target": None,
    "problems": [],
    "error": None,
    "ended_by": "end",
    "took_ms": 0,
}
