"""Under /v1: configs of texts that somebody has, whatever program they were for."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.config_texts import ParseConfigs, ReadConfigs
from connect.rest.operations import operation
from connect.rest.routes import Route
from connect.runtime.config_texts import reading

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)


@router.post("/configs/parse")
@operation(body=ParseConfigs)
async def parse(request: Request) -> Answer[ReadConfigs]:
    """Read the connectors in a text of any form, and say what it was taken for. Nothing is made, stored or evaluated.

    Known are {name, config}, keys and values, lists of those, answers of GET /connectors?expand=info, Java properties,
    Debezium Server's application.properties, resources of Kubernetes and compose files as YAML or JSON, records of a
    config topic, and commands of curl. Secrets come back as they were sent.
    """
    text = (await body_of(request, ParseConfigs)).text
    found = await herder_of(request).checks.aside("reading a config", lambda: reading.read(text))
    return Answer(
        {
            "took_it_for": found.took_it_for,
            "connectors": [{"name": name, "config": config} for name, config in found.connectors],
            "notes": list(found.notes),
        }
    )
