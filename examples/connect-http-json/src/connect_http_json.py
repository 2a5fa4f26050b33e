"""Reads the records of an HTTP API that answers with JSON, page by page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal

import httpx

from connect.api import ConfigError, Record, RetriableError, Secret, config_key, resume, source

__version__ = "0.1.0"


@source(interval_s=60)
async def http_json(
    topic: str,
    url: str,
    records: str = "",
    page: Literal["none", "link", "next", "number"] = "link",
    next: str = "next",  # noqa: A002 - the config's word
    page_param: str = "page",
    cursor_field: str | None = None,
    cursor_param: str = "since",
    key_field: str | None = None,
    token: Secret | None = None,
    requests_per_second: Annotated[float, config_key("How many requests a second at most.", ge=0.001)] = 10.0,
    request_timeout_ms: Annotated[int, config_key("How long one request may take.", ge=1)] = 30_000,
) -> AsyncIterator[Any]:
    """Read an HTTP API that answers with JSON, page by page, and again every `poll.interval.ms`.

    Args:
        topic: Topic to write to.
        url: Where the first page is.
        records: Where the list of records is in a page, as names with dots; left out, the page is the list.
        page: How the next page is found: by the header Link (rel=next), by a name in the page (see next), by a number
            in the query (see page.param), or there is one page.
        next: With page=next, where the page names the next one, as names with dots: a URL, whole or relative.
        page_param: With page=number, the parameter of the query; pages count from 1, and an empty one is the last.
        cursor_field: A field of the records that never goes down, such as an id or a time of change. The next round
            asks for what lies behind the highest one. Left out, each round reads everything.
        cursor_param: The parameter of the query that asks for records behind a cursor.
        key_field: The field that becomes the record's key.
        token: Sent as Authorization: Bearer.
    """
    at = resume({"cursor": None, "url": None, "done": 0})
    cursor, done = at["cursor"], at["done"]
    # Broken off within a round, it goes on in the page where it was; else a new round begins behind the cursor.
    here: str | None = at["url"] or _with(url, {cursor_param: cursor} if cursor_field and cursor is not None else {})
    if page == "number" and not at["url"]:
        here = _with(here or url, {page_param: 1})
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token is not None else {}
    pace = _Pace(requests_per_second)
    async with httpx.AsyncClient(headers=headers, timeout=request_timeout_ms / 1000) as client:
        highest = cursor
        while here is not None:
            await pace.turn()
            answer = await _get(client, here)
            body = _json(answer)
            found = _at(body, records, here)
            if not isinstance(found, list):
                raise ConfigError(f"{here}: there is no list at records={records!r}", config_path="records")
            following = _next(page, answer, body, next, page_param, here, found)
            for number, value in enumerate(found, 1):
                if cursor_field is not None and isinstance(value, dict) and value.get(cursor_field) is not None:
                    seen = value[cursor_field]
                    highest = seen if highest is None or seen > highest else highest
                if number <= done:
                    continue
                is_last = number == len(found)
                # The cursor moves when the round is over: within one, later pages may hold lower ones.
                place = {"cursor": cursor, "url": here, "done": number}
                if is_last and following is not None:
                    place = {"cursor": cursor, "url": following, "done": 0}
                elif is_last:
                    place = {"cursor": highest, "url": None, "done": 0}
                key = value.get(key_field) if key_field is not None and isinstance(value, dict) else None
                yield Record(topic, value, key=key), place
            here, done = following, 0


class _Pace:
    """Lets requests go one by one, so many a second."""

    def __init__(self, per_second: float) -> None:
        self._gap_s, self._next = 1 / per_second, 0.0

    async def turn(self) -> None:
        """Wait for the next request's turn."""
        wait_s = self._next - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self._next = max(self._next, time.monotonic()) + self._gap_s


async def _get(client: httpx.AsyncClient, url: str) -> httpx.Response:
    """Ask for a page.

    Raises:
        RetriableError: Nobody answers, or asks to wait; the worker asks again, and goes on at the same record.
        ConfigError: The page is refused.
    """
    try:
        answer = await client.get(url)
    except httpx.TransportError as error:
        raise RetriableError(f"{url} does not answer: {error!r}") from error
    if answer.status_code == 429 or answer.status_code >= 500:
        after = answer.headers.get("retry-after", "")
        wait_ms = int(float(after) * 1000) if after.replace(".", "", 1).isdigit() else None
        raise RetriableError(f"{url} answers {answer.status_code}; it is asked again", retry_after_ms=wait_ms)
    if answer.status_code >= 300:
        hint = "Look at token." if answer.status_code in (401, 403) else "Look at url and records in a browser."
        raise ConfigError(f"{url} answers {answer.status_code}; expected 200", hint=hint, config_path="url")
    return answer


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise ConfigError(f"{answer.url} answers no JSON: {error}", config_path="url") from error


def _at(body: Any, path: str, url: str) -> Any:
    for name in filter(None, path.split(".")):
        if not isinstance(body, Mapping) or name not in body:
            raise ConfigError(f"{url}: the page has no {name!r} of records={path!r}", config_path="records")
        body = body[name]
    return body


def _next(
    page: str, answer: httpx.Response, body: Any, path: str, param: str, url: str, found: list[Any]
) -> str | None:
    """Return where the next page is, None behind the last."""
    if page == "link":
        following = answer.links.get("next", {}).get("url")
        return str(answer.url.join(following)) if following else None
    if page == "next":
        for name in path.split("."):
            body = body.get(name) if isinstance(body, Mapping) else None
        return str(answer.url.join(str(body))) if body else None
    if page == "number":
        number = int(httpx.URL(url).params.get(param, "1"))
        return _with(url, {param: number + 1}) if found else None
    return None


def _with(url: str, params: Mapping[str, Any]) -> str:
    return str(httpx.URL(url).copy_merge_params({name: str(value) for name, value in params.items()}))
