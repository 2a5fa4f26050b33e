"""TokenSource: access tokens by OAuth's client credentials, asked for anew before they expire.

Source: RFC 6749, 4.4; Kafka's HttpAccessTokenRetriever, which sends the client's id and secret as basic auth.
"""

from __future__ import annotations

import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from connect.api import RetriableError
from connect_schemas.errors import REFUSED, UNREACHABLE
from connect_schemas.registry.answers import Answer, whole

#: Of a token whose issuer does not say how long it lasts.
_LIFE_S: Final = 300.0
_CHARS_SHOWN: Final = 300
_ANSWER_BYTES_MAX: Final = 1 << 20
#: What may stand in a header. A client of HTTP refuses another one, and quotes it in its error.
TOKEN: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Who gives tokens, and to whom.

    Attributes:
        buffer_s: How long before its end a token is replaced; a shorter-lived one is kept to its end.
    """

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    buffer_s: float = 300.0


class TokenSource:
    """Tokens for one registry. For several threads at once; one of them asks, and the others wait for it.

    Args:
        client: Makes the HTTP client that asks, with timeouts; called once.
        within_s: How long the whole of an answer may take.
    """

    def __init__(
        self,
        settings: TokenSettings,
        client: Callable[[], Any],
        *,
        within_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._make_client = client
        self._within_s = within_s
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Any = None
        self._is_closed = False
        self._token = ""
        self._until_s = 0.0

    def token(self) -> str:
        """Return a token that has not expired. May block, no longer than the client's timeouts and `within_s`.

        Raises:
            RetriableError: schemas.registry_unreachable, schemas.registry_refused: the issuer gives none.
        """
        with self._lock:
            if not self._token or self._clock() >= self._until_s:
                self._token, self._until_s = self._asked()
            return self._token

    def forget(self, token: str) -> None:
        """Drop a token that the registry does not take; unless another thread has another one already."""
        with self._lock:
            if self._token == token:
                self._token = ""

    def close(self) -> None:
        """Close the connections; a request that is under way fails. Does not wait for it."""
        self._is_closed = True
        client = self._client
        if client is not None:
            client.close()

    def _http(self) -> Any:
        if self._client is None:
            self._client = self._make_client()
        if self._is_closed:
            self._client.close()
            raise RuntimeError("the client is closed")
        return self._client

    def _asked(self) -> tuple[str, float]:
        import httpx

        settings = self._settings
        form = {"grant_type": "client_credentials"} | ({"scope": settings.scope} if settings.scope else {})
        began_s = self._clock()
        try:
            login = (settings.client_id, settings.client_secret)
            with self._http().stream("POST", settings.url, data=form, auth=login) as coming:
                answer = whole(coming, self._within_s, bytes_max=_ANSWER_BYTES_MAX)
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:  # RuntimeError: closed meanwhile
            raise RetriableError(
                f"no token for the schema registry from {settings.url}: {str(error) or type(error).__name__}",
                code=UNREACHABLE,
                hint="Check bearer.auth.issuer.endpoint.url; the task goes on by itself once it answers.",
            ) from error
        said = _object(answer.content)
        token, life_s = said.get("access_token"), said.get("expires_in", _LIFE_S)
        if not answer.is_success or not isinstance(token, str) or not token:
            words = self._words(said, answer)
            raise RetriableError(
                f"no token for the schema registry from {settings.url}: {answer.status_code} {words}",
                code=UNREACHABLE if answer.status_code == 429 or answer.status_code >= 500 else REFUSED,
                hint="Check bearer.auth.issuer.endpoint.url, bearer.auth.client.id, bearer.auth.client.secret and "
                "bearer.auth.scope.",
            )
        if not TOKEN.fullmatch(token):
            raise RetriableError(
                f"no token for the schema registry from {settings.url}: its access_token has characters that no token "
                "has",
                code=REFUSED,
            )
        try:
            left_s = max(0.0, float(life_s))
        except (TypeError, ValueError):
            left_s = _LIFE_S
        return token, began_s + (left_s - settings.buffer_s if left_s > settings.buffer_s else left_s)

    def _words(self, said: dict[str, Any], answer: Answer) -> str:
        """Return what an issuer says of a refusal; never what it gave, nor what it was given."""
        words = " ".join(str(said[name]) for name in ("error", "error_description") if name in said)
        secret = self._settings.client_secret
        login = f"{self._settings.client_id}:{secret}".encode()
        for hidden in (secret, b64encode(login).decode()):
            words = words.replace(hidden, "[hidden]") if hidden else words
        return (words or ("no access_token" if answer.is_success else answer.reason_phrase))[:_CHARS_SHOWN]


def _object(content: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
