"""Under /v1: records of a topic that somebody looks for."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from connect.api import ConfigError
from connect.rest.answers import Answer
from connect.rest.connectors import herder_of
from connect.rest.models.topic_search import FoundRecords
from connect.rest.negotiation import name_of
from connect.rest.routes import Route
from connect.rest.v1_records import reads
from connect.runtime import topic_search
from connect.runtime.topic_search import LIMIT_MAX, Found, converter_keys

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)


@router.get("/topics/{topic}/search")
async def search(
    request: Request,
    topic: str,
    key: Annotated[str | None, Query(description="The whole key, as text.")] = None,
    contains: Annotated[str | None, Query(description="A text in key, value or a header.")] = None,
    partition: Annotated[int | None, Query(ge=0, description="One of them; all, one after the other.")] = None,
    from_offset: Annotated[
        int | None,
        Query(ge=-(1 << 62), lt=1 << 62, description="Of each partition; negative: so many before its end."),
    ] = None,
    from_timestamp: Annotated[
        int | None, Query(ge=0, lt=1 << 62, description="The first record at or after it, ms since the epoch.")
    ] = None,
    connector: Annotated[str | None, Query(description="Decode with the converters of this connector.")] = None,
    key_converter: Annotated[str | None, Query(alias="key.converter", description="A converter's class.")] = None,
    value_converter: Annotated[
        str | None,
        Query(alias="value.converter", description="A converter's class; its keys follow as value.converter.KEY."),
    ] = None,
    limit: Annotated[int, Query(ge=1, description=f"Records to return, {LIMIT_MAX} at most.")] = 50,
    isolation: Annotated[
        Literal["read_uncommitted", "read_committed"],
        Query(description="read_committed leaves out what transactions have aborted, or not committed yet."),
    ] = "read_uncommitted",
    cursor: Annotated[str | None, Query(alias="next", description="Where an answer before has ended.")] = None,
) -> Answer[FoundRecords]:
    """Look for records by key, text, time or offset; bounded in records, bytes and time, and goes on at `next`.

    Decoded by a connector's converters, by those that are named, or as the bytes look: JSON, text, base64.
    """
    if from_offset is not None and from_timestamp is not None:
        raise ConfigError("from_offset and from_timestamp exclude one another", code="request.invalid")
    named = converter_keys(dict(request.query_params))
    if connector is not None and named:
        raise ConfigError("connector and converters exclude one another", code="request.invalid")
    herder = herder_of(request)
    converters = await herder.converters_of(connector) if connector is not None else named or None
    query = topic_search.Query(
        name_of(topic), key, contains, partition, from_offset, from_timestamp, cursor, min(limit, LIMIT_MAX), isolation
    )
    searcher = topic_search.Searcher(herder.cluster.admin, herder.plugins, herder.worker_config, herder.checks)
    async with reads(request):
        found = await searcher.search(query, converters)
        return await asyncio.to_thread(_answer, found)


def _answer(found: Found) -> Answer[FoundRecords]:
    return Answer(
        {
            "records": [
                {
                    "partition": hit.partition,
                    "offset": hit.offset,
                    "timestamp": hit.timestamp,
                    "key": hit.key,
                    "value": hit.value,
                    "headers": [{"name": name, "value": value} for name, value in hit.headers],
                    "size_bytes": hit.size_bytes,
                    "error": hit.error,
                }
                for hit in found.hits
            ],
            "scanned": found.scanned,
            "next": found.next,
            "end": found.next is None,
        }
    )
