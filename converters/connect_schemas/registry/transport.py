"""Requests to a registry of several addresses: fail over from one to the next, and try again with back-off.

An address that does not answer, or answers 408, 429 or 5xx, is left for the next one. Where all of them did, they are
asked anew after a wait that doubles, as long as `max.retries` lasts. Everything that is asked may be asked twice.

Source: Confluent's RestService (which status is worth another try); RFC 9110, Retry-After.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from connect.api import RetriableError
from connect_schemas.errors import REFUSED, UNREACHABLE
from connect_schemas.registry.answers import Answer, whole
from connect_schemas.registry.settings import ClientSettings
from connect_schemas.registry.tls import client_context
from connect_schemas.registry.tokens import TokenSource

_PASSING: Final = frozenset({408, 429, *range(500, 600)})
_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_ACCEPT: Final = f"{_TYPE}, application/vnd.schemaregistry+json; q=0.9, application/json; q=0.8"
_CHARS_SHOWN: Final = 1000
#: No registry is waited for longer, whatever it asks for.
_RETRY_AFTER_S_MAX: Final = 60.0

#: No registry takes a schema that is near as large.
_ANSWER_BYTES_MAX: Final = 64 << 20

#: Of a query: a list is one name several times.
Params = Mapping[str, str | Sequence[str]]

NO_REGISTRY_HINT: Final = "Check schema.registry.url; Apicurio's has the path /apis/ccompat/v7 behind its port."


class Refusal(Exception):
    """The registry answered, and the answer is no.

    Attributes:
        status: Of HTTP.
        error_code: The registry's own: 40403 and the like; the status, or 0, where it gives none.
        name: What Apicurio calls it: `ArtifactNotFoundException` and the like.
    """

    def __init__(self, status: int, error_code: int, message: str, name: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.name = name

    @property
    def has_number(self) -> bool:
        """Whether it has a number of the registry's own, which a path that there is not has not."""
        return self.error_code // 100 == self.status


class Transport:
    """One registry, whose addresses take each other's place. For several threads at once.

    Args:
        settings: Their files are read with the first request.
    """

    def __init__(self, settings: ClientSettings, *, dice: random.Random | None = None) -> None:
        self._settings = settings
        self._dice = dice or random.Random()
        self._current = self._dice.randrange(len(settings.urls)) if settings.randomized else 0
        self._lock = threading.Lock()
        self._client: Any = None
        self._is_closed = False
        self._tokens = (
            None
            if settings.oauth is None
            else TokenSource(settings.oauth, self._issuer_client, within_s=settings.read_timeout_s)
        )

    @property
    def shown(self) -> str:
        """The addresses, for people."""
        return ", ".join(self._settings.urls)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Params | None = None,
        headers: dict[str, str] | None = None,
        abandoned: threading.Event,
    ) -> Any:
        """Return the answer's JSON. Blocks; between tries no longer than until `abandoned` is set.

        Args:
            body: JSON as an object, or as bytes.
            headers: In the place of those of the client, and beside them.

        Raises:
            Refusal: The registry says no, in its own words.
            RetriableError: schemas.registry_unreachable; schemas.registry_refused, also where what answers is no
                registry.
            ConfigError: Its certificates cannot be used.
        """
        content = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        wait_s, tries = self._settings.wait_s, 0
        while True:
            failures: list[str] = []
            asked_s = 0.0
            first, count = self._current, len(self._settings.urls)
            for at in ((first + step) % count for step in range(count)):
                answer, why = self._try(self._settings.urls[at], method, path, content, params, headers)
                if answer is not None and answer.status_code not in _PASSING:
                    return self._read(answer, method, path, self._settings.urls[at])
                asked_s = max(asked_s, _retry_after(answer))
                failures.append(f"{self._settings.urls[at]}: {why}")
                self._leave(at)
            tries += 1
            if tries > self._settings.retries_max:
                raise RetriableError(
                    f"no schema registry answers: {'; '.join(failures)}"
                    + (f" (after {tries} tries)" if tries > 1 else ""),
                    code=UNREACHABLE,
                    retry_after_ms=round(asked_s * 1000) or None,
                )
            # A random part of it: clients of a registry that comes back do not all ask at once.
            if abandoned.wait(max(asked_s, self._dice.uniform(wait_s / 2, wait_s))):
                raise RetriableError(f"nobody waits for the schema registry any more: {'; '.join(failures)}")
            wait_s = min(2 * wait_s, self._settings.wait_max_s)

    def close(self) -> None:
        """Close the connections; requests that are under way fail."""
        with self._lock:
            client, self._client, self._is_closed = self._client, None, True
        if client is not None:
            client.close()
        if self._tokens is not None:
            self._tokens.close()

    def _leave(self, at: int) -> None:
        with self._lock:
            if self._current == at:
                self._current = (at + 1) % len(self._settings.urls)

    def _try(
        self,
        url: str,
        method: str,
        path: str,
        content: bytes | None,
        params: Params | None,
        headers: dict[str, str] | None,
    ) -> tuple[Any, str]:
        """Ask one address; return its answer, None where there is none, and what is wrong with it."""
        import httpx

        try:
            answer = self._asked(method, url + path, content, params, headers)
        except httpx.TimeoutException as error:
            return None, f"no answer in time ({type(error).__name__})"
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:  # RuntimeError: closed meanwhile
            return None, str(error) or type(error).__name__
        except RetriableError as error:  # of who gives tokens
            if error.code != UNREACHABLE:
                raise
            return None, error.message
        return answer, f"{answer.status_code} {_words(answer)}"

    def _asked(
        self, method: str, url: str, content: bytes | None, params: Params | None, headers: dict[str, str] | None
    ) -> Answer:
        """Return the answer of one address; with a token of OAuth, a second one where the first is not taken."""
        if self._tokens is None:
            return self._sent(method, url, content, params, headers)
        token = self._tokens.token()
        own = {**(headers or {}), "Authorization": f"Bearer {token}"}
        answer = self._sent(method, url, content, params, own)
        if answer.status_code != 401:
            return answer
        self._tokens.forget(token)  # withdrawn before its time
        own["Authorization"] = f"Bearer {self._tokens.token()}"
        return self._sent(method, url, content, params, own)

    def _sent(
        self, method: str, url: str, content: bytes | None, params: Params | None, headers: dict[str, str] | None
    ) -> Answer:
        with self._http().stream(method, url, content=content, params=params, headers=headers) as coming:
            return whole(coming, self._settings.read_timeout_s, bytes_max=_ANSWER_BYTES_MAX)

    def _issuer_client(self) -> Any:
        assert self._settings.oauth is not None, "it is for who gives tokens"
        return self._made([self._settings.oauth.url], headers={"Accept": "application/json"})

    def _made(self, urls: Sequence[str], **options: Any) -> Any:
        """Return a client for addresses, with the timeouts, proxy and certificates of the settings."""
        import httpx

        settings = self._settings
        return httpx.Client(
            timeout=httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
            proxy=settings.proxy,
            verify=client_context(settings.tls) if any(url.startswith("https:") for url in urls) else False,
            trust_env=False,
            **options,
        )

    def _http(self) -> Any:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the client is closed")
            if self._client is None:
                settings = self._settings
                headers = dict(settings.headers)
                headers |= {"Accept": _ACCEPT, "Content-Type": _TYPE}
                if settings.token:
                    headers["Authorization"] = f"Bearer {settings.token}"
                user, _, password = settings.login.partition(":")
                auth = (user, password) if settings.login else None
                self._client = self._made(settings.urls, auth=auth, headers=headers)
            return self._client

    def _read(self, answer: Any, method: str, path: str, url: str) -> Any:
        status = answer.status_code
        if status == 204:
            return None
        try:
            said = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            said = None
        if 200 <= status < 300 and said is not None:
            return said
        if status in (401, 403):
            raise RetriableError(
                f"the schema registry at {url} refuses {method} {path}: {status} {_words(answer)}", code=REFUSED
            )
        if isinstance(said, dict) and isinstance(said.get("error_code"), int):
            name, message = str(said.get("name") or ""), str(said.get("message") or "")
            raise Refusal(status, said["error_code"], message[:_CHARS_SHOWN], name)
        raise RetriableError(
            f"what answers at {url} is no schema registry: {method} {path} gave {status} {_words(answer)}",
            code=REFUSED,
            hint=NO_REGISTRY_HINT,
        )


def _words(answer: Any) -> str:
    """Return an answer's own words, short."""
    try:
        said = orjson.loads(answer.content)
        message = said.get("message") if isinstance(said, dict) else None
    except orjson.JSONDecodeError:
        message = None
    return str(message or answer.reason_phrase)[:_CHARS_SHOWN]


def _retry_after(answer: Any) -> float:
    text = "" if answer is None else answer.headers.get("Retry-After", "")
    return min(float(text), _RETRY_AFTER_S_MAX) if text.isascii() and text.isdigit() else 0.0
