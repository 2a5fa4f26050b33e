"""Sends records to a URL, signed, so that who gets them knows who sent them and that nobody changed them."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any

import httpx

from connect.api import ConfigError, DataError, FailedRecord, Record, RetriableError, Secret, config_key, sink

__version__ = "0.1.0"

#: Answers that say that the server, and not the record, is at fault.
AGAIN = {408, 425, 429}
#: How long a server is left alone at most, whatever it asks for, in seconds.
WAIT_S_MAX = 3600.0
#: Answers that say that no record would be taken.
REFUSED = {401, 403, 404, 405, 410}


@sink
async def webhook(
    url: str,
    secret: Secret,
    records_max: Annotated[int, config_key("Records of one request.", ge=1)] = 100,
    request_timeout_ms: Annotated[int, config_key("How long one request may take.", ge=1)] = 10_000,
) -> AsyncGenerator[None, list[Record]]:
    """Send records to a URL as JSON, signed with HMAC-SHA-256.

    Args:
        url: Where to send them, by POST.
        secret: What both sides know; the body is signed with it.
    """
    async with httpx.AsyncClient(timeout=request_timeout_ms / 1000) as client:
        while True:
            records = yield
            for start in range(0, len(records), records_max):
                part = records[start : start + records_max]
                failed = await _send(client, url, secret, part)
                if failed:
                    failed = [FailedRecord(start + one.index, one.reason) for one in failed]
                    raise DataError(f"{url} refuses {len(failed)} records: {failed[0].reason}", failed=failed)


async def _send(client: httpx.AsyncClient, url: str, secret: Secret, records: list[Record]) -> list[FailedRecord]:
    """Send records in one request; return those that the server names as bad.

    Raises:
        RetriableError: The server is away, or asks to wait: the same records come again, with the same keys.
        ConfigError: It would take no record at all.
        DataError: It refuses them and does not say which; the worker finds out.
    """
    body = _body(records)
    try:
        answer = await client.post(url, content=body, headers=_headers(secret, records, body))
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ConfigError(f"{url} is no address: {error}", config_path="url") from error
    except httpx.RequestError as error:
        raise RetriableError(f"{url} does not answer: {error!r}") from error
    status = answer.status_code
    if status in AGAIN or status >= 500:
        raise RetriableError(f"{url} answers {status}; it is asked again", retry_after_ms=_wait_ms(answer))
    if status in REFUSED or 300 <= status < 400:
        raise ConfigError(f"{url} answers {status}; expected 2xx", hint="Look at url and secret.", config_path="url")
    if status >= 400:
        named = _named(answer, len(records))
        if named:
            return named
        raise DataError(f"{url} answers {status}: {answer.text[:200]}")
    return []


def _wait_ms(answer: httpx.Response) -> int | None:
    """Return how long a server asks to be left alone, of Retry-After: seconds, or a date by the server's own clock."""
    after = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", after):
        wait_s = float(after)
    else:
        try:
            there = answer.headers.get("date")
            now = parsedate_to_datetime(there) if there else datetime.now(UTC)
            wait_s = (parsedate_to_datetime(after) - now).total_seconds()
        except (TypeError, ValueError):  # it is neither
            return None
    return int(min(max(wait_s, 0.0), WAIT_S_MAX) * 1000)


def _body(records: list[Record]) -> bytes:
    try:
        return json.dumps({"records": [_shown(record) for record in records]}, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        failed = [found for number, record in enumerate(records) if (found := _misfit(number, record)) is not None]
        raise DataError(f"{len(failed)} records are no JSON: {failed[0].reason}", failed=failed) from None


def _shown(record: Record) -> dict[str, Any]:
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    return {"id": _id(record), **place, "timestamp": record.timestamp, "key": record.key, "value": record.value}


def _misfit(number: int, record: Record) -> FailedRecord | None:
    try:
        json.dumps(_shown(record), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return FailedRecord(number, str(error))
    return None


def _id(record: Record) -> str:
    """Return what a receiver knows a record by that comes twice."""
    return f"{record.original_topic or record.topic}-{record.original_partition}-{record.offset}"


def _headers(secret: Secret, records: list[Record], body: bytes) -> Mapping[str, str]:
    """The time is signed with the body, so that a request that somebody kept is refused when it comes late."""
    at = str(int(time.time()))
    signed = hmac.new(secret.get_secret_value().encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": f"{_id(records[0])}..{_id(records[-1])}",
        "X-Connect-Timestamp": at,
        "X-Connect-Signature": f"sha256={signed}",
    }


def _named(answer: httpx.Response, count: int) -> list[FailedRecord]:
    """Return which records an answer like {"failed": [{"index": 3, "reason": "..."}]} names."""
    try:
        failed = answer.json()["failed"]
        found = {int(one["index"]): str(one.get("reason", "refused"))[:500] for one in failed}
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    return [FailedRecord(index, reason) for index, reason in sorted(found.items()) if 0 <= index < count]
