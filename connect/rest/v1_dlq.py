"""Under /v1: dead letters. Reading is bounded and goes on at `next`; replaying and discarding run in the background."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from connect.api import ConfigError
from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models import dlq as models
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route
from connect.runtime.dead_letters.documents import loads
from connect.runtime.dead_letters.fixes import BAD_FIX
from connect.runtime.dead_letters.operations import Operation
from connect.runtime.dead_letters.workbench import PAGE_LETTERS_MAX, Told, Workbench
from connect.runtime.secrets import redact

router = APIRouter(prefix="/v1", tags=["dlq"], route_class=Route)

#: How long a request waits for an operation to end, so that a short one is answered whole.
_WAIT_MS_MAX: Final = 10_000

_Where = Annotated[str | None, Query(description="A condition on letters, such as code = data.constraint.")]
_From = Annotated[str | None, Query(alias="from", description="Where to go on: `next` of the answer before.")]
_All = Annotated[bool, Query(alias="all", description="Also letters that were replayed or discarded.")]


def _bench(request: Request) -> Workbench:
    return herder_of(request).dead_letters


@router.get("/dlq")
async def queues(request: Request) -> Answer[models.Queues]:
    """List the dead letter queues that connectors name."""
    rows: list[models.Queue] = [
        {"topic": found.name, "connectors": list(found.connectors), "size": found.size}
        for found in await _bench(request).queues()
    ]
    return Answer({"queues": rows})


@router.get("/dlq/{topic}")
async def causes(
    request: Request, topic: str, where: _Where = None, from_: _From = None, all_: _All = False
) -> Answer[models.Causes]:
    """Count a queue's open letters by cause. One answer reads at most 50000 letters; the next one goes on at next."""
    found = await _bench(request).causes(name_of(topic), where=where, start=from_, every=all_)
    rows: list[models.Cause] = [
        {
            "code": one.code,
            "exception": one.exception,
            "stage": one.stage,
            "sqlstate": one.sqlstate,
            "column": one.column,
            "count": one.count,
            "first": one.first_ms,
            "last": one.last_ms,
            "sample": one.sample,
            "message": one.message,
            "connectors": one.connectors,
        }
        for one in found.causes
    ]
    return Answer(
        {
            "topic": found.queue,
            "size": found.size,
            "scanned": found.scanned,
            "open": found.open,
            "replayed": found.replayed,
            "discarded": found.discarded,
            "matched": found.matched,
            "causes": rows,
            "others": found.others,
            "next": found.next,
        }
    )


@router.get("/dlq/{topic}/letters")
async def letters(
    request: Request,
    topic: str,
    where: _Where = None,
    from_: _From = None,
    all_: _All = False,
    limit: Annotated[int, Query(ge=1, le=PAGE_LETTERS_MAX, description="Letters of one answer.")] = 100,
) -> Answer[models.Letters]:
    """List a queue's open letters, in its order."""
    found = await _bench(request).letters(name_of(topic), where=where, start=from_, every=all_, limit=limit)
    return Answer({"letters": [_letter(told) for told in found.letters], "scanned": found.scanned, "next": found.next})


@router.get("/dlq/{topic}/letters/{partition}/{offset}")
async def letter(request: Request, topic: str, partition: int, offset: int) -> Answer[models.LetterDetail]:
    """Show a letter: its record as it was when it failed, as the connector's converters read it, and what happened."""
    found = await _bench(request).letter(name_of(topic), partition, offset)
    own, by = found.told.letter, found.settled
    decoded: models.Decoded | None = None
    if found.decoded is not None:
        decoded = {
            "key": _redacted(found.decoded["key"]),
            "key_schema": found.decoded["key_schema"],
            "value": _redacted(found.decoded["value"]),
            "value_schema": found.decoded["value_schema"],
        }
    settled_by: models.SettledBy | None = None
    if by is not None:
        settled_by = {"kind": by.kind, "queue": by.queue, "at": by.at, "reason": by.reason, "to": by.to}
    return Answer(
        {
            **_letter(found.told),
            "record": found.document,
            "decoded": decoded,
            "undecoded": found.undecoded,
            "stacktrace": own.cause.stacktrace,
            "source_partition": own.source_partition,
            "source_offset": own.source_offset,
            "settled_by": settled_by,
        }
    )


@router.post("/dlq/{topic}/replay", status_code=202)
@operation(body=models.ReplayLetters)
async def replay(request: Request, topic: str) -> Answer[models.Operation]:
    """Begin to replay letters; what is wrong with the request is refused before anything is sent.

    With dry_run nothing is sent, and the operation shows what would be.
    """
    body = await body_of(request, models.ReplayLetters)
    patch = None if body.patch is None else _patch(await request.body())
    transforms = None
    if body.transforms is not None:
        transforms = {key: "" if value is None else value for key, value in body.transforms.items()}
    began = await _bench(request).replay(
        name_of(topic),
        where=body.where,
        patch=patch,
        transforms=transforms,
        to=body.to,
        dry_run=body.dry_run,
        max_replays=body.max_replays,
        out_of_order=body.out_of_order,
        previews=body.previews,
    )
    return Answer(_operation(began), 202)


@router.post("/dlq/{topic}/discard", status_code=202)
@operation(body=models.DiscardLetters)
async def discard(request: Request, topic: str) -> Answer[models.Operation]:
    """Begin to discard letters: they are listed no more, and never replayed. The queue itself keeps them."""
    body = await body_of(request, models.DiscardLetters)
    began = await _bench(request).discard(name_of(topic), where=body.where, reason=body.reason, dry_run=body.dry_run)
    return Answer(_operation(began), 202)


@router.get("/dlq-operations")
async def list_operations(request: Request) -> Answer[models.OperationList]:
    """List the replays and discards of this worker's life, the newest first; previews are left out."""
    rows = [_operation(one, previews=False) for one in _bench(request).operations.all()]
    return Answer({"operations": rows})


@router.get("/dlq-operations/{operation_id}")
async def show_operation(
    request: Request,
    operation_id: str,
    wait_ms: Annotated[int, Query(ge=0, le=_WAIT_MS_MAX, description="Wait so long for its end.")] = 0,
) -> Answer[models.Operation]:
    """Show a replay or discard, when it has ended or wait_ms have passed."""
    return Answer(_operation(await _bench(request).operations.wait(name_of(operation_id), wait_ms / 1000)))


@router.delete("/dlq-operations/{operation_id}")
async def cancel_operation(request: Request, operation_id: str) -> Answer[models.Operation]:
    """Ask a replay or discard to end behind the letters that it is at; what was done stays done."""
    return Answer(_operation(_bench(request).operations.cancel(name_of(operation_id))))


def _patch(raw: bytes) -> Any:
    """Return the patch of a body with every digit of its numbers, which the parser of bodies rounds."""
    try:
        return loads(raw.decode())["patch"]
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the patch cannot be read: {error}", code=BAD_FIX) from None


def _letter(told: Told) -> models.Letter:
    own, cause = told.letter, told.letter.cause
    return {
        "letter": own.address,
        "state": told.state,
        "operation": told.operation,
        "failed": own.failed_ms,
        "connector": own.connector,
        "task": own.task,
        "topic": own.topic,
        "partition": own.original_partition,
        "offset": own.original_offset,
        "replays": own.replays,
        "code": cause.code,
        "exception": cause.exception,
        "stage": cause.stage,
        "alias": cause.alias,
        "plugin": cause.plugin,
        "message": cause.message[:2000],
        "details": {name: text[:2000] for name, text in cause.details.items()},
    }


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(item) for name, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, list) else value


def _operation(one: Operation, *, previews: bool = True) -> models.Operation:
    return {
        "id": one.id,
        "kind": one.kind,
        "topic": one.queue,
        "where": one.where,
        "dry_run": one.dry_run,
        "to": one.to,
        "reason": one.reason,
        "state": one.state,
        "cancelled": one.is_cancelled,
        "started": one.started_ms,
        "ended": one.ended_ms,
        "error": None if one.error is None else {"error_code": one.error.status, "message": redact(one.error.message)},
        "scanned": one.scanned,
        "total": one.total,
        "matched": one.matched,
        "done": one.done,
        "duplicates": one.duplicates,
        "held_back": one.held_back,
        "refused": one.refused,
        "problems": [{"letter": letter, "reason": why} for letter, why in one.problems],
        "previews": [
            {
                "letter": shown["letter"],
                "topic": shown["topic"],
                "connector": shown["connector"],
                "before": shown["before"],
                "after": shown["after"],
            }
            for shown in (one.previews if previews else ())
        ],
    }
