"""Reads the records of an HTTP API that answers with JSON, page by page."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Literal

import httpx

from connect.api import ConfigError, Record, RetriableError, Secret, config_key, resume, source

__version__ = "0.1.0"

#: Answers that say that the server is not ready, beside 5xx.
AGAIN = {408, 425, 429}
#: How long a server is left alone at most, whatever it asks for, in seconds.
WAIT_S_MAX = 3600.0


@source(interval_s=60, previews=True)
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
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token is not None else {}

    def first() -> str:
        """Return where a round begins that asks for what lies behind the cursor."""
        params = {cursor_param: cursor} if cursor_field and cursor is not None else {}
        return _with(url, params | ({page_param: 1} if page == "number" else {}))

    async with httpx.AsyncClient(headers=headers, timeout=request_timeout_ms / 1000) as client:
        api = _Api(client, _Pace(requests_per_second), url, records, page, next, page_param, has_token=bool(headers))
        # Broken off within a round, it goes on in the page where it was. Where nothing is left there, since rows are
        # gone or the last page was counted from another end, the next round begins at once: else it would never.
        here, is_new, given = at["url"] or first(), at["url"] is None, 0
        while True:
            highest = cursor
            now = await api.filled(here)
            while now is not None:
                skipped = done if now.url == here else 0
                following = await api.behind(now) if len(now.records) <= skipped else None
                for number, value in enumerate(now.records, 1):
                    if cursor_field is not None and isinstance(value, dict):
                        highest = _higher(highest, value.get(cursor_field), cursor_field)
                    if number <= skipped:
                        continue
                    # The cursor moves when the round is over: within one, later pages may hold lower ones.
                    place = {"cursor": cursor, "url": now.url, "done": number}
                    if number == len(now.records):
                        # It is looked whether there is more before the last record has its offset: one that led to a
                        # page without records would stay there for good.
                        following = await api.behind(now)
                        at_end = {"cursor": highest, "url": None, "done": 0}
                        place = at_end if following is None else {"cursor": cursor, "url": following.url, "done": 0}
                    key = value.get(key_field) if key_field is not None and isinstance(value, dict) else None
                    yield Record(topic, value, key=key), place
                    given += 1
                now = following
            if given or is_new:
                return
            here, done, is_new = first(), 0, True


@dataclass(frozen=True, slots=True)
class _Page:
    """A page: where it is, what is on it, and where the next one is."""

    url: str
    records: list[Any]
    following: str | None


@dataclass(frozen=True, slots=True)
class _Api:
    """Asks for pages, one after the other."""

    client: httpx.AsyncClient
    pace: _Pace
    url: str
    path: str
    page: str
    next_path: str
    param: str
    has_token: bool

    async def filled(self, url: str) -> _Page | None:
        """Return the first page with records from one on; None behind the last."""
        page = await self._get(url)
        while not page.records:
            if page.following is None:
                return None
            page = await self._get(page.following)
        return page

    async def behind(self, page: _Page) -> _Page | None:
        """Return the next page with records; None behind the last."""
        return None if page.following is None else await self.filled(page.following)

    async def _get(self, url: str) -> _Page:
        await self.pace.turn()
        answer = await _get(self.client, url)
        body = _json(answer)
        found = _at(body, self.path, url)
        if not isinstance(found, list):
            raise ConfigError(f"{url}: there is no list at records={self.path!r}", config_path="records")
        following = _next(self.page, answer, body, self.next_path, self.param, url, found)
        if following == url:
            raise ConfigError(f"{url} names itself as the next page", config_path="page")
        if following is not None and self.has_token and _origin(following) != _origin(self.url):
            raise ConfigError(
                f"{url} names a next page of another server, {httpx.URL(following).host}, which is not to have the "
                "token",
                config_path="page",
            )
        return _Page(url, found, following)


def _higher(highest: Any, seen: Any, field: str) -> Any:
    """Return the higher one of two values of the cursor's field."""
    if seen is None or highest is None:
        return highest if seen is None else seen
    try:
        return seen if seen > highest else highest
    except TypeError as error:
        raise ConfigError(
            f"the field {field} is {seen!r:.50} in one record and {highest!r:.50} in another, which have no order",
            config_path="cursor.field",
        ) from error


def _origin(url: str) -> tuple[str, str, int | None]:
    found = httpx.URL(url)
    return found.scheme, found.host, found.port


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
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ConfigError(f"{url} is no address: {error}", config_path="url") from error
    except httpx.RequestError as error:
        raise RetriableError(f"{url} does not answer: {error!r}") from error
    if answer.status_code in AGAIN or answer.status_code >= 500:
        raise RetriableError(f"{url} answers {answer.status_code}; it is asked again", retry_after_ms=_wait_ms(answer))
    if answer.status_code >= 300:
        hint = "Look at token." if answer.status_code in (401, 403) else "Look at url and records in a browser."
        raise ConfigError(f"{url} answers {answer.status_code}; expected 200", hint=hint, config_path="url")
    return answer


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
        at = httpx.URL(url).params.get(param, "1")
        if not re.fullmatch("[0-9]+", at):
            raise ConfigError(f"{url}: {param} is {at!r:.50}; expected the number of a page", config_path="page.param")
        number = int(at)
        return _with(url, {param: number + 1}) if found else None
    return None


def _with(url: str, params: Mapping[str, Any]) -> str:
    return str(httpx.URL(url).copy_merge_params({name: str(value) for name, value in params.items()}))
