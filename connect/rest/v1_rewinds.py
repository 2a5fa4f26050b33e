"""Under /v1: connectors that go on from somewhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError

from connect.api import ConfigError
from connect.rest.answers import Answer
from connect.rest.bodies import body_of, problem
from connect.rest.connectors import herder_of
from connect.rest.models.rewinds import Place, RewindConnector, Rewinding
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route
from connect.runtime.offsets import Entry
from connect.runtime.rewinds import Rewound, Target

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)

_NOT_LOOKED = (
    "The connector has not looked at the offsets: where it keeps others in the system that it works on, those are as "
    "they were."
)


@router.post("/connectors/{name}/rewind")
@operation(body=RewindConnector)
async def rewind(request: Request, name: str) -> Answer[Rewinding]:
    """Have a connector go on from the earliest or latest record, a time, so many records back, or named offsets.

    Stops it, sets its offsets and brings back what was wanted of it: a paused one stays paused. With dry_run nothing is
    done, and the answer says how many records come again. A source goes to its beginning or to offsets alone.
    """
    herder, name = herder_of(request), name_of(name)
    body = await body_of(request, RewindConnector)
    return Answer(_shown(await herder.rewind(name, _to(body.to), dry_run=body.dry_run)))


def _to(to: Any) -> Target | Sequence[Entry]:
    if to == "earliest" or to == "latest":
        return Target(to)
    if not isinstance(to, dict) or len(to) != 1:
        raise ConfigError(
            "'to' is earliest, latest, or an object with one of 'timestamp', 'by' and 'offsets'", code="request.invalid"
        )
    try:
        place = Place.model_validate(to)
    except ValidationError as error:
        raise ConfigError(f"'to': {problem(Place, error)}", code="request.invalid") from None
    if place.timestamp is not None:
        return Target("timestamp", place.timestamp)
    if place.by is not None:
        return Target("by", place.by)
    if place.offsets is None:
        raise ConfigError(f"'to': {next(iter(to))!r} is null", code="request.invalid")
    return [(entry.partition, entry.offset) for entry in place.offsets]


def _shown(found: Rewound) -> Rewinding:
    return {
        "partitions": [
            {
                "topic": row.topic,
                "partition": row.partition,
                "from": row.before,
                "to": row.after,
                "end": row.end,
                "again": row.again,
                "skipped": row.skipped,
            }
            for row in found.rows
        ],
        "again": found.again,
        "state_before": found.state_before,
        "applied": found.applied,
        "note": _NOT_LOOKED if found.applied and not found.looked else None,
    }
